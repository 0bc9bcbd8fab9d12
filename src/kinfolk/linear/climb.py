"""Climb to the maximum of the marginal likelihood, in a way that leaves nothing to chance."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from kinfolk._typing import FloatArray
from kinfolk.linear.covariance import SMALLEST, Grouped, Rooted
from kinfolk.linear.evidence import MixedModel

_LARGEST_RIDGE = 9.0  # bound on log g
_MOST_POLISHED = 40  # parameters for which a Hessian by differences is worth its evaluations
_NEGLIGIBLE = 0.02  # share of a row's worth of information that a variance must add to a task to matter


@dataclass(frozen=True)
class Summit:
    """Where a climb ended."""

    root: FloatArray
    log_variances: FloatArray
    ridge: float
    value: float
    n_iter: int
    history: tuple[float, ...]
    settled: bool


def climb(
    model: MixedModel, form: Grouped | Rooted, ridge: float, *, max_iter: int, tol: float, polish: bool = False
) -> Summit:
    """Maximise the evidence over theta and log g with L-BFGS."""
    history: list[float] = []

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        root = form.root(theta[:-1])
        found = model.evidence(root, float(np.exp(theta[-1])))
        history.append(found.value)
        # for each row: with values of order one, the first step of L-BFGS-B does not jump to the bounds
        gradient = np.append(form.gradient(found, root), found.ridge_score)
        return -found.value / model.freedom, -gradient / model.freedom

    bounds = [*form.bounds, (SMALLEST, _LARGEST_RIDGE)]
    end = minimize(
        objective,
        np.clip(np.append(form.start, ridge), *np.array(bounds).T),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": max_iter, "maxfun": 10 * max_iter, "ftol": tol, "gtol": 1e-6 / model.freedom},
    )
    x = _polish(lambda at: objective(at)[1], end.x, bounds) if polish else end.x
    theta = x[:-1]
    variances = form.log_variances(theta) if isinstance(form, Grouped) else np.zeros(0)
    settled = bool(end.nit < max_iter)
    return Summit(
        form.root(theta),
        variances,
        float(x[-1]),
        -model.freedom * objective(x)[0],
        int(end.nit),
        tuple(history),
        settled,
    )


def _polish(
    gradient: Callable[[FloatArray], FloatArray], x: FloatArray, bounds: list[tuple[float, float]]
) -> FloatArray:
    """Newton steps, while they shorten the gradient, with a Hessian by differences.

    L-BFGS stops where the value no longer changes, which leaves half the digits of the parameters to chance. Directions
    along which the gradient does not change (rotations of a root) and parameters at a bound are left as they are.
    """
    if len(x) > _MOST_POLISHED:
        return x
    low, high = np.array(bounds).T
    here, step = gradient(x), 1e-4
    for _ in range(10):
        free = np.flatnonzero((x > low + 1e-3) & (x < high - 1e-3))
        hessian = np.empty((len(free), len(free)))
        for column, j in enumerate(free):
            moved = x.copy()
            moved[j] += step
            hessian[:, column] = (gradient(moved) - here)[free] / step
        values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
        bent = values > 1e-7 * np.abs(values).max(initial=0.0)
        change = -vectors[:, bent] @ ((vectors[:, bent].T @ here[free]) / values[bent])
        moved = x.copy()
        moved[free] += change * min(1.0, 0.5 / max(float(np.abs(change).max(initial=0.0)), 1e-300))
        moved = np.clip(moved, low, high)
        there = gradient(moved)
        if not np.linalg.norm(there[free]) < 0.9 * np.linalg.norm(here[free]):
            break
        x, here = moved, there
    return x


def climb_to_boundary(model: MixedModel, form: Grouped | Rooted, ridge: float, *, max_iter: int, tol: float) -> Summit:
    """Climb, leave out variances or directions that do not matter, and climb again in the others.

    Towards zero the evidence is flat in the log of a variance, and where a climb stops there is chance; zero is not.
    """
    end = climb(model, form, ridge, max_iter=max_iter, tol=tol)
    information, ridge = _information(model), end.ridge
    smaller: Grouped | Rooted
    if isinstance(form, Grouped):
        smaller = form.without(np.exp(end.log_variances) * information < _NEGLIGIBLE, end.log_variances)
    else:
        smaller = Rooted.reduced(end.root, information, _NEGLIGIBLE)
    if np.exp(ridge) * information[1:].mean() * model.n_tasks < _NEGLIGIBLE:
        ridge = SMALLEST
    again = climb(model, smaller, ridge, max_iter=max_iter, tol=tol, polish=True)
    if again.value < end.value - _NEGLIGIBLE:  # they did matter
        again = climb(model, form, end.ridge, max_iter=max_iter, tol=tol, polish=True)
    return replace(again, n_iter=end.n_iter + again.n_iter, history=end.history + again.history)


def _information(model: MixedModel) -> FloatArray:
    """What the rows of a typical task say of each coefficient, ``(D,)``: a variance times this is its weight."""
    information: FloatArray = np.einsum("trd,trd->d", model.rows, model.rows) / model.n_tasks
    return information
