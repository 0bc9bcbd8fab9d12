"""Drawings of a task graph: a force layout for up to 200 tasks, a heat map of its weights above."""

import re
from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kinfolk._typing import FloatArray, IntArray
from kinfolk.report.canvas import PAGE, Palette, escape, short, style, svg

DRAWN = 200  # tasks up to which single tasks are drawn
_NAMED = 60  # tasks up to which these have their names
_INSIDE = 3  # characters of a name that fits into its disc
_EACH = 2  # edges that every task keeps
_MOST = 3  # edges a task that are drawn in all
_CELLS = 160  # of the heat map, a side
_LEVELS = (0.15, 0.3, 0.5, 0.75, 1.0)  # opacities
_WIDTH, _HEIGHT = 7.6, 5.6


def task_graph(graph: dict[str, Any]) -> tuple[str, str]:
    """Draw a graph; SVG and a note on what is left out (empty: nothing).

    Parameters
    ----------
    graph : dict
        From `kinfolk.report.summarize_graph.summarize_graphs`, with at least one edge.
    """
    ends, weights = _edges(graph)
    if len(graph["tasks"]) <= DRAWN:
        return _network(graph, ends, weights)
    return _heat_map(len(graph["tasks"]), ends, weights, graph["method"])


def _edges(graph: dict[str, Any]) -> tuple[IntArray, FloatArray]:
    """Places of the ends ``(m, 2)`` and weights ``(m,)``."""
    edges = graph["edges"]
    return np.array([edge[:2] for edge in edges], dtype=np.int64), np.array([edge[2] for edge in edges])


def gain_scale(tasks: list[dict[str, Any]]) -> float:
    """The gain (either sign) at which a colour is full: the 90th percentile of its size over tasks."""
    sizes = [abs(row["gain"]) for row in tasks if row["gain"] is not None]
    return min(max(float(np.quantile(sizes, 0.9)) if sizes else 0.0, 0.01), 1.0)


def draw_graph(axes: Axes, graph: dict[str, Any], palette: Palette = PAGE) -> str:
    """Draw a graph on axes, which lose their frame; the note on what is left out.

    Parameters
    ----------
    axes : Axes
    graph : dict
        As for `task_graph`.
    palette : Palette
    """
    ends, weights = _edges(graph)
    if len(graph["tasks"]) <= DRAWN:
        return _draw_network(axes, graph, ends, weights, palette)
    return _draw_heat_map(axes, len(graph["tasks"]), ends, weights, palette)


def _network(graph: dict[str, Any], ends: IntArray, weights: FloatArray) -> tuple[str, str]:
    tasks = graph["tasks"]
    with style():
        figure = Figure(figsize=(_WIDTH, _HEIGHT))
        note = _draw_network(figure.add_axes((0.0, 0.0, 1.0, 1.0)), graph, ends, weights, PAGE)
        what = f"Task graph of {graph['method']}: {len(tasks)} tasks, {len(ends)} edges. The table below names them."
        text = svg(figure, what)
    halo = "" if _inside(tasks) else "paint-order: stroke; stroke: var(--card); stroke-width: 2.5px; "
    return _with_titles(text, tasks).replace('<text style="', f'<text style="{halo}pointer-events: none; '), note


def _inside(tasks: list[dict[str, Any]]) -> bool:
    """Whether names fit into discs."""
    return max(len(str(row["task"])) for row in tasks) <= _INSIDE


def _draw_network(axes: Axes, graph: dict[str, Any], ends: IntArray, weights: FloatArray, palette: Palette) -> str:
    tasks, inside, few = graph["tasks"], _inside(graph["tasks"]), len(graph["tasks"]) <= _NAMED
    drawn = strongest(len(tasks), ends)
    places = layout(len(tasks), ends, weights, graph["pull"])
    names = [short(row["task"], 18) for row in tasks]
    rows = np.array([row["n_rows"] for row in tasks], dtype=float)
    # diameters in points: areas by rows, small enough to leave room for the edges
    largest = (26.0 if inside else 18.0) if few else 13.0
    sizes = np.maximum(largest * np.sqrt(rows / rows.max()), 15.0 if inside and few else 5.0)
    full = gain_scale(tasks)
    strength = np.minimum(weights[drawn] / np.quantile(weights[drawn], 0.95), 1.0) ** (1.0 if few else 2.0)
    axes.set_axis_off()
    axes.set_xlim(0.0, 72.0 * _WIDTH)
    axes.set_ylim(0.0, 72.0 * _HEIGHT)
    points = _in_points(places, margin=46.0 if few and not inside else 20.0)
    faint_first = drawn[::-1], strength[::-1]
    widest = 2.8 if few else 1.6
    lines = LineCollection(
        points[ends[faint_first[0]]].tolist(),
        colors=palette.ink,
        linewidths=(0.4 + widest * faint_first[1]).tolist(),
        alpha=(0.1 + 0.4 * faint_first[1]).tolist(),
        capstyle="round",
        zorder=1,
    )
    axes.add_collection(lines)
    for place, row in enumerate(tasks):
        _disc(axes, points[place], float(sizes[place]), row["gain"], full, f"task-{place}", palette)
    if few and inside:
        look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": 8.5, "zorder": 4}
        for point, name in zip(points, names, strict=True):
            axes.text(float(point[0]), float(point[1]), name, parse_math=False, **look)
    elif few:
        _names_beside(axes, points, sizes / 2.0, names)
    left = len(ends) - len(drawn)
    if not left:
        return ""
    share = 1.0 - float(weights[drawn].sum() / weights.sum())
    held = f"{share:.0%}" if share >= 0.01 else "less than 1%"
    return f"{len(drawn):,} edges are drawn; {left:,} faint ones, which hold {held} of the weight, are not."


