"""The guard against negative transfer: convex weights of methods for each task, from their held-out predictions."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.metrics import pointwise_loss
from kinfolk.selection.gate import Gains, shrunken_gains
from kinfolk.selection.stacked import Stacked, stack_log, stack_squared

_TURNS = 10
_MOST = 3.0  # mean losses of the independent fit: no row's harm counts for more


@dataclass(frozen=True, eq=False)
class Guard:
    """What held-out predictions say of how methods should be mixed.

    Attributes
    ----------
    weights : (T, K) array
        Convex weights; exactly the independent fit where sharing has not shown a gain.
    stacked : Stacked
        The weights before that.
    gains : Gains
        Of the weights before that over the independent fit.
    losses : (n, K) array
        Of each method on each observation.
    """

    weights: FloatArray
    stacked: Stacked
    gains: Gains
    losses: FloatArray


def guard(
    predictions: FloatArray,
    truth: FloatArray,
    codes: IntArray,
    folds: IntArray,
    *,
    n_rows: FloatArray,
    alone: int,
    safe: float,
    weights: FloatArray | None = None,
    units: FloatArray | None = None,
) -> Guard:
    """Weights of methods for each task, from predictions of rows that the methods were fitted without.

    Parameters
    ----------
    predictions : (n, K) array; for classes (n, K, n_classes)
        Of each method.
    truth : (n,) array
        Values, or indices of classes.
    codes, folds : (n,) array
        Task and fold of each observation.
    n_rows : (T,) array
        Rows of each task.
    alone : int
        Which method is the independent fit.
    safe : float
        Posterior standard deviations by which the gain of a task has to exceed zero.
    weights : (n,) array, optional
        Of the observations.
    units : (T,) array, optional
        In what the values of each task are measured, where these differ (responses of wide data).
    """
    n_tasks, n_methods = len(n_rows), predictions.shape[1]
    folds = np.unique(folds, return_inverse=True)[1]
    if predictions.ndim == 3:
        losses = np.stack([pointwise_loss(truth, one, "log_loss") for one in predictions.swapaxes(0, 1)], axis=1)
        said = np.exp(-losses)
    else:
        said = (predictions - truth[:, None]) / (1.0 if units is None else units[codes, None])
        losses = said**2
    stack = stack_log if predictions.ndim == 3 else stack_squared
    unit = float(np.average(losses[:, alone], weights=weights)) or 1.0

    def weigh(some: slice | IntArray, members: BoolArray) -> tuple[Stacked, Gains]:
        stacked = stack(said[:, some], codes, folds, members, weights)
        gains = np.maximum((losses[:, alone] - stacked.losses) / unit, -_MOST)
        return stacked, shrunken_gains(gains, codes, n_rows, weights)

    everyone = np.ones(n_tasks, dtype=bool)
    _, gains = weigh(np.delete(np.arange(n_methods), alone), everyone)
    members = gains.leaves(safe)
    members = members if members[codes].any() else everyone
    for _ in range(_TURNS):
        stacked, gains = weigh(slice(None), members)
        leaves = gains.leaves(safe)
        if not leaves[codes].any() or (leaves == members).all():
            break
        members = leaves
    return Guard(np.where(leaves[:, None], stacked.weights, np.eye(n_methods)[alone]), stacked, gains, losses)
