"""Read a table from a file, and choose its task, target and feature columns."""

import gzip
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.datasets import DATASETS
from kinfolk.exceptions import InputError
from kinfolk.io.delimited import BLANK, SEPARATORS, UNNAMED, read_delimited, refuse_repeated
from kinfolk.validation import list_rows
from kinfolk.validation.columns import LARGEST

_BINARY: dict[str, Callable[[Path], pd.DataFrame]] = {".parquet": pd.read_parquet, ".feather": pd.read_feather}
_DAMAGED = (
    pd.errors.EmptyDataError,
    pd.errors.ParserError,
    pa.ArrowInvalid,
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
)
_DIGITS = r"\d{1,3}(?:[,.' \xa0\u202f]\d{3})+(?:[,.]\d+)?|\d+(?:[,.]\d+)?"  # with or without thousands set off
_FIGURE = re.compile(rf"[+-]?(?:[$€£¥]\s?)?[+-]?(?:{_DIGITS})(?:[eE][+-]?\d+)?(?:\s?[%‰$€£¥])?")


@dataclass(frozen=True)
class TableFile:
    """A table, ready for ``fit(X, y)``.

    Attributes
    ----------
    X : DataFrame
        Features, and the task column last when there is one.
    y : Series, or DataFrame of the targets of wide data
    task : str or None
    weights : (n,) array or None
    left_out : list of str
        Columns that are not numeric and were not asked for.
    unnamed : list of str
        Columns without a name, such as the row numbers that pandas and R write, that were not asked for.
    dropped : int
        Rows dropped because a cell was missing.
    """

    X: pd.DataFrame
    y: pd.Series | pd.DataFrame
    task: str | None
    weights: FloatArray | None
    left_out: list[str]
    unnamed: list[str]
    dropped: int


def read_frame(path: str | Path, labels: str | None = None) -> pd.DataFrame:
    """Read a csv, tsv (also .gz), parquet or feather file; or a bundled set by its name.

    ``labels`` may name the column of task labels: in a text file it stays text when one of them has leading zeros.

    Raises
    ------
    InputError
        The file is missing, of another kind, damaged or empty, or two of its columns have the same name.
    """
    if str(path) in DATASETS:
        return DATASETS[str(path)]().frame
    path = Path(path)
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() != ".gz"), "")
    if suffix not in SEPARATORS | _BINARY:
        raise InputError(
            f"Cannot tell what kind of table {str(path)!r} is: expected a name ending in "
            f".csv, .tsv, .parquet or .feather, or a bundled set ({', '.join(DATASETS)})."
        )
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}. Bundled sets: {', '.join(DATASETS)}.")
    try:
        if suffix in SEPARATORS:
            frame = read_delimited(path, suffix, labels)
        else:
            frame = _BINARY[suffix](path)
            refuse_repeated(list(frame.columns), path)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{str(path)!r} is not UTF-8 text ({error.reason}: {error.object[error.start : error.end]!r}). Save it as "
            "UTF-8 (Excel: 'CSV UTF-8'), or convert it: iconv -f latin1 -t utf-8 OLD > NEW."
        ) from error
    except _DAMAGED as error:
        raise InputError(f"{str(path)!r} could not be read as {suffix[1:]}: {error}") from error
    if frame.empty:
        raise InputError(f"The table {str(path)!r} is empty: it has {len(frame.columns)} columns and no rows.")
    return frame


