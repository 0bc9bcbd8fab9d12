"""``kinfolk doctor``: what the data look like, before any fit."""

import argparse
import json
import shlex
from typing import Any

from kinfolk.cli._table import add_column_arguments, check_places, sizes, split_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_column_arguments(parser)
    parser.add_argument("--report", metavar="FILE.html", help="write a self-contained HTML report with plots")
    parser.add_argument("--json", metavar="FILE.json", help="write all numbers as JSON")


def run(args: argparse.Namespace) -> int:
    """Look, print, and write what was asked for; findings are no failure."""
    from kinfolk.diagnostics import examine
    from kinfolk.io.atomic import atomic_write
    from kinfolk.io.tables import read_columns
    from kinfolk.report import summarize_doctor, write_doctor_report

    check_places(args.report, args.json)
    features = split_names(args.features)
    assert not isinstance(features, str)
    frame, y, task = read_columns(
        args.table, task=args.task, target=split_names(args.target, single=True), features=features
    )
    found = summarize_doctor(
        examine(frame, y, task=task),
        table=args.table,
        features=features,
        command=shlex.join(["kinfolk", *_words(args)]),
    )
    _print(found)
    if args.json:
        with atomic_write(args.json) as stream:
            stream.write(json.dumps(found, indent=1, allow_nan=False).encode())
        print(f"Numbers: {args.json}")
    if args.report:
        write_doctor_report(found, args.report)
        print(f"Report: {args.report}")
    return 0


def _words(args: argparse.Namespace) -> list[str]:
    """The command that gives this again (without what it writes)."""
    words = ["doctor", args.table]
    for name in ("task", "target", "features"):
        if getattr(args, name) is not None:
            words += [f"--{name}", getattr(args, name)]
    return words


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 110
    console.print(Text(sizes(found["data"], found["data"]["classes"])))
    for fact in found["facts"]:
        console.print(Text(f"  {fact['name']:52}{fact['value']}"))
    for severity, heading, style in (("problem", "Problems", "bold red"), ("note", "Notes", "bold")):
        findings = [finding for finding in found["findings"] if finding["severity"] == severity]
        if findings:
            console.print(f"\n{heading}", style=style)
        for finding in findings:
            console.print(Text.assemble("  ", finding["text"], " ", (finding["remedy"], "dim")), soft_wrap=True)
    console.print(f"\n{found['verdict']}", highlight=False)
    for line in found["next"]:
        console.print(Text(f"  {line}"), soft_wrap=True)
