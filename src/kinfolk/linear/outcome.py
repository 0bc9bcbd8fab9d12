r"""From a minimum to a posterior: what the coefficients are uncertain by, and what a new task is expected to be.

Squared loss: the coefficients are the posterior mean under the Gaussian prior of covariance ``sigma^2 K / p``, with
:math:`\sigma^2` the noise of restricted maximum likelihood. Logistic loss: Laplace's method. Huber's and the absolute
loss: the same with the loss divided by :math:`\tau = E \psi^2 / E \psi'` (the information of a row is then that of its
estimating equation, :math:`(E \psi')^2 / E \psi^2`; Huber 1964), and the noise variance is the mean squared residual.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercept_population
from kinfolk.base.laplace import laplace_posterior
from kinfolk.linear.arrow import Arrow
from kinfolk.linear.coupled import Coupled, effective_variance
from kinfolk.linear.evidence import square_root
from kinfolk.linear.held_out import mean_curvature
from kinfolk.linear.strengths import AnyCoupling, CommonMean
from kinfolk.linear.tuning import Judged, Problem
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.tasks import NOISE_FLOOR, Moments, TaskData


@dataclass(frozen=True)
class Information:
    """How much rows tell: ``temper`` divides the loss, ``noise`` is the variance of a row's working target."""

    temper: float
    noise: float
    observed: float


def regression_posterior(
    problem: Problem, fit: Judged, data: TaskData, scales: FloatArray
) -> tuple[Posterior, Information]:
    """Posterior of tasks with free intercepts; the problem's rows are the data's times ``scales`` (T,)."""
    moments, found = data.moments(), fit.found
    told = _information(problem, fit, moments)
    intercept = found.intercept / scales
    prior, own = _prior(fit, intercept, moments.n * scales**2, told)
    mean = np.concatenate((intercept[:, None], found.slopes), axis=1)
    noise = told.observed / scales**2
    if own is None and problem.loss.name == "squared":
        return Posterior(mean, noise, prior, moments), told
    each = told.noise / scales**2
    if own is None:
        return Posterior(mean, noise, prior, given_covariance=prior.covariance(moments, each)), told
    slopes = _coupled_covariance(problem, fit, own, told)
    covariance = prior.with_intercept_covariance(slopes, moments, each)
    return Posterior(mean, noise, prior, given_covariance=covariance), told


def class_posterior(problem: Problem, fit: Judged, data: TaskData) -> Posterior:
    """Posterior of tasks whose intercepts have a population, by Laplace's method."""
    found, spread = fit.found, problem.spread
    assert spread is not None
    told = Information(1.0, 1.0, 1.0)
    prior, own = _prior(fit, found.intercept, data.moments().n, told, spread)
    if own is None and problem.loss.name == "logistic":
        return laplace_posterior(prior, data, found.z)
    mean = np.concatenate((found.intercept[:, None], found.slopes), axis=1)
    if own is None:
        covariance = prior.covariance(_curved(problem, fit, data), np.ones(data.n_tasks))
    elif isinstance(found.system, Coupled) and found.system.factor is not None:
        covariance = found.system.blocks()
    else:
        covariance = _alone(_curved(problem, fit, data), own, spread)
    return Posterior(mean, np.ones(data.n_tasks), prior, given_covariance=covariance)


def _curved(problem: Problem, fit: Judged, data: TaskData) -> Moments:
    """Moments of the rows weighted by the curvature of their loss."""
    found, weights = fit.found, problem.rows.weights
    if problem.loss.name == "logistic":
        curvature = problem.loss.curvature(problem.y, found.z)
    else:
        curvature = np.full(len(weights), mean_curvature(problem.y, fit.z, problem.loss, weights))
    return TaskData(data.X, data.y, data.offsets, curvature * weights, data.scaling).moments()


