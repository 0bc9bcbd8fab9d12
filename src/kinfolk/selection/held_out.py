"""Predictions of rows that methods were fitted without: the folds that a comparison and the guard share."""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Self

import joblib
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.selection.splitters import TaskKFold
from kinfolk.validation import response_names

Progress = Callable[[int, int, str], None]
Kind = Literal["regressor", "classifier"]
_NUMBERS = 10_000_000
BASELINE = {"regressor": "IndependentRidge", "classifier": "IndependentLogistic"}


@dataclass(frozen=True)
class Outcome:
    """What one method did in one fold: predictions of the test rows, or why there are none.

    ``deviation``: the standard deviation that it states for a new observation of each row, where it was asked and can.
    """

    method: str
    fold: int
    predicted: FloatArray | None
    seconds: float
    failure: str | None = None
    deviation: FloatArray | None = None


def hold_out(
    estimators: dict[str, BaseEstimator],
    X: Any,
    truth: Any,
    folds: Sequence[tuple[IntArray, IntArray]],
    *,
    classes: LabelArray,
    weights: FloatArray | None,
    n_jobs: int = 1,
    progress: Progress | None = None,
    deviations: bool = False,
) -> list[Outcome]:
    """Fit every method without each fold and predict it; by method and fold, failures among the outcomes.

    ``deviations``: ask methods with a posterior for the standard deviation of new observations, too.
    """
    jobs = [(name, fold) for name in estimators for fold in range(len(folds))]
    outcomes: list[Outcome] = []
    run = joblib.delayed(_fit_and_predict)
    calls = (
        run(name, fold, estimators[name], X, truth, classes, weights, *folds[fold], deviations) for name, fold in jobs
    )
    for outcome in joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")(calls):
        outcomes.append(outcome)
        if progress is not None:
            progress(len(outcomes), len(jobs), f"{outcome.method}, fold {outcome.fold + 1} of {len(folds)}")
    order = {name: place for place, name in enumerate(estimators)}
    return sorted(outcomes, key=lambda outcome: (order[outcome.method], outcome.fold))


def _fit_and_predict(
    name: str,
    fold: int,
    estimator: BaseEstimator,
    X: Any,
    truth: Any,
    classes: LabelArray,
    weights: FloatArray | None,
    train: IntArray,
    test: IntArray,
    deviations: bool,
) -> Outcome:
    start = time.perf_counter()
    fit_weights = {} if weights is None else {"sample_weight": weights[train]}
    try:
        fitted = clone(estimator).fit(_safe_indexing(X, train), _safe_indexing(truth, train), **fit_weights)
        seconds = time.perf_counter() - start
        tested = _safe_indexing(X, test)
        deviation = None
        if len(classes):
            predicted = _probabilities(fitted, tested, classes)
        elif deviations and states_deviation(fitted):
            predicted, deviation = fitted.predict(tested, return_std=True, observation_noise=True)
        else:
            predicted = np.asarray(fitted.predict(tested))
        return Outcome(name, fold, predicted, seconds, deviation=deviation)
    except InputError as error:  # shown in Comparison.failures; anything else is a bug and propagates
        return Outcome(name, fold, None, time.perf_counter() - start, str(error))


def states_deviation(fitted: Any) -> bool:
    """Whether a fitted regressor states the standard deviation of a new observation at little cost.

    It has ``predict(X, return_std=True, observation_noise=True)``; a mixture: all that it mixes have. Posterior
    covariances of all tasks ``(T, d + 1, d + 1)`` are to hold at most ten million numbers.
    """
    if "observation_noise" not in inspect.signature(fitted.predict).parameters:
        return False
    if hasattr(fitted, "estimators_"):
        return all(states_deviation(one) for one in fitted.estimators_.values())
    n_tasks, d = fitted.coef_.shape
    return bool(n_tasks * (d + 1) ** 2 <= _NUMBERS)


def _probabilities(fitted: Any, X: Any, classes: LabelArray) -> FloatArray:
    """Probabilities ``(n, n_classes)``; none for a class that the training part lacked."""
    if not hasattr(fitted, "predict_proba"):
        raise InputError("has no predict_proba, and classes are compared by their log loss")
    found = np.asarray(fitted.predict_proba(X))
    probability = np.zeros((len(found), len(classes)))
    probability[:, np.searchsorted(classes, fitted.classes_)] = found
    return probability


