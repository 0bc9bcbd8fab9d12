r"""Marginal likelihood of the mixed model ``u_t ~ N(mu, s2 Omega)``, and its exact gradient.

With :math:`X_t` holding a column of ones for the intercept, the model of one task is

.. math:: y_t \sim N(X_t \mu,\; \sigma^2 (I + X_t \Omega X_t^\top)), \qquad
          \mu = (m, \bar w), \quad m \text{ flat}, \quad \bar w \sim N(0, \sigma^2 g I).

:math:`\mu` is integrated out (restricted likelihood) and :math:`\sigma^2` is profiled, so that only
:math:`\Omega` and :math:`g` are left. The gradient is that of the E-step (Fisher's identity); maximising it with
L-BFGS is the quasi-Newton acceleration of EM of Lange (1995), *Statistica Sinica* 5, and Jamshidian and Jennrich
(1997), *J. R. Statist. Soc. B* 59.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.posterior import joint_rows
from kinfolk.tasks import NOISE_FLOOR, Moments


@dataclass(frozen=True)
class Evidence:
    """Value and gradient of the restricted log marginal likelihood at one ``(Omega, g)``.

    Attributes
    ----------
    value : float
        Log marginal likelihood, up to a constant.
    score : (D, D) array
        ``2 d value / d Omega``.
    ridge_score : float
        ``d value / d log g``.
    noise : float
        The profiled noise variance.
    mean : (D,) array
        Posterior mean of mu.
    mean_covariance : (D, D) array
        Posterior covariance of mu, in units of ``noise``.
    """

    value: float
    score: FloatArray
    ridge_score: float
    noise: float
    mean: FloatArray
    mean_covariance: FloatArray


class MixedModel:
    """The data of all tasks, ready to be weighed at any ``(Omega, g)``."""

    def __init__(self, moments: Moments) -> None:
        factor_rows, factor_targets = joint_rows(moments)
        self.rows, self.targets = factor_rows, factor_targets
        self.n_tasks, self.n_coef = moments.n_tasks, moments.n_features + 1
        explained = (factor_targets**2).sum()
        total = (moments.yy + moments.n * moments.y_mean**2).sum()
        self.rest = max(float(total - explained), 0.0)
        self.freedom = max(float(moments.n.sum()) - 1.0, 1.0)

    def evidence(self, root: FloatArray, ridge: float) -> Evidence:
        """Weigh ``Omega = root root'`` (``root`` is (D, q)) and the ridge ``g`` on the population coefficients."""
        rows, targets = self.rows, self.targets
        loaded = rows @ root
        inner = np.eye(rows.shape[1]) + loaded @ loaded.transpose(0, 2, 1)
        log_volume = float(np.linalg.slogdet(inner)[1].sum())
        solved = np.linalg.solve(inner, np.concatenate((rows, targets[:, :, None]), axis=2))
        information = rows.transpose(0, 2, 1) @ solved  # X_t' V_t^-1 [X_t, y_t]
        H, h = information[:, :, :-1], information[:, :, -1]
        precision = H.sum(axis=0)
        slopes = np.arange(1, self.n_coef)
        precision[slopes, slopes] += 1.0 / ridge
        covariance = np.linalg.inv(precision)
        covariance = 0.5 * (covariance + covariance.T)
        log_volume += float(np.linalg.slogdet(precision)[1]) + (self.n_coef - 1) * np.log(ridge)
        mean = covariance @ h.sum(axis=0)
        residual = targets - rows @ mean
        weighted = solved[:, :, -1] - solved[:, :, :-1] @ mean
        population = float(mean[1:] @ mean[1:]) / ridge
        quad = self.rest + float((residual * weighted).sum()) + population
        noise = max(quad / self.freedom, NOISE_FLOOR)
        pulls = h - H @ mean
        trace = precision_loss(H, covariance)
        return Evidence(
            value=-0.5 * (self.freedom * np.log(noise) + log_volume),
            score=pulls.T @ pulls / noise - trace,
            ridge_score=0.5 * (population / noise + float(covariance[slopes, slopes].sum()) / ridge - len(slopes)),
            noise=noise,
            mean=mean,
            mean_covariance=covariance,
        )


def precision_loss(H: FloatArray, covariance: FloatArray) -> FloatArray:
    """``sum_t (H_t - H_t covariance H_t)``, ``(D, D)``."""
    corrected = np.tensordot(H @ covariance, H, axes=((0, 2), (0, 1)))
    loss: FloatArray = H.sum(axis=0) - corrected
    return loss


def square_root(covariance: FloatArray) -> FloatArray:
    """``M`` with ``M M' = covariance``, negative eigenvalues (rounding) left out."""
    values, vectors = np.linalg.eigh(covariance)
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
