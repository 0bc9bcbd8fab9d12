r"""Noise that differs from task to task, each task's estimate squeezed towards the others by evidence.

With :math:`s_t^2` the residual variance of task t on :math:`f_t` degrees of freedom, :math:`s_t^2 \sim \sigma_t^2
\chi^2_{f_t} / f_t` and :math:`1 / \sigma_t^2 \sim \chi^2_{f_0} / (f_0 s_0^2)`, the posterior mean of the precision is

.. math:: 1 / \hat\sigma_t^2 = (f_0 + f_t) / (f_0 s_0^2 + f_t s_t^2),

with :math:`f_0, s_0^2` from the moments of :math:`\log s_t^2` (Smyth 2004, *Stat. Appl. Genet. Mol. Biol.* 3, section
6.2). Tasks of equal noise give :math:`f_0 = \infty`, and then all have the common variance.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from kinfolk._typing import FloatArray

_FEW = 0.5  # degrees of freedom below which a task's residuals say nothing of its noise


def task_precision(rss: FloatArray, freedom: FloatArray) -> FloatArray:
    """Precision of each task's noise ``(T,)``, relative to the geometric mean over tasks.

    Parameters
    ----------
    rss : (T,) array
        Residual sums of squares.
    freedom : (T,) array
        Degrees of freedom that are left in each.
    """
    told = (freedom > _FEW) & (rss > 0.0)
    if told.sum() < 2:
        return np.ones(len(rss))
    f0, s0 = squeeze(rss[told] / freedom[told], freedom[told])
    if np.isinf(f0):
        return np.ones(len(rss))
    variance = (f0 * s0 + np.where(told, rss, 0.0)) / (f0 + np.where(told, freedom, 0.0))
    return np.asarray(np.exp(np.mean(np.log(variance))) / variance)


def squeeze(variances: FloatArray, freedom: FloatArray) -> tuple[float, float]:
    """Prior degrees of freedom ``f_0`` (maybe infinite) and variance ``s_0^2`` from residual variances of tasks."""
    half = 0.5 * freedom
    logs = np.log(variances) - digamma(half) + np.log(half)
    center = float(logs.mean())
    excess = float(np.var(logs, ddof=1) - polygamma(1, half).mean())
    if excess <= 1e-6:
        return np.inf, float((variances * freedom).sum() / freedom.sum())
    half_prior = float(brentq(lambda at: float(polygamma(1, at)) - excess, 1e-8, 1e8))
    return 2.0 * half_prior, float(np.exp(center + digamma(half_prior) - np.log(half_prior)))
