"""The plots of tasks: drawn on axes with a palette, and for the report as SVG that takes its colours from the page."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from kinfolk.report.canvas import ALONE, FAINT, GOOD, INK, PAGE, Palette, short, style, svg

MOST = 60  # tasks in one dumbbell plot
_LOWEST = -2.0  # gain that is drawn
_ERRORS = {"squared_error": "root mean error", "absolute_error": "mean absolute error", "log_loss": "mean log loss"}


def draw_errors(
    axes: Axes,
    rows: list[dict[str, Any]],
    baseline: str,
    shown: str,
    palette: Palette = PAGE,
    *,
    noun: str = "task",
    unit: str = "",
    scoring: str = "squared_error",
) -> None:
    """Draw the error of each row's task with the baseline and with the shown method, the first at the bottom.

    Squared errors are drawn by their root.
    """
    root = np.sqrt if scoring == "squared_error" else np.asarray
    before, after = (root([row[name] for row in rows]) for name in ("baseline_error", "error"))
    places, verdicts = np.arange(len(rows)), np.array([row["verdict"] for row in rows])
    colours = dict(palette.by_verdict())
    each = [colours[verdict] for verdict in verdicts]
    axes.hlines(places, before, after, colors=each, linewidth=2, alpha=0.75, capstyle="round")
    axes.plot(before, places, "o", color=palette.alone, markersize=5, label=baseline)
    for verdict, colour in colours.items():
        some = verdicts == verdict
        if some.any():
            axes.plot(after[some], places[some], "o", color=colour, markersize=6.5, label=f"{shown}, {verdict}")
    axes.set_yticks(places, [short(row["task"]) for row in rows], parse_math=False)
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.set_xlabel(f"{_ERRORS[scoring]} {unit or f'of a {noun}'} (smaller is better)")
    axes.grid(axis="x", color=palette.faint, linewidth=0.6)
    axes.set_axisbelow(True)


def extremes(rows: list[dict[str, Any]], most: int = MOST) -> list[dict[str, Any]]:
    """The rows whose errors are known, or of more than ``most`` the first and the last half (worst and best gains)."""
    known = [row for row in rows if row["error"] is not None and row["baseline_error"] is not None]
    return known if len(known) <= most else [*known[: most - most // 2], *known[len(known) - most // 2 :]]


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
    drawn, known = extremes(tasks), extremes(tasks, len(tasks))
    note = ""
    if len(drawn) < len(known):
        note = f"The {MOST // 2} {noun}s with the worst and the {MOST // 2} with the best gain, of {len(known)}."
    with style():
        figure = Figure(figsize=(width, 1.1 + 0.23 * max(len(drawn), 2)), layout="constrained")
        draw_errors(figure.add_subplot(), drawn, baseline, shown, noun=noun, unit=unit, scoring=scoring)
        return svg(figure, f"Error of each {noun} with {baseline} and with {shown}"), note


def draw_gains(axes: Axes, rows: list[dict[str, Any]], palette: Palette = PAGE) -> None:
    """Draw the transfer gain of each row's task with its standard error, against its rows; below -200% at -200%."""
    rows = [row for row in rows if row["gain"] is not None]
    places, many = np.asarray(_places(axes, [row["n_rows"] for row in rows])), len(rows) > 5 * MOST
    gain = np.maximum([row["gain"] for row in rows], _LOWEST)
    error = np.array([row["gain_se"] or 0.0 for row in rows])
    verdicts = np.array([row["verdict"] for row in rows])
    for verdict, colour in palette.by_verdict():
        some = verdicts == verdict
        if some.any() and not many:
            low, high = (gain + sign * error for sign in (-1, 1))
            axes.vlines(places[some], low[some], high[some], color=colour, linewidth=1, alpha=0.5)
        size = 3 if many else 5
        axes.plot(places[some], gain[some], "o", color=colour, markersize=size, alpha=0.85, label=verdict)
    axes.axhline(0.0, color=palette.ink, linewidth=0.8)
    axes.set_ylabel("transfer gain")
    axes.set_ylim(bottom=max(axes.get_ylim()[0], _LOWEST - 0.1), top=min(axes.get_ylim()[1], 1.1))
    axes.yaxis.set_major_formatter(lambda value, _: f"{round(100.0 * value, 9):+.3g}%")  # ticks may be 0.05% apart


def gains(tasks: list[dict[str, Any]]) -> str:
    """Transfer gain of each task with its standard error, against its rows (or in order, when all have as many)."""
    with style():
        figure = Figure(figsize=(7.6, 3.4), layout="constrained")
        draw_gains(figure.add_subplot(), tasks)
        return svg(figure, "Transfer gain of each task against its number of rows")


def draw_shrinkage(axes: Axes, model: dict[str, Any], palette: Palette = PAGE) -> None:
    """Draw how far each task was pulled to the population, against its rows."""
    pairs = [(n, s) for n, s in zip(model["n_rows"], model["shrinkage"], strict=True) if s is not None]
    pairs.sort(key=lambda pair: pair[1])
    places, pulled = _places(axes, [n for n, _ in pairs]), [s for _, s in pairs]
    axes.plot(places, pulled, "o", color=palette.good, markersize=4.5 if len(pairs) <= 300 else 2.5, alpha=0.8)
    axes.set_ylim(max(min(pulled, default=0.0), -1.0) - 0.05, 1.08)
    axes.axhline(1.0, color=palette.ink, linewidth=0.8)
    axes.axhline(0.0, color=palette.ink, linewidth=0.8)
    axes.set_ylabel("shrinkage (1: population)")


def shrinkage(model: dict[str, Any]) -> str:
    """How far each task was pulled to the population, against its rows (or in order, when all have as many)."""
    with style():
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        draw_shrinkage(figure.add_subplot(), model)
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
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return list(range(1, len(n_rows) + 1))


def draw_spectrum(axes: Axes, spectra: dict[str, list[float]], palette: Palette = PAGE) -> None:
    """Draw singular values of the coefficients about their mean, by what they are of (``alone`` has its colour)."""
    for label, values in spectra.items():
        some, colour = values[:30], palette.alone if label == "alone" else palette.good
        axes.plot(range(1, len(some) + 1), some, "o-", color=colour, markersize=4, linewidth=1.2, label=label)
    axes.set_xlabel("direction")
    axes.set_ylabel("spread of tasks")
    axes.set_ylim(bottom=0.0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(frameon=False, labelcolor=palette.ink)


def spectrum(model: dict[str, Any], shown: str) -> str:
    """Singular values of the coefficients about their mean, alone and shared."""
    with style():
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        both = {"alone": model["singular_values_alone"], "shared": model["singular_values"]}
        draw_spectrum(figure.add_subplot(), both)
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
