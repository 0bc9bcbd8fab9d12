"""Figures of `kinfolk.reproduce.stream_failures`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.plan import Row, gathered, mean
from kinfolk.reproduce.stream_failures import FAULTS
from kinfolk.reproduce.stream_failures_judgement import CHANGES, DRIFT, FILTER, LEVELS, NOISE

_DEVIATION = "deviation of a coordinate, dB"
_EDGE = -9.0  # what is larger is drawn there
_COLOURS = {"alone": "C0", "diffusion": "C1", "track": "C2", "filter": "C3"}


def _messages(figure: Figure, rows: list[Row]) -> None:
    figure.set_size_inches(10.0, 6.4)
    groups = list(gathered(rows, "rule", "drift"))
    for axes, ((rule, drift), group) in zip(
        np.atleast_1d(figure.subplots(1, len(groups), squeeze=True)), groups, strict=True
    ):
        names = ["alone", *FAULTS[rule]]
        levels = np.array([mean(group, name) for name in names])
        shown, places = np.minimum(levels, _EDGE), np.arange(len(names))
        axes.axvline(levels[1], color="0.6", linestyle="--", linewidth=1.0)
        axes.plot(shown, places, "o", color="C0", markersize=5, label="found")
        far = levels > _EDGE
        axes.plot(shown[far], places[far], ">", color="C3", markersize=7, label="diverged")
        known = CHANGES if rule == "diffusion" else FILTER
        there = [name in known and drift == 0.0 for name in names]
        start = LEVELS["diffusion"] if rule == "diffusion" else 0.0
        other = [start + known[name] for name, there_is in zip(names, there, strict=True) if there_is]
        axes.plot(other, places[there], "x", color="0.4", markersize=5, label="second implementation")
        axes.set_title(rule + (f", drift {drift:g}" if drift else ""), fontsize=9)
        finish(axes, _DEVIATION, "")
        axes.set_yticks(places, names, fontsize=7)
        axes.invert_yaxis()
        axes.legend().remove()
    move_legend_out(figure, figure.axes[0])


def _dots(
    figure: Figure,
    rows: list[Row],
    keys: tuple[str, ...],
    names: tuple[str, ...],
    known: Mapping[Any, Mapping[str, float]],
    words: Callable[..., str],
) -> None:
    """Deviations of some methods, a row a condition; a method in the circumstance that its name tells is hollow."""
    axes = figure.add_subplot()
    groups = list(gathered(rows, *keys))
    for name in names:
        method, hollow = name.split(",")[0], "," in name
        levels = [mean(group, name) for _, group in groups]
        colour = _COLOURS[method]
        face = "none" if hollow else colour
        label = name.replace("plain", "not clipped").replace("once", "graph of once")
        axes.plot(levels, np.arange(len(groups)), "o", color=colour, markerfacecolor=face, markersize=6, label=label)
        other = [(known[key[0]][name], at) for at, (key, _) in enumerate(groups) if name in known.get(key[0], {})]
        axes.plot(*np.reshape(other, (-1, 2)).T, "x", color=colour, alpha=0.7)
    if known:
        axes.plot([], [], "x", color="0.4", label="second implementation")
    _named(axes, [words(*key) for key, _ in groups])
    move_legend_out(figure, axes)


def _named(axes: Axes, names: list[str]) -> None:
    finish(axes, _DEVIATION, "")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _noise(figure: Figure, rows: list[Row]) -> None:
    names = ("alone", "alone, plain", "diffusion", "diffusion, plain", "track")
    _dots(figure, rows, ("noise",), names, NOISE, "{}".format)


def _drift(figure: Figure, rows: list[Row]) -> None:
    names = ("alone", "track", "diffusion", "diffusion, once", "filter, once")
    _dots(figure, rows, ("drift",), names, DRIFT, "q = {:g}".format)


def _priors(figure: Figure, rows: list[Row]) -> None:
    _dots(figure, rows, ("kind", "scale"), ("alone", "diffusion", "track"), {}, "{}\n{:g}".format)


DRAWINGS: Drawings = {
    "messages": (10.0, _messages),
    "noise": (7.0, _noise),
    "drift": (7.0, _drift),
    "priors": (7.0, _priors),
}
