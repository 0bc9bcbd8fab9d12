"""Intercepts of the tasks given their slopes, shrunken towards their population by evidence."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.tasks import Moments


def intercepts(slopes: FloatArray, moments: Moments, noise: FloatArray | float) -> tuple[FloatArray, float, float]:
    """Intercepts ``(T,)`` given the slopes, and mean and variance of their population."""
    offsets = moments.y_mean - (moments.x_mean * slopes).sum(axis=1)
    center, variance = intercept_population(offsets, moments.n, noise)
    trust = moments.n * variance / (moments.n * variance + noise)
    return center + trust * (offsets - center), center, variance


def intercept_population(offsets: FloatArray, n: FloatArray, noise: FloatArray | float) -> tuple[float, float]:
    """Mean and variance of the population of intercepts: maximum likelihood of ``offset_t ~ N(m, v + noise / n_t)``."""
    heard = n > 0
    offsets, errors = offsets[heard], (noise / np.where(heard, n, 1.0))[heard]
    if len(offsets) < 2:  # one task says nothing about the spread: the spread of the target (1) is taken
        return float(offsets.mean()), 1.0

    def center(variance: float) -> float:
        weights = 1.0 / (variance + errors)
        return float(weights @ offsets / weights.sum())

    def loss(log_variance: float) -> float:
        variance = np.exp(log_variance)
        total = variance + errors
        return float(np.log(total).sum() + ((offsets - center(variance)) ** 2 / total).sum())

    spread = max(float(np.var(offsets)), 1e-12)
    found = minimize_scalar(loss, bounds=(np.log(1e-6 * spread), np.log(4.0 * spread)), method="bounded")
    variance = float(np.exp(found.x))
    return center(variance), variance


def idle_features(moments: Moments) -> BoolArray:
    """Features ``(d,)`` that do not vary within any task: only differences between tasks tell their coefficients."""
    within = (moments.rows**2).sum(axis=(0, 1)) if moments.rows is not None else np.diagonal(moments.total())
    idle: BoolArray = within <= 1e-10 * max(float(moments.n.sum()), 1.0)
    return idle


def between_tasks(
    offsets: FloatArray, Z: FloatArray, n: FloatArray, noise: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    r"""Coefficients ``(q,)`` of features that are constant within tasks, and their posterior covariance.

    .. math:: o_t \sim N(m + z_t^\top \gamma, v + \sigma_t^2 / n_t), \qquad \gamma \sim N(0, g I), \quad m \text{ flat},

    with v and g at the maximum of the restricted likelihood: the regression of a multilevel model on what describes a
    whole task (Raudenbush and Bryk 2002, *Hierarchical Linear Models*).

    Parameters
    ----------
    offsets : (T,) array
        Task means of the target less what the other features explain.
    Z : (T, q) array
    n : (T,) array
    noise : (T,) array or float
    """
    heard = n > 0
    errors = (noise / np.where(heard, n, 1.0))[heard]
    y, A = offsets[heard], np.column_stack((np.ones(int(heard.sum())), Z[heard]))
    q = A.shape[1] - 1

    def solve(log_v: float, log_g: float) -> tuple[float, FloatArray, FloatArray]:
        total = np.exp(log_v) + errors
        ridge = np.append(0.0, np.full(q, np.exp(-log_g)))
        covariance = np.linalg.pinv((A.T / total) @ A + np.diag(ridge), hermitian=True)
        beta = covariance @ (A.T @ (y / total))
        quad = float(((y - A @ beta) ** 2 / total).sum() + ridge @ beta**2)
        volume = float(np.log(total).sum()) + q * log_g - float(np.linalg.slogdet(covariance)[1])
        return quad + volume, beta, covariance

    spread = max(float(np.var(y)), 1e-12)
    width = max(float(np.var(Z[heard], axis=0).mean()), 1e-12)
    start = np.log([0.3 * spread, 0.3 * spread / width / q])
    end = minimize(lambda at: solve(*np.clip(at, start - 12.0, start + 12.0))[0], start, method="Nelder-Mead")
    _, beta, covariance = solve(*np.clip(end.x, start - 12.0, start + 12.0))
    return beta[1:], covariance[1:, 1:]
