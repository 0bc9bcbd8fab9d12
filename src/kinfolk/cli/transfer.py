"""``kinfolk transfer``: a small study of several responses that borrows from fitted source studies."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from kinfolk.cli._progress import with_progress
from kinfolk.cli._table import check_places, read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("table", metavar="TARGET", help="csv, tsv, parquet or feather file: the target's rows")
    parser.add_argument(
        "--source",
        required=True,
        action="append",
        metavar="FILE",
        help="a saved model (.kin), or a table of coefficients with a row a response and a column a feature; "
        "give it again for further sources",
    )
    parser.add_argument("--targets", required=True, dest="target", metavar="A,B,...", help="columns to predict")
    parser.add_argument(
        "--features", metavar="A,B,...", help="columns to predict from (default: all other numeric ones)"
    )
    parser.add_argument("--weights", metavar="COLUMN", help="column of row weights (2 counts as two rows)")
    parser.add_argument("--drop-missing", action="store_true", help="drop rows with a missing cell in a feature")
    parser.add_argument("--cv", type=int, default=5, metavar="K", help="folds over rows (default: 5)")
    parser.add_argument(
        "--safe",
        type=float,
        default=0.0,
        metavar="C",
        help="leave the target alone unless transfer gains more than C standard errors (default: 0)",
    )
    parser.add_argument("--rank", default="rsc", metavar="R", help="rsc, cv or a number (default: rsc)")
    parser.add_argument("--seed", type=int, default=0, help="deals the rows over the folds (default: 0)")
    parser.add_argument("--save", metavar="FILE.kin", help="write the fitted model")
    parser.add_argument("--report", metavar="FILE.html", help="write a self-contained HTML report")
    parser.add_argument("--json", metavar="FILE.json", help="write all numbers as JSON")
    parser.add_argument("--task", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Fit, print every way to borrow beside the target alone, and write what was asked for."""
    import warnings

    from sklearn.exceptions import DataConversionWarning

    from kinfolk import SpectralTransferRegressor
    from kinfolk.io import save_model
    from kinfolk.io.atomic import atomic_write
    from kinfolk.report import summarize_transfer, write_transfer_report
    from kinfolk.validation import check_regression_target

    rank = _check(args)
    sources = _sources(args.source)
    table = read(args, wide=True)
    _refuse_tasks(table.task)
    check_regression_target(table.y)
    model = SpectralTransferRegressor(sources, rank=rank, cv=args.cv, safe=args.safe, random_state=args.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)  # one response as a table keeps its name
        with_progress(
            lambda progress: model.fit(table.X, table.y, sample_weight=table.weights, progress=progress), "fitting"
        )
    command = shlex.join(["kinfolk", *_words(args)])
    found = summarize_transfer(model, command=command)
    _print(found)
    if args.json:
        with atomic_write(args.json) as stream:
            stream.write(json.dumps(found, indent=1, allow_nan=False).encode())
        print(f"Numbers: {args.json}")
    if args.save:
        save_model(model, args.save)
        print(f"Model: {args.save}")
    if args.report:
        write_transfer_report(model, args.report, command=command)
        print(f"Report: {args.report}")
    return 0


def _check(args: argparse.Namespace) -> str | int:
    """Refuse what would fail only after the work is done; the rank."""
    from kinfolk.exceptions import InputError

    _refuse_tasks(args.task)
    if args.cv < 2:
        raise InputError(f"--cv must be at least 2; got {args.cv}.")
    if not 0 <= args.safe < float("inf"):
        raise InputError(f"--safe must be a number of standard errors >= 0; got {args.safe}.")
    if args.rank not in ("rsc", "cv") and not args.rank.isdecimal():
        raise InputError(f"--rank must be rsc, cv or a whole number; got {args.rank!r}.")
    check_places(args.json, args.save, args.report)
    return int(args.rank) if args.rank.isdecimal() else str(args.rank)


def _refuse_tasks(task: str | None) -> None:
    from kinfolk.exceptions import InputError

    if task is not None:
        raise InputError(
            f"Transfer is for several responses of the same rows; a table whose rows belong to tasks (column {task!r}) "
            "is for kinfolk compare. Put each task's target into a column of its own (--targets), or keep one task's "
            "rows."
        )


