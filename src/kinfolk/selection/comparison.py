"""The result of a comparison: scores of the methods, gains of the tasks, and which method to use."""

import math
from dataclasses import dataclass, field
from html import escape
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.metrics import (
    auc_within,
    deviance_explained,
    explained_variance,
    explained_variance_within,
    pointwise_loss,
    shown_gain,
    task_mean,
    transfer_gain,
)
from kinfolk.selection.calibration import calibration_error, interval_coverage, reliability
from kinfolk.selection.held_out import HeldOut
from kinfolk.selection.recommendation import ALONE, BEATEN, ROUNDING, beats_the_mean, in_words, recommend

_NUMBERS = {"r2": "R2", "r2_within": "within", "rmse": "RMSE"}
MEASURES = {  # by the loss: columns of the table of methods, and what they are called
    "squared_error": _NUMBERS,
    "absolute_error": _NUMBERS,
    "log_loss": {"loss": "log loss", "d2": "D2", "auc": "AUC", "accuracy": "accuracy"},
}
GUARDS = ("GuardedRegressor", "GuardedClassifier")


@dataclass(frozen=True)
class Comparison:
    """Methods compared on the same folds.

    Attributes
    ----------
    methods : DataFrame
        One row a method, best first: ``method, loss``, the measures, ``gain, gain_se, helped, unharmed, hurt,
        fit_seconds``. Measures of a regression: ``r2, r2_within, rmse``; of a classification: ``d2`` (share of the
        log loss of the overall class shares that is saved), ``auc`` (two classes: mean over tasks of the area under the
        ROC curve within the task) and ``accuracy``. Gains are transfer gains against the baseline,
        ``1 - error / baseline error``, with paired standard errors clustered by task; helped and hurt count the tasks
        whose gain is beyond one of their own paired standard errors.
    tasks : DataFrame
        One row a task and method: ``task, n_rows, n_tested, method, error, baseline_error, gain, gain_se, verdict``,
        the verdict being ``helped``, ``unharmed``, ``hurt`` or ``untested`` (gains below 1e-9 are rounding).
    baseline : str
        What gains are against: ``IndependentRidge``, or ``PooledRidge`` where whole tasks are held out
        (``IndependentLogistic`` and ``PooledLogistic`` for classes).
    recommended, reason : str
        The simplest method whose mean loss is within one paired standard error of the best, and a sentence why; the
        guard in its place where it makes more than 2.5% of the tasks worse by two of their standard errors, the guard
        fewer, and the guard's loss is within one paired standard error of the best. Where no method predicts
        better than means of the other rows (classes: their shares) by a standard error, a second sentence says so.
    guard_weights : DataFrame or None
        The weight of every method in each ``task`` by the guard, as it would be fitted on all rows; None where there is
        no guard.
    failures : dict of method to message
        Methods that could not be fitted.
    predictions : dict of method to array
        Held-out predictions of the rows ``rows``; for classes their probabilities, in the order of the sorted classes.
    deviations : dict of method to array
        Standard deviations that methods state for the same new observations, noise included: of the regressors with a
        posterior, and of a guard over such. Nothing for classes, whose predictions say it, and for methods whose
        posterior covariances would hold more than ten million numbers, ``T (d + 1)^2``.
    rows, folds : integer arrays
        The rows that were tested, in the order of ``predictions``, and the fold each was tested in; for wide data a row
        stands once for each of its responses that is not missing.
    truth, codes : arrays
        What was observed there (for classes its index), and the place of its task among the sorted labels.
    data_summary, settings : dict
        What the table looks like; how the comparison was made.
    """

    methods: pd.DataFrame
    tasks: pd.DataFrame
    baseline: str
    recommended: str
    reason: str
    guard_weights: pd.DataFrame | None
    failures: dict[str, str]
    predictions: dict[str, FloatArray]
    deviations: dict[str, FloatArray]
    rows: IntArray
    folds: IntArray
    truth: FloatArray
    codes: IntArray
    data_summary: dict[str, Any]
    settings: dict[str, Any]
    estimators: dict[str, BaseEstimator] = field(repr=False)
    data: tuple[Any, Any, Any] = field(repr=False)

    @classmethod
    def from_predictions(
        cls,
        *,
        X: Any,
        y: Any,
        sample_weight: Any,
        estimators: dict[str, BaseEstimator],
        labels: LabelArray,
        n_rows: IntArray,
        tested: HeldOut,
        seconds: dict[str, float],
        baseline: str,
        guard_weights: pd.DataFrame | None,
        failures: dict[str, str],
        scoring: str,
        data_summary: dict[str, Any],
        settings: dict[str, Any],
    ) -> Self:
        """Score the held-out predictions of every method."""
        n_tasks, truth, task_of, each = len(labels), tested.truth, tested.codes, tested.weights
        losses = {name: pointwise_loss(truth, predicted, scoring) for name, predicted in tested.predictions.items()}
        n_tested = np.bincount(task_of, minlength=n_tasks)
        alone = task_mean(losses[baseline], task_of, n_tasks, each)
        table, per_task = [], []
        for name, loss in losses.items():
            gain = transfer_gain(loss, losses[baseline], task_of, n_tasks, each)
            verdict = np.full(n_tasks, "unharmed", dtype=object)
            verdict[n_tested == 0] = "untested"
            least = np.maximum(gain.standard_error, ROUNDING)
            verdict[gain.gain > least] = "helped"
            verdict[gain.gain < -least] = "hurt"
            frame = {
                "task": labels,
                "n_rows": n_rows,
                "n_tested": n_tested,
                "method": name,
                "error": task_mean(loss, task_of, n_tasks, each),
                "baseline_error": alone,
                "gain": gain.gain,
                "gain_se": gain.standard_error,
                "verdict": verdict,
            }
            per_task.append(pd.DataFrame(frame))
            table.append(
                {
                    "method": name,
                    "loss": float(np.average(loss, weights=each)),
                    **_measures(truth, tested.predictions[name], task_of, each, scoring),
                    "gain": gain.overall,
                    "gain_se": gain.overall_standard_error,
                    **{word: int((verdict == word).sum()) for word in ("helped", "unharmed", "hurt")},
                    "fit_seconds": seconds[name],
                }
            )
        methods = pd.DataFrame(table).sort_values("loss", kind="stable", ignore_index=True)
        everyone = pd.concat(per_task, ignore_index=True)
        guard = next((name for name in GUARDS if name in losses), None)
        recommended, reason = recommend(
            methods, everyone, losses, estimators, task_of, each, baseline=baseline, guard=guard, scoring=scoring
        )
        if baseline in ALONE and not beats_the_mean(truth, losses.values(), task_of, each, scoring):
            reason += f" {BEATEN[scoring]}"
        return cls(
            methods=methods,
            tasks=everyone,
            baseline=baseline,
            recommended=recommended,
            reason=reason,
            guard_weights=guard_weights,
            failures=failures,
            predictions=tested.predictions,
            deviations=tested.deviations,
            rows=tested.rows,
            folds=tested.folds,
            truth=truth,
            codes=task_of,
            data_summary=data_summary,
            settings=settings,
            estimators=estimators,
            data=(X, y, sample_weight),
        )

    @property
    def alone(self) -> str:
        """The baseline in words: fitting each task alone, or its name."""
        return in_words(self.baseline)

    @property
    def measures(self) -> dict[str, str]:
        """Columns of ``methods`` that measure them, with their headings; those that could be measured."""
        found = MEASURES[self.settings["scoring"]]
        return {name: heading for name, heading in found.items() if self.methods[name].notna().any()}

    @property
    def weights(self) -> FloatArray | None:
        """Weights of the observations, in the order of ``predictions``; None where all are equal."""
        given = self.data[2]
        return None if given is None else np.asarray(given, dtype=float)[self.rows]

    @property
    def calibration(self) -> pd.DataFrame:
        """Whether methods know how sure they are, best method first.

        For numbers ``method, level, coverage, coverage_se, width``: how many held-out observations are inside of
        central normal intervals (`kinfolk.selection.calibration.interval_coverage`), for methods with a posterior. For
        classes ``method, low, high, predicted, observed, observed_se, weight, n``: observed shares beside predicted
        probabilities (`kinfolk.selection.calibration.reliability`).
        """
        n_tasks = self.data_summary["n_tasks"]
        given = self.predictions if self.settings["scoring"] == "log_loss" else self.deviations
        found = []
        for name in self.methods["method"][self.methods["method"].isin(list(given))].astype(str):
            rest = self.codes, n_tasks, self.weights
            if given is self.deviations:
                table = interval_coverage(self.truth, self.predictions[name], given[name], *rest)
            else:
                table = reliability(self.truth, given[name], *rest)
            table.insert(0, "method", name)
            found.append(table)
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["method", "level", "coverage"])

    @property
    def calibration_error(self) -> dict[str, float]:
        """By method: the mean distance of coverage from its level; for classes the expected calibration error."""
        return {str(name): calibration_error(table) for name, table in self.calibration.groupby("method", sort=False)}

    def to_frame(self) -> pd.DataFrame:
        """Table of the methods, best first (a copy of ``methods``)."""
        return self.methods.copy()

    def to_dict(self) -> dict[str, Any]:
        """Everything but predictions and deviations, as what JSON can hold (None for what is not a number)."""
        plain: dict[str, Any] = _plain(
            {
                "recommended": self.recommended,
                "reason": self.reason,
                "baseline": self.baseline,
                "alone": self.alone,
                "measures": self.measures,
                "methods": self.methods.to_dict("records"),
                "tasks": self.tasks.to_dict("records"),
                "guard_weights": None if self.guard_weights is None else self.guard_weights.to_dict("records"),
                "calibration": self.calibration.to_dict("records"),
                "calibration_error": self.calibration_error,
                "failures": self.failures,
                "data": self.data_summary,
                "settings": self.settings,
            }
        )
        return plain

    def best_estimator(self, refit: bool = True) -> Any:
        """Return the recommended method, fitted on all rows (``refit=False``: not fitted)."""
        return self.refit(self.recommended) if refit else clone(self.estimators[self.recommended])

    def refit(self, method: str) -> Any:
        """Return one of the methods compared, fitted on all rows."""
        if method not in self.estimators:
            raise InputError(
                f"There is no method {method!r} in the comparison; there are {', '.join(self.estimators)}."
            )
        X, y, sample_weight = self.data
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return clone(self.estimators[method]).fit(X, y, **weights)

    def _repr_html_(self) -> str:
        """The table with the recommended method set off, and the recommendation, as a notebook shows them."""
        words = ("helped", "unharmed", "hurt")
        heads = ["method", *self.measures.values(), "gain", *words, "seconds"]
        rows = []
        for record in self.methods.to_dict("records"):
            cells = [str(record["method"]), *(f"{record[name]:.4g}" for name in self.measures)]
            if record["method"] == self.baseline:
                cells += ["baseline", "", "", ""]
            else:
                cells += [shown_gain(record["gain"], record["gain_se"]), *(str(record[word]) for word in words)]
            cells.append(f"{record['fit_seconds']:.3g}")
            style = " style='font-weight: bold'" if record["method"] == self.recommended else ""
            rows.append(f"<tr{style}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
        lines = [f"Use {self.reason}", *(f"Not fitted: {name}: {why}" for name, why in self.failures.items())]
        head, body = "".join(f"<th>{one}</th>" for one in heads), "".join(rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return table + "".join(f"<p>{escape(line)}</p>" for line in lines)

    def __str__(self) -> str:
        shown = self.methods.drop(columns="loss")
        lines = [
            shown.to_string(index=False, float_format=lambda value: f"{value:.4g}"),
            "",
            f"Use {self.reason}",
            *(f"Not fitted: {name}: {why}" for name, why in self.failures.items()),
        ]
        return "\n".join(lines)


def _measures(
    truth: FloatArray, predicted: FloatArray, task_of: IntArray, weights: FloatArray | None, scoring: str
) -> dict[str, float]:
    if scoring == "log_loss":
        right = predicted.argmax(axis=1) == truth
        two = predicted.shape[1] == 2
        return {
            "d2": deviance_explained(truth, predicted, weights),
            "auc": auc_within(truth, predicted[:, 1], task_of) if two else float("nan"),
            "accuracy": float(np.average(right, weights=weights)),
        }
    return {
        "r2": explained_variance(truth, predicted, weights),
        "r2_within": explained_variance_within(truth, predicted, task_of, weights),
        "rmse": math.sqrt(float(np.average((truth - predicted) ** 2, weights=weights))),
    }


def _plain(value: Any) -> Any:
    """Value with plain Python types only; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
