r"""The hinge loss to the last digit: the method of multipliers, its steps by Newton's method.

With step r and multipliers v (the loss's derivatives over r), each round minimises

.. math:: \sum_{ti} s_{ti} \min_\zeta \Bigl[ l(y_{ti}, \zeta) + \frac r2 (z_{ti} + v_{ti} - \zeta)^2 \Bigr]
          + \text{penalty}(u), \qquad z_{ti} = a_t + x_{ti}^\top w_t,

which is piecewise quadratic: rows whose minimum is at the kink have curvature r, others none (Li, Sun and Toh 2018, *A
highly efficient semismooth Newton augmented Lagrangian method for solving lasso problems*). Then v is what is left of
z + v, and r grows. The alternating method (`kinfolk.linear.proximal`) is as fast to four digits, and hardly gets
further where thousands of rows lie about the kink.
"""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.linear.losses import Loss
from kinfolk.linear.proximal import proximal
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import Strengths

_HINGE = Loss("hinge")
_ROUGH = 1e-4
_GROWTH, _ROUNDS, _NEWTON, _HALVINGS = 3.0, 40, 50, 30


def hinge(
    rows: Rows,
    y: FloatArray,
    strengths: Strengths,
    spread: float,
    *,
    max_iter: int,
    tol: float,
    offset: FloatArray | float = 0.0,
    start: Solution | None = None,
) -> Solution:
    """The minimum, with predictions ``offset + z``.

    It ends when z is where the loss's minima are, and the duality gap below the objective's, both by the share ``tol``.
    """
    rough = proximal(
        rows, y, _HINGE, strengths, spread, max_iter=max_iter, tol=max(tol, _ROUGH), offset=offset, start=start
    )
    if tol >= _ROUGH:
        return rough
    weights, sign = rows.weights, 2.0 * y - 1.0
    step, state, system, z = 1.0, rough.state, rough.system, rough.z - offset
    v, size = rough.dual / step, system.size(state)
    n_iter, settled = rough.n_iter, False

    def envelope(z: FloatArray, size: float) -> float:
        margin = sign * (z + v + offset)
        low = np.where(margin <= 1.0 - 1.0 / step, 1.0 - margin - 0.5 / step, 0.5 * step * (1.0 - margin) ** 2)
        return float(weights @ np.where(margin < 1.0, low, 0.0)) + 0.5 * size

    for _ in range(_ROUNDS):
        value = envelope(z, size)
        for _ in range(_NEWTON):
            at = z + v + offset
            margin = sign * at
            slope = weights * step * (at - _HINGE.prox(y, at, 1.0 / step))
            curvature = weights * step * ((margin > 1.0 - 1.0 / step) & (margin < 1.0))
            system = strengths.system(rows.gram(curvature), spread)
            there = system.solve(rows.pull(curvature * z - slope))
            z_there, n_iter = rows.predict(system.coef(there)), n_iter + 1
            for _ in range(_HALVINGS):
                reached = envelope(z_there, system.size(there))
                if reached <= value + 1e-12 * abs(value):
                    break
                there = tuple(0.5 * (old + new) for old, new in zip(state, there, strict=True))
                z_there = 0.5 * (z + z_there)
            moved = float(np.linalg.norm(z_there - z))
            state, z, value, size = there, z_there, reached, system.size(there)
            if moved <= 0.1 * tol * float(np.linalg.norm(z)):
                break
        at = z + v + offset
        minimum = _HINGE.prox(y, at, 1.0 / step)
        v = at - minimum
        objective = float(weights @ _HINGE.value(y, z + offset)) + 0.5 * size
        off = z + offset - minimum
        gap = float(weights @ (_HINGE.value(y, z + offset) - _HINGE.value(y, minimum) - step * v * off))
        settled = float(np.linalg.norm(off)) <= tol * float(np.linalg.norm(minimum)) and gap <= tol * objective
        if settled or n_iter >= max_iter:
            break
        step, v = step * _GROWTH, v / _GROWTH
    coef = system.coef(state)
    return Solution(coef[:, 1:], coef[:, 0], state, system, z + offset, step * v, objective, n_iter, settled)