def _sources(paths: list[str]) -> dict[str, Any]:
    """Sources by the names of their files; by the whole path where two files have the same name."""
    from kinfolk.exceptions import InputError
    from kinfolk.io import read_source

    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise InputError(f"--source {', '.join(twice)} is given twice.")
    stems = [Path(path).stem for path in paths]
    names = [stem if stems.count(stem) == 1 else path for stem, path in zip(stems, paths, strict=True)]
    return {name: read_source(path) for name, path in zip(names, paths, strict=True)}


def _words(args: argparse.Namespace) -> list[str]:
    """The command that gives these numbers again (without what it writes)."""
    words = ["transfer", args.table, *(word for path in args.source for word in ("--source", path))]
    words += ["--targets", args.target]
    defaults = {"features": None, "weights": None, "cv": 5, "safe": 0.0, "rank": "rsc", "seed": 0}
    for name, default in defaults.items():
        if getattr(args, name) != default:
            words += [f"--{name}", str(getattr(args, name))]
    return [*words, *(["--drop-missing"] if args.drop_missing else [])]


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from kinfolk.report.summarize_transfer import gain_text

    console = Console()
    if not console.is_terminal:
        console.width = 110
    data, averaged = found["data"], found["combine"] == "average" and found["averaged"] > 1
    missing = f", {data['missing']:.1%} of the responses missing" if data["missing"] else ""
    console.print(
        f"{data['rows']:,} rows, {data['features']} features, {data['responses']} responses{missing}", highlight=False
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("candidate", overflow="fold")
    for heading in ("free", "rank", "error", "gain", *(["weight"] if averaged else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found["candidates"]:
        free = f"{row['free_u']}, {row['free_v']}" if row["kind"] in ("l1", "ridge") else ""
        rank = "" if row["kind"] == "source" else str(row["rank"])
        error = "" if row["error"] is None else f"{row['error']:.4g}"
        gain = "baseline" if row["kind"] == "target" else gain_text(row["gain"], row["gain_se"])
        weight = [f"{row['kind_weight']:.0%}"] if averaged else []
        table.add_row(row["what"], free, rank, error, gain, *weight, style="bold green" if row["selected"] else "")
    console.print(table)
    console.print(
        "error: held-out mean squared error in units of the responses' noise, the best of each kind.\n"
        "gain: share of the target's own error saved, ± one paired standard error. free: directions of features, "
        "responses." + ("\nweight: of all candidates of the kind, in the average that is the fit." if averaged else ""),
        style="dim",
        highlight=False,
    )
    for line in (*_responses(found["responses"]), *_directions(found)):
        console.print(line, highlight=False)
    console.print(f"\n{found['use']}\n{found['fit']}", highlight=False)
    sys.stdout.flush()


def _responses(rows: list[dict[str, Any]], most: int = 12) -> list[str]:
    """Gains of the best candidate that borrows, response by response, largest first."""
    from kinfolk.report.summarize_transfer import gain_text

    if not rows:
        return []
    shown = rows if len(rows) <= most else [*rows[: most // 2], *rows[-(most // 2) :]]
    cells = [f"{row['response']} {gain_text(row['gain'], row['gain_se'])}" for row in shown]
    if len(rows) > most:
        cells.insert(most // 2, f"... {len(rows) - most} more ...")
    return [f"\nBorrowing, response by response: {'; '.join(cells)}"]


def _directions(found: dict[str, Any], most: int = 4) -> list[str]:
    """Which directions of the source the fit uses, among features and among responses."""
    lines = []
    for side in ("features", "responses"):
        own, other = (
            [row for row in found["directions"] if row["side"] == side and row["known"] is known]
            for known in (True, False)
        )
        if not own:
            continue
        leading = sorted((row for row in own if row["share"] > 0), key=lambda row: -float(row["share"]))
        named = ", ".join(f"{row['direction']} ({row['share']:.0%})" for row in leading[:most])
        counts = [f"{sum(row['share'] > 0 for row in rows)} of {len(rows)}" for rows in (own, other)]
        total = sum(row["share"] for row in own)
        lines.append(
            f"Directions of {side}: {counts[0]} of the source's used, {total:.0%} of the fit, most in {named or 'none'}"
            + (f"; {counts[1]} others." if other else ".")
        )
    return lines
