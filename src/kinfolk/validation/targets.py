"""Targets and row weights."""

from __future__ import annotations

import warnings
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning

from kinfolk._typing import BoolArray, FloatArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.validation.columns import (
    Column,
    as_column,
    column_at,
    is_boolean,
    name_of,
    object_numbers,
    open_table,
    refuse_not_finite,
    to_float,
)
from kinfolk.validation.messages import list_names, list_rows


def check_target(y: Any, *, n_rows: int, allow_2d: bool, allow_missing: bool, name: str = "y") -> FloatArray:
    """Target values as float64.

    Parameters
    ----------
    y : list, array, Series or DataFrame of shape (n_rows,) or (n_rows, n_responses)
    n_rows : int
        Number of rows of X.
    allow_2d : bool
        Whether several responses (wide data) make sense here.
    allow_missing : bool
        Whether NaN may stand for a missing response. A response without any value is always an error.
    name : str, default="y"
        What messages call the target.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_responses)
        A single column comes back one-dimensional, with scikit-learn's `DataConversionWarning`.

    Raises
    ------
    InputError
        For None, a wrong shape or length, text, categories, dates, complex values, infinity, and NaN where
        it is not allowed.

    Examples
    --------
    >>> from kinfolk.validation import check_target
    >>> check_target([1, 2, 3], n_rows=3, allow_2d=False, allow_missing=False)
    array([1., 2., 3.])
    """
    if y is None:
        raise InputError(
            "This estimator requires y to be passed, but the target y is None. Give one value per row of X."
        )
    columns, two_d = _target_columns(y, name)
    length = len(columns[0].values)
    if length != n_rows:
        raise InputError(
            f"Found input variables with inconsistent numbers of samples: X has {n_rows} rows, {name} has "
            f"{length}. There is one value per row."
        )
    if two_d and len(columns) == 1:
        message = f"A column-vector {name} was passed when a 1d array was expected: pass {name}.ravel()."
        warnings.warn(message, DataConversionWarning, stacklevel=3)
    elif two_d and not allow_2d:
        raise InputError(
            f"{name} should be a 1d array, got an array of shape ({length}, {len(columns)}) instead. Several "
            "responses (wide data) go with task=None, where every response is a task."
        )
    values = to_float(columns, name, "Text and categories are targets of a classification.")
    remedy = "Drop these rows: a row without a target value teaches nothing."
    refuse_not_finite(values, [c.name for c in columns], name, remedy, nan=not allow_missing)
    empty = np.isnan(values).all(axis=0) if n_rows else np.zeros(len(columns), dtype=bool)
    if empty.any():
        raise InputError(
            f"{name} has no value at all in {list_names([columns[j].name for j in np.flatnonzero(empty)])}."
        )
    return values if two_d and len(columns) > 1 else np.ascontiguousarray(values[:, 0])


def response_names(y: Any) -> LabelArray | None:
    """Names of the columns of a table of responses; None for arrays, and where they are not text.

    Examples
    --------
    >>> import pandas as pd
    >>> from kinfolk.validation import response_names
    >>> response_names(pd.DataFrame({"fat": [1.0], "water": [2.0]})).tolist()
    ['fat', 'water']
    """
    if not nw.dependencies.is_into_dataframe(y):
        return None
    names, _ = open_table(y, "y")
    return None if names is None else np.array(names, dtype=object)


def check_regression_target(y: Any, *, name: str = "y") -> None:
    """Refuse a target that is meant for classification.

    The rule: text, categories or booleans; or numbers with exactly two distinct values over at least 20 rows.

    Parameters
    ----------
    y : list, array, Series or DataFrame
    name : str, default="y"
        What the message calls the target.

    Raises
    ------
    InputError
        Naming the target, the rule and what can be done.

    Examples
    --------
    >>> from kinfolk.validation import check_regression_target
    >>> check_regression_target([1.5, 2.0, 0.5])
    """
    for column in _target_columns(y, name)[0]:
        found = _classes_found(column)
        if found is not None:
            raise InputError(
                f"The target {column.name!r} {found}: this is a classification problem, and this is for "
                "regressions. Use SharedRepresentationClassifier (kinfolk fit --method "
                "SharedRepresentationClassifier), or choose a target with measured values."
            )


