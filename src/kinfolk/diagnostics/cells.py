"""The cells of a raw table: which hold numbers, which are missing, and the rows where nothing is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kinfolk._typing import BoolArray, FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.io.tables import is_class, mostly_numbers, parse_numbers
from kinfolk.validation import check_labels, list_rows
from kinfolk.validation.columns import LARGEST

MOSTLY_MISSING = 0.5  # share of a column's cells beyond which it is left out, so that its rows are not


@dataclass(frozen=True, eq=False)
class Cells:
    """A table taken apart. Rows are counted from 0.

    Attributes
    ----------
    features : (n, d) array
        Of the complete rows.
    names : list of d str
    y, labels : (n,) arrays
        Target (numbers, or classes as they are) and task of the complete rows.
    rows : (n,) array of int
        Where the complete rows stand in the table.
    n_rows : int
        Rows of the table.
    missing : dict of str to int
        Missing (or infinite, unreadable, or too large to be squared) cells of each column that has some; text columns
        are not counted.
    missing_by_task : dict of str to int
        Rows with a missing cell that would be dropped, of each task that has some.
    lost_tasks : list of str
        Tasks of which no row is complete.
    text : dict of str to str
        Columns of numbers with cells of text, and which cells those are.
    left_out : list of str
        Columns that are not numbers.
    mostly_missing : list of str
        Columns that are left out since more than `MOSTLY_MISSING` of their cells are missing.
    kept_by_drop : int
        Rows that ``--drop-missing`` leaves when no column is left out for its missing cells.
    """

    features: FloatArray
    names: list[str]
    y: LabelArray
    labels: LabelArray
    rows: IntArray
    n_rows: int
    missing: dict[str, int]
    missing_by_task: dict[str, int]
    lost_tasks: list[str]
    text: dict[str, str]
    left_out: list[str]
    mostly_missing: list[str]
    kept_by_drop: int


def take_apart(frame: pd.DataFrame, y: pd.Series, task: str) -> Cells:
    """Numbers, missing cells and complete rows of a frame whose column ``task`` says which task a row belongs to.

    Raises
    ------
    InputError
        No column holds numbers, or no row is complete.
    """
    text: dict[str, str] = {}
    columns: dict[str, FloatArray] = {}
    left_out = []
    for name in frame.columns.drop(task):
        if mostly_numbers(frame[name]):
            columns[str(name)] = _numbers(frame[name], text)
        else:
            left_out.append(str(name))
    target: Any = y.to_numpy(dtype=object) if _classes(y) else _numbers(y, text)
    gone = {str(task): frame[task].isna().to_numpy(), str(y.name): np.asarray(pd.isna(target))}
    gone |= {name: np.isnan(values) for name, values in columns.items()}
    empty = [name for name in columns if gone[name].all()]
    scarce = [name for name in columns if gone[name].mean() > MOSTLY_MISSING]
    kept = [name for name in columns if name not in set(scarce)]
    if not kept:
        raise InputError(
            f"No feature column is left: {', '.join(map(repr, [*left_out, *scarce][:10]))} hold text, or more than "
            "half of their cells are missing. Name columns of numbers with --features, or turn text into numbers first."
        )
    complete = ~_any(gone, [task, str(y.name), *kept])
    if not complete.any():
        worst = sorted((name for name in gone if gone[name].any()), key=lambda name: -int(gone[name].sum()))[:5]
        raise InputError(
            "Every row has a missing cell, so that nothing is left to look at. Most are missing in "
            f"{', '.join(f'{name!r} ({int(gone[name].sum())})' for name in worst)}: mend them, or leave features out "
            "with --features."
        )
    known = ~gone[task]
    labels = np.full(len(frame), "", dtype=object)
    labels[known] = check_labels(frame.loc[known, [task]].reset_index(drop=True), task=task)
    every, of_all = np.unique(labels[known].astype(str), return_counts=True)
    hurt, of_hurt = np.unique(labels[known & ~complete].astype(str), return_counts=True)
    sizes = dict(zip(every.tolist(), of_all.tolist(), strict=True))
    by_task = sorted(zip(hurt.tolist(), of_hurt.tolist(), strict=True), key=lambda pair: -pair[1])
    return Cells(
        features=np.column_stack([columns[name][complete] for name in kept]),
        names=kept,
        y=target[complete],
        labels=np.array(labels[complete].tolist()),
        rows=np.flatnonzero(complete),
        n_rows=len(frame),
        missing={name: int(mask.sum()) for name, mask in gone.items() if mask.any()},
        missing_by_task=dict(by_task),
        lost_tasks=[name for name, count in by_task if count == sizes[name]],
        text=text,
        left_out=left_out,
        mostly_missing=scarce,
        kept_by_drop=int((~_any(gone, [name for name in gone if name not in empty])).sum()),
    )


def _classes(y: pd.Series) -> bool:
    return is_class(y)


def _numbers(column: pd.Series, text: dict[str, str]) -> FloatArray:
    """Numbers of a column, NaN where there is none; what is text is noted."""
    numbers, wrong = parse_numbers(column)
    if wrong.any():
        text[str(column.name)] = list_rows(wrong, column.to_numpy(dtype=object))
    values: FloatArray = numbers.to_numpy(dtype=float)
    return np.where(np.abs(values) <= LARGEST, values, np.nan)


def _any(gone: dict[str, BoolArray], names: list[str]) -> BoolArray:
    found: BoolArray = np.logical_or.reduce([gone[name] for name in names])
    return found
