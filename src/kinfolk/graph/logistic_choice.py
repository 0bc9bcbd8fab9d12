"""What held-out rows choose for logistic tasks: units of the features, shrinkage, and the width of the prior.

Laplace's method takes classes that are nearly separated for tasks that hardly differ, and a graph learned from few rows
for a looser one than it is: the evidence gives the prior's shape, held-out rows its width.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.laplace import averaged, linear_predictor
from kinfolk.graph.features import feature_root, forms
from kinfolk.graph.laplacian import default_shrinkage
from kinfolk.graph.logistic import Start, Working, mean_regularised_logistic
from kinfolk.graph.logistic_em import LogisticFit, alone, first_study, joint_covariances, learn_logistic
from kinfolk.graph.shrinkage import GRID
from kinfolk.tasks import TaskData

_QUARTERS = 4
_TESTED = 1500  # held-out rows that are enough
_TURNS = 20  # of EM for each candidate
_NEAR = 1e-3  # log-odds up to which a mode is found
_DRAWS = 16  # for the covariances of many tasks
_PROBES = 0.5  # share of the draws that EM uses
# widths of the prior's variance, tried until one is worse
_FACTORS = ((2.0, 4.0, 8.0, 16.0), (0.5, 0.25, 0.125, 0.0625))


@dataclass(frozen=True)
class Choice:
    """What held-out rows chose.

    Attributes
    ----------
    form : {"scalar", "diagonal", "full"}
        Of the covariance of coefficients.
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

    form: str
    alpha: float
    table: FloatArray
    inflation: float = 1.0
    averaging: bool = True


def units(data: TaskData, start: Start, form: str) -> FloatArray:
    """R, ``(d, d)``: coefficients are R times ones that vary alike (`kinfolk.graph.features`), learned at a mode."""
    base, mode = start
    return feature_root(Working.at(data, mode.eta, base).blocks.moments, base, form)


@dataclass(frozen=True)
class _Fold:
    train: TaskData
    test: TaskData
    last: "_Fold | None" = None

    @cached_property
    def start(self) -> Start:
        """The training rows without a graph; the strengths start from those of the last fold."""
        return mean_regularised_logistic(self.train, tol=_NEAR, near=None if self.last is None else self.last.start[0])

    def losses(self, fit: LogisticFit) -> FloatArray:
        """Weighted log-loss ``(2, n)`` of the test rows: averaged over the posterior, and at the mode."""
        X, codes = self.test.X, self.test.codes
        eta = linear_predictor(fit.mode.slopes, fit.mode.intercept, X, codes)
        U = np.concatenate((np.ones((len(X), 1)), X), axis=1)
        covariance, spread = joint_covariances(self.train, fit, n_draws=_DRAWS), np.zeros(len(X))
        for t in np.unique(codes):
            rows = slice(self.test.offsets[t], self.test.offsets[t + 1])
            spread[rows] = ((U[rows] @ covariance[t]) * U[rows]).sum(axis=1)
        odds = np.stack((averaged(eta, spread), eta))
        losses: FloatArray = self.weights * np.logaddexp(0.0, (1.0 - 2.0 * self.test.y) * odds)
        return losses

    @property
    def weights(self) -> FloatArray:
        return np.ones(len(self.test.y)) if self.test.weights is None else self.test.weights


