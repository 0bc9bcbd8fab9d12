"""``kinfolk compare``: the main job."""

import argparse
import json
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinfolk.cli._progress import with_progress
from kinfolk.cli._table import add_table_arguments, check_places, read, sizes

_FEW = 10  # values of a target that may be classes

if TYPE_CHECKING:
    from kinfolk.selection import Comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_table_arguments(parser)
    parser.add_argument("--methods", default="all", metavar="A,B,...", help="methods to compare (default: all)")
    parser.add_argument("--cv", type=int, default=5, metavar="K", help="folds inside the tasks (default: 5)")
    parser.add_argument(
        "--scoring",
        default="auto",
        choices=["auto", "squared_error", "absolute_error", "log_loss"],
        help="auto (the default): log_loss where the target is classes (text, or two values), else squared_error; "
        "log_loss takes whole numbers for classes",
    )
    parser.add_argument(
        "--image-shape", metavar="C,H,W", help="features are the pixels of images: a net is one more of all methods"
    )
    parser.add_argument("--seed", type=int, default=0, help="deals the rows over the folds (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="threads over methods and folds (default: 1)")
    parser.add_argument(
        "--format",
        default="text",
        choices=["text", "markdown", "json"],
        help="what is printed: a table, Markdown for an issue, or all numbers (default: text)",
    )
    parser.add_argument("--report", metavar="FILE.html", help="write a self-contained HTML report")
    parser.add_argument("--json", metavar="FILE.json", help="write all numbers as JSON")
    parser.add_argument("--save", metavar="FILE.kin", help="fit the recommended method on all rows and save it")


def run(args: argparse.Namespace) -> int:
    """Compare, print, and write what was asked for."""
    _check(args)
    table = read(args)
    from kinfolk.selection import compare

    methods: Any = "all" if args.methods == "all" else [name.strip() for name in args.methods.split(",")]
    comparison = with_progress(
        lambda progress: compare(
            table.X,
            table.y,
            task=table.task,
            methods=methods,
            cv=args.cv,
            scoring=args.scoring,
            image_shape=_image_shape(args.image_shape),
            random_state=args.seed,
            n_jobs=args.jobs,
            progress=progress,
            sample_weight=table.weights,
        ),
        "comparing",
    )
    command = shlex.join(["kinfolk", *_words(args)])
    from kinfolk.io.atomic import atomic_write
    from kinfolk.io.models import save_model
    from kinfolk.report import summarize_comparison, to_markdown, write_report

    numbers = cache(lambda: summarize_comparison(comparison, command=command))
    if args.format == "text":
        _print(comparison, [one for one in numbers()["findings"] or [] if one["severity"] == "problem"])
    else:
        print(_json(numbers()) if args.format == "json" else to_markdown(numbers()), end="", flush=True)
    written = sys.stdout if args.format == "text" else sys.stderr
    if args.json:
        with atomic_write(args.json) as stream:
            stream.write(_json(numbers()).encode())
        print(f"Numbers: {args.json}", file=written)
    if args.save:
        save_model(comparison.best_estimator(), args.save)
        print(f"Model: {args.save}", file=written)
    if args.report:
        write_report(comparison, args.report, command=command)
        print(f"Report: {args.report}", file=written)
    return 0


def _json(numbers: dict[str, Any]) -> str:
    return json.dumps(numbers, indent=1, allow_nan=False) + "\n"


def _check(args: argparse.Namespace) -> None:
    """Refuse what would fail only after the work is done."""
    from kinfolk.exceptions import InputError

    if args.cv < 2:
        raise InputError(f"--cv must be at least 2; got {args.cv}.")
    if args.jobs == 0:
        raise InputError("--jobs must be a number of threads, or -1 for all; got 0.")
    if args.report and Path(args.report).suffix.lower() in (".md", ".markdown", ".json"):
        raise InputError(f"--report writes HTML; for {args.report} use --format markdown or --format json, and > FILE.")
    _image_shape(args.image_shape)
    check_places(args.report, args.json, args.save)


def _image_shape(text: str | None) -> tuple[int, int, int] | None:
    from kinfolk.exceptions import InputError

    if text is None:
        return None
    sizes = [int(part) for part in text.split(",") if part.strip().isdigit()]
    if len(sizes) != 3 or text.count(",") != 2 or min(sizes) < 1:
        raise InputError(f"--image-shape must be channels,height,width, for example 1,28,28; got {text!r}.")
    return sizes[0], sizes[1], sizes[2]


def _words(args: argparse.Namespace) -> list[str]:
    """The command that gives this comparison again (without what it writes)."""
    words = ["compare", args.table]
    for name in ("task", "target", "features", "weights"):
        if getattr(args, name) is not None:
            words += [f"--{name}", getattr(args, name)]
    defaults = {"methods": "all", "cv": 5, "scoring": "auto", "seed": 0}
    for name, default in defaults.items():
        if getattr(args, name) != default:
            words += [f"--{name}", str(getattr(args, name))]
    if args.image_shape is not None:
        words += ["--image-shape", args.image_shape]
    return [*words, *(["--drop-missing"] if args.drop_missing else [])]


def _print(comparison: "Comparison", problems: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    from kinfolk.metrics import shown_gain
    from kinfolk.selection.by_task import by_task

    console = Console()
    if not console.is_terminal:
        console.width = 110
    data = comparison.data_summary
    console.print(Text(sizes(data, data["classes"])))
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    table.add_column("method", no_wrap=True)
    measures = comparison.measures
    for heading in (*measures.values(), "gain", "+/=/-", "secs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in comparison.methods.to_dict("records"):
        own = row["method"] == comparison.baseline
        gain = "baseline" if own else shown_gain(row["gain"], row["gain_se"])
        counts = "" if own else "/".join(str(row[word]) for word in ("helped", "unharmed", "hurt"))
        cells = [f"{row[name]:.4g}" if name in ("loss", "rmse") else f"{row[name]:.3f}" for name in measures]
        cells += [gain, counts]
        style = "bold green" if row["method"] == comparison.recommended else ""
        table.add_row(str(row["method"]), *cells, f"{row['fit_seconds']:.1f}", style=style)
    width = console.width  # where the terminal is narrower than the table it breaks the lines, and no number is lost
    console.width = max(width, Measurement.get(console, console.options.update(max_width=1000), table).maximum)
    console.print(table)
    console.width = width
    words = "D2: log loss saved against the overall class shares. " if "d2" in measures else "within: R2 within tasks. "
    words += "AUC: mean within tasks. " if "auc" in measures else ""
    console.print(
        f"{words}gain: error saved against {comparison.alone}, ± one paired standard error.\n"
        "+/=/-: tasks helped, unharmed and hurt, by more than one of their own standard errors.",
        style="dim",
        highlight=False,
    )
    console.print(f"\nUse {comparison.reason}", highlight=False)
    console.print(Text(f"Task by task: {by_task(comparison)}"))
    for line in _notes(comparison):
        console.print(Text(line))
    for found in problems:
        console.print(Text.assemble(("Problem: ", "bold red"), f"{found['text']} {found['remedy']}"))
    sys.stdout.flush()


def _notes(comparison: "Comparison") -> list[str]:
    import numpy as np

    data = comparison.data_summary
    notes = [f"Not fitted: {name}: {why}" for name, why in comparison.failures.items()]
    if data["one_row_tasks"]:
        one = data["one_row_tasks"] == 1
        notes.append(f"{data['one_row_tasks']} task{' has' if one else 's have'} one row: fitted, but not tested.")
    if data["constant_columns"]:
        notes.append(f"Constant columns (they tell nothing): {', '.join(data['constant_columns'][:8])}")
    if data["duplicated_columns"]:
        pairs = [f"{name} = {first}" for name, first in data["duplicated_columns"][:8]]
        notes.append(f"Duplicated columns: {', '.join(pairs)}")
    few = np.unique(comparison.truth)
    if not data["classes"] and 2 < len(few) <= _FEW and (few % 1.0 == 0.0).all():
        notes.append(
            f"The target holds {len(few)} whole numbers, {few[0]:g} to {few[-1]:g}: taken for measurements here; "
            "--scoring log_loss takes them for classes."
        )
    return notes
