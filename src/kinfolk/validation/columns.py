"""Columns of frames and arrays as NumPy values, and what they hold."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.validation.messages import list_names, list_offenders, list_rows

LARGEST = 1e150  # of a number whose square, and sums of many, are numbers too

Frame = nw.DataFrame[Any]
Source = NDArray[Any] | Frame

_NUMBER = (numbers.Real, np.bool_, decimal.Decimal)
_TIME = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


class _CellTypeError(InputError, TypeError):
    """A cell holds an object that is neither number nor text: scikit-learn's convention is a TypeError."""


@dataclass(frozen=True)
class Column:
    """One column: its name, its values (numbers, times or objects), and what it holds.

    ``kind`` is one of "numbers", "text", "categories", "dates or times", "other objects".
    """

    name: str
    values: NDArray[Any]
    kind: str


def open_table(X: Any, what: str) -> tuple[list[str] | None, Source]:
    """Column names (None when there are none) and the rows, as a narwhals frame or a 2-D array."""
    if sparse.issparse(X):
        raise InputError(f"{what} is a SciPy sparse matrix. Sparse data is not supported yet: pass {what}.toarray().")
    if nw.dependencies.is_polars_lazyframe(X):
        raise InputError(f"{what} is a lazy frame: pass {what}.collect().")
    names: list[str] | None = None
    source: Source
    if nw.dependencies.is_into_dataframe(X):
        names = _frame_names(X, what)
        source = nw.from_native(X, eager_only=True)
    else:
        source = as_array(X, what)
        if source.ndim != 2:
            shape = "scalar" if source.ndim == 0 else f"{source.ndim}D"
            raise InputError(
                f"Expected 2D array, got {shape} array instead: {what} is a {type(X).__name__} of shape "
                f"{source.shape}. Reshape your data: {what}.reshape(-1, 1) if it is one column, "
                f"{what}.reshape(1, -1) if it is one row."
            )
    n_rows, n_columns = source.shape
    if n_rows == 0:
        raise InputError(f"{what} has 0 sample(s) (shape=(0, {n_columns})) while a minimum of 1 is required.")
    if n_columns == 0:
        raise InputError(f"{what} has 0 feature(s) (shape=({n_rows}, 0)) while a minimum of 1 is required.")
    return names, source


def name_of(names: list[str] | None, position: int) -> str:
    """Name of a column, ``x<position>`` when the table has no names."""
    return f"x{position}" if names is None else names[position]


def _frame_names(X: Any, what: str) -> list[str] | None:
    columns = list(X.columns) if nw.dependencies.is_pandas_dataframe(X) else nw.from_native(X, eager_only=True).columns
    repeated = [str(c) for c, count in Counter(columns).items() if count > 1]
    if repeated:
        raise InputError(f"{what} has several columns called {list_names(repeated)}. Give every column its own name.")
    named = [isinstance(c, str) for c in columns]
    if columns and not any(named):
        return None
    if not all(named):
        others = [repr(c) for c, text in zip(columns, named, strict=True) if not text]
        raise InputError(
            f"{what} has column names that are not text: {', '.join(others[:10])}. Feature names are "
            f"supported only if all are strings: {what}.columns = {what}.columns.astype(str)."
        )
    return [str(c) for c in columns]


def as_array(values: Any, what: str) -> NDArray[Any]:
    """Convert to an array; a list of text and numbers becomes an object array, never an array of text."""
    try:
        array: NDArray[Any] = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{what} has rows of different lengths. Every row needs the same number of values.") from error
    if array.dtype.kind in "US" and not hasattr(values, "dtype"):
        array = np.asarray(values, dtype=object)
    if array.dtype.kind == "c":
        raise InputError(f"Complex data not supported: {what} holds complex numbers. Pass real and imaginary parts.")
    return array


def as_column(values: Any, name: str) -> Column:
    """Column from a sequence, an array (of any dimension) or a Series."""
    if sparse.issparse(values):
        raise InputError(f"{name} is a SciPy sparse matrix. Sparse data is not supported yet: pass a dense array.")
    if isinstance(values, pd.api.extensions.ExtensionArray | pd.Index):
        values = pd.Series(values)
    if nw.dependencies.is_into_series(values):
        return frame_column(nw.from_native(values, series_only=True), name)
    array = as_array(values, name)
    if array.dtype.kind in "US":
        array = array.astype(object)
    if array.dtype.kind in "mM":
        return Column(name, array, "dates or times")
    return Column(name, array, "numbers" if array.dtype.kind in "biuf" else _kind_of_objects(array, name))


def frame_column(series: nw.Series[Any], name: str) -> Column:
    """Column from a narwhals Series; a missing number is NaN, any other missing value None or NaN."""
    dtype = series.dtype
    if dtype.is_numeric():
        values = series.to_numpy()
        exact = values.dtype.kind in "iuf"
        return Column(name, values if exact else series.cast(nw.Float64()).to_numpy(), "numbers")
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return Column(name, np.asarray(series.to_numpy()), "categories")
    if isinstance(dtype, nw.String) and series.null_count() < len(series):
        return Column(name, np.asarray(series.to_numpy(), dtype=object), "text")
    return as_column(np.asarray(series.to_numpy()), name)


