"""Kendall, Gal and Cipolla (2018), *Multi-task learning using uncertainty to weigh losses*."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.nets.weighting.arrays import combined

_RATE = 0.025  # of the log variances


class Uncertainty:
    r"""Direction of :math:`\sum_k e^{-s_k} L_k + s_k / 2`, whose :math:`s_k` learn by gradient descent beside it."""

    def __init__(self, n_tasks: int) -> None:
        self._log_variance = np.zeros(n_tasks)

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        weights = np.exp(-self._log_variance)
        self._log_variance -= _RATE * (0.5 - weights * losses)
        return combined(weights, gradients)