def _information(problem: Problem, fit: Judged, moments: Moments) -> Information:
    found, weights = fit.found, problem.rows.weights
    freedom = moments.degrees_of_freedom
    if problem.loss.name == "squared":
        # the minimum is half of the quadratic form whose mean is freedom times the noise
        noise = max(2.0 * found.value / freedom, NOISE_FLOOR) if freedom > 0 else 1.0
        return Information(noise, noise, noise)
    z = found.z
    square = float(weights @ found.dual**2 / weights.sum())
    at = found.z if problem.loss.name == "huber" else fit.z
    curvature = mean_curvature(problem.y, at, problem.loss, weights)
    observed = float(weights @ (problem.y - z) ** 2) / freedom if freedom > 0 else 1.0
    temper = max(square / curvature, NOISE_FLOOR)
    return Information(temper, max(square / curvature**2, NOISE_FLOOR), max(observed, NOISE_FLOOR))


def _prior(
    fit: Judged, intercept: FloatArray, n: FloatArray, told: Information, spread: float | None = None
) -> tuple[GaussianPrior, FloatArray | None]:
    """Prior of a task never seen; and where the coupling is not a common mean, the variance of each task alone."""
    strengths, system, state = fit.strengths, fit.found.system, fit.found.state
    d = fit.found.slopes.shape[1]
    if isinstance(strengths, CommonMean):
        assert isinstance(system, Arrow)
        variance, own = strengths.own, None
        slopes, covariance = state[0][-d:], told.temper * system.mean_covariance
    else:
        assert isinstance(strengths, AnyCoupling)
        assert isinstance(system, Coupled)
        weight, variance = strengths.newcomer()
        slopes, covariance = weight * fit.found.slopes.sum(axis=0), told.temper * system.of_the_sum(weight)
        own = effective_variance(strengths.per_task, np.einsum("tjj->t", system.gram[:, -d:, -d:]) / d)
    scale = np.full(d + 1, np.sqrt(told.temper * variance))
    if spread is not None:
        scale[0] = np.sqrt(spread)
        center = float(state[0][0])
        known = square_root(covariance)
        return GaussianPrior(np.append(center, slopes), np.zeros((d + 1, 0)), scale, known), own
    center, width = intercept_population(intercept, n, told.noise)
    scale[0] = 0.0
    known = np.zeros((d + 1, d + 1))
    known[0, 0] = np.sqrt(width)
    known[1:, 1:] = square_root(covariance)
    mean = np.append(center, slopes)
    return GaussianPrior(mean, np.zeros((d + 1, 0)), scale, known, intercept_variance=np.inf), own


def _coupled_covariance(problem: Problem, fit: Judged, own: FloatArray, told: Information) -> FloatArray:
    """Covariances of slopes (T, d, d)."""
    system = fit.found.system
    assert isinstance(system, Coupled)
    curvature = told.temper / told.noise
    if system.factor is not None and curvature == 1.0:
        return np.asarray(told.noise * system.blocks())
    return np.asarray(told.temper * _ridged(curvature * problem.rows.own_gram, own))


def _ridged(gram: FloatArray, own: FloatArray) -> FloatArray:
    """``(G_t + I / own_t)^-1`` (T, d, d), also for ``own_t = 0``."""
    root = np.sqrt(own)[:, None, None]
    ridged: FloatArray = root * np.linalg.inv(np.eye(gram.shape[1]) + root * gram * root) * root
    return ridged


def _alone(moments: Moments, own: FloatArray, spread: float) -> FloatArray:
    """Covariances (T, D, D) of tasks alone with these prior variances, intercepts included."""
    d = moments.n_features
    joint = np.empty((moments.n_tasks, d + 1, d + 1))
    sums = moments.n[:, None] * moments.x_mean
    joint[:, 0, 0] = moments.n
    joint[:, 0, 1:] = joint[:, 1:, 0] = sums
    joint[:, 1:, 1:] = moments.primal() + sums[:, :, None] * moments.x_mean[:, None, :]
    root = np.sqrt(np.concatenate((np.full((len(own), 1), spread), np.tile(own[:, None], d)), axis=1))
    inner = np.eye(d + 1) + root[:, :, None] * joint * root[:, None, :]
    found: FloatArray = root[:, :, None] * np.linalg.inv(inner) * root[:, None, :]
    return found
