r"""Tasks that stand apart, in robust standard deviations that know how few rows a task has.

A statistic :math:`s_t` of task t that scatters by :math:`v_t` from few rows alone stands

.. math:: z_t = \frac{s_t - \mathrm{med}\, s}{\sqrt{\tau^2 + v_t}}, \qquad
          \tau^2 = \max(0, \mathrm{mad}(s)^2 - \mathrm{med}\, v)

from the others, with the median absolute deviation times 1.4826 for mad.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.diagnostics.variance import Variance, kurtosis

OUTLYING = 4.0  # robust standard deviations
ENOUGH_ROWS, ENOUGH_TASKS = 5, 8  # of a task, and of tasks with so many rows, to compare them
_GAUSSIAN = 1.4826


@dataclass(frozen=True, eq=False)
class Apart:
    """How far each task stands from the others, in robust standard deviations; NaN where it has too few rows.

    Attributes
    ----------
    mean, spread : (T,) arrays
        Of the target: its task means, and the cube root of its variance within each.
    features : (T,) array
        Of the means of all features together: the cube root of their mean square deviation.
    by_feature : (T, d) array
    """

    mean: FloatArray
    spread: FloatArray
    features: FloatArray
    by_feature: FloatArray


def stand_apart(target: Variance, features: Variance, counts: IntArray, *, classes: bool) -> Apart:
    """Distances of tasks; of a target of classes (a column for each) the means only, and those of two classes."""
    n_tasks, n_features = len(counts), features.means.shape[1]
    enough = counts >= ENOUGH_ROWS
    nothing = np.full(n_tasks, np.nan)
    if enough.sum() < ENOUGH_TASKS:
        return Apart(nothing, nothing, nothing, np.full((n_tasks, n_features), np.nan))
    freedom = (counts - 1)[:, None]
    noise = target.squares.sum(axis=0) / freedom.sum() / counts[:, None]
    mean = _distance(target.means, noise, enough)[:, 0] if target.means.shape[1] == 1 else nothing
    spread = nothing
    if not classes:
        moving = enough & (target.squares[:, 0] > 0.0)
        root = (target.squares / np.maximum(freedom, 1)) ** (1.0 / 3.0)  # nearly Gaussian (Wilson and Hilferty 1931)
        tails = np.nanmax([1.8, float(kurtosis(target.centred)[0])])
        typical = float(np.median(root[moving])) if moving.any() else 0.0
        noise = typical**2 * (tails - 1.0) / (9.0 * np.maximum(freedom, 1))
        spread = _distance(root, noise, moving)[:, 0]
    noise = features.squares.sum(axis=0) / freedom.sum() / counts[:, None]
    by_feature = _distance(features.means, noise, enough)
    known = enough & np.isfinite(by_feature).any(axis=1)
    length = np.full(n_tasks, np.nan)
    length[known] = np.nanmean(by_feature[known] ** 2, axis=1) ** (1.0 / 3.0)
    return Apart(mean, spread, _distance(length[:, None], np.zeros((n_tasks, 1)), known)[:, 0], by_feature)


def _distance(values: FloatArray, noise: FloatArray, enough: BoolArray) -> FloatArray:
    """Robust z of columns ``(T, k)`` whose noise has the variance given; NaN for tasks without enough rows."""
    found = np.full(values.shape, np.nan)
    if enough.sum() < ENOUGH_TASKS:
        return found
    part, noise = values[enough], np.broadcast_to(noise, values.shape)[enough]
    off = part - np.median(part, axis=0)
    widths = (_GAUSSIAN * np.median(np.abs(off), axis=0)) ** 2
    scale = np.sqrt(np.maximum(widths - np.median(noise, axis=0), 0.0) + noise)
    inner = np.full(part.shape, np.nan)
    np.divide(off, scale, out=inner, where=scale > 1e-9 * np.abs(off).max(axis=0))
    found[enough] = inner
    return found
