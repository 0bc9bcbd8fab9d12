"""Features that know too much: the target under another name, identifiers, and counters of rows."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray

LEAK = 0.98  # correlation with the target within tasks
SAME = 1.0 - 1e-9  # correlation of what is the target up to scale and offset
ENOUGH = 20  # rows (degrees of freedom for correlations) below which chance makes suspects


@dataclass(frozen=True, eq=False)
class Leaks:
    """Suspects among d features.

    Attributes
    ----------
    correlation : (d,) array
        With the target within tasks (of classes: the largest over their indicators); NaN where nothing varies, or
        n - T is below `ENOUGH`.
    overall : (d,) array
        The same over all rows.
    identifier : (d,) array of bool
        Whole numbers, another one in every row.
    counter : (d,) array of bool
        Counts the rows of each task in their order.
    ordered : (d,) array of bool
        Never falls, or never rises, from the first row of the table to the last.
    """

    correlation: FloatArray
    overall: FloatArray
    identifier: BoolArray
    counter: BoolArray
    ordered: BoolArray


def leaks(
    features: FloatArray,
    target: FloatArray,
    centred: FloatArray,
    centred_target: FloatArray,
    codes: IntArray,
    n_tasks: int,
) -> Leaks:
    """Look at features ``(n, d)`` beside columns of the target ``(n, k)``, as they are and about their task means."""
    n, d = features.shape
    unknown = np.full(d, np.nan)
    enough = n >= ENOUGH
    correlation = _correlation(centred, centred_target) if n - n_tasks >= ENOUGH else unknown
    overall = _correlation(features - features.mean(axis=0), target - target.mean(axis=0)) if enough else unknown
    steps = np.diff(features, axis=0)
    moving = (steps != 0.0).any(axis=0)
    ordered = moving & ((steps >= 0.0).all(axis=0) | (steps <= 0.0).all(axis=0)) & enough
    exact = np.abs(features) <= 2.0**53  # beyond, every float is a whole number
    whole = (exact & (features == np.round(features))).all(axis=0) & enough
    different = np.zeros(d, dtype=bool)
    different[whole] = (np.diff(np.sort(features[:, whole], axis=0), axis=0) > 0.0).all(axis=0)
    order = np.argsort(codes, kind="stable")
    inside = np.diff(codes[order]) == 0
    counter = (np.diff(features[order], axis=0)[inside] == 1.0).all(axis=0) & bool(inside.sum() >= ENOUGH)
    return Leaks(correlation, overall, different, counter, ordered)


def _correlation(features: FloatArray, target: FloatArray) -> FloatArray:
    """Largest absolute correlation of columns with those of the target, all about their means, with its sign."""
    size = np.sqrt((features**2).sum(axis=0))[:, None] * np.sqrt((target**2).sum(axis=0))
    found = np.full(size.shape, np.nan)
    tiny = np.abs(features).max(axis=0)[:, None] * np.abs(target).max(axis=0) * 1e-12
    np.divide(features.T @ target, size, out=found, where=size > tiny)
    best = np.nanargmax(np.where(np.isnan(found), -1.0, np.abs(found)), axis=1)
    chosen: FloatArray = found[np.arange(len(found)), best]
    return chosen
