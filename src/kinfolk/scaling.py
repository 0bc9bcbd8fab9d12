"""Standardised units, and the way back to the user's."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray

CONSTANT = 1e-12  # a column whose spread is below this share of its size is constant


@dataclass(frozen=True)
class Scaling:
    """Units of the data: ``x_scaled = (x - x_center) / x_scale`` and the same for y.

    Attributes
    ----------
    x_center, x_scale : (d,) arrays
        Weighted mean and standard deviation of each feature over all rows; a constant feature has scale 1.
    y_center, y_scale : float
        The same for the target.
    """

    x_center: FloatArray
    x_scale: FloatArray
    y_center: float
    y_scale: float

    @classmethod
    def fit(cls, X: FloatArray, y: FloatArray, weights: FloatArray | None, *, standardize: bool) -> "Scaling":
        """Units in which every feature (when ``standardize``) and the target have variance one."""
        x_center, x_spread = _center_and_spread(X, weights)
        y_center, y_spread = _center_and_spread(y[:, None], weights)
        return cls(x_center, x_spread if standardize else np.ones_like(x_spread), y_center[0], y_spread[0])

    def features(self, X: FloatArray) -> FloatArray:
        """Features in standardised units."""
        scaled = X - self.x_center
        scaled /= self.x_scale
        return scaled

    def target(self, y: FloatArray) -> FloatArray:
        """Target in standardised units."""
        return (y - self.y_center) / self.y_scale

    def coefficients(self, coef: FloatArray, intercept: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients ``(..., d)`` and intercepts ``(...,)`` in the user's units."""
        slopes = coef * (self.y_scale / self.x_scale)
        return slopes, self.y_center + self.y_scale * intercept - slopes @ self.x_center


def _center_and_spread(X: FloatArray, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and standard deviation of each column; spread 1 for a column that is constant up to rounding."""
    share = np.full(len(X), 1.0 / len(X)) if weights is None else weights / weights.sum()
    center = share @ X
    centred = X - center
    spread = np.sqrt(np.einsum("n,nd,nd->d", share, centred, centred))
    return center, np.where(spread > CONSTANT * np.abs(center), spread, 1.0)
