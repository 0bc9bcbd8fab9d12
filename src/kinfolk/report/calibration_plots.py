"""Plots of calibration and residuals: drawn on axes with a palette, and for the report as SVG."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from kinfolk.report.canvas import PAGE, Palette, style, svg

_DEPTHS = (0.12, 0.25, 0.42, 0.65, 0.95)  # opacities of cells


def draw_coverage(
    axes: Axes, methods: dict[str, list[dict[str, Any]]], first: str, baseline: str, palette: Palette = PAGE
) -> None:
    """Draw coverage of intervals against their level, by method; the first one with two standard errors."""
    _ideal(axes, palette)
    for name, rows, look in _looks(methods, first, baseline, palette):
        level, share = ([row[key] for row in rows] for key in ("level", "coverage"))
        axes.plot(level, share, "o-", **look)
        if name == first:
            _errors(axes, level, share, [row["coverage_se"] for row in rows], palette)
    shares = [row["coverage"] for rows in methods.values() for row in rows]
    axes.set_xlim(0.45, 1.0)
    axes.set_ylim(min(0.4, *shares) - 0.03, 1.01)
    axes.set_xlabel("level of the interval")
    axes.set_ylabel("held-out rows inside")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")


def draw_reliability(
    axes: Axes, methods: dict[str, list[dict[str, Any]]], first: str, baseline: str, palette: Palette = PAGE
) -> None:
    """Draw observed shares against predicted probabilities, by method; of the first one how many rows each stands for.

    Bars from below: the share of the first method's rows in each bin.
    """
    _ideal(axes, palette)
    for row in methods[first]:
        width = 0.8 * (row["high"] - row["low"])
        axes.bar(0.5 * (row["low"] + row["high"]), 0.3 * row["weight"], width, color=palette.faint, zorder=0)
    for name, rows, look in _looks(methods, first, baseline, palette):
        predicted, observed = ([row[key] for row in rows] for key in ("predicted", "observed"))
        axes.plot(predicted, observed, "o-", **look)
        if name == first:
            _errors(axes, predicted, observed, [row["observed_se"] for row in rows], palette)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("observed share")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _ideal(axes: Axes, palette: Palette) -> None:
    axes.plot([0.0, 1.0], [0.0, 1.0], color=palette.ink, linewidth=0.8, linestyle=(0, (4, 3)))


def _looks(methods: dict[str, Any], first: str, baseline: str, palette: Palette) -> Any:
    """Methods, the first one last and so on top, with the looks of their lines."""
    named = False
    for name, rows in sorted(methods.items(), key=lambda pair: (pair[0] == first, pair[0] == baseline)):
        if name == first:
            yield name, rows, {"color": palette.good, "markersize": 5, "linewidth": 1.8, "label": name}
        elif name == baseline:
            yield name, rows, {"color": palette.alone, "markersize": 4, "linewidth": 1.4, "label": name}
        else:
            label = None if named else "other methods"
            named = True
            yield name, rows, {"color": palette.ink, "markersize": 2, "linewidth": 0.7, "alpha": 0.45, "label": label}


def _errors(axes: Axes, at: list[float], share: list[float], error: list[float | None], palette: Palette) -> None:
    wide = 2.0 * np.array([0.0 if one is None else one for one in error])
    axes.vlines(at, np.array(share) - wide, np.array(share) + wide, color=palette.good, linewidth=1.2, alpha=0.6)


def draw_transformed(axes: Axes, heights: list[float], palette: Palette = PAGE) -> None:
    """Draw how often observations fall into each part of their predicted distribution; level where it is right."""
    edges = np.linspace(0.0, 1.0, len(heights) + 1)
    axes.stairs(heights, edges, fill=True, color=palette.good, alpha=0.55, linewidth=0)
    axes.axhline(1.0, color=palette.ink, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("place in the predicted distribution")
    axes.set_ylabel("how often, 1: as often as stated")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def draw_residuals(axes: Axes, scatter: dict[str, Any], stated: bool, palette: Palette = PAGE) -> None:
    """Draw standardised residuals against predictions, as points or as cells that are deeper where there are more."""
    if scatter["points"] is not None:
        x, y = scatter["points"]
        axes.plot(x, y, "o", color=palette.good, markersize=2.6, alpha=0.5, markeredgewidth=0)
    else:
        _draw_cells(axes, scatter["cells"], palette)
    axes.axhline(0.0, color=palette.ink, linewidth=0.8)
    for side in (-2.0, 2.0):
        axes.axhline(side, color=palette.ink, linewidth=0.7, linestyle=(0, (4, 3)), alpha=0.7)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -3.0), max(high, 3.0))
    axes.set_xlabel("prediction")
    axes.set_ylabel("residual / stated deviation" if stated else "residual / root mean square")


def _draw_cells(axes: Axes, cells: dict[str, Any], palette: Palette) -> None:
    """One shape for each depth of colour."""
    x, y = np.array(cells["x"]), np.array(cells["y"])
    at, counts = np.array(cells["at"]), np.array(cells["counts"], dtype=float)
    level = np.ceil(len(_DEPTHS) * np.sqrt(counts / counts.max())).astype(int) - 1
    for number, alpha in enumerate(_DEPTHS):
        some = at[level == number]
        if len(some):
            squares = [_rectangle(x[i], y[j], x[i + 1], y[j + 1]) for i, j in some.tolist()]
            shape = Path.make_compound_path(*squares)
            axes.add_patch(PathPatch(shape, facecolor=palette.good, edgecolor="none", alpha=alpha))
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])


def _rectangle(left: float, low: float, right: float, high: float) -> Path:
    return Path([(left, low), (right, low), (right, high), (left, high), (left, low)], closed=True)


def draw_normal(axes: Axes, quantiles: dict[str, list[float]], stated: bool, palette: Palette = PAGE) -> None:
    """Draw sorted standardised residuals against the quantiles of a normal distribution."""
    expected, found = quantiles["expected"], quantiles["found"]
    ends = np.array([min(expected), max(expected)])
    axes.plot(ends, ends, color=palette.ink, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(expected, found, "o", color=palette.good, markersize=3.2, alpha=0.8, markeredgewidth=0)
    axes.set_xlabel("normal quantile")
    axes.set_ylabel("residual / stated deviation" if stated else "residual / root mean square")


def calibration_figures(found: dict[str, Any], baseline: str) -> dict[str, str]:
    """SVG of what `kinfolk.report.summarize_calibration.summarize_calibration` collected, by name.

    ``calibration``, ``transformed``, ``residuals`` and ``normal``, those that there are.
    """
    figures: dict[str, str] = {}
    classes = found["kind"] == "classes"
    with style():
        if found["method"] is not None:
            figure, axes = _canvas()
            methods = {one["method"]: one["rows"] for one in found["methods"]}
            (draw_reliability if classes else draw_coverage)(axes, methods, found["method"], baseline)
            what = "Observed shares against predicted probabilities" if classes else "Coverage of intervals"
            figures["calibration"] = svg(figure, f"{what} by method; the table beside it has the numbers")
        if found["transformed"] is not None:
            figure, axes = _canvas()
            draw_transformed(axes, found["transformed"])
            figures["transformed"] = svg(
                figure, f"Histogram of where observations fall in the distribution that {found['method']} predicts"
            )
        if found["residuals"] is not None:
            one = found["residuals"]
            figure, axes = _canvas()
            draw_residuals(axes, one["scatter"], one["stated"])
            figures["residuals"] = svg(figure, f"Standardised residuals of {one['of']} against its predictions")
            figure, axes = _canvas()
            draw_normal(axes, one["quantiles"], one["stated"])
            figures["normal"] = svg(figure, f"Sorted residuals of {one['of']} against normal quantiles")
    return figures


def _canvas() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(3.7, 3.0), layout="constrained")
    return figure, figure.add_subplot()
