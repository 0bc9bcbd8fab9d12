"""Parameters that the task graph methods share: what they may be, and a user's graph in the order of the tasks."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.exceptions import InputError


def check_parameters(method: Any) -> None:
    """Refuse values of ``n_neighbors, n_probes, max_iter, shrinkage, tol`` that cannot be used.

    Raises
    ------
    InputError
        With the first such value.
    """
    for name in ("n_neighbors", "n_probes", "max_iter"):
        value = getattr(method, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
            raise InputError(f"{name} must be a whole number >= 1; got {value!r}.")
    shrinkage = method.shrinkage
    number = isinstance(shrinkage, Real) and not isinstance(shrinkage, bool)
    if not (shrinkage == "auto" if not number else 0.0 <= float(shrinkage) <= 1.0):
        raise InputError(f"shrinkage must be 'auto' or a number from 0 to 1; got {shrinkage!r}.")
    if not (isinstance(method.tol, Real) and 0.0 < float(method.tol) < np.inf):
        raise InputError(f"tol must be a number > 0; got {method.tol!r}.")


def given_graph(graph: Any, tasks: LabelArray) -> FloatArray:
    """A user's weights between the tasks, in the order of ``tasks``.

    Raises
    ------
    InputError
        They have the wrong shape, are negative, not symmetric or not finite, or a DataFrame lacks a task.
    """
    if isinstance(graph, pd.DataFrame):
        lacking = [label for label in tasks.tolist() if label not in graph.index or label not in graph.columns]
        if lacking:
            raise InputError(f"graph has no row or column for tasks {lacking[:5]}.")
        graph = graph.loc[list(tasks), list(tasks)]
    weights = np.asarray(graph.toarray() if issparse(graph) else graph, dtype=float)
    if weights.shape != (len(tasks), len(tasks)):
        raise InputError(f"graph must be ({len(tasks)}, {len(tasks)}), one row a task; it has shape {weights.shape}.")
    if not np.isfinite(weights).all() or (weights < 0.0).any() or not np.allclose(weights, weights.T):
        raise InputError("graph must hold finite, non-negative and symmetric weights.")
    off: FloatArray = weights - np.diag(np.diag(weights))
    if not off.any():
        raise InputError("graph joins no tasks: all its weights are zero. Leave it out, or give at least one edge.")
    return off
