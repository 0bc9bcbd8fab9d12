"""The lines of an agent: one PUB socket that it speaks by, one SUB socket for each neighbour that it hears."""

import time
from collections import deque
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from kinfolk.agents._zmq import ThreadAuthenticator, zmq
from kinfolk.agents.config import Config, Neighbor, check_private
from kinfolk.agents.keys import is_public_key, read_secret
from kinfolk.agents.message import largest_packet
from kinfolk.exceptions import InputError

_HIGH_WATER = 4  # messages that wait in a line
_KEPT = 8  # newest packets of a neighbour that are looked at in a round
_TAKEN = 64  # packets taken from a line before the next one has its turn
_LOOK = 0.02  # seconds between two looks at the lines
_HEARTBEAT, _GONE, _AGAIN, _AGAIN_MOST = 1000, 3000, 100, 2000  # milliseconds
_PATIENCE = 3.0  # seconds of silence after which a line is made anew
_PATIENT_ROUNDS = 10.0
_LARGEST_COUNT = 65_535


class Wire:
    """Lines of an agent, a context manager.

    With a secret key all lines are encrypted and both ends prove who they are (CURVE): only agents whose public key is
    that of a neighbour can listen, and a neighbour is heard only if it owns its key.

    Parameters
    ----------
    config : Config
    n_features : int
        M.

    Raises
    ------
    InputError
        An address beyond this machine without keys, a key that is none, or an address that cannot be bound to.
    """

    def __init__(self, config: Config, n_features: int) -> None:
        check_private(config)
        self._keys = None if config.secret_key is None else read_secret(config.secret_key)
        others = {neighbor.public_key for neighbor in config.neighbors if neighbor.public_key is not None}
        strange = sorted(key for key in others if not is_public_key(key))
        if strange:
            raise InputError(f"{', '.join(strange)}: not a public key. Copy what `kinfolk agent keys` prints.")
        self._allowed = {key.encode() for key in others}
        self._context: Any = zmq.Context()
        self._door: Any = None
        self._lines: dict[int, Any] = {}
        self._since: dict[int, float] = {}
        self._config = config
        self._largest = largest_packet(n_features, _LARGEST_COUNT)
        self._patience = max(_PATIENCE, _PATIENT_ROUNDS * config.period)
        try:
            self._open(config)
        except BaseException:  # whatever it was, leave no socket open, and let it go on
            self.close()
            raise

    def _open(self, config: Config) -> None:
        if self._keys is not None:
            self._door = ThreadAuthenticator(self._context)
            self._door.start()
            self._door.configure_curve_callback(domain="*", credentials_provider=self)
        self._voice = self._socket(zmq.PUB, config.bind)
        self._voice.setsockopt(zmq.SNDHWM, _HIGH_WATER)
        self._voice.setsockopt(zmq.MAXMSGSIZE, self._largest)
        if self._keys is not None:
            self._voice.curve_publickey, self._voice.curve_secretkey = self._keys
            self._voice.curve_server = True
        try:
            self._voice.bind(config.bind)
        except zmq.ZMQError as error:
            raise InputError(f"Agent {config.id} cannot bind to {config.bind!r}: {error}.") from error
        for neighbor in config.neighbors:
            self._connect(neighbor)

    def _connect(self, neighbor: Neighbor) -> None:
        line = self._lines[neighbor.id] = self._socket(zmq.SUB, neighbor.address)
        self._since[neighbor.id] = time.monotonic()
        line.setsockopt(zmq.RCVHWM, _HIGH_WATER)
        line.setsockopt(zmq.MAXMSGSIZE, self._largest)
        line.setsockopt(zmq.RECONNECT_IVL, _AGAIN)
        line.setsockopt(zmq.RECONNECT_IVL_MAX, _AGAIN_MOST)
        line.setsockopt(zmq.SUBSCRIBE, b"")
        if self._keys is not None and neighbor.public_key is not None:
            line.curve_publickey, line.curve_secretkey = self._keys
            line.curve_serverkey = neighbor.public_key.encode()
        try:
            line.connect(neighbor.address)
        except zmq.ZMQError as error:
            raise InputError(f"{neighbor.address!r} of agent {neighbor.id} cannot be used: {error}.") from error

    def _connect_again(self) -> None:
        """Lines that are silent for long are made anew: ZeroMQ gives one up for good when a stranger has answered."""
        for neighbor in self._config.neighbors:
            if time.monotonic() - self._since[neighbor.id] > self._patience:
                self._lines[neighbor.id].close(linger=0)
                self._connect(neighbor)

    def _socket(self, kind: int, address: str) -> Any:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, _GONE)
        socket.setsockopt(zmq.IPV6, int(":" in (urlsplit(address).hostname or "")))
        return socket

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the owner of a key may listen: what the authenticator asks."""
        return key in self._allowed

    @property
    def address(self) -> str:
        """Where neighbours hear this agent; with the port that was found where the configuration says 0."""
        return str(self._voice.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())

    def say(self, packets: list[bytes]) -> None:
        """Say something to all who listen; what a slow listener does not take is lost."""
        for packet in packets:
            self._voice.send(packet)

    def hear(self, until: float, stop: list[int]) -> list[tuple[int, bytes]]:
        """Listen until a time of the monotonic clock, or until something is in ``stop``.

        Returns
        -------
        list of (int, bytes)
            The newest packets of each neighbour, in their order.
        """
        kept: dict[int, deque[bytes]] = {agent: deque(maxlen=_KEPT) for agent in self._lines}
        while True:
            for agent, line in self._lines.items():
                for _ in range(_TAKEN):
                    try:
                        kept[agent].append(line.recv(zmq.NOBLOCK))
                    except zmq.Again:
                        break
                    self._since[agent] = time.monotonic()
            self._connect_again()
            rest = until - time.monotonic()
            if rest <= 0.0 or stop:
                return [(agent, packet) for agent, packets in kept.items() for packet in packets]
            time.sleep(min(rest, _LOOK))

    def close(self) -> None:
        """Close all lines."""
        if self._door is not None:
            self._door.stop()
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
