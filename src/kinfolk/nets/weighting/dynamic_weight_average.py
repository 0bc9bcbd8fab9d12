"""Liu, Johns and Davison (2019), *End-to-end multi-task learning with attention*."""

from typing import Any

import numpy as np
from scipy.special import softmax

from kinfolk._typing import FloatArray
from kinfolk.nets.weighting.arrays import combined

_TEMPERATURE = 2.0


class DynamicWeightAverage:
    r"""Weights :math:`T\, \mathrm{softmax}_k(L_k^{t-1} / L_k^{t-2} / 2)`: more to losses that fall slowly."""

    def __init__(self, n_tasks: int) -> None:
        self._last: list[FloatArray] = [np.ones(n_tasks), np.ones(n_tasks)]

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        before, last = self._last
        pace = np.divide(last, before, out=np.ones_like(last), where=before > 0)
        self._last = [last, losses]
        return combined(len(losses) * softmax(pace / _TEMPERATURE), gradients)
