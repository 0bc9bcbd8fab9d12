r"""Quadratic programs on the simplex, many at once.

.. math:: \min_w \tfrac12 w^\top Q w \quad \text{subject to} \quad w \ge 0, \; \textstyle\sum_k w_k = 1,

by a primal-dual interior-point method (Nocedal and Wright 2006, chapter 16): Newton steps on the conditions
:math:`Q w = \nu 1 + \lambda`, :math:`\lambda_k w_k = \sigma \mu`, one small linear system a problem and step.
"""

import numpy as np

from kinfolk._typing import FloatArray

_STEPS = 60
_GAP = 1e-11  # mean complementarity, for Q of trace 1
_CENTRE = 0.1
_ZERO = 1e-6  # weights below it are zero


def simplex_minimum(Q: FloatArray) -> FloatArray:
    """Minimise ``w'Qw`` over convex weights, for every ``Q`` of a stack.

    Parameters
    ----------
    Q : (m, K, K) array
        Positive semidefinite; where it is zero all weights are equal.

    Returns
    -------
    (m, K) array
        Weights that are non-negative and sum to one.

    Examples
    --------
    >>> simplex_minimum(np.array([np.diag([1.0, 1.0, 4.0]), np.diag([0.0, 1.0, 1.0])])).round(3)
    array([[0.444, 0.444, 0.111],
           [1.   , 0.   , 0.   ]])
    """
    m, K, _ = Q.shape
    trace = np.trace(Q, axis1=1, axis2=2)[:, None, None]
    Q = np.divide(Q, trace, out=np.zeros_like(Q), where=trace > 0.0)
    w, dual, nu = np.full((m, K), 1.0 / K), np.full((m, K), 1.0 / K), np.zeros((m, 1))
    eye = np.eye(K)
    for _ in range(_STEPS):
        gap = (w * dual).mean(axis=1, keepdims=True)
        if float(gap.max(initial=0.0)) < _GAP:
            break
        pull = (Q @ w[:, :, None])[:, :, 0] - nu - dual
        system = Q + (dual / w)[:, :, None] * eye
        sides = np.stack((_CENTRE * gap / w - dual - pull, np.ones((m, K))), axis=2)
        ahead, flat = np.moveaxis(np.linalg.solve(system, sides), 2, 0)
        missing = 1.0 - w.sum(axis=1, keepdims=True) - ahead.sum(axis=1, keepdims=True)
        d_nu = missing / flat.sum(axis=1, keepdims=True)
        d_w = ahead + d_nu * flat
        d_dual = _CENTRE * gap / w - dual - dual / w * d_w
        step = np.minimum(_length(w, d_w), _length(dual, d_dual))
        w, dual, nu = w + step * d_w, dual + step * d_dual, nu + step * d_nu
    w = np.where(w < _ZERO, 0.0, w)
    weights: FloatArray = w / w.sum(axis=1, keepdims=True)
    return weights


def _length(at: FloatArray, direction: FloatArray) -> FloatArray:
    """The longest step up to one that stays positive, ``(m, 1)``."""
    ratio = np.divide(-at, direction, out=np.full_like(at, np.inf), where=direction < 0.0)
    longest: FloatArray = np.minimum(0.99 * ratio.min(axis=1, keepdims=True), 1.0)
    return longest
