"""Plots of what was learned for one's own figures: functions that return matplotlib axes, drawn as in the report."""

from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kinfolk.diagnostics import singular_values
from kinfolk.exceptions import InputError
from kinfolk.report import graph_plots, plots, weights_plots
from kinfolk.report.canvas import axes_for, own_palette
from kinfolk.report.shown import check_comparison, chosen, said
from kinfolk.report.summarize_graph import SHOWS, edges_of
from kinfolk.report.summarize_model import summarize_model
from kinfolk.selection import Comparison


def plot_shrinkage(comparison: Comparison, method: str | None = None, *, ax: Axes | None = None) -> Axes:
    """How far sharing pulled each task from its own fit (0) to the population (1), against its rows.

    The method and the independent one are fitted on all rows; see `kinfolk.diagnostics.shrinkage`.

    Parameters
    ----------
    comparison : Comparison
    method : str, optional
        Default: the best method that shares, is not the guard and has coefficients.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        It is no comparison, has no such method, or the method has no coefficients.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=6, n_samples=20, n_features=4, rank=2, random_state=0)
    >>> comparison = kinfolk.compare(tasks.X, tasks.y, task="task", methods=["PartialPoolingRegressor"])
    >>> kinfolk.plot_shrinkage(comparison).get_xlabel()
    'tasks in order'
    """
    check_comparison(comparison, "plot_shrinkage")
    model, _ = _model(comparison, method, "plot_shrinkage")
    ax = axes_for(ax, (4.4, 3.4))
    plots.draw_shrinkage(ax, model, own_palette())
    return ax


def plot_spectrum(source: Any, method: str | None = None, *, ax: Axes | None = None) -> Axes:
    """How widely tasks differ along each direction: singular values of their coefficients about the mean.

    Parameters
    ----------
    source : Comparison or fitted estimator
        Of a comparison also those of the independent fit; of an estimator in standard deviations of the features.
    method : str, optional
        Of a comparison; default: the best method that shares, is not the guard and has coefficients.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        The estimator is not fitted or has no coefficients of tasks, or the comparison has no such method.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=30, n_samples=20, n_features=8, rank=2, random_state=0)
    >>> model = kinfolk.SharedRepresentationRegressor(task="task").fit(tasks.X, tasks.y)
    >>> values = kinfolk.plot_spectrum(model).lines[0].get_ydata()
    >>> bool(values[1] > 10 * values[2])
    True
    """
    if isinstance(source, Comparison):
        model, name = _model(source, method, "plot_spectrum")
        spectra = {"alone": model["singular_values_alone"], name: model["singular_values"]}
    else:
        name = type(source).__name__
        if not hasattr(source, "result_") or isinstance(source.result_, tuple):
            raise InputError(
                f"plot_spectrum takes a comparison or a fitted estimator with coefficients; got {said(source)}."
            )
        spectra = {name: [float(value) for value in singular_values(source.result_.posterior.mean[:, 1:])]}
    ax = axes_for(ax, (4.4, 3.4))
    plots.draw_spectrum(ax, spectra, own_palette())
    return ax


def plot_task_graph(source: Any, method: str | None = None, *, ax: Axes | None = None) -> Axes:
    """The graph that joins tasks: a force layout, or for more than 200 tasks a heat map of its weights.

    Parameters
    ----------
    source : Comparison or fitted estimator
        With a graph, as `TaskGraphRegressor` has. Of a comparison the method is fitted on all rows; discs are larger
        for tasks with more rows, and deeper green for a gain, deeper red for a loss.
    method : str, optional
        Of a comparison; default: the best one with a graph.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Without a frame.

    Raises
    ------
    InputError
        There is no graph: no method has one, it is not fitted, or no edges were chosen.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_clustered_tasks
    >>> tasks = make_clustered_tasks(3, n_tasks=30, n_samples=12, n_features=8, random_state=0)
    >>> model = kinfolk.TaskGraphRegressor(task="task").fit(tasks.X, tasks.y)
    >>> [text.get_text() for text in kinfolk.plot_task_graph(model).texts[:3]]
    ['0', '1', '2']
    """
    fitted, rows = source, {}
    if isinstance(source, Comparison):
        name = _with_graph(source, method)
        fitted = source.refit(name)
        rows = {row["task"]: row for row in source.to_dict()["tasks"] if row["method"] == name}
    graph = getattr(fitted, "graph_", None)
    if graph is None or isinstance(graph, tuple):
        raise InputError(
            f"plot_task_graph takes a comparison or a fitted estimator with one task graph; got {said(fitted)}."
        )
    edges = edges_of(graph)
    if not edges:
        raise InputError("plot_task_graph: the graph has no edges; held-out rows chose none.")
    tasks = [{"task": str(label), "n_rows": 1, "gain": None, **rows.get(_plain(label), {})} for label in fitted.tasks_]
    drawn = {"tasks": tasks, "edges": edges, "pull": fitted.pull_, "method": type(fitted).__name__}
    ax = axes_for(ax, (7.6, 5.6) if len(tasks) <= graph_plots.DRAWN else (5.4, 5.4))
    note = graph_plots.draw_graph(ax, drawn, own_palette())
    ax.set_aspect("equal")
    if note:
        ax.set_title(note, fontsize="small", loc="left", wrap=True)
    return ax


