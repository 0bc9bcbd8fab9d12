"""Steps from gradients, for arrays and tensors alike: gradient descent and Adam."""

from typing import Any

_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8


class Descent:
    """The gradient itself."""

    def __call__(self, gradient: Any) -> Any:
        """Direction to take off, times the learning rate."""
        return gradient


class Adam:
    """Kingma and Ba (2015): moments of the gradient, corrected for their start at zero."""

    def __init__(self) -> None:
        self._turn = 0
        self._mean: Any = 0.0
        self._square: Any = 0.0

    def __call__(self, gradient: Any) -> Any:
        """Direction to take off, times the learning rate."""
        self._turn += 1
        self._mean = _FIRST * self._mean + (1.0 - _FIRST) * gradient
        self._square = _SECOND * self._square + (1.0 - _SECOND) * gradient * gradient
        mean = self._mean / (1.0 - _FIRST**self._turn)
        square = self._square / (1.0 - _SECOND**self._turn)
        return mean / (square**0.5 + _TINY)


OPTIMIZERS = {"gd": Descent, "adam": Adam}
