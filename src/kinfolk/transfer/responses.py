"""Rows with many responses, in the units in which they are fitted."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.model_selection import RepeatedKFold, check_cv

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.transfer.missing import fill_in
from kinfolk.transfer.reduced_rank import Grams, Spectral

ALPHAS: FloatArray = np.logspace(-4.0, 2.0, 13)  # ridge strengths over the number of rows, in standardised units

_HELD_OUT = 60  # rows that cross-validation holds out at least


@dataclass(frozen=True)
class Responses:
    """One study: features and responses in standardised units.

    Attributes
    ----------
    Z : (n, p) array
    Y : (n, q) array
        0 where missing.
    seen : (n, q) booleans
    weights : (n,) array
    x_center, x_scale : (p,) arrays
    y_center, y_scale : (q,) arrays
    centred : bool
        Whether intercepts are fitted.
    """

    Z: FloatArray
    Y: FloatArray
    seen: BoolArray
    weights: FloatArray
    x_center: FloatArray
    x_scale: FloatArray
    y_center: FloatArray
    y_scale: FloatArray
    centred: bool

    @classmethod
    def of(
        cls, features: FloatArray, targets: FloatArray, weights: FloatArray | None, *, standardize: bool, centred: bool
    ) -> Self:
        """Features in units of their standard deviation, responses in units of their residual standard deviation.

        The latter is that of ridge regression at its best GCV score, at least 1% of the response's own. Without
        ``standardize`` features keep their units and responses get one common unit.
        """
        weights = np.ones(len(features)) if weights is None else weights
        seen = ~np.isnan(targets)
        x_center, x_scale = _units(features, np.ones_like(features, dtype=bool), weights)
        y_center, y_scale = _units(targets, seen, weights)
        if not standardize:
            x_scale, y_scale = np.ones_like(x_scale), np.full_like(y_scale, np.sqrt(np.mean(y_scale**2)))
        if not centred:
            x_center, y_center = np.zeros_like(x_center), np.zeros_like(y_center)
        Z = (features - x_center) / x_scale
        if centred:  # a constant column says nothing: not even its rounding errors
            Z[:, np.ptp(features, axis=0) == 0.0] = 0.0
        Y = np.where(seen, (targets - y_center) / y_scale, 0.0)
        found = cls(Z, Y, seen, weights, x_center, x_scale, y_center, y_scale, centred)
        if not standardize:
            return found
        unit = found._noise()
        return cls(Z, Y / unit, seen, weights, x_center, x_scale, y_center, y_scale * unit, centred)

    @property
    def n(self) -> float:
        """Sum of weights."""
        return float(self.weights.sum())

    @property
    def complete(self) -> bool:
        """Whether no response is missing."""
        return bool(self.seen.all())

    def grams(self, Z: FloatArray, Y: FloatArray, rows: IntArray | slice = slice(None)) -> Grams:
        """Gram matrices of (transformed) features and responses; about zero where no intercepts are fitted."""
        weights = self.weights[rows]
        if self.centred:
            return Grams.of(Z[rows], Y[rows], weights)
        weighted = Z[rows] * weights[:, None]
        zero_x, zero_y = np.zeros(Z.shape[1]), np.zeros(Y.shape[1])
        squares = weights @ Y[rows] ** 2
        return Grams(float(weights.sum()), zero_x, zero_y, weighted.T @ Z[rows], weighted.T @ Y[rows], squares)

    def filled(
        self, Z: FloatArray, alpha: float, rank: int, rows: IntArray | slice = slice(None), **how: Any
    ) -> tuple[FloatArray, int, bool]:
        """All responses with the missing ones of some rows filled in, turns of EM, and whether they settled.

        Parameters
        ----------
        Z : (n, k) array
        alpha : float
        rank : int
        rows : array or slice
        **how
            Of `fill_in`: ``max_iter`` and ``tol``.
        """
        Y = self.Y.copy()
        Y[rows], turns, settled = fill_in(
            Z[rows], Y[rows], self.seen[rows], self.weights[rows], alpha, rank, centred=self.centred, **how
        )
        return Y, turns, settled

    def row_space(self) -> FloatArray | None:
        """Orthonormal basis ``(p, n)`` of the rows where there are more features than rows, else None."""
        return np.linalg.svd(self.Z, full_matrices=False)[2].T if self.Z.shape[1] > len(self.Z) else None

    def folds(self, cv: Any, random_state: Any, used: BoolArray | None = None) -> list[tuple[IntArray, IntArray]]:
        """Training and test rows of each fold: shuffled for a number, else what the splitter says.

        For a number of folds, fewer than 60 rows are dealt anew until 60 have been held out: the choice depends less on
        how few rows were dealt. A splitter speaks of all rows that came, of which the study has the ``used`` ones.
        """
        n = len(self.Z)
        if isinstance(cv, Integral):
            repeats = max(1, -(-_HELD_OUT // n))
            cv = RepeatedKFold(n_splits=min(int(cv), n // 2), n_repeats=repeats, random_state=random_state)
            return list(cv.split(self.Z))
        used = np.ones(n, dtype=bool) if used is None else used
        place = np.where(used, np.cumsum(used) - 1, -1)
        X, Y = np.zeros((len(used), self.Z.shape[1])), np.zeros((len(used), self.Y.shape[1]))
        X[used], Y[used] = self.Z, self.Y
        found = []
        try:
            pairs = list(check_cv(cv).split(X, Y))
        except ValueError as error:
            raise InputError(
                f"cv cannot deal the rows: {error} It is a number of folds, a scikit-learn splitter, or a list of "
                "(train, test), such as list(GroupKFold(5).split(X, y, groups)) for rows that belong together."
            ) from error
        for pair in pairs:
            train, test = (place[_rows_of_fold(rows, len(used))] for rows in pair)
            found.append((train[train >= 0], test[test >= 0]))
        found = [(train, test) for train, test in found if len(train) and len(test)]
        if not found:
            raise InputError("cv gives no fold with both training and test rows (of positive weight).")
        return found

    def in_user_units(self, coef: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients ``(q, p)`` and intercepts ``(q,)`` of a fit ``Y = offset + Z coef``."""
        slopes = (coef / self.x_scale[:, None] * self.y_scale).T
        return slopes, self.y_center + offset * self.y_scale - slopes @ self.x_center

    def _noise(self) -> FloatArray:
        basis = self.row_space()
        Z, Y = self.Z if basis is None else self.Z @ basis, self.Y
        if not self.complete:
            Y, *_ = self.filled(Z, 0.01 * self.n, Y.shape[1], max_iter=30, tol=1e-2)
        grams = self.grams(Z, Y)
        return np.maximum(Spectral(grams).noise(grams.yy, self.n, ALPHAS * self.n), 0.01)


