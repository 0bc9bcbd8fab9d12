"""Figures of `kinfolk.reproduce.streams`."""

import numpy as np
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.plan import Row, gathered, mean
from kinfolk.reproduce.streams import LEARNERS, LEVEL, METHODS
from kinfolk.reproduce.streams_judgement import NAMES, TABLE, WORDS

_DEVIATION = "deviation of a coordinate, dB"
_WAYS = {"marginal": "cooperative, marginal", "em": "cooperative, EM", "own": "lone tasks' means, EM"}
_KEYS = ("loss", "kind", "K", "M")


def _steady(figure: Figure, rows: list[Row]) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.2))
    groups = list(gathered(rows, *_KEYS))
    (_, kind, K, M), shown = next((each for each in groups if each[0] == ("squared", "rgg", 20, 50)), groups[0])
    for place, name in enumerate(METHODS):
        curve = np.mean([row["curves"][name] for row in shown], axis=0)
        rounds = shown[0]["every"] * np.arange(1, len(curve) + 1)
        left.plot(rounds, curve, color=f"C{place}", linewidth=1.2, label=WORDS[name])
        settled = [mean(group, name) for _, group in groups]
        right.plot(settled, range(len(groups)), "o", color=f"C{place}", markersize=5, label=WORDS[name])
        if name in NAMES:
            known = [(TABLE[key][NAMES.index(name)], at) for at, (key, _) in enumerate(groups) if key in TABLE]
            right.plot(*np.reshape(known, (-1, 2)).T, "x", color=f"C{place}", markersize=5, alpha=0.6)
    right.plot([], [], "x", color="0.4", label="second implementation")
    left.set_title(f"{kind}, K = {K}, M = {M}", fontsize=9)
    right.set_title("settled", fontsize=9)
    finish(left, "round", _DEVIATION)
    finish(right, _DEVIATION, "")
    right.set_yticks(range(len(groups)), [_name(key) for key, _ in groups])
    right.invert_yaxis()
    left.legend().remove()
    move_legend_out(figure, right)


def _name(key: tuple[str, str, int, int]) -> str:
    loss, kind, K, M = key
    return f"{kind} {K}/{M}" + ("" if loss == "squared" else f"\n{loss}")


def _adaptation(figure: Figure, rows: list[Row]) -> None:
    axes = figure.add_subplot()
    for place, (name, (_, mu)) in enumerate(LEARNERS.items()):
        curve = np.mean([row["curves"][name] for row in rows], axis=0)
        words = WORDS[name.split(",")[0]].replace(", kinfolk's steps", "")
        words += ", graph anew" if "anew" in name else ""
        axes.plot(rows[0]["every"] * np.arange(len(curve)), curve, color=f"C{place}", label=f"{words}, mu = {mu:g}")
    axes.axhline(LEVEL, color="0.5", linestyle="--", linewidth=1.0)
    finish(axes, "rounds after all tasks have changed", _DEVIATION)


def _reestimation(figure: Figure, rows: list[Row]) -> None:
    groups = list(gathered(rows, "period"))
    for axes, ((period,), group) in zip(
        np.atleast_1d(figure.subplots(1, len(groups), sharey=True)), groups, strict=True
    ):
        for place, (name, words) in enumerate(_WAYS.items()):
            for row in group:
                label = words if row is group[0] else None
                errors = row["errors"][name]
                axes.plot(range(1, len(errors) + 1), errors, color=f"C{place}", linewidth=1.0, alpha=0.7, label=label)
        axes.set_yscale("log")
        axes.set_title(f"every {period} rounds", fontsize=9)
        finish(axes, "estimate", "relative error of L" if period == groups[0][0][0] else "")
        axes.legend().remove()
    move_legend_out(figure, figure.axes[0])


DRAWINGS: Drawings = {
    "steady": (10.0, _steady),
    "adaptation": (5.5, _adaptation),
    "reestimation": (9.0, _reestimation),
}
