"""Arguments and messages about the table, the same in every command that reads one."""

import argparse
import csv
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinfolk.io import TableFile


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """``TABLE --task --target --features --weights --drop-missing``."""
    add_column_arguments(parser)
    parser.add_argument("--weights", metavar="COLUMN", help="column of row weights (2 counts as two rows)")
    parser.add_argument("--drop-missing", action="store_true", help="drop rows with a missing cell in a column used")


def add_column_arguments(parser: argparse.ArgumentParser) -> None:
    """``TABLE --task --target --features``."""
    parser.add_argument(
        "table", metavar="TABLE", help="csv, tsv, parquet or feather file, or a bundled set (kinfolk datasets)"
    )
    parser.add_argument("--task", metavar="COLUMN", help="column that says which task a row belongs to")
    parser.add_argument(
        "--target", metavar="COLUMN", help="column to predict; several, with commas and no --task: each is a task"
    )
    parser.add_argument(
        "--features",
        metavar="A,B,...",
        help="columns to predict from (default: all other numeric ones); names with commas in quotes: '\"a, b\",c'",
    )


def read(args: argparse.Namespace, *, wide: bool = False) -> "TableFile":
    """Read the table that the arguments name, and say on stderr what was left out or dropped.

    ``wide``: a single target is a response of wide data too.
    """
    from kinfolk.io import read_table

    table = read_table(
        args.table,
        task=args.task,
        target=split_names(args.target, single=not wide),
        features=split_names(args.features),
        weights=args.weights,
        drop_missing=args.drop_missing,
    )
    for why, left in (("not numeric", table.left_out), ("no name", table.unnamed)):
        if left:
            names = ", ".join(left[:12]) + (f", ... ({len(left)})" if len(left) > 12 else "")
            print(f"Left out ({why}): {names}", file=sys.stderr)
    if table.dropped:
        print(f"Dropped {counted(table.dropped, 'row')} with missing cells.", file=sys.stderr)
    return table


def sizes(data: dict[str, Any], classes: Collection[str] | None = None) -> str:
    """Say how many rows, tasks, features and classes there are."""
    rows = data["rows_per_task"]
    each = f"{rows['min']:,} to {rows['max']:,} rows (median {rows['median']:g})"
    if rows["min"] == rows["max"]:
        each = counted(rows["min"], "row")
    parts = [
        counted(data["n_rows"], "row"),
        f"{counted(data['n_tasks'], 'task')} of {each}",
        counted(data["n_features"], "feature"),
    ]
    if classes:
        names = list(classes)
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        parts.append(f"{counted(len(names), 'class')} ({listed})")
    return ", ".join(parts)


def counted(number: int, noun: str) -> str:
    """The number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 'es' if noun.endswith('s') else 's'}"


def check_places(*names: str | None) -> None:
    """Refuse files that could not be written, before the work is done."""
    from kinfolk.io.atomic import check_place

    for name in names:
        if name is not None:
            check_place(name)


def split_names(text: str | None, *, single: bool = False) -> list[str] | str | None:
    """Names with commas between them, or in quotes where they hold one; a single one as text where asked for."""
    if text is None:
        return None
    names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), []) if name.strip()]
    return names[0] if single and len(names) == 1 else names