def named_methods(
    methods: str | Sequence[Any] | Mapping[str, Any], task: str | int | None, kind: Kind
) -> dict[str, BaseEstimator]:
    """Clones of the methods by name, simplest first, the baseline among them, with the task column set."""
    import kinfolk  # the public list is what "all" means

    public = {method.__name__: method for method in kinfolk.all_estimators(kind)}
    if isinstance(methods, str):
        methods = list(public) if methods == "all" else [methods]
    guard = kinfolk.GuardedRegressor if kind == "regressor" else kinfolk.GuardedClassifier
    public[guard.__name__] = guard
    pairs: list[tuple[str, Any]] = []
    for item in methods.items() if isinstance(methods, Mapping) else [(None, method) for method in methods]:
        name, method = item
        if isinstance(method, str):
            if method not in public:
                purpose = "numbers" if kind == "regressor" else "classes"
                raise InputError(f"There is no method {method!r} for {purpose}; there are {', '.join(public)}.")
            method = public[method]()
        if isinstance(method, type):
            raise InputError(f"methods holds a class, {method.__name__}: give an estimator, {method.__name__}(...).")
        pairs.append((name or type(method).__name__, method))
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Two methods are called {', '.join(twice)}: give a dict with a name for each.")
    named = {name: clone(method) for name, method in pairs}
    if BASELINE[kind] not in named:
        named[BASELINE[kind]] = public[BASELINE[kind]]()
    for estimator in named.values():
        if "task" in inspect.signature(type(estimator)).parameters and estimator.get_params(deep=False)["task"] is None:
            estimator.set_params(task=task)
    return dict(sorted(named.items(), key=lambda item: getattr(item[1], "simplicity", 100)))


def with_names(targets: FloatArray, y: Any) -> Any:
    """Targets of wide data as a frame with the names of their columns, where ``y`` has some."""
    names = response_names(y) if targets.ndim == 2 else None
    return targets if names is None else pd.DataFrame(targets, columns=names)


def folds_within(cv: Any, task: str | int | None, wide: bool, random_state: int | None) -> Any:
    """The splitter that ``cv`` names: K folds inside the tasks, for wide data over rows."""
    if isinstance(cv, str) or not (isinstance(cv, int) or hasattr(cv, "split")):
        raise InputError(f"cv must be a number of folds, or a splitter such as TaskKFold; got {cv!r}.")
    if not isinstance(cv, int):
        return cv
    return (KFold if wide else TaskKFold)(
        cv, shuffle=True, random_state=random_state, **({} if wide else {"task": task})
    )


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out observations, one after the other; for wide data a row has one for each response.

    Attributes
    ----------
    truth : (n,) array
    codes, folds, rows : (n,) array
        Task, fold and row of X.
    weights : (n,) array or None
    predictions : dict of str to (n,) array, or (n, n_classes)
    units : (T,) array or None
        For wide data the root mean square of each response about its mean.
    deviations : dict of str to (n,) array
        Stated standard deviations of the observations, of the methods that can.
    """

    truth: FloatArray
    codes: IntArray
    folds: IntArray
    rows: IntArray
    weights: FloatArray | None
    predictions: dict[str, FloatArray]
    units: FloatArray | None = None
    deviations: dict[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def lay_out(
        cls,
        targets: FloatArray,
        codes: IntArray,
        weights: FloatArray | None,
        folds: Sequence[tuple[IntArray, IntArray]],
        predictions: dict[str, FloatArray],
        deviations: Mapping[str, FloatArray] = MappingProxyType({}),
    ) -> Self:
        """From targets ``(n,)`` or ``(n, T)``, predictions and deviations of the folds' test parts in order."""
        rows = np.concatenate([test for _, test in folds])
        fold_of = np.repeat(np.arange(len(folds)), [len(test) for _, test in folds])
        if targets.ndim == 1:
            each = None if weights is None else weights[rows]
            return cls(targets[rows], codes[rows], fold_of, rows, each, predictions, deviations=dict(deviations))
        there, task_of = np.nonzero(~np.isnan(targets[rows]))
        return cls(
            targets[rows][there, task_of],
            task_of,
            fold_of[there],
            rows[there],
            None if weights is None else weights[rows][there],
            {name: predicted[there, task_of] for name, predicted in predictions.items()},
            np.maximum(np.nanstd(targets, axis=0), 1e-12 * np.nanmax(np.abs(targets), axis=0, initial=1e-300)),
            {name: deviation[there, task_of] for name, deviation in deviations.items()},
        )

    def stacked(self, names: Sequence[str]) -> FloatArray:
        """Predictions of these methods, ``(n, K)`` or ``(n, K, n_classes)``."""
        return np.stack([self.predictions[name] for name in names], axis=1)


def gathered(
    outcomes: Sequence[Outcome], names: Sequence[str], what: Literal["predicted", "deviation"] = "predicted"
) -> dict[str, FloatArray]:
    """What the methods said of all folds in order, of those that said it of every fold."""
    said = {name: [getattr(o, what) for o in outcomes if o.method == name] for name in names}
    return {name: np.concatenate(each) for name, each in said.items() if not any(one is None for one in each)}
