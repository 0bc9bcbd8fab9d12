"""Reduced-rank regression as a scikit-learn estimator."""

from numbers import Real
from typing import Any, Self

import numpy as np

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.exceptions import InputError
from kinfolk.transfer.held_out import cells, cross_validate, fit_all
from kinfolk.transfer.responses import ALPHAS, Responses, check_folds, is_whole
from kinfolk.transfer.wide import WideRegressor


class ReducedRankRegressor(WideRegressor):
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
    response_names_ : list of str or None
        Columns of y, where it is a DataFrame.

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

    _fitted = (
        "coef_",
        "intercept_",
        "rank_",
        "alpha_",
        "singular_values_",
        "cv_table_",
        "alphas_",
        "n_iter_",
        "response_names_",
        "_single",
    )

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
        rows = self._read(X, y, sample_weight)
        self._check_parameters(min(rows.features.shape[1], rows.targets.shape[1]))
        study = self._study(rows)
        basis = study.row_space()
        Z = study.Z if basis is None else study.Z @ basis
        self._choose(study, Z, rows.used)
        coef, offset, self.singular_values_, self.n_iter_, settled = fit_all(
            study, Z, self.alpha_, self.rank_, self.max_iter
        )
        self._publish_coefficients(study, coef if basis is None else basis @ coef, offset)
        self._warn_unless_settled(settled, "EM for missing responses")
        return self

    def _check_parameters(self, most: int) -> None:
        if not (self.rank == "cv" or is_whole(self.rank, 0, most)):
            raise InputError(
                f"rank must be 'cv' or a whole number from 0 to min(features, responses) = {most}; got {self.rank!r}."
            )
        number = isinstance(self.alpha, Real) and not isinstance(self.alpha, bool)
        if not (self.alpha == "cv" or (number and 0 < float(self.alpha) < np.inf)):
            raise InputError(f"alpha must be 'cv' or a number > 0; got {self.alpha!r}.")
        check_folds(self.cv, max_iter=self.max_iter)

    def _choose(self, study: Responses, Z: FloatArray, used: BoolArray) -> None:
        """Set ``rank_``, ``alpha_`` and the table that they were chosen from."""
        most = min(Z.shape[1], study.Y.shape[1])
        ranks = range(most + 1) if isinstance(self.rank, str) else [int(self.rank)]
        given = not isinstance(self.alpha, str)
        self.alphas_ = np.array([float(self.alpha)]) if given else ALPHAS * study.n
        if (len(ranks) == 1 and given) or len(Z) < 4:
            self.rank_, self.alpha_ = ranks[0], float(self.alphas_[-1])
            self.cv_table_ = np.zeros((0, 0))
            return
        folds = study.folds(self.cv, self.random_state, used)
        errors = cross_validate(study, Z, folds, self.alphas_)[:, :, 0].sum(axis=0)
        self.cv_table_ = errors / max(float(cells(study, folds).sum()), 1e-300)
        table = self.cv_table_[:, list(ranks)]
        column = int(table.min(axis=0).argmin())
        self.rank_, self.alpha_ = ranks[column], float(self.alphas_[int(table[:, column].argmin())])