def holds_classes(y: Any, *, name: str = "y") -> bool:
    """Whether a target is meant for classification, by the rule of `check_regression_target`.

    Examples
    --------
    >>> from kinfolk.validation import holds_classes
    >>> holds_classes(["a", "b"]), holds_classes([1.5, 2.0])
    (True, False)
    """
    return any(_classes_found(column) is not None for column in _target_columns(y, name)[0])


def check_classes(
    y: Any, *, n_rows: int, used: BoolArray | None = None, name: str = "y"
) -> tuple[LabelArray, FloatArray]:
    """Sorted class labels, and the index of every row's class as float64.

    Text, categories, booleans and whole numbers are classes.

    Parameters
    ----------
    y : list, array, Series or DataFrame of shape (n_rows,) or (n_rows, 1)
    n_rows : int
        Number of rows of X.
    used : (n_rows,) array of bool, optional
        Rows that count (those of positive weight).
    name : str, default="y"
        What messages call the target.

    Raises
    ------
    InputError
        For None, a wrong shape or length, missing values, fractions, dates, and a single class.

    Examples
    --------
    >>> from kinfolk.validation import check_classes
    >>> check_classes(["no", "yes", "no"], n_rows=3)
    (array(['no', 'yes'], dtype=object), array([0., 1., 0.]))
    """
    values = _class_values(y, n_rows, name)
    classes = np.unique(values if used is None else values[used])
    if len(classes) < 2:
        counted = "" if used is None else " in the rows of positive weight"
        found = f"one class, {classes[0]!s}" if len(classes) else "no class"
        raise InputError(
            f"A classifier needs rows of at least two classes; {name} holds {found}{counted}. A single task may lack "
            "classes, all rows together may not."
        )
    codes = np.minimum(np.searchsorted(classes, values), len(classes) - 1)
    return classes, codes.astype(np.float64)


def match_classes(y: Any, classes: LabelArray, *, n_rows: int, name: str = "y") -> FloatArray:
    """Index of every row's class among the known ``classes``, as float64.

    Raises
    ------
    InputError
        As `check_classes`, and for a class that is not known.
    """
    values = _class_values(y, n_rows, name)
    codes = pd.Index(classes).get_indexer(pd.Index(values))
    if (codes < 0).any():
        new, known = pd.unique(values[codes < 0]), [str(value) for value in classes]
        raise InputError(
            f"{name} holds classes that the model does not know: {list_names([str(value) for value in new], 5)}. "
            f"It knows {list_names(known, 5)}; fit again with all rows to learn a new class."
        )
    return codes.astype(np.float64)


def check_weights(sample_weight: Any, *, n_rows: int, name: str = "sample_weight") -> FloatArray | None:
    """Row weights as float64 of shape (n_rows,), or None when there are none; a scalar counts for every row.

    Raises
    ------
    InputError
        For a wrong shape, values that are not numbers, NaN, infinity, negative weights, and weights that are
        all zero.

    Examples
    --------
    >>> from kinfolk.validation import check_weights
    >>> check_weights([1, 0, 2], n_rows=3)
    array([1., 0., 2.])
    """
    if sample_weight is None:
        return None
    column = as_column(np.full(n_rows, sample_weight) if np.isscalar(sample_weight) else sample_weight, name)
    if column.values.ndim != 1:
        raise InputError(f"Sample weights must be 1D array or scalar; {name} has shape {column.values.shape}.")
    if len(column.values) != n_rows:
        raise InputError(f"{name}.shape == ({len(column.values)},), expected ({n_rows},): one weight per row of X.")
    numbers = to_float([column], name, "")
    refuse_not_finite(numbers, [name], name, "A row that must not count has weight 0.")
    weights = numbers[:, 0]
    if (weights < 0).any():
        raise InputError(
            f"{name} has negative weights in {list_rows(weights < 0, weights)}. Weights are zero or positive."
        )
    if not weights.any():
        raise InputError(f"{name}: every weight is zero, so no row counts. At least one weight must be positive.")
    return weights


