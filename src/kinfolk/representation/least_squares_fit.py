"""The least-squares methods from moments to a result: projection, descent, alternating minimisation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.base.task_noise import task_precision
from kinfolk.representation.alternating import alternating_descent
from kinfolk.representation.descent import two_phase_descent
from kinfolk.representation.evidence import best_ridge, tiny
from kinfolk.representation.fit import Fit, Study, start_of_rank
from kinfolk.representation.least_squares import SubspaceFit, task_losses
from kinfolk.representation.prior import prior_of
from kinfolk.representation.projection import variable_projection
from kinfolk.representation.rank import Folds, cross_validate
from kinfolk.result import FitResult, Status
from kinfolk.tasks import NOISE_FLOOR, Moments

METHODS: dict[str, Callable[..., SubspaceFit]] = {
    "projection": variable_projection,
    "descent": two_phase_descent,
    "alternating": alternating_descent,
}


@dataclass(frozen=True)
class LeastSquares:
    """A least-squares fit of one rank, as the choice of the rank sees it."""

    slopes: FloatArray
    noise: float


def by_least_squares(
    moments: Moments,
    rank: Folds | int | None,
    *,
    method: str,
    params: Mapping[str, Any],
    max_rank: int,
    per_task_noise: bool = False,
) -> FitResult:
    """Shared basis and heads that minimise the sum of squares, and the population of the heads by evidence.

    The estimates are the method's own; their uncertainty, unseen tasks and new tasks use the normal population of the
    heads along the basis that was found, with the largest marginal likelihood.

    Parameters
    ----------
    moments : Moments
        Of all rows, in standardised units.
    rank : Folds, int or None
        Folds for cross-validation, or the rank; None: 0.
    method : {"projection", "descent", "alternating"}
    params : mapping
        Keyword arguments of the method's function.
    max_rank : int
        Largest rank that is tried.
    per_task_noise : bool, default=False
        Fit again with the squares of each task divided by its noise variance.

    Returns
    -------
    FitResult
        With the details of the evidence method.
    """
    scores: FloatArray = np.zeros(0)
    if isinstance(rank, Folds):
        paths = [_ranks(part, method, params) for part in rank.training]
        scores, _ = cross_validate(paths, rank, max_rank)
        rank = int(np.argmin(scores))
    chosen = 0 if rank is None else int(rank)
    found = _fit(moments, chosen, method, params)
    precision: FloatArray = np.ones(moments.n_tasks)
    for _ in range(2 if per_task_noise else 0):
        rss = task_losses(moments, found.basis, found.heads)
        precision = task_precision(rss, moments.n - 1.0 - chosen)
        found = _fit(moments.precise(precision), chosen, method, params)
    study = Study(moments.precise(precision))
    noise = _noise(study.moments, found)
    fit = _population(study, found.basis)
    left, spread, _ = np.linalg.svd(fit.state.loadings, full_matrices=False)
    each = noise / precision
    _, center, variance = intercepts(found.coef, moments, each)
    prior = prior_of(fit, left * spread * np.sqrt(noise), noise, center, variance)
    posterior = prior.condition(moments, each)
    offsets = moments.y_mean - (moments.x_mean * found.coef).sum(axis=1)
    mean = np.concatenate((offsets[:, None], found.coef), axis=1)
    return FitResult(
        replace(posterior, mean=mean),
        Status.CONVERGED if found.settled else Status.MAX_ITER,
        found.n_iter,
        -found.history[-1] if found.history else -0.5 * float(moments.yy.sum()),
        tuple(found.history[1:]),
        {
            "representation": left,
            "singular_values": spread * np.sqrt(noise),
            "rank_scores": scores,
            "outlier_scores": np.zeros(0),
            "task_precision": precision,
            "moves": np.array(found.moves),
        },
    )


def _fit(moments: Moments, rank: int, method: str, params: Mapping[str, Any]) -> SubspaceFit:
    if rank == 0:
        d, n_tasks = moments.n_features, moments.n_tasks
        return SubspaceFit(np.zeros((d, 0)), np.zeros((n_tasks, 0)), 0, True, (), ())
    return METHODS[method](moments, rank, **params)


def _ranks(moments: Moments, method: str, params: Mapping[str, Any]) -> Iterator[LeastSquares]:
    for rank in range(min(moments.n_features, moments.n_tasks) + 1):
        found = _fit(moments, rank, method, params)
        yield LeastSquares(found.coef, _noise(moments, found))


def _noise(moments: Moments, found: SubspaceFit) -> float:
    """Residual variance; basis and heads use up ``k (d + T - k)`` degrees of freedom, where there are as many."""
    rss = float(task_losses(moments, found.basis, found.heads).sum())
    k = found.heads.shape[1]
    freedom = max(moments.degrees_of_freedom, 1.0)
    left = max(freedom - k * (moments.n_features + moments.n_tasks - k), 0.1 * freedom)
    return float(max(rss / left, NOISE_FLOOR))


def _population(study: Study, basis: FloatArray, *, turns: int = 20) -> Fit:
    """Evidence fit with the span of the loadings held at a basis: EM for the covariance of the heads."""
    model = study.model(0.0)
    k = basis.shape[1]
    ridge = start_of_rank(study, 0)[2]
    state = model.weigh(basis * np.sqrt(1e3 * ridge), ridge)
    for _ in range(turns if k else 0):
        inner = np.linalg.inv(state.loadings.T @ study.moments.times(state.loadings) + np.eye(k))
        spread = state.heads.T @ state.heads / (len(state.heads) * state.noise) + inner.mean(axis=0)
        loadings = state.loadings @ np.linalg.cholesky(spread + tiny(spread))
        moved = model.weigh(loadings, best_ridge(state)[0])
        gain, state = moved.value - state.value, moved
        if abs(gain) < 1e-3 * study.moments.n_tasks:
            break
    return Fit(study, model, state)
