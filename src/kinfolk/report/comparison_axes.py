"""Plots of a comparison for one's own figures: functions that return matplotlib axes, drawn as in the report."""

from typing import Any, Literal

from matplotlib.axes import Axes

from kinfolk.exceptions import InputError
from kinfolk.report import calibration_plots, plots
from kinfolk.report.canvas import axes_for, key, own_palette
from kinfolk.report.residuals import normal_quantiles, scattered, standardised
from kinfolk.report.shown import check_comparison, chosen, task_rows
from kinfolk.selection import Comparison


def plot_task_errors(
    comparison: Comparison, method: str | None = None, *, most: int = plots.MOST, ax: Axes | None = None
) -> Axes:
    """Error of each task with the baseline and with a method, joined by a line, the best gain at the top.

    Parameters
    ----------
    comparison : Comparison
    method : str, optional
        Default: the recommended method, or the best other one where the baseline itself is recommended.
    most : int, default=60
        Tasks that are drawn; of more, as many of the worst as of the best gains.
    ax : matplotlib Axes, optional
        Default: those of a new figure, as high as the tasks need.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        It is no comparison, has no such method, or no task was tested.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=6, n_samples=20, n_features=4, rank=2, random_state=0)
    >>> comparison = kinfolk.compare(tasks.X, tasks.y, task="task", methods=["PartialPoolingRegressor"])
    >>> axes = kinfolk.plot_task_errors(comparison)
    >>> axes.get_xlabel(), len(axes.get_yticklabels())
    ('root mean error of a task (smaller is better)', 6)
    """
    check_comparison(comparison, "plot_task_errors")
    shown = chosen(comparison, method)
    rows = plots.extremes(task_rows(comparison.to_dict()["tasks"], shown), most)
    if not rows:
        raise InputError("plot_task_errors: no task has a held-out row.")
    ax = axes_for(ax, (7.0, 1.3 + 0.23 * len(rows)))
    scoring = comparison.settings["scoring"]
    plots.draw_errors(ax, rows, comparison.baseline, shown, own_palette(), scoring=scoring)
    key(ax, above=True)
    return ax


def plot_transfer_gain(comparison: Comparison, method: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Transfer gain of each task with one paired standard error either way, against its rows.

    Tasks stand side by side where all have as many rows; gains below -200% are drawn at -200%.

    Parameters
    ----------
    comparison : Comparison
    method : str, optional
        Default: as in `plot_task_errors`.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        It is no comparison, or has no such method.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=6, n_samples=20, n_features=4, rank=2, random_state=0)
    >>> comparison = kinfolk.compare(tasks.X, tasks.y, task="task", methods=["PartialPoolingRegressor"])
    >>> kinfolk.plot_transfer_gain(comparison, "PartialPoolingRegressor").get_ylabel()
    'transfer gain of PartialPoolingRegressor'
    """
    check_comparison(comparison, "plot_transfer_gain")
    shown = chosen(comparison, method)
    ax = axes_for(ax, (7.0, 3.6))
    plots.draw_gains(ax, task_rows(comparison.to_dict()["tasks"], shown), own_palette())
    ax.set_ylabel(f"transfer gain of {shown}", parse_math=False)
    key(ax)
    return ax


def plot_calibration(comparison: Comparison, method: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Coverage of intervals against their level; for classes observed shares against predicted probabilities.

    All methods of ``comparison.calibration``; one is set off, with two standard errors over tasks either way.

    Parameters
    ----------
    comparison : Comparison
    method : str, optional
        The one that is set off; default: that of `plot_task_errors`, or the best that can be judged.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        It is no comparison, or the method (or every method) has no posterior to be judged by.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=6, n_samples=20, n_features=4, rank=2, random_state=0)
    >>> comparison = kinfolk.compare(tasks.X, tasks.y, task="task", methods=["PartialPoolingRegressor"])
    >>> kinfolk.plot_calibration(comparison).get_xlabel()
    'level of the interval'
    """
    check_comparison(comparison, "plot_calibration")
    table, shown = comparison.calibration, chosen(comparison, method)
    able = list(dict.fromkeys(table["method"].astype(str)))
    if not able or (method is not None and method not in able):
        none = "no method states" if method is None else f"{method} does not state"
        raise InputError(f"plot_calibration: {none} the standard deviation of a new observation.")
    first = shown if shown in able else able[0]
    methods: dict[str, Any] = {name: table[table["method"] == name].to_dict("records") for name in able}
    draw = calibration_plots.draw_coverage if "level" in table else calibration_plots.draw_reliability
    ax = axes_for(ax, (4.4, 3.8))
    draw(ax, methods, first, comparison.baseline, own_palette())
    key(ax)
    return ax


def plot_residuals(
    comparison: Comparison,
    method: str | None = None,
    *,
    kind: Literal["prediction", "normal"] = "prediction",
    ax: Axes | None = None,
) -> Axes:
    """Standardised residuals of held-out observations against predictions, or sorted against normal quantiles.

    In units of the standard deviations that the method states, or of their root mean square where it states none. More
    than 1,500 observations are counted in cells of a grid, and of many quantiles some are drawn.

    Parameters
    ----------
    comparison : Comparison
        Of numbers.
    method : str, optional
        Default: as in `plot_task_errors`.
    kind : {"prediction", "normal"}, default="prediction"
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        It is no comparison, is of classes, has no such method, or there is no such kind.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=6, n_samples=20, n_features=4, rank=2, random_state=0)
    >>> comparison = kinfolk.compare(tasks.X, tasks.y, task="task", methods=["PartialPoolingRegressor"])
    >>> len(kinfolk.plot_residuals(comparison).lines[0].get_xdata())
    120
    """
    check_comparison(comparison, "plot_residuals")
    if kind not in ("prediction", "normal"):
        raise InputError(f"kind must be 'prediction' or 'normal'; got {kind!r}.")
    if comparison.settings["scoring"] == "log_loss":
        raise InputError("plot_residuals is for numbers; plot_calibration shows how well probabilities hold.")
    predicted, z, stated = standardised(comparison, chosen(comparison, method))
    ax = axes_for(ax, (4.4, 3.8))
    if kind == "normal":
        calibration_plots.draw_normal(ax, normal_quantiles(z), stated, own_palette())
    else:
        calibration_plots.draw_residuals(ax, scattered(predicted, z), stated, own_palette())
    return ax
