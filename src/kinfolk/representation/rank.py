"""Fit the shared representation at one rank, and choose the rank by cross-validation inside the tasks."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.representation.evidence import (
    SharedModel,
    State,
    best_own,
    best_ridge,
    coefficients,
    extend,
)
from kinfolk.tasks import Factor, Moments, TaskData

_PATIENCE = 2  # ranks that may fail to improve before the path ends


@dataclass(frozen=True)
class Fit:
    """A state at which both the loadings and the variances have settled (or not, see ``settled``)."""

    factor: Factor
    moments: Moments
    model: SharedModel
    state: State
    n_steps: int
    settled: bool


def fit_rank(
    factor: Factor, moments: Moments, loadings: FloatArray, own: float, ridge: float, *, rounds: int, tol: float
) -> Fit:
    """Climb in the loadings and re-estimate the variances in turn, until a turn changes the value by less than tol."""
    n_steps, value = 0, -np.inf
    for _ in range(rounds):
        model = SharedModel(factor, moments, own)
        state = model.climb(loadings, ridge, steps=30, tol=tol)
        n_steps += state.n_steps
        settled = abs(state.value - value) < tol
        if settled:
            break
        loadings, value = state.loadings, state.value
        if moments.n_tasks > 1:  # a single task is its own population
            own = best_own(factor, moments, state)
        ridge = best_ridge(state)
    return Fit(factor, moments, model, state, n_steps, settled)


def first_fit(moments: Moments, *, tol: float) -> Fit:
    """Rank 0: a population and what each task has of its own."""
    factor = moments.factor()
    typical = factor.values.size / max(float(factor.values.sum()), 1e-300)
    nothing = np.zeros((moments.n_features, 0))
    own = typical if moments.n_tasks > 1 else 0.0
    return fit_rank(factor, moments, nothing, own, typical, rounds=20, tol=tol)


def next_fit(fit: Fit, *, rounds: int, tol: float) -> Fit:
    """One rank more, from where the last one ended."""
    start = extend(fit.model, fit.state)
    return fit_rank(fit.factor, fit.moments, start, fit.state.own, fit.state.ridge, rounds=rounds, tol=tol)


def projection_start(moments: Moments, rank: int, *, steps: int = 4) -> State:
    """Where to start a given rank: spectral directions, then a few steps of variable projection.

    The directions are the leading left singular vectors of ``P [b_t / sqrt(n_t)]_t`` with P the inverse pooled
    covariance.
    """
    fit = first_fit(moments, tol=1.0)
    if rank == 0:
        return fit.state
    model = SharedModel(fit.factor, moments)
    pulls = (model.targets[:, None, :] @ model.rows)[:, 0] / np.sqrt(np.maximum(model.strength, 1e-300))[:, None]
    directions = np.linalg.svd(model.preconditioner @ pulls.T, full_matrices=False)[0][:, :rank]
    state = model.climb(directions, fit.state.ridge, steps=steps, tol=0.0, projection=True)
    # loadings in the units of the heads, which then have a standard deviation of one
    spread = state.heads.T @ state.heads / (len(state.heads) * state.noise)
    root = np.linalg.cholesky(spread + 1e-10 * max(float(np.trace(spread)), 1e-200) * np.eye(rank))
    return model.weigh(state.loadings @ root, fit.state.ridge)


def slopes_and_intercepts(fit: Fit) -> tuple[FloatArray, FloatArray, float, float]:
    """Slopes (T, d), intercepts (T,), and mean and variance of the intercepts over tasks."""
    slopes = coefficients(fit.factor, fit.state)
    offsets = fit.moments.y_mean - (fit.moments.x_mean * slopes).sum(axis=1)
    center, variance = intercept_population(offsets, fit.moments.n, fit.state.noise)
    total = fit.moments.n * variance + fit.state.noise
    trust = fit.moments.n * variance / total
    return slopes, center + trust * (offsets - center), center, variance


def intercept_population(offsets: FloatArray, n: FloatArray, noise: float) -> tuple[float, float]:
    """Mean and variance of the population of intercepts: maximum likelihood of ``offset_t ~ N(m, v + noise / n_t)``."""
    heard = n > 0
    offsets, errors = offsets[heard], noise / n[heard]
    if len(offsets) < 2:  # one task says nothing about the spread: the spread of the target (1) is taken
        return float(offsets.mean()), 1.0

    def center(variance: float) -> float:
        weights = 1.0 / (variance + errors)
        return float(weights @ offsets / weights.sum())

    def loss(log_variance: float) -> float:
        variance = np.exp(log_variance)
        total = variance + errors
        return float(np.log(total).sum() + ((offsets - center(variance)) ** 2 / total).sum())

    spread = max(float(np.var(offsets)), 1e-12)
    found = minimize_scalar(loss, bounds=(np.log(1e-6 * spread), np.log(4.0 * spread)), method="bounded")
    variance = float(np.exp(found.x))
    return center(variance), variance


def choose_rank(
    data: TaskData, *, max_rank: int, n_splits: int, tol: float, generator: np.random.Generator
) -> tuple[FloatArray, list[Fit]]:
    """Mean squared error of each rank from 0 on, over held-out rows of all tasks; and each fold's fit of the best rank.

    The path ends when ``_PATIENCE`` ranks in a row have not improved. Moments are made once for each fold and merged.
    Both are empty when there are too few rows to test any.
    """
    fold = data.deal(n_splits, generator)
    used = [k for k in range(n_splits) if (fold == k).any()]
    if len(used) < 2:
        return np.zeros(0), []
    held_out = [data.take(np.flatnonzero(fold == k)) for k in used]
    always = data.take(np.flatnonzero(fold < 0))
    parts = [piece.moments() for piece in held_out]
    fits = [first_fit(_union(parts, i, always.moments()), tol=tol) for i in range(len(used))]
    best, scores = fits, [_error(fits, held_out)]
    while len(scores) <= max_rank and len(scores) - 1 - int(np.argmin(scores)) < _PATIENCE:
        fits = [next_fit(fit, rounds=2, tol=tol) for fit in fits]
        scores.append(_error(fits, held_out))
        if scores[-1] == min(scores):
            best = fits
    return np.array(scores), best


def _union(parts: list[Moments], left_out: int, always: Moments) -> Moments:
    union = always
    for i, part in enumerate(parts):
        if i != left_out:
            union = union.merge(part)
    return union


def _error(fits: list[Fit], held_out: list[TaskData]) -> float:
    total, weight = 0.0, 0.0
    for fit, rows in zip(fits, held_out, strict=True):
        slopes, intercepts, *_ = slopes_and_intercepts(fit)
        codes = rows.codes
        error = (rows.y - intercepts[codes] - (rows.X * slopes[codes]).sum(axis=1)) ** 2
        each = np.ones(len(error)) if rows.weights is None else rows.weights
        total, weight = total + float(each @ error), weight + float(each.sum())
    return total / weight