def _class_values(y: Any, n_rows: int, name: str) -> LabelArray:
    """Class of every row: text (object), booleans or numbers."""
    if y is None:
        raise InputError(
            "This estimator requires y to be passed, but the target y is None. Give one class per row of X."
        )
    columns, two_d = _target_columns(y, name)
    if len(columns) > 1:
        raise InputError(
            f"{name} should be a 1d array, got an array of shape ({len(columns[0].values)}, {len(columns)}) instead. A "
            "classifier takes one class per row."
        )
    column = columns[0]
    if len(column.values) != n_rows:
        raise InputError(
            f"Found input variables with inconsistent numbers of samples: X has {n_rows} rows, {name} has "
            f"{len(column.values)}. There is one value per row."
        )
    if two_d:
        message = f"A column-vector {name} was passed when a 1d array was expected: pass {name}.ravel()."
        warnings.warn(message, DataConversionWarning, stacklevel=4)
    missing = np.asarray(pd.isna(column.values))
    if missing.any():
        raise InputError(
            f"Input {name} contains NaN or missing classes in {list_rows(missing)} (rows counted from 0). Drop these "
            "rows: a row without a class teaches nothing."
        )
    if column.kind in ("text", "categories"):
        texts = np.array([isinstance(value, str) for value in column.values])
        if texts.all():
            return np.asarray(column.values, dtype=object)
        column = Column(column.name, np.asarray(column.values), "numbers") if not texts.any() else column
    if column.kind != "numbers":
        raise InputError(
            f"Unknown label type: {name} holds {column.kind}. Classes are text, categories, booleans or whole numbers, "
            "all of one kind."
        )
    if is_boolean(column):
        return np.asarray(column.values, dtype=bool)
    if column.values.dtype.kind in "iu":
        return column.values
    numbers = object_numbers(column) if column.values.dtype == object else column.values.astype(np.float64)
    refuse_not_finite(numbers[:, None], [column.name], name, "Drop these rows.")
    fraction = numbers != np.round(numbers)
    if fraction.any():
        remedy = "measured values are for a regressor such as SharedRepresentationRegressor"
        if len(np.unique(numbers)) == 2:
            remedy = "if its two values are classes, give them names, or call them 0 and 1"
        raise InputError(
            f"Unknown label type: continuous. {name} holds fractions in {list_rows(fraction, numbers)} (rows counted "
            f"from 0): {remedy}. Classes are text, categories, booleans or whole numbers."
        )
    return numbers


def _classes_found(column: Column) -> str | None:
    """Say what makes a target a set of classes, or None when it is a measurement."""
    if column.kind in ("text", "categories"):
        values = pd.unique(pd.Series(column.values).dropna())
        return f"holds {column.kind} ({list_names([str(value) for value in values], 5)})"
    if column.kind != "numbers":
        return None
    if is_boolean(column):
        return "is binary (True and False)"
    numbers = object_numbers(column) if column.values.dtype == object else column.values.astype(np.float64)
    distinct = np.sort(pd.unique(numbers[~np.isnan(numbers)]))
    if len(distinct) == 2 and len(numbers) >= 20:
        return f"is binary (only the two values {distinct[0]:g} and {distinct[1]:g} in {len(numbers)} rows)"
    return None


def _target_columns(y: Any, name: str) -> tuple[list[Column], bool]:
    """Open a target: its columns (with their own names if they have any), and whether it was a table."""
    if nw.dependencies.is_into_dataframe(y):
        names, source = open_table(y, name)
        return [column_at(source, j, name_of(names, j)) for j in range(source.shape[1])], True
    own = getattr(y, "name", None) if nw.dependencies.is_into_series(y) else None
    column = as_column(y, own if isinstance(own, str) and own else name)
    if column.values.ndim == 1:
        return [column], False
    if column.values.ndim != 2 or column.values.shape[1] == 0:
        raise InputError(
            f"{name} should be a 1d array, got an array of shape {column.values.shape} instead. Give one "
            "value per row of X."
        )
    return [Column(f"{name}{j}", column.values[:, j], column.kind) for j in range(column.values.shape[1])], True
