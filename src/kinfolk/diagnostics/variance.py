"""Variance within and between tasks, column by column."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.theory.whitening import within

_ROUNDING = 1e-12  # share of a column's largest value below which its differences are rounding


@dataclass(frozen=True, eq=False)
class Variance:
    r"""One-way analysis of variance of d columns over T tasks.

    Attributes
    ----------
    centred : (n, d) array
        Columns less their mean in the task.
    means : (T, d) array
    squares : (T, d) array
        Sums of squares within each task.
    between : (d,) array
        Share of the variance that is between tasks, :math:`SS_B / (SS_B + SS_W)`; NaN for constant columns. Few rows of
        a task raise it: with one row each it is 1.
    intraclass : (d,) array
        Correlation of two rows of a task, :math:`(MS_B - MS_W) / (MS_B + (n_0 - 1) MS_W)` with
        :math:`n_0 = (n - \sum_t n_t^2 / n) / (T - 1)` (Donner 1986, Int. Stat. Rev. 54), where few rows do not matter.
        NaN with one task, with one row in each, and for constant columns.
    constant, fixed : (d,) arrays of bool
        Columns that are constant; and those that are constant within every task, but not overall (of tasks of which
        one has two rows at least).
    """

    centred: FloatArray
    means: FloatArray
    squares: FloatArray
    between: FloatArray
    intraclass: FloatArray
    constant: BoolArray
    fixed: BoolArray


def variance(values: FloatArray, codes: IntArray, counts: IntArray) -> Variance:
    """Split the variance of columns ``(n, d)`` into that within and that between tasks.

    Examples
    --------
    >>> import numpy as np
    >>> found = variance(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1]), np.array([2, 2]))
    >>> found.between.tolist(), found.intraclass.round(3).tolist()
    ([0.8], [0.778])
    """
    n, n_tasks = len(values), len(counts)
    rounding = _ROUNDING * np.abs(values).max(axis=0)
    middle = values.mean(axis=0)
    centred = within(values - middle, codes, counts)
    centred[np.abs(centred) <= rounding] = 0.0
    offsets: FloatArray = (
        np.column_stack([np.bincount(codes, column) for column in (values - middle).T]) / counts[:, None]
    )
    squares: FloatArray = np.column_stack([np.bincount(codes, column) for column in (centred**2).T])
    constant: BoolArray = np.abs(values - middle).max(axis=0) <= rounding
    inside = squares.sum(axis=0)
    apart = (counts[:, None] * offsets**2).sum(axis=0)
    between = np.full(values.shape[1], np.nan)
    np.divide(apart, apart + inside, out=between, where=apart + inside > 0.0)
    intraclass = np.full(values.shape[1], np.nan)
    if 1 < n_tasks < n:
        mean_between, mean_within = apart / (n_tasks - 1), inside / (n - n_tasks)
        typical = (n - (counts**2).sum() / n) / (n_tasks - 1)
        np.divide(
            mean_between - mean_within,
            mean_between + (typical - 1.0) * mean_within,
            out=intraclass,
            where=apart + inside > 0.0,
        )
    fixed = ~constant & (inside == 0.0) if n > n_tasks else np.zeros_like(constant)
    return Variance(centred, offsets + middle, squares, between, intraclass, constant, fixed)


def kurtosis(centred: FloatArray) -> FloatArray:
    """Fourth moment over the squared second, of columns about their task means (Gaussian: 3); NaN where all is 0."""
    centred = centred / np.maximum(np.abs(centred).max(axis=0), np.finfo(float).tiny)  # whose fourth powers are numbers
    second = (centred**2).mean(axis=0)
    found: FloatArray = np.full(centred.shape[1], np.nan)
    np.divide((centred**4).mean(axis=0), second**2, out=found, where=second > 0.0)
    return found
