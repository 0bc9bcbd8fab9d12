r"""Losses with kinks: ADMM on the predictions ``z = a_t + X_t w_t``.

Each step solves the quadratic problem (one factorisation for each step size) and applies the loss's proximal map;
over-relaxation 1.7, and the step size is balanced between primal and dual residual every 40 steps (Boyd et al. 2011,
*Distributed optimization and statistical learning via ADMM*, sections 3.4.1 and 3.4.3).
"""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.linear.losses import Loss
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import Strengths

_RELAXATION = 1.7
_BALANCE = 40


def proximal(
    rows: Rows,
    y: FloatArray,
    loss: Loss,
    strengths: Strengths,
    spread: float | None,
    *,
    max_iter: int,
    tol: float,
    offset: FloatArray | float = 0.0,
    start: Solution | None = None,
) -> Solution:
    """The minimum, with predictions ``offset + z``; ``spread`` is None where intercepts are free (rows centred)."""
    weights, gram, step = rows.weights, rows.own_gram, 1.0
    z = np.zeros(len(y)) if start is None else start.z - offset
    dual = np.zeros(len(y)) if start is None else start.dual / step
    system, settled = strengths.system(step * gram, spread), False
    for n_iter in range(1, max_iter + 1):
        goal = z - dual
        level = rows.means(goal)[rows.codes] if spread is None else 0.0
        state = system.solve(step * rows.pull(weights * (goal - level)))
        coef = system.coef(state)
        fitted = rows.predict(coef) + level
        relaxed = _RELAXATION * fitted + (1.0 - _RELAXATION) * z
        last, z = z, loss.prox(y, relaxed + dual + offset, 1.0 / step) - offset
        dual = dual + relaxed - z
        primal = float(np.linalg.norm(fitted - z))
        moved = step * float(np.linalg.norm(z - last))
        small = primal <= tol * max(float(np.linalg.norm(z)), 1e-12)
        if small and moved <= tol * max(step * float(np.linalg.norm(dual)), 1e-12):
            settled = True
            break
        if n_iter % _BALANCE == 0:
            ratio = np.sqrt(
                (primal / max(float(np.linalg.norm(z)), 1e-300))
                / max(moved / max(step * float(np.linalg.norm(dual)), 1e-300), 1e-300)
            )
            if not 0.5 < ratio < 2.0:
                factor = float(np.clip(ratio, 0.1, 10.0))
                step, dual = step * factor, dual / factor
                system = strengths.system(step * gram, spread)
    slopes = coef[:, 1:] if rows.joint else coef
    intercept = coef[:, 0] if rows.joint else rows.intercept(rows.means(goal), slopes)
    final = fitted + offset
    value = float(weights @ loss.value(y, final)) + 0.5 * system.size(state)
    return Solution(slopes, intercept, state, system, final, step * dual, value, n_iter, settled)
