"""Chennupati, Sistu, Yogamani and Rawashdeh (2019), *MultiNet++: multi-stream feature aggregation*."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.nets.weighting.arrays import combined

_SMALLEST = 1e-12


class GeometricLossStrategy:
    r"""Direction of the geometric mean :math:`\prod_k L_k^{1/T}` of the losses."""

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        positive = np.maximum(losses, _SMALLEST)
        mean = np.exp(np.log(positive).mean())
        return combined(mean / (len(losses) * positive), gradients)