def plot_weights(source: Any, *, ax: Axes | None = None) -> Axes:
    """From what each task borrows, as a heat map: weights of methods by the guard, or places along shared directions.

    Tasks that the same method leads stand together. Up to 60 tasks are drawn one by one; of more, the means of groups.

    Parameters
    ----------
    source : Comparison with a guard, fitted guard, or fitted shared representation
        Of a representation ``heads_``, tasks by directions, in order along the first direction.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        There are no weights: no guard was compared, or the estimator is not fitted or of another kind.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=6, n_samples=20, n_features=4, rank=2, random_state=0)
    >>> model = kinfolk.GuardedRegressor(["PooledRidge"], task="task").fit(tasks.X, tasks.y)
    >>> sorted(label.get_text() for label in kinfolk.plot_weights(model).get_xticklabels())
    ['IndependentRidge', 'PooledRidge']
    """
    if isinstance(source, Comparison):
        if source.guard_weights is None:
            raise InputError("plot_weights: the comparison has no guard.")
        frame = source.guard_weights.set_index("task")
        values, names, columns, shares = frame.to_numpy(), list(frame.index), list(map(str, frame.columns)), True
    elif hasattr(source, "weights_") and hasattr(source, "candidates_"):
        values, names, columns, shares = source.weights_, list(source.tasks_), list(source.candidates_), True
    elif hasattr(source, "heads_"):
        values, names, shares = source.heads_, list(source.tasks_), False
        columns = [f"direction {k + 1}" for k in range(values.shape[1])]
    else:
        raise InputError(
            "plot_weights takes a comparison with a guard, a fitted guard, or a fitted shared representation; got "
            f"{said(source)}."
        )
    if not values.shape[1]:
        raise InputError("plot_weights: the representation has rank 0, so there is no direction to show.")
    if shares:
        rows, places = weights_plots.in_order(values)
    else:
        rows, places = np.argsort(-values[:, 0], kind="stable").tolist(), list(range(values.shape[1]))
    table, labels, note = weights_plots.in_groups(values[rows][:, places], [str(names[row]) for row in rows])
    ax = axes_for(ax, (max(4.0, 1.6 + 1.05 * len(columns)), 1.6 + (0.21 if labels else 0.08) * len(table)))
    weights_plots.draw_cells(ax, table, labels, [columns[place] for place in places], own_palette(), shares=shares)
    if note:
        ax.set_ylabel(note, fontsize="small")
    return ax


def _model(comparison: Comparison, method: str | None, name: str) -> tuple[dict[str, Any], str]:
    """Shrinkage and spectrum of a method, and its name; by default of the first that has them."""
    names = [str(one) for one in comparison.methods["method"] if one != comparison.baseline]
    for one in names if method is None else [chosen(comparison, method)]:
        model = summarize_model(comparison, one, cache(comparison.refit))
        if model is not None:
            return model, one
    found = f"{method} has no" if method is not None else "no method of the comparison has"
    raise InputError(f"{name}: {found} coefficients of tasks that can be laid beside those of an independent fit.")


def _with_graph(comparison: Comparison, method: str | None) -> str:
    """The method, or the best one, whose class has a task graph."""
    names = [str(name) for name in comparison.methods["method"]] if method is None else [chosen(comparison, method)]
    for name in names:
        if all(hasattr(type(comparison.estimators[name]), shown) for shown in SHOWS):
            return name
    raise InputError(f"plot_task_graph: {method or 'no method of the comparison'} has no task graph.")


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label
