"""What held-out rows choose for logistic tasks: shrinkage, the width of the prior, and how probabilities are made.

Laplace's method takes classes that are nearly separated for tasks that hardly differ, and a graph learned from few rows
for a looser one than it is: the evidence gives the prior's shape, held-out rows its width.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.laplace import averaged, linear_predictor
from kinfolk.graph.laplacian import default_shrinkage
from kinfolk.graph.logistic_em import LogisticFit, alone, first_study, joint_covariances, learn_logistic
from kinfolk.graph.shrinkage import GRID
from kinfolk.tasks import TaskData

_QUARTERS = 4
_TESTED = 2000  # held-out rows that are enough
_TURNS = 20  # of EM for each candidate
# widths of the prior's variance, tried until one is worse
_FACTORS = ((2.0, 4.0, 8.0, 16.0), (0.5, 0.25, 0.125, 0.0625))


@dataclass(frozen=True)
class Choice:
    """What held-out rows chose.

    Attributes
    ----------
    alpha : float
        Shrinkage.
    table : (candidates, 2) array
        Shrinkage and mean log-loss of held-out rows, at the width of the evidence.
    inflation : float
        Factor on the variance of the prior.
    averaging : bool
        Whether probabilities are averaged over the posterior; those at the mode are taken where their loss is lower
        by a standard error.
    """

    alpha: float
    table: FloatArray
    inflation: float = 1.0
    averaging: bool = True


@dataclass(frozen=True)
class _Fold:
    train: TaskData
    test: TaskData
    fits: list[LogisticFit]

    def losses(self, fit: LogisticFit) -> FloatArray:
        """Weighted log-loss ``(2, n)`` of the test rows: averaged over the posterior, and at the mode."""
        X, codes = self.test.X, self.test.codes
        eta = linear_predictor(fit.mode.slopes, fit.mode.intercept, X, codes)
        U = np.concatenate((np.ones((len(X), 1)), X), axis=1)
        covariance, spread = joint_covariances(self.train, fit), np.zeros(len(X))
        for t in np.unique(codes):
            rows = slice(self.test.offsets[t], self.test.offsets[t + 1])
            spread[rows] = ((U[rows] @ covariance[t]) * U[rows]).sum(axis=1)
        odds = np.stack((averaged(eta, spread), eta))
        losses: FloatArray = self.weights * np.logaddexp(0.0, (1.0 - 2.0 * self.test.y) * odds)
        return losses

    @property
    def weights(self) -> FloatArray:
        return np.ones(len(self.test.y)) if self.test.weights is None else self.test.weights


def choose_logistic(data: TaskData, n_neighbors: int, *, given: FloatArray | None, seed: Any, n_probes: int) -> Choice:
    """Hold out quarters of the rows of every task.

    Tried are shrinkages of 1 (no graph), 0.8, 0.5, ``5 / (5 + d)`` and a quarter of it (0 where the graph is given), by
    the log-loss of averaged probabilities; at 1 and at the best of the others wider and narrower priors. The graph is
    adopted if it lowers the loss by a standard error, and then the mode, by the same rule.

    Parameters
    ----------
    data : TaskData
    n_neighbors : int
    given : (T, T) array or None
        A given graph.
    seed : int, Generator or None
        Deals the rows.
    n_probes : int
    """
    least = default_shrinkage(data.n_features)
    candidates = [1.0, *(alpha for alpha in GRID if alpha > least + 0.05), least, 0.25 * least]
    if given is not None:
        candidates = [0.0]
    fold = data.deal(_QUARTERS, np.random.default_rng(seed))
    folds: list[_Fold] = []
    for quarter in range(_QUARTERS):
        rows = np.flatnonzero(fold == quarter)
        if len(rows) and sum(len(part.test.y) for part in folds) < _TESTED:
            train = data.take(np.flatnonzero(fold != quarter))
            fits = _path(train, candidates, n_neighbors, given, n_probes)
            folds.append(_Fold(train, data.take(rows), fits))
    if not folds:
        return Choice(candidates[0], np.zeros((0, 2)))
    found = [_tested(folds, place, 1.0) for place in range(len(candidates))]
    total = float(sum(part.weights.sum() for part in folds))
    table = np.column_stack((candidates, [each[0].sum() / total for each in found]))
    best, (losses, inflation) = 0, _widened(folds, 0, found[0])
    if len(candidates) > 1:
        place = 1 + int(table[1:, 1].argmin())
        other, factor = _widened(folds, place, found[place])
        if _lower(other[0], losses[0]):
            best, losses, inflation = place, other, factor
    return Choice(candidates[best], table, inflation, not _lower(losses[1], losses[0]))


def _widened(folds: list[_Fold], place: int, losses: FloatArray) -> tuple[FloatArray, float]:
    """The least losses of one candidate over widths of its prior, and that width."""
    inflation = 1.0
    for direction in _FACTORS:
        for factor in direction:
            other = _tested(folds, place, factor)
            if other[0].sum() >= losses[0].sum():
                break
            losses, inflation = other, factor
        if inflation != 1.0:
            break
    return losses, inflation


def _lower(one: FloatArray, other: FloatArray) -> bool:
    """Whether losses are lower than others by a standard error."""
    gain = other - one
    return bool(gain.sum() > np.sqrt((gain**2).sum()))


def _path(
    train: TaskData, candidates: list[float], n_neighbors: int, given: FloatArray | None, n_probes: int
) -> list[LogisticFit]:
    """A fit for each candidate, each started from the one before."""
    study, mode = first_study(train, n_neighbors, n_probes=n_probes)
    study = study if given is None else study.on(given)
    fits: list[LogisticFit] = []
    last: LogisticFit | None = None
    for alpha in candidates:
        if alpha >= 1.0:
            fits.append(alone(train, study, mode))
            continue
        at = mode if last is None else last.mode
        last = learn_logistic(train, study, at, alpha, max_iter=_TURNS, tol=1e-2, start=last, finish=False)
        fits.append(last)
    return fits


def _tested(folds: list[_Fold], place: int, factor: float) -> FloatArray:
    """Losses ``(2, n)`` of one candidate, its prior widened, on the rows of all folds."""
    return np.concatenate([part.losses(part.fits[place].inflated(part.train, factor)) for part in folds], axis=1)
