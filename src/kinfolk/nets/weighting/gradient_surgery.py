"""Yu, Kumar, Gupta, Levine, Hausman and Finn (2020), *Gradient surgery for multi-task learning* (PCGrad)."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.nets.weighting.arrays import combined, gram


class GradientSurgery:
    """Every gradient loses its part against each other one that it conflicts with, in random order; then their sum.

    A projected gradient is a combination of all gradients, so that inner products are all that is needed.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        products = gram(gradients)
        parts = np.eye(len(losses))
        for k, part in enumerate(parts):
            for j in self._generator.permutation(len(losses)):
                conflict = part @ products[:, j]
                if j != k and conflict < 0:
                    part[j] -= conflict / products[j, j]
        return combined(parts.sum(axis=0), gradients)
