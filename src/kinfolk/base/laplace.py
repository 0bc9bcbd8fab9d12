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

_STEPS = 50
_SETTLED = 1e-9  # change of a linear predictor


def laplace_posterior(prior: GaussianPrior, data: TaskData, eta: FloatArray | None = None) -> Posterior:
    """Condition the tasks of ``data`` (targets 0 and 1) on their rows.

    Each Newton step is the Gaussian posterior given working responses ``eta + (y - p) / h`` of variance ``1 / h``, with
    ``h = p (1 - p)``; a task's step is halved while it moves its linear predictors further than the last one did.

    Parameters
    ----------
    prior : GaussianPrior
        With the intercept among the coefficients (``intercept_variance`` None).
    data : TaskData
    eta : (n,) array, optional
        Linear predictors to start from; default those of the population.
    """
    eta = prior.predict(data.X) if eta is None else eta
    codes = data.codes
    last = np.full(data.n_tasks, np.inf)
    for _ in range(_STEPS):
        step = _working_posterior(prior, data, eta)
        move = step.mean[codes, 0] + np.einsum("nd,nd->n", data.X, step.mean[codes, 1:]) - eta
        size = np.sqrt(sum_by_task(move**2, codes, data.n_tasks))
        share = np.where(size > 0.9 * last, 0.5, 1.0)
        eta = eta + share[codes] * move
        last = size
        if float(size.max(initial=0.0)) < _SETTLED:
            break
    final = _working_posterior(prior, data, eta)
    return Posterior(final.mean, final.noise_variance, prior, given_covariance=final.covariance)


def _working_posterior(prior: GaussianPrior, data: TaskData, eta: FloatArray) -> Posterior:
    p = expit(np.clip(eta, -30.0, 30.0))
    curvature = p * (1.0 - p)
    weights = curvature if data.weights is None else curvature * data.weights
    working = replace(data, y=eta + (data.y - p) / curvature, weights=weights)
    return prior.condition(working.moments(), 1.0)


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
