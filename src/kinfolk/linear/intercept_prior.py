r"""Population of the intercepts of logistic tasks, from their base rates.

.. math:: a_t \sim N(m, v), \qquad P(y_{ti} = 1) = \operatorname{sigmoid}(a_t),

by EM with Laplace's method; m is free. A task with one class has no finite intercept of its own.
"""

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray

_TURNS = 100
_NARROWEST, _WIDEST = 1e-4, 10.0


def intercept_spread(positive: FloatArray, n: FloatArray) -> float:
    """v, from the numbers (T,) of positive rows and of all rows."""
    share = float(np.clip(positive.sum() / n.sum(), 1e-3, 1.0 - 1e-3))
    a = np.full(len(n), np.log(share / (1.0 - share)))
    m, v = float(a[0]), 1.0
    for _ in range(_TURNS):
        p = expit(a)
        bend = n * p * (1.0 - p) + 1.0 / v
        a = a + np.clip((positive - n * p - (a - m) / v) / bend, -1.0, 1.0)
        certain = 1.0 / (n * expit(a) * expit(-a) + 1.0 / v)
        m = float(a.mean())
        v = float(np.clip(np.mean((a - m) ** 2 + certain), _NARROWEST, _WIDEST))
    return v
