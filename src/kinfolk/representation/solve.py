"""The evidence method from moments to a result: noise, rank, loadings, variances, outlier tasks, posterior."""

from functools import partial
from numbers import Integral

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.representation.fit import Fit, Study, first_fit, fit_rank, ranks, start_of_rank
from kinfolk.representation.intercepts import intercepts
from kinfolk.representation.noise import task_precision
from kinfolk.representation.prior import prior_of
from kinfolk.representation.rank import Folds, cross_validate, marginal_bic
from kinfolk.representation.robust import downweight, is_outlier, outlier_posterior, outlier_scores, robust_ranks
from kinfolk.result import FitResult, Status
from kinfolk.tasks import Moments

_ROUGH = 1e-3  # tolerance while the rank is being chosen


def by_evidence(
    moments: Moments,
    rank: Folds | str | int | None,
    *,
    max_rank: int,
    per_task_noise: bool = False,
    robust: bool = False,
    max_iter: int = 100,
    tol: float = 1e-4,
) -> FitResult:
    """Shared representation by maximum marginal likelihood.

    Parameters
    ----------
    moments : Moments
        Of all rows, in standardised units.
    rank : Folds, "bic", int or None
        How to choose the dimension: cross-validation over these folds, the marginal information criterion, or given;
        None: 0.
    max_rank : int
        Largest rank that is tried.
    per_task_noise, robust : bool
        See `SharedRepresentationRegressor`.
    max_iter : int
        Most turns of the final fit between climbing in the loadings and re-estimating the variances.
    tol : float
        It ends when a turn changes the log marginal likelihood by less than ``tol (k + 1) (d + T)``.

    Returns
    -------
    FitResult
        With details ``representation, heads, singular_values, rank_scores, outlier_scores, task_precision, moves``.
    """
    precision: FloatArray = np.ones(moments.n_tasks)
    if per_task_noise:
        precision = task_precision(first_fit(Study(moments), tol=_ROUGH), precision)
    study = Study(moments.precise(precision) if per_task_noise else moments)
    scores, loadings, own, ridge = _start(study, rank, max_rank, precision, robust)
    fit = fit_rank(study, loadings, own, ridge, rounds=max_iter, tol=tol)
    for _ in range(2 if per_task_noise else 0):
        precision = task_precision(fit, precision)
        fit = _again(Study(moments.precise(precision)), fit, max_iter, tol)
    if robust:
        fit, _ = downweight(fit, rounds=max_iter, tol=tol)
    return _result(fit, moments, precision, scores, robust=robust)


def _start(
    study: Study, rank: Folds | str | int | None, max_rank: int, precision: FloatArray, robust: bool
) -> tuple[FloatArray, FloatArray, float, float]:
    """Scores of the ranks that were tried; loadings, rho and g from which the final fit climbs."""
    path = partial(robust_ranks if robust else ranks, rounds=2, tol=_ROUGH)
    if isinstance(rank, Integral):
        return np.zeros(0), *start_of_rank(study, int(rank), robust=robust)
    if isinstance(rank, Folds):
        paths = [path(Study(part.precise(precision))) for part in rank.training]
        scores, fits = cross_validate(paths, rank, max_rank, precision=precision, capped=robust)
        fit = fits[0]
    elif rank == "bic":
        scores, fit = marginal_bic(path(study), max_rank)
    else:
        scores, fit = np.zeros(0), first_fit(study, tol=_ROUGH)
    return scores, fit.state.loadings, fit.state.own, fit.state.ridge


def _again(study: Study, fit: Fit, max_iter: int, tol: float) -> Fit:
    state = fit.state
    return fit_rank(study, state.loadings, state.own, state.ridge, rounds=max_iter, tol=tol)


def _result(fit: Fit, moments: Moments, precision: FloatArray, scores: FloatArray, *, robust: bool) -> FitResult:
    state = fit.state
    left, spread, _ = np.linalg.svd(state.loadings, full_matrices=False)
    freedom = max(moments.degrees_of_freedom, 1.0)
    d, k = state.loadings.shape
    # the loadings use up k (d - k) degrees of freedom that the profiled noise does not know of
    noise = state.noise * min(freedom / max(freedom - k * (d - k), 1.0), 2.0)
    each = noise / precision
    _, center, variance = intercepts(fit.slopes, moments, each)
    prior = prior_of(fit, left * spread * np.sqrt(noise), noise, center, variance)
    found = outlier_scores(fit.study.moments, state.loadings, state.mean) if robust else np.zeros(0)
    posterior = outlier_posterior(prior, moments, each, is_outlier(found))
    return FitResult(
        posterior,
        Status.CONVERGED if fit.settled else Status.MAX_ITER,
        fit.n_steps,
        state.value,
        fit.history,
        {
            "representation": left,
            "heads": (fit.slopes - state.mean) @ left,
            "singular_values": spread * np.sqrt(noise),
            "rank_scores": scores,
            "outlier_scores": found,
            "task_precision": precision,
            "moves": np.array(fit.moves),
        },
    )
