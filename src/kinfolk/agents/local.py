"""All agents in one process, in lock-step: what is said in one round is heard in the next, unless it fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.agents.message import Means, Model, decode
from kinfolk.agents.node import Agent, Heard, converse
from kinfolk.exceptions import InputError

GARBAGE = ("absurd", "nan", "bytes", "size", "liar")


class Rows(Protocol):
    """Where the rows of an agent come from."""

    def row(self, position: int) -> tuple[FloatArray, float] | None:
        """Row number ``position``; None after the last one."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong between agents.

    Attributes
    ----------
    drop : float in [0, 1)
        Probability that a message is lost.
    delay : int
        Rounds by which every message is late.
    noise : float
        Standard deviation of what is added to each number of a model on its way.
    garbage : dict of int to str
        Agents that say, instead of what they should: ``"absurd"`` finite numbers up to 1e30, ``"nan"``, random
        ``"bytes"``, messages of a wrong ``"size"``, or as a ``"liar"`` random models of a size that is not absurd.
    dead : dict of int to int
        Agents that say and learn nothing from a round on.
    """

    drop: float = 0.0
    delay: int = 0
    noise: float = 0.0
    garbage: Mapping[int, str] = field(default_factory=dict)
    dead: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 <= self.drop < 1.0:
            raise InputError(f"drop is a probability below 1; got {self.drop}.")
        if self.delay < 0 or not 0.0 <= self.noise < np.inf:
            raise InputError(f"delay and noise must not be negative; got {self.delay} and {self.noise}.")
        strange = sorted(set(self.garbage.values()) - set(GARBAGE))
        if strange:
            raise InputError(f"garbage is one of {', '.join(GARBAGE)}; got {', '.join(strange)}.")


def run_local(
    agents: Sequence[Agent],
    sources: Sequence[Rows],
    n_rounds: int,
    *,
    period: float = 0.01,
    faults: Faults | None = None,
    seed: int = 0,
    watch: Callable[[int], None] | None = None,
) -> None:
    """Let agents live for some rounds; the same seed gives the same bits.

    Parameters
    ----------
    agents : sequence of Agent
        Changed in place.
    sources : sequence
        Rows of each, one a round, from the one after those that it has learned; None: no row.
    n_rounds : int
    period : float, default=0.01
        Seconds of their clock in a round.
    faults : Faults, optional
    seed : int, default=0
        Of the faults.
    watch : callable, optional
        Called with the number of the round after each.
    """
    faults = faults or Faults()
    wrong = sorted((set(faults.garbage) | set(faults.dead)) - {agent.id for agent in agents})
    if wrong:
        raise InputError(f"Faults name agents that are not there: {wrong}.")
    generator = np.random.default_rng([seed, 1])
    lives = [converse(agent) for agent in agents]
    for life in lives:
        next(life)
    underway: dict[int, list[tuple[int, int, bytes]]] = {}
    readers = {agent.id: [other.id for other in agents if agent.id in other.candidates] for agent in agents}
    for turn in range(n_rounds):
        inbox: dict[int, list[tuple[int, bytes]]] = {agent.id: [] for agent in agents}
        for reader, line, packet in underway.pop(turn, []):
            inbox[reader].append((line, packet))
        for agent, source, life in zip(agents, sources, lives, strict=True):
            if turn >= faults.dead.get(agent.id, n_rounds):
                continue
            U, y = own_rows(agent, source.row(int(agent.learner.total[0])))
            said = life.send(Heard(turn * period, inbox[agent.id], U, y))
            if agent.id in faults.garbage:
                said = [garbage(faults.garbage[agent.id], agent, turn * period, generator)]
            for reader in readers[agent.id]:
                for packet in said:
                    if generator.random() < faults.drop:
                        continue
                    late = turn + 1 + faults.delay
                    underway.setdefault(late, []).append((reader, agent.id, _noisy(packet, agent, faults, generator)))
        if watch is not None:
            watch(turn)


def own_rows(agent: Agent, row: tuple[FloatArray, float] | None) -> tuple[FloatArray, FloatArray]:
    """A row, or none, as an agent learns it: ``(n, M)`` with its intercept, and ``(n,)``."""
    if row is None:
        return np.zeros((0, agent.served.shape[1])), np.zeros(0)
    return np.concatenate((np.ones(agent.first), row[0]))[None], np.array([row[1]])


def garbage(kind: str, agent: Agent, now: float, generator: np.random.Generator) -> bytes:
    """Bytes that no agent should say; see `Faults`."""
    M = agent.served.shape[1] - agent.first
    if kind == "bytes":
        return generator.bytes(int(generator.integers(0, 200)))
    if kind == "nan":
        return Model(agent.id, agent.round, now, np.full(M, np.nan)).encode()
    values = generator.normal(size=M)
    if kind == "liar":
        values = 30.0 * values
        if generator.random() < 0.5:
            others = dict.fromkeys(agent.candidates, 1e6)
            return Means(agent.id, agent.round, now, values, 1e-6, others).encode()
        return Model(agent.id, agent.round, now, values).encode()
    whole = Model(agent.id, agent.round, now, values * 10.0 ** generator.uniform(6.0, 30.0)).encode()
    if kind == "size":
        return whole[:-3] if generator.random() < 0.5 else whole + b"more"
    return whole


def _noisy(packet: bytes, agent: Agent, faults: Faults, generator: np.random.Generator) -> bytes:
    if faults.noise == 0.0 or agent.id in faults.garbage:
        return packet
    message = decode(packet, agent.served.shape[1] - agent.first)
    added = faults.noise * generator.normal(size=len(message.values))
    return replace(message, values=message.values + added).encode()
