"""Everything that the report shows, as one dict of plain values."""

from functools import cache
from typing import Any

from kinfolk.report.shown import task_rows
from kinfolk.report.summarize_borrowing import summarize_borrowing
from kinfolk.report.summarize_calibration import summarize_calibration
from kinfolk.report.summarize_comparison import summarize_comparison
from kinfolk.report.summarize_graph import summarize_graphs
from kinfolk.report.summarize_learning import summarize_learning
from kinfolk.report.summarize_model import summarize_model
from kinfolk.report.summarize_outlook import summarize_outlook
from kinfolk.selection import Comparison
from kinfolk.selection.comparison import GUARDS

_LISTED = 8  # tasks in the tables of the most helped and the worst hurt


def summarize(comparison: Comparison, *, command: str | None = None) -> dict[str, Any]:
    """Collect what the report shows; only numbers, texts, lists and dicts, ready for JSON.

    Parameters
    ----------
    comparison : Comparison
    command : str, optional
        The command that made it; default: the call in Python.

    Returns
    -------
    dict
        ``comparison`` and ``shown`` (as `summarize_comparison`), ``headline``, ``tasks`` (one
        dict a tested task, worst gain first), ``helped``, ``hurt``, ``model`` (shrinkage and spectrum of the shown
        method fitted on all rows, None for methods without coefficients; of the best single one, ``pictured``, where
        the guard is shown), ``guard`` (a row for each method that the guard weighs, and the tasks that it leaves alone,
        or None), ``borrowing``, ``calibration`` and ``outlook`` (as `summarize_borrowing` and so on), ``graphs``
        (what `summarize_graphs` says of the methods with a task graph), ``learning`` (`summarize_learning` of those
        that learn by steps), ``command``.
    """
    found = summarize_comparison(comparison, command=command)
    shown = found["shown"]
    pictured = shown if shown not in GUARDS else _best_single(comparison)
    rows = task_rows(found["tasks"], shown)
    refit = cache(comparison.refit)  # no method is fitted twice
    return {
        "comparison": found,
        "shown": shown,
        "headline": _headline(comparison),
        "tasks": rows,
        "helped": [row for row in reversed(rows) if row["verdict"] == "helped"][:_LISTED],
        "hurt": [row for row in rows if row["verdict"] == "hurt"][:_LISTED],
        "model": summarize_model(comparison, pictured, refit),
        "pictured": pictured,
        "borrowing": summarize_borrowing(comparison, refit),
        "calibration": summarize_calibration(comparison, shown),
        "outlook": summarize_outlook(comparison),
        "guard": _guard(comparison),
        "graphs": summarize_graphs(comparison, refit),
        "learning": summarize_learning(comparison, refit),
        "command": found["command"],
    }


def _headline(comparison: Comparison) -> str:
    records = comparison.methods.to_dict("records")
    record = next(record for record in records if record["method"] == comparison.recommended)
    alone = comparison.alone
    if comparison.recommended == comparison.baseline:
        return f"Stay with {comparison.recommended}: no other method is clearly better than {alone}."
    gain = float(record["gain"])
    side = "below" if gain > 0.0 else "above"
    level = "is as good as" if abs(gain) < 0.005 else f"has an error {abs(gain):.0%} {side}"
    tested = int(record["helped"] + record["unharmed"] + record["hurt"])
    return (
        f"{comparison.recommended} {level} {alone}. "
        f"It helps {int(record['helped']):,} of {tested:,} tasks and hurts {int(record['hurt']) or 'none'}."
    )


def _best_single(comparison: Comparison) -> str:
    """The best method that shares, beside the guard."""
    others = [name for name in comparison.methods["method"] if name not in (*GUARDS, comparison.baseline)]
    return str(others[0]) if others else comparison.baseline


def _guard(comparison: Comparison) -> dict[str, Any] | None:
    if comparison.guard_weights is None:
        return None
    weights = comparison.guard_weights.set_index("task")
    most = weights.idxmax(axis=1)
    alone = weights.index[weights[comparison.baseline] == 1.0]
    methods = [
        {"method": str(name), "mean": float(weights[name].mean()), "leads": int((most == name).sum())}
        for name in weights.mean().sort_values(ascending=False).index
    ]
    return {"methods": methods, "n_tasks": len(weights), "alone": [str(task) for task in alone]}
