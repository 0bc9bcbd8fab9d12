"""Anderson's mixing: where the turns of a slow fixed-point iteration lead to."""

import numpy as np

from kinfolk._typing import FloatArray

_MEMORY = 4
_SINGULAR = 1e-6


class Anderson:
    r"""From turns :math:`x_k \mapsto g_k` to the next start.

    .. math:: x_{k+1} = g_k - \sum_j \gamma_j (g_{j+1} - g_j), \qquad
              \gamma = \arg\min \Bigl\| f_k - \sum_j \gamma_j (f_{j+1} - f_j) \Bigr\|, \quad f_j = g_j - x_j,

    over the last turns: a secant method (Anderson 1965, *J. ACM* 12; Walker and Ni 2011, *SIAM J. Numer. Anal.* 49,
    algorithm 1.2).

    Parameters
    ----------
    far : float
        Most that a coordinate is moved away from :math:`g_k`.
    """

    def __init__(self, far: float) -> None:
        self._far = far
        self._turns: list[tuple[FloatArray, FloatArray]] = []

    def after(self, x: FloatArray, g: FloatArray) -> FloatArray:
        """The next start, once x was led to g."""
        self._turns = [*self._turns[1 - _MEMORY :], (x, g)]
        if len(self._turns) == 1:
            return g
        starts, ends = (np.array(each) for each in zip(*self._turns, strict=True))
        left = ends - starts
        gamma = np.linalg.lstsq(np.diff(left, axis=0).T, left[-1], rcond=_SINGULAR)[0]
        led: FloatArray = g - np.clip(gamma @ np.diff(ends, axis=0), -self._far, self._far)
        return led
