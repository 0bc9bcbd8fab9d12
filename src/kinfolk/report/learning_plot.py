"""Learning curves in the report."""

from typing import Any

from matplotlib.figure import Figure

from kinfolk.report.canvas import ALONE, FAINT, GOOD, INK, style, svg


def learning(curves: dict[str, Any]) -> str:
    """Losses, and what came of them, along the steps; SVG.

    Parameters
    ----------
    curves : dict
        From `kinfolk.report.summarize_learning.summarize_learning`.
    """
    with style():
        figure = Figure(figsize=(7.6, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, lines, label in ((left, curves["losses"], "mean loss of a task"), (right, curves["quality"], "")):
            for (name, values), colour in zip(lines.items(), (ALONE, GOOD), strict=False):
                axes.plot(curves["iteration"], values, color=colour, linewidth=1.8, label=name)
            axes.set_xlabel("steps")
            axes.set_ylabel(label or next(iter(lines), ""))
            axes.grid(axis="y", color=FAINT, linewidth=0.6)
            axes.set_axisbelow(True)
        left.set_ylim(bottom=0.0)
        left.legend(frameon=False, labelcolor=INK)
        return svg(figure, f"Learning curves of {curves['method']}")
