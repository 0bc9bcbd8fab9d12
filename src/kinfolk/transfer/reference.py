r"""The alternating direction method of multipliers for the objective of spectral transfer: slow, and independent.

It is the algorithm published with the objective (Zhao, Kolar and Lv 2026, arXiv 2604.20161), to compare a faster
solver with. Copies :math:`\Omega_u, \Omega_v` of the penalised rows :math:`U_b, V_b`, with duals
:math:`\Gamma_u, \Gamma_v` and one :math:`\rho`, make a sweep of

.. math:: U &\leftarrow \arg\min_{U^\top U = I} \tfrac12 \mathrm{tr}(D U^\top S U D) - \langle U, M V D \rangle
              + \tfrac{\rho}{2} \|U_b - \Omega_u\|_F^2 + \langle U_b, \Gamma_u \rangle , \\
          V &\leftarrow \arg\min_{V^\top V = I} - \langle V, M^\top U D \rangle
              + \tfrac{\rho}{2} \|V_b - \Omega_v\|_F^2 + \langle V_b, \Gamma_v \rangle , \\
          d_j &\leftarrow (U^\top M V)_{jj} / (U^\top S U)_{jj} , \qquad
          \Omega \leftarrow \mathrm{soft}(\cdot_b + \Gamma / \rho,\ \lambda / \rho) , \qquad
          \Gamma \leftarrow \Gamma + \rho (\cdot_b - \Omega) .

The first two are inexact: Riemannian conjugate gradients (Hestenes and Stiefel; Absil, Mahony and Sepulchre 2008,
*Optimization Algorithms on Matrix Manifolds*, section 8.3) until the gradient is below ``max(1e-6, 0.01 * 0.9**t)``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.transfer.block import soft_threshold
from kinfolk.transfer.objective import objective, thresholds

_INNER = 1000  # most steps of one sub-problem


@dataclass(frozen=True)
class AdmmResult:
    """Where the sweeps ended.

    Attributes
    ----------
    U, d, V : (p, r), (r,) and (q, r) arrays
        Orthonormal columns and their strengths, in source coordinates.
    omega_u, omega_v : (p - free_u, r) and (q - free_v, r) arrays
        Copies of the penalised rows, with exact zeros; equal to those of U and V up to the tolerance.
    objective : float
        F of `kinfolk.transfer.objective` at U, d, V.
    n_iter : int
        Sweeps.
    inner_iterations : int
        Conjugate gradient steps over all sweeps.
    converged : bool
    """

    U: FloatArray
    d: FloatArray
    V: FloatArray
    omega_u: FloatArray
    omega_v: FloatArray
    objective: float
    n_iter: int
    inner_iterations: int
    converged: bool


def ridge_start(
    S: FloatArray, M: FloatArray, rank: int, alpha: float = 0.01
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Leading singular vectors and values U (p, r), d (r,), V (q, r) of the ridge fit ``(S + alpha I)^-1 M``.

    Parameters
    ----------
    S, M : (p, p) and (p, q) arrays
    rank : int
        r, at most min(p, q).
    alpha : float, default=0.01
        In units of the mean of the diagonal of S.
    """
    p = len(S)
    ridge = np.linalg.solve(S + alpha * np.trace(S) / p * np.eye(p), M)
    left, sizes, right = np.linalg.svd(ridge, full_matrices=False)
    return left[:, :rank], sizes[:rank], right[:rank].T