def read_table(
    path: str | Path,
    *,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    weights: str | None = None,
    drop_missing: bool = False,
) -> TableFile:
    """Read a table and take its columns apart.

    Parameters
    ----------
    path : str or Path
        A csv, tsv, parquet or feather file, or the name of a bundled set, whose task and target are then the default.
    task : str, optional
        Column with the task labels. None with several targets: wide data, each target a task.
    target : str or list of str
        Column or columns to predict. A list without a task, even of one column, is wide data.
    features : list of str, optional
        Default: all other columns that are numeric; the rest are listed in ``left_out``. A column that is mostly
        numbers but holds some text is an error, not a column to leave out.
    weights : str, optional
        Column with row weights.
    drop_missing : bool, default=False
        Drop the rows with a missing cell in a column that is used.

    Returns
    -------
    TableFile

    Raises
    ------
    InputError
        Naming the column, the first five rows (counted from 0, header not counted), the rule and the remedy.

    Examples
    --------
    >>> from kinfolk import read_table
    >>> table = read_table("ames")
    >>> table.task, table.y.name, len(table.X)
    ('neighborhood', 'log_price', 2930)
    """
    frame, task, target = _named(path, task, target)
    targets = [target] if isinstance(target, str) else list(target)
    wide = task is None and not isinstance(target, str)
    if task is None and not wide:
        raise InputError(
            f"Name the column that says which task a row belongs to with --task (or several --target columns, each a "
            f"task). Columns: {_listed(frame)}."
        )
    named = [name for name in (task, weights) if name is not None]
    others = _others(frame, [*targets, *named], features)
    unnamed = [str(name) for name in frame.columns if features is None and name not in [*others, *targets, *named]]
    numeric, left_out = _numeric(frame, others, asked=features is not None)
    if not numeric:
        found = f"none of {_listed(frame[others])} is numeric" if others else "there is no other column"
        raise InputError(f"No feature column is left: {found}.")
    values = frame[[*numeric, *targets, *named]].copy()
    for name in numeric:
        values[name] = as_numbers(values[name])
    for name in (name for name in [*targets, *named] if name != task):
        if not is_class(values[name]):
            values[name] = as_numbers(values[name], what="weights" if name == weights else "target")
    values, dropped = _without_missing(values, targets, task, drop_missing)
    y = values[targets] if wide or len(targets) > 1 else values[targets[0]]
    if y.ndim == 1 and y.dtype.kind == "f" and (y % 1 == 0).all() and (y.abs() <= 2.0**53).all():
        y = y.astype("int64")  # a class is called 1, not 1.0
    return TableFile(
        X=values[[*numeric, *([] if task is None else [task])]],
        y=y,
        task=task,
        weights=None if weights is None else values[weights].to_numpy(dtype=float),
        left_out=left_out,
        unnamed=unnamed,
        dropped=dropped,
    )


def read_columns(
    path: str | Path,
    *,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.Series, str]:
    """Features with the task column, the target and the name of the task column, with all cells as they are.

    Parameters and errors about names are those of `read_table`; nothing is left out, dropped or converted.
    """
    frame, task, target = _named(path, task, target)
    if task is None or not isinstance(target, str):
        raise InputError(
            "Name the column that says which task a row belongs to with --task, and one --target: wide data, in which "
            f"each of several targets is a task, cannot be looked at here. Columns: {_listed(frame)}."
        )
    others = _others(frame, [target, task], features)
    if not others:
        raise InputError(f"No feature column is left beside {task!r} and {target!r}.")
    return frame[[*others, task]], frame[target], task


def _named(path: str | Path, task: str | None, target: Any) -> tuple[pd.DataFrame, str | None, Any]:
    """The frame, and its task and target, which a bundled set knows."""
    frame = read_frame(path, labels=task)
    if str(path) in DATASETS:
        known = DATASETS[str(path)]()
        task = known.task if task is None else task
        target = known.target if target is None else target
    if target is None or not len(target):
        raise InputError(f"Name the column to predict with --target. Columns: {_listed(frame)}.")
    return frame, task, target


def _others(frame: pd.DataFrame, special: list[str], features: Sequence[str] | None) -> list[str]:
    """Columns to predict from: those asked for, else all that have a name and are nothing special."""
    used = [*special, *(features or [])]
    check_names(frame, used)
    twice = sorted({name for name in used if used.count(name) > 1})
    if twice:
        raise InputError(
            f"Column(s) {', '.join(map(repr, twice))} are named twice: as task, target, weights or feature, "
            "a column can be one thing at once."
        )
    return (
        list(features)
        if features is not None
        else [name for name in frame.columns if name not in special and not UNNAMED.fullmatch(str(name))]
    )


def _listed(frame: pd.DataFrame) -> str:
    names = [str(name) for name in frame.columns]
    return ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")


