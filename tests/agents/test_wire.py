"""Lines between agents: the newest is heard, strangers neither hear nor are heard, and nothing is open to the world."""

import dataclasses
import random
import socket
import stat
import subprocess
import sys
import time

import pytest
import zmq
from streams import free_ports

from kinfolk import InputError
from kinfolk.agents.config import Config, Data, Neighbor
from kinfolk.agents.keys import read_secret, write_keys
from kinfolk.agents.wire import Wire

PATIENCE = 20.0  # seconds


def config(id, bind, neighbors, secret_key=None):
    data = Data(None, None, (), None, None, False, False, None, {"n_agents": 2, "n_features": 2})
    return Config(id, bind, 0.01, 0.2, "squared", None, 1.0, None, secret_key, data, tuple(neighbors))


def pair(keys=({}, {})):
    """Configurations of two agents that hear each other."""
    ports = free_ports(2)
    addresses = [f"tcp://127.0.0.1:{port}" for port in ports]
    return [
        config(k, addresses[k], [Neighbor(1 - k, addresses[1 - k], keys[k].get("public"), None)], keys[k].get("secret"))
        for k in (0, 1)
    ]


def listen(speaker, listener, seconds=PATIENCE):
    """What a listener hears first."""
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        speaker.say([b"%d" % turn])
        turn += 1
        heard = listener.hear(time.monotonic() + 0.01, [])
        if heard:
            return heard
    return []


def test_the_newest_packets_of_a_neighbour_are_heard():
    first, second = pair()
    with Wire(first, 2) as one, Wire(second, 2) as other:
        (heard, *_) = listen(one, other)
        assert heard[0] == 0
        other.hear(time.monotonic() + 0.3, [])
        for turn in range(100):
            one.say([b"turn %d" % turn])
        found = []
        end = time.monotonic() + PATIENCE
        while not found and time.monotonic() < end:
            found = other.hear(time.monotonic() + 0.05, [])
        numbers = [int(packet.split()[1]) for _, packet in found]
        assert len(numbers) <= 8
        assert numbers == sorted(numbers)


def test_an_ephemeral_port_is_told():
    with Wire(config(0, "tcp://127.0.0.1:0", []), 2) as wire:
        assert wire.address.startswith("tcp://127.0.0.1:")
        assert not wire.address.endswith(":0")
        with pytest.raises(InputError, match="cannot bind to"):
            Wire(config(1, wire.address, []), 2)


@pytest.mark.parametrize("bind", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://192.0.2.1:5551"])
def test_no_socket_is_open_to_the_world_without_keys(bind):
    with pytest.raises(InputError, match="not on this machine: that needs keys"):
        Wire(config(0, bind, []), 2)


@pytest.fixture
def keys(tmp_path):
    found = {}
    for name in ("one", "other", "stranger"):
        _, secret, public = write_keys(tmp_path, name)
        found[name] = {"secret": secret, "public": public}
    return found


def test_with_keys_neighbours_hear_each_other_and_no_stranger_does(keys):
    mine, yours = keys["one"], keys["other"]
    first, second = pair(({**mine, "public": yours["public"]}, {**yours, "public": mine["public"]}))
    with Wire(first, 2) as one, Wire(second, 2) as other:
        assert listen(one, other)
        assert listen(other, one)
        stranger = config(
            2, "tcp://127.0.0.1:0", [dataclasses.replace(second.neighbors[0])], keys["stranger"]["secret"]
        )
        bare = config(3, "tcp://127.0.0.1:0", [Neighbor(0, first.bind, None, None)])
        with Wire(stranger, 2) as third, Wire(bare, 2) as fourth:
            assert listen(one, third, 1.0) == []
            assert listen(one, fourth, 1.0) == []
        assert listen(one, other)


def test_a_stranger_at_a_neighbours_address_is_not_heard(keys):
    mine, yours = keys["one"], keys["other"]
    first, second = pair(({**mine, "public": yours["public"]}, {**yours, "public": mine["public"]}))
    impostor = dataclasses.replace(second, secret_key=keys["stranger"]["secret"])
    bare = dataclasses.replace(second, secret_key=None, neighbors=())
    with Wire(first, 2) as one:
        for false in (impostor, bare):
            with Wire(false, 2) as other:
                assert listen(other, one, 1.0) == []
        with Wire(second, 2) as true:
            assert listen(true, one)


def test_a_line_survives_whatever_answered_in_between():
    first, second = pair()
    with socket.create_server(("127.0.0.1", int(second.bind.split(":")[-1]))) as noise, Wire(first, 2) as one:
        noise.settimeout(PATIENCE)
        caller, _ = noise.accept()
        with caller:
            caller.sendall(random.Random(0).randbytes(1000))
            one.hear(time.monotonic() + 0.3, [])  # some of it may pass for a packet: the agent refuses that
        noise.close()
        with Wire(second, 2) as true:
            heard = listen(true, one)
            assert heard[0][0] == 1
            assert heard[0][1].isdigit()


def test_messages_larger_than_any_are_not_taken():
    first, second = pair()
    context = zmq.Context()
    speaker = context.socket(zmq.PUB)
    try:
        speaker.bind(first.bind)
        with Wire(second, 2) as other:
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                speaker.send(bytes(10**6))
                assert other.hear(time.monotonic() + 0.02, []) == []
    finally:
        context.destroy(linger=0)


def test_keys_are_for_the_owner_and_are_never_overwritten(tmp_path):
    public, secret, key = write_keys(tmp_path / "new", "one")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert read_secret(secret)[0].decode() == key
    assert "secret-key" not in public.read_text()
    before = secret.read_text()
    with pytest.raises(InputError, match="never overwritten"):
        write_keys(tmp_path / "new", "one")
    public.unlink()
    with pytest.raises(InputError, match="never overwritten"):
        write_keys(tmp_path / "new", "one")
    assert secret.read_text() == before


def test_bad_keys(tmp_path):
    public, secret, _ = write_keys(tmp_path)
    public.chmod(0o600)
    with pytest.raises(InputError, match="holds no secret key"):
        read_secret(public)
    secret.chmod(0o644)
    with pytest.raises(InputError, match="can be read by others"):
        read_secret(secret)
    with pytest.raises(InputError, match="Cannot read the secret key"):
        read_secret(tmp_path / "none.key_secret")
    secret.chmod(0o600)
    secret.write_text("nonsense")
    with pytest.raises(InputError, match="Cannot read the secret key"):
        read_secret(secret)
    _, good, _ = write_keys(tmp_path, "good")
    odd = config(0, "tcp://127.0.0.1:0", [Neighbor(1, "tcp://127.0.0.1:9", "," * 40, None)], good)
    with pytest.raises(InputError, match="not a public key"):
        Wire(odd, 2)


def test_without_zeromq_one_sentence_says_what_to_install():
    code = """
import sys
sys.modules["zmq"] = None
import kinfolk.agents
from kinfolk import MissingExtraError
try:
    import kinfolk.agents.wire
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "kinfolk[agents]"' in done.stdout
