"""How far the graph is trusted: held-out rows choose between it and mean-regularised tasks."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.graph.em import GraphFit, Study, first_weights, learn
from kinfolk.graph.features import choose_form, feature_root, in_units
from kinfolk.graph.laplacian import default_shrinkage
from kinfolk.graph.mean_regularised import mean_regularised
from kinfolk.tasks import TaskData

_QUARTERS = 4
_TESTED = 500  # held-out rows that are enough
_TURNS = 4  # of EM for each candidate
GRID = (0.8, 0.5)  # shrinkage that is tried between none of the graph and all of it


@dataclass(frozen=True)
class Choice:
    """The form and shrinkage with the smallest held-out error.

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
        """The smallest error; infinity where nothing could be tested."""
        return float(self.table[:, 1].min()) if len(self.table) else np.inf


def choose(data: TaskData, n_neighbors: int, *, seed: Any, n_probes: int) -> Choice:
    """Form and shrinkage; a richer form is only walked where it promises more than the graph gives without it."""
    plain = choose_shrinkage(data, "scalar", n_neighbors, seed=seed, n_probes=n_probes)
    if not len(plain.table):
        return plain
    form, ratio = choose_form(data, seed=seed)
    if form == "scalar" or ratio >= plain.loss / float(plain.table[0, 1]):
        return plain
    richer = choose_shrinkage(data, form, n_neighbors, seed=seed, n_probes=n_probes)
    return richer if richer.loss < plain.loss else plain


def choose_shrinkage(data: TaskData, form: str, n_neighbors: int, *, seed: Any, n_probes: int) -> Choice:
    """Hold out quarters of the rows of every task and try 1 (no graph), 0.8, 0.5, ``5 / (5 + d)`` and a quarter of it.

    Parameters
    ----------
    data : TaskData
    form : {"scalar", "diagonal", "full"}
        Of the covariance of coefficients.
    n_neighbors : int
    seed : int, Generator or None
        Deals the rows.
    n_probes : int
    """
    least = default_shrinkage(data.n_features)
    candidates = [1.0, *(alpha for alpha in GRID if alpha > least + 0.05), least, 0.25 * least]
    fold = data.deal(_QUARTERS, np.random.default_rng(seed))
    errors, tested = np.zeros(len(candidates)), 0
    for quarter in range(_QUARTERS):
        test = np.flatnonzero(fold == quarter)
        if not len(test) or tested >= _TESTED:
            continue
        train = data.take(np.flatnonzero(fold != quarter))
        errors += _path(train, data.take(test), form, candidates, n_neighbors, n_probes)
        tested += len(test)
    if not tested:
        return Choice(form, 1.0, np.zeros((0, 2)))
    return Choice(form, candidates[int(errors.argmin())], np.column_stack((candidates, errors / tested)))


def _path(
    train: TaskData, test: TaskData, form: str, candidates: list[float], n_neighbors: int, n_probes: int
) -> FloatArray:
    """Sum of squared errors of the test rows for each candidate, each started from the one before."""
    moments, X = train.moments(), test.X
    if form != "scalar":
        base, joint, _ = mean_regularised(moments)
        root = feature_root(joint, base, form)
        moments, X = in_units(moments, root), X @ root
    study = Study.of(moments, n_neighbors, n_probes=n_probes)
    codes, errors = test.codes, []
    weights = np.ones(len(codes)) if test.weights is None else test.weights
    fit: GraphFit | None = None
    for alpha in candidates:
        if alpha >= 1.0:
            slopes = study.base.slopes
        else:
            start = first_weights(study, alpha) if fit is None else fit.weights
            last = None if fit is None else fit.expectation
            fit = learn(study, start, alpha, max_iter=_TURNS, tol=1e-3, last=last, finish=False)
            slopes = fit.expectation.slopes
        intercept, _, _ = intercepts(slopes, moments, study.base.noise)
        residual = test.y - intercept[codes] - (X * slopes[codes]).sum(axis=1)
        errors.append(float(weights @ residual**2))
    return np.array(errors)