def check_names(frame: pd.DataFrame, names: list[str]) -> None:
    """Names that no column has are an error, with the name that is most like them."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        hints = []
        for name in missing:
            close = get_close_matches(name, [str(column) for column in frame.columns], n=1)
            hints.append(f"{name!r}" + (f" (did you mean {close[0]!r}?)" if close else ""))
        raise InputError(f"There is no column {', '.join(hints)}. Columns: {_listed(frame)}.")


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)


def is_class(column: pd.Series) -> bool:
    """Whether a column is True and False, or text through and through: classes, as the check of the target says."""
    return pd.api.types.is_bool_dtype(column) or (not _is_number(column) and _share_of_numbers(column) < 0.5)


def _share_of_numbers(column: pd.Series) -> float:
    cells = column[~_is_blank(column)]
    return float((pd.to_numeric(cells, errors="coerce").notna() | _is_figure(cells)).mean())


def _is_blank(column: pd.Series) -> pd.Series:
    return column.isna() | column.astype("string").str.strip().str.lower().isin(BLANK).fillna(False).astype(bool)


def _is_figure(column: pd.Series) -> pd.Series:
    """Where a number stands, if with a decimal comma, thousands set off, a percent sign or a currency."""
    return column.astype("string").str.strip().str.fullmatch(_FIGURE).fillna(False).astype(bool)


def mostly_numbers(column: pd.Series) -> bool:
    """Whether at least half of what a column holds are numbers, if only with signs that a computer does not read."""
    return _is_number(column) or (
        not isinstance(column.dtype, pd.CategoricalDtype)
        and not pd.api.types.is_datetime64_any_dtype(column)
        and _share_of_numbers(column) >= 0.5
    )


def _numeric(frame: pd.DataFrame, names: list[str], *, asked: bool) -> tuple[list[str], list[str]]:
    """Names of the columns that are numbers (or mostly: their text is an error later), and of the others."""
    numeric, left_out = [], []
    for name in names:
        column = frame[name]
        if not (asked or mostly_numbers(column)) or column.isna().all():
            left_out.append(str(name))
        else:
            numeric.append(name)
    return numeric, left_out


def parse_numbers(column: pd.Series) -> tuple[pd.Series, BoolArray]:
    """The column as float64, NaN where a cell is blank or text; and where it is text."""
    if _is_number(column):
        return column.astype(float), np.zeros(len(column), dtype=bool)
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    return numbers, (numbers.isna() & ~_is_blank(column)).to_numpy(dtype=bool)


def as_numbers(column: pd.Series, what: str = "feature", *, needed: bool = False) -> pd.Series:
    """Return the column as float64, NaN where a cell is blank; text is an error that names the cells.

    ``needed``: a feature that cannot be left out.
    """
    numbers, wrong = parse_numbers(column)
    if wrong.any():
        leave = (
            f", or leave it out: name the others with --features without {column.name!r}"
            if what == "feature" and not needed
            else ""
        )
        if _is_figure(column[wrong]).any():
            leave += (
                ". Numbers have a decimal point, nothing between thousands, and neither percent signs nor currencies"
            )
        raise InputError(
            f"The {what} column {column.name!r} holds text, {list_rows(wrong, column.to_numpy(dtype=object))} "
            f"(rows counted from 0, header not counted). A {what} must be a number in every row: mend the cells"
            f"{leave}."
        )
    return numbers


def _without_missing(
    values: pd.DataFrame, targets: list[str], task: str | None, drop_missing: bool
) -> tuple[pd.DataFrame, int]:
    """Refuse cells without a number that can be used, or drop their rows; responses of wide data may be missing."""
    may_be_missing = targets if task is None else []
    bad: dict[str, dict[str, BoolArray]] = {}
    for name in values.columns:
        column = values[name]
        kinds = {} if name in may_be_missing else {"missing (NaN)": column.isna().to_numpy()}
        if pd.api.types.is_float_dtype(column):
            size = np.abs(column.to_numpy(dtype=float))
            kinds |= {"infinite (inf)": np.isinf(size), f"too large (beyond {LARGEST:g})": size > LARGEST}
            kinds[f"too large (beyond {LARGEST:g})"] &= np.isfinite(size)
        kinds = {kind: mask for kind, mask in kinds.items() if mask.any()}
        if kinds:
            bad[name] = kinds
    if not bad:
        return values, 0
    rows: BoolArray = np.logical_or.reduce([mask for kinds in bad.values() for mask in kinds.values()])
    if drop_missing:
        if rows.all():
            raise InputError("Every row has a missing cell: --drop-missing would leave nothing. Use fewer --features.")
        return values[~rows].reset_index(drop=True), int(rows.sum())
    lines = []
    for name, kinds in bad.items():
        what = "task" if name == task else "target" if name in targets else "column"
        cells = list_rows(np.logical_or.reduce(list(kinds.values())))
        lines.append(f"{what} {name!r}: {' and '.join(kinds)} cells in {cells}")
    raise InputError(
        f"{'; '.join(lines)} (rows counted from 0, header not counted). Every cell that is used must hold a finite "
        f"value: mend them, or drop {_counted(int(rows.sum()))} with --drop-missing."
    )


def _counted(rows: int) -> str:
    return f"the {rows:,} rows" if rows > 1 else "this row"
