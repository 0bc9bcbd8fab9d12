r"""Leave-one-out predictions from one fit.

.. math:: z_i^{(-i)} = z_i + \frac{h_i \, l'_i}{1 - h_i \, l''_i}, \qquad h_i = x_i^\top M_{tt} x_i,

with M the inverse Hessian of the whole problem. For the squared loss this is exact for any features; for smooth losses
it is one Newton step; for losses with kinks all rows have one curvature (`mean_curvature`). The row-norm form of the
same, for nearly white features, is `kinfolk.linear.coupled.row_norm_leverage`, used only where M is too large. A row of
weight 2 is left out once.
"""

import numpy as np
from scipy.optimize import brentq

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.linear.losses import Loss
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import Strengths, System
from kinfolk.tasks import sum_by_task

_INSIDE = 1e-3
_SOFTEST, _HARDEST = np.log(1e-3), np.log(1e4)
_WHOLE = 1.0 - 1e-10  # a row of this leverage cannot be predicted from the others


def leave_one_out(
    rows: Rows, y: FloatArray, loss: Loss, found: Solution, strengths: Strengths, spread: float | None
) -> tuple[FloatArray, BoolArray]:
    """Predictions (n,) of rows left out, and which rows the others can predict at all (a task's only row cannot be)."""
    if loss.name in ("squared", "logistic"):
        curvature = loss.curvature(y, found.z)
        leverage = _leverage(rows, found.system, curvature)
    else:
        mean = mean_curvature(rows, y, loss, found, strengths, spread)
        curvature = np.full(len(y), mean)
        leverage = _leverage(rows, strengths.system(mean * rows.gram(rows.weights), spread), curvature)
    share = leverage * curvature
    judged: BoolArray = share < _WHOLE
    stretch = np.divide(leverage, 1.0 - share, out=np.zeros(len(y)), where=judged)
    return found.z + stretch * found.dual, judged


def _leverage(rows: Rows, system: System, curvature: FloatArray) -> FloatArray:
    level = np.zeros(len(curvature)) if rows.joint else 1.0 / (curvature * rows.sums(rows.weights)[rows.codes])
    return system.leverage(rows.X, rows.offsets) + level


def mean_curvature(
    rows: Rows, y: FloatArray, loss: Loss, found: Solution, strengths: Strengths, spread: float | None
) -> float:
    """Curvature that stands for all rows of a loss with kinks.

    Huber's loss: the share of rows on its square. The hinge loss: that at which the degrees of freedom of the fit are
    the number of rows that sit on a kink (whose derivative lies strictly between those of both sides). The absolute
    loss: the same, but at most twice the density of the residuals at zero, which is what counts where rows are many.
    """
    weights = rows.weights
    if loss.name == "huber":
        return max(float(weights @ loss.curvature(y, found.z) / weights.sum()), 1e-3)
    low, high = (-1.0, 1.0) if loss.name == "lad" else (0.0, 1.0)
    steep = found.dual if loss.name == "lad" else (1.0 - 2.0 * y) * found.dual
    kinked = float(weights @ ((steep > low + _INSIDE) & (steep < high - _INSIDE)))
    gram = rows.gram(weights)

    def excess(log_curvature: float) -> float:
        curvature = float(np.exp(log_curvature))
        each = np.full(len(y), curvature)
        leverage = _leverage(rows, strengths.system(curvature * gram, spread), each)
        return float(weights @ (leverage * each)) - kinked

    hardest = min(_HARDEST, np.log(2.0 * density_at_zero(y - found.z, weights))) if loss.name == "lad" else _HARDEST
    if excess(_SOFTEST) >= 0.0:
        return float(np.exp(_SOFTEST))
    if excess(hardest) <= 0.0:
        return float(np.exp(hardest))
    return float(np.exp(brentq(excess, _SOFTEST, hardest, xtol=1e-3)))


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
