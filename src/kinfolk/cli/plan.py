"""``kinfolk plan``: what sharing will bring, before any fit."""

import argparse
import json
import shlex
from typing import TYPE_CHECKING, Any

from kinfolk.cli._progress import with_progress
from kinfolk.cli._table import add_table_arguments, check_places, read

if TYPE_CHECKING:
    import pandas as pd

    from kinfolk.io import TableFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_table_arguments(parser)
    parser.add_argument(
        "--target-risk", type=float, metavar="R", help="wanted error of new rows: mean squared error, or rate of errors"
    )
    parser.add_argument(
        "--over",
        default="n",
        choices=["n", "T"],
        help="reach it by more rows a task (n, the default) or more tasks (T)",
    )
    parser.add_argument(
        "--measure", action="store_true", help="fit, too: held-out errors at four sizes, beside the predictions"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the intervals, deals the rows (default: 0)")
    parser.add_argument("--report", metavar="FILE.html", help="write a self-contained HTML report with curves")
    parser.add_argument("--json", metavar="FILE.json", help="write all numbers as JSON")


def run(args: argparse.Namespace) -> int:
    """Estimate, predict, print, and write what was asked for."""
    from kinfolk.exceptions import InputError
    from kinfolk.io.atomic import atomic_write
    from kinfolk.report import summarize_plan, write_plan_report
    from kinfolk.theory import estimate_problem
    from kinfolk.validation import check_classes, check_table, check_target, holds_classes

    check_places(args.report, args.json)
    table = read(args)
    if table.task is None:
        raise InputError("plan is for rows of different tasks: name their column with --task, and one --target.")
    if table.weights is not None:
        raise InputError("plan does not know weights of rows: leave out --weights.")
    checked = check_table(table.X, task=table.task)
    y: Any = table.y
    if holds_classes(y):
        classes, y = check_classes(y, n_rows=len(checked.features))
        if len(classes) > 2:
            raise InputError(
                f"plan is for numbers or two classes; the target {str(table.y.name)!r} holds {len(classes)} classes. "
                "kinfolk compare measures what sharing brings."
            )
    else:
        y = check_target(y, n_rows=len(checked.features), allow_2d=False, allow_missing=False)
    assert checked.labels is not None
    estimate = estimate_problem(checked.features, y, checked.labels, seed=args.seed)
    found = summarize_plan(
        estimate,
        y,
        checked.labels,
        target=str(table.y.name),
        target_risk=args.target_risk,
        over=args.over,
        measured=_measure(table, args.seed) if args.measure else None,
        command=shlex.join(["kinfolk", *_words(args)]),
        curves=bool(args.report or args.json),
    )
    _print(found, n_features=checked.features.shape[1])
    if args.json:
        with atomic_write(args.json) as stream:
            stream.write(json.dumps(found, indent=1, allow_nan=False).encode())
        print(f"Numbers: {args.json}")
    if args.report:
        write_plan_report(found, args.report)
        print(f"Report: {args.report}")
    return 0


def _measure(table: "TableFile", seed: int) -> "pd.DataFrame":
    from kinfolk import PartialPoolingRegressor
    from kinfolk.selection import measure_learning_curve
    from kinfolk.validation import holds_classes

    # the method of the model that the predictions are about: tasks that are equally alike
    methods: dict[str, Any] = {name: name for name in ("IndependentRidge", "PooledRidge")}
    methods |= {"PartialPoolingRegressor": PartialPoolingRegressor("scalar")}
    if holds_classes(table.y):
        methods = {name: name for name in ("IndependentLogistic", "PooledLogistic", "MeanRegularizedClassifier")}
    assert table.task is not None
    task = table.task
    return with_progress(
        lambda progress: measure_learning_curve(
            table.X, table.y, task=task, methods=methods, random_state=seed, progress=progress
        ),
        "measuring",
    )


def _words(args: argparse.Namespace) -> list[str]:
    """The command that gives this plan again (without what it writes)."""
    words = ["plan", args.table]
    for name in ("task", "target", "features", "target_risk"):
        if getattr(args, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    for name, default in (("over", "n"), ("seed", 0)):
        if getattr(args, name) != default:
            words += [f"--{name}", str(getattr(args, name))]
    return [*words, *(f"--{name.replace('_', '-')}" for name in ("measure", "drop_missing") if getattr(args, name))]


def _print(found: dict[str, Any], *, n_features: int) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 110
    data = found["data"]
    console.print(
        f"{data['n_rows']:,} rows, {data['n_tasks']:,} tasks (median {data['median_rows']:.0f} rows), {n_features} "
        f"features that vary in {data['directions']} directions",
        highlight=False,
    )
    console.print(f"\nEstimated from the rows, by {found['by']} (90% intervals):", style="dim", highlight=False)
    for row in found["estimated"]:
        name = f"{row['name']} ({row['what']})"
        console.print(f"  {name:52}{row['value']:10.4g}   {row['low']:.4g} to {row['high']:.4g}", highlight=False)
    console.print(f"\nPredicted {found['metric']} of new rows, each with its best ridge:", style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold")
    measured = {row["way"]: row for row in found["measured"]}  # the last of each: with most rows
    table.add_column("", justify="left", no_wrap=True)
    for heading in (
        "error",
        "90% interval",
        "saved" if found["metric"] == "rate of errors" else "R2 within",
        *(["measured", "gain"] if measured else []),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found["predicted"]:
        cells = [f"{row['error']:.4g}", f"{row['low']:.4g} to {row['high']:.4g}", f"{row['explained']:.3f}"]
        if measured:
            point = measured[row["way"]]
            gain = "baseline" if row["way"] == "alone" else f"{point['gain']:+.1%} ± {point['gain_se']:.1%}"
            cells += [f"{point['error']:.4g}", gain]
        table.add_row(row["name"], *cells)
    console.print(table)
    console.print(f"\n{found['verdict']}", highlight=False)
    console.print(found["penalty"], highlight=False)
    gains = np.array([row["gain"] for row in found["tasks"]])
    much = np.percentile(gains, [10.0, 90.0])
    console.print(
        f"Predicted gains of single tasks: {much[0]:.0%} to {much[1]:.0%} (10th to 90th percentile); "
        f"{int((gains < 0.0).sum())} lose.",
        highlight=False,
    )
    console.print(
        f"Errors are predicted; the measured ones are of held-out rows, with "
        f"{found['measured'][-1]['factor']:.0%} of the rows in training."
        if measured
        else "Everything here is predicted; `kinfolk compare` measures.",
        style="dim",
        highlight=False,
    )
    if found["wanted"]:
        print(f"\n{found['wanted']}")
    for line in found["warnings"]:
        print(f"Note: {line}")