def column_at(source: Source, position: int, name: str) -> Column:
    """One column of an opened table."""
    if isinstance(source, np.ndarray):
        return as_column(source[:, position], name)
    return frame_column(source[:, position], name)


def is_boolean(column: Column) -> bool:
    """Whether the values, except the missing ones, are True and False."""
    if column.values.dtype != object:
        return column.values.dtype == np.bool_
    types = _types(column.values)
    return bool(types) and types <= {bool, np.bool_}


def table_numbers(source: Source, positions: list[int], names: list[str], what: str) -> FloatArray:
    """Take columns as finite, C-contiguous float64, in one step when their dtypes allow it."""
    block: NDArray[Any] | None = None
    whole = len(positions) == source.shape[1]
    if isinstance(source, np.ndarray):
        if source.dtype.kind in "biuf":
            block = source if whole else np.take(source, positions, axis=1)
    else:
        part = source if whole else source[:, positions]
        if all(dtype.is_numeric() for dtype in part.schema.values()):
            block = part.to_numpy()
    if block is not None and block.dtype.kind in "biuf":
        values: FloatArray = np.ascontiguousarray(block, dtype=np.float64)
    else:
        columns = [column_at(source, j, name) for j, name in zip(positions, names, strict=True)]
        remedy = (
            "Drop the column or encode it (scikit-learn's OneHotEncoder); if it holds the task labels, name "
            "it with task=; numbers stored as text are converted by pandas.to_numeric."
        )
        values = to_float(columns, what, remedy)
    remedy = "Drop these rows, or fill them in first, for example with TaskAware(SimpleImputer(), task=...)."
    refuse_not_finite(values, names, what, remedy)
    return values


def to_float(columns: Sequence[Column], what: str, remedy: str) -> FloatArray:
    """Columns side by side as float64 (NaN where missing); refuse those that do not hold numbers."""
    offenders: list[str] = []
    error: type[InputError] = InputError
    values = np.empty((len(columns[0].values), len(columns)), dtype=np.float64)
    for j, column in enumerate(columns):
        if column.kind == "numbers":
            values[:, j] = column.values if column.values.dtype != object else object_numbers(column)
            continue
        bad = ~np.asarray(pd.isna(column.values))
        if column.kind == "other objects":
            bad &= np.array([not isinstance(value, _NUMBER) for value in column.values])
            if any(not isinstance(value, str) for value in column.values[bad]):
                error = _CellTypeError
        offenders.append(f"column {column.name!r}: {column.kind}, {list_rows(bad, column.values)}")
    if offenders:
        raise error(
            f"{what} holds something other than numbers (rows counted from 0):\n{list_offenders(offenders)}\n"
            f"The {what} argument must be free of strings and other objects: every value is a number (float, "
            "int or "
            f"bool). {remedy}".rstrip()
        )
    return values


def object_numbers(column: Column) -> FloatArray:
    """Float64 values of an object column whose kind is "numbers"; NaN where missing."""
    try:
        missing = np.asarray(pd.isna(column.values))
        return np.asarray(np.where(missing, np.nan, column.values), dtype=np.float64)
    except OverflowError as error:
        raise InputError(f"column {column.name!r} holds whole numbers too large for float64. Rescale it.") from error


def refuse_not_finite(values: FloatArray, names: Sequence[str], what: str, remedy: str, *, nan: bool = True) -> None:
    """Refuse infinity, numbers beyond `LARGEST` (and NaN, unless ``nan`` is False), naming the columns and rows."""
    good = np.abs(values) <= LARGEST
    if not nan:
        good |= np.isnan(values)
    if good.all():
        return
    offenders, found = [], set()
    for j in np.flatnonzero(~good.all(axis=0)).tolist():
        parts = []
        size = np.abs(values[:, j])
        kinds = (("NaN", np.isnan(size) & nan), ("infinity", np.isinf(size)))
        for word, mask in (*kinds, (f"numbers beyond {LARGEST:g}", (size > LARGEST) & np.isfinite(size))):
            if mask.any():
                parts.append(f"{word} in {list_rows(mask)}")
                found.add(word)
        offenders.append(f"column {names[j]!r}: {'; '.join(parts)}")
    raise InputError(
        f"Input {what} contains {' and '.join(sorted(found))} (rows counted from 0):\n"
        f"{list_offenders(offenders)}\nEvery value must be a finite number, and its square too. {remedy}"
    )


def _types(values: NDArray[Any]) -> set[type]:
    return set(map(type, values[~np.asarray(pd.isna(values))].tolist()))


def _kind_of_objects(values: NDArray[Any], name: str) -> str:
    types = _types(values)
    if all(issubclass(kind, _NUMBER) for kind in types):
        return "numbers"
    if any(issubclass(kind, numbers.Complex) and not issubclass(kind, numbers.Real) for kind in types):
        raise InputError(f"Complex data not supported: {name!r} holds complex numbers.")
    if all(issubclass(kind, str) for kind in types):
        return "text"
    return "dates or times" if all(issubclass(kind, _TIME) for kind in types) else "other objects"
