r"""The joint posterior of tasks without edges, in closed form: they hang together by their mean alone.

With :math:`Q = c (I - J) + g J` the posterior precision is block-diagonal but for the mean, so that (Woodbury)

.. math:: A^{-1} = \operatorname{blkdiag}(B_t) + B N B^\top, \qquad B_t = (S_t + c I)^{-1}, \qquad
          N = \frac{c (c - g)}{T} \Bigl( g I + \frac{c - g}{T} \sum_t B_t S_t \Bigr)^{-1} ,

B being the blocks one above the other: an inverse for each task and one for all, whatever their number.
"""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.blocks import Blocks


class Unjoined:
    """The inverse for blocks S_t, pull c and level g."""

    def __init__(self, blocks: Blocks, pull: float, level: float) -> None:
        T, d = blocks.n_tasks, blocks.d
        self._own = blocks.shifted(np.full(T, pull))
        heard = self._own.heard() / T
        inner = level * np.eye(d) + (pull - level) * 0.5 * (heard + heard.T)
        self._common: FloatArray = (pull * (pull - level) / T) * np.linalg.inv(inner)

    def solve(self, rhs: FloatArray) -> FloatArray:
        """``A^-1 rhs`` for right-hand sides ``(T, d, B)``."""
        x = self._own.times(rhs)
        return x + self._own.times(np.broadcast_to(self._common @ x.sum(axis=0), x.shape))

    def diagonal(self) -> FloatArray:
        """Diagonal blocks of the inverse, ``(T, d, d)``."""
        B = self._own.inverse
        found: FloatArray = B + B @ self._common @ B
        return found

    def traces(self) -> FloatArray:
        """Traces of all its blocks, ``(T, T)``."""
        B = self._own.inverse
        T = len(B)
        found: FloatArray = (B @ self._common).reshape(T, -1) @ B.reshape(T, -1).T
        found[np.diag_indices(T)] += np.trace(B, axis1=1, axis2=2)
        return found
