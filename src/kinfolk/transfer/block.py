r"""One factor given the other: the block problem of spectral transfer, for a batch of problems.

.. math:: \max_{U^\top U = I_r} \langle A, U \rangle - \sum_{ij} \lambda_i |U_{ij}| .

On the operator-norm ball :math:`\|U\|_{op} \le 1`, which has the same solution wherever :math:`A - \Gamma` has full
rank, the dual is convex,

.. math:: \min_{|\Gamma_{ij}| \le \lambda_i} \|A - \Gamma\|_* , \qquad U = \mathrm{polar}(A - \Gamma) .

The nuclear norm is majorised by :math:`\frac12 \mathrm{tr} (A-\Gamma) H^{-1} (A-\Gamma)^\top + \frac12 \mathrm{tr} H`,
with equality at :math:`H = ((A-\Gamma)^\top (A-\Gamma))^{1/2}`; its minimiser over :math:`\Gamma` is a lasso of r
dimensions a row, :math:`\min_\Omega \frac12 \mathrm{tr}\, \Omega H \Omega^\top - \langle A, \Omega \rangle +
\sum \lambda_i |\Omega_{ij}|`, with :math:`\Gamma = A - \Omega H`. At the solution :math:`\Omega = U`, with exact zeros.

Factors are stored transposed, ``(..., r, p)``, so that long axes are contiguous.
"""

import numpy as np

from kinfolk._typing import FloatArray

_DEFICIENT = 1e-4  # ratio of singular values below which the polar factor is not computed from their squares


def soft_threshold(values: FloatArray, penalty: FloatArray) -> FloatArray:
    """Values moved towards zero by the penalty: ``sign(v) max(|v| - penalty, 0)``."""
    found: FloatArray = values - np.clip(values, -penalty, penalty)
    return found


def polar(B: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Nearest matrices with orthonormal rows, ``(B B')^(1/2)``, and the ratio of extreme singular values.

    Parameters
    ----------
    B : (..., r, p) array
    """
    values, vectors = np.linalg.eigh(B @ B.swapaxes(-1, -2))
    largest = np.maximum(values[..., -1:], 1e-300)
    roots = np.sqrt(np.maximum(values, 1e-24 * largest))
    across = vectors.swapaxes(-1, -2)
    U = (vectors / roots[..., None, :]) @ (across @ B)
    H = (vectors * roots[..., None, :]) @ across
    condition = roots[..., 0] / roots[..., -1]
    deficient = condition < _DEFICIENT
    if deficient.any():  # squares lose what is left of the smallest singular values: U would not be orthonormal
        left, _, right = np.linalg.svd(B[deficient], full_matrices=False)
        U[deficient] = left @ right
    return U, H, condition


def block_step(
    A: FloatArray, penalty: FloatArray, omega: FloatArray, H: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """One step of the lasso in the metric H, then the polar factor.

    Parameters
    ----------
    A, omega : (..., r, p) arrays
    penalty : (..., 1, p) array
    H : (..., r, r) array

    Returns
    -------
    U, omega, H, condition
        The new orthonormal factor, the sparse one, the metric at it, and the ratio of the extreme singular values of
        ``A - Gamma``.
    """
    steepness = np.abs(H).sum(axis=-1)[..., None]  # diag(steepness) - H is positive semidefinite
    omega = soft_threshold(steepness * omega - H @ omega + A, penalty) / steepness
    gamma = np.clip(A - H @ omega, -penalty, penalty)
    U, H, condition = polar(A - gamma)
    return U, omega, H, condition


def solve_block(
    A: FloatArray, penalty: FloatArray, *, tol: float = 1e-12, max_iter: int = 20_000
) -> tuple[FloatArray, FloatArray, float]:
    """Solve one block problem by repeating `block_step`; U, omega and the relative duality gap.

    Parameters
    ----------
    A : (r, p) array
    penalty : (p,) array
    tol : float, default=1e-12
        It ends when the duality gap is below this share of the dual objective.
    max_iter : int, default=20000
    """
    U, H, _ = polar(A)
    omega, gap = U, float("inf")
    for step in range(max_iter):
        U, omega, H, _ = block_step(A, penalty[None, :], omega, H)
        if step % 10 == 9:
            gamma = np.clip(A - H @ omega, -penalty, penalty)
            dual = float(np.linalg.svd(A - gamma, compute_uv=False).sum())
            gap = (dual - float((A * U).sum() - (penalty * np.abs(U)).sum())) / max(abs(dual), 1e-300)
            if gap <= tol:
                break
    return U, omega, gap
