"""Preconditioned conjugate gradients for several right-hand sides at once."""

from collections.abc import Callable

import numpy as np

from kinfolk._typing import FloatArray


def conjugate_gradients(
    apply: Callable[[FloatArray], FloatArray],
    precondition: Callable[[FloatArray], FloatArray],
    rhs: FloatArray,
    *,
    start: FloatArray | None = None,
    tol: float,
    max_iter: int,
) -> tuple[FloatArray, int]:
    r"""Solve :math:`A x = b` for a symmetric positive (semi-)definite A, column by column in one sweep.

    Parameters
    ----------
    apply, precondition : callable
        ``A x`` and an approximation of ``A^-1 x`` for arrays of the shape of ``rhs``.
    rhs : (..., B) array
        B right-hand sides, along the last axis.
    start : array like rhs, optional
        Default zero.
    tol : float
        A column is solved when its residual, in the norm of the preconditioner, is ``tol`` times that of ``b``.
    max_iter : int

    Returns
    -------
    x : array like rhs
    n_iter : int
        Products with A; ``max_iter`` when a column was not solved.
    """
    axes = tuple(range(rhs.ndim - 1))
    x = np.zeros_like(rhs) if start is None else start.copy()
    rest = rhs.copy() if start is None else rhs - apply(x)
    z = precondition(rest)
    size = (rest * z).sum(axis=axes)
    scale = size if start is None else (rhs * precondition(rhs)).sum(axis=axes)
    goal = tol**2 * scale
    p = z
    for n_iter in range(max_iter):
        active = size > goal
        if not active.any():
            return x, n_iter
        q = apply(p)
        bend = (p * q).sum(axis=axes)
        rate = np.where(active & (bend > 0.0), size / np.where(bend > 0.0, bend, 1.0), 0.0)
        x += rate * p
        rest -= rate * q
        z = precondition(rest)
        again = (rest * z).sum(axis=axes)
        turn = np.where(active, again / np.where(active, size, 1.0), 0.0)
        p = z + turn * p
        size = np.where(active, again, 0.0)
    return x, max_iter
