"""Everything that `kinfolk plan` says, as one dict of plain values."""

from typing import Any

import numpy as np
import pandas as pd

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.theory import (
    Descent,
    Estimate,
    Outlook,
    OutlookCurve,
    descent,
    floor_of_tasks,
    outlook,
    outlook_curve,
    rows_for,
    tasks_for,
)

WAYS = {"alone": "each task alone", "pooled": "one pooled model", "coupled": "coupled"}
MEASURED = {
    "IndependentRidge": "alone",
    "PooledRidge": "pooled",
    "PartialPoolingRegressor": "coupled",
    "IndependentLogistic": "alone",
    "PooledLogistic": "pooled",
    "MeanRegularizedClassifier": "coupled",
}


def summarize_plan(
    estimate: Estimate,
    y: LabelArray,
    labels: LabelArray,
    *,
    target: str = "the target",
    target_risk: float | None = None,
    over: str = "n",
    measured: pd.DataFrame | None = None,
    command: str | None = None,
    curves: bool = True,
) -> dict[str, Any]:
    """Collect what is estimated, predicted and measured; numbers, texts, lists and dicts, ready for JSON.

    Parameters
    ----------
    estimate : Estimate
        From `estimate_problem`.
    y, labels : (n,) arrays
        The target and the task of each row.
    target : str
        Name of what is predicted.
    target_risk : float, optional
        A wanted error.
    over : {"n", "T"}
        By what it is to be reached: rows of every task, or tasks.
    measured : DataFrame, optional
        From `measure_learning_curve`, of the methods `MEASURED`.
    command : str, optional
        The command that made it.
    curves : bool, default=True
        Whether to predict learning curves, too.

    Returns
    -------
    dict
        ``verdict, penalty``: sentences; ``metric, floor``; ``by``: how it was estimated; ``data``; ``estimated``:
        noise, signal, similarity with 90% intervals; ``predicted``: errors of the three ways with intervals; ``gain``;
        ``tasks``: predicted gain of each, most rows last, and how alike it is to the others; ``left_out``: the
        leave-one-out error of one fit; ``wanted``: a sentence about ``target_risk`` or None; ``curves``: ``n`` and
        ``T`` with ``factors, errors, low, high``; ``descent`` (None for classes); ``measured``: points ``factor, way,
        error``; ``warnings``; ``command``, ``versions``.

    Raises
    ------
    InputError
        The equations could not be solved: there is no prediction.
    """
    from kinfolk import __version__

    told = outlook(estimate)
    if not told.converged:
        raise InputError(f"{told.verdict} `kinfolk compare` measures without them.")
    names, (codes, counts) = estimate.tasks, np.unique(labels, return_inverse=True, return_counts=True)[1:]
    low, high = estimate.interval()
    classes = told.metric == "error rate"
    nothing = 0.5 if classes else _within(np.asarray(y, dtype=float), codes, counts)  # the error without a feature
    return {
        "verdict": told.verdict,
        "penalty": f"Penalty: ridge lam{'' if classes else ' = noise / signal'} = {told.lam:.3g}, "
        f"coupling c = similarity = {told.c:.2f}.",
        "metric": "rate of errors" if classes else "mean squared error",
        "floor": told.floor,
        "by": "the likelihood of tasks that are equally alike"
        if estimate.structure == "exchangeable"
        else "empirical Bayes with a similarity for each pair of tasks; means over tasks and pairs",
        "data": {
            "target": target,
            "n_rows": estimate.n_rows,
            "n_tasks": len(names),
            "median_rows": float(np.median(counts)),
            "directions": estimate.n_features,
            "condition": estimate.condition,
        },
        "estimated": [
            {"name": name, "what": words, "value": value, "low": float(low[at]), "high": float(high[at])}
            for at, (name, words, value) in enumerate(
                (
                    ("noise", "variance that no model explains", estimate.noise),
                    (
                        "signal",
                        f"variance {'of the true log-odds' if classes else 'that a true model explains'}",
                        estimate.signal,
                    ),
                    ("similarity", "cosine between true models", estimate.similarity),
                )
            )
            if not (classes and name == "noise")
        ],
        "predicted": [
            {
                "way": way,
                "name": name,
                "error": getattr(told, way),
                "low": float(told.intervals[0, at]),
                "high": float(told.intervals[1, at]),
                "explained": 1.0 - getattr(told, way) / nothing,
            }
            for at, (way, name) in enumerate(WAYS.items())
        ],
        "gain": {"value": told.gain, "low": float(told.intervals[0, 3]), "high": float(told.intervals[1, 3])},
        "tasks": _tasks(told, names, counts),
        "wanted": None if target_risk is None else wanted(estimate, target_risk, over),
        "curves": {name: curve_of(outlook_curve(estimate, name)) for name in ("n", "T")} if curves else {},
        "descent": _descent(descent(estimate)) if curves and not classes else None,
        "measured": _measured(measured),
        "left_out": {"error": estimate.loo, "se": estimate.loo_se},
        "warnings": list(estimate.warnings),
        "command": command,
        "versions": {"kinfolk": __version__, "numpy": np.__version__},
    }


