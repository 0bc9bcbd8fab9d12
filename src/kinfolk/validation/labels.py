"""Task labels: what may be one, and which index each has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from kinfolk._typing import IntArray, LabelArray
from kinfolk.exceptions import InputError, UnseenTaskError
from kinfolk.validation.columns import Column, as_column, object_numbers
from kinfolk.validation.messages import list_names, list_rows

_LARGEST_EXACT = 2.0**53


def as_labels(values: Any, *, name: str = "groups") -> LabelArray:
    """Check one sequence of task labels: an object array of str, or an int64 array, comes back.

    Text, categories, booleans (as 0 and 1) and whole numbers are labels.

    Raises
    ------
    InputError
        For missing labels, fractions, dates, other objects, and text mixed with numbers.

    Examples
    --------
    >>> from kinfolk.validation import as_labels
    >>> as_labels([3.0, 1.0])
    array([3, 1])
    """
    column = as_column(values, name)
    if column.values.ndim != 1 or column.values.size == 0:
        raise InputError(f"{name} must hold one task label per row, got an array of shape {column.values.shape}.")
    return column_labels(column)


def encode_labels(labels: LabelArray) -> tuple[LabelArray, IntArray]:
    """Sorted distinct labels and, for every row, the index of its own: ``tasks[codes] == labels``.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.validation import encode_labels
    >>> tasks, codes = encode_labels(np.array(["b", "a", "b"], dtype=object))
    >>> tasks.tolist(), codes.tolist()
    (['a', 'b'], [1, 0, 1])
    """
    codes, tasks = pd.factorize(labels, sort=True)
    return np.asarray(tasks, dtype=labels.dtype), codes.astype(np.int64)


def match_labels(labels: LabelArray, tasks: LabelArray) -> IntArray:
    """Index of every row's label among the known ``tasks``; -1 for a label that is not one of them.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.validation import match_labels
    >>> match_labels(np.array([5, 9]), np.array([2, 5])).tolist()
    [1, -1]
    """
    if (labels.dtype == object) != (tasks.dtype == object):
        return np.full(len(labels), -1, dtype=np.int64)
    return np.asarray(pd.Index(tasks).get_indexer(pd.Index(labels)), dtype=np.int64)


def check_seen(labels: LabelArray, tasks: LabelArray, *, remedy: str) -> IntArray:
    """Index of every row's label among the known ``tasks``.

    Raises
    ------
    UnseenTaskError
        When some label is not known; the message names the labels and rows, and ends with ``remedy``.
    """
    codes = match_labels(labels, tasks)
    unseen = codes < 0
    if unseen.any():
        new = [str(label) for label in pd.unique(labels[unseen])]
        kinds = {True: "text", False: "whole numbers"}
        was, now = kinds[tasks.dtype == object], kinds[labels.dtype == object]
        mismatch = "" if was == now else f" (labels were {was} at fit and are {now} here)"
        raise UnseenTaskError(
            f"{len(new)} task label(s) never seen in fit{mismatch}: {list_names(new, 5)}; "
            f"{list_rows(unseen)} (rows counted from 0). {remedy}"
        )
    return codes


def column_labels(column: Column) -> LabelArray:
    """Labels in a column: an object array of str, or int64."""
    if column.kind == "categories":
        column = as_column(column.values, column.name)
    where = f"The task column {column.name!r}"
    missing = np.asarray(pd.isna(column.values))
    if missing.any():
        raise InputError(
            f"{where} has missing labels in {list_rows(missing)} (rows counted from 0). Every row belongs to "
            "a task: drop these rows or give them a label."
        )
    if column.kind == "text":
        return column.values
    if column.kind != "numbers":
        bad = np.array([not isinstance(value, str) for value in column.values])
        raise InputError(
            f"{where} holds {column.kind}, {list_rows(bad, column.values)} (rows counted from 0). Task "
            "labels are text or whole numbers, never both in one column: convert it to text, for example "
            "with astype(str)."
        )
    values = object_numbers(column) if column.values.dtype == object else column.values
    if values.dtype.kind == "f":
        fraction = values != np.floor(values)
        if fraction.any():
            raise InputError(
                f"{where} holds labels that are not whole numbers, {list_rows(fraction, values)} (rows "
                "counted from 0). Task labels are text or whole numbers: is this the right column? If so, "
                "convert it to text with astype(str)."
            )
        large = np.abs(values) > _LARGEST_EXACT
    else:
        large = values > np.iinfo(np.int64).max if values.dtype.kind == "u" else np.zeros(0, dtype=bool)
    if large.any():
        raise InputError(
            f"{where} holds numbers too large to be told apart, {list_rows(large, values)} (rows counted "
            "from 0). Convert the column to text with astype(str)."
        )
    return values.astype(np.int64)
