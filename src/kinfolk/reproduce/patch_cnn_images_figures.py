"""Figures of `kinfolk.reproduce.patch_cnn_images`."""

import numpy as np
from matplotlib.figure import Figure

from kinfolk.reproduce.figures import Drawings, finish, move_legend_out
from kinfolk.reproduce.patch_cnn_images import HEADS
from kinfolk.reproduce.plan import Row, gathered

_LABELS = {"single": "alone", "per_task": "heads of their own", "shared": "one head", "shared+specific": "both"}


def _images(figure: Figure, rows: list[Row]) -> None:
    groups = list(gathered(rows, "data"))
    every = figure.subplots(
        1, len(groups), squeeze=False, width_ratios=[len(g[0]["by_task"]["single"]) for _, g in groups]
    )
    for axes, ((data,), group) in zip(every[0], groups, strict=True):
        tasks = list(group[0]["by_task"]["single"])
        for place, method in enumerate(("single", *HEADS)):
            heights = [np.mean([row["by_task"][method][task] for row in group]) for task in tasks]
            across = np.arange(len(tasks)) + 0.2 * (place - 1.5)
            axes.bar(across, heights, 0.2, color=f"C{place}", label=_LABELS[method])
        axes.set_xticks(range(len(tasks)), tasks, rotation=45, ha="right", fontsize=8)
        axes.set_title(data, fontsize=9)
        finish(axes, "", "accuracy" if axes is every[0, 0] else "")
        axes.legend().remove()
    move_legend_out(figure, every[0, 0])


DRAWINGS: Drawings = {"images": (11.0, _images)}
