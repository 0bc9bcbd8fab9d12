r"""Logistic tasks that lean on each other: damped Newton steps, each a quadratic problem of the same form.

.. math:: \min \sum_{ti} s_{ti} \log(1 + e^{-(2 y_{ti} - 1) z_{ti}}) + \text{penalty}(u), \qquad
          z_{ti} = a_t + x_{ti}^\top w_t .
"""

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray
from kinfolk.linear.arrow import State
from kinfolk.linear.losses import Loss
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import Strengths

_LOGISTIC = Loss("logistic")
_HALVINGS = 40


def newton(
    rows: Rows,
    y: FloatArray,
    strengths: Strengths,
    spread: float,
    *,
    max_iter: int,
    tol: float,
    start: FloatArray | None = None,
) -> Solution:
    """The minimum, from the predictions ``start`` (n,); it ends when a step moves no prediction by ``tol``."""
    z = np.zeros(len(y)) if start is None else start
    state: State | None = None
    value, settled = np.inf, False
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        p = expit(np.clip(z, -30.0, 30.0))
        curvature = rows.weights * p * (1.0 - p)
        system = strengths.system(rows.gram(curvature), spread)
        there = system.solve(rows.pull(curvature * z + rows.weights * (y - p)))
        z_there = rows.predict(system.coef(there))
        reached = _objective(rows, y, z_there, system.size(there))
        if state is not None:
            for _ in range(_HALVINGS):
                if reached <= value + 1e-12 * abs(value):
                    break
                there = tuple(0.5 * (old + new) for old, new in zip(state, there, strict=True))
                z_there = 0.5 * (z + z_there)
                reached = _objective(rows, y, z_there, system.size(there))
        moved = float(np.abs(z_there - z).max(initial=0.0))
        state, z, value = there, z_there, reached
        if moved < tol:
            settled = True
            break
    assert state is not None
    p = expit(z)
    final = strengths.system(rows.gram(rows.weights * p * (1.0 - p)), spread)
    coef = final.coef(state)
    return Solution(coef[:, 1:], coef[:, 0], state, final, z, p - y, value, n_iter, settled)


def _objective(rows: Rows, y: FloatArray, z: FloatArray, size: float) -> float:
    return float(rows.weights @ _LOGISTIC.value(y, z)) + 0.5 * size
