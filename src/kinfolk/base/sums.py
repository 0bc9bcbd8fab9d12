"""Sums over each task's rows, with their labels: all that a site has to share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from numbers import Integral
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.base.estimator import lay_out
from kinfolk.exceptions import InputError
from kinfolk.scaling import Scaling
from kinfolk.tasks import Moments, TaskData
from kinfolk.validation import check_table, check_target, check_weights


@dataclass(frozen=True)
class TaskMoments:
    """Sums over the rows of each task, in the user's units, from which no row of a large task can be read off.

    A task of one row is its own mean, and so is a part of one row, which a task with fewer than two rows for each part
    has: leave such tasks out where rows are private.

    Attributes
    ----------
    tasks : (T,) array
        Task labels, sorted.
    feature_names : tuple of str
    parts : tuple of Moments
        Of disjoint sets of rows, dealt within the tasks, so that a rank can be cross-validated.
    rest : Moments
        Of rows that are in no part: those of tasks with a single row.
    """

    tasks: LabelArray
    feature_names: tuple[str, ...]
    parts: tuple[Moments, ...]
    rest: Moments

    @property
    def total(self) -> Moments:
        """Of all rows."""
        return reduce(Moments.merge, self.parts, self.rest)


def task_moments(
    X: Any, y: Any, *, task: str | int, sample_weight: Any = None, n_splits: int = 5, random_state: Any = 0
) -> TaskMoments:
    r"""Sums over the rows of each task: sizes, means, and centred sums of squares and products.

    .. math:: S_t = \sum_i (x_{ti} - \bar x_t)(x_{ti} - \bar x_t)^\top, \quad
              b_t = \sum_i (x_{ti} - \bar x_t)(y_{ti} - \bar y_t), \quad yy_t = \sum_i (y_{ti} - \bar y_t)^2

    Parameters
    ----------
    X : DataFrame or array, (n, d + 1)
        With the task column.
    y : (n,)
    task : str or int
        The task column.
    sample_weight : (n,) array, optional
    n_splits : int, default=5
        Parts that the rows of each task are dealt over, at least 2.
    random_state : int, Generator or None, default=0
        Deals the rows.

    Returns
    -------
    TaskMoments
        ``TaskMoments.total`` takes ``T d (d + 1)`` numbers at most, and each part as many.

    Raises
    ------
    InputError
        When the table cannot be used, or ``n_splits`` is too small.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> data = make_shared_representation(n_tasks=40, n_samples=20, n_features=10, rank=2, random_state=0)
    >>> first = (data.X["task"] < 20).to_numpy()
    >>> sites = [kinfolk.task_moments(data.X[at], data.y[at], task="task") for at in (first, ~first)]
    >>> model = kinfolk.SharedRepresentationRegressor(task="task").fit_moments(sites)
    >>> model.rank_, model.coef_.shape
    (2, (40, 10))
    """
    if isinstance(n_splits, bool) or not isinstance(n_splits, Integral) or int(n_splits) < 2:
        raise InputError(f"n_splits must be a whole number >= 2, so that a rank can be tested; got {n_splits!r}.")
    table = check_table(X, task=task)
    target = check_target(y, n_rows=len(table.features), allow_2d=False, allow_missing=False)
    weights = check_weights(sample_weight, n_rows=len(table.features))
    labels, rows, target, codes = lay_out(table, target, weights)
    d = table.features.shape[1]
    data = TaskData.build(
        table.features[rows],
        target,
        codes,
        len(labels),
        weights=None if weights is None else weights[rows],
        scaling=Scaling(np.zeros(d), np.ones(d), 0.0, 1.0),
    )
    fold = data.deal(n_splits, np.random.default_rng(random_state))
    parts = tuple(data.take(np.flatnonzero(fold == k)).moments() for k in range(n_splits))
    return TaskMoments(labels, tuple(table.feature_names), parts, data.take(np.flatnonzero(fold < 0)).moments())


def unite(sites: Sequence[TaskMoments]) -> TaskMoments:
    """Sums of all sites' rows; a task that several sites know is the sum of theirs.

    Raises
    ------
    InputError
        The sites have other features, or dealt their rows over different numbers of parts.
    """
    if not sites:
        raise InputError("There is no site: give the result of task_moments, or a list of such results.")
    first = sites[0]
    for number, site in enumerate(sites[1:], start=2):
        if site.feature_names != first.feature_names or len(site.parts) != len(first.parts):
            raise InputError(
                f"Site {number} has features {', '.join(site.feature_names)} in {len(site.parts)} parts; site 1 has "
                f"{', '.join(first.feature_names)} in {len(first.parts)}. All sites need the same features in the same "
                "order and the same n_splits."
            )
    if len(sites) == 1:
        return first
    tasks = np.unique(np.concatenate([site.tasks for site in sites]))
    where = [np.searchsorted(tasks, site.tasks) for site in sites]

    def together(parts: Sequence[Moments]) -> Moments:
        placed = [_place(part, at, len(tasks)) for part, at in zip(parts, where, strict=True)]
        return reduce(Moments.merge, placed)

    parts = tuple(together(each) for each in zip(*(site.parts for site in sites), strict=True))
    return TaskMoments(tasks, first.feature_names, parts, together([site.rest for site in sites]))


def _place(moments: Moments, at: IntArray, n_tasks: int) -> Moments:
    """The same sums among ``n_tasks`` tasks, at the given places; the others have no rows."""

    def spread(values: FloatArray) -> FloatArray:
        placed = np.zeros((n_tasks, *values.shape[1:]))
        placed[at] = values
        return placed

    named = {name: values for name, values in vars(moments).items() if values is not None}
    return replace(moments, **{name: spread(values) for name, values in named.items()})
