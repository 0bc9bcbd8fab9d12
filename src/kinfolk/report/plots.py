"""The report's plots, as SVG texts that take their colours from the page."""

import io
import math
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# stand-ins that are replaced by the page's own colours, so that dark and light both work
_INK, _FAINT, _GOOD, _BAD, _ALONE = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_COLOURS = {
    _INK: "currentColor",
    _FAINT: "var(--line)",
    _GOOD: "var(--good)",
    _BAD: "var(--bad)",
    _ALONE: "var(--alone)",
}
_MOST = 60  # tasks in one dumbbell plot


def dumbbell(tasks: list[dict[str, Any]], shown: str, baseline: str) -> tuple[str, str]:
    """Error of each task with the baseline and with the shown method, worst gain at the bottom; SVG and a note.

    Parameters
    ----------
    tasks : list of dict
        Rows of `summarize` (worst gain first).
    shown, baseline : str
    """
    drawn = [row for row in tasks if row["error"] is not None and row["baseline_error"] is not None]
    note = ""
    if len(drawn) > _MOST:
        note = f"The {_MOST // 2} tasks with the worst and the {_MOST // 2} with the best gain, of {len(drawn)}."
        drawn = [*drawn[: _MOST // 2], *drawn[-_MOST // 2 :]]
    with _style():
        figure = Figure(figsize=(7.6, 1.1 + 0.23 * max(len(drawn), 2)), layout="constrained")
        axes = figure.add_subplot()
        for place, row in enumerate(drawn):
            before, after = math.sqrt(row["baseline_error"]), math.sqrt(row["error"])
            colour = {"helped": _GOOD, "hurt": _BAD}.get(row["verdict"], _INK)
            axes.plot([before, after], [place, place], color=colour, linewidth=2, alpha=0.75, solid_capstyle="round")
            axes.plot(before, place, "o", color=_ALONE, markersize=5, label=baseline if place == 0 else None)
            axes.plot(after, place, "o", color=colour, markersize=6.5, label=shown if place == 0 else None)
        axes.set_yticks(range(len(drawn)), [_short(row["task"]) for row in drawn])
        axes.set_ylim(-0.8, len(drawn) - 0.2)
        axes.set_xlabel("root mean error of a task (smaller is better)")
        axes.grid(axis="x", color=_FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        return _svg(figure, f"Error of each task with {baseline} and with {shown}"), note


def gains(tasks: list[dict[str, Any]]) -> str:
    """Transfer gain of each task with its standard error, against its rows (or in order, when all have as many)."""
    drawn = [row for row in tasks if row["gain"] is not None]
    with _style():
        figure = Figure(figsize=(7.6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        places = _places(axes, [row["n_rows"] for row in drawn])
        for verdict, colour in (("unharmed", _INK), ("helped", _GOOD), ("hurt", _BAD)):
            some = [(place, row) for place, row in zip(places, drawn, strict=True) if row["verdict"] == verdict]
            across, gain = [place for place, _ in some], [max(row["gain"], -2.0) for _, row in some]
            errors = [row["gain_se"] or 0.0 for _, row in some]
            if len(drawn) <= 5 * _MOST:
                low, high = ([g + sign * e for g, e in zip(gain, errors, strict=True)] for sign in (-1, 1))
                axes.vlines(across, low, high, color=colour, linewidth=1, alpha=0.5)
            axes.plot(across, gain, "o", color=colour, markersize=5 if len(drawn) <= 5 * _MOST else 3, alpha=0.85)
        axes.axhline(0.0, color=_INK, linewidth=0.8)
        axes.set_ylabel("transfer gain")
        axes.set_ylim(bottom=max(axes.get_ylim()[0], -2.1), top=min(axes.get_ylim()[1], 1.1))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
        return _svg(figure, "Transfer gain of each task against its number of rows")


def shrinkage(model: dict[str, Any]) -> str:
    """How far each task was pulled to the population, against its rows (or in order, when all have as many)."""
    with _style():
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        axes = figure.add_subplot()
        pairs = [(n, s) for n, s in zip(model["n_rows"], model["shrinkage"], strict=True) if s is not None]
        pairs.sort(key=lambda pair: pair[1])
        places = _places(axes, [n for n, _ in pairs])
        axes.plot(
            places, [s for _, s in pairs], "o", color=_GOOD, markersize=4.5 if len(pairs) <= 300 else 2.5, alpha=0.8
        )
        axes.set_ylim(max(min([s for _, s in pairs], default=0.0), -1.0) - 0.05, 1.08)
        axes.axhline(1.0, color=_INK, linewidth=0.8)
        axes.axhline(0.0, color=_INK, linewidth=0.8)
        axes.set_ylabel("shrinkage (1: population)")
        return _svg(figure, "Shrinkage of each task's coefficients towards the population, against its rows")


def _places(axes: Axes, n_rows: list[int]) -> list[int]:
    """Where tasks stand on the horizontal axis: at their number of rows, or side by side when all have as many."""
    if len(set(n_rows)) > 1:
        axes.set_xscale("log")
        axes.set_xlabel("rows of the task")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        return n_rows
    axes.set_xlabel("tasks in order")
    return list(range(1, len(n_rows) + 1))


def spectrum(model: dict[str, Any], shown: str) -> str:
    """Singular values of the coefficients about their mean, alone and shared."""
    with _style():
        figure = Figure(figsize=(3.7, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for values, colour, label in (
            (model["singular_values_alone"], _ALONE, "alone"),
            (model["singular_values"], _GOOD, "shared"),
        ):
            some = values[:30]
            axes.plot(range(1, len(some) + 1), some, "o-", color=colour, markersize=4, linewidth=1.2, label=label)
        axes.set_xlabel("direction")
        axes.set_ylabel("spread of tasks")
        axes.set_ylim(bottom=0.0)
        axes.legend(frameon=False, labelcolor=_INK)
        return _svg(figure, f"Singular values of the tasks' coefficients, alone and with {shown}")


def _style() -> Any:
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "kinfolk",
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": _INK,
            "axes.labelcolor": _INK,
            "axes.edgecolor": _FAINT,
            "xtick.color": _INK,
            "ytick.color": _INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "text.parse_math": False,
        }
    )


def _svg(figure: Figure, alternative: str) -> str:
    """SVG element with a text alternative, scaled by the page, its colours those of the page."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    _, rest = text.split(">", 1)
    width, height = (72.0 * side for side in figure.get_size_inches())
    label = _escape(alternative)
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'viewBox="0 0 {width:g} {height:g}" style="max-width:{width * 1.34:.0f}px" aria-label="{label}"'
    )
    for stand_in, colour in _COLOURS.items():
        rest = rest.replace(stand_in, colour)
    return f"{opening}><title>{label}</title>{rest}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _short(task: Any) -> str:
    text = str(task)
    return text if len(text) <= 28 else text[:27] + "…"
