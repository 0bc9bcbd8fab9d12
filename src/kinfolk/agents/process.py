"""One agent as a process of its own, from its configuration to its last checkpoint."""

import json
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from kinfolk.agents.checkpoint import restore, save_checkpoint
from kinfolk.agents.config import Config
from kinfolk.agents.local import own_rows
from kinfolk.agents.node import Agent, Heard, converse
from kinfolk.agents.source import TableSource, read_source, start_agent
from kinfolk.agents.synthetic import SyntheticSource
from kinfolk.agents.wire import Wire
from kinfolk.exceptions import InputError

_LOG = logging.getLogger("kinfolk.agents")
INTERRUPTED = 130


def run_agent(config: Config, n_rounds: int | None = None) -> int:
    """Let an agent live until its table ends, its rounds are over, or SIGTERM or SIGINT comes.

    It goes on from its checkpoint where there is one, and writes a last one whatever ends it.

    Parameters
    ----------
    config : Config
    n_rounds : int, optional
        Rounds from now on.

    Returns
    -------
    int
        Exit code: 0, or 130 when interrupted (SIGINT).

    Raises
    ------
    InputError
        Data, keys, address or checkpoint cannot be used.
    """
    source = read_source(config.data, agent=config.id, loss=config.loss)
    agent = start_agent(config, source)
    if config.checkpoint is not None and config.checkpoint.exists():
        restore(agent, config.checkpoint)
        _LOG.info("Agent %d goes on from round %d.", agent.id, agent.round)
    diary = _Diary(config, agent)
    with _signals() as stop, Wire(config, agent.served.shape[1] - agent.first) as wire:
        _LOG.info("Agent %d speaks at %s.", agent.id, wire.address)
        try:
            _live(agent, source, wire, config, n_rounds, stop, diary)
        finally:
            diary.write()
    return INTERRUPTED if signal.SIGINT in stop else 0


def _live(
    agent: Agent,
    source: TableSource | SyntheticSource,
    wire: Wire,
    config: Config,
    n_rounds: int | None,
    stop: list[int],
    diary: "_Diary",
) -> None:
    life = converse(agent)
    next(life)
    next_round = next_row = time.monotonic()
    last = None if n_rounds is None else agent.round + n_rounds
    truth = source.truth if isinstance(source, SyntheticSource) else None
    while last is None or agent.round < last:
        packets = wire.hear(next_round, stop)
        if stop:
            return
        now = time.monotonic()
        row = None
        if config.data.period is None or now >= next_row:
            row = source.row(int(agent.learner.total[0]))
            if row is None:
                _LOG.info("Agent %d: its table has ended.", agent.id)
                return
            next_row = max(next_row + (config.data.period or 0.0), now)
        U, y = own_rows(agent, row)
        wire.say(life.send(Heard(time.time(), packets, U, y)))
        diary.note(truth)
        next_round = max(next_round + config.period, now)


@dataclass
class _Diary:
    """Checkpoints and lines of metrics, every so many seconds."""

    config: Config
    agent: Agent
    written: float = field(default_factory=time.monotonic)
    begin: int = -1
    deviation: float = 0.0

    def note(self, truth: Any) -> None:
        """A round is over."""
        if self.begin < 0:
            self.begin = self.agent.round - 1
        if truth is not None:
            self.deviation += float(np.mean((self.agent.model - truth) ** 2))
        if time.monotonic() - self.written >= self.config.every:
            self.write()

    def write(self) -> None:
        """Write both, and begin anew."""
        agent, self.written = self.agent, time.monotonic()
        if self.config.checkpoint is not None:
            save_checkpoint(agent, self.config.checkpoint)
        rounds = agent.round - self.begin if self.begin >= 0 else 0
        if self.config.metrics is not None and rounds:
            line = {
                "time": time.time(),
                "from_round": self.begin,
                "round": agent.round,
                "rows": int(agent.learner.total[0]),
                "heard": [other.agent for other in agent.neighbors],
                "weights": {str(other): weight for other, weight in agent.weights.items()},
                "bad": {str(other.agent): dict(other.bad) for other in agent.candidates.values() if other.bad},
                "noise": float(agent.learner.noise[0]),
                "coupling": agent.coupling,
                "deviation": self.deviation / rounds if self.config.data.synthetic is not None else None,
            }
            _append(self.config.metrics, json.dumps(line, allow_nan=False))
        self.begin, self.deviation = agent.round, 0.0


def _append(path: Path, line: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError as error:
        raise InputError(f"Cannot write metrics to {str(path)!r}: {error.strerror}.") from error


@contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGINT are appended to, while it lasts."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
