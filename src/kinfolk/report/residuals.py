"""Residuals of held-out observations as few numbers: points or cells, quantiles, and where they fall in what was said.

A residual is standardised by the standard deviation that the method states for the observation; where it states none,
by the root mean square of all its residuals.
"""

from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from kinfolk._typing import FloatArray
from kinfolk.selection import Comparison

POINTS = 1_500  # observations up to which each one is drawn
_ACROSS, _UP = 48, 32  # cells where there are more
_TAIL, _BODY = 40, 80  # quantiles at each end, and between
_FAR = 6.0  # standardised residuals beyond are drawn there


def standardised(comparison: Comparison, method: str) -> tuple[FloatArray, FloatArray, bool]:
    """Predictions, standardised residuals, and whether by a stated deviation; without observations of deviation 0."""
    predicted = comparison.predictions[method]
    residual = comparison.truth - predicted
    stated = method in comparison.deviations
    unit = comparison.deviations[method] if stated else np.full(len(residual), np.sqrt(np.mean(residual**2)))
    there = unit > 0.0
    return predicted[there], residual[there] / unit[there], stated


def scattered(predicted: FloatArray, z: FloatArray) -> dict[str, Any]:
    """Residuals against predictions: ``points``, or of more than 1,500 observations ``cells`` of a grid with counts.

    Residuals beyond 6 either way are put there, and ``beyond`` is their number.
    """
    beyond, z = int((np.abs(z) > _FAR).sum()), np.clip(z, -_FAR, _FAR)
    if len(z) <= POINTS:
        return {"points": [predicted.tolist(), z.tolist()], "cells": None, "beyond": beyond, "n": len(z)}
    wide = np.quantile(predicted, [0.001, 0.999]) if np.ptp(predicted) > 0 else predicted[0] + np.array([-0.5, 0.5])
    tall = max(3.0, float(np.abs(z).max()))
    counts, across, up = np.histogram2d(
        np.clip(predicted, *wide), z, bins=(_ACROSS, _UP), range=(tuple(wide), (-tall, tall))
    )
    i, j = np.nonzero(counts)
    return {
        "points": None,
        "cells": {
            "x": across.tolist(),
            "y": up.tolist(),
            "at": np.column_stack((i, j)).tolist(),
            "counts": counts[i, j].astype(int).tolist(),
        },
        "beyond": beyond,
        "n": len(z),
    }


def normal_quantiles(z: FloatArray) -> dict[str, list[float]]:
    """Sorted residuals beside the normal quantiles of their ranks; of many, all of the ends and some between."""
    n = len(z)
    at = np.arange(n)
    if n > 2 * _TAIL + _BODY:
        at = np.unique(np.concatenate((at[:_TAIL], np.linspace(_TAIL, n - _TAIL, _BODY).astype(int), at[-_TAIL:])))
    expected = ndtri((at + 0.5) / n)
    return {"expected": expected.tolist(), "found": np.sort(z)[at].tolist()}


def transformed(z: FloatArray, n_bins: int = 20) -> list[float]:
    """Share of observations in each of equal bins of ``Phi(z)``, times the number of bins: all 1 where z is normal."""
    counts = np.histogram(ndtr(z), bins=n_bins, range=(0.0, 1.0))[0]
    return [float(count) * n_bins / len(z) for count in counts]
