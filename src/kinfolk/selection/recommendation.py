"""Which method to use and why: the simplest of the good ones, the guard where tasks disagree, or a word of doubt."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from kinfolk._typing import FloatArray, IntArray
from kinfolk.metrics import clustered_error, pointwise_loss

LOSS_WORDS = {
    "squared_error": "mean squared error",
    "absolute_error": "mean absolute error",
    "log_loss": "mean log loss",
}
_MEAN = "No method predicts clearly better than means of other rows, of the task or all: features tell nothing here."
BEATEN = {
    "squared_error": _MEAN,
    "absolute_error": _MEAN,
    "log_loss": "No method predicts clearly better than the overall class shares: features tell nothing here.",
}
ALONE = ("IndependentRidge", "IndependentLogistic")  # the baselines that fit each task by itself
ROUNDING = 1e-9  # gains below it are those of the same predictions
_CHANCE = 0.025  # of tasks are worse by two standard errors where nothing is the matter


def in_words(baseline: str) -> str:
    """The baseline in words: fitting each task alone, or its name."""
    return "fitting each task alone" if baseline in ALONE else baseline


def recommend(
    methods: pd.DataFrame,
    tasks: pd.DataFrame,
    losses: dict[str, FloatArray],
    estimators: dict[str, BaseEstimator],
    task_of: IntArray,
    weights: FloatArray | None,
    *,
    baseline: str,
    guard: str | None,
    scoring: str,
) -> tuple[str, str]:
    """The recommended method of a comparison, and a sentence why (`Comparison.recommended`)."""
    rest = task_of, int(task_of.max()) + 1, weights
    best = losses[str(methods["method"].iloc[0])]
    recommended, near = _simplest(methods, losses, estimators, *rest)
    why = None
    if guard is not None and recommended not in (guard, baseline):
        clear = _clearly_hurt(tasks)
        close = _within_one_error(losses[guard], best, *rest)
        if clear[recommended] > _CHANCE * tasks["task"].nunique() and clear[guard] < clear[recommended] and close:
            why = _disagree(recommended, clear[recommended], clear[guard])
            recommended, near = guard, False
    return recommended, _reason(methods, recommended, baseline, near, scoring, why)


def beats_the_mean(
    truth: FloatArray, losses: Iterable[FloatArray], task_of: IntArray, weights: FloatArray | None, scoring: str
) -> bool:
    """Whether some method predicts better than no features at all, by more than one paired standard error.

    No features: the mean of the task's other rows (of tasks with two or more), or of all other rows; for classes their
    overall shares.

    Examples
    --------
    >>> import numpy as np
    >>> y, task_of = np.array([1.0, 2.0, 6.0]), np.array([0, 0, 1])
    >>> [beats_the_mean(y, [np.full(3, loss)], task_of, None, "squared_error") for loss in (0.9, 1.1)]
    [True, False]
    """
    each = np.ones(len(truth)) if weights is None else weights
    if scoring == "log_loss":
        counts, tested = np.bincount(truth.astype(np.int64), each), each > 0.0
        bars = [-np.log(np.maximum(counts / counts.sum(), 1e-15))[truth.astype(np.int64)]]
    else:
        tested = (each > 0.0) & (np.bincount(task_of, each > 0.0)[task_of] > 1)
        bars = []
        for group in (task_of, np.zeros_like(task_of)):
            total, sums = np.bincount(group, each)[group], np.bincount(group, each * truth)[group]
            mean = np.divide(sums - each * truth, total - each, out=np.zeros(len(truth)), where=tested)
            bars.append(pointwise_loss(truth, mean, scoring))
    if not tested.any():
        return True
    used = each[tested]
    best, bar = (min((one[tested] for one in some), key=lambda loss: float(used @ loss)) for some in (losses, bars))
    gain, doubt = bar - best, clustered_error(bar - best, task_of[tested], int(task_of.max()) + 1, used)
    return bool(np.average(gain, weights=used) > np.nan_to_num(doubt))


def _simplest(
    methods: pd.DataFrame,
    losses: dict[str, FloatArray],
    estimators: dict[str, BaseEstimator],
    task_of: IntArray,
    n_tasks: int,
    weights: FloatArray | None,
) -> tuple[str, bool]:
    """The simplest method whose mean loss is within one paired standard error of the best, and whether it is not it."""
    best = str(methods["method"].iloc[0])
    chosen, rank = best, getattr(estimators[best], "simplicity", 100)
    for name in methods["method"].iloc[1:]:
        simplicity = getattr(estimators[name], "simplicity", 100)
        if simplicity < rank and _within_one_error(losses[name], losses[best], task_of, n_tasks, weights):
            chosen, rank = name, simplicity
    return chosen, chosen != best


def _within_one_error(
    loss: FloatArray, best: FloatArray, task_of: IntArray, n_tasks: int, weights: FloatArray | None
) -> bool:
    """Whether a mean loss is within one paired standard error of the best."""
    difference = loss - best
    return float(np.average(difference, weights=weights)) <= clustered_error(difference, task_of, n_tasks, weights)


def _clearly_hurt(tasks: pd.DataFrame) -> dict[str, int]:
    """How many tasks each method makes worse by more than two of their standard errors."""
    clear = tasks["gain"] < -(2.0 * tasks["gain_se"]).clip(lower=ROUNDING)
    return {str(name): int(count) for name, count in clear.groupby(tasks["method"]).sum().items()}


def _disagree(method: str, hurt: int, guarded: int) -> str:
    return (
        f"tasks disagree: {method} makes {hurt} clearly worse (by two of their standard errors), the guard {guarded}, "
        "and its loss is within one paired standard error of the best"
    )


def _reason(methods: pd.DataFrame, recommended: str, baseline: str, near: bool, scoring: str, why: str | None) -> str:
    records = {str(record["method"]): record for record in methods.to_dict("records")}
    row, best = records[recommended], str(methods["method"].iloc[0])
    alone = in_words(baseline)
    score = f"{recommended}: {LOSS_WORDS[scoring]} {row['loss']:.4g}"
    why = why or (
        f"the simplest method within one paired standard error of the best ({best})"
        if near
        else "the smallest of all, and no simpler method is within one paired standard error"
    )
    if recommended == baseline:
        return f"{score}, the baseline itself ({alone}); {why}."
    gain = float(row["gain"])
    against = f"{abs(gain):.0%} {'below' if gain >= 0 else 'above'} {alone}"
    if abs(gain) < 0.005:
        against = f"as good as {alone}"
    return f"{score}, {against}; {why}."