def check_folds(cv: Any, **counts: Any) -> None:
    """Refuse a number of folds below two, and counts below one."""
    for name, value, lowest in [("cv", cv, 2), *((name, value, 1) for name, value in counts.items())]:
        if (name != "cv" or isinstance(value, Real)) and not is_whole(value, lowest, 2**31):
            raise InputError(f"{name} must be a whole number >= {lowest}; got {value!r}.")


def _rows_of_fold(rows: Any, n: int) -> IntArray:
    """Positions of rows that a splitter gives, as positions or as booleans."""
    array = np.asarray(rows)
    if array.dtype == np.bool_ and len(array) == n:
        return np.flatnonzero(array)
    if array.size and (array.dtype.kind not in "iu" or array.min() < -n or array.max() >= n):
        raise InputError(f"cv gives rows that do not exist: there are {n}, counted from 0.")
    return array.astype(np.int64) % n


def is_whole(value: Any, least: int, most: int) -> bool:
    """Whether it is a whole number within bounds."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most


def _units(values: FloatArray, seen: BoolArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each column over the cells that are there; 1 for a constant column."""
    share = weights[:, None] * seen
    share = share / np.maximum(share.sum(axis=0), 1e-300)
    filled = np.where(seen, values, 0.0)
    center = (share * filled).sum(axis=0)
    spread = np.sqrt((share * (filled - center) ** 2).sum(axis=0))
    return center, np.where(spread > 1e-12 * np.abs(center), spread, 1.0)
