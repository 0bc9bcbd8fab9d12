"""What a tracker shows of the tasks that it has learned."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.graph.attributes import advice, strongest
from kinfolk.graph.streaming.network import Network
from kinfolk.scaling import Scaling


class StreamAttributes:
    """Models, graph and gains of the tasks of a stream, in the user's units; `TaskGraphTracker` documents them."""

    tasks_: LabelArray
    _scaling: Scaling
    _network: Network
    _changes: list[tuple[Any, int]]

    def neighbors(self, task: Any) -> "pd.Series[float]":
        """The tasks that a task is joined to, strongest first.

        Parameters
        ----------
        task : label
            One of ``tasks_``.

        Raises
        ------
        InputError
            The task is not known.
        """
        return strongest(self.graph_, self.tasks_, task)

    @property
    def coef_(self) -> FloatArray:
        """Served coefficients."""
        return self._in_units(self._learned.models)[0]

    @property
    def intercept_(self) -> FloatArray:
        """Intercepts."""
        return self._in_units(self._learned.models)[1]

    @property
    def own_coef_(self) -> FloatArray:
        """Coefficients learned alone."""
        return self._in_units(self._learned.learner.own)[0]

    @property
    def n_rows_(self) -> IntArray:
        """Rows of each task."""
        return self._learned.learner.total.copy()

    @property
    def graph_(self) -> csr_array:
        """Weights between tasks."""
        return self._learned.adjacency

    @property
    def laplacian_(self) -> csr_array:
        """Laplacian of the graph."""
        return self._learned.laplacian

    @property
    def n_estimates_(self) -> int:
        """Estimates of the graph."""
        return self._learned.n_estimates

    @property
    def coupling_strength_(self) -> float:
        """Noise of a lone task times the mean degree."""
        return self._learned.coupling_strength

    @property
    def coupling_advice_(self) -> str:
        """The coupling strength in plain words."""
        return advice(self.coupling_strength_)

    @property
    def transfer_gain_(self) -> FloatArray:
        """What leaning on others saves of each task's squared error, on rows that neither model had seen."""
        error = self._learned.learner.error
        return np.divide(self._network.worth, error, out=np.zeros_like(error), where=error > 0.0)

    @property
    def changes_(self) -> pd.DataFrame:
        """Changes that were noticed."""
        check_is_fitted(self, "tasks_")
        return pd.DataFrame(self._changes, columns=["task", "row"])

    @property
    def _learned(self) -> Network:
        check_is_fitted(self, "tasks_")
        return self._network

    def _in_units(self, models: FloatArray) -> tuple[FloatArray, FloatArray]:
        first = self._network.first
        intercept = models[:, 0] if first else np.zeros(len(models))
        return self._scaling.coefficients(models[:, first:], intercept)
