"""A comparison as Markdown with GitHub's tables: for issues, pull requests and notes."""

import math
import re
from collections.abc import Iterable
from typing import Any

from kinfolk.metrics import shown_gain

_ALL, _ENDS = 40, 10  # so many tasks are all written; of more the best and the worst


def to_markdown(found: dict[str, Any]) -> str:
    """Methods, recommendation, tasks, findings and the command, from what `summarize_comparison` gives.

    Examples
    --------
    >>> from kinfolk import compare
    >>> from kinfolk.datasets import make_shared_representation
    >>> from kinfolk.report import summarize_comparison, to_markdown
    >>> made = make_shared_representation(n_tasks=6, n_samples=8, n_features=3, rank=2, random_state=0)
    >>> found = summarize_comparison(compare(made.X, made.y, task="task", methods=["PooledRidge"]))
    >>> [line for line in to_markdown(found).splitlines() if line.startswith("#")]
    ['# Comparison of methods by task', '## Methods', '## Tasks', '## Data', '## To reproduce']
    """
    data, by = found["data"], found["settings"]["task"]
    rows = data["rows_per_task"]
    parts = [
        f"# Comparison of methods{'' if by is None else f' by {_text(by)}'}",
        f"{data['n_rows']:,} rows, {data['n_tasks']:,} tasks of {rows['min']} to {rows['max']} rows "
        f"(median {rows['median']:g}), {data['n_features']:,} features.",
        f"**Use {_text(found['reason'])}**",
        _text(found["by_task"]),
        "## Methods",
        _methods(found),
        f"Gain: error saved against {found['alone']}, ± one paired standard error over tasks. Helped and hurt: by more "
        "than one standard error of the task.",
        *(f"Not fitted: {_text(name)}: {_text(why)}" for name, why in found["failures"].items()),
        "## Tasks",
        _tasks(found),
        "## Data",
        _findings(found),
        "## To reproduce",
        f"```\n{found['command']}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _methods(found: dict[str, Any]) -> str:
    measures = found["measures"]
    lines = []
    for row in found["methods"]:
        own = row["method"] == found["baseline"]
        name = _text(row["method"])
        counts = ["", "", ""] if own else [f"{row[word]:,}" for word in ("helped", "unharmed", "hurt")]
        lines.append(
            [
                f"**{name}**" if row["method"] == found["recommended"] else name,
                *(_number(row[measure]) for measure in measures),
                "baseline" if own else _gain(row),
                *counts,
                _number(row["fit_seconds"], 3),
            ]
        )
    return _table(["method", *measures.values(), "gain", "helped", "unharmed", "hurt", "secs"], lines)


def _tasks(found: dict[str, Any]) -> str:
    shown = found["shown"]
    rows = [row for row in found["tasks"] if row["method"] == shown]
    rows.sort(key=lambda row: math.inf if row["gain"] is None else -row["gain"])
    tested = [row for row in rows if row["verdict"] != "untested"]
    cut = len(rows) > _ALL
    some = [*tested[:_ENDS], *tested[-_ENDS:]] if cut else rows
    about = f"The {_ENDS} most helped and the {_ENDS} worst of {len(tested):,} tested tasks" if cut else "All tasks"
    loss = {"squared_error": "mean squared error", "absolute_error": "mean absolute error", "log_loss": "mean log loss"}
    lines = [
        [
            _text(row["task"]),
            f"{row['n_rows']:,}",
            _number(row["baseline_error"]),
            _number(row["error"]),
            _gain(row),
            row["verdict"],
        ]
        for row in some
    ]
    head = ["task", "rows", f"error with {_text(found['baseline'])}", f"error with {_text(shown)}", "gain", "verdict"]
    return f"{about}, by gain. Errors: {loss[found['settings']['scoring']]} of held-out rows.\n\n" + _table(head, lines)


def _findings(found: dict[str, Any]) -> str:
    if found["findings"] is None:
        return "Wide data: the doctor looks at tables with a column of tasks."
    lines = [
        f"- {one['severity'].capitalize()}: {_text(one['text'])} {_text(one['remedy'])}" for one in found["findings"]
    ]
    return "\n".join(lines) or "Nothing was found."


def _table(head: Iterable[str], rows: list[list[str]]) -> str:
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _gain(row: dict[str, Any]) -> str:
    return shown_gain(row["gain"], row["gain_se"])


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}g}"


def _text(text: Any) -> str:
    """Text in which nothing is Markdown; an underscore inside of a word is none."""
    plain = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"[\\`*|\[\]~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", plain)
