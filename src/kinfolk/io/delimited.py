"""Text files of cells: encoding, separator and decimal comma are those that the file shows."""

import codecs
import csv
import gzip
import re
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from kinfolk.exceptions import InputError

SEPARATORS = {".csv": ",;\t|", ".tsv": "\t"}  # of several, the one that divides the header into most names
BLANK = frozenset({"", "na", "n/a", "nan", "null", "none", "-", ".", "?"})
UNNAMED = re.compile(r"Unnamed: \d+")  # what pandas calls a column without a name
_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_POINT = re.compile(r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")  # or a number below a thousand with three decimals


def refuse_repeated(names: list[Any], path: Path) -> None:
    """Names of columns that stand twice are an error."""
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Column name(s) {', '.join(map(repr, twice))} stand twice in {str(path)!r}: rename one.")


def share_of(column: pd.Series, pattern: re.Pattern[str]) -> float:
    """Share of the cells of text that match, of those that are not blank; NaN where all are."""
    cells = column.dropna().astype("string").str.strip()
    return float(cells[~cells.str.lower().isin(BLANK)].str.fullmatch(pattern).mean())


def read_delimited(path: Path, suffix: str, labels: str | None = None) -> pd.DataFrame:
    """Read a csv or tsv file, gzipped or not.

    A csv file is separated by the comma, semicolon, tab or bar that divides its header into most names; where that is
    not the comma, columns of decimal commas are numbers. Blanks around names, and after a separator, do not count.
    Columns with neither name nor cells are not there. Labels with leading zeros (007) are text.

    Raises
    ------
    InputError
        A name stands twice, rows are longer than the header, decimal points and decimal commas are mixed, or the text
        is neither UTF-8 nor marked as UTF-16.
    """
    encoding = _encoding(path)
    separator = max(SEPARATORS[suffix], key=lambda one: _n_names(path, encoding, one))

    def read(**more: Any) -> pd.DataFrame:
        found: pd.DataFrame = pd.read_csv(path, sep=separator, encoding=encoding, skipinitialspace=True, **more)
        return found

    header = [str(name) for name in read(header=None, nrows=1, dtype=str).iloc[0].dropna()]
    names = [name.strip() for name in header]
    refuse_repeated(names, path)
    body: dict[str, Any] = {"low_memory": False, "index_col": False}
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame = read(**body)
    except pd.errors.ParserWarning as error:
        raise InputError(
            f"Rows of {str(path)!r} have more cells than the header has names: mend header or rows. The header, its "
            f"first line, names {len(names)} column(s): {', '.join(map(repr, names[:8]))}."
        ) from error
    if separator != "," and any(_decimal_commas(frame[name]) for name in _texts(frame)):
        frame = _with_decimal_commas(read(**body, decimal=","), path)
    frame.columns = frame.columns.str.strip()
    if labels in names and pd.api.types.is_numeric_dtype(frame[labels]):
        text = read(**body, usecols=[header[names.index(labels)]], dtype=str).iloc[:, 0]
        if text.str.match(r"0\d").any():
            frame[labels] = text
    nameless = [name for name in map(str, frame.columns) if UNNAMED.fullmatch(name)]
    return frame.drop(columns=[name for name in nameless if frame[name].isna().all()])


def _encoding(path: Path) -> str:
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
        return "utf-16" if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _n_names(path: Path, encoding: str, separator: str) -> int:
    """Names in the header, its first line with anything in it."""
    how: dict[str, Any] = {"mode": "rt", "encoding": encoding, "newline": ""}
    with gzip.open(path, **how) if path.suffix.lower() == ".gz" else path.open(**how) as stream:
        cells = csv.reader((line for line in stream if line.strip()), delimiter=separator, skipinitialspace=True)
        return len(next(cells, []))


def _texts(frame: pd.DataFrame) -> list[str]:
    return [name for name in map(str, frame.columns) if pd.api.types.is_string_dtype(frame[name])]


def _decimal_commas(column: pd.Series) -> bool:
    return share_of(column, _COMMA) >= 0.5 and share_of(column, _THOUSANDS) < share_of(column, _COMMA)


def _with_decimal_commas(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The frame, read with decimal commas; those of columns that hold text too are numbers as well."""
    texts = _texts(frame)
    points = [name.strip() for name in texts if share_of(frame[name], _POINT) >= 0.5]
    if points:
        raise InputError(
            f"{str(path)!r} mixes decimal commas with points, which are decimal or of thousands, in "
            f"{', '.join(map(repr, points[:8]))}: write all numbers alike."
        )
    for name in texts:
        if _decimal_commas(frame[name]):
            decimal = frame[name].str.strip().str.fullmatch(_COMMA).fillna(False).astype(bool)
            frame[name] = frame[name].mask(decimal, frame[name].str.replace(",", ".", n=1, regex=False))
    return frame
