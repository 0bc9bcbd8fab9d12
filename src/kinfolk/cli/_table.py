"""Arguments and messages about the table, the same in every command that reads one."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinfolk.io import TableFile


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """``TABLE --task --target --features --weights --drop-missing``."""
    parser.add_argument(
        "table", metavar="TABLE", help="csv, tsv, parquet or feather file, or a bundled set: ames, meats"
    )
    parser.add_argument("--task", metavar="COLUMN", help="column that says which task a row belongs to")
    parser.add_argument(
        "--target", metavar="COLUMN", help="column to predict; several, with commas and no --task: each is a task"
    )
    parser.add_argument(
        "--features", metavar="A,B,...", help="columns to predict from (default: all other numeric ones)"
    )
    parser.add_argument("--weights", metavar="COLUMN", help="column of row weights (2 counts as two rows)")
    parser.add_argument("--drop-missing", action="store_true", help="drop rows with a missing cell in a column used")


def read(args: argparse.Namespace) -> "TableFile":
    """Read the table that the arguments name, and say on stderr what was left out or dropped."""
    from kinfolk.io import read_table

    table = read_table(
        args.table,
        task=args.task,
        target=_split(args.target, single=True),
        features=_split(args.features),
        weights=args.weights,
        drop_missing=args.drop_missing,
    )
    if table.left_out:
        names = ", ".join(table.left_out[:12]) + (f", ... ({len(table.left_out)})" if len(table.left_out) > 12 else "")
        print(f"Left out (not numeric): {names}", file=sys.stderr)
    if table.dropped:
        print(f"Dropped {table.dropped} rows with missing cells.", file=sys.stderr)
    return table


def _split(text: str | None, *, single: bool = False) -> list[str] | str | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    return names[0] if single and len(names) == 1 else names
