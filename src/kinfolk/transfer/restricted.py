"""Reduced-rank regression restricted to leading source directions: the closed end of the path."""

import numpy as np

from kinfolk._typing import FloatArray


def restricted(
    S: FloatArray, M: FloatArray, rank: int, free_u: int, free_v: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Least squares of rank r among coefficients in the span of free directions, in source coordinates.

    .. math:: \min_{\mathrm{rank}(B) \le r} \|Y V_{0,:r_v} - X U_{0,:r_u} B\|_F^2

    It is the solution for every penalty of at least `largest_penalty`, and reduced-rank regression when all directions
    are free.

    Parameters
    ----------
    S, M : (p, p) and (p, q) arrays
    rank, free_u, free_v : int
        ``rank <= min(free_u, free_v)``.

    Returns
    -------
    U, d, V : (r, p), (r,) and (r, q) arrays
        Transposed factors with orthonormal rows.
    """
    values, vectors = np.linalg.eigh(S[:free_u, :free_u])
    kept = values > 1e-10 * max(float(values[-1]), 1e-300)
    inverse = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    pulled = inverse[:, None] * (vectors.T @ M[:free_u, :free_v])
    left, sizes, right = np.linalg.svd(pulled, full_matrices=False)
    loaded = vectors @ (inverse[:, None] * left[:, :rank]) * sizes[:rank]
    inner, d, across = np.linalg.svd(loaded, full_matrices=False)
    U, V = np.zeros((rank, len(S))), np.zeros((rank, M.shape[1]))
    U[:, :free_u] = inner.T
    V[:, :free_v] = across @ right[:rank]
    return U, d, V


def largest_penalty(
    S: FloatArray, M: FloatArray, U: FloatArray, d: FloatArray, V: FloatArray, free_u: int, free_v: int
) -> float:
    r"""Penalty from which on the restricted fit is a stationary point.

    .. math:: \max(\|[S U D^2 - M V D]_{\ge r_u}\|_\infty, \|[M^\top U D]_{\ge r_v}\|_\infty) .
    """
    D = d[:, None]
    pull_u = (U @ S * D**2 - D * (V @ M.T))[:, free_u:]
    pull_v = (D * (U @ M))[:, free_v:]
    return float(max(np.abs(pull_u).max(initial=0.0), np.abs(pull_v).max(initial=0.0)))
