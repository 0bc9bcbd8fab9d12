"""Scores task by task: mean losses, explained variance within tasks, transfer gains and their paired standard errors.

All functions take one number per observation and the task index of each, and sum with ``bincount``: no loop over tasks.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kinfolk._typing import FloatArray, IntArray

LOSSES = ("squared_error", "absolute_error", "log_loss")
_CERTAIN = 1e-15  # a probability is taken to be at least this


def pointwise_loss(y: FloatArray, predicted: FloatArray, scoring: str = "squared_error") -> FloatArray:
    """Loss of each observation: ``(y - predicted)^2``, ``|y - predicted|``, or minus the log probability of its class.

    Parameters
    ----------
    y : (n,) array
        For ``"log_loss"`` the index of each observation's class.
    predicted : (n,) array, or (n, n_classes) probabilities for ``"log_loss"``
    scoring : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"

    Examples
    --------
    >>> import numpy as np
    >>> pointwise_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])).tolist()
    [0.0, 4.0]
    """
    if scoring == "log_loss":
        told = predicted[np.arange(len(y)), y.astype(np.int64)]
        surprise: FloatArray = -np.log(np.maximum(told, _CERTAIN))
        return surprise
    error = y - predicted
    loss: FloatArray = error**2 if scoring == "squared_error" else np.abs(error)
    return loss


def task_mean(values: FloatArray, codes: IntArray, n_tasks: int, weights: FloatArray | None = None) -> FloatArray:
    """Weighted mean of ``values`` over the observations of each task, ``(T,)``; NaN where a task has none.

    Examples
    --------
    >>> import numpy as np
    >>> task_mean(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3).tolist()
    [2.0, nan, 5.0]
    """
    each = np.ones(len(values)) if weights is None else weights
    total = np.bincount(codes, each, minlength=n_tasks)
    mean: FloatArray = np.full(n_tasks, np.nan)
    np.divide(np.bincount(codes, each * values, minlength=n_tasks), total, out=mean, where=total > 0)
    return mean


def explained_variance(y: FloatArray, predicted: FloatArray, weights: FloatArray | None = None) -> float:
    """R2 over all observations, ``1 - SSE / SST`` about the overall mean; NaN when y is constant.

    Examples
    --------
    >>> import numpy as np
    >>> explained_variance(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 2.0]))
    0.5
    """
    return _share(y, predicted, np.full(len(y), np.average(y, weights=weights)), weights)


def explained_variance_within(
    y: FloatArray, predicted: FloatArray, codes: IntArray, weights: FloatArray | None = None
) -> float:
    """R2 within tasks, ``1 - SSE / SST`` about each task's own mean: what knowing the task alone does not give.

    Examples
    --------
    >>> import numpy as np
    >>> y, codes = np.array([0.0, 2.0, 10.0, 12.0]), np.array([0, 0, 1, 1])
    >>> explained_variance_within(y, np.array([1.0, 1.0, 11.0, 11.0]), codes)
    0.0
    """
    means = task_mean(y, codes, int(codes.max(initial=0)) + 1, weights)
    return _share(y, predicted, means[codes], weights)


def _share(y: FloatArray, predicted: FloatArray, reference: FloatArray, weights: FloatArray | None) -> float:
    each = np.ones(len(y)) if weights is None else weights
    total = float(each @ (y - reference) ** 2)
    return 1.0 - float(each @ (y - predicted) ** 2) / total if total > 0 else float("nan")


def deviance_explained(y: FloatArray, probability: FloatArray, weights: FloatArray | None = None) -> float:
    """D2, ``1 - log loss / log loss of the overall class shares``; NaN when y is constant.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> round(deviance_explained(np.array([0.0, 1.0]), p), 3)
    0.848
    """
    shares = np.bincount(y.astype(np.int64), weights, minlength=probability.shape[1])
    shares = shares[shares > 0] / shares.sum()
    null = -float(shares @ np.log(shares))
    loss = float(np.average(pointwise_loss(y, probability, "log_loss"), weights=weights))
    return 1.0 - loss / null if null > 0 else float("nan")


def auc_within(y: FloatArray, score: FloatArray, codes: IntArray) -> float:
    """Area under the ROC curve within each task, its mean over the tasks with both classes; NaN where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> auc_within(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.7, 0.6]), np.array([0, 0, 1, 1]))
    0.5
    """
    n_tasks = int(codes.max(initial=0)) + 1
    rank = pd.Series(score).groupby(codes).rank().to_numpy()
    ones, zeros = (np.bincount(codes, y == c, minlength=n_tasks) for c in (1, 0))
    both = (ones > 0) & (zeros > 0)
    area = (np.bincount(codes, rank * (y == 1), minlength=n_tasks) - ones * (ones + 1) / 2)[both] / (ones * zeros)[both]
    return float(area.mean()) if both.any() else float("nan")


@dataclass(frozen=True)
class TransferGain:
    """Gains ``1 - error / baseline error`` with paired standard errors; negative gain is negative transfer.

    Attributes
    ----------
    gain, standard_error : (T,) arrays
        NaN where a task has no observation or its baseline error is zero; the standard error also with fewer than two.
    overall, overall_standard_error : float
        Over all observations.
    """

    gain: FloatArray
    standard_error: FloatArray
    overall: float
    overall_standard_error: float


def transfer_gain(
    loss: FloatArray, baseline: FloatArray, codes: IntArray, n_tasks: int, weights: FloatArray | None = None
) -> TransferGain:
    r"""Transfer gain of a method over a baseline, from the losses of both on the same observations.

    With :math:`D_i` the baseline's loss less the method's and :math:`L_t` the baseline's mean loss in task t,

    .. math:: g_t = \bar D_t / L_t, \qquad se_t = \mathrm{sd}_t(D) / (\sqrt{n_t} L_t) .

    Over all observations the tasks are the units that were drawn: with :math:`D_t` the sum over a task's observations,

    .. math:: g = \frac{\sum_t D_t}{\sum_i L_i}, \qquad
              se = \frac{1}{\sum_i L_i} \sqrt{\frac{T}{T - 1} \sum_t (D_t - \bar D n_t)^2} .

    Parameters
    ----------
    loss, baseline : (n,) arrays
    codes : (n,) integers, task of each observation
    n_tasks : int
    weights : (n,) array, optional

    Examples
    --------
    >>> import numpy as np
    >>> found = transfer_gain(np.array([1.0, 1.0, 3.0]), np.array([2.0, 2.0, 2.0]), np.array([0, 0, 1]), 2)
    >>> found.gain.tolist(), round(found.overall, 3)
    ([0.5, -0.5], 0.167)
    """
    each = np.ones(len(loss)) if weights is None else weights
    unit = _power_of_two(np.concatenate((loss, baseline)))
    loss, baseline = loss / unit, baseline / unit
    difference = baseline - loss
    mean = task_mean(difference, codes, n_tasks, weights)
    level = task_mean(baseline, codes, n_tasks, weights)
    total = np.bincount(codes, each, minlength=n_tasks).astype(float)
    count = np.bincount(codes[each > 0], minlength=n_tasks)
    spread = np.bincount(codes, each * (difference - mean[codes]) ** 2, minlength=n_tasks)
    usable = (count > 1) & (level > 0)
    variance = np.divide(spread * count, total**2 * (count - 1), out=np.full(n_tasks, np.nan), where=usable)
    gain = np.divide(mean, level, out=np.full(n_tasks, np.nan), where=level > 0)
    error = np.divide(np.sqrt(variance), level, out=np.full(n_tasks, np.nan), where=usable)
    overall_level = float(each @ baseline)
    if not overall_level > 0:
        return TransferGain(gain, error, float("nan"), float("nan"))
    return TransferGain(
        gain,
        error,
        float(each @ difference) / overall_level,
        clustered_error(difference, codes, n_tasks, weights) * float(each.sum()) / overall_level,
    )


def shown_gain(gain: float | None, error: float | None = None) -> str:
    """A gain in percent with its standard error; in powers of ten where it is below -10,000%.

    Examples
    --------
    >>> shown_gain(0.312, 0.061), shown_gain(-2.5e29, 1e28), shown_gain(None)
    ('+31.2% ± 6.1%', '-2.5e+31% ± 1e+30%', '–')
    """
    if gain is None or math.isnan(gain):
        return "–"
    digits = ".1f" if gain > -100.0 else ".2g"
    around = "" if error is None or math.isnan(error) else f" ± {100.0 * error:{digits}}%"
    return f"{100.0 * gain:+{digits}}%{around}"


def clustered_error(difference: FloatArray, codes: IntArray, n_tasks: int, weights: FloatArray | None = None) -> float:
    """Standard error of the mean of ``difference`` with whole tasks as the units; NaN with one task.

    Examples
    --------
    >>> import numpy as np
    >>> round(clustered_error(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]), 2), 3)
    1.0
    """
    each = np.ones(len(difference)) if weights is None else weights
    mean = float(np.average(difference, weights=each))
    deviation = np.bincount(codes, each * (difference - mean), minlength=n_tasks).astype(float)
    present = int((np.bincount(codes, each, minlength=n_tasks) > 0).sum())
    if present < 2:
        return float("nan")
    unit = _power_of_two(deviation)
    return unit * float(np.sqrt(present / (present - 1) * ((deviation / unit) ** 2).sum()) / each.sum())


def _power_of_two(values: FloatArray) -> float:
    """The unit in which squares are neither too large nor too small, and no digit changes."""
    return math.ldexp(1.0, math.frexp(float(np.abs(values).max(initial=0.0)))[1])
