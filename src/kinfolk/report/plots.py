"""The report's plots, as SVG texts that take their colours from the page."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from kinfolk.report.canvas import ALONE, BAD, FAINT, GOOD, INK, short, style, svg

_MOST = 60  # tasks in one dumbbell plot


def dumbbell(
    tasks: list[dict[str, Any]],
    shown: str,
    baseline: str,
    *,
    noun: str = "task",
    unit: str = "",
    width: float = 7.6,
    scoring: str = "squared_error",
) -> tuple[str, str]:
    """Error of each task with the baseline and with the shown method, worst gain at the bottom; SVG and a note.

    Parameters
    ----------
    tasks : list of dict
        Rows of `summarize` (worst gain first).
    shown, baseline : str
    noun : str
        What a task is called.
    unit : str
        In what errors are measured, where that is not the target's unit.
    width : float
        Inches.
    scoring : str
        What the errors are; only squared ones are drawn by their root.
    """
    squared = scoring == "squared_error"
    words = {"squared_error": "root mean error", "absolute_error": "mean absolute error", "log_loss": "mean log loss"}
    drawn = [row for row in tasks if row["error"] is not None and row["baseline_error"] is not None]
    note = ""
    if len(drawn) > _MOST:
        note = f"The {_MOST // 2} {noun}s with the worst and the {_MOST // 2} with the best gain, of {len(drawn)}."
        drawn = [*drawn[: _MOST // 2], *drawn[-_MOST // 2 :]]
    with style():
        figure = Figure(figsize=(width, 1.1 + 0.23 * max(len(drawn), 2)), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(drawn):
            both = row["baseline_error"], row["error"]
            before, after = map(math.sqrt, both) if squared else both
            colour = {"helped": GOOD, "hurt": BAD}.get(row["verdict"], INK)
            axes.plot([before, after], [place, place], color=colour, linewidth=2, alpha=0.75, solid_capstyle="round")
            axes.plot(before, place, "o", color=ALONE, markersize=5, label=baseline if place == 0 else None)
            axes.plot(after, place, "o", color=colour, markersize=6.5, label=shown if place == 0 else None)
        axes.set_yticks(range(len(drawn)), [short(row["task"]) for row in drawn])
        axes.set_ylim(-0.8, len(drawn) - 0.2)
        axes.set_xlabel(f"{words[scoring]} {unit or f'of a {noun}'} (smaller is better)")
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        return svg(figure, f"Error of each {noun} with {baseline} and with {shown}"), note


def gains(tasks: list[dict[str, Any]]) -> str:
    """Transfer gain of each task with its standard error, against its rows (or in order, when all have as many)."""
    drawn = [row for row in tasks if row["gain"] is not None]
    with style():
        figure = Figure(figsize=(7.6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        places = _places(axes, [row["n_rows"] for row in drawn])
        for verdict, colour in (("unharmed", INK), ("helped", GOOD), ("hurt", BAD)):
            some = [(place, row) for place, row in zip(places, drawn, strict=True) if row["verdict"] == verdict]
            across, gain = [place for place, _ in some], [max(row["gain"], -2.0) for _, row in some]
            errors = [row["gain_se"] or 0.0 for _, row in some]
            if len(drawn) <= 5 * _MOST:
                low, high = ([g + sign * e for g, e in zip(gain, errors, strict=True)] for sign in (-1, 1))
                axes.vlines(across, low, high, color=colour, linewidth=1, alpha=0.5)
            axes.plot(across, gain, "o", color=colour, markersize=5 if len(drawn) <= 5 * _MOST else 3, alpha=0.85)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        axes.set_ylabel("transfer gain")
        axes.set_ylim(bottom=max(axes.get_ylim()[0], -2.1), top=min(axes.get_ylim()[1], 1.1))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
        return svg(figure, "Transfer gain of each task against its number of rows")


def shrinkage(model: dict[str, Any]) -> str:
    """How far each task was pulled to the population, against its rows (or in order, when all have as many)."""
    with style():
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        axes = figure.add_subplot()
        pairs = [(n, s) for n, s in zip(model["n_rows"], model["shrinkage"], strict=True) if s is not None]
        pairs.sort(key=lambda pair: pair[1])
        places = _places(axes, [n for n, _ in pairs])
        axes.plot(
            places, [s for _, s in pairs], "o", color=GOOD, markersize=4.5 if len(pairs) <= 300 else 2.5, alpha=0.8
        )
        axes.set_ylim(max(min([s for _, s in pairs], default=0.0), -1.0) - 0.05, 1.08)
        axes.axhline(1.0, color=INK, linewidth=0.8)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        axes.set_ylabel("shrinkage (1: population)")
        return svg(figure, "Shrinkage of each task's coefficients towards the population, against its rows")


def _places(axes: Axes, n_rows: list[int]) -> list[int]:
    """Where tasks stand on the horizontal axis: at their number of rows, or side by side when all have as many."""
    if len(set(n_rows)) > 1:
        axes.set_xlabel("rows of the task")
        if max(n_rows) > 8 * min(n_rows):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
            axes.xaxis.set_minor_formatter("")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return n_rows
    axes.set_xlabel("tasks in order")
    return list(range(1, len(n_rows) + 1))


def spectrum(model: dict[str, Any], shown: str) -> str:
    """Singular values of the coefficients about their mean, alone and shared."""
    with style():
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for values, colour, label in (
            (model["singular_values_alone"], ALONE, "alone"),
            (model["singular_values"], GOOD, "shared"),
        ):
            some = values[:30]
            axes.plot(range(1, len(some) + 1), some, "o-", color=colour, markersize=4, linewidth=1.2, label=label)
        axes.set_xlabel("direction")
        axes.set_ylabel("spread of tasks")
        axes.set_ylim(bottom=0.0)
        axes.legend(frameon=False, labelcolor=INK)
        return svg(figure, f"Singular values of the tasks' coefficients, alone and with {shown}")


def directions(rows: list[dict[str, Any]], most: int = 16) -> str:
    """Share of a fit along each direction of the source on one side, in order, and outside of the source.

    Parameters
    ----------
    rows : list of dict
        ``side, direction, known, free, share`` of one side.
    most : int
        Directions of the source that are drawn one by one; the others are pooled.
    """
    own, other = ([row for row in rows if row["known"] is known] for known in (True, False))
    step = 1 if len(own) <= 10 else 2
    bars = [
        (str(row["direction"]) if i % step == 0 else "", row["share"], GOOD if row["free"] else INK)
        for i, row in enumerate(own[:most])
    ]
    if own[most:]:
        pooled = sum(row["share"] for row in own[most:])
        bars.append((f"\n{most + 1}–{len(own)}", pooled, GOOD if own[most]["free"] else INK))
    places = [float(place) for place in range(len(bars))]
    if other:
        bars.append(("outside", sum(row["share"] for row in other), ALONE))
        places.append(len(places) + 0.8)
    side = rows[0]["side"]
    with style():
        figure = Figure(figsize=(3.7, 2.6), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(places, [share for _, share, _ in bars], 0.72, color=[colour for *_, colour in bars])
        axes.set_xticks(places, [name for name, *_ in bars])
        axes.set_xlim(-0.8, max(places[-1] + 0.8, 8.0))
        axes.set_ylim(bottom=0.0, top=max(0.05, *(1.12 * share for _, share, _ in bars)))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel(f"direction of {side}")
        axes.set_ylabel("share of the fit")
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="x", length=0)
        return svg(figure, f"Share of the fit along each of the source's directions of {side}, and outside of them")


def path(rows: list[dict[str, Any]], alone: float | None, source: str) -> tuple[str, tuple[int, int]]:
    """Error against penalty, a line for each number of free directions, the best one set off; SVG and its number.

    Parameters
    ----------
    rows : list of dict
        Rows of spectral transfer from one source: ``free_u, free_v, strength, error``.
    alone : float or None
        Error of the target alone.
    source : str
    """
    lines: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        lines.setdefault((row["free_u"], row["free_v"]), []).append(row)
    best = min(rows, key=lambda row: float(row["error"]))
    chosen = (best["free_u"], best["free_v"])
    top = max(1.6 * best["error"], 1.25 * (alone or 0.0))
    with style():
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for free, line in sorted(lines.items(), key=lambda pair: pair[0] == chosen):
            line = sorted(line, key=lambda row: float(row["strength"]))
            strengths, errors = ([row[name] for row in line] for name in ("strength", "error"))
            colour, width = (GOOD, 2.2) if free == chosen else (ALONE, 0.9)
            axes.plot(strengths, errors, color=colour, linewidth=width, alpha=1.0 if free == chosen else 0.8)
        axes.plot(best["strength"], best["error"], "o", color=GOOD, markersize=6.5)
        if alone is not None:
            axes.axhline(alone, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter("")
        low = min(float(best["error"]), top if alone is None else alone)
        axes.set_ylim(low - 0.12 * (top - low), top)
        axes.set_xlabel("penalty")
        axes.set_ylabel("cross-validated error")
        return svg(figure, f"Error of spectral transfer from {source} against the penalty"), chosen
