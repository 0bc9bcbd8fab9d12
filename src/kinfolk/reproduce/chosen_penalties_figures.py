"""Figures of `kinfolk.reproduce.chosen_penalties`."""

import numpy as np
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error


def _bars(figure: Figure, rows: list[Row], names: dict[str, str], what: str) -> None:
    """Excess over the best penalty; one group of bars a cell."""
    axes = figure.add_subplot()
    groups = list(gathered(rows, "alpha", "rho"))
    width = 0.8 / len(names)
    for place, (name, label) in enumerate(names.items()):
        parts = [[row | {"excess": row[name] / row["best"] - 1.0} for row in group] for _, group in groups]
        heights = [100.0 * mean(part, "excess") for part in parts]
        chance = [100.0 * standard_error(part, "excess") for part in parts]
        across = np.arange(len(groups)) + width * (place - 0.5 * (len(names) - 1))
        axes.bar(across, heights, width, yerr=chance, color=f"C{place}", ecolor="0.3", label=label)
    axes.set_xticks(range(len(groups)), [f"{alpha:g}\n{rho:g}" for (alpha, rho), _ in groups], fontsize=8)
    axes.set_yscale("symlog", linthresh=1.0)
    finish(axes, "rows / features, similarity", what)
    move_legend_out(figure, axes)


def _squared(figure: Figure, rows: list[Row]) -> None:
    names = {"auto": "chosen", "evidence": "evidence", "grid": "grid", "single": "single", "pooled": "pooled"}
    _bars(figure, rows, names, "error above the best penalty's (%)")


def _logistic(figure: Figure, rows: list[Row]) -> None:
    _bars(figure, rows, {"auto": "chosen", "single": "single"}, "wrong labels above the best penalty's (%)")


def _pooling(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, ((alpha,), group) in enumerate(gathered(rows, "alpha")):
        shares = [(rho, mean(cell, "right")) for (rho,), cell in gathered(group, "rho")]
        axes.plot(*zip(*shares, strict=True), "o-", color=f"C{place}", label=f"rows / features {alpha:g}")
    axes.set_ylim(0.0, 1.05)
    finish(axes, "similarity", "share of right decisions, pooled or single")


DRAWINGS: Drawings = {"tuned": (7.0, _squared), "tuned_classes": (6.0, _logistic), "pooling": (5.0, _pooling)}
