"""Rules of the library TorchJD (Quinton and Rey 2024, *Jacobian descent for multi-objective optimization*)."""

import copy
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.nets._torch import torch
from kinfolk.nets.weighting.arrays import combined

_RATE = 0.025  # of what a scalarizer learns


class Aggregated:
    """The direction that an aggregator makes of all gradients."""

    def __init__(self, aggregator: Any) -> None:
        self._aggregator = copy.deepcopy(aggregator)

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        if not isinstance(gradients, np.ndarray):
            return self._aggregator(gradients)
        return self._aggregator(torch.from_numpy(gradients)).numpy()


class Scalarized:
    """The direction of a scalarizer of all losses; its parameters learn by gradient descent beside it."""

    def __init__(self, scalarizer: Any) -> None:
        self._scalarizer = copy.deepcopy(scalarizer)
        self._begun = False

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        values = torch.tensor(losses, requires_grad=True)
        if self._begun and hasattr(self._scalarizer, "update"):  # FAMO looks at the losses after the step
            self._scalarizer.update(values.detach())
        own = list(self._scalarizer.parameters())
        weights, *slopes = torch.autograd.grad(self._scalarizer(values), [values, *own], allow_unused=True)
        with torch.no_grad():
            for parameter, slope in zip(own, slopes, strict=True):
                if slope is not None:
                    parameter -= _RATE * slope
        if hasattr(self._scalarizer, "step"):  # DWA counts epochs
            self._scalarizer.step()
        self._begun = True
        return combined(weights.numpy(), gradients)
