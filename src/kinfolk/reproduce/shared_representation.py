"""Near-optimal multi-task learning with a shared linear representation: Ding, Du and Fang (2026), arXiv 2605.00473.

What is measured, each on tasks drawn from the paper's model (isotropic normal features, normal heads):

- ``figure_1a``: the setting of the paper's first figure (100 features, 10 directions, 100 tasks of 100 rows);
- ``iterations``: how many iterations each method takes to come within 5% of its final error, for growing d, T and
  condition number;
- ``slopes``: how the error of the subspace grows with d, k, T and N (the paper's rate is d k / (N T));
- ``accuracy``: mean squared errors of least squares and of the marginal likelihood;
- ``comparison``: nine methods, for N from 10 to 200;
- ``new_task``: a new task in the learnt representation, in closed form and by the paper's streaming algorithm.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.linear import IndependentRidge
from kinfolk.representation import SharedRepresentationRegressor
from kinfolk.representation.alternating import alternating_descent
from kinfolk.representation.descent import leading_size, two_phase_descent
from kinfolk.representation.least_squares import least_squares_heads
from kinfolk.representation.projection import variable_projection
from kinfolk.representation.starts import method_of_moments, replica_start, spectral_start
from kinfolk.representation.streaming import streaming_head
from kinfolk.representation.subspace import subspace_error
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row, carry_out
from kinfolk.scaling import Scaling
from kinfolk.tasks import Moments, TaskData

_NEW_TASKS = 100


def _grid(base: Cell, **grids: tuple[float, ...]) -> list[Cell]:
    """Cells around a base: one of its sizes varied at a time; ``vary`` names it."""
    return [base | {name: value} for name, values in grids.items() for value in values]


_BASE: Cell = {"d": 60, "k": 4, "T": 60, "N": 200, "noise": 0.5, "kappa": 1}
_RATE: Cell = {"d": 100, "k": 4, "T": 100, "N": 200, "noise": 0.5}
_WIDE: Cell = {"d": 60, "k": 4, "T": 150, "N": 100, "noise": 0.5}
_FIGURE: Cell = {"d": 100, "k": 10, "T": 100, "N": 100}
_ONE: Cell = {"noise": 1.0}
_TABLE = (
    (50, 3, 50, 25), (50, 3, 50, 50), (50, 3, 100, 25), (50, 3, 200, 25), (50, 3, 400, 25), (100, 5, 50, 50),
    (100, 5, 100, 50), (100, 5, 200, 50), (100, 5, 400, 50), (100, 5, 400, 25), (100, 5, 100, 100),
    (100, 5, 100, 200), (100, 5, 400, 100),
)  # fmt: skip


def _cells(rows: tuple[tuple[int, int, int, int], ...]) -> list[Cell]:
    return [dict(zip("dkTN", row, strict=True)) | _ONE for row in rows]


_NEW: list[Cell] = [{"d": 100, "k": 5, "T": 200, "N": 50} | _ONE]
FULL: Plan = {
    "figure_1a": ([_FIGURE | {"noise": noise} for noise in (0.1, 0.5, 1.0)], 4),
    "iterations": (
        [
            *_grid(_BASE, d=(25, 50, 100, 200), T=(25, 50, 100, 200, 400)),
            *_grid(_WIDE, kappa=(1, 3, 10, 30)),
        ],
        5,
    ),
    "slopes": (_grid(_RATE, d=(50, 100, 200), k=(2, 4, 8), T=(50, 100, 200, 400), N=(100, 200, 400)), 8),
    "accuracy": (_cells(_TABLE), 8),
    "comparison": ([{"d": 100, "k": 5, "T": 400, "N": n} | _ONE for n in (10, 15, 25, 50, 100, 200)], 4),
    "new_task": (_NEW, 4),
}
QUICK: Plan = {
    "figure_1a": ([_FIGURE | {"noise": 0.5}], 1),
    "iterations": ([*_grid(_BASE, d=(25, 200), T=(25, 400)), *_grid(_WIDE, kappa=(1, 10, 30))], 5),
    "slopes": (_grid(_RATE, d=(50, 200), k=(2, 8), T=(50, 400), N=(100, 400)), 6),
    "accuracy": (_cells(tuple(_TABLE[i] for i in (1, 2, 6, 9, 10))), 4),
    "comparison": ([{"d": 100, "k": 5, "T": 400, "N": n} | _ONE for n in (25, 100)], 1),
    "new_task": (_NEW, 2),
}


def figure_1a(cell: Cell, generator: np.random.Generator) -> Row:
    """Error of every iterate with the published kind of steps, beside larger steps and variable projection."""
    data, coef, _ = _draw(cell, generator)
    moments, k = data.moments(), int(cell["k"])
    small, small_path = _watched(coef, lambda watch: _published(moments, k, 650, (0.05, 0.2), generator, watch))
    large, large_path = _watched(coef, lambda watch: _published(moments, k, 120, (0.5, 0.5), generator, watch))
    projected, path = _watched(coef, lambda watch: variable_projection(moments, k, watch=watch))
    return {
        "descent": _mse(small, coef),
        "large_steps": _mse(large, coef),
        "projection": _mse(projected, coef),
        "difference": float(np.linalg.norm(small - large) / np.linalg.norm(small)),
        "paths": {"descent, 650 small steps": small_path, "descent, c = 0.5": large_path, "projection": path},
    }


def iterations(cell: Cell, generator: np.random.Generator) -> Row:
    """Iterations until the error stays below 1.05 times that of the converged solution; None when it never does."""
    data, coef, _ = _draw(cell, generator)
    moments, k = data.moments(), int(cell["k"])
    final = _mse(variable_projection(moments, k, tol=1e-8, max_iter=300).coef, coef)
    found: Row = {"final": final}
    ways: dict[str, Callable[[Any], Any]] = {
        "descent": lambda watch: two_phase_descent(moments, k, generator=generator, watch=watch),
        "small_steps": lambda watch: _published(moments, k, 600, (0.05, 0.2), generator, watch),
        "alternating": lambda watch: alternating_descent(moments, k, max_iter=300, watch=watch),
        "projection": lambda watch: variable_projection(moments, k, watch=watch),
    }
    for name, way in ways.items():
        path = _watched(coef, way)[1]
        outside = int(np.flatnonzero(np.array(path) > 1.05 * final).max(initial=-1)) + 1
        found[name] = outside + 1 if outside < len(path) else None
    return found


def slopes(cell: Cell, generator: np.random.Generator) -> Row:
    """Error of the subspace and of the coefficients by two-phase descent, and with the true subspace."""
    data, coef, basis = _draw(cell, generator)
    moments = data.moments()
    fit = two_phase_descent(moments, int(cell["k"]), generator=generator)
    oracle = least_squares_heads(moments, basis) @ basis.T
    return {"sub": subspace_error(fit.basis, basis), "mse": _mse(fit.coef, coef), "oracle": _mse(oracle, coef)}


def accuracy(cell: Cell, generator: np.random.Generator) -> Row:
    """Least squares at its minimum, marginal likelihood, the true subspace, and each task alone."""
    data, coef, basis = _draw(cell, generator)
    moments = data.moments()
    fit = variable_projection(moments, int(cell["k"]), tol=1e-4)
    evidence = _evidence(data, int(cell["k"]))
    return {
        "least_squares": _mse(fit.coef, coef),
        "least_squares_sub": subspace_error(fit.basis, basis),
        "evidence": _mse(evidence.coef_, coef),
        "oracle": _mse(least_squares_heads(moments, basis) @ basis.T, coef),
        "ridge": _mse(_alone(data), coef),
        "formula": _formula(cell),
    }


def comparison(cell: Cell, generator: np.random.Generator) -> Row:
    """Mean squared error and error of the subspace of nine methods on the same rows."""
    data, coef, basis = _draw(cell, generator)
    moments, k = data.moments(), int(cell["k"])
    bases = {
        "method of moments": method_of_moments(data, k),
        "replica": replica_start(data, k, generator),
        "spectral": spectral_start(moments, k),
        "descent": two_phase_descent(moments, k, generator=generator).basis,
        "alternating": alternating_descent(moments, k).basis,
        "projection": variable_projection(moments, k).basis,
        "oracle": basis,
    }
    found: Row = {"ridge": {"mse": _mse(_alone(data), coef)}}
    for name, estimate in bases.items():
        theta = least_squares_heads(moments, estimate) @ estimate.T
        found[name] = {"mse": _mse(theta, coef), "sub": subspace_error(estimate, basis)}
    model = _evidence(data, k)
    found["evidence"] = {"mse": _mse(model.coef_, coef), "sub": subspace_error(model.representation_, basis)}
    return found


def new_task(cell: Cell, generator: np.random.Generator) -> Row:
    """New tasks of n rows each, without intercept: mean squared error by n of five ways to a head."""
    data, _, basis = _draw(cell, generator)
    model = _evidence(data, int(cell["k"]))
    learnt, noise = model.representation_, cell["noise"] ** 2
    variance = (model.singular_values_ * float(np.std(data.y))) ** 2
    d, k = learnt.shape
    found: dict[str, list[float]] = {}
    sizes = (2, 5, 10, 20, 50, 200, 1000)
    for n in sizes:
        errors: dict[str, list[float]] = {}
        for _ in range(_NEW_TASKS):
            theta = basis @ generator.standard_normal(k)
            X = generator.standard_normal((n, d))
            y = X @ theta + cell["noise"] * generator.standard_normal(n)
            Z, true = X @ learnt, X @ basis
            own = X * (k / d)  # X times the prior covariance of a task that shares nothing
            ways = {
                "evidence": learnt @ np.linalg.solve(Z.T @ Z + np.diag(noise / variance), Z.T @ y),
                "least squares": learnt @ np.linalg.lstsq(Z, y)[0],
                "ridge": own.T @ np.linalg.solve(X @ own.T + noise * np.eye(n), y),
                "streaming": learnt @ streaming_head(Z, y, first_step=1.0 / (3.0 * k)),
                "true basis": basis @ np.linalg.solve(true.T @ true + noise * np.eye(k), true.T @ y),
            }
            for name, estimate in ways.items():
                errors.setdefault(name, []).append(float(((estimate - theta) ** 2).sum()))
        for name, values in errors.items():
            found.setdefault(name, []).append(float(np.mean(values)))
    return {"n": list(sizes), **found}


MEASUREMENTS: Measurements = {
    "figure_1a": figure_1a,
    "iterations": iterations,
    "slopes": slopes,
    "accuracy": accuracy,
    "comparison": comparison,
    "new_task": new_task,
}


measure = partial(carry_out, MEASUREMENTS)


def _draw(cell: Cell, generator: np.random.Generator) -> tuple[TaskData, FloatArray, FloatArray]:
    """Tasks of the paper's model, in the units in which they are drawn; true slopes (T, d) and basis (d, k).

    The paper's tasks have no intercept and N rows. Here every method fits one, which takes a row: of N + 1 normal rows
    the centred moments are distributed exactly as those of N rows that are not centred.

    Heads are standard normal. Where the cell has a ``kappa``, the singular values are exactly ``sqrt(T)`` times numbers
    from ``sqrt(kappa)`` down to ``1 / sqrt(kappa)``: few normal heads have a condition of their own, which would
    disturb counts of iterations, and with a larger ratio all directions can still be learnt.
    """
    d, k, n_tasks, n = (int(cell[name]) for name in "dkTN")
    n += 1
    basis: FloatArray = np.linalg.qr(generator.standard_normal((d, k)))[0]
    heads = generator.standard_normal((n_tasks, k))
    if "kappa" in cell:
        heads = np.sqrt(n_tasks) * np.linalg.qr(heads)[0] * np.geomspace(cell["kappa"] ** 0.5, cell["kappa"] ** -0.5, k)
    coef: FloatArray = heads @ basis.T
    codes: IntArray = np.repeat(np.arange(n_tasks), n)
    X = generator.standard_normal((n_tasks * n, d))
    y = np.einsum("nd,nd->n", X, coef[codes]) + cell["noise"] * generator.standard_normal(n_tasks * n)
    units = Scaling(np.zeros(d), np.ones(d), 0.0, 1.0)
    return TaskData.build(X, y, codes, n_tasks, scaling=units), coef, basis


def _published(
    moments: Moments, k: int, n_iter: int, shares: tuple[float, float], generator: np.random.Generator, watch: Any
) -> Any:
    """Algorithm 1 as it is printed, steps in units of one over the largest singular value."""
    sigma = leading_size(moments, np.eye(moments.n_features))
    steps = shares[0] / sigma, shares[1] / sigma
    start = 1e-2 * float(np.sqrt(sigma))
    return two_phase_descent(
        moments, k, step=steps, init_scale=start, n_iter=n_iter, whiten=False, generator=generator, watch=watch
    )


def _watched(coef: FloatArray, way: Callable[[Any], Any]) -> tuple[FloatArray, list[float]]:
    """What a method ends with, and the mean squared error after each of its iterations."""
    path: list[float] = []
    fit = way(lambda theta: path.append(_mse(theta, coef)))
    return fit.coef, path


def _mse(found: FloatArray, coef: FloatArray) -> float:
    return float(((found - coef) ** 2).sum(axis=1).mean())


def _evidence(data: TaskData, k: int) -> Any:
    model = SharedRepresentationRegressor(rank=k, standardize=False, task=data.n_features)
    return model.fit(np.column_stack((data.X, data.codes)), data.y)


def _alone(data: TaskData) -> FloatArray:
    model = IndependentRidge(standardize=False, task=data.n_features)
    coef: FloatArray = model.fit(np.column_stack((data.X, data.codes)), data.y).coef_
    return coef


def _formula(cell: Cell) -> float:
    """Expected error of least squares for NT well beyond dk: heads, and basis with its degrees of freedom."""
    d, k, n_tasks, n = (cell[name] for name in "dkTN")
    free = max(n * n_tasks - k * (d + n_tasks - k), 1.0)
    basis = n_tasks / max(n_tasks - k - 1.0, 1.0) * k * (d - k) / free
    return float(cell["noise"] ** 2 * (k / max(n - k - 1.0, 1.0) + basis))
