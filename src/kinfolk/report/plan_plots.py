"""Plots of a plan: learning curves with their intervals, double descent, gains by size of the task."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from kinfolk.report.canvas import ALONE, BAD, FAINT, GOOD, INK, style, svg

COLOURS = {"alone": ALONE, "pooled": BAD, "coupled": GOOD}


def learning_curves(summary: dict[str, Any], over: str) -> str:
    """Predicted errors along rows of every task (``"n"``) or tasks (``"T"``), with what was measured on top."""
    curve, data = summary["curves"][over], summary["data"]
    scale = data["median_rows"] if over == "n" else data["n_tasks"]
    at = scale * np.asarray(curve["factors"])
    with style():
        figure = Figure(figsize=(3.7, 3.1), layout="constrained")
        axes = figure.add_subplot()
        for way, colour in COLOURS.items():
            axes.fill_between(at, curve["low"][way], curve["high"][way], color=colour, alpha=0.18, linewidth=0)
            axes.plot(at, curve["errors"][way], color=colour, linewidth=1.8)
        points = summary["measured"] if over == "n" else []
        for point in points:
            axes.plot(scale * point["factor"], point["error"], "o", color=COLOURS[point["way"]], markersize=5.5)
        axes.axhline(summary["floor"], color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
        _stand(axes, scale)
        noise, drawn = summary["floor"], np.array(list(curve["errors"].values()))
        seen = [point["error"] for point in points]
        low, top = min([noise, *seen]), max([float(drawn.max()), *seen])
        axes.set_ylim(low - 0.15 * (top - low), top + 0.1 * (top - low))
        _log(axes)
        axes.set_xlabel("rows of the median task" if over == "n" else "tasks")
        axes.set_ylabel(summary["metric"])
        what = "rows of every task" if over == "n" else "the number of tasks"
        return svg(figure, f"Predicted error of each task alone, pooled and coupled, along {what}")


def double_descent(summary: dict[str, Any]) -> str:
    """Error along rows with hardly any ridge, where it peaks, beside the best ridge."""
    found = summary["descent"]
    rows = np.asarray(found["rows"]) + 1.0  # a row goes into the mean
    best = np.asarray(found["best"], dtype=float)
    with style():
        figure = Figure(figsize=(7.6, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for way, colour in COLOURS.items():
            axes.plot(rows, np.asarray(found["weak"][way], dtype=float), color=colour, linewidth=1.6)
            for peak in found["peaks"][way]:
                axes.plot(peak["at"] + 1.0, peak["height"], "^", color=colour, markersize=6)
        axes.plot(rows, best, color=INK, linewidth=1.4, linestyle=(0, (4, 3)))
        _stand(axes, found["typical"] + 1.0)
        _log(axes)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
        axes.yaxis.set_minor_formatter("")
        axes.set_xlabel("rows of every task")
        axes.set_ylabel("mean squared error")
        return svg(figure, "Predicted error with hardly any ridge along the rows of every task, with its peaks")


def gains_by_size(summary: dict[str, Any]) -> str:
    """Predicted gain of each task against its rows."""
    rows = summary["tasks"]
    with style():
        figure = Figure(figsize=(3.7, 3.1), layout="constrained")
        axes = figure.add_subplot()
        colours = [GOOD if row["gain"] >= 0.0 else BAD for row in rows]
        axes.scatter([row["n_rows"] for row in rows], [row["gain"] for row in rows], s=16, c=colours, alpha=0.8)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        if rows[-1]["n_rows"] > 8 * rows[0]["n_rows"]:
            _log(axes)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
        axes.set_xlabel("rows of the task")
        axes.set_ylabel("predicted gain of coupling")
        return svg(figure, "Predicted gain of each task against its rows")


def _stand(axes: Axes, at: float) -> None:
    """Where the table stands."""
    axes.axvline(at, color=FAINT, linewidth=2.5, zorder=0)


def _log(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
    axes.xaxis.set_minor_formatter("")
