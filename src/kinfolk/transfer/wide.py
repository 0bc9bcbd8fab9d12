"""What the regressors of wide data share: reading rows and responses, publishing coefficients, predicting."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.base.description import Described
from kinfolk.exceptions import InputError
from kinfolk.transfer.responses import Responses
from kinfolk.transfer.source import response_names
from kinfolk.transfer.stored import Stored
from kinfolk.validation import Table, check_table, check_target, check_weights
from kinfolk.validation.columns import column_at, name_of, open_table
from kinfolk.validation.messages import list_names


@dataclass(frozen=True)
class Rows:
    """Rows of positive weight as they came.

    Attributes
    ----------
    features : (n, p) array
    targets : (n, q) array
        NaN where missing.
    weights : (n,) array or None
    used : (N,) booleans
        Which of the N rows that came have positive weight.
    feature_names : list of str
    """

    features: FloatArray
    targets: FloatArray
    weights: FloatArray | None
    used: BoolArray
    feature_names: list[str]


class WideRegressor(Stored, MultiOutputMixin, RegressorMixin, Described):  # type: ignore[misc]
    """Base of the regressors of many responses; subclasses fit, and call `_publish_coefficients`."""

    intercept_: FloatArray | float
    response_names_: list[str] | None
    standardize: bool
    fit_intercept: bool
    max_iter: int
    _single: bool

    def predict(self, X: Any) -> FloatArray:
        """Predict all responses, ``(n, q)``, or ``(n,)`` for a single one.

        Parameters
        ----------
        X : as in fit
        """
        check_is_fitted(self)
        features = check_wide(X, type(self).__name__).features
        validate_data(self, X=X, skip_check_array=True, reset=False)
        predicted: FloatArray = features @ self.coef_.T + self.intercept_
        return predicted

    def _read(self, X: Any, y: Any, sample_weight: Any) -> Rows:
        """Check the data, and leave out rows of weight zero."""
        table = check_wide(X, type(self).__name__)
        validate_data(self, X=X, skip_check_array=True)
        features = table.features
        targets = check_target(y, n_rows=len(features), allow_2d=True, allow_missing=True)
        weights = check_weights(sample_weight, n_rows=len(features))
        self._single, self.response_names_ = targets.ndim == 1, response_names(y)
        targets = targets.reshape(len(features), -1)
        if weights is None:
            return Rows(features, targets, None, np.ones(len(features), dtype=bool), table.feature_names)
        used = weights > 0
        empty = np.flatnonzero(np.isnan(targets[used]).all(axis=0))
        if len(empty):
            names = [self._response_labels(targets.shape[1])[j] for j in empty]
            raise InputError(f"y has no value at all in the rows of positive weight in {list_names(names)}.")
        return Rows(features[used], targets[used], weights[used], used, table.feature_names)

    def _study(self, rows: Rows) -> Responses:
        """The rows in the units in which they are fitted."""
        how = {"standardize": self.standardize, "centred": self.fit_intercept}
        return Responses.of(rows.features, rows.targets, rows.weights, **how)

    def _response_labels(self, q: int) -> list[str]:
        return self.response_names_ or [f"y{j}" for j in range(q)]

    def _publish_coefficients(self, study: Responses, coef: FloatArray, offset: FloatArray) -> None:
        """Set ``coef_`` and ``intercept_`` from a fit ``(p, q)`` in the study's units."""
        slopes, intercept = study.in_user_units(coef, offset)
        self.coef_ = slopes[0] if self._single else slopes
        self.intercept_ = float(intercept[0]) if self._single else intercept

    def _warn_unless_settled(self, settled: bool, what: str) -> None:
        if not settled:
            message = f"{type(self).__name__}: {what} stopped at max_iter={self.max_iter} before it settled; raise it."
            warnings.warn(message, ConvergenceWarning, stacklevel=3)


def check_wide(X: Any, method: str) -> Table:
    """A table of features alone; a column of text is refused with what to do if it holds tasks."""
    try:
        return check_table(X, task=None)
    except InputError as error:
        names, source = open_table(X, "X")
        columns = [column_at(source, j, name_of(names, j)) for j in range(source.shape[1])]
        text = [column.name for column in columns if column.kind in ("text", "categories")]
        if not text:
            raise
        raise type(error)(
            f"{str(error).split('Drop the column')[0]}If {list_names(text, 5)} holds task labels (long data): {method} "
            "takes wide data, one column of y per response and no task column. Drop the column, or encode it "
            "(scikit-learn's OneHotEncoder), to fit all tasks alike; for one regression per task take a kinfolk "
            f"regressor with task={text[0]!r}, such as PartialPoolingRegressor, and a single y. Numbers stored as text "
            "are converted by pandas.to_numeric."
        ) from None