def _within(y: FloatArray, codes: IntArray, counts: IntArray) -> float:
    """Variance of the target within tasks."""
    centred = y - (np.bincount(codes, y) / counts)[codes]
    return float(centred @ centred) / float(np.maximum(counts - 1, 0).sum())


def wanted(estimate: Estimate, target: float, over: str) -> str:
    """What a wanted error takes, in words."""
    typical = float(np.median(np.asarray(estimate.problem.n_samples))) + 1.0
    if over == "n":
        factor = rows_for(estimate, target)
        if np.isinf(factor):
            return (
                f"An error of {target:.4g} is out of reach: no number of rows goes below {outlook(estimate).floor:.4g}."
            )
        return (
            f"An error of {target:.4g} takes {factor:.2g} times as many rows in every task "
            f"(median {typical * factor:.0f}), coupled."
        )
    factor, n_tasks = tasks_for(estimate, target), estimate.problem.T
    if np.isinf(factor):
        return (
            f"An error of {target:.4g} is out of reach with more tasks of this size: what is a task's own leaves "
            f"{floor_of_tasks(estimate):.4g}. More rows a task go further (--over n)."
        )
    many = np.ceil(factor * n_tasks)
    return f"An error of {target:.4g} takes {factor:.2g} times as many tasks, about {many:.0f}, coupled."


def _tasks(told: Outlook, names: LabelArray, counts: Any) -> list[dict[str, Any]]:
    rows = [
        {"task": str(name), "n_rows": int(count), "gain": float(gain), "alike": float(alike), "outlier": bool(odd)}
        for name, count, gain, alike, odd in zip(
            names, counts, told.per_task, told.alikeness, told.outliers, strict=True
        )
    ]
    return sorted(rows, key=lambda row: row["n_rows"])


def curve_of(curve: OutlookCurve) -> dict[str, Any]:
    """Factors, errors and intervals by way."""
    return {
        "factors": curve.factors.tolist(),
        "errors": {way: curve.errors[:, at].tolist() for at, way in enumerate(WAYS)},
        "low": {way: curve.intervals[0, :, at].tolist() for at, way in enumerate(WAYS)},
        "high": {way: curve.intervals[1, :, at].tolist() for at, way in enumerate(WAYS)},
    }


def _descent(found: Descent) -> dict[str, Any]:
    """Curves with None where the equations were not solved."""

    def plain(values: Any) -> list[float | None]:
        return [float(value) if np.isfinite(value) else None for value in values]

    return {
        "rows": found.rows.tolist(),
        "weak": {way: plain(found.weak[:, at]) for at, way in enumerate(WAYS)},
        "best": plain(found.best),
        "typical": found.typical,
        "peaks": {way: [{"at": p.at, "height": p.height} for p in peaks] for way, peaks in found.peaks.items()},
    }


def _measured(table: pd.DataFrame | None) -> list[dict[str, Any]]:
    if table is None:
        return []
    return [
        {
            "factor": float(row["factor"]),
            "way": MEASURED[str(row["method"])],
            "method": str(row["method"]),
            "error": 1.0 - float(row["accuracy"]) if "accuracy" in row else float(row["loss"]),
            "gain": float(row["gain"]),
            "gain_se": float(row["gain_se"]),
        }
        for row in table.to_dict("records")
        if row["method"] in MEASURED
    ]
