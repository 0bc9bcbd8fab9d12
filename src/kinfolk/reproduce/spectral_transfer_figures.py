"""Figures of spectral transfer."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import draw_with, finish, move_legend_out
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error
from kinfolk.reproduce.spectral_transfer import NOISES, ROWS
from kinfolk.reproduce.spectral_transfer_judgement import PAPER_NOISE, PAPER_TARGET, PAPER_TRANSFER

_ERROR = "error of the coefficients × 100"
_NAMES = {"target": "target alone", "transfer": "transfer"}


def _sample_size(figure: Figure, rows: list[Row]) -> None:
    groups = list(gathered(rows, "model"))
    for place, ((model,), group) in enumerate(groups):
        axes = figure.add_subplot(1, len(groups), place + 1)
        for colour, (name, paper) in enumerate((("target", PAPER_TARGET), ("transfer", PAPER_TRANSFER))):
            sizes = _curve(axes, group, name, "n", colour)
            axes.plot(
                ROWS.get(model, ()), paper.get(model, ()), "x", color=f"C{colour}", label=f"{_NAMES[name]}, paper"
            )
        axes.set_ylim(bottom=0.0)
        axes.set_title(f"Model {model}", fontsize=9)
        finish(axes, "rows", "" if place else _ERROR, sizes)
    _one_legend(figure)


def _source_noise(figure: Figure, rows: list[Row]) -> None:
    groups = list(gathered(rows, "model"))
    for place, ((model,), group) in enumerate(groups):
        axes = figure.add_subplot(1, len(groups), place + 1)
        for colour, name in enumerate(_NAMES):
            sizes = _curve(axes, group, name, "source_noise", colour)
        paper = PAPER_NOISE.get(model, (np.nan,) * len(NOISES))
        axes.plot(NOISES, paper, "x", color="C1", label="transfer, paper")
        axes.set_xscale("symlog", linthresh=0.01)
        axes.set_ylim(bottom=0.0)
        axes.set_title(f"Model {model}", fontsize=9)
        finish(axes, "noise of the source", "" if place else _ERROR, sizes)
        axes.tick_params(axis="x", rotation=60)
    _one_legend(figure)


def _designs(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    groups = list(gathered(rows, "design", "source_noise"))
    for colour, name in enumerate(_NAMES):
        heights = [100.0 * mean(group, name) for _, group in groups]
        errors = [100.0 * standard_error(group, name) for _, group in groups]
        places = np.arange(len(groups)) + 0.2 * (2 * colour - 1)
        axes.bar(places, heights, 0.4, yerr=errors, color=f"C{colour}", label=_NAMES[name], ecolor="0.3")
    labels = [design if noise == 0.01 else f"{design},\nsource noise {noise:g}" for (design, noise), _ in groups]
    finish(axes, "", _ERROR)
    axes.set_xticks(range(len(groups)), labels)
    move_legend_out(figure, axes)


def _speed(figure: Figure, rows: list[Row]) -> None:
    names = {"path": "path", "tight": "alternating, 1e-4", "reference": "alternating, 1e-3"}
    left, right = figure.subplots(1, 2)
    lowest = np.min([rows[0][name] for name in names], axis=0)
    for colour, (name, label) in enumerate(names.items()):
        excess = np.divide(rows[0][name], lowest) - 1.0
        left.loglog(rows[0]["penalties"], np.maximum(excess, 1e-7), "o-", color=f"C{colour}", label=label)
        seconds = [mean(group, f"{name}_seconds") for _, group in gathered(rows, "model", "n")]
        right.semilogy(range(len(seconds)), seconds, "o", color=f"C{colour}", label=label)
    finish(left, "penalty", "objective / lowest − 1")
    left.set_title(f"Model {rows[0]['model']}, n = {rows[0]['n']}", fontsize=9)
    finish(right, "", "CPU seconds for ten penalties")
    labels = [f"{model}\n{n}" for (model, n), _ in gathered(rows, "model", "n")]
    right.set_xticks(range(len(labels)), labels)
    right.set_xlim(-0.5, len(labels) - 0.5)
    right.legend().remove()
    move_legend_out(figure, left)


def _curve(axes: Axes, rows: list[Row], name: str, over: str, colour: int) -> list[float]:
    """Means with their standard errors over one size; the sizes."""
    groups = list(gathered(rows, over))
    sizes = [float(size) for (size,), _ in groups]
    heights = [100.0 * mean(group, name) for _, group in groups]
    errors = [100.0 * standard_error(group, name) for _, group in groups]
    axes.errorbar(sizes, heights, errors, fmt="o-", markersize=3, color=f"C{colour}", label=_NAMES[name])
    return sizes


def _one_legend(figure: Figure) -> None:
    for axes in figure.axes[1:]:
        axes.legend().remove()
    move_legend_out(figure, figure.axes[0])


draw = partial(
    draw_with,
    {
        "sample_size": (10.0, _sample_size),
        "source_noise": (10.0, _source_noise),
        "designs": (7.0, _designs),
        "speed": (8.0, _speed),
    },
)
