"""The task graph of logistic tasks: EM at the Gaussian model of their mode."""

from dataclasses import dataclass, replace

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.candidates import Points, nearest_pairs
from kinfolk.graph.coupled import Coupling, Expectation, covariances
from kinfolk.graph.em import Study, first_weights, learn
from kinfolk.graph.likelihood import Weights
from kinfolk.graph.logistic import Mode, Working, find_mode, mean_regularised_logistic
from kinfolk.graph.mean_regularised import MeanRegularised
from kinfolk.tasks import TaskData

_INNER = 5  # turns of EM at one mode
_DRAWS = 64  # for the covariances of many tasks


@dataclass(frozen=True)
class LogisticFit:
    """Where EM ended.

    Attributes
    ----------
    study : Study
        With the Gaussian model of the mode.
    weights : Weights
    mode : Mode
    expectation : Expectation
    n_iter : int
        Turns of EM.
    moves : tuple of float
        How far the slopes moved from mode to mode, relative to their spread about the mean.
    settled : bool
    """

    study: Study
    weights: Weights
    mode: Mode
    expectation: Expectation
    n_iter: int
    moves: tuple[float, ...]
    settled: bool

    @property
    def coupling(self) -> Coupling:
        """The prior precision."""
        return self.study.coupling(self.weights)

    def inflated(self, data: TaskData, factor: float) -> "LogisticFit":
        """The same with the variance of the tasks about each other and their mean ``factor`` times as large."""
        if factor == 1.0:
            return self
        study = replace(self.study, base=replace(self.study.base, own=factor * self.study.base.own))
        weights = Weights(self.weights.edges / factor, self.weights.population / factor)
        mode = find_mode(data, study.coupling(weights), study.base, self.mode)
        study = replace(study, blocks=Working.at(data, mode.eta, study.base).blocks)
        expectation = study.expect(weights, self.expectation)
        return replace(self, study=study, weights=weights, mode=mode, expectation=expectation)


def first_study(data: TaskData, n_neighbors: int, *, n_probes: int) -> tuple[Study, Mode]:
    """Without a graph; candidates are the nearest tasks of that fit."""
    base, mode = mean_regularised_logistic(data)
    none = np.zeros(0, dtype=np.int64)
    first, second = nearest_pairs(Points(mode.slopes), n_neighbors) if data.n_tasks > 1 else (none, none)
    return Study(Working.at(data, mode.eta, base).blocks, base, first, second, n_probes=n_probes), mode


def alone(data: TaskData, study: Study, mode: Mode) -> LogisticFit:
    """The fit without edges."""
    study = replace(study, blocks=Working.at(data, mode.eta, study.base).blocks)
    weights = study.alone()
    return LogisticFit(study, weights, mode, study.expect(weights), 0, (), True)


def learn_logistic(
    data: TaskData,
    study: Study,
    mode: Mode,
    alpha: float,
    *,
    max_iter: int,
    tol: float,
    start: LogisticFit | None = None,
    finish: bool = True,
) -> LogisticFit:
    """EM from a mode: a few turns at its Gaussian model, the next mode, until a mode is where the last one was.

    Parameters
    ----------
    data : TaskData
    study : Study
    mode : Mode
    alpha : float
        Shrinkage of the distances towards their mean.
    max_iter : int
        Most turns of EM.
    tol : float
        It ends when the slopes move by less than this from mode to mode, relative to their spread about the mean.
    start : LogisticFit, optional
        A fit with the same candidates; default half of the pull without edges.
    finish : bool
        Solve the last M-step, and find the mode exactly.
    """
    study = replace(study, blocks=Working.at(data, mode.eta, study.base).blocks)
    weights = first_weights(study, alpha) if start is None else start.weights
    last = None if start is None else start.expectation
    moves: list[float] = []
    turns = 0
    while True:
        fit = learn(study, weights, alpha, max_iter=_INNER, tol=0.3 * tol, last=last, finish=False)
        turns += fit.n_iter
        weights, last = fit.weights, fit.expectation
        before, mode = mode, find_mode(data, study.coupling(weights), study.base, mode, tol=0.01 * tol)
        study = replace(study, blocks=Working.at(data, mode.eta, study.base).blocks)
        centred = mode.slopes - mode.slopes.mean(axis=0)
        moves.append(float(np.linalg.norm(mode.slopes - before.slopes) / max(np.linalg.norm(centred), 1e-300)))
        settled = moves[-1] <= tol
        if settled or turns >= max_iter:
            break
    if finish:
        fit = learn(study, weights, alpha, max_iter=1, tol=tol, last=last)
        weights = fit.weights
        mode = find_mode(data, study.coupling(weights), study.base, mode)
        study = replace(study, blocks=Working.at(data, mode.eta, study.base).blocks)
        last = study.expect(weights, fit.expectation)
    return LogisticFit(study, weights, mode, last, turns, tuple(moves), settled)


def joint_covariances(data: TaskData, fit: LogisticFit) -> FloatArray:
    """Posterior covariances ``(T, D, D)`` of every task's intercept and slopes at the mode."""
    working = Working.at(data, fit.mode.eta, fit.study.base)
    slopes = covariances(working.blocks, fit.coupling, n_draws=_DRAWS, seed=0)
    return with_intercepts(slopes, working, fit.study.base)


def with_intercepts(slopes: FloatArray, working: Working, base: MeanRegularised) -> FloatArray:
    """Covariances ``(T, D, D)`` from those of the slopes ``(T, d, d)``.

    Given the slopes an intercept has variance ``v / (1 + n v)`` about ``m + n v / (1 + n v) (offset - m)``.
    """
    n, x = working.moments.n, working.moments.x_mean
    own = base.spread / (1.0 + n * base.spread)
    pull = -(n * own)[:, None] * (slopes @ x[:, :, None])[:, :, 0]
    T, d = x.shape
    full = np.empty((T, d + 1, d + 1))
    full[:, 1:, 1:] = slopes
    full[:, 0, 1:] = full[:, 1:, 0] = pull
    full[:, 0, 0] = own - n * own * (pull * x).sum(axis=1)
    return full
