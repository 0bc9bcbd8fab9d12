r"""Posterior of logistic tasks under a known Gaussian prior, by Laplace's method.

.. math:: P(y_{ti} = 1) = \operatorname{sigmoid}(a_t + x_{ti}^\top w_t), \qquad u_t = (a_t, w_t) \sim N(m, S) .

The posterior of each task is approximated by the Gaussian at its mode, with the curvature there (Rasmussen and Williams
2006, section 3.4).
"""

from dataclasses import replace

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray, IntArray
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.tasks import TaskData, sum_by_task

_STEPS, _HALVINGS = 100, 40
_SETTLED = 1e-9  # change of a linear predictor
_ROUNDING = 1e-10  # of the log posterior
_FLAT = 20.0  # log-odds beyond which curvature is that here: working responses keep half of their digits


def laplace_posterior(prior: GaussianPrior, data: TaskData, eta: FloatArray | None = None) -> Posterior:
    r"""Condition the tasks of ``data`` (targets 0 and 1) on their rows.

    Newton's method: a step is the Gaussian posterior given working responses ``eta + (y - p) / h`` of variance
    ``1 / h``, with ``h = p (1 - p)``, and is halved task by task until it raises the log posterior. With
    :math:`u = m + S X^\top r` that is :math:`\log p(y \mid \eta) - \tfrac12 (\eta - X m)^\top r`, linear predictors and
    r moving together (Rasmussen and Williams 2006, algorithm 3.1), whether or not S has an inverse.

    Parameters
    ----------
    prior : GaussianPrior
        With the intercept among the coefficients (``intercept_variance`` None).
    data : TaskData
    eta : (n,) array, optional
        Linear predictors to start from; default those of the population.
    """
    center, codes = prior.predict(data.X), data.codes
    at, r = (center if eta is None else eta), np.zeros(len(center))
    value = _log_posterior(data, at, center, r) if eta is None else np.full(data.n_tasks, -np.inf)
    for _ in range(_STEPS):
        there, gradient, curvature = _newton(prior, data, at)
        step = linear_predictor(there.mean[:, 1:], there.mean[:, 0], data.X, codes) - at
        turn = gradient - curvature * step - r
        share = np.ones(data.n_tasks)
        for _ in range(_HALVINGS):
            each = share[codes]
            reached = _log_posterior(data, at + each * step, center, r + each * turn)
            worse = reached < value - _ROUNDING * (1.0 + np.abs(value))
            if not worse.any():
                break
            share[worse] *= 0.5
        at, r, value = at + each * step, r + each * turn, reached
        if float(np.abs(each * step).max(initial=0.0)) < _SETTLED:
            break
    final, _, _ = _newton(prior, data, at)
    return Posterior(final.mean, final.noise_variance, prior, given_covariance=final.covariance)


def _newton(prior: GaussianPrior, data: TaskData, eta: FloatArray) -> tuple[Posterior, FloatArray, FloatArray]:
    """The Gaussian posterior at some linear predictors; gradient and curvature of the log likelihood of each row."""
    clipped = expit(np.clip(eta, -_FLAT, _FLAT))
    curvature, gradient = clipped * (1.0 - clipped), data.y - expit(eta)
    weights = curvature if data.weights is None else curvature * data.weights
    working = replace(data, y=eta + gradient / curvature, weights=weights)
    return prior.condition(working.moments(), 1.0), gradient * (weights / curvature), weights


def _log_posterior(data: TaskData, eta: FloatArray, center: FloatArray, r: FloatArray) -> FloatArray:
    """Of each task, ``(T,)``, up to a constant."""
    told = -np.logaddexp(0.0, (1.0 - 2.0 * data.y) * eta)
    if data.weights is not None:
        told = data.weights * told
    return sum_by_task(told - 0.5 * (eta - center) * r, data.codes, data.n_tasks)


def averaged(eta: FloatArray, variance: FloatArray) -> FloatArray:
    r"""Log-odds of the probability averaged over the posterior, :math:`\eta / \sqrt{1 + \pi s^2 / 8}` (MacKay 1992)."""
    moderated: FloatArray = eta / np.sqrt(1.0 + np.pi / 8.0 * variance)
    return moderated


def averages(posterior: Posterior, data: TaskData) -> bool:
    r"""Whether probabilities are better averaged over the posterior than taken at its mode, by rows left out.

    Without row i its linear predictor has mean :math:`\eta_i + v_i (p_i - y_i) / (1 - h_i v_i)` and variance
    :math:`v_i / (1 - h_i v_i)`, to a Newton step, with v the posterior variance and :math:`h = p (1 - p)`. The mode is
    taken where its log-loss is smaller by two standard errors and a tenth (a step is off by a few percent): where
    classes are nearly separated and the posterior is wide.

    Parameters
    ----------
    posterior : Posterior
        Of tasks with intercepts among the coefficients, ``(T, d + 1)``, by Laplace's method.
    data : TaskData
        The rows it was learned from, targets 0 and 1.
    """
    eta = linear_predictor(posterior.mean[:, 1:], posterior.mean[:, 0], data.X, data.codes)
    variance = posterior.predictive_variance(data.X, data.codes)
    p = expit(np.clip(eta, -30.0, 30.0))
    stretch = variance / np.maximum(1.0 - p * (1.0 - p) * variance, 1e-10)
    without = eta + stretch * (p - data.y)
    sign = 1.0 - 2.0 * data.y
    mixed = np.logaddexp(0.0, sign * averaged(without, stretch))
    weights = np.ones(len(eta)) if data.weights is None else data.weights
    gain = weights * (mixed - np.logaddexp(0.0, sign * without))
    least = max(2.0 * float(np.sqrt((gain**2).sum())), 0.1 * float(weights @ mixed))
    return float(gain.sum()) <= least


def linear_predictor(coef: FloatArray, intercept: FloatArray, X: FloatArray, codes: IntArray) -> FloatArray:
    """``a_t + x' w_t`` (n,) of every row with the model of its task."""
    eta: FloatArray = intercept[codes] + np.einsum("nd,nd->n", X, coef[codes])
    return eta
