r"""Reduced-rank ridge regression from Gram matrices, for all ranks at once.

.. math:: \min_{\mathrm{rank}(C) \le r} \|Y - X C\|_F^2 + \alpha \|C\|_F^2 , \qquad C \in R^{p \times q} .

With :math:`S = X^\top X` and :math:`M = X^\top Y` the ridge solution is :math:`C_\alpha = (S + \alpha I)^{-1} M`, and
the minimiser of rank r is :math:`C_\alpha V_r V_r^\top`, :math:`V_r` the leading eigenvectors of :math:`M^\top (S +
\alpha I)^{-1} M`: reduced-rank ridge regression of Mukherjee and Zhu (2011), *Stat. Anal. Data Min.* 4;
:math:`\alpha = 0` is Izenman (1975), *J. Multivar. Anal.* 5. One eigendecomposition of S serves every :math:`\alpha`,
and one of a q x q matrix every rank.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from kinfolk._typing import FloatArray


@dataclass(frozen=True)
class Grams:
    """Sums over rows of features and responses, about their means.

    Attributes
    ----------
    n : float
        Number of rows (sum of weights).
    x_mean, y_mean : (p,) and (q,) arrays
    S : (p, p) array
    M : (p, q) array
    yy : (q,) array
    """

    n: float
    x_mean: FloatArray
    y_mean: FloatArray
    S: FloatArray
    M: FloatArray
    yy: FloatArray

    @classmethod
    def of(cls, X: FloatArray, Y: FloatArray, weights: FloatArray) -> Self:
        """From rows."""
        n = float(weights.sum())
        share = weights / max(n, 1e-300)
        x_mean, y_mean = share @ X, share @ Y
        Xc, Yc = X - x_mean, Y - y_mean
        weighted = Xc * weights[:, None]
        return cls(n, x_mean, y_mean, weighted.T @ Xc, weighted.T @ Yc, weights @ Yc**2)

    def without(self, part: "Grams") -> "Grams":
        """Of the rows that are not in a part of them."""
        n = self.n - part.n
        x_mean = (self.n * self.x_mean - part.n * part.x_mean) / n
        y_mean = (self.n * self.y_mean - part.n * part.y_mean) / n
        scale = n * part.n / self.n
        x, y = x_mean - part.x_mean, y_mean - part.y_mean
        return Grams(
            n,
            x_mean,
            y_mean,
            self.S - part.S - scale * np.outer(x, x),
            self.M - part.M - scale * np.outer(x, y),
            self.yy - part.yy - scale * y**2,
        )


class Spectral:
    """The ridge path of one set of rows: one eigendecomposition for every strength."""

    def __init__(self, grams: Grams) -> None:
        values, self.vectors = np.linalg.eigh(grams.S)
        self.values = np.maximum(values, 0.0)
        self.pulled = self.vectors.T @ grams.M

    def fit(self, alpha: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Ridge coefficients ``C V`` (p, q), directions V (q, q) and singular values (q,), strongest first.

        The fit of rank r is ``(C V)[:, :r] @ V[:, :r].T``.
        """
        shrunk = self.pulled / (self.values + alpha)[:, None]
        strengths, directions = np.linalg.eigh(self.pulled.T @ shrunk)
        V = directions[:, ::-1]
        sizes: FloatArray = np.sqrt(np.maximum(strengths[::-1], 0.0))
        return self.vectors @ (shrunk @ V), V, sizes

    def noise(self, yy: FloatArray, n: float, alphas: FloatArray) -> FloatArray:
        """Residual standard deviation of each response ``(q,)``, at the strength with the smallest total of GCV.

        ``sqrt(rss_j / (n - 1 - df))`` with df the trace of the hat matrix (Golub, Heath and Wahba 1979).
        """
        best: tuple[float, FloatArray] | None = None
        for alpha in alphas:
            trust = self.values / (self.values + alpha)
            left = max(n - 1.0 - float(trust.sum()), 1e-3 * n)
            explained = (1.0 - (1.0 - trust) ** 2) / np.maximum(self.values, 1e-300)
            explained = np.where(self.values > 1e-12 * self.values.max(initial=0.0), explained, 0.0)
            variance = np.maximum(yy - explained @ self.pulled**2, 0.0) / left
            score = float((variance / left).sum())
            if best is None or score < best[0]:
                best = score, variance
        assert best is not None
        return np.asarray(np.sqrt(best[1]))


def held_out_error(part: Grams, training: Grams, loaded: FloatArray, V: FloatArray) -> FloatArray:
    """Sum of squared errors of the rows of ``part`` for rank 0, 1, ..., q, ``(q + 1,)``.

    With intercepts of the training rows and V orthonormal, rank r differs from rank r - 1 by one column:
    ``-2 (M V)_r' P_r + P_r' S P_r`` with ``P = C V``, plus the same for the part's means.
    """
    x, y = part.x_mean - training.x_mean, (part.y_mean - training.y_mean) @ V
    within = np.einsum("pr,pr->r", part.S @ loaded - 2.0 * (part.M @ V), loaded)
    fitted = x @ loaded
    between = part.n * (fitted**2 - 2.0 * fitted * y)
    start = float(part.yy.sum() + part.n * (y @ y))
    errors: FloatArray = start + np.concatenate(([0.0], np.cumsum(within + between)))
    return errors
