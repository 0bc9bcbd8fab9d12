r"""Coupled ridge at the estimated penalty, each row left out in turn: what is measured beside what is predicted.

The coefficients of task t are its posterior means under the exchangeable prior, with variances in units of the noise

.. math:: \Omega_t = o M_t + M_t P^{-1} M_t, \qquad \hat w_t = o M_t b_t + M_t P^{-1} h

(M, P, h as in `kinfolk.theory.likelihood`). The fit is linear in y, so that the residual of a row that is left out is
:math:`r_i / (1 - 1 / n_t - x_i^\top \Omega_t x_i)`, exactly, intercepts included. Under the model its variance is
:math:`D / (1 - 1 / n_t - x_i^\top \Omega_t x_i)`: the error that these very rows promise, whatever their distribution,
of tasks coupled, and of each alone with :math:`\Omega_t = (o + q) (I + (o + q) S_t)^{-1}`. One pooled model has the
noise :math:`D + h` and :math:`\Omega = (\sum_t S_t + p (D + h) / g\, I)^{-1}`, g and h as in `kinfolk.theory.excess`.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.theory.likelihood import Likelihood
from kinfolk.theory.whitening import Rows


@dataclass(frozen=True, eq=False)
class LeftOut:
    r"""Coefficients, and residuals of rows that are left out.

    Attributes
    ----------
    coef : (T, p) array
        Of whitened features.
    residuals : (n,) array
        NaN for the only row of a task.
    promised : (3, T) array
        Means over the rows of a task of that variance, in units of the noise and less one: alone, coupled and pooled.
        NaN for tasks of one row.
    score_variance : float
        Mean over rows of the posterior second moment of scores :math:`x^\top w`.
    score_kurtosis : float
        Fourth moment of fitted scores over the square of the second; 3 if they are Gaussian.
    """

    coef: FloatArray
    residuals: FloatArray
    promised: FloatArray
    score_variance: float
    score_kurtosis: float


def leave_one_out(rows: Rows, likelihood: Likelihood, theta: FloatArray, *, intercepts: bool = True) -> LeftOut:
    """Fit with these variances, and leave rows out.

    Parameters
    ----------
    rows : Rows
    likelihood : Likelihood
        Of these rows.
    theta : (3,) array
        The logarithms of D, p o and p q.
    intercepts : bool, default=True
        Whether errors of intercepts are part of what is promised.
    """
    p = likelihood.p
    o, q = np.exp(theta[1:]) / p
    M = 1.0 / (1.0 + o * likelihood.values)
    vectors, flat = likelihood.vectors, likelihood.vectors.transpose(0, 2, 1).reshape(-1, p)
    precision = (flat.T * (likelihood.values * M).ravel()) @ flat + np.eye(p) / q
    covariance = np.linalg.inv(precision)
    common = covariance @ (flat.T @ (likelihood.pulls * M).ravel())
    turned = common @ vectors  # (T, p), in the axes of each task
    coef = (vectors @ (M * (o * likelihood.pulls + turned))[:, :, None])[:, :, 0]
    order, bounds = rows.order
    residuals, promised = np.empty(len(rows.y)), np.full((3, len(coef)), np.nan)
    fitted, unknown = np.empty(len(rows.y)), 0.0
    alone = (o + q) / (1.0 + (o + q) * likelihood.values)
    shares = rows.counts / len(rows.y)
    shared = q + o * float(shares @ shares)
    together = (flat.T * likelihood.values.ravel()) @ flat
    pooled = np.linalg.inv(together + np.eye(p) * (1.0 + p * (o + q - shared)) / shared)
    for t in range(len(coef)):
        here = order[bounds[t] : bounds[t + 1]]
        X = rows.X[here]
        axes = X @ vectors[t]
        through = (axes * M[t]) @ vectors[t].T
        leverage = o * (axes**2 @ M[t]) + ((through @ covariance) * through).sum(axis=1)
        scores = X @ coef[t]
        fitted[here], unknown = scores, unknown + float(np.exp(theta[0]) * leverage.sum())
        if len(here) == 1:
            residuals[here] = np.nan
            continue
        own = 1.0 / len(here)
        leverages = np.stack((axes**2 @ alone[t], leverage, ((X @ pooled) * X).sum(axis=1)))
        residuals[here] = (rows.y[here] - scores) / (1.0 - own - leverage)
        promised[:, t] = (1.0 / (1.0 - intercepts * own - leverages)).mean(axis=1) - 1.0
    power = float((fitted**2).sum())
    kurtosis = len(fitted) * float((fitted**4).sum()) / max(power, 1e-300) ** 2
    return LeftOut(coef, residuals, promised, (power + unknown) / rows.freedom, kurtosis)