def admm(
    S: FloatArray,
    M: FloatArray,
    yy: float,
    U: FloatArray,
    d: FloatArray,
    V: FloatArray,
    free_u: int,
    free_v: int,
    penalty: float,
    *,
    tol: float = 1e-3,
    max_iter: int = 500,
) -> AdmmResult:
    r"""Sweep from a starting point until residuals are small.

    With fewer free rows than columns and a large penalty the copies become 0, which no orthonormal U can equal: the
    sweeps then end at ``max_iter``, not converged.

    Parameters
    ----------
    S, M, yy : (p, p) array, (p, q) array and float
        Sums over rows divided by their number, in source coordinates: :math:`X^\top X`, :math:`X^\top Y`,
        :math:`\|Y\|_F^2`.
    U, d, V : (p, r), (r,) and (q, r) arrays
        Where to start, as from `ridge_start`; columns orthonormal.
    free_u, free_v : int
        Leading rows of U and V without penalty.
    penalty : float
        :math:`\lambda` of all other rows.
    tol : float, default=1e-3
        It ends when both residuals are at most this: the mean over the two sides of :math:`\|U_b - \Omega_u\|_F` and
        of the Riemannian gradient of the sub-problem at the new copies and duals, each divided by the square root of
        its number of entries. :math:`\rho` starts at 1; it is doubled when the first exceeds ten times the second,
        halved when the second exceeds ten times the first.
    max_iter : int, default=500

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.datasets import make_spectral_transfer
    >>> tasks = make_spectral_transfer((20, 15), 60, random_state=0)
    >>> U0, _, V0t = np.linalg.svd(tasks.source.T)
    >>> X, Y = tasks.X @ U0, tasks.Y @ V0t.T
    >>> S, M, yy = X.T @ X / 60, X.T @ Y / 60, float((Y**2).sum()) / 60
    >>> found = admm(S, M, yy, *ridge_start(S, M, 5), 10, 10, 0.1)
    >>> found.converged, found.omega_u.shape
    (True, (10, 5))
    >>> alone = ridge_start(S, M, 5, alpha=1e-6)
    >>> error = [tasks.error((U0 @ (U * d) @ V.T @ V0t).T) for U, d, V in (alone, (found.U, found.d, found.V))]
    >>> error[1] < 0.9 * error[0]
    True
    """
    cost_u, cost_v = thresholds(penalty, free_u, len(U))[:, None], thresholds(penalty, free_v, len(V))[:, None]
    bound_u, bound_v = (np.arange(len(A)) >= free for A, free in ((U, free_u), (V, free_v)))
    omega_u, omega_v = np.zeros_like(U), np.zeros_like(V)  # rows without penalty stay zero, as do their duals
    gamma_u, gamma_v = np.zeros_like(U), np.zeros_like(V)
    masks, sizes = (bound_u[:, None], bound_v[:, None]), (bound_u.sum() * len(d), bound_v.sum() * len(d))
    rho, inner, sweep, converged = 1.0, 0, 0, False

    def bend_u(direction: FloatArray) -> FloatArray:
        return (S @ direction) * d**2 + rho * (masks[0] * direction)

    def bend_v(direction: FloatArray) -> FloatArray:
        return rho * (masks[1] * direction)

    while sweep < max_iter and not converged:
        inner_tol = max(1e-6, 1e-2 * 0.9**sweep)
        sweep += 1
        U, steps_u = conjugate_gradients(bend_u, gamma_u - rho * omega_u - (M @ V) * d, U, inner_tol)
        V, steps_v = conjugate_gradients(bend_v, gamma_v - rho * omega_v - (M.T @ U) * d, V, inner_tol)
        inner += steps_u + steps_v
        size = np.sum(U * (S @ U), axis=0)
        d = np.where(size < 1e-8, 0.0, np.sum(U * (M @ V), axis=0) / np.maximum(size, 1e-8))
        omega_u = masks[0] * soft_threshold(U + gamma_u / rho, cost_u / rho)
        omega_v = masks[1] * soft_threshold(V + gamma_v / rho, cost_v / rho)
        gap_u, gap_v = masks[0] * (U - omega_u), masks[1] * (V - omega_v)
        gamma_u, gamma_v = gamma_u + rho * gap_u, gamma_v + rho * gap_v
        slope_u = _tangent(U, bend_u(U) + gamma_u - rho * omega_u - (M @ V) * d)
        slope_v = _tangent(V, bend_v(V) + gamma_v - rho * omega_v - (M.T @ U) * d)
        primal = 0.5 * (_root_mean(gap_u, sizes[0]) + _root_mean(gap_v, sizes[1]))
        dual = 0.5 * (_root_mean(slope_u, U.size) + _root_mean(slope_v, V.size))
        converged = max(primal, dual) <= tol
        rho *= 2.0 if primal > 10.0 * dual else 0.5 if dual > 10.0 * primal else 1.0
    value = float(objective(S, M, yy, U, d, V, cost_u[:, 0], cost_v[:, 0]))
    return AdmmResult(U, d, V, omega_u[bound_u], omega_v[bound_v], value, sweep, inner, converged)


def conjugate_gradients(
    bend: Callable[[FloatArray], FloatArray], linear: FloatArray, U: FloatArray, tol: float
) -> tuple[FloatArray, int]:
    r"""Go down :math:`f(U) = \frac12 \langle U, A U \rangle + \langle U, B \rangle` on :math:`U^\top U = I`.

    Steps start from the second-order model of f along the manifold and are halved until f falls enough (Armijo); the
    retraction is the Q of a QR decomposition.

    Parameters
    ----------
    bend : callable
        The self-adjoint A.
    linear : (p, r) array
        B.
    U : (p, r) array
        Start.
    tol : float
        Ends when the Frobenius norm of the Riemannian gradient is at most this, or no step of at least 1e-10 goes down.

    Returns
    -------
    U : (p, r) array
    steps : int
        At most 1000.
    """
    slope = bend(U) + linear
    value, gradient = 0.5 * _dot(U, slope + linear), _tangent(U, slope)
    direction, length = -gradient, 1.0
    for step in range(_INNER):
        norm = float(np.linalg.norm(gradient))
        if norm <= tol:
            return U, step
        descent = _dot(gradient, direction)
        if descent >= 0.0:
            direction, descent = -gradient, -(norm**2)
        curvature = _dot(direction, bend(direction)) - _dot(direction, direction @ _symmetric(U.T @ slope))
        length = -descent / curvature if curvature > 0.0 else 2.0 * length
        while True:
            moved = _orthonormal(U + length * direction)
            slope = bend(moved) + linear
            new = 0.5 * _dot(moved, slope + linear)
            if new <= value + 1e-4 * length * descent:
                break
            length *= 0.5
            if length * float(np.linalg.norm(direction)) < 1e-10:
                return U, step
        before, carried = _tangent(moved, gradient), _tangent(moved, direction)
        U, value, gradient = moved, new, _tangent(moved, slope)
        change = gradient - before
        along = _dot(carried, change)
        ratio = max(0.0, _dot(gradient, change) / along) if along != 0.0 else 0.0
        direction = ratio * carried - gradient
    return U, _INNER


def _tangent(U: FloatArray, G: FloatArray) -> FloatArray:
    """Projection of G on the tangent space at U: ``G - U sym(U' G)``."""
    return G - U @ _symmetric(U.T @ G)


def _symmetric(A: FloatArray) -> FloatArray:
    return 0.5 * (A + A.T)


def _orthonormal(A: FloatArray) -> FloatArray:
    """Q of the QR decomposition whose R has a positive diagonal."""
    Q, R = np.linalg.qr(A)
    found: FloatArray = Q * np.where(np.diag(R) < 0.0, -1.0, 1.0)
    return found


def _dot(A: FloatArray, B: FloatArray) -> float:
    return float(np.vdot(A, B))


def _root_mean(A: FloatArray, size: int) -> float:
    return float(np.linalg.norm(A) / np.sqrt(max(size, 1)))
