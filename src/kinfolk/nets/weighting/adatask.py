"""Yang, Pan, Wang, Zhao, Pu and Wang (2023), *AdaTask: a task-aware adaptive learning rate approach*."""

from typing import Any

from kinfolk._typing import FloatArray
from kinfolk.nets.steps import Adam


class AdaTask:
    """The sum of the steps of Adam with moments of each task's own: an optimizer of the shared parameters itself."""

    is_optimizer = True

    def __init__(self) -> None:
        self._adam = Adam()

    def __call__(self, losses: FloatArray, gradients: Any) -> Any:
        """Make one direction of the gradients ``(T, P)``."""
        return self._adam(gradients).sum(axis=0)
