r"""Rows in the units that predictions are made in: centred within tasks, of unit variance, uncorrelated.

.. math:: \tilde x_{ti} = \Lambda^{-1/2} U^\top S^{-1} (x_{ti} - \bar x_t), \qquad
          S^{-1} \hat\Sigma S^{-1} = U \Lambda U^\top, \qquad
          \hat\Sigma = \frac 1{N - T} \sum_{t, i} (x_{ti} - \bar x_t) (x_{ti} - \bar x_t)^\top ,

S the standard deviations. Directions with less than 1e-4 of the largest eigenvalue are left out.
"""

from dataclasses import dataclass, replace

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.theory.table import Table

_KEPT = 1e-4  # eigenvalues of the correlations of features, relative to the largest


@dataclass(frozen=True, eq=False)
class Whitening:
    """How features vary, and how well rows tell it.

    Attributes
    ----------
    spectrum : (d,) array
        Eigenvalues of the correlations of features within tasks, falling; `d` features that vary at all.
    kept : int
        Directions with more than 1e-4 of the largest eigenvalue, p.
    condition : float
        Largest over smallest eigenvalue that is kept.
    rows_per_direction : float
        ``(N - T) / p``, rows that the covariance is from; fewer than 5 are too few.
    spread : float
        Coefficient of variation of ``|x|^2 / p`` of rows; some ``sqrt(2 / p)`` if they are Gaussian.
    """

    spectrum: FloatArray
    kept: int
    condition: float
    rows_per_direction: float
    spread: float


@dataclass(frozen=True, eq=False)
class Rows:
    """Whitened rows and their target, both centred within tasks.

    Attributes
    ----------
    X : (n, p) array
    y : (n,) array
    codes : (n,) array of int
        Task of a row.
    counts : (T,) array of int
    axes : (d, p) array
        U, orthonormal: ``X @ axes.T`` are the rows in the directions of the features themselves.
    spread : (p,) array
        Standard deviations of the columns of X: one, or those of the directions in units of the features.
    """

    X: FloatArray
    y: FloatArray
    codes: IntArray
    counts: IntArray
    axes: FloatArray
    spread: FloatArray

    @property
    def norms(self) -> FloatArray:
        """``|x|^2 / p`` of whitened rows, of mean one for Gaussian rows before they were centred ``(n,)``."""
        lost = self.counts / np.maximum(self.counts - 1, 1)
        return np.asarray(((self.X / self.spread) ** 2).mean(axis=1) * lost[self.codes])

    def in_features(self, whitening: Whitening) -> "Rows":
        """The same rows in units of the features, turned: columns have the variances of the spectrum, mean one."""
        kept = whitening.spectrum[: whitening.kept][::-1]
        spread = np.sqrt(kept / kept.mean())
        return replace(self, X=self.X * spread, spread=spread)

    @property
    def spectrum(self) -> FloatArray | None:
        """Variances of columns without the spread that chance gives them, mean one; None if nothing is left.

        Sample eigenvalues of mean one have a variance that is larger than that of the population by p / N.
        """
        values = self.spread**2
        variance = float(values.var())
        left = 1.0 - len(values) / self.freedom / variance if variance > 1e-12 else 0.0
        return 1.0 + np.sqrt(left) * (values - 1.0) if left > 0.0 else None

    @property
    def freedom(self) -> float:
        """Rows less intercepts, N - T."""
        return float((self.counts - 1).sum())

    @property
    def order(self) -> tuple[IntArray, IntArray]:
        """Rows sorted by task, and where each task begins ``(T + 1,)``."""
        order = np.argsort(self.codes, kind="stable")
        return order, np.concatenate(([0], np.cumsum(self.counts)))


def whiten(table: Table) -> tuple[Rows, Whitening]:
    """Centre within tasks and whiten by the covariance within all tasks.

    Raises
    ------
    InputError
        No feature, or not the target, varies within tasks.
    """
    X, y, codes, counts = table.X, table.y, table.codes, table.counts
    freedom = float((counts - 1).sum())
    centred, target = within(X, codes, counts), within(y[:, None], codes, counts)[:, 0]
    spread = np.sqrt((centred**2).sum(axis=0) / freedom)
    centred = centred[:, spread > 1e-12 * np.abs(X).max(axis=0, initial=0.0)]
    if not centred.shape[1] or not float(target @ target) > 1e-24 * float(y @ y):
        raise InputError("Nothing varies within tasks: there is no feature, or a target, to predict.")
    centred = centred / np.sqrt((centred**2).sum(axis=0) / freedom)
    values, vectors = np.linalg.eigh(centred.T @ centred / freedom)
    kept = values > _KEPT * float(values[-1])
    white = centred @ (vectors[:, kept] / np.sqrt(values[kept]))
    p = white.shape[1]
    rows = Rows(white, target, codes, counts, vectors[:, kept], np.ones(p))
    several = rows.norms[counts[codes] > 1]
    told = Whitening(
        values[::-1].copy(),
        p,
        float(values[kept][-1] / values[kept][0]),
        freedom / p,
        float(several.std() / several.mean()),
    )
    return rows, told


def within(values: FloatArray, codes: IntArray, counts: IntArray) -> FloatArray:
    """Columns less their mean in the task."""
    means = np.column_stack([np.bincount(codes, column) for column in values.T]) / counts[:, None]
    centred: FloatArray = values - means[codes]
    return centred
