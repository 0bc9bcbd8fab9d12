"""Figures of `kinfolk.reproduce.laplacian_error`."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.laplacian_error_judgement import DEBIASED, SMALL_STEPS, TABLE
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error

_ERROR = "squared spectral error of the Laplacian"


def _table(figure: Figure, rows: list[Row]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    groups = list(gathered(rows, "mu"))
    for place, ((mu,), group) in enumerate(groups):
        label = f"mu = {mu:g}" if mu else "exact coefficients"
        for axes, column, other in ((left, "squared", TABLE), (right, "debiased", DEBIASED)):
            _curve(axes, group, column, "M", f"C{place}", label)
            known = other.get(mu, {})
            axes.plot(list(known), list(known.values()), "x", color=f"C{place}")
    for axes, title in ((left, "from what was learned"), (right, "the noise subtracted first")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(title, fontsize=9)
    left.set_ylim(0.1, 1e7)
    left.plot([], [], "x", color="0.4", label="second implementation")
    finish(left, "coordinates M", _ERROR)
    finish(right, "coordinates M", "")
    right.legend().remove()
    move_legend_out(figure, left)


def _coordinates(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, ((graph,), group) in enumerate(gathered(rows, "graph")):
        _curve(axes, group, "squared", "M", f"C{place}", f"graph {graph}")
        sizes = np.array([M for (M,), _ in gathered(group, "M")], dtype=float)
        last = [row for row in group if row["M"] == sizes[-1]]
        axes.plot(sizes, mean(last, "squared") * sizes[-1] / sizes, "--", color=f"C{place}", alpha=0.6)
    axes.plot([], [], "--", color="0.4", label="1 / M")
    axes.set_xscale("log")
    axes.set_yscale("log")
    finish(axes, "coordinates M, exact coefficients", _ERROR, sorted({float(row["M"]) for row in rows}))


def _steps(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, ((graph,), group) in enumerate(gathered(rows, "graph")):
        _curve(axes, group, "norm", "mu", f"C{place}", f"graph {graph}")
        steps = np.array([mu for (mu,), _ in gathered(group, "mu")])
        least = [row for row in group if row["mu"] == steps.min()]
        axes.plot(steps, mean(least, "norm") * steps / steps.min(), "--", color=f"C{place}", alpha=0.6)
    axes.plot([], [], "--", color="0.4", label="slope 1")
    axes.plot(list(SMALL_STEPS), np.sqrt(list(SMALL_STEPS.values())), "x", color="0.3", label="second implementation")
    axes.set_xscale("log")
    axes.set_yscale("log")
    finish(axes, "step size mu", "spectral error of the Laplacian", sorted({float(row["mu"]) for row in rows}))


def _topology(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, ((kind,), group) in enumerate(gathered(rows, "kind")):
        index, squared = ([row[name] for row in group] for name in ("sensitivity", "squared"))
        axes.plot(index, squared, "o", markersize=4, alpha=0.6, color=f"C{place}", label=kind)
    axes.set_xscale("log")
    axes.set_yscale("log")
    finish(axes, "topology sensitivity index", _ERROR)


def _learned(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    groups = list(gathered(rows, "mu"))
    names = {"real": "learned by least mean squares", "normal": "normal law", "exact": "exact coefficients"}
    for place, (name, label) in enumerate(names.items()):
        heights = [mean(group, name) for _, group in groups]
        errors = [standard_error(group, name) for _, group in groups]
        across = np.arange(len(groups)) + 0.26 * (place - 1)
        axes.bar(across, heights, 0.26, yerr=errors, color=f"C{place}", ecolor="0.3", label=label)
    finish(axes, "", _ERROR)
    axes.set_xticks(range(len(groups)), [f"mu = {mu:g}" for (mu,), _ in groups])
    move_legend_out(figure, axes)


def _noise_aware(figure: Figure, rows: list[Row]) -> None:
    names = {"marginal": "marginal", "likelihood": "likelihood", "noise_aware": "likelihood that knows the noise"}
    groups = list(gathered(rows, "mu"))
    pair = np.atleast_1d(figure.subplots(1, len(groups), sharey=True))
    for axes, ((mu,), group) in zip(pair, groups, strict=True):
        for place, (name, label) in enumerate(names.items()):
            _curve(axes, group, name, "M", f"C{place}", label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"no self-loops, mu = {mu:g}", fontsize=9)
        finish(axes, "coordinates M", _ERROR if axes is pair[0] else "", sorted({float(row["M"]) for row in group}))
    for axes in pair[1:]:
        axes.legend().remove()
    move_legend_out(figure, pair[0])


def _curve(axes: Axes, rows: list[Row], name: str, over: str, colour: str, label: str) -> None:
    """Means with their standard errors over one size."""
    groups = list(gathered(rows, over))
    sizes = [float(size) for (size,), _ in groups]
    heights = [mean(group, name) for _, group in groups]
    errors = [standard_error(group, name) for _, group in groups]
    axes.errorbar(sizes, heights, errors, fmt="o-", markersize=3, color=colour, label=label)


DRAWINGS: Drawings = {
    "table": (9.0, _table),
    "coordinates": (5.5, _coordinates),
    "steps": (5.5, _steps),
    "topology": (5.5, _topology),
    "learned": (5.5, _learned),
    "noise_aware": (8.0, _noise_aware),
}
