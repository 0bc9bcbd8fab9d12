"""What theory says of the error with more or fewer rows, beside what a comparison measured."""

from typing import Any

import numpy as np

from kinfolk.exceptions import InputError
from kinfolk.report.summarize_plan import MEASURED, WAYS, curve_of
from kinfolk.selection import Comparison
from kinfolk.theory import Estimate, estimate_problem, outlook_curve
from kinfolk.theory.doubts import FEW_FEATURES
from kinfolk.theory.outlook import floor
from kinfolk.validation import check_classes, check_table, check_target, encode_labels

MOST_TASKS, MOST_FEATURES, MOST_PRODUCTS = 200, 100, 6e7  # of rows times features squared: some seconds
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def summarize_outlook(comparison: Comparison, *, seed: int = 0) -> dict[str, Any]:
    """Predict learning curves of a comparison's table; plain values, ready for JSON.

    Parameters
    ----------
    comparison : Comparison
    seed : int, default=0
        Draws the intervals, and the tasks where there are many.

    Returns
    -------
    dict
        ``doubts``: sentences, why there is no prediction; where there are none also ``metric``, ``floor``, ``data``
        (``median_rows``, ``n_tasks``), ``curves`` (``n``) as `summarize_plan` has them, ``measured`` (``factor, way,
        method, error``), ``ways`` (``name, predicted, low, high, measured`` at the rows in training), ``remarks`` and
        ``n_tasks`` (those it was estimated from).
    """
    reason = _not_for(comparison)
    if reason:
        return {"doubts": [reason]}
    try:
        estimate, counts = _estimate(comparison, seed)
    except InputError as error:  # what theory cannot be asked about; said in the page
        return {"doubts": [str(error)]}
    # of few features theory says how far a table scatters; all else that it says is a doubt
    few = estimate.n_features < FEW_FEATURES
    if estimate.warnings[few:]:
        return {"doubts": list(estimate.warnings[few:])}
    share = 1.0 - len(comparison.rows) / (comparison.data_summary["n_rows"] * len(np.unique(comparison.folds)))
    curve = outlook_curve(estimate, "n", np.sort([*_FACTORS, share]))
    if not np.isfinite(curve.errors).all():
        return {"doubts": ["The equations could not be solved."]}
    measured = _measured(comparison, share)
    at = int(np.flatnonzero(curve.factors == share)[0])
    points = {point["way"]: point["error"] for point in measured}
    return {
        "doubts": [],
        "metric": "rate of errors" if estimate.problem.link != "linear" else "mean squared error",
        "floor": floor(estimate.problem),
        "data": {"median_rows": float(np.median(counts)), "n_tasks": comparison.data_summary["n_tasks"]},
        "curves": {"n": curve_of(curve)},
        "measured": measured,
        "ways": [
            {
                "name": name,
                "predicted": float(curve.errors[at, place]),
                "low": float(curve.intervals[0, at, place]),
                "high": float(curve.intervals[1, at, place]),
                "measured": points.get(way),
            }
            for place, (way, name) in enumerate(WAYS.items())
        ],
        "share": share,
        "remarks": list(estimate.warnings[:few]),
        "n_tasks": len(estimate.tasks),
    }


def _not_for(comparison: Comparison) -> str:
    """Why theory is not for this comparison; empty where it may be."""
    data, classes = comparison.data_summary, comparison.data_summary["classes"]
    if comparison.settings["task"] is None:
        return "Theory is for rows of different tasks, not for several responses of the same rows."
    if comparison.baseline not in MEASURED or MEASURED[comparison.baseline] != "alone":
        return "Whole tasks were held out, and theory is about new rows of known tasks."
    if comparison.weights is not None:
        return "Theory does not know weights of rows."
    if len(classes) > 2:
        return f"Theory is for numbers and for two classes; there are {len(classes)}."
    if data["n_features"] > MOST_FEATURES:
        return f"Beyond {MOST_FEATURES} features it would take long; `kinfolk plan` predicts."
    return ""


def _estimate(comparison: Comparison, seed: int) -> tuple[Estimate, Any]:
    """Noise, signal and similarity from all tasks, or of many from some drawn ones; and the rows of all."""
    X, y, _ = comparison.data
    table = check_table(X, task=comparison.settings["task"])
    n = len(table.features)
    assert table.labels is not None
    codes = encode_labels(table.labels)[1]
    counts = np.bincount(codes)
    if comparison.settings["scoring"] == "log_loss":
        target = check_classes(y, n_rows=n)[1]
    else:
        target = check_target(y, n_rows=n, allow_2d=False, allow_missing=False)
    order = np.random.default_rng(seed).permutation(len(counts))
    most = int(np.searchsorted(counts[order].cumsum(), MOST_PRODUCTS / table.features.shape[1] ** 2))
    rows = np.isin(codes, order[: max(2, min(MOST_TASKS, most))])
    return estimate_problem(
        table.features[rows], target[rows], codes[rows], structure="exchangeable", seed=seed
    ), counts


def _measured(comparison: Comparison, share: float) -> list[dict[str, Any]]:
    """Errors of the methods that theory is about, at the rows in training."""
    return [
        {
            "factor": share,
            "way": MEASURED[row["method"]],
            "method": str(row["method"]),
            "error": 1.0 - float(row["accuracy"]) if "accuracy" in row else float(row["rmse"]) ** 2,
        }
        for row in comparison.methods.to_dict("records")
        if row["method"] in MEASURED
    ]
