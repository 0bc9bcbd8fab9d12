"""Figures of `kinfolk.reproduce.patch_cnn_features`."""

import numpy as np
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.patch_cnn_features_judgement import EXPECTED
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error

_LINES = {
    "shared": "shared feature",
    "specific_mean": "specific features",
    "noise_shared_rows": "noise of rows with the shared feature",
}


def _tasks(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, ((size,), group) in enumerate(gathered(rows, "size")):
        counts = [K for (K,), _ in gathered(group, "K")]
        heights = [mean(part, "accuracy") for _, part in gathered(group, "K")]
        errors = [standard_error(part, "accuracy") for _, part in gathered(group, "K")]
        axes.errorbar(counts, heights, errors, marker="o", markersize=3, color=f"C{place}", label=f"{size} size")
        axes.plot(counts, [EXPECTED[size, K] for K in counts], "x", color=f"C{place}")
    axes.plot([], [], "x", color="0.4", label="second implementation")
    axes.axhline(0.65, color="0.6", linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    finish(
        axes, "tasks (dashed: accuracy if the shared feature is not learned)", "accuracy on new rows", _sizes(rows, "K")
    )


def _curves(figure: Figure, rows: list[Row]) -> None:
    every = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
    for axes, row in zip(every, rows, strict=True):
        for place, (name, label) in enumerate(_LINES.items()):
            axes.plot(row["iteration"], row[name], color=f"C{place}", label=label)
        axes.set_title(f"{row['K']} task{'s' if row['K'] > 1 else ''}", fontsize=9)
        finish(axes, "iterations", "inner product with filters" if axes is every[0] else "")
        axes.legend().remove()
    move_legend_out(figure, every[0])


def _controls(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    names = list(dict.fromkeys(row["control"] for row in rows))
    for place, (label, many) in enumerate((("one task", False), ("many tasks", True))):
        there = [[row for row in rows if row["control"] == name and (row["K"] > 1) == many] for name in names]
        heights = [mean(group, "accuracy") if group else 0.0 for group in there]
        axes.barh(np.arange(len(names)) + 0.4 * place, heights, 0.4, color=f"C{place}", label=label)
    axes.set_yticks(np.arange(len(names)) + 0.2, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0.4, 1.0)
    finish(axes, "accuracy on new rows", "")
    move_legend_out(figure, axes)


def _phases(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, ((noise,), group) in enumerate(gathered(rows, "noise")):
        cells = [part for _, part in gathered(group, "K")]
        ratios = [mean(part, "R") for part in cells]
        axes.plot(
            ratios, [mean(part, "shared_rows") for part in cells], "o-", color=f"C{place}", label=f"noise {noise:g}"
        )
    axes.axvspan(1.0, 6.0, color="0.9")
    axes.set_xscale("log")
    finish(axes, "benefit ratio R", "accuracy on rows with the shared feature", [0.25, 0.5, 1, 2, 4, 8, 16])


def _few_shot(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    groups = list(gathered(rows, "labels"))
    for place, (name, label) in enumerate((("one", "filters of one task"), ("many", "filters of many tasks"))):
        across = np.arange(len(groups)) + 0.4 * place
        errors = [standard_error(group, name) for _, group in groups]
        axes.bar(across, [mean(group, name) for _, group in groups], 0.4, yerr=errors, color=f"C{place}", label=label)
    axes.set_xticks(np.arange(len(groups)) + 0.2, [f"{labels} labels" for (labels,), _ in groups])
    finish(axes, "a task never seen", "accuracy on new rows")


def _weightings(figure: Figure, rows: list[Row]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    names = [name for name in rows[0] if isinstance(rows[0][name], dict)]
    for axes, column, label in ((left, "accuracy", "accuracy on new rows"), (right, "milliseconds", "ms a step")):
        axes.barh(names, [np.mean([row[name][column] for row in rows]) for name in names], color="C0")
        finish(axes, label, "")
    left.invert_yaxis()


def _sizes(rows: list[Row], name: str) -> list[float]:
    return sorted({float(row[name]) for row in rows})


DRAWINGS: Drawings = {
    "tasks": (6.4, _tasks),
    "curves": (8.4, _curves),
    "controls": (7.4, _controls),
    "phases": (6.0, _phases),
    "few_shot": (4.6, _few_shot),
    "weightings": (7.4, _weightings),
}
