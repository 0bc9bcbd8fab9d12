r"""Losses of one row with target y and prediction z: value, derivatives, and the proximal map of ADMM.

The proximal map is :math:`\operatorname{argmin}_z l(y, z) + (z - u)^2 / (2 k)`, in closed form for all but the logistic
loss, which Newton's method solves directly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray

REGRESSION, CLASSIFICATION = ("squared", "huber", "lad"), ("logistic", "hinge")


@dataclass(frozen=True)
class Loss:
    """One loss.

    Attributes
    ----------
    name : {"squared", "huber", "lad", "logistic", "hinge"}
    delta : float
        Where Huber's loss turns from a square to a line.
    """

    name: str
    delta: float = 1.0

    def value(self, y: FloatArray, z: FloatArray) -> FloatArray:
        """``(n,)``; classes are 0 and 1."""
        r = z - y
        size = np.abs(r)
        if self.name == "squared":
            return 0.5 * r**2
        if self.name == "huber":
            return np.where(size <= self.delta, 0.5 * r**2, self.delta * (size - 0.5 * self.delta))
        if self.name == "lad":
            return size
        margin = (2.0 * y - 1.0) * z
        return np.logaddexp(0.0, -margin) if self.name == "logistic" else np.maximum(1.0 - margin, 0.0)

    def slope(self, y: FloatArray, z: FloatArray) -> FloatArray:
        """Derivative by z; at a kink the middle."""
        r = z - y
        if self.name == "squared":
            return r
        if self.name == "huber":
            return np.clip(r, -self.delta, self.delta)
        if self.name == "lad":
            return np.sign(r)
        if self.name == "logistic":
            return np.asarray(expit(z) - y)
        sign = 2.0 * y - 1.0
        steep: FloatArray = -sign * np.heaviside(1.0 - sign * z, 0.5)
        return steep

    def curvature(self, y: FloatArray, z: FloatArray) -> FloatArray:
        """Second derivative by z, off the kinks."""
        if self.name == "squared":
            return np.ones(len(y))
        if self.name == "huber":
            return (np.abs(z - y) <= self.delta).astype(float)
        if self.name == "logistic":
            p = expit(z)
            return np.asarray(p * (1.0 - p))
        return np.zeros(len(y))

    def prox(self, y: FloatArray, u: FloatArray, k: float) -> FloatArray:
        """Proximal map with step k."""
        if self.name == "hinge":
            sign = 2.0 * y - 1.0
            margin = sign * u
            return np.where(margin >= 1.0, u, np.where(margin <= 1.0 - k, u + k * sign, sign))
        r = u - y
        if self.name == "squared":
            return np.asarray(y + r / (1.0 + k))
        if self.name == "lad":
            return np.asarray(y + np.sign(r) * np.maximum(np.abs(r) - k, 0.0))
        inside = np.abs(r) <= self.delta * (1.0 + k)
        shrunk: FloatArray = y + np.where(inside, r / (1.0 + k), r - k * self.delta * np.sign(r))
        return shrunk
