"""Chen, Badrinarayanan, Lee and Rabinovich (2018), *GradNorm: gradient normalization for adaptive loss balancing*."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.nets.weighting.arrays import combined, gram

_ASYMMETRY, _RATE, _SMALLEST = 1.5, 0.025, 1e-3


class GradNorm:
    r"""Weights learned so that :math:`c_k \|g_k\|` goes to the mean norm times :math:`r_k^{1.5}`.

    :math:`r_k` is the loss of a task relative to its start, over the mean of these; weights add up to T. Norms are of
    all shared parameters.
    """

    def __init__(self, n_tasks: int) -> None:
        self._weights = np.ones(n_tasks)
        self._start: FloatArray | None = None

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        if self._start is None:
            self._start = np.where(losses > 0, losses, 1.0)
        used = self._weights.copy()
        norms = np.sqrt(np.diagonal(gram(gradients)))
        pace = losses / self._start
        mean = float(np.mean(used * norms))
        if mean > 0 and pace.mean() > 0:
            target = mean * (pace / pace.mean()) ** _ASYMMETRY
            slope = np.sign(used * norms - target) * norms / mean
            self._weights = np.maximum(used - _RATE * slope, _SMALLEST)
            self._weights *= len(losses) / self._weights.sum()
        return combined(used, gradients)