def choose_logistic(
    data: TaskData,
    form: str,
    shrinkage: float | None,
    n_neighbors: int,
    *,
    given: FloatArray | None,
    seed: Any,
    n_probes: int,
) -> Choice:
    """Hold out quarters of the rows of every task, as many as make 1,500 rows.

    Tried are shrinkages of 1 (no graph), 0.8, 0.5, ``5 / (5 + d)`` and a quarter of it (0 where the graph is given); at
    1 and at the best of the others wider and narrower priors. Losses are those of averaged probabilities. A graph,
    probabilities at the mode, and (without a graph) a richer form are taken where they lower the loss by a standard
    error; the richer form is only walked where it promises more than the graph gives without it.

    Parameters
    ----------
    data : TaskData
    form : {"auto", "scalar", "diagonal", "full"}
        Of the covariance of coefficients.
    shrinkage : float or None
        A number: only the form is chosen.
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
            train, test = data.take(np.flatnonzero(fold != quarter)), data.take(rows)
            folds.append(_Fold(train, test, folds[-1] if folds else None))
    simple = "scalar" if form == "auto" else form
    if not folds:
        return Choice(simple, candidates[0] if shrinkage is None else shrinkage, np.zeros((0, 2)))
    if shrinkage is not None:
        return Choice(_form(folds, forms(data))[0], shrinkage, np.zeros((0, 2)))
    further: dict[str, Any] = {"n_neighbors": n_neighbors, "given": given, "n_probes": max(int(_PROBES * n_probes), 1)}
    plain, losses = _walk(simple, _turned(folds, simple), candidates, **further)
    if form != "auto":
        return plain
    richer, turned, promised = _form(folds, forms(data))
    if richer == simple or promised[0].sum() >= losses[0].sum():
        return plain
    other, found = _walk(richer, turned, candidates, **further)
    return other if found[0].sum() < losses[0].sum() else plain


def _walk(
    form: str,
    folds: list[_Fold],
    candidates: list[float],
    *,
    n_neighbors: int,
    given: FloatArray | None,
    n_probes: int,
) -> tuple[Choice, FloatArray]:
    """The choice for one form, in whose units the folds are, and its losses."""
    paths = [_path(part, candidates, n_neighbors, given, n_probes) for part in folds]
    fits = list(zip(*paths, strict=True))  # of all folds, candidate by candidate
    found = [_tested(folds, each) for each in fits]
    total = float(sum(part.weights.sum() for part in folds))
    table = np.column_stack((candidates, [each[0].sum() / total for each in found]))
    best, (losses, inflation) = 0, _widened(folds, fits[0], found[0])
    if len(candidates) > 1:
        place = 1 + int(table[1:, 1].argmin())
        other, factor = _widened(folds, fits[place], found[place])
        if _lower(other[0], losses[0]):
            best, losses, inflation = place, other, factor
    return Choice(form, candidates[best], table, inflation, not _lower(losses[1], losses[0])), losses


def _form(folds: list[_Fold], tried: tuple[str, ...]) -> tuple[str, list[_Fold], FloatArray]:
    """The form chosen without a graph, the folds in its units, and their losses with the best width."""
    best, kept, fits = tried[0], folds, _without_graph(folds)
    least = _tested(folds, fits)
    for form in tried[1:]:
        turned = _turned(folds, form)
        other = _without_graph(turned)
        losses = _tested(turned, other)
        if _lower(losses[0], least[0]):
            best, kept, fits, least = form, turned, other, losses
    return best, kept, _widened(kept, fits, least)[0] if best != tried[0] else least


def _turned(folds: list[_Fold], form: str) -> list[_Fold]:
    """The folds in units in which the coefficients of each vary alike."""
    if form == "scalar":
        return folds
    found: list[_Fold] = []
    for part in folds:
        root = units(part.train, part.start, form)
        train, test = (replace(rows, X=rows.X @ root) for rows in (part.train, part.test))
        found.append(_Fold(train, test, found[-1] if found else None))
    return found


def _without_graph(folds: list[_Fold]) -> tuple[LogisticFit, ...]:
    return tuple(alone(part.train, first_study(part.train, part.start, 1, n_probes=1), part.start[1]) for part in folds)


def _widened(folds: list[_Fold], fits: tuple[LogisticFit, ...], losses: FloatArray) -> tuple[FloatArray, float]:
    """The least losses of one candidate over widths of its prior, and that width."""
    inflation = 1.0
    for direction in _FACTORS:
        for factor in direction:
            other = _tested(folds, fits, factor)
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
    fold: _Fold, candidates: list[float], n_neighbors: int, given: FloatArray | None, n_probes: int
) -> list[LogisticFit]:
    """A fit of the training rows for each candidate, each started from the one before."""
    study, mode = first_study(fold.train, fold.start, n_neighbors, n_probes=n_probes), fold.start[1]
    study = study if given is None else study.on(given)
    fits: list[LogisticFit] = []
    last: LogisticFit | None = None
    for alpha in candidates:
        if alpha >= 1.0:
            fits.append(alone(fold.train, study, mode))
            continue
        at = mode if last is None else last.mode
        last = learn_logistic(fold.train, study, at, alpha, max_iter=_TURNS, tol=1e-2, start=last, finish=False)
        fits.append(last)
    return fits


def _tested(folds: list[_Fold], fits: tuple[LogisticFit, ...], factor: float = 1.0) -> FloatArray:
    """Losses ``(2, n)`` of one candidate, its prior widened, on the rows of all folds."""
    wider = [fit.inflated(part.train, factor, tol=_NEAR) for part, fit in zip(folds, fits, strict=True)]
    return np.concatenate([part.losses(fit) for part, fit in zip(folds, wider, strict=True)], axis=1)
