"""Forms that the covariance of random coefficients may take, each with its parameters theta."""

from typing import Self

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.linear.evidence import Evidence

SMALLEST, LARGEST = -18.0, 18.0  # bounds on log variances relative to the noise


class Grouped:
    """Diagonal covariance whose variances are equal within groups of coefficients; theta holds their logs.

    Parameters
    ----------
    groups : (D,) integers
        Group of each coefficient; -1: the coefficient has no variance, exactly.
    start : (D,) array
        Log variances to start from.
    """

    def __init__(self, groups: IntArray, start: FloatArray) -> None:
        self.groups = groups
        present = [groups == group for group in range(int(groups.max(initial=-1)) + 1)]
        self.start: FloatArray = np.array([float(start[members].mean()) for members in present])
        self.bounds = [(SMALLEST, LARGEST)] * len(present)

    def log_variances(self, theta: FloatArray) -> FloatArray:
        """Log variances ``(D,)``, minus infinity for none."""
        return np.append(theta, -np.inf)[self.groups]

    def root(self, theta: FloatArray) -> FloatArray:
        """``(D, D)`` root of Omega."""
        return np.diag(np.exp(0.5 * self.log_variances(theta)))

    def gradient(self, found: Evidence, root: FloatArray) -> FloatArray:
        """Derivative of the log marginal likelihood by theta, from ``score = 2 d value / d Omega``."""
        each = 0.5 * np.diag(found.score) * np.diag(root) ** 2
        return np.array([each[self.groups == group].sum() for group in range(len(self.start))])

    def without(self, dropped: BoolArray, log_variances: FloatArray) -> Self:
        """The form in which the coefficients of the mask ``dropped`` have no variance, from where the others are."""
        kept = np.where(dropped, -1, self.groups)
        _, kept_groups = np.unique(kept, return_inverse=True)
        groups = kept_groups - (1 if dropped.any() or (self.groups < 0).any() else 0)
        return type(self)(groups, log_variances)


class Rooted:
    """Any covariance; theta holds the entries of a root of it, in units of the standard deviations that it starts from.

    Parameters
    ----------
    root : (D, q) array
        Where to start.
    free : (D, q) booleans
        The entries that may move; the others are zero.
    """

    def __init__(self, root: FloatArray, free: BoolArray) -> None:
        self.free = free
        spread = np.sqrt((root**2).sum(axis=1))
        self.unit = np.maximum(spread, 0.02 * max(float(spread.max(initial=0.0)), 1e-3))[:, None]
        self.start: FloatArray = (root / self.unit)[free]
        self.bounds = [(-np.inf, np.inf)] * len(self.start)

    @classmethod
    def triangular(cls, log_variances: FloatArray) -> Self:
        """Triangular roots, from a diagonal start."""
        return cls(np.diag(np.exp(0.5 * np.maximum(log_variances, -8.0))), np.tri(len(log_variances), dtype=bool))

    @classmethod
    def reduced(cls, root: FloatArray, weight: FloatArray, smallest: float) -> Self:
        """Leave out directions of the root that add less than ``smallest`` information; ``weight`` is that of a row."""
        scale = np.sqrt(weight)[:, None]
        left, values, _ = np.linalg.svd(scale * root, full_matrices=False)
        kept = values**2 >= smallest
        smaller = (left[:, kept] * values[kept]) / np.maximum(scale, 1e-300)
        return cls(smaller, np.ones(smaller.shape, dtype=bool))

    def root(self, theta: FloatArray) -> FloatArray:
        """``(D, q)`` root of Omega."""
        root: FloatArray = np.zeros(self.free.shape)
        root[self.free] = theta
        root *= self.unit
        return root

    def gradient(self, found: Evidence, root: FloatArray) -> FloatArray:
        """Derivative of the log marginal likelihood by theta."""
        entries: FloatArray = (self.unit * (found.score @ root))[self.free]
        return entries
