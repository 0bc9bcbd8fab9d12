"""How far the graph is trusted: held-out rows choose between it and mean-regularised tasks."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.graph.em import GraphFit, Study, first_weights, learn, learn_twice
from kinfolk.graph.features import choose_form, feature_root, in_units
from kinfolk.graph.laplacian import default_shrinkage
from kinfolk.graph.mean_regularised import mean_regularised
from kinfolk.tasks import Moments, TaskData

_QUARTERS = 4
_TESTED = 500  # held-out rows that are enough
_TURNS = 4  # of EM for each candidate
GRID = (0.8, 0.5)  # shrinkage that is tried between none of the graph and all of it


@dataclass(frozen=True)
class Choice:
    """The form and shrinkage that held-out rows chose.

    Attributes
    ----------
    form : str
        Of the covariance of coefficients.
    alpha : float
    table : (candidates, 2) array
        Shrinkage and mean squared error of held-out rows, for that form.
    """

    form: str
    alpha: float
    table: FloatArray

    @property
    def loss(self) -> float:
        """Its error; infinity where nothing could be tested."""
        return float(self.table[self.table[:, 0] == self.alpha, 1][0]) if len(self.table) else np.inf


def choose(data: TaskData, n_neighbors: int, *, seed: Any, n_probes: int, max_iter: int, tol: float) -> Choice:
    """Form and shrinkage; a richer form is only walked where it promises more than the graph gives without it."""
    how: dict[str, Any] = {"seed": seed, "n_probes": n_probes, "max_iter": max_iter, "tol": tol}
    plain = choose_shrinkage(data, "scalar", n_neighbors, **how)
    if not len(plain.table):
        return plain
    form, ratio = choose_form(data, seed=seed)
    if form == "scalar" or ratio >= plain.loss / float(plain.table[0, 1]):
        return plain
    richer = choose_shrinkage(data, form, n_neighbors, **how)
    return richer if richer.loss < plain.loss else plain


@dataclass(frozen=True)
class _Fold:
    """Rows to learn from, in the units of a form, and rows to test on."""

    study: Study
    moments: Moments
    test: TaskData

    @classmethod
    def of(cls, train: TaskData, test: TaskData, form: str, n_neighbors: int, n_probes: int) -> "_Fold":
        moments = train.moments()
        if form != "scalar":
            base, joint, _ = mean_regularised(moments)
            root = feature_root(joint, base, form)
            moments, test = in_units(moments, root), replace(test, X=test.X @ root)
        return cls(Study.of(moments, n_neighbors, n_probes=n_probes), moments, test)

    def losses(self, slopes: FloatArray) -> FloatArray:
        """Weighted squared errors of the test rows."""
        codes = self.test.codes
        intercept, _, _ = intercepts(slopes, self.moments, self.study.base.noise)
        residual = self.test.y - intercept[codes] - (self.test.X * slopes[codes]).sum(axis=1)
        squared: FloatArray = residual**2
        return squared if self.test.weights is None else squared * self.test.weights

    def walked(self, candidates: list[float]) -> FloatArray:
        """Losses ``(candidates, n)`` after a few turns of EM, each candidate started from the one before."""
        found: list[FloatArray] = []
        fit: GraphFit | None = None
        for alpha in candidates:
            if alpha >= 1.0:
                found.append(self.losses(self.study.base.slopes))
                continue
            start = first_weights(self.study, alpha) if fit is None else fit.weights
            last = None if fit is None else fit.expectation
            fit = learn(self.study, start, alpha, max_iter=_TURNS, tol=1e-3, last=last, finish=False)
            found.append(self.losses(fit.expectation.slopes))
        return np.array(found)


def choose_shrinkage(
    data: TaskData, form: str, n_neighbors: int, *, seed: Any, n_probes: int, max_iter: int, tol: float
) -> Choice:
    """Hold out quarters of the rows of every task and try 1 (no graph), 0.8, 0.5, ``5 / (5 + d)`` and a quarter of it.

    A graph is taken where it lowers the error by a standard error. A few turns of EM rank the candidates; the best is
    learned to the end, as it would be on all rows, until the best has been: with few rows for a task EM may go on to a
    coupling that is far too weak.

    Parameters
    ----------
    data : TaskData
    form : {"scalar", "diagonal", "full"}
        Of the covariance of coefficients.
    n_neighbors : int
    seed : int, Generator or None
        Deals the rows.
    n_probes, max_iter, tol
        See `TaskGraphRegressor`.
    """
    least = default_shrinkage(data.n_features)
    candidates = [1.0, *(alpha for alpha in GRID if alpha > least + 0.05), least, 0.25 * least]
    fold = data.deal(_QUARTERS, np.random.default_rng(seed))
    folds: list[_Fold] = []
    tested = 0
    for quarter in range(_QUARTERS):
        test = np.flatnonzero(fold == quarter)
        if len(test) and tested < _TESTED:
            train = data.take(np.flatnonzero(fold != quarter))
            folds.append(_Fold.of(train, data.take(test), form, n_neighbors, n_probes))
            tested += len(test)
    if not tested:
        return Choice(form, 1.0, np.zeros((0, 2)))
    losses = np.concatenate([part.walked(candidates) for part in folds], axis=1)
    learned: set[int] = set()
    while True:
        best = int(losses.sum(axis=1).argmin())
        gain = losses[0] - losses[best]
        if gain.sum() <= np.sqrt((gain**2).sum()):
            best = 0
        if best == 0 or best in learned:
            break
        learned.add(best)
        ends = [learn_twice(p.study, candidates[best], n_neighbors, max_iter=max_iter, tol=tol)[1] for p in folds]
        losses[best] = np.concatenate([p.losses(e.expectation.slopes) for p, e in zip(folds, ends, strict=True)])
    return Choice(form, candidates[best], np.column_stack((candidates, losses.sum(axis=1) / tested)))
