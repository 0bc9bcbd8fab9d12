"""Penalties chosen from the rows, without cross-validation, beside the best ones, which know the truth.

- ``tuned``: five exchangeable tasks; error of `MeanRegularizedRegressor` (``auto``), of the strengths of largest
  evidence alone (``evidence``), of 5-fold cross-validation on a 7 x 5 grid (``grid``), of a ridge for each task
  (``single``) and of one for all (``pooled``), the fits that the first took, and the error that it expects;
- ``tuned_classes``: the same of `MeanRegularizedClassifier`, beside the best penalty by `kinfolk.theory`;
- ``pooling``: whether one model for all is better than one for each, decided from estimates, beside the truth.
"""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from kinfolk import MeanRegularizedClassifier, MeanRegularizedRegressor
from kinfolk._typing import FloatArray
from kinfolk.linear.minimum import quadratic
from kinfolk.linear.rows import Rows
from kinfolk.linear.strengths import CommonMean
from kinfolk.linear.tuning import evidence
from kinfolk.reproduce.coupled_fits import Drawn, draw, fit
from kinfolk.reproduce.gaussian_tasks import GIVEN, errors
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row
from kinfolk.tasks import TaskData
from kinfolk.theory import Problem, critical_similarity, optimal_coupling

T, NOISE, FOLDS = 5, 0.25, 5
GRID = [(float(lam), c) for lam in np.logspace(-2, 1, 7) for c in (0.0, 0.25, 0.5, 0.75, 0.95)]
GRID_FITS = FOLDS * len(GRID) + 1


def tuned(cell: Cell, generator: np.random.Generator) -> Row:
    """Errors on new rows, mean over tasks, in units of that of the best penalty."""
    p, rho = cell["p"], cell["rho"]
    problem = Problem(p, cell["alpha"] * p, n_tasks=T, similarity=rho, noise=NOISE)
    drawn = draw(problem, generator)
    table, y, data = _table(drawn)
    rows, scale = Rows.of(data, joint=False), data.scaling.y_scale

    def error(strengths: CommonMean) -> float:
        return _excess(problem, scale * quadratic(rows, data.y, strengths).slopes, drawn) / best

    best = 1.0
    best = error(CommonMean.of(NOISE, rho, p))
    model = MeanRegularizedRegressor(task=-1, standardize=False).fit(table, y)
    auto = _excess(problem, model.coef_, drawn)
    line, ridge, _ = evidence(data)
    alone = {
        name: MeanRegularizedRegressor(c=c, task=-1, standardize=False).fit(table, y).coef_
        for name, c in (("single", 0.0), ("pooled", 1.0))
    }
    return {
        "best": 1.0,
        "auto": auto / best,
        "evidence": error(CommonMean(line.own, ridge)),
        "grid": error(CommonMean.of(*_searched(data), p)),
        **{name: _excess(problem, coef, drawn) / best for name, coef in alone.items()},
        "fits": int(model.n_iter_),
        "expected": float(model.expected_error_.mean()) / (auto + float((model.intercept_**2).mean())),
    }


def tuned_classes(cell: Cell, generator: np.random.Generator) -> Row:
    """Shares of wrong labels on new rows, mean over tasks."""
    p, rho = cell["p"], cell["rho"]
    problem = Problem(p, cell["alpha"] * p, n_tasks=T, similarity=rho, **GIVEN["logistic"])
    drawn = draw(problem, generator)
    lam, single = _best_logistic(cell["alpha"], rho)
    table, y, _ = _table(drawn)
    model = MeanRegularizedClassifier(task=-1, standardize=False).fit(table, y)
    return {
        "auto": float(errors(problem, model.coef_, drawn).mean()),
        "best": float(errors(problem, fit(drawn.X, drawn.y, "logistic", lam, rho), drawn).mean()),
        "single": float(errors(problem, fit(drawn.X, drawn.y, "logistic", single, 0.0), drawn).mean()),
        "fits": int(model.n_iter_),
    }


