r"""Leave-one-out predictions from one fit, of losses with a derivative.

.. math:: z_i^{(-i)} = z_i + \frac{h_i \, l'_i}{1 - h_i \, l''_i}, \qquad h_i = x_i^\top M_{tt} x_i,

with M the inverse Hessian of the whole problem. For the squared loss this is exact for any features; for the logistic
loss it is one Newton step; for Huber's loss all rows have its mean curvature. The row-norm form of the same, for nearly
white features, is `kinfolk.linear.coupled.row_norm_leverage`, used only where M is too large. A row of weight 2 is left
out once. The absolute and the hinge loss have no such formula that holds for few and for many features (measured:
errors of 20 to 40%); they are judged by folds (`kinfolk.linear.tuning`).
"""

import numpy as np

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.linear.losses import Loss
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import Strengths
from kinfolk.tasks import sum_by_task

WHOLE = 1.0 - 1e-10  # a row of this leverage cannot be predicted from the others


def leave_one_out(
    rows: Rows, y: FloatArray, loss: Loss, found: Solution, strengths: Strengths, spread: float | None
) -> tuple[FloatArray, BoolArray]:
    """Predictions (n,) of rows left out, and which rows the others can predict at all (a task's only row cannot be)."""
    system = found.system
    if loss.name == "huber":
        curvature = np.full(len(y), mean_curvature(y, found.z, loss, rows.weights))
        system = strengths.system(curvature[0] * rows.gram(rows.weights), spread)
    else:
        curvature = loss.curvature(y, found.z)
    level = np.zeros(len(y)) if rows.joint else 1.0 / (curvature * rows.sums(rows.weights)[rows.codes])
    leverage = system.leverage(rows.X, rows.offsets) + level
    share = leverage * curvature
    judged: BoolArray = share < WHOLE
    stretch = np.divide(leverage, 1.0 - share, out=np.zeros(len(y)), where=judged)
    return found.z + stretch * found.dual, judged


def mean_curvature(y: FloatArray, z: FloatArray, loss: Loss, weights: FloatArray) -> float:
    """Curvature that stands for all rows: the derivative of the mean slope of the loss, at least 0.001.

    At a kink that is its height times the density of rows there, which takes predictions of rows left out: fitted rows
    sit on it.
    """
    if loss.name == "lad":
        return 2.0 * density_at_zero(y - z, weights)
    if loss.name == "hinge":
        return density_at_zero(1.0 - (2.0 * y - 1.0) * z, weights)
    return max(float(weights @ loss.curvature(y, z) / weights.sum()), 1e-3)


def density_at_zero(values: FloatArray, weights: FloatArray) -> float:
    """Density at zero by a box of the width that is usual for this many values; between 0.001 and 10,000."""
    total = float(weights.sum())
    width = max(robust_scale(values, weights), 1e-9) * max(total, 1.0) ** -0.2
    return float(np.clip(weights @ (np.abs(values) < width) / (2.0 * width * total), 1e-3, 1e4))


def robust_scale(values: FloatArray, weights: FloatArray) -> float:
    """Standard deviation of a normal law with the same (weighted) median of absolute values."""
    size = np.abs(values)
    order = np.argsort(size, kind="stable")
    cumulated = np.cumsum(weights[order])
    middle = int(np.searchsorted(cumulated, 0.5 * cumulated[-1]))
    return 1.4826 * float(size[order][min(middle, len(size) - 1)])


def row_errors(y: FloatArray, z: FloatArray, loss: Loss) -> FloatArray:
    """Error (n,) that a user reads: square, Huber's loss, absolute value, log-loss, or wrong class."""
    if loss.name == "squared":
        return np.asarray((y - z) ** 2)
    if loss.name == "hinge":
        return np.asarray((z > 0) != (y > 0.5), dtype=float)
    return loss.value(y, z)


def task_errors(rows: Rows, errors: FloatArray, judged: BoolArray) -> FloatArray:
    """Mean error (T,) of each task's rows that can be judged; NaN where there is none."""
    weights = np.where(judged, rows.weights, 0.0)
    total = sum_by_task(weights, rows.codes, rows.n_tasks)
    each = sum_by_task(weights * np.where(judged, errors, 0.0), rows.codes, rows.n_tasks)
    mean: FloatArray = np.divide(each, total, out=np.full(rows.n_tasks, np.nan), where=total > 0)
    return mean


def mean_error(rows: Rows, errors: FloatArray, judged: BoolArray) -> float:
    """Mean error of all rows that can be judged; infinite where there is none."""
    weights = np.where(judged, rows.weights, 0.0)
    return float(weights @ np.where(judged, errors, 0.0) / weights.sum()) if weights.any() else np.inf


def gain(rows: Rows, reference: FloatArray, challenger: FloatArray, judged: BoolArray) -> tuple[float, float]:
    """Paired gain of a challenger's errors over those of the reference, and its standard error."""
    weights = np.where(judged, rows.weights, 0.0)
    total = float(weights.sum())
    if total <= 1.0:
        return 0.0, np.inf
    difference = np.where(judged, reference - challenger, 0.0)
    mean = float(weights @ difference / total)
    return mean, float(np.sqrt(weights @ (difference - mean) ** 2 / total / total))
