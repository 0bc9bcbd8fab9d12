"""A table X: numeric features and a task column."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.validation.columns import column_at, name_of, open_table, table_numbers
from kinfolk.validation.labels import column_labels
from kinfolk.validation.messages import list_names


@dataclass(frozen=True)
class Table:
    """The numbers and the task labels of a table X.

    Attributes
    ----------
    features : ndarray of shape (n_rows, n_features)
        Finite float64 values, C-contiguous, without the task column. May share memory with X: do not write
        into it.
    feature_names : list of str
        Column names; ``"x0", "x1", ...`` (position among all columns of X) when X has none.
    labels : ndarray of shape (n_rows,) or None
        Task labels: an object array of str, or an int64 array. None when ``task`` is None.
    task_position : int or None
        Position of the task column in X.
    """

    features: FloatArray
    feature_names: list[str]
    labels: LabelArray | None
    task_position: int | None


def check_table(X: Any, *, task: str | int | None, task_position: int | None = None, name: str = "X") -> Table:
    """Split a table into numeric features and task labels.

    Parameters
    ----------
    X : DataFrame (pandas, polars, pyarrow) or array-like of shape (n_rows, n_columns)
    task : str, int or None
        Name or position (negative allowed) of the task column; None when there is none.
    task_position : int, optional
        Position remembered from ``fit``; used only when X has no column names and ``task`` is a name.
    name : str, default="X"
        What messages call the table.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        For a sparse, one-dimensional or empty X, a task column that is not there, missing or fractional
        labels, and columns that hold text, dates, categories, NaN or infinity. All offending columns are
        named at once.

    Examples
    --------
    >>> import pandas as pd
    >>> from kinfolk.validation import check_table
    >>> table = check_table(pd.DataFrame({"shop": ["a", "b"], "price": [1, 2]}), task="shop")
    >>> table.feature_names, table.labels.tolist(), table.features.tolist()
    (['price'], ['a', 'b'], [[1.0], [2.0]])
    """
    names, source = open_table(X, name)
    n_rows, n_columns = source.shape
    position = None if task is None else find_task_column(names, n_columns, task, task_position, name=name)
    labels = None if position is None else column_labels(column_at(source, position, name_of(names, position)))
    keep = [j for j in range(n_columns) if j != position]
    if not keep:
        raise InputError(
            f"{name} has 0 feature(s) (shape=({n_rows}, 0)) while a minimum of 1 is required: it holds only "
            f"the task column {name_of(names, 0)!r}."
        )
    feature_names = [name_of(names, j) for j in keep]
    return Table(table_numbers(source, keep, feature_names, name), feature_names, labels, position)


def check_labels(X: Any, *, task: str | int, task_position: int | None = None, name: str = "X") -> LabelArray:
    """Task labels of a table, without looking at its other columns (which may still hold NaN or text).

    Same parameters, rules and errors as for `check_table`.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.validation import check_labels
    >>> check_labels(np.array([[0.5, 7.0], [np.nan, 3.0]]), task=-1)
    array([7, 3])
    """
    names, source = open_table(X, name)
    position = find_task_column(names, source.shape[1], task, task_position, name=name)
    return column_labels(column_at(source, position, name_of(names, position)))


def find_task_column(
    names: Sequence[str] | None,
    n_columns: int,
    task: str | int,
    task_position: int | None = None,
    *,
    name: str = "X",
) -> int:
    """Position of the task column.

    A position (negative allowed) is taken as it is. A name is found by exact match, else by a unique suffix
    after ``__`` (``remainder__shop``), else, when X has no column names (``names`` is None), at the position
    remembered from ``fit``.

    Raises
    ------
    InputError
        When there is no such column, or when several match; the message lists the columns.

    Examples
    --------
    >>> from kinfolk.validation import find_task_column
    >>> find_task_column(["scale__price", "remainder__shop"], 2, "shop")
    1
    """
    there = f"{n_columns} columns without names" if names is None else f"the columns {list_names(names, 20)}"
    if isinstance(task, numbers.Integral) and not isinstance(task, bool):
        if -n_columns <= task < n_columns:
            return int(task) % n_columns
        raise InputError(f"There is no column at position task={task}: {name} has {there}.")
    if not isinstance(task, str):
        raise InputError(f"task must be a column name, an integer position or None, got {task!r}.")
    if names is None:
        if task_position is not None and 0 <= task_position < n_columns:
            return task_position
        raise InputError(
            f"The task column {task!r} cannot be found: {name} has {there}. Pass a DataFrame, or give the "
            "position of the task column, for example task=-1 for the last one."
        )
    exact = [j for j, column in enumerate(names) if column == task]
    found = exact or [j for j, column in enumerate(names) if column.endswith(f"__{task}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"The task column {task!r} is not unique in {name}: {list_names([names[j] for j in found])} all "
            "end in it. Give the full name."
        )
    raise InputError(f"There is no task column {task!r} in {name}. It has {there}.")
