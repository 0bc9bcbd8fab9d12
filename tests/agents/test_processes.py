"""The real thing: agents in processes of their own on loopback, one of them killed and started again."""

import json
import multiprocessing
import os
import random
import signal
import sys
import time

import numpy as np
import pytest
import zmq
from streams import STEP, K, db, deviations, free_ports, start

from kinfolk.agents import make_field
from kinfolk.agents.checkpoint import read_checkpoint
from kinfolk.cli import main

PATIENCE = 150.0  # seconds for all together, ten times what it takes: machines that run tests are shared
M = 12  # coordinates enough that the graph is much the same whenever it is estimated
SETTLED = 200  # rounds after which the graph is learned
VICTIM = 3
GARBAGE = K  # an address that all agents listen to and that says random bytes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def live(config, stderr):
    """What a process does: the command line, as a user runs it."""
    descriptor = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    sys.exit(main(["agent", "run", "--config", config, "--verbose"]))


@pytest.fixture(scope="module")
def server():
    """Processes are forked from one that has imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kinfolk.cli.agent", "kinfolk.agents.process"])
    return context


class Crowd:
    """Agents of a field as processes, and a sender of random bytes at the address of one more."""

    def __init__(self, folder, field, context):
        self.folder, self.field, self.context = folder, field, context
        self.n = len(field.W)
        ports = free_ports(self.n + 1)
        self.addresses = [f"tcp://127.0.0.1:{port}" for port in ports]
        self.processes = {}
        self.zmq = zmq.Context()
        self.garbage = self.zmq.socket(zmq.PUB)
        self.garbage.bind(self.addresses[-1])
        self.random = random.Random(0)
        self.end = time.monotonic() + PATIENCE
        for k in range(self.n):
            text = (
                f'[agent]\nid = {k}\nbind = "{self.addresses[k]}"\nperiod = 0.01\nstep = {STEP}\nevery = 0.3\n'
                f'checkpoint = "{k}.npz"\nmetrics = "{k}.jsonl"\n'
                f"[data.synthetic]\nagents = {self.n}\nfeatures = {field.W.shape[1]}\nseed = {field.seed}\n"
                "variance = 0.04\n"
            )
            for other in [*field.neighbors(k), self.n]:
                text += f'[[neighbor]]\nid = {other}\naddress = "{self.addresses[other]}"\n'
            (folder / f"{k}.toml").write_text(text)

    def start(self, *agents):
        for k in agents:
            arguments = (str(self.folder / f"{k}.toml"), str(self.folder / f"{k}.err"))
            self.processes[k] = self.context.Process(target=live, args=arguments, daemon=True)
            self.processes[k].start()

    def lines(self, k):
        file = self.folder / f"{k}.jsonl"
        text = file.read_text() if file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def round(self, k):
        lines = self.lines(k)
        return lines[-1]["round"] if lines else 0

    def wait(self, reached):
        """Say garbage until something is reached."""
        while not reached():
            assert time.monotonic() < self.end, {k: self.lines(k)[-1:] for k in range(self.n)}
            for k, process in self.processes.items():
                assert process.is_alive(), (k, process.exitcode, (self.folder / f"{k}.err").read_text())
            for _ in range(10):
                self.garbage.send(self.random.randbytes(self.random.randrange(200)))
                time.sleep(0.01)

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.join()
            process.close()
        self.zmq.destroy(linger=0)


@pytest.fixture
def crowd(tmp_path, server):
    crowds = []

    def make(field):
        crowds.append(Crowd(tmp_path, field, server))
        return crowds[-1]

    yield make
    for one in crowds:
        one.close()


@pytest.mark.slow
def test_eight_agents_one_of_them_killed_and_started_again(crowd):
    field = make_field(K, M, seed=3, variance=0.04)
    others = [k for k in range(K) if k != VICTIM]
    near = [k for k in others if VICTIM in field.neighbors(k)]
    all_of = crowd(field)
    all_of.start(*range(K))
    all_of.wait(lambda: min(map(all_of.round, range(K))) >= SETTLED + 100)

    victim = all_of.processes.pop(VICTIM)
    victim.kill()
    victim.join()
    victim.close()
    description, arrays = read_checkpoint(all_of.folder / f"{VICTIM}.npz")
    lines = len(all_of.lines(VICTIM))
    killed = {k: all_of.round(k) for k in others}
    all_of.wait(lambda: all(VICTIM not in all_of.lines(k)[-1]["heard"] for k in others))
    all_of.wait(lambda: all(all_of.round(k) >= killed[k] + 100 for k in others))

    all_of.start(VICTIM)
    back = {k: all_of.round(k) for k in others}
    all_of.wait(lambda: all(VICTIM in all_of.lines(k)[-1]["heard"] for k in near))
    all_of.wait(lambda: all(all_of.round(k) >= back[k] + 100 for k in others))
    all_of.wait(lambda: len(all_of.lines(VICTIM)) >= lines + 3)
    assert str(GARBAGE) in all_of.lines(0)[-1]["bad"]

    for k, process in all_of.processes.items():
        os.kill(process.pid, signal.SIGINT if k == 0 else signal.SIGTERM)
    for k, process in all_of.processes.items():
        process.join(20.0)
        assert process.exitcode == (130 if k == 0 else 0)
        last, _ = read_checkpoint(all_of.folder / f"{k}.npz")
        assert last["round"] == all_of.round(k)

    # the one that came back went on: its rounds, rows and model are those of its checkpoint
    first = all_of.lines(VICTIM)[lines]
    assert first["from_round"] == description["round"] >= SETTLED
    assert first["rows"] > int(arrays["total"][0]) >= SETTLED
    start_level = float((field.W[VICTIM] ** 2).mean())
    assert first["deviation"] < 0.3 * start_level

    # all the while the others were as good as agents to whom nothing happens
    last = max(all_of.round(k) for k in range(K)) + 1
    found = deviations(field, start(field), last)
    for begin, end in ((SETTLED, killed), (killed, back), (back, dict.fromkeys(others, last))):
        real, expected, rounds = [], [], 0
        for k in others:
            least = begin if isinstance(begin, int) else begin[k]
            for line in all_of.lines(k):
                if line["from_round"] >= least and line["round"] <= end[k]:
                    real.append(line["deviation"] * (line["round"] - line["from_round"]))
                    expected.append(found[line["from_round"] : line["round"], k].sum(axis=0))
                    rounds += line["round"] - line["from_round"]
        assert len(real) >= len(others)
        served, (alone, undisturbed) = db(np.sum(real) / rounds), db(np.sum(expected, axis=0) / rounds)
        print(f"{rounds} rounds: {served:.2f} dB, undisturbed {undisturbed:.2f} dB, alone {alone:.2f} dB")
        assert served < undisturbed + 0.5
        assert served < alone - 1.5
