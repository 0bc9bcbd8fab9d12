"""Heat maps with names: weights of methods in tasks, places of tasks along shared directions, loadings of features."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from kinfolk._typing import FloatArray
from kinfolk.report.canvas import PAGE, Palette, short, style, svg

MOST = 60  # rows that are drawn one by one
_NUMBERED = 30  # rows up to which cells have their numbers
_LEVELS, _DEEPEST = 12, 0.6  # shades, and the opacity of the last, on which a number can be read


def in_order(weights: FloatArray) -> tuple[list[int], list[int]]:
    """Rows and columns of convex weights in the order they are drawn in.

    Columns by their mean, largest first; rows by the column that leads them, and there by its weight, largest first.
    """
    columns = np.argsort(-weights.mean(axis=0), kind="stable")
    placed = weights[:, columns]
    rows = np.lexsort((-placed.max(axis=1), placed.argmax(axis=1)))
    return rows.tolist(), columns.tolist()


def in_groups(values: FloatArray, names: list[str]) -> tuple[FloatArray, list[str], str]:
    """Rows as they are; of more than 60 the means of 60 groups of neighbours without names, and a note that says so."""
    if len(values) <= MOST:
        return values, names, ""
    parts = np.array_split(np.arange(len(values)), MOST)
    means = np.stack([values[part].mean(axis=0) for part in parts])
    return means, [], f"A line is the mean of about {len(values) / MOST:.0f} neighbouring tasks of {len(values):,}."


def draw_cells(
    axes: Axes, values: FloatArray, rows: list[str], columns: list[str], palette: Palette = PAGE, *, shares: bool
) -> None:
    """Draw a table as a heat map, its first row at the top; few rows have their numbers.

    Parameters
    ----------
    axes : Axes
    values : (R, C) array
    rows : list of str
        Empty: rows have no names.
    columns : list of str
    palette : Palette
        Positive values are ``good``, negative ones ``bad``.
    shares : bool
        Whether values are shares, shown as percents.
    """
    top = max(float(np.abs(values).max(initial=0.0)), 1e-300)
    level = np.ceil(_LEVELS * np.abs(values) / top - 1e-9).astype(int) * np.sign(values).astype(int)
    for shade in np.unique(level[level != 0]).tolist():
        squares = [_square(j, i) for i, j in np.argwhere(level == shade).tolist()]
        colour, alpha = palette.good if shade > 0 else palette.bad, _DEEPEST * abs(shade) / _LEVELS
        axes.add_patch(PathPatch(Path.make_compound_path(*squares), facecolor=colour, edgecolor="none", alpha=alpha))
    if len(values) <= _NUMBERED:
        for i, j in np.argwhere(np.abs(values) >= 0.005).tolist():
            text = f"{values[i, j]:.0%}" if shares else f"{values[i, j]:.2f}"
            axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color=palette.ink)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.xaxis.tick_top()
    slanted = len(columns) > 1 and max(map(len, columns)) > 12
    look: dict[str, Any] = {"rotation": 28, "ha": "left", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(range(len(columns)), [short(name, 34) for name in columns], parse_math=False, **look)
    axes.set_yticks(range(len(rows)), [short(name) for name in rows], parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _square(across: float, down: float) -> Path:
    left, right, low, high = across - 0.47, across + 0.47, down - 0.44, down + 0.44
    return Path([(left, low), (right, low), (right, high), (left, high), (left, low)], closed=True)


def cells(found: dict[str, Any], alternative: str, *, shares: bool, width: float = 7.6) -> str:
    """SVG of a table ``values, rows, columns`` as a heat map."""
    values = np.array(found["values"], dtype=float)
    with style():
        height = (0.21 if found["rows"] else 0.06) * len(values)
        figure = Figure(figsize=(width, 1.2 + height), layout="constrained")
        draw_cells(figure.add_subplot(), values, found["rows"], found["columns"], shares=shares)
        return svg(figure, alternative)


def borrowing_figures(borrowing: dict[str, Any]) -> dict[str, str]:
    """SVG of the guard's weights, ``weights``, where there are any, and of loadings, ``loadings-0`` and so on."""
    weights, figures = borrowing["weights"], {}
    if weights is not None:
        what = f"Weights of {', '.join(weights['columns'])} in each task; the guard's table has their means"
        figures["weights"] = cells(weights, what, shares=True)
    for number, one in enumerate(borrowing["representations"]):
        if not one["directions"]:
            continue
        what = f"Loadings of features on the directions of {one['method']}; the table below names the largest"
        width = min(7.6, 2.9 + 0.75 * len(one["loadings"]["columns"]))
        figures[f"loadings-{number}"] = cells(one["loadings"], what, shares=False, width=width)
    return figures
