"""``kinfolk reproduce``: measure the claims of a paper again."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from kinfolk.cli._progress import with_progress

if TYPE_CHECKING:
    from kinfolk.reproduce.claims import Claim

_PAPERS = {  # each: a module of `kinfolk.reproduce`, with its _judgement and _figures
    "double-descent": "Alrashdi, Dhifallah and Sifaou, arXiv 2603.05060",
    "patch-cnn": "Li, Chen, Deng, Kou, Cao and Gu, AISTATS 2025",
    "shared-representation": "Ding, Du and Fang, arXiv 2605.00473",
    "spectral-transfer": "Zhao, Kolar and Lv, arXiv 2604.20161",
    "task-graph": "Wan and Vlaski, arXiv 2510.10570 and 2608.26989",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("paper", choices=_PAPERS, help="; ".join(map(": ".join, _PAPERS.items())))
    parser.add_argument("--quick", action="store_true", help="few sizes and seeds (about a minute)")
    parser.add_argument(
        "--output", default="reproduced", metavar="DIR", help="folder to write to (default: reproduced)"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the tasks (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Measure, judge, write and print; 0 when every claim holds, else 1."""
    from kinfolk.exceptions import InputError

    if args.seed < 0:
        raise InputError(f"--seed must be zero or positive; got {args.seed}.")
    folder = Path(args.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {args.output!r}: {error.strerror}.") from None
    from kinfolk.reproduce.claims import write_results

    module = f"kinfolk.reproduce.{args.paper.replace('-', '_')}"
    paper, judgement, figures = (import_module(module + part) for part in ("", "_judgement", "_figures"))
    plan = paper.QUICK if args.quick else paper.FULL
    measured = with_progress(lambda progress: paper.measure(plan, seed=args.seed, progress=progress), "measuring")
    claims = judgement.judge(measured)
    results = folder / "results.json"
    write_results(results, claims, measured, paper=args.paper, quick=args.quick, seed=args.seed)
    _print(claims)
    for sentence in getattr(paper, "left_out", lambda quick: [])(args.quick):
        print(sentence)
    print(f"Numbers: {results}")
    print(f"Figures: {', '.join(str(path) for path in figures.draw(measured, folder))}")
    return 0 if all(claim.passed for claim in claims) else 1


def _print(claims: "list[Claim]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = 110
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("claim", overflow="fold")
    for heading in ("expected", "found"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("rule", no_wrap=True)
    for claim in claims:
        word, style = ("PASS", "green") if claim.passed else ("FAIL", "bold red")
        found = "none" if claim.found is None else f"{claim.found:.3g}"
        table.add_row(f"[{style}]{word}[/]", claim.name, f"{claim.expected:.3g}", found, claim.rule)
    console.print(table, highlight=False)
    failed = sum(not claim.passed for claim in claims)
    console.print(f"\n{len(claims) - failed} of {len(claims)} claims hold.", highlight=False)
