"""Figures of measurements, as SVG, PNG or PDF files: what all papers share."""

from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinfolk.io.atomic import atomic_write
from kinfolk.reproduce.plan import Row

Drawings = Mapping[str, tuple[float, Callable[[Figure, list[Row]], None]]]


def draw_with(drawings: Drawings, measured: dict[str, list[Row]], folder: Path, suffix: str = "svg") -> list[Path]:
    """Draw what was measured, one file a measurement.

    Parameters
    ----------
    drawings : mapping
        Name of the measurement -> width of the figure in inches, and the function that fills it.
    measured : dict
        From `kinfolk.reproduce.plan.carry_out`.
    folder : Path
        Must exist.
    suffix : {"svg", "png", "pdf"}, default="svg"

    Returns
    -------
    list of Path
    """
    written = []
    for name, (width, drawing) in drawings.items():
        if not measured.get(name):
            continue
        figure = Figure(figsize=(width, 3.8), layout="constrained")
        drawing(figure, measured[name])
        path = folder / f"{name}.{suffix}"
        with atomic_write(path) as stream:
            figure.savefig(stream, format=suffix, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
        written.append(path)
    return written


def finish(axes: Axes, x: str, y: str, sizes: list[float] | None = None) -> None:
    """Labels, grid and legend; the sizes that were measured, when given, are the ticks."""
    if sizes:
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axes.xaxis.minorticks_off()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, which="major", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def move_legend_out(figure: Figure, axes: Axes) -> None:
    """Put the legend below the picture, where no line crosses it."""
    if legend := axes.get_legend():
        legend.remove()
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8, ncols=4, loc="outside lower center")
