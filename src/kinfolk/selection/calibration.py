r"""Whether methods know how sure they are: coverage of intervals, and observed shares beside predicted probabilities.

A central interval of level :math:`q` about a normal prediction is :math:`\hat y_i \pm z_q s_i` with :math:`z_q =
\Phi^{-1}((1 + q) / 2)` and :math:`s_i` the stated standard deviation of a new observation. Its coverage is the share of
held-out observations inside; a method that is right about its own errors covers a share q.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from kinfolk._typing import FloatArray, IntArray
from kinfolk.metrics import clustered_error

LEVELS = (0.5, 0.8, 0.9, 0.95)
_BINS = 10


def interval_coverage(
    y: FloatArray,
    predicted: FloatArray,
    deviation: FloatArray,
    codes: IntArray,
    n_tasks: int,
    weights: FloatArray | None = None,
    *,
    levels: tuple[float, ...] = LEVELS,
) -> pd.DataFrame:
    r"""Coverage and mean width of central normal intervals.

    .. math:: c_q = \frac1n \sum_i 1\{ |y_i - \hat y_i| \le z_q s_i \}, \qquad w_q = \frac2n \sum_i z_q s_i

    Parameters
    ----------
    y, predicted, deviation : (n,) arrays
        Observations, predictions, and stated standard deviations of new observations.
    codes : (n,) integers, task of each observation
    n_tasks : int
    weights : (n,) array, optional
    levels : tuple of float, default=(0.5, 0.8, 0.9, 0.95)

    Returns
    -------
    DataFrame
        ``level, coverage, coverage_se, width``; standard errors take whole tasks as the units.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([-1.0, 0.1, 0.2, 3.0])
    >>> interval_coverage(y, np.zeros(4), np.ones(4), np.array([0, 0, 1, 1]), 2)["coverage"].tolist()
    [0.5, 0.75, 0.75, 0.75]
    """
    rows = []
    for level in levels:
        half = float(ndtri(0.5 + 0.5 * level)) * deviation
        inside = (np.abs(y - predicted) <= half).astype(float)
        rows.append(
            {
                "level": level,
                "coverage": float(np.average(inside, weights=weights)),
                "coverage_se": clustered_error(inside, codes, n_tasks, weights),
                "width": 2.0 * float(np.average(half, weights=weights)),
            }
        )
    return pd.DataFrame(rows)


def reliability(
    y: FloatArray,
    probability: FloatArray,
    codes: IntArray,
    n_tasks: int,
    weights: FloatArray | None = None,
    *,
    n_bins: int = _BINS,
) -> pd.DataFrame:
    r"""Observed share of a class beside its predicted probability, in bins of equal width.

    Of two classes the second is looked at; of more, each one against the rest, all together: every observation counts
    once for each class.

    Parameters
    ----------
    y : (n,) array
        Index of the class of each observation.
    probability : (n, n_classes) array
    codes : (n,) integers, task of each observation
    n_tasks : int
    weights : (n,) array, optional
    n_bins : int, default=10

    Returns
    -------
    DataFrame
        A row for each bin that holds something: its ends ``low, high``, the mean ``predicted`` probability in it, the
        ``observed`` share with ``observed_se`` (whole tasks are the units), their ``weight`` in all, and ``n``.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([0.1, 0.1, 0.9, 0.9])
    >>> found = reliability(np.array([0, 1, 1, 1]), np.column_stack((1 - p, p)), np.array([0, 1, 0, 1]), 2)
    >>> found[["predicted", "observed"]].to_numpy().tolist()
    [[0.1, 0.5], [0.9, 1.0]]
    """
    n_classes = probability.shape[1]
    looked_at = range(1, 2) if n_classes == 2 else range(n_classes)
    told = np.concatenate([probability[:, c] for c in looked_at])
    came = np.concatenate([(y == c).astype(float) for c in looked_at])
    each = np.tile(np.ones(len(y)) if weights is None else weights, len(looked_at))
    task_of = np.tile(codes, len(looked_at))
    bins = np.minimum((told * n_bins).astype(np.int64), n_bins - 1)
    rows = []
    for b in np.unique(bins[each > 0.0]).tolist():
        here = bins == b
        rows.append(
            {
                "low": b / n_bins,
                "high": (b + 1) / n_bins,
                "predicted": float(np.average(told[here], weights=each[here])),
                "observed": float(np.average(came[here], weights=each[here])),
                "observed_se": clustered_error(came[here], task_of[here], n_tasks, each[here]),
                "weight": float(each[here].sum() / each.sum()),
                "n": int(here.sum()),
            }
        )
    return pd.DataFrame(rows)


def calibration_error(table: pd.DataFrame) -> float:
    r"""Mean distance between what was stated and what came.

    For classes the expected calibration error, :math:`\sum_b w_b |o_b - p_b|` over the bins of `reliability`; for
    numbers the mean over levels of :math:`|c_q - q|` from `interval_coverage`.

    Examples
    --------
    >>> import pandas as pd
    >>> calibration_error(pd.DataFrame({"level": [0.5, 0.9], "coverage": [0.75, 0.9]}))
    0.125
    """
    if "level" in table:
        return float((table["coverage"] - table["level"]).abs().mean())
    return float((table["weight"] * (table["observed"] - table["predicted"]).abs()).sum())
