"""Tasks that learn row by row on a task graph: a part of `kinfolk.reproduce.task_graph`.

All methods of a run see the same rows (`kinfolk.reproduce.stream_tasks`), step size mu, from zero. They are

- ``plain``: alone, by plain stochastic gradients of constant step;
- ``alone``: as kinfolk does it, with normalised steps, the first rows as in an average, and residuals clipped;
- ``consensus``: adapt, then average with the neighbours in the true graph by Metropolis weights;
- ``diffusion_oracle``: adapt, then combine with the true Laplacian, at the strength of smallest deviation;
- ``diffusion``: the same with the graph learned on the way (`Network` of mode "diffusion");
- ``filter_oracle``: the filter ``(I + diag(s) L)^-1`` of what is learned alone, L true, s as estimated;
- ``track``: kinfolk's tracker, the filter by one step of Jacobi a round, the graph learned (`Network` of mode "track").

Deviations are mean squared errors of a coordinate, in decibels. What is measured:

- ``steady``: the deviation once it has settled, and on the way there;
- ``adaptation``: rounds to -20 dB after all coefficients move by the same vector, at matched steady deviations, the
  graph kept as it was, or (``track, anew``) estimated when kinfolk estimates it;
- ``reestimation``: diffusion whose graph is estimated again and again from its own, cooperative, models: the error of L
  by the marginal estimator with the true neighbours and by EM, beside EM from running means of what is learned alone.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array

from kinfolk._typing import FloatArray, IntArray
from kinfolk.graph.laplacian import estimate_laplacian
from kinfolk.graph.likelihood import degree_laplacian
from kinfolk.graph.streaming.learner import Learner, residual
from kinfolk.graph.streaming.relearn import relearned
from kinfolk.graph.streaming.served import combine, diffusion_strength, filtered, metropolis
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row
from kinfolk.reproduce.stream_tasks import ALL, Stream, decibel, draw

METHODS = ("plain", "alone", "consensus", "diffusion_oracle", "diffusion", "filter_oracle", "track")
LEARNERS = {
    "alone": ("independent", 0.0115),
    "diffusion": ("diffusion", 0.02),
    "track": ("track", 0.03),
    "track, anew": ("track", 0.03),
}
WAYS = ("marginal", "em", "own")
_SETTLING, _TAIL, _EVERY = 8.0, 6.0, 0.1  # time constants before and during the average, and between two looks
_TIME = {"squared": 1.0, "logistic": 4.0}  # constants over mu, or a little less
_BEFORE, _AFTER, _SHIFT = 800, 400, 0.2  # rounds before and after the change, and its variance
LEVEL = -20.0
_FIRST = 600  # rounds alone, before the graph is first estimated
_END = 200  # rounds that the deviation at the end is a mean of
_GONE, _MOST = 1e9, 1e12  # error beyond which a graph is not taken any more (no step could be solved), and told as such


def _cell(kind: str, K: int, M: int, mu: float, loss: str = "squared") -> Cell:
    return {"kind": kind, "K": K, "M": M, "mu": mu, "scale": mu, "loss": loss}


MAIN = _cell("rgg", 20, 50, 0.01)
_FEW = [
    _cell("rgg", 20, 10, 0.02),
    MAIN,
    _cell("sbm", 20, 50, 0.01),
    _cell("rgg", 20, 10, 0.1, "logistic"),
]
_MORE = [
    _cell("er", 20, 50, 0.01),
    _cell("rgg", 50, 50, 0.01),
    _cell("sbm", 50, 50, 0.01),
    _cell("rgg", 100, 10, 0.02),
    _cell("rgg", 100, 100, 0.005),
    _cell("rgg", 50, 20, 0.05, "logistic"),
]
_CHANGE: Cell = {"kind": "rgg", "K": 50, "M": 20, "scale": 0.02}
_PERIODS = {400: 5, 100: 20, 10: 100}  # rounds between estimates: how many there are
_QUICK_PERIODS = {400: 4, 100: 15, 10: 80}


def _again(kind: str, periods: dict[int, int]) -> list[Cell]:
    return [_cell(kind, 20, 50, 0.01) | {"period": period, "updates": n} for period, n in periods.items()]


FULL: Plan = {
    "steady": (_FEW + _MORE, 4),
    "adaptation": ([_CHANGE], 8),
    "reestimation": (_again("rgg", _PERIODS) + _again("er", _PERIODS), 3),
}
QUICK: Plan = {
    "steady": (_FEW, 1),
    "adaptation": ([_CHANGE], 1),
    "reestimation": (_again("rgg", _QUICK_PERIODS), 1),
}


def steady(cell: Cell, generator: np.random.Generator) -> Row:
    """Deviation of every method once settled, in dB, and on the way there (``curves``: one every so many rounds)."""
    stream, mu = draw(cell, generator), cell["mu"]
    track, diffusion = (stream.network(mode, mu) for mode in ("track", "diffusion"))
    (plain, consensus, oracle), eta = np.zeros((3, *stream.W.shape)), 0.0
    averaging, L, own = metropolis(stream.adjacency), stream.laplacian, track.learner
    time = _TIME[stream.loss] / mu
    every, n_estimates = round(_EVERY * time), 0
    curves: dict[str, list[float]] = {name: [] for name in METHODS}
    for turn in range(round((_SETTLING + _TAIL) * time)):
        U, y = stream.round((track, diffusion))
        plain -= mu * residual(stream.loss, (U * plain).sum(axis=1), y)[:, None] * U
        consensus = averaging @ own.moved(consensus, ALL, U, y)
        oracle = combine(own.moved(oracle, ALL, U, y), own.pace, eta, L)
        if track.n_estimates > n_estimates:
            n_estimates, eta = track.n_estimates, strength(own, L)
        if turn % every == every - 1:
            smooth = filtered(own.own, own.noise, L)
            all_models = (plain, own.own, consensus, oracle, diffusion.models, smooth, track.models)
            for name, models in zip(METHODS, all_models, strict=True):
                curves[name].append(stream.deviation(models))
    tail = round(_TAIL * time / every)
    return {
        **{name: decibel(curve[-tail:]) for name, curve in curves.items()},
        "coupling": track.coupling_strength,
        "every": every,
        "curves": {name: [decibel(each) for each in curve] for name, curve in curves.items()},
    }


def strength(learner: Learner, L: csr_array) -> float:
    """The strength of diffusion on a known graph that kinfolk would take: its noise and curvature are estimated."""
    spread = float(learner.spread.mean()) if learner.loss == "logistic" else 1.0
    curvature = spread * float(learner.power.mean()) / learner.own.shape[1]
    return diffusion_strength(L, float(learner.noise.mean()), curvature)


def adaptation(cell: Cell, generator: np.random.Generator) -> Row:
    """Rounds that each learner takes to -20 dB after the change (None: more than 400), and its steady deviation."""
    stream = draw(cell, generator)
    networks = {name: stream.network(mode, mu) for name, (mode, mu) in LEARNERS.items()}
    before: dict[str, list[float]] = {name: [] for name in networks}
    after: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(_BEFORE + _AFTER):
        if turn == _BEFORE:
            stream.W = stream.W + np.sqrt(_SHIFT) * generator.normal(size=cell["M"])
            for name, network in networks.items():
                network.since = network.since if name == "track, anew" else -_AFTER * cell["K"]  # none falls due
        stream.round(networks.values())
        for name, network in networks.items():
            if turn >= _BEFORE - 300:
                (before if turn < _BEFORE else after)[name].append(stream.deviation(network.models))
    return {
        "steady": {name: decibel(each) for name, each in before.items()},
        "rounds": {name: _reached(each) for name, each in after.items()},
        "every": 5,
        "curves": {name: [decibel(one) for one in each[::5]] for name, each in after.items()},
    }


def _reached(deviations: list[float]) -> int | None:
    """The first round at the level."""
    there = np.flatnonzero(np.array(deviations) <= 10.0 ** (LEVEL / 10.0))
    return int(there[0]) + 1 if len(there) else None


@dataclass(eq=False)
class Cooperative:
    """Diffusion of fixed strength whose graph is estimated again and again.

    Attributes
    ----------
    way : {"marginal", "em", "own", "oracle"}
        From its own models by the marginal estimator (true neighbours) or EM (told the noise of lone tasks); from
        running means of lone tasks by EM; never, the graph being the true one.
    models : (K, M) array
    laplacian : (K, K) sparse array
    errors : list of float
        ``||L' - L||_F / ||L||_F`` at each estimate.
    deviations : list of float
    """

    way: str
    models: FloatArray
    laplacian: csr_array
    errors: list[float] = field(default_factory=list)
    deviations: list[float] = field(default_factory=list)

    def estimate(self, learner: Learner, stream: Stream) -> None:
        """Anew."""
        if self.way == "oracle":
            return
        if self.errors and self.errors[-1] > _GONE:
            self.errors.append(self.errors[-1])
            return
        if self.way == "marginal":
            found = estimate_laplacian(self.models, "marginal", mask=stream.L < 0.0, shrinkage=0.0).laplacian
        else:
            own = self.way == "own"
            models, noise = (learner.mean, learner.mean_noise) if own else (self.models, learner.noise)
            everybody: IntArray = np.arange(len(models))
            found = degree_laplacian(relearned(models, noise, everybody, self.laplacian, 12))
        error = float(np.linalg.norm(found.toarray() - stream.L) / np.linalg.norm(stream.L))
        self.errors.append(min(error, _MOST))
        if error <= _GONE:
            self.laplacian = found


def reestimation(cell: Cell, generator: np.random.Generator) -> Row:
    """Relative errors of L at each estimate, and the deviation at the end in dB, of lone and of cooperating tasks.

    The strength of diffusion is that for the true graph; its step is implicit where the explicit one is not stable.
    """
    stream = draw(cell, generator)
    lone = stream.network("independent", cell["mu"])
    for _ in range(_FIRST):
        stream.round((lone,))
    own, eta = lone.learner, strength(lone.learner, stream.laplacian)
    ways = [Cooperative(way, own.own.copy(), stream.laplacian) for way in (*WAYS, "oracle")]
    alone = []
    for turn in range(cell["period"] * cell["updates"]):
        if turn % cell["period"] == 0:
            for way in ways:
                way.estimate(own, stream)
        U, y = stream.round((lone,))
        for way in ways:
            way.models = combine(own.moved(way.models, ALL, U, y), own.pace, eta, way.laplacian)
            way.deviations.append(stream.deviation(way.models))
        alone.append(stream.deviation(own.own))
    return {
        **{way.way: decibel(way.deviations[-_END:]) for way in ways},
        "alone": decibel(alone[-_END:]),
        "errors": {way.way: way.errors for way in ways if way.errors},
    }


MEASUREMENTS: Measurements = {"steady": steady, "adaptation": adaptation, "reestimation": reestimation}