def strongest(n_tasks: int, ends: IntArray) -> IntArray:
    """Edges that are drawn: the strongest two of every task, and the strongest of all up to three a task.

    Parameters
    ----------
    n_tasks : int
    ends : (m, 2) integers
        Strongest first.
    """
    seen = np.zeros(n_tasks, dtype=int)
    kept = np.zeros(len(ends), dtype=bool)
    kept[: max(_MOST * n_tasks // 2, 60)] = True
    for edge, (i, j) in enumerate(ends.tolist()):
        kept[edge] |= bool(seen[i] < _EACH or seen[j] < _EACH)
        seen[[i, j]] += 1
    return np.flatnonzero(kept)


def layout(n_tasks: int, ends: IntArray, weights: FloatArray, pull: float, seed: int = 0) -> FloatArray:
    """Places ``(T, 2)`` of a force layout; the pull towards the mean is a weak edge between all tasks.

    Weights are divided by the geometric mean of what pulls their ends, so that no pair collapses.
    """
    total = np.bincount(ends.ravel(), np.repeat(weights, 2), n_tasks) + pull
    graph: Any = nx.Graph()
    graph.add_nodes_from(range(n_tasks))
    everywhere = max(pull / n_tasks, 1e-3 * float(weights.mean()))
    for i in range(n_tasks):
        for j in range(i):
            graph.add_edge(i, j, weight=everywhere / float(np.sqrt(total[i] * total[j])))
    for (i, j), weight in zip(ends.tolist(), weights.tolist(), strict=True):
        graph[i][j]["weight"] += weight / float(np.sqrt(total[i] * total[j]))
    found = nx.spring_layout(graph, seed=seed, iterations=300, k=1.6 / np.sqrt(n_tasks))
    return np.array([found[task] for task in range(n_tasks)])


def _in_points(places: FloatArray, margin: float) -> FloatArray:
    """Places turned so that they are widest sideways, in points of the figure."""
    centred = places - places.mean(axis=0)
    turned = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    turned *= np.where(turned[np.abs(turned).argmax(axis=0), (0, 1)] < 0.0, -1.0, 1.0)  # the same way every time
    low, high = turned.min(axis=0), turned.max(axis=0)
    room = np.array([72.0 * _WIDTH - 2.0 * margin, 72.0 * _HEIGHT - 44.0])
    wide = high - low > 1e-9
    share: FloatArray = np.where(wide, (turned - low) / np.where(wide, high - low, 1.0), 0.5)
    scaled: FloatArray = share * room + (margin, 22.0)
    return scaled


def _disc(
    axes: Axes, point: FloatArray, size: float, gain: float | None, full: float, name: str, palette: Palette
) -> None:
    """A task: on a ground of the page's own, its gain as depth of colour."""
    colour = palette.ink if gain is None else palette.good if gain >= 0.0 else palette.bad
    depth = 0.0 if gain is None else min(abs(gain) / full, 1.0)
    axes.plot(*point, "o", markersize=size, color=palette.card, markeredgecolor="none", zorder=2)
    axes.plot(
        *point,
        "o",
        markersize=size,
        markerfacecolor=(colour, 0.05 + 0.6 * depth),
        markeredgecolor=colour,
        markeredgewidth=0.9,
        zorder=3,
        gid=name,
    )


def _names_beside(axes: Axes, points: FloatArray, radius: FloatArray, names: list[str]) -> None:
    """Names where they cover the least of discs and other names."""
    taken = np.concatenate((points - radius[:, None], points + radius[:, None]), axis=1)
    for task in np.argsort(points[:, 1], kind="stable"):
        width, height, gap = 4.6 * len(names[task]), 9.0, radius[task] + 2.0
        x, y = points[task]
        ways = {
            "above": (x, y + gap, "center", "bottom", (x - width / 2, y + gap, x + width / 2, y + gap + height)),
            "below": (x, y - gap, "center", "top", (x - width / 2, y - gap - height, x + width / 2, y - gap)),
            "right": (x + gap, y, "left", "center", (x + gap, y - height / 2, x + gap + width, y + height / 2)),
            "left": (x - gap, y, "right", "center", (x - gap - width, y - height / 2, x - gap, y + height / 2)),
        }
        across, up, ha, va, box = min(ways.values(), key=lambda way: _covered(np.array(way[4]), taken))
        taken = np.concatenate((taken, [box]))
        axes.text(across, up, names[task], ha=ha, va=va, fontsize=7.5, zorder=4, parse_math=False)


def _covered(box: FloatArray, taken: FloatArray) -> float:
    """Area of a box ``(left, low, right, high)`` that others ``(n, 4)`` cover, or that is outside of the figure."""
    edge = np.array([2.0, 2.0, 72.0 * _WIDTH - 2.0, 72.0 * _HEIGHT - 2.0])
    shared = np.minimum(box[2:], taken[:, 2:]) - np.maximum(box[:2], taken[:, :2])
    held = np.minimum(box[2:], edge[2:]) - np.maximum(box[:2], edge[:2])
    outside = np.prod(box[2:] - box[:2]) - np.prod(np.maximum(held, 0.0))
    return float(np.prod(np.maximum(shared, 0.0), axis=1).sum() + 10.0 * outside)


def _with_titles(text: str, tasks: Sequence[dict[str, Any]]) -> str:
    """What a pointer on a task shows."""

    def titled(found: re.Match[str]) -> str:
        row = tasks[int(found[1])]
        gain = "not tested" if row["gain"] is None else f"gain {row['gain']:+.1%}"
        return f"<g><title>{escape(row['task'])}: {row['n_rows']:,} rows, {gain}, own rows {row['own']:.0%}</title>"

    return re.sub(r'<g id="task-(\d+)">', titled, text)


def _heat_map(n_tasks: int, ends: IntArray, weights: FloatArray, method: str) -> tuple[str, str]:
    with style():
        figure = Figure(figsize=(5.4, 5.4))
        note = _draw_heat_map(figure.add_axes((0.0, 0.0, 1.0, 1.0)), n_tasks, ends, weights, PAGE)
        return svg(figure, f"Weights between {n_tasks} tasks of {method}, groups of related tasks together"), note


def _draw_heat_map(axes: Axes, n_tasks: int, ends: IntArray, weights: FloatArray, palette: Palette) -> str:
    """Weights between all tasks, the groups of tasks one after another along both sides."""
    groups = communities(n_tasks, ends, weights)
    place = np.empty(n_tasks, dtype=np.int64)
    place[np.concatenate(groups)] = np.arange(n_tasks)
    cells = min(n_tasks, _CELLS)
    cell = place[ends] * cells // n_tasks
    dense = np.zeros((cells, cells))
    np.add.at(dense, (cell[:, 0], cell[:, 1]), weights)
    np.add.at(dense, (cell[:, 1], cell[:, 0]), weights)
    used = np.nonzero(dense)
    depth = np.sqrt(np.minimum(dense[used] / np.quantile(dense[used], 0.95), 1.0))
    level = np.minimum(np.searchsorted(_LEVELS, depth), len(_LEVELS) - 1)
    axes.set_axis_off()
    axes.set_xlim(-0.5, cells + 0.5)
    axes.set_ylim(cells + 0.5, -0.5)
    for number, alpha in enumerate(_LEVELS):
        some = level == number
        squares = [Rectangle((j, i), 1.0, 1.0) for i, j in zip(used[0][some], used[1][some], strict=True)]
        axes.add_collection(PatchCollection(squares, facecolor=palette.good, edgecolor="none", alpha=alpha))
    frame = Rectangle((0.0, 0.0), cells, cells, fill=False, edgecolor=palette.ink, linewidth=0.6, alpha=0.5)
    axes.add_patch(frame)
    many = sum(len(group) > 1 for group in groups)
    binned = f" A square stands for about {n_tasks / cells:.1f} tasks a side." if cells < n_tasks else ""
    return f"The tasks are in {many} groups that are joined more among themselves than to others.{binned}"


def communities(n_tasks: int, ends: IntArray, weights: FloatArray, seed: int = 0) -> list[list[int]]:
    """Groups of tasks by the Louvain method, the largest first; inside, the tasks that are joined most come first."""
    graph: Any = nx.Graph()
    graph.add_nodes_from(range(n_tasks))
    graph.add_weighted_edges_from((i, j, w) for (i, j), w in zip(ends.tolist(), weights.tolist(), strict=True))
    total = np.bincount(ends.ravel(), np.repeat(weights, 2), n_tasks)
    groups = nx.community.louvain_communities(graph, seed=seed)
    ordered = sorted(groups, key=lambda group: (-len(group), min(group)))
    return [sorted(group, key=lambda task: (-total[task], task)) for group in ordered]
