"""Intercepts of the tasks given their slopes, shrunken towards their population by evidence."""

import numpy as np
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray
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
