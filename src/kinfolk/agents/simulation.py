"""Agents against agents alone and against a centre that sees all rows."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.agents.local import GARBAGE, Faults, run_local
from kinfolk.agents.node import Agent
from kinfolk.agents.synthetic import Field, SyntheticSource, make_field
from kinfolk.exceptions import InputError
from kinfolk.graph import TaskGraphTracker

_BLOCK = 20  # rounds that the centre learns at once, and between two measurements of it


@dataclass(frozen=True)
class Simulation:
    """Mean squared deviations of a coefficient, in dB.

    Attributes
    ----------
    alone : float
        Of what agents learn by themselves.
    agents : float
        Of what they serve; those that say garbage or die are not counted, here and elsewhere.
    central : float
        Of `TaskGraphTracker` on the same rows.
    coupling : float
        Mean of the agents' coupling strengths at the end.
    bad : Counter
        Messages that were ignored, by reason.
    """

    alone: float
    agents: float
    central: float
    coupling: float
    bad: Counter[str]


def simulate(
    *,
    n_agents: int = 8,
    n_features: int = 10,
    n_rounds: int = 2000,
    step: float = 0.2,
    loss: str = "squared",
    degree: int = 4,
    variance: float = 0.02,
    drop: float = 0.0,
    delay: int = 0,
    noise: float = 0.0,
    n_garbage: int = 0,
    n_dead: int = 0,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Simulation:
    """Let agents live on a synthetic stream, and measure over the second half of the rounds.

    Parameters
    ----------
    n_agents, n_features, degree, variance, seed : as in make_field
    n_rounds : int
    step, loss : as in TaskGraphTracker
    drop, delay, noise : as in Faults
    n_garbage : int, default=0
        Agents that say garbage, of all kinds in turn: the last ones.
    n_dead : int, default=0
        Agents that die after a quarter of the rounds: those before them.
    progress : callable, optional

    Raises
    ------
    InputError
        Numbers are out of range, or no agent is left that is sound.
    """
    for name, value in (("rounds", n_rounds), ("degree", degree)):
        if value < 1:
            raise InputError(f"{name} must be at least 1; got {value}.")
    for name, value in (("garbage", n_garbage), ("dead", n_dead), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name} must not be negative; got {value}.")
    if not (0.0 < step <= 1.0 and 0.0 < variance < np.inf):
        raise InputError(f"step must be above 0 and up to 1, variance above 0; got {step} and {variance}.")
    sound = n_agents - n_garbage - n_dead
    if sound < 1:
        raise InputError(f"{n_garbage} of garbage and {n_dead} dead leave none of {n_agents} agents to measure.")
    field = make_field(n_agents, n_features, seed=seed, degree=degree, variance=variance, loss=loss)
    agents = [Agent.start(k, field.neighbors(k), n_features, loss=loss, step=step) for k in range(n_agents)]
    sources = [SyntheticSource(field, k) for k in range(n_agents)]
    first = n_agents - n_garbage
    faults = Faults(
        drop=drop,
        delay=delay,
        noise=noise,
        garbage=dict(zip(range(first, n_agents), cycle(GARBAGE), strict=False)),
        dead=dict.fromkeys(range(sound, first), n_rounds // 4),
    )
    sums = np.zeros(2)

    def watch(turn: int) -> None:
        if turn >= n_rounds // 2:
            served = np.array([agent.model for agent in agents[:sound]])
            own = np.concatenate([agent.learner.own for agent in agents[:sound]])
            sums[:] += [np.mean((models - field.W[:sound]) ** 2) for models in (own, served)]
        if progress is not None:
            progress(turn + 1, n_rounds, "rounds")

    run_local(agents, sources, n_rounds, faults=faults, seed=seed, watch=watch)
    alone, together = 10.0 * np.log10(sums / (n_rounds - n_rounds // 2))
    bad: Counter[str] = Counter()
    for agent in agents[:sound]:
        for other in agent.candidates.values():
            bad.update(other.bad)
    coupling = float(np.mean([agent.coupling for agent in agents[:sound]]))
    return Simulation(float(alone), float(together), _central(field, n_rounds, step, sound), coupling, bad)


def _central(field: Field, n_rounds: int, step: float, sound: int) -> float:
    """Deviation of the tracker that sees the rows of all agents."""
    K, M = field.W.shape
    sources = [SyntheticSource(field, k) for k in range(K)]
    tracker = TaskGraphTracker(loss=field.loss, step=step, task=M, fit_intercept=False, standardize=False)
    found: list[float] = []
    for begin in range(0, n_rounds, _BLOCK):
        X, y = _rows(sources, range(begin, min(begin + _BLOCK, n_rounds)))
        tracker.partial_fit(X, y)
        if begin >= n_rounds // 2 or begin + _BLOCK >= n_rounds:
            found.append(float(np.mean((tracker.coef_[:sound] - field.W[:sound]) ** 2)))
    return 10.0 * float(np.log10(np.mean(found)))


def _rows(sources: list[SyntheticSource], rounds: range) -> tuple[FloatArray, FloatArray]:
    """Rows of all agents in some rounds, the number of the agent last."""
    rows = [(source.row(turn), float(source.agent)) for turn in rounds for source in sources]
    X = np.array([np.append(u, agent) for (u, _), agent in rows])
    return X, np.array([y for (_, y), _ in rows])
