"""What regressors and classifiers share: reading tables, telling tasks apart, refusing tasks never seen."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.base.description import Described
from kinfolk.exceptions import InputError
from kinfolk.result import FitResult
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData
from kinfolk.validation import (
    Table,
    check_seen,
    check_table,
    check_weights,
    encode_labels,
    match_labels,
    response_names,
)

_COMMON = (
    "tasks_",
    "coef_",
    "intercept_",
    "population_coef_",
    "population_intercept_",
    "noise_variance_",
    "feature_names_",
    "feature_names_in_",
    "n_features_in_",
    "result_",
)


class TaskReader(Described):
    """What every estimator with a task column shares, linear or not: reading its rows and telling its tasks apart.

    Attributes
    ----------
    simplicity : int
        Place in the recommendation of a comparison: of methods that are as good, the one with the lowest is taken.
    has_population : bool
        Whether the method has a model for a task that has not been seen.
    """

    simplicity: int = 100
    has_population: bool = True

    task: str | int | None
    unseen: str
    tasks_: LabelArray
    _scaling: Scaling
    _task_position: int | None
    _n_rows: int | None = None  # that were fitted, where all came in one table

    def _new_tasks(
        self, X: Any, sample_weight: Any, read_target: Callable[[int], FloatArray]
    ) -> tuple[LabelArray, TaskData]:
        """Labels and rows of tasks that the model does not know; ``read_target`` gives the target of n rows."""
        check_is_fitted(self)
        if self.task is None:
            raise InputError("adapt needs a task column: this model was fitted with task=None.")
        table = self._read(X)
        target = read_target(len(table.features))
        weights = check_weights(sample_weight, n_rows=len(target))
        labels, rows, target, codes = lay_out(table, target, weights)
        known = np.isin(labels, self.tasks_)
        if known.any():
            raise InputError(
                f"adapt got rows of tasks that the model knows already: {listed(labels[known])}. "
                "Give only new tasks, or fit again with all rows."
            )
        weights = None if weights is None else weights[rows]
        data = TaskData.build(table.features[rows], target, codes, len(labels), weights=weights, scaling=self._scaling)
        return labels, data

    def _joined_by(self, labels: LabelArray) -> tuple[Self, IntArray]:
        """A copy that knows these tasks too, and the order that sorts all labels."""
        new = copy.copy(self)
        new._n_rows = None
        tasks = np.concatenate((self.tasks_, labels))
        order = np.argsort(tasks, kind="stable")
        new.tasks_ = tasks[order]
        return new, order

    def _check_parameters(self) -> None:
        if self.unseen not in ("raise", "population"):
            raise InputError(f"unseen must be 'raise' or 'population'; got {self.unseen!r}.")
        if self.unseen == "population" and not self.has_population:
            raise InputError(
                f"{type(self).__name__} has no population model: its tasks share nothing. "
                "Use unseen='raise', or a method that pools, such as PartialPoolingRegressor."
            )

    def _read(self, X: Any) -> Table:
        table = check_table(X, task=self.task, task_position=self._task_position)
        validate_data(self, X=X, skip_check_array=True, reset=False)
        return table

    def _codes(self, table: Table) -> IntArray:
        if table.labels is None:
            return np.zeros(len(table.features), dtype=np.int64)
        if self.unseen == "population":
            return match_labels(table.labels, self.tasks_)
        population = "Use unseen='population' for the population prediction, or " if self.has_population else "Use "
        return check_seen(table.labels, self.tasks_, remedy=population + "adapt(X, y) to learn them from some rows.")


class TaskEstimator(TaskReader, ABC):
    """Base of `TaskRegressor` and `TaskClassifier`, whose tasks are linear in the features."""

    standardize: bool
    result_: Any

    @abstractmethod
    def _solve(self, data: TaskData) -> FitResult:
        """Fit all tasks."""

    @property
    def n_iter_(self) -> int:
        """Iterations used by the method, at least 1."""
        return max(1, int(self.result_.n_iter))

    def _learned(self) -> list[str]:
        """Names of the attributes that this method's own fit sets, beside those of every method."""
        common = set(_COMMON)
        return [name for name in vars(self) if name.endswith("_") and not name.startswith("_") and name not in common]

    def _warn_unless_settled(self, result: FitResult) -> None:
        if not result.status.ok:
            warnings.warn(
                f"{type(self).__name__} {result.status.value} ({result.n_iter} iterations); "
                "its estimates are usable but not final: raise max_iter or loosen tol.",
                ConvergenceWarning,
                stacklevel=3,
            )


def lay_out(
    table: Table, targets: FloatArray, weights: FloatArray | None, y: Any = None
) -> tuple[LabelArray, IntArray | slice, FloatArray, IntArray]:
    """Sorted task labels; and for every observation its row of X, its target and its task index.

    Tasks of wide data stand in the order of its columns, and are called as these are in ``y``, the targets as they were
    given, if they have names there.
    """
    used = np.ones(len(table.features), dtype=bool) if weights is None else weights > 0
    if targets.ndim == 2:
        tasks, rows = np.nonzero((~np.isnan(targets) & used[:, None]).T)
        empty = np.setdiff1d(np.arange(targets.shape[1]), tasks)
        names = response_names(y)
        labels = np.arange(targets.shape[1]) if names is None else names
        if len(empty):
            raise InputError(f"Responses {listed(labels[empty])} (columns of y) hold no value; leave them out.")
        return labels, rows, targets[rows, tasks], tasks
    kept: IntArray | slice = slice(None) if used.all() else np.flatnonzero(used)
    if table.labels is None:
        target = targets[kept]
        return np.array([0]), kept, target, np.zeros(len(target), dtype=np.int64)
    labels, codes = encode_labels(table.labels[kept])
    return labels, kept, targets[kept], codes


def listed(labels: Any) -> str:
    """Up to five labels as a message shows them."""
    shown = ", ".join(repr(label.item() if hasattr(label, "item") else label) for label in list(labels)[:5])
    return shown + (f", ... ({len(labels)} in all)" if len(labels) > 5 else "")
