"""Figures of `kinfolk.reproduce.gaussian_tasks`: lines are predictions, points are means of simulated data sets."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinfolk.reproduce.deviations import p_value
from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.gaussian_tasks import CURVES
from kinfolk.reproduce.gaussian_tasks_judgement import CELL
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error
from kinfolk.theory import Problem, learning_curve


def _grid(figure: Figure, rows: list[Row]) -> None:
    left, right = figure.subplots(1, 2)
    for place, ((loss,), group) in enumerate(gathered(rows, "loss")):
        cells = [part for _, part in gathered(group, *CELL)]
        predicted = [mean(part, "predicted") for part in cells]
        left.plot(predicted, [mean(part, "found") for part in cells], ".", color=f"C{place}", label=loss)
    ends = np.array(left.get_xlim())
    left.plot(ends, ends, color="0.6", linewidth=0.8)
    left.set_xscale("log")
    left.set_yscale("log")
    finish(left, "predicted error", "simulated error")
    p_values = np.sort([p_value(cell) for _, cell in gathered(rows, *CELL)])
    right.plot((np.arange(len(p_values)) + 0.5) / len(p_values), p_values, ".", color="C0")
    right.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    finish(right, "share of cells", "p-value at most")


def _peaks(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, ((curve,), group) in enumerate(gathered(rows, "curve")):
        T, rho, lam, c = CURVES[curve]
        predicted = learning_curve(Problem(1, 1, n_tasks=T, similarity=rho, noise=0.25), lam=lam, c=c)
        shown = (predicted.values >= 0.08) & (predicted.values <= 4.0)
        axes.plot(predicted.values[shown], predicted.test[shown], color=f"C{place}", label=f"{curve}, T = {T}")
        _points(axes, group, "found", f"C{place}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_yticks(heights := [0.3, 0.5, 1, 2, 5], [f"{height:g}" for height in heights])
    axes.yaxis.minorticks_off()
    finish(axes, "rows of a task / features", "test error", sorted({float(row["alpha"]) for row in rows}))


def _points(axes: Axes, rows: list[Row], name: str, colour: str) -> None:
    groups = list(gathered(rows, "alpha"))
    heights = [mean(group, name) for _, group in groups]
    errors = [standard_error(group, name) for _, group in groups]
    axes.errorbar([alpha for (alpha,), _ in groups], heights, errors, fmt="o", markersize=3, color=colour)


def _bars(figure: Figure, rows: list[Row], keys: tuple[str, ...], names: dict[str, str]) -> None:
    """One group of bars a cell, in units of what was predicted."""
    axes = figure.add_subplot()
    groups = list(gathered(rows, *keys))
    for place, (name, label) in enumerate(names.items()):
        scale = np.array([mean(group, "predicted") for _, group in groups])
        heights = np.array([mean(group, name) for _, group in groups]) / scale
        errors = np.array([standard_error(group, name) for _, group in groups]) / scale
        across = np.arange(len(groups)) + 0.26 * (place - 0.5 * (len(names) - 1))
        axes.bar(across, heights, 0.26, yerr=errors, color=f"C{place}", ecolor="0.3", label=label)
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    axes.set_xticks(range(len(groups)), ["\n".join(str(size) for size in sizes) for sizes, _ in groups], fontsize=8)
    finish(axes, ", ".join(keys), "error / predicted")
    move_legend_out(figure, axes)


def _equivalence(figure: Figure, rows: list[Row]) -> None:
    names = {"coupled": "coupled", "single": "equivalent single task", "alone": "alone"}
    _bars(figure, rows, ("loss", "T", "alpha"), names)


def _known(figure: Figure, rows: list[Row], keys: tuple[str, ...]) -> None:
    _bars(figure, rows, keys, {"found": "simulated", "plain": "predicted for plain features"})


DRAWINGS: Drawings = {
    "grid": (8.0, _grid),
    "large": (8.0, _grid),
    "peaks": (5.5, _peaks),
    "equivalence": (5.5, _equivalence),
    "rows": (5.5, partial(_known, keys=("loss", "alpha"))),
    "covariances": (5.5, partial(_known, keys=("shape",))),
}
