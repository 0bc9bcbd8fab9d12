"""The evidence method from moments to a result: noise, rank, loadings, variances, outlier tasks, posterior."""

from dataclasses import replace
from functools import partial
from numbers import Integral

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import between_tasks, idle_features, intercepts
from kinfolk.base.task_noise import task_precision
from kinfolk.representation.fit import (
    Fit,
    Study,
    first_fit,
    fit_rank,
    own_gain,
    profile_price,
    ranks,
    refine,
    start_of_rank,
)
from kinfolk.representation.own import WORTH
from kinfolk.representation.prior import prior_of
from kinfolk.representation.rank import Folds, criterion, cross_validate, identified_rank, marginal_bic, squared_error
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
        With details ``representation, singular_values, rank_scores, outlier_scores, task_precision, moves``.
    """
    precision: FloatArray = np.ones(moments.n_tasks)
    if per_task_noise:
        precision = _precision(first_fit(Study(moments), tol=_ROUGH), moments)
    study = Study(moments.precise(precision) if per_task_noise else moments)
    scores: FloatArray = np.zeros(0)
    if isinstance(rank, Integral):
        fit = fit_rank(study, *start_of_rank(study, int(rank), robust=robust), rounds=max_iter, tol=tol)
    else:
        scores, start, profile = _choose(study, rank, max_rank, precision, robust)
        fit = _again(replace(study, profile=profile), start, max_iter, tol)
    fit = refine(fit, rounds=max_iter, tol=tol)
    for _ in range(2 if per_task_noise else 0):
        precision = _precision(fit, moments)
        fit = _again(Study(moments.precise(precision), profile=fit.study.profile), fit, max_iter, tol)
    if robust:
        fit = downweight(fit, rounds=max_iter, tol=tol)
    return _result(fit, moments, precision, scores, robust=robust)


def _precision(fit: Fit, moments: Moments) -> FloatArray:
    """Precision of each task's noise from the residuals of a fit (whose squares may have been weighted)."""
    centred = moments.y_mean - (moments.x_mean * fit.slopes).sum(axis=1)
    return task_precision(squared_error(moments, fit.slopes, centred), moments.n - 1.0 - fit.leverage)


def _choose(
    study: Study, rank: Folds | str | int | None, max_rank: int, precision: FloatArray, robust: bool
) -> tuple[FloatArray, Fit, FloatArray | None]:
    """Scores of the ranks that were tried, a fit to start from, and the profile of what tasks have of their own.

    The path of ranks is walked with the same variance for every coefficient. Where tasks turn out to have something of
    their own, and a variance for each coefficient is worth its price at rank 0, it is walked once more with those, and
    the information criterion chooses.
    """
    path = partial(robust_ranks if robust else ranks, rounds=2, tol=_ROUGH)

    def walk(profile: FloatArray | None) -> tuple[FloatArray, Fit]:
        if isinstance(rank, Folds):
            paths = [path(Study(part.precise(precision), profile=profile)) for part in rank.training]
            scores, fits = cross_validate(paths, rank, max_rank, precision=precision, capped=robust)
            return scores, fits[0]
        return marginal_bic(path(replace(study, profile=profile)), identified_rank(study.moments, max_rank))

    if rank is None:
        return np.zeros(0), first_fit(study, tol=_ROUGH), None
    scores, fit = walk(None)
    if own_gain(fit) > WORTH:
        profile = refine(first_fit(study, tol=_ROUGH), rounds=2, tol=_ROUGH).study.profile
        if profile is not None:
            other_scores, other = walk(profile)
            if criterion(other) + 2.0 * profile_price(study) < criterion(fit):
                return other_scores, other, profile
    return scores, fit, None


def _again(study: Study, fit: Fit, max_iter: int, tol: float) -> Fit:
    state = fit.state
    return fit_rank(study, state.loadings, state.own, state.ridge, rounds=max_iter, tol=tol)


def _with_task_level(fit: Fit, moments: Moments, noise: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Slopes, their population mean, and (d, d) root of its covariance, with features that describe whole tasks.

    A feature that is constant within every task says nothing of slopes; its coefficient is the same for all tasks and
    learned from the task means. Where there is no such feature the root is None.
    """
    idle = idle_features(moments)
    slopes, mean = fit.slopes.copy(), fit.state.mean.copy()
    Z = moments.x_mean[:, idle]
    if moments.n_tasks < 4 or not np.ptp(Z, axis=0).any():
        return slopes, mean, None
    slopes[:, idle] = 0.0
    offsets = moments.y_mean - (moments.x_mean * slopes).sum(axis=1)
    gamma, covariance = between_tasks(offsets, Z, moments.n, noise)
    slopes[:, idle] = mean[idle] = gamma
    root = np.zeros((len(mean), len(mean)))
    values, vectors = np.linalg.eigh(covariance)
    root[np.ix_(idle, idle)] = vectors * np.sqrt(np.maximum(values, 0.0))
    return slopes, mean, root


def _result(fit: Fit, moments: Moments, precision: FloatArray, scores: FloatArray, *, robust: bool) -> FitResult:
    state = fit.state
    left, spread, _ = np.linalg.svd(state.loadings, full_matrices=False)
    freedom = max(moments.degrees_of_freedom, 1.0)
    d, k = state.loadings.shape
    # the loadings use up k (d - k) degrees of freedom that the profiled noise does not know of
    noise = state.noise * min(freedom / max(freedom - k * (d - k), 1.0), 2.0)
    each = noise / precision
    slopes, mean, mean_factor = _with_task_level(fit, moments, each)
    _, center, variance = intercepts(slopes, moments, each)
    prior = prior_of(fit, left * spread * np.sqrt(noise), noise, center, variance)
    if mean_factor is not None:
        mean_factor = np.concatenate((prior.mean_factor, np.concatenate((np.zeros((1, d)), mean_factor))), axis=1)
        mean_factor[1:, : prior.mean_factor.shape[1]][idle_features(moments)] = 0.0
        prior = replace(prior, mean=np.concatenate(([center], mean)), mean_factor=mean_factor)
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
            "singular_values": spread * np.sqrt(noise),
            "rank_scores": scores,
            "outlier_scores": found,
            "task_precision": precision,
            "moves": np.array(fit.moves),
        },
    )
