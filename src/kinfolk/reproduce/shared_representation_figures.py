"""Figures of the shared representation."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import draw_with, finish, move_legend_out
from kinfolk.reproduce.plan import Row, gathered, mean
from kinfolk.reproduce.shared_representation_judgement import mean_of, median, slope, varied

_NAMES = {
    "descent": "two-phase descent",
    "small_steps": "two-phase descent, small steps",
    "alternating": "alternating descent",
    "projection": "variable projection",
    "evidence": "marginal likelihood",
    "oracle": "true subspace",
}


def _paths(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for colour, (name, _) in enumerate(rows[0]["paths"].items()):
        for place, (_, group) in enumerate(gathered(rows, "noise")):
            path = group[0]["paths"][name]
            axes.loglog(np.arange(1, len(path) + 1), path, color=f"C{colour}", label=None if place else name)
    finish(axes, "iteration", "mean squared error of the coefficients")
    noises = ", ".join(f"{noise:g}" for (noise,), _ in gathered(rows, "noise"))
    sizes = ", ".join(f"{name} = {rows[0][name]:g}" for name in "dkTN")
    axes.set_title(f"{sizes}; noise {noises} (from below)", fontsize=9)


def _iterations(figure: Figure, rows: list[Row]) -> None:
    for place, name in enumerate(("d", "T", "kappa")):
        axes = figure.add_subplot(1, 3, place + 1)
        groups = list(gathered(varied(rows, name), name))
        sizes = [size for (size,), _ in groups]
        for colour, method in enumerate(("descent", "small_steps", "alternating", "projection")):
            counts = [median(group, method) for _, group in groups]
            label = None if place else _NAMES[method]
            heights = [np.nan if count is None else count for count in counts]
            axes.loglog(sizes, heights, "o-", color=f"C{colour}", label=label)
        axes.set_ylim(0.7, 1000.0)
        finish(axes, "condition number" if name == "kappa" else name, "" if place else "iterations", sizes)
    figure.suptitle("Iterations until the error stays within 5% of its limit", fontsize=9)
    move_legend_out(figure, figure.axes[0])


def _slopes(figure: Figure, rows: list[Row]) -> None:
    for place, name in enumerate(("d", "k", "T", "N")):
        axes = figure.add_subplot(1, 4, place + 1)
        groups = list(gathered(varied(rows, name), name))
        found = slope(rows, name, "sub")
        sizes = [size for (size,), _ in groups]
        label = None if found is None else f"slope {found:.2f}"
        axes.loglog(sizes, [mean(group, "sub") for _, group in groups], "o-", label=label)
        axes.set_ylim(_around([mean([row], "sub") for row in rows]))
        finish(axes, name, "" if place else "squared sines of the subspace's angles", sizes)


def _around(values: list[float]) -> tuple[float, float]:
    return min(values) / 1.3, max(values) * 1.3


def _accuracy(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    groups = [group for _, group in gathered(rows, "d", "k", "T", "N")]
    formula = [mean(group, "formula") for group in groups]
    for name, label in (
        ("least_squares", "least squares"),
        ("evidence", _NAMES["evidence"]),
        ("oracle", "true subspace"),
    ):
        axes.loglog(formula, [mean(group, name) for group in groups], "o", label=label)
    axes.loglog(sorted(formula), sorted(formula), color="0.6", linewidth=1)
    finish(axes, "error of least squares that theory expects", "mean squared error")


def _comparison(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    groups = list(gathered(rows, "N"))
    for name in (name for name in rows[0] if isinstance(rows[0][name], dict)):
        errors = [mean_of(group, name) for _, group in groups]
        axes.loglog([n for (n,), _ in groups], errors, marker=".", label=_NAMES.get(name, name))
    finish(axes, "rows a task", "mean squared error of the coefficients", [n for (n,), _ in groups])
    move_legend_out(figure, axes)


def _new_task(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for name in (name for name in rows[0] if isinstance(rows[0][name], list) and name != "n"):
        axes.loglog(
            rows[0]["n"], np.mean([row[name] for row in rows], axis=0), marker=".", label=_NAMES.get(name, name)
        )
    # least squares with as many rows as directions has no finite expected error: it leaves the picture
    axes.set_ylim(top=3.0 * max(max(row["ridge"]) for row in rows))
    finish(axes, "rows of the new task", "mean squared error of the coefficients", rows[0]["n"])
    move_legend_out(figure, axes)


draw = partial(
    draw_with,
    {
        "figure_1a": (6.0, _paths),
        "iterations": (10.0, _iterations),
        "slopes": (10.0, _slopes),
        "accuracy": (6.0, _accuracy),
        "comparison": (6.0, _comparison),
        "new_task": (6.0, _new_task),
    },
)
