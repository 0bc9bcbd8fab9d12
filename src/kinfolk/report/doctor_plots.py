"""Plots of an examination: sizes of tasks, their means and spreads, directions of features, shares between tasks."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from kinfolk.report.canvas import ALONE, BAD, FAINT, GOOD, INK, short, style, svg

_NAMED, _BARS = 5, 18  # outliers with a name, features with a bar


def sizes(summary: dict[str, Any]) -> str:
    """Histogram of rows per task, on a logarithmic axis where they differ much."""
    counts = np.array([row["n_rows"] for row in summary["tasks"]])
    wide = counts.max() > 20 * counts.min()
    few = counts.max() - counts.min() < 15
    low, high = counts.min(), counts.max()
    bins = np.arange(low - 0.5, high + 1.0) if few else np.linspace(low, high, 16)
    if wide:
        bins = np.geomspace(low, high, 16)
    with style():
        figure = Figure(figsize=(3.7, 3.1), layout="constrained")
        axes = figure.add_subplot()
        axes.hist(counts, bins=bins.tolist(), color=ALONE, rwidth=0.9)
        axes.axvline(float(np.median(counts)), color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        if wide:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
            axes.xaxis.set_minor_formatter("")
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel("rows of the task")
        axes.set_ylabel("tasks")
        return svg(figure, "Number of tasks by their rows, with the median")


def means_and_spreads(summary: dict[str, Any]) -> str:
    """Mean of the target in each task against its spread there, outliers named; of classes: shares against rows."""
    numbers = summary["data"]["classes"] is None
    upright = "spread" if numbers else "n_rows"
    rows = [row for row in summary["tasks"] if row["mean"] is not None and row[upright] is not None]
    with style():
        figure = Figure(figsize=(3.7, 3.1), layout="constrained")
        axes = figure.add_subplot()
        colours = [BAD if row["outlying"] else ALONE for row in rows]
        at, up = [row["mean"] for row in rows], [row[upright] for row in rows]
        axes.scatter(at, up, s=16, c=colours, alpha=0.8)
        axes.margins(0.12)
        seen = {"mean", "spread"}  # those that stand apart in features only may be anywhere here
        out = [(row, x, y) for row, x, y in zip(rows, at, up, strict=True) if seen & set(row["outlying"])]
        _name(axes, sorted(out, key=lambda one: -_farthest(one[0]))[:_NAMED])
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel("mean of the target in the task" if numbers else "share of the second class in the task")
        axes.set_ylabel("spread of the target in the task" if numbers else "rows of the task")
        what = "spread" if numbers else "rows"
        return svg(figure, f"Mean of the target in each task against its {what}, outliers named")


def directions(summary: dict[str, Any]) -> str:
    """Share of the variance within tasks of each principal direction of the features."""
    shares = np.maximum(np.array(summary["spectrum"]), 1e-6)
    at = np.arange(1, len(shares) + 1)
    with style():
        figure = Figure(figsize=(3.7, 3.1), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(at, shares, color=GOOD, linewidth=1.4, marker="o", markersize=3.5 if len(at) < 60 else 0)
        axes.axvline(summary["dimension"], color=FAINT, linewidth=2.5, zorder=0)
        if shares.max() > 30 * shares.min():
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(numticks=6))
            axes.yaxis.set_minor_formatter("")
        else:
            axes.set_ylim(bottom=0.0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100.0 * value:.3g}%")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("direction of the features")
        axes.set_ylabel("share of the variance within tasks")
        return svg(figure, "Share of the variance of features within tasks in each principal direction")


def between(summary: dict[str, Any]) -> str:
    """Share of the variance of each feature that is between tasks, largest first."""
    known = [row for row in summary["features"] if row["between"] is not None]
    rows = sorted(known, key=lambda row: -row["between"])[:_BARS][::-1]
    with style():
        figure = Figure(figsize=(3.7, max(1.4, 0.21 * len(rows) + 0.6)), layout="constrained")
        axes = figure.add_subplot()
        axes.barh(range(len(rows)), [row["between"] for row in rows], color=ALONE, height=0.7)
        axes.set_yticks(range(len(rows)), [short(row["name"], 18) for row in rows])
        axes.set_xlim(0.0, 1.0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("share of the variance between tasks")
        return svg(figure, "Share of the variance of each feature that is between tasks")


def _name(axes: Axes, out: list[tuple[dict[str, Any], float, float]]) -> None:
    left, right = axes.get_xlim()
    for row, x, y in out:
        inner = x > 0.5 * (left + right)
        axes.annotate(
            short(row["task"], 16),
            (x, y),
            xytext=(-5 if inner else 5, 4),
            textcoords="offset points",
            ha="right" if inner else "left",
            fontsize=8,
        )


def _farthest(row: dict[str, Any]) -> float:
    return max(abs(float(row[name] or 0.0)) for name in ("apart_mean", "apart_spread"))
