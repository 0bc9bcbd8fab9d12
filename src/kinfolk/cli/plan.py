"""``kinfolk plan``: what sharing will bring, before any fit."""

import argparse
from typing import TYPE_CHECKING

from kinfolk.cli._table import add_table_arguments, read

if TYPE_CHECKING:
    from kinfolk.theory import Estimate, Outlook


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_table_arguments(parser)
    parser.add_argument("--target-risk", type=float, metavar="R", help="wanted mean squared error of new rows")
    parser.add_argument(
        "--over",
        default="n",
        choices=["n", "T"],
        help="reach it by more rows a task (n, the default) or more tasks (T)",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the intervals (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Estimate, predict, print."""
    from kinfolk.exceptions import InputError
    from kinfolk.theory import estimate_problem, outlook
    from kinfolk.validation import check_regression_target, check_table, check_target

    table = read(args)
    if table.task is None:
        raise InputError("plan is for rows of different tasks: name their column with --task, and one --target.")
    if table.weights is not None:
        raise InputError("plan does not know weights of rows: leave out --weights.")
    check_regression_target(table.y)
    checked = check_table(table.X, task=table.task)
    y = check_target(table.y, n_rows=len(checked.features), allow_2d=False, allow_missing=False)
    assert checked.labels is not None
    found = estimate_problem(checked.features, y, checked.labels, seed=args.seed)
    _print(found, outlook(found), n_features=checked.features.shape[1])
    if args.target_risk is not None:
        print(f"\n{_wanted(found, args.target_risk, args.over)}")
    for line in found.warnings:
        print(f"Note: {line}")
    return 0


def _print(found: "Estimate", told: "Outlook", *, n_features: int) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 110
    rows = np.asarray(found.problem.n_samples) + 1.0
    console.print(
        f"{found.n_rows:,} rows, {found.problem.T:,} tasks (median {np.median(rows):.0f} rows), {n_features} features "
        f"that vary in {found.n_features} directions",
        highlight=False,
    )
    low, high = found.interval()
    console.print(
        "\nEstimated from the rows, by the likelihood of tasks that are equally alike (90% intervals):", style="dim"
    )
    for name, value, at in (
        ("noise (variance that no model explains)", found.noise, 0),
        ("signal (variance that a task's true model explains)", found.signal, 1),
        ("similarity (cosine between true models)", found.similarity, 2),
    ):
        console.print(f"  {name:52}{value:10.4g}   {low[at]:.4g} to {high[at]:.4g}", highlight=False)
    console.print(
        "\nPredicted mean squared error of new rows, each with its best ridge, intercepts known:", style="dim"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, side in (("", "left"), ("error", "right"), ("90% interval", "right"), ("R2 within", "right")):
        table.add_column(heading, justify="left" if side == "left" else "right", no_wrap=True)
    everything = found.noise + found.signal
    lines = (("each task alone", told.alone), ("one pooled model", told.pooled), ("coupled", told.coupled))
    for place, (name, error) in enumerate(lines):
        a, b = told.intervals[:, place]
        table.add_row(name, f"{error:.4g}", f"{a:.4g} to {b:.4g}", f"{1.0 - error / everything:.3f}")
    console.print(table)
    console.print(f"\n{told.verdict}", highlight=False)
    console.print(
        f"Penalty: ridge lam = noise / signal = {told.lam:.3g}, coupling c = similarity = {told.c:.2f}.",
        highlight=False,
    )
    hurt, much = int((told.per_task < 0.0).sum()), np.percentile(told.per_task, [10.0, 90.0])
    console.print(
        f"Predicted gains of single tasks: {much[0]:.0%} to {much[1]:.0%} (10th to 90th percentile); {hurt} lose.",
        highlight=False,
    )
    console.print(
        "Everything here is predicted, under a model of tasks that are equally alike; `kinfolk compare` measures.",
        style="dim",
    )


def _wanted(found: "Estimate", target: float, over: str) -> str:
    """What a wanted error takes, in words."""
    import numpy as np

    from kinfolk.theory import floor_of_tasks, rows_for, tasks_for

    typical = float(np.median(np.asarray(found.problem.n_samples))) + 1.0
    if over == "n":
        factor = rows_for(found, target)
        if np.isinf(factor):
            return (
                f"An error of {target:.4g} is out of reach: no number of rows goes below the noise, {found.noise:.4g}."
            )
        return (
            f"An error of {target:.4g} takes {factor:.2g} times as many rows in every task "
            f"(median {typical * factor:.0f}), coupled."
        )
    factor, n_tasks = tasks_for(found, target), found.problem.T
    if np.isinf(factor):
        return (
            f"An error of {target:.4g} is out of reach with more tasks of this size: what is a task's own leaves "
            f"{floor_of_tasks(found):.4g}. More rows a task go further (--over n)."
        )
    many = np.ceil(factor * n_tasks)
    return f"An error of {target:.4g} takes {factor:.2g} times as many tasks, about {many:.0f}, coupled."
