r"""Outlier tasks: found by what the shared directions leave unexplained, and kept from bending what others share.

With :math:`R_t` the residual sum of squares of task t about its least-squares head on :math:`f_t = n_t - 1 - k`
degrees of freedom, and :math:`s^2` the median of :math:`R_t / f_t`,

.. math:: z_t = (R_t / s^2 - f_t) / \sqrt{2 f_t},

which is about standard normal for a task that shares the directions. In rounds r = 0, ..., 5 a task counts fully where
:math:`z_t \le c_r = \max(3, 8 - 2 r)` and :math:`(c_r / z_t)^4` beyond. Where tasks share only approximately the spread
of z is more than one, and z is divided by it (the median absolute deviation), so that heterogeneity alone makes no
outliers.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray, IntArray
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.representation.fit import Fit, Study, first_fit, fit_rank, next_fit
from kinfolk.tasks import Moments

_ROUNDS = 6
_FLAGGED = 4.0  # scores from which a task gets a prior of its own


def outlier_scores(moments: Moments, loadings: FloatArray, mean: FloatArray) -> FloatArray:
    """``z_t`` of every task ``(T,)``; 0 where a task has too few rows to be told."""
    k = loadings.shape[1]
    pulls = moments.b - moments.times(mean[:, None])[:, :, 0]
    about_mean = moments.yy - ((moments.b + pulls) @ mean)
    basis = np.linalg.qr(loadings)[0]
    gram = basis.T @ moments.times(basis)
    gram += 1e-9 * np.maximum(np.trace(gram, axis1=1, axis2=2), 1e-300)[:, None, None] * np.eye(k)
    reach = pulls @ basis
    rss = np.maximum(about_mean - (reach * np.linalg.solve(gram, reach[:, :, None])[:, :, 0]).sum(axis=1), 0.0)
    freedom = moments.n - 1.0 - k
    told = freedom >= 1.0
    scores = np.zeros(moments.n_tasks)
    if not told.any():
        return scores
    typical = max(float(np.median(rss[told] / freedom[told])), 1e-300)
    scores[told] = (rss[told] / typical - freedom[told]) / np.sqrt(2.0 * freedom[told])
    center = float(np.median(scores[told]))
    spread = 1.4826 * float(np.median(np.abs(scores[told] - center)))
    scores[told] = (scores[told] - center) / max(spread, 1.0)
    return scores


def downweight(fit: Fit, *, rounds: int = 2, tol: float) -> Fit:
    """Fit again with outlier tasks counting less and less."""
    moments = fit.study.moments
    for r in range(_ROUNDS):
        state = fit.state
        scores = outlier_scores(moments, state.loadings, state.mean)
        limit = max(3.0, 8.0 - 2.0 * r)
        weights = np.where(scores <= limit, 1.0, (limit / np.maximum(scores, limit)) ** 4)
        if fit.study.weights is not None and np.allclose(weights, fit.study.weights, atol=1e-3):
            break
        study = replace(fit.study, weights=weights)
        fit = fit_rank(study, state.loadings, state.own, state.ridge, rounds=rounds, tol=tol)
    return fit


def robust_ranks(study: Study, *, rounds: int, tol: float) -> Iterator[Fit]:
    """Fits of rank 0, 1, 2, ..., outlier tasks counting less, each from where the last one ended."""
    fit = first_fit(study, tol=tol)
    while True:
        fit = downweight(fit, rounds=rounds, tol=tol)
        yield fit
        fit = next_fit(fit, rounds=rounds, tol=tol)


def outlier_posterior(prior: GaussianPrior, moments: Moments, noise: FloatArray, outliers: IntArray) -> Posterior:
    r"""Posterior in which each outlier task has the prior :math:`N(\mu, B \Gamma B^\top + \tau_t^2 I)`.

    :math:`\tau_t^2` maximises the task's own marginal likelihood; it is at least the common :math:`\tau^2`.
    """
    common = prior.condition(moments, noise)
    if not len(outliers):
        return common
    mean, covariance = common.mean.copy(), common.covariance.copy()
    for t in outliers:  # few by definition
        own = moments.take(np.array([t]))
        scale = prior.scale.copy()
        scale[1:] = np.sqrt(scale[1:] ** 2 + _own_variance(prior, own, float(noise[t])))
        alone = replace(prior, scale=scale).condition(own, float(noise[t]))
        mean[t], covariance[t] = alone.mean[0], alone.covariance[0]
    return Posterior(mean, noise, prior, given_covariance=covariance)


def is_outlier(scores: FloatArray) -> IntArray:
    """Indices of the tasks whose score is beyond what the others show."""
    return np.flatnonzero(scores > _FLAGGED)


def _own_variance(prior: GaussianPrior, moments: Moments, noise: float) -> float:
    """The additional variance of all coefficients with the largest marginal likelihood of one task's rows."""
    factor = moments.factor()
    rows = factor.rows[0]
    residual = factor.targets[0] - rows @ prior.mean[1:]
    base = noise * np.eye(len(rows)) + (rows @ prior.root[1:]) @ (rows @ prior.root[1:]).T
    kernel = rows @ rows.T

    def loss(log_variance: float) -> float:
        covariance = base + np.exp(log_variance) * kernel
        return float(np.linalg.slogdet(covariance)[1] + residual @ np.linalg.solve(covariance, residual))

    typical = np.log(noise / max(float(np.trace(kernel)) / max(len(kernel), 1), 1e-300))
    found = minimize_scalar(loss, bounds=(typical - 12.0, typical + 20.0), method="bounded")
    return float(np.exp(found.x))
