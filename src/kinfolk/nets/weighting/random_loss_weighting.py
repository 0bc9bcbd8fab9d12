"""Lin, Ye, Zhang and Tsang (2022), *Reasonable effectiveness of random weighting*."""

from typing import Any

import numpy as np
from scipy.special import softmax

from kinfolk._typing import FloatArray
from kinfolk.nets.weighting.arrays import combined


class RandomLossWeighting:
    r"""Weights :math:`\mathrm{softmax}(z)`, :math:`z \sim N(0, I)`, drawn anew every step."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        return combined(softmax(self._generator.standard_normal(len(losses))), gradients)
