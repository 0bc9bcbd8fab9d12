r"""The objective of spectral transfer, from Gram matrices in source coordinates.

With :math:`U_0, V_0` the source directions, completed to bases, and :math:`S = U_0^\top X^\top X U_0 / n`,
:math:`M = U_0^\top X^\top Y V_0 / n`, coefficients are :math:`C = U_0 U D V^\top V_0^\top` and

.. math:: F(U, d, V) = \frac{1}{2 n} \|Y\|_F^2 - \sum_j d_j (U^\top M V)_{jj}
          + \frac12 \sum_j d_j^2 (U^\top S U)_{jj} + \lambda \|U_{\ge r_u}\|_1 + \lambda \|V_{\ge r_v}\|_1 ,
          \qquad U^\top U = V^\top V = I_r .

The first :math:`r_u` (:math:`r_v`) rows are the free source directions, which cost nothing: Zhao, Kolar and Lv
(2026), arXiv 2604.20161. On orthonormal V this is the penalised squared error :math:`\|Y - X C\|_F^2 / 2n`.
"""

import numpy as np

from kinfolk._typing import FloatArray


def thresholds(penalty: float, free: int, size: int) -> FloatArray:
    """Penalty of each row ``(size,)``: 0 for the first ``free`` ones."""
    found: FloatArray = np.where(np.arange(size) < free, 0.0, float(penalty))
    return found


def objective(
    S: FloatArray,
    M: FloatArray,
    yy: float | FloatArray,
    U: FloatArray,
    d: FloatArray,
    V: FloatArray,
    penalty_u: FloatArray,
    penalty_v: FloatArray,
) -> FloatArray:
    """F for each problem of a batch.

    Parameters
    ----------
    S : (..., p, p) array
    M : (..., p, q) array
    yy : (...) array or float
        ``|Y|^2 / n``.
    U, d, V : (..., p, r), (..., r) and (..., q, r) arrays
    penalty_u, penalty_v : (..., p) and (..., q) arrays
        Penalty of each row, as `thresholds` gives it.
    """
    fit = np.sum(U * (M @ V), axis=-2) * d
    size = np.sum(U * (S @ U), axis=-2) * d**2
    cost = np.sum(penalty_u[..., None] * np.abs(U), axis=(-2, -1))
    cost = cost + np.sum(penalty_v[..., None] * np.abs(V), axis=(-2, -1))
    value: FloatArray = 0.5 * np.asarray(yy) + (0.5 * size - fit).sum(axis=-1) + cost
    return value
