r"""Linear heads over shared features, one block of parameters for all tasks and one for each.

The head of task k is ``A_k (O, R + 1)``, its last column the intercepts:

- ``shared``: :math:`A_k = A`;
- ``per_task``: every :math:`A_k` free, all from the same start;
- ``shared+specific``: :math:`A_k = A + \tfrac12 D_k`, every :math:`D_k` from zero.

A head that is not trained stays at the start: output o adds up the filters of its class, divided by their number (and
takes off those of the other class, where one output tells two classes).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray

KINDS = ("shared", "per_task", "shared+specific")
_SHARE = 0.5  # of a task's own part in its head


def aligned_start(n_outputs: int, n_features: int) -> FloatArray:
    """Start of all heads ``(O, R + 1)``: features belong to the outputs in turn; one output has two signs."""
    start = np.zeros((n_outputs, n_features + 1))
    groups = max(n_outputs, 2)
    owner = np.arange(n_features) * groups // n_features
    share = 1.0 / np.bincount(owner, minlength=groups)[owner]
    if n_outputs == 1:
        start[0, :-1] = np.where(owner == 0, share, -share)
    else:
        start[owner, np.arange(n_features)] = share
    return start


@dataclass(frozen=True)
class Heads:
    """How heads are made of parameters.

    Attributes
    ----------
    kind : {"shared", "per_task", "shared+specific"}
    n_tasks : int
        T.
    start : (O, R + 1) array
    trained : bool
    """

    kind: str
    n_tasks: int
    start: FloatArray
    trained: bool = True

    @property
    def n_common(self) -> int:
        """Parameters that all tasks share."""
        return self.start.size if self.trained and self.kind != "per_task" else 0

    @property
    def n_own(self) -> int:
        """Parameters of all tasks' own parts."""
        return self.n_tasks * self.start.size if self.trained and self.kind != "shared" else 0

    def begin(self) -> tuple[FloatArray, FloatArray]:
        """Parameters at the start: the common part and the own parts, flat."""
        own = np.zeros(self.n_own)
        if self.n_own and self.kind == "per_task":
            own = np.tile(self.start.ravel(), self.n_tasks)
        return self.start.ravel()[: self.n_common], own

    def effective(self, common: Any, own: Any) -> Any:
        """Heads ``(T, O, R + 1)``, or ``(1, O, R + 1)`` where all are one; arrays or tensors."""
        if not self.trained:
            return self.start[None]
        if self.kind == "shared":
            return common.reshape(1, *self.start.shape)
        each = own.reshape(self.n_tasks, *self.start.shape)
        return each if self.kind == "per_task" else common.reshape(1, *self.start.shape) + _SHARE * each

    def flat(self, each: FloatArray, common: FloatArray) -> FloatArray:
        """Parameters whose heads are ``each`` ``(T, O, R + 1)`` and, where tasks have a common part, ``common``."""
        shift = common if self.kind == "shared+specific" else np.zeros_like(common)
        share = _SHARE if self.kind == "shared+specific" else 1.0
        return np.append(common.ravel()[: self.n_common], ((each - shift) / share).ravel()[: self.n_own])

    def backward(self, gradient: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradients of the common part (a row a task) and of the own parts (flat), from those of the heads."""
        flat = gradient.reshape(len(gradient), -1)
        share = _SHARE if self.kind == "shared+specific" else 1.0
        return flat[:, : self.n_common], share * flat.ravel()[: self.n_own]

    def population(self, common: FloatArray) -> FloatArray | None:
        """The head ``(O, R + 1)`` of a task never seen; None where tasks have nothing in common."""
        if not self.trained:
            return self.start
        return None if self.kind == "per_task" else common.reshape(self.start.shape)
