"""Gaussian tasks beside their predicted errors.

What is measured, with errors on new rows that are known exactly:

- ``grid``: five losses, tasks and ridges of several sizes; each row is one data set beside its prediction;
- ``large``: the same for more features or more tasks, in the full run only;
- ``peaks``: squared loss with a weak ridge along n / p: one task, five that are coupled weakly or strongly, and five
  with the best penalty;
- ``equivalence``: coupled tasks, and the single task with a stronger ridge, a pull and noise that each should be;
- ``rows``: rows of unequal norms, beside predictions that know of them and that do not;
- ``covariances``: features that are distributed differently in every task.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import toeplitz

from kinfolk._typing import FloatArray
from kinfolk.reproduce.coupled_fits import Drawn, draw, fit
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row
from kinfolk.theory import Problem, equivalent_single_task, predict_risk, predict_risk_of_covariances
from kinfolk.theory.errors import new_row_error
from kinfolk.theory.squared import State

GIVEN: dict[str, dict[str, Any]] = {  # labels that each loss is measured on
    "squared": {"noise": 0.25},
    "huber": {"noise": [(0.9, 0.05), (0.1, 4.0)]},
    "lad": {"noise": [(0.9, 0.05), (0.1, 4.0)]},
    "hinge": {"noise": 0.1, "link": "sign"},
    "logistic": {"signal": 4.0, "link": "logistic"},
}
RIDGES = {"squared": (1e-4, 0.1, 1.0), "logistic": (1e-4, 0.1, 1.0), "huber": (1e-4, 0.1, 1.0)}  # others: the last two
CURVES = {  # tasks, similarity, ridge, coupling
    "one task": (1, 0.0, 1e-3, 0.0),
    "coupled weakly": (5, 0.5, 1e-3, 0.5),
    "coupled strongly": (5, 0.1, 1e-3, 0.99),
    "best penalty": (5, 0.5, 0.25, 0.5),
}
ALPHAS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.25, 2.0, 3.0)
ROW_NORMS = (0.25, 1.0, 1.75)
EQUIVALENT: list[Cell] = [
    {"loss": "squared", "T": 5, "alpha": 0.8, "rho": 0.9, "lam": 0.1, "p": 200},
    {"loss": "squared", "T": 2, "alpha": 0.5, "rho": 0.5, "lam": 0.1, "p": 200},
    {"loss": "logistic", "T": 5, "alpha": 1.0, "rho": 0.9, "lam": 0.1, "p": 200},
    {"loss": "hinge", "T": 3, "alpha": 1.5, "rho": 0.7, "lam": 0.1, "p": 200},
]
SHAPES: dict[str, dict[str, Any]] = {  # unequal covariances: rows over features and similarity
    "few rows": {"alpha": 0.5, "rho": 0.5},
    "many rows": {"alpha": 2.0, "rho": 0.8},
}


def _grid(alphas: tuple[float, ...], similarities: tuple[float, ...], p: int = 200) -> list[Cell]:
    return [
        {"loss": loss, "T": T, "alpha": alpha, "rho": rho, "lam": lam, "p": p}
        for loss in GIVEN
        for T in (1, 2, 5)
        for rho in (similarities if T > 1 else (0.0,))
        for alpha in alphas
        for lam in RIDGES.get(loss, (0.1, 1.0))
    ]


def _curves(p: int, alphas: tuple[float, ...]) -> list[Cell]:
    return [{"curve": curve, "alpha": alpha, "p": p} for curve in CURVES for alpha in alphas]


_ROWS: list[Cell] = [
    {"loss": loss, "T": 3, "alpha": alpha, "rho": 0.5, "lam": 0.1, "p": 200}
    for loss in ("squared", "huber", "logistic")
    for alpha in (0.5, 2.0)
]
_SHAPES: list[Cell] = [{"shape": shape, "p": 100} for shape in SHAPES]
_LARGE: list[Cell] = [
    {"loss": loss, "T": T, "alpha": alpha, "rho": 0.5, "lam": lam, "p": p}
    for p, T in ((400, 2), (400, 5), (400, 10), (200, 10))
    for loss in GIVEN
    for alpha in (0.5, 2.0)
    for lam in (0.1, 1.0)
]
FULL: Plan = {
    "grid": (_grid((0.2, 0.5, 1.0, 2.0, 5.0), (0.1, 0.5, 0.9)), 20),
    "large": (_LARGE, 10),
    "peaks": (_curves(400, ALPHAS), 24),
    "equivalence": (EQUIVALENT, 40),
    "rows": (_ROWS, 40),
    "covariances": (_SHAPES, 100),
}
QUICK: Plan = {
    "grid": (_grid((0.5, 2.0), (0.5,)), 8),
    "peaks": (_curves(200, (0.1, 0.2, 0.5, 1.0, 2.0)), 40),
    "equivalence": (EQUIVALENT, 10),
    "rows": (_ROWS, 10),
    "covariances": (_SHAPES, 30),
}


def grid(cell: Cell, generator: np.random.Generator) -> Row:
    """Error of a fit on new rows, mean over tasks, and the prediction."""
    problem, penalty = _problem(cell)
    drawn = draw(problem, generator)
    W = fit(drawn.X, drawn.y, cell["loss"], penalty["lam"], penalty["c"])
    return {"found": float(errors(problem, W, drawn).mean()), "predicted": _predicted(problem, cell["loss"], penalty)}


def peaks(cell: Cell, generator: np.random.Generator) -> Row:
    """The same of the squared loss, on one of the ``CURVES``."""
    T, rho, lam, c = CURVES[cell["curve"]]
    problem = Problem(cell["p"], cell["alpha"] * cell["p"], n_tasks=T, similarity=rho, noise=0.25)
    drawn = draw(problem, generator)
    W = fit(drawn.X, drawn.y, "squared", lam, c)
    return {
        "found": float(errors(problem, W, drawn).mean()),
        "predicted": _predicted(problem, "squared", {"lam": lam, "c": c}),
    }


def equivalence(cell: Cell, generator: np.random.Generator) -> Row:
    """Error of the first of the coupled tasks, of the single task that it should be, and of that task alone."""
    problem, penalty = _problem(cell)
    drawn, loss = draw(problem, generator), cell["loss"]
    W = fit(drawn.X, drawn.y, loss, penalty["lam"], penalty["c"])
    single = equivalent_single_task(problem, loss, **penalty)
    alone = replace(problem, n_tasks=1, similarity=0.0)
    b = single.pull[0] * drawn.truth[0]
    b = b + np.sqrt(single.noise[0] / cell["p"]) * generator.normal(size=cell["p"])
    first = Drawn(drawn.X[:1], drawn.y[:1], drawn.truth[:1])
    pulled = fit(first.X, first.y, loss, float(single.ridge[0]), 0.0, pull=b[None])
    plain = fit(first.X, first.y, loss, cell["lam"], 0.0)
    return {
        "coupled": float(errors(problem, W, drawn)[0]),
        "single": float(errors(alone, pulled, first)[0]),
        "alone": float(errors(alone, plain, first)[0]),
        "predicted": _predicted(problem, loss, penalty),
    }


def rows(cell: Cell, generator: np.random.Generator) -> Row:
    """As `grid`, with rows of unequal norms; ``plain`` is a prediction that takes all for equal."""
    gaussian, penalty = _problem(cell)
    problem = replace(gaussian, row_norms=ROW_NORMS)
    drawn = draw(problem, generator)
    W = fit(drawn.X, drawn.y, cell["loss"], penalty["lam"], penalty["c"])
    return {
        "found": float(errors(problem, W, drawn).mean()),
        "predicted": _predicted(problem, cell["loss"], penalty),
        "plain": _predicted(gaussian, cell["loss"], penalty),
    }


def covariances(cell: Cell, generator: np.random.Generator) -> Row:
    """Squared loss with features of three kinds: correlated along a line, plain, and of decaying variances."""
    p, shape = cell["p"], SHAPES[cell["shape"]]
    problem = Problem(p, shape["alpha"] * p, n_tasks=3, similarity=shape["rho"], noise=0.25)
    decay = 1.0 / np.arange(1, p + 1)
    sigma = np.stack([toeplitz(0.7 ** np.arange(p)), np.eye(p), np.diag(decay / decay.mean())])
    truth = np.linalg.cholesky(problem.inner_products) @ generator.normal(size=(3, p)) / np.sqrt(p)
    X, y = [], []
    for root, xi in zip(np.linalg.cholesky(sigma), truth, strict=True):
        X.append(generator.normal(size=(round(shape["alpha"] * p), p)) @ root.T)
        y.append(X[-1] @ xi + 0.5 * generator.normal(size=len(X[-1])))
    off = fit(X, y, "squared", 0.1, 0.5) - truth
    excess = np.einsum("ti,tij,tj->t", off, sigma, off)
    predicted = predict_risk_of_covariances(problem, sigma, lam=0.1, c=0.5).test
    return {
        "found": float(0.25 + excess.mean()),
        "predicted": float(predicted.mean()),
        "plain": _predicted(problem, "squared", {"lam": 0.1, "c": 0.5}),
    }


def _problem(cell: Cell) -> tuple[Problem, dict[str, float]]:
    """Problem and penalty of a cell: coupled by half."""
    problem = Problem(
        cell["p"], cell["alpha"] * cell["p"], n_tasks=cell["T"], similarity=cell["rho"], **GIVEN[cell["loss"]]
    )
    return problem, {"lam": cell["lam"], "c": 0.5 if cell["T"] > 1 else 0.0}


def _predicted(problem: Problem, loss: Any, penalty: dict[str, float]) -> float:
    return float(predict_risk(problem, loss, **penalty).test.mean())


def errors(problem: Problem, W: FloatArray, drawn: Drawn) -> FloatArray:
    """Error of given coefficients on new rows, exactly."""
    norm, overlap = (W * W).sum(axis=1), (W * drawn.truth).sum(axis=1)
    unused = np.full(len(W), np.nan)
    return new_row_error(problem, State(unused, norm, overlap, unused, unused, unused, True, 0.0))


MEASUREMENTS: Measurements = {
    "grid": grid,
    "large": grid,
    "peaks": peaks,
    "equivalence": equivalence,
    "rows": rows,
    "covariances": covariances,
}
