"""Figures of `kinfolk.reproduce.other_features`: how far simulated errors are from what was predicted."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinfolk.reproduce.deviations import deviation
from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error

_MARKERS = {"squared": "o", "logistic": "s", "hinge": "^", "huber": "D"}


def _deviations(figure: Figure, rows: list[Row], key: str, kept: tuple[str, ...], words: str) -> None:
    """One column a sort of features: filled, what was predicted; hollow, predicted for plain features."""
    axes = figure.add_subplot()
    groups = list(gathered(rows, key))
    for place, (_, group) in enumerate(groups):
        cells = list(gathered(group, *kept))
        for across, ((loss, *_), cell) in zip(_spread(len(cells)), cells, strict=True):
            _point(axes, place + across, cell, loss, "predicted", "C0")
            _point(axes, place + across, cell, loss, "plain", "C1")
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    axes.set_xticks(range(len(groups)), [name for (name,), _ in groups], fontsize=8)
    for loss in dict.fromkeys(row["loss"] for row in rows):
        axes.plot([], [], _MARKERS[loss], color="0.5", markersize=4, label=loss)
    axes.plot([], [], "-", color="C0", label=f"{words} known")
    axes.plot([], [], "-", color="C1", label="not known")
    finish(axes, key, "simulated / predicted - 1 (%)")
    move_legend_out(figure, axes)


def _point(axes: Axes, at: float, cell: list[Row], loss: str, name: str, colour: str) -> None:
    error = 100.0 * standard_error(cell, "found") / mean(cell, name)
    face = colour if name == "predicted" else "white"
    height = 100.0 * deviation(cell, name)
    axes.errorbar([at], [height], [error], fmt=_MARKERS[loss], color=colour, markerfacecolor=face, markersize=4)


def _spread(n: int) -> np.ndarray:
    return 0.7 * ((np.arange(n) + 0.5) / n - 0.5)


def _laws(figure: Figure, rows: list[Row]) -> None:
    everywhere = [row for row in rows if row["spread"] == row["p"] and row["labels"] == "own"]
    _deviations(figure, everywhere or rows, "law", ("loss", "alpha", "spread"), "row norms")


DRAWINGS: Drawings = {
    "laws": (7.0, _laws),
    "images": (7.0, partial(_deviations, key="features", kept=("loss", "alpha"), words="row norms")),
    "spectra": (6.0, partial(_deviations, key="spectrum", kept=("loss", "alpha"), words="spectrum")),
}