def pooling(cell: Cell, generator: np.random.Generator) -> Row:
    """Whether pooling was decided for, by estimates, and should be."""
    p, rho = cell["p"], cell["rho"]
    problem = Problem(p, cell["alpha"] * p, n_tasks=T, similarity=rho, noise=NOISE)
    _, _, data = _table(draw(problem, generator))
    line, ridge, _ = evidence(data)
    noise = float(line.quadratic(ridge)) / line.moments.freedom
    found = replace(problem, noise=noise, signal=max(p * noise * (line.own + ridge), 1e-9))
    critical = _critical(cell["alpha"])
    told = ridge / max(line.own + ridge, 1e-300) > critical_similarity(found).value
    return {"right": bool(told == (rho > critical)), "distance": abs(rho - critical)}


def _table(drawn: Drawn) -> tuple[FloatArray, FloatArray, TaskData]:
    codes = np.repeat(np.arange(len(drawn.X)), [len(rows) for rows in drawn.X])
    X, y = np.concatenate(drawn.X), np.concatenate(drawn.y)
    return np.column_stack((X, codes)), y, TaskData.build(X, y, codes, len(drawn.X), standardize=False)


def _excess(problem: Problem, W: FloatArray, drawn: Drawn) -> float:
    return float(errors(problem, W, drawn).mean())


def _searched(data: TaskData) -> tuple[float, float]:
    """(lam, c) of smallest error in five folds within tasks."""
    fold = data.deal(FOLDS, np.random.default_rng(0))
    found = np.zeros(len(GRID))
    for k in range(FOLDS):
        kept, out = data.take(np.flatnonzero(fold != k)), data.take(np.flatnonzero(fold == k))
        rows = Rows.of(kept, joint=False)
        for place, (lam, c) in enumerate(GRID):
            at = quadratic(rows, kept.y, CommonMean.of(lam, c, data.n_features))
            predicted = at.intercept[out.codes] + (out.X * at.slopes[out.codes]).sum(axis=1)
            found[place] += float(((out.y - predicted) ** 2).sum())
    return GRID[int(np.argmin(found))]


@cache
def _best_logistic(alpha: float, rho: float) -> tuple[float, float]:
    """Best ridge of coupled tasks, and of one alone."""
    problem: Any = Problem(1, alpha, n_tasks=T, similarity=rho, **GIVEN["logistic"])
    alone = replace(problem, n_tasks=1, similarity=0.0)
    return optimal_coupling(problem, "logistic").lam, optimal_coupling(alone, "logistic").lam


@cache
def _critical(alpha: float) -> float:
    return critical_similarity(Problem(1, alpha, n_tasks=T, noise=NOISE)).value


def _cells(p: int, alphas: tuple[float, ...], similarities: tuple[float, ...]) -> list[Cell]:
    return [{"alpha": alpha, "rho": rho, "p": p} for alpha in alphas for rho in similarities]


FULL: Plan = {
    "tuned": (_cells(200, (0.4, 1.0, 2.5), (0.0, 0.3, 0.6, 0.9)), 5),
    "tuned_classes": (_cells(200, (1.0, 2.5), (0.0, 0.3, 0.6, 0.9)), 6),
    "pooling": (_cells(200, (0.5, 1.0, 2.0), (0.1, 0.3, 0.5, 0.7, 0.9)), 10),
}
QUICK: Plan = {
    "tuned": (_cells(100, (0.4, 1.0), (0.3, 0.9)), 4),
    "tuned_classes": (_cells(100, (1.0,), (0.0, 0.6)), 4),
    "pooling": (_cells(100, (0.5, 2.0), (0.1, 0.9)), 4),
}
MEASUREMENTS: Measurements = {"tuned": tuned, "tuned_classes": tuned_classes, "pooling": pooling}
