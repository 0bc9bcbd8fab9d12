"""How tasks lean on each other: a common mean with two strengths, or any coupling."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.linear.arrow import Arrow
from kinfolk.linear.coupled import Coupled, coupling_root

System = Arrow | Coupled


@dataclass(frozen=True)
class CommonMean:
    r"""``K = (1 / lam) ((1 - c) I + c 1 1')``: slopes ``w_t = w_0 + v_t`` with variances q and o a coefficient.

    Attributes
    ----------
    own, ridge : float
        ``o = (1 - c) / (p lam)`` and ``q = c / (p lam)``.
    known_intercept : bool
        Whether the mean of intercepts (where they are coefficients) is zero rather than free.
    """

    own: float
    ridge: float
    known_intercept: bool = False

    @classmethod
    def of(cls, lam: float, c: float, n_features: int) -> "CommonMean":
        """From the user's parameters."""
        return cls((1.0 - c) / (n_features * lam), c / (n_features * lam))

    def parameters(self, n_features: int) -> tuple[float, float]:
        """``(lam, c)``."""
        total = max(self.own + self.ridge, 1e-300)
        return 1.0 / (n_features * total), self.ridge / total

    def per_feature(self, n_tasks: int) -> FloatArray:
        """``K / p`` (T, T)."""
        shared = np.full((n_tasks, n_tasks), self.ridge)
        shared[np.diag_indices(n_tasks)] += self.own
        return shared

    def system(self, gram: FloatArray, spread: float | None = None) -> Arrow:
        """Quadratic problem with these strengths; ``spread``: variance of intercepts where they are coefficients."""
        slopes = np.ones(gram.shape[1] - (spread is not None))
        if spread is None:
            return Arrow(gram, self.own * slopes, self.ridge * slopes)
        mean = 0.0 if self.known_intercept else np.inf
        return Arrow(gram, np.append(spread, self.own * slopes), np.append(mean, self.ridge * slopes))


@dataclass(frozen=True)
class AnyCoupling:
    """Any positive semi-definite coupling; ``per_task`` is ``K / p`` (T, T)."""

    per_task: FloatArray

    @cached_property
    def root(self) -> FloatArray:
        """``L`` with ``L L' = K / p``."""
        return coupling_root(self.per_task)

    def per_feature(self, n_tasks: int) -> FloatArray:
        """``K / p`` (T, T)."""
        return self.per_task

    def system(self, gram: FloatArray, spread: float | None = None) -> Coupled:
        """Quadratic problem with this coupling."""
        return Coupled(gram, self.root, spread)

    def newcomer(self) -> tuple[float, float]:
        r"""What a task never seen is expected to be: weight of the sum of all slopes, and variance about that.

        It resembles each known task as much as these resemble each other on average: its covariance with them is
        :math:`\alpha K 1` with :math:`\alpha = T \bar k / (1^\top K 1)`, :math:`\bar k` the mean entry of K off its
        diagonal (zero where that is negative). For a common mean this is :math:`w_0`.
        """
        total, level = float(self.per_task.sum()), float(np.diagonal(self.per_task).mean())
        n_tasks = len(self.per_task)
        if n_tasks < 2 or total <= 0.0:
            return 0.0, level
        between = max((total - n_tasks * level) / (n_tasks * (n_tasks - 1)), 0.0)
        weight = n_tasks * between / total
        return weight, max(level - weight**2 * total, 0.0)


Strengths = CommonMean | AnyCoupling
