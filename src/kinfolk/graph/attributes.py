"""What every task graph method shows of its graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.graph.likelihood import adjacency_matrix, laplacian_matrix
from kinfolk.result import FitResult

_WEAK = 0.1  # coupling strength below which each task's own rows decide alone


class GraphAttributes:
    """Graph, pull, shrinkage and coupling strength, read from the details of a method's result.

    A method with one result a class shows tuples, one entry a class.
    """

    tasks_: LabelArray
    result_: Any

    @property
    def graph_(self) -> Any:
        """Weights between tasks, sparse ``(T, T)``."""
        return self._each(self._adjacency)

    @property
    def laplacian_(self) -> Any:
        """Laplacian of the graph, sparse ``(T, T)``."""
        return self._each(lambda result: laplacian_matrix(len(self.tasks_), *_edges(result)))

    @property
    def pull_(self) -> Any:
        """Precision of the pull towards the mean of all tasks."""
        return self._each(lambda result: float(detail(result, "pull")[0]))

    @property
    def shrinkage_(self) -> Any:
        """Shrinkage of the distances."""
        return self._each(lambda result: float(detail(result, "shrinkage")[0]))

    @property
    def shrinkage_scores_(self) -> Any:
        """Held-out errors of the candidates."""
        return self._each(lambda result: detail(result, "shrinkage_scores"))

    @property
    def coupling_strength_(self) -> Any:
        """How much the other tasks tell beside a task's own rows."""
        return self._each(lambda result: float(detail(result, "coupling_strength")[0]))

    @property
    def coupling_advice_(self) -> Any:
        """The coupling strength in plain words."""
        return self._each(lambda result: advice(float(detail(result, "coupling_strength")[0])))

    def _adjacency(self, result: FitResult) -> csr_array:
        return adjacency_matrix(len(self.tasks_), *_edges(result))

    def _neighbors(self, task: Any, result: FitResult) -> "pd.Series[float]":
        return strongest(self._adjacency(result), self.tasks_, task)

    def _each(self, read: Callable[[FitResult], Any]) -> Any:
        check_is_fitted(self)
        return tuple(map(read, self.result_)) if isinstance(self.result_, tuple) else read(self.result_)


def strongest(adjacency: csr_array, tasks: LabelArray, task: Any) -> "pd.Series[float]":
    """Weights of the tasks that a task is joined to, by label, strongest first.

    Raises
    ------
    InputError
        The task is not one of ``tasks``.
    """
    place = np.flatnonzero(tasks == task)
    if len(place) != 1:
        raise InputError(f"neighbors knows the {len(tasks)} tasks of tasks_; {task!r} is not one of them.")
    row = adjacency[[int(place[0])]].tocoo()
    others: LabelArray = tasks[row.coords[1]]
    found = pd.Series(row.data, index=others, name="weight", dtype=float)
    return found.sort_values(ascending=False, kind="stable")


def detail(result: FitResult, name: str) -> FloatArray:
    """What a fit learned beside its tasks.

    Raises
    ------
    AttributeError
        The method does not learn it.
    """
    if name not in result.details:
        raise AttributeError(f"The method of this fit has no {name}.")
    return result.details[name]


def _edges(result: FitResult) -> tuple[IntArray, IntArray, FloatArray]:
    first, second = detail(result, "edges").astype(np.int64)
    return first, second, detail(result, "edge_weights")


def advice(strength: float) -> str:
    """A coupling strength in plain words."""
    if strength < _WEAK:
        return (
            f"The tasks' own rows say {1.0 / max(strength, 1e-12):,.0f} times as much as the other tasks do: "
            "independent fits are already enough."
        )
    return f"What a task learns from the others weighs {strength:.2g} times as much as its own rows: sharing counts."
