"""Forms that the covariance of random coefficients may take, each with its parameters theta."""

from typing import Self

import numpy as np

from kinfolk._typing import FloatArray, IntArray
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

    def without(self, dropped: FloatArray, theta: FloatArray) -> Self:
        """The form in which the coefficients of the mask ``dropped`` have no variance."""
        kept = np.where(dropped, -1, self.groups)
        _, kept_groups = np.unique(kept, return_inverse=True)
        groups = kept_groups - (1 if dropped.any() or (self.groups < 0).any() else 0)
        return type(self)(groups, self.log_variances(theta))


class Triangular:
    """Any covariance; theta holds its triangular root, in units of the standard deviations that it starts from."""

    def __init__(self, start: FloatArray) -> None:
        self.lower = np.tril_indices(len(start))
        self.unit = np.exp(0.5 * np.maximum(start, -8.0))[:, None]
        self.start: FloatArray = np.eye(len(start))[self.lower]
        self.bounds = [(-np.inf, np.inf)] * len(self.start)

    def root(self, theta: FloatArray) -> FloatArray:
        """``(D, D)`` root of Omega."""
        root = np.zeros((len(self.unit), len(self.unit)))
        root[self.lower] = theta
        return self.unit * root

    def gradient(self, found: Evidence, root: FloatArray) -> FloatArray:
        """Derivative of the log marginal likelihood by theta."""
        entries: FloatArray = (self.unit * (found.score @ root))[self.lower]
        return entries
