"""Reduced-rank regression as a scikit-learn estimator."""

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, check_cv
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.transfer.missing import fill_in
from kinfolk.transfer.reduced_rank import Grams, Spectral, held_out_error
from kinfolk.validation import check_table, check_target, check_weights

_GRID: FloatArray = np.logspace(-4.0, 2.0, 13)  # of alpha over the number of rows, in standardised units


class ReducedRankRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Many responses of the same rows whose coefficients have low rank, with a ridge.

    .. math:: \min_{\mathrm{rank}(C) \le r} \sum_i s_i \|y_i - a - C^\top x_i\|^2 + \alpha \|C\|_F^2 ,
              \qquad C \in R^{p \times q} ,

    in units in which every feature has variance one and every response noise of variance one (so that precise responses
    count more); intercepts are free. Rank and strength are chosen together by cross-validation over rows, from Gram
    matrices alone.

    Parameters
    ----------
    rank : "cv" or int, default="cv"
        r, from 0 to min(p, q).
    alpha : "cv" or float, default="cv"
        Strength of the ridge (> 0), in standardised units; ``"cv"`` tries 13 values from 1e-4 to 100 for each row.
    cv : int or splitter, default=5
        Folds over rows, shuffled; or a scikit-learn splitter or list of (train, test).
    fit_intercept : bool, default=True
        False: features and responses are taken as centred already.
    standardize : bool, default=True
        Put features into units of their standard deviation and responses into units of their residual standard
        deviation under ridge regression, so that units do not matter. False: responses have one common unit.
    max_iter : int, default=200
        Most turns of EM where responses are missing.
    random_state : int, RandomState or None, default=0
        Deals the rows over the folds.

    Attributes
    ----------
    coef_ : (q, p) array, or (p,) for a single response
    intercept_ : (q,) array or float
    rank_ : int
    alpha_ : float
    singular_values_ : (rank,) array
        Of the fit, in standardised units: the square root of the sum of squares that each direction explains.
    cv_table_ : (alphas, ranks) array
        Mean squared error of held-out responses, in units of their noise. Row i is ``alphas_[i]``, column r is rank
        r. Empty where there was nothing to choose.
    alphas_ : (alphas,) array
    n_iter_ : int
        Turns of EM (1 where no response is missing).

    Notes
    -----
    Mukherjee and Zhu (2011); see `kinfolk.transfer.reduced_rank` for the solution. With fewer than four rows nothing
    can be held out, and a rank that is not given is 0. Missing responses (NaN) are filled in by EM
    (`kinfolk.transfer.missing`); they do not count in cross-validation.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk import ReducedRankRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 8))
    >>> Y = X @ rng.normal(size=(8, 2)) @ rng.normal(size=(2, 6)) + rng.normal(size=(100, 6))
    >>> model = ReducedRankRegressor().fit(X, Y)
    >>> model.rank_, model.coef_.shape
    (2, (6, 8))
    """

    def __init__(
        self,
        rank: str | int = "cv",
        *,
        alpha: str | float = "cv",
        cv: Any = 5,
        fit_intercept: bool = True,
        standardize: bool = True,
        max_iter: int = 200,
        random_state: Any = 0,
    ) -> None:
        self.rank = rank
        self.alpha = alpha
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all responses together.

        Parameters
        ----------
        X : DataFrame or array, (n, p)
        y : (n, q), or (n,) for one response
            NaN where a response is missing.
        sample_weight : (n,) array, optional
            A row of weight 2 counts as two rows; rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When data or parameters cannot be used; the message names column, rows, rule and remedy.
        """
        features = check_table(X, task=None).features
        validate_data(self, X=X, skip_check_array=True)
        targets = check_target(y, n_rows=len(features), allow_2d=True, allow_missing=True)
        weights = check_weights(sample_weight, n_rows=len(features))
        self._single = targets.ndim == 1
        Y = targets.reshape(len(features), -1)
        self._check_parameters(min(features.shape[1], Y.shape[1]))
        weights = np.ones(len(features)) if weights is None else weights
        seen = ~np.isnan(Y)
        x_center, x_scale = _units(features, np.ones_like(features, dtype=bool), weights)
        y_center, y_scale = _units(Y, seen, weights)
        if not self.standardize:
            x_scale, y_scale = np.ones_like(x_scale), np.full_like(y_scale, np.sqrt(np.mean(y_scale**2)))
        if not self.fit_intercept:
            x_center, y_center = np.zeros_like(x_center), np.zeros_like(y_center)
        Z = (features - x_center) / x_scale
        target = np.where(seen, (Y - y_center) / y_scale, 0.0)
        basis = None
        if Z.shape[1] > len(Z):  # coefficients lie in the span of the rows
            basis = np.linalg.svd(Z, full_matrices=False)[2].T
            Z = Z @ basis
        if self.standardize:
            unit = self._noise(Z, target, seen, weights)
            target, y_scale = target / unit, y_scale * unit
        self._choose(Z, target, seen, weights)
        settled, self.n_iter_ = True, 1
        if not seen.all():
            target, settled = fill_in(
                Z, target, seen, weights, self.alpha_, self.rank_, max_iter=self.max_iter, tol=1e-4
            )
        grams = self._grams(Z, target, weights)
        loaded, V, sizes = Spectral(grams).fit(self.alpha_)
        coef = loaded[:, : self.rank_] @ V[:, : self.rank_].T
        offset = grams.y_mean - grams.x_mean @ coef
        if basis is not None:
            coef = basis @ coef
        slopes = (coef / x_scale[:, None] * y_scale).T
        intercept = y_center + offset * y_scale - slopes @ x_center
        self.singular_values_ = sizes[: self.rank_]
        self.coef_ = slopes[0] if self._single else slopes
        self.intercept_ = float(intercept[0]) if self._single else intercept
        if not settled:
            warnings.warn(
                f"{type(self).__name__}: EM for missing responses stopped at max_iter={self.max_iter} before they "
                "settled; raise max_iter.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict all responses, ``(n, q)``, or ``(n,)`` for a single one.

        Parameters
        ----------
        X : as in fit
        """
        check_is_fitted(self)
        features = check_table(X, task=None).features
        validate_data(self, X=X, skip_check_array=True, reset=False)
        predicted: FloatArray = features @ self.coef_.T + self.intercept_
        return predicted

    def _check_parameters(self, most: int) -> None:
        whole = isinstance(self.rank, Integral) and not isinstance(self.rank, bool)
        if not (self.rank == "cv" or (whole and 0 <= int(self.rank) <= most)):
            raise InputError(
                f"rank must be 'cv' or a whole number from 0 to min(features, responses) = {most}; got {self.rank!r}."
            )
        number = isinstance(self.alpha, Real) and not isinstance(self.alpha, bool)
        if not (self.alpha == "cv" or (number and 0 < float(self.alpha) < np.inf)):
            raise InputError(f"alpha must be 'cv' or a number > 0; got {self.alpha!r}.")
        for name, value, lowest in (("cv", self.cv, 2), ("max_iter", self.max_iter, 1)):
            counted = name == "max_iter" or isinstance(value, Real)
            if counted and (not isinstance(value, Integral) or isinstance(value, bool) or int(value) < lowest):
                raise InputError(f"{name} must be a whole number >= {lowest}; got {value!r}.")

    def _grams(self, Z: FloatArray, target: FloatArray, weights: FloatArray) -> Grams:
        if self.fit_intercept:
            return Grams.of(Z, target, weights)
        weighted = Z * weights[:, None]
        zero_x, zero_y = np.zeros(Z.shape[1]), np.zeros(target.shape[1])
        return Grams(float(weights.sum()), zero_x, zero_y, weighted.T @ Z, weighted.T @ target, weights @ target**2)

    def _noise(self, Z: FloatArray, target: FloatArray, seen: BoolArray, weights: FloatArray) -> FloatArray:
        """Residual standard deviation of each response (at least 1% of its own), the unit in which it counts."""
        n = float(weights.sum())
        if not seen.all():
            target, _ = fill_in(Z, target, seen, weights, 0.01 * n, target.shape[1], max_iter=30, tol=1e-2)
        grams = self._grams(Z, target, weights)
        return np.maximum(Spectral(grams).noise(grams.yy, n, _GRID * n), 0.01)

    def _choose(self, Z: FloatArray, target: FloatArray, seen: BoolArray, weights: FloatArray) -> None:
        """Set ``rank_``, ``alpha_`` and the table that they were chosen from."""
        most = min(Z.shape[1], target.shape[1])
        ranks = range(most + 1) if isinstance(self.rank, str) else [int(self.rank)]
        given = not isinstance(self.alpha, str)
        self.alphas_ = np.array([float(self.alpha)]) if given else _GRID * float(weights.sum())
        if (len(ranks) == 1 and given) or len(Z) < 4:
            self.rank_, self.alpha_ = ranks[0], float(self.alphas_[-1])
            self.cv_table_ = np.zeros((0, 0))
            return
        splitter = self.cv
        if isinstance(splitter, Integral):
            splitter = KFold(min(int(splitter), len(Z) // 2), shuffle=True, random_state=self.random_state)
        folds = list(check_cv(splitter).split(Z, target))
        errors = np.zeros((len(self.alphas_), most + 1))
        whole = self._grams(Z, target, weights) if seen.all() else None
        counted = 0.0
        for train, test in folds:
            counted += float((weights[test, None] * seen[test]).sum())
            for i, error in enumerate(self._fold(Z, target, seen, weights, train, test, whole)):
                errors[i] += error[: most + 1]
        self.cv_table_ = errors / max(counted, 1e-300)
        table = self.cv_table_[:, list(ranks)]
        column = int(table.min(axis=0).argmin())
        self.rank_, self.alpha_ = ranks[column], float(self.alphas_[int(table[:, column].argmin())])

    def _fold(
        self,
        Z: FloatArray,
        target: FloatArray,
        seen: BoolArray,
        weights: FloatArray,
        train: IntArray,
        test: IntArray,
        whole: Grams | None,
    ) -> list[FloatArray]:
        """Sums of squared errors of the held-out rows, for each strength an array over ranks."""
        if whole is not None and self.fit_intercept:
            part = Grams.of(Z[test], target[test], weights[test])
            rest = len(train) + len(test) == len(Z)
            training = whole.without(part) if rest else Grams.of(Z[train], target[train], weights[train])
            path = Spectral(training)
            return [held_out_error(part, training, *path.fit(alpha)[:2]) for alpha in self.alphas_]
        errors = []
        for alpha in self.alphas_:
            y = target[train]
            if not seen.all():
                y, _ = fill_in(Z[train], y, seen[train], weights[train], alpha, target.shape[1], max_iter=30, tol=1e-2)
            grams = self._grams(Z[train], y, weights[train])
            loaded, V, _ = Spectral(grams).fit(alpha)
            scores = (Z[test] - grams.x_mean) @ loaded
            residual = np.where(seen[test], target[test] - grams.y_mean, 0.0)
            sums = [float((weights[test] @ residual**2).sum())]
            for r in range(V.shape[1]):
                residual = np.where(seen[test], residual - np.outer(scores[:, r], V[:, r]), 0.0)
                sums.append(float((weights[test] @ residual**2).sum()))
            errors.append(np.array(sums))
        return errors


def _units(values: FloatArray, seen: BoolArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each column over the cells that are there; 1 for a constant column."""
    share = weights[:, None] * seen
    share = share / np.maximum(share.sum(axis=0), 1e-300)
    filled = np.where(seen, values, 0.0)
    center = (share * filled).sum(axis=0)
    spread = np.sqrt((share * (filled - center) ** 2).sum(axis=0))
    return center, np.where(spread > 1e-12 * np.abs(center), spread, 1.0)
