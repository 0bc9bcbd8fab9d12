"""Fit several methods on the same folds and see, task by task, which way of sharing works."""

import inspect
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import joblib
import numpy as np
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.metrics import LOSSES
from kinfolk.selection.comparison import Comparison
from kinfolk.selection.splitters import TaskKFold
from kinfolk.selection.summary import data_summary
from kinfolk.validation import (
    check_classes,
    check_regression_target,
    check_table,
    check_target,
    check_weights,
    encode_labels,
    holds_classes,
)

Progress = Callable[[int, int, str], None]
_BASELINE = {"regressor": "IndependentRidge", "classifier": "IndependentLogistic"}
_POPULATION_BASELINE = {"regressor": "PooledRidge", "classifier": "PooledLogistic"}


@dataclass(frozen=True)
class _Outcome:
    """What one method did in one fold: predictions of the test rows, or why there are none."""

    method: str
    fold: int
    predicted: FloatArray | None
    seconds: float
    failure: str | None = None


def compare(
    X: Any,
    y: Any,
    *,
    task: str | int | None = None,
    methods: str | Sequence[Any] | Mapping[str, Any] = "all",
    cv: Any = 5,
    scoring: str = "auto",
    image_shape: tuple[int, int, int] | None = None,
    random_state: int | None = 0,
    n_jobs: int = 1,
    progress: Progress | None = None,
    sample_weight: Any = None,
) -> Comparison:
    """Compare methods by one cross-validation with the same folds for all, against fitting each task alone.

    Parameters
    ----------
    X : DataFrame or array, (n, d + 1) with the task column; for wide data (n, d)
    y : (n,); for wide data (n, T), each response a task, NaN where it is missing
        Numbers, or classes: text, categories, booleans, or numbers with two distinct values over at least 20 rows.
    task : str or int
        The task column; None for wide data.
    methods : "all", list of names or estimators, or dict of name to estimator, default="all"
        ``"all"``: every method that kinfolk exports for the kind of target. Any scikit-learn regressor (classifier with
        probabilities) that takes the task column in X may be among them. ``IndependentRidge`` (for classes
        ``IndependentLogistic``), the baseline, is always fitted.
    cv : int or splitter, default=5
        An int: `TaskKFold` with that many folds, so that every task is in every training part (wide data: `KFold`
        over rows). With a splitter that holds out whole tasks (`LeaveTasksOut`) the population predictions are
        compared, against ``PooledRidge`` (``PooledLogistic``), since a task without rows cannot be fitted alone.
    scoring : {"auto", "squared_error", "absolute_error", "log_loss"}, default="auto"
        The loss of one observation. ``"auto"``: the log loss of its class for classes, else the squared error;
        ``"log_loss"`` takes whole numbers for classes, too.
    image_shape : (channels, height, width), optional
        The columns beside the task are the pixels of images, in C order: then `SharedFeatureClassifier` (for numbers
        `SharedFeatureRegressor`) with 64 filters over whole images and early stopping is one of ``"all"``, too.
    random_state : int or None, default=0
        Deals the rows over the folds.
    n_jobs : int, default=1
        Threads over methods and folds; the result does not depend on it.
    progress : callable, optional
        Called as ``progress(done, total, what)`` whenever a method has finished a fold.
    sample_weight : (n,) array, optional
        Weights of the rows in fitting and in the mean losses.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        The data cannot be used, there are fewer than two tasks, the target is not what ``scoring`` is for, or no method
        could be fitted.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=40, n_samples=20, n_features=10, rank=2, random_state=0)
    >>> kinfolk.compare(tasks.X, tasks.y, task="task").recommended
    'SharedRepresentationRegressor'
    """
    scoring = _loss(scoring, y)
    table = check_table(X, task=task)
    n_rows = len(table.features)
    weights = check_weights(sample_weight, n_rows=n_rows)
    if scoring == "log_loss":
        kind: Literal["regressor", "classifier"] = "classifier"
        classes, targets = check_classes(y, n_rows=n_rows, used=None if weights is None else weights > 0)
        truth: Any = classes[targets.astype(np.int64)]
    else:
        kind, classes = "regressor", np.zeros(0)
        truth = targets = check_target(y, n_rows=n_rows, allow_2d=task is None, allow_missing=task is None)
    wide = targets.ndim == 2
    labels, codes = _tasks(table.labels, targets, task)
    estimators = _named(methods if image_shape is None else _with_net(methods, kind, image_shape), task, kind)
    splitter = _splitter(cv, task, wide, random_state)
    folds = [(train, test) for train, test in splitter.split(X, y) if len(test)]
    if not folds:
        raise InputError("The splitter left no row to test: every task has one row. Use LeaveTasksOut.")
    whole_tasks = not wide and any(len(np.setdiff1d(codes[test], codes[train])) for train, test in folds)
    failures = _make_population(estimators, kind) if whole_tasks else {}
    baseline = (_POPULATION_BASELINE if whole_tasks else _BASELINE)[kind]

    jobs = [(name, fold) for name in estimators for fold in range(len(folds))]
    outcomes: list[_Outcome] = []
    run = joblib.delayed(_fit_and_predict)
    calls = (run(name, fold, estimators[name], X, truth, classes, weights, *folds[fold]) for name, fold in jobs)
    for outcome in joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")(calls):
        outcomes.append(outcome)
        if progress is not None:
            progress(len(outcomes), len(jobs), f"{outcome.method}, fold {outcome.fold + 1} of {len(folds)}")
    outcomes.sort(key=lambda outcome: (list(estimators).index(outcome.method), outcome.fold))
    failures |= {outcome.method: outcome.failure for outcome in reversed(outcomes) if outcome.failure is not None}
    fitted = [name for name in estimators if name not in failures]
    if baseline not in fitted:
        reasons = "; ".join(f"{name}: {why}" for name, why in failures.items())
        raise InputError(f"The baseline {baseline} could not be fitted, so there is nothing to compare with. {reasons}")

    tested = np.concatenate([test for _, test in folds])
    fold_of = np.repeat(np.arange(len(folds)), [len(test) for _, test in folds])
    predictions = {
        name: np.concatenate([o.predicted for o in outcomes if o.method == name and o.predicted is not None])
        for name in fitted
    }
    return Comparison.from_predictions(
        X=X,
        y=y,
        sample_weight=sample_weight,
        estimators={name: estimators[name] for name in fitted},
        labels=labels,
        codes=codes,
        targets=targets,
        weights=weights,
        rows=tested,
        folds=fold_of,
        predictions=predictions,
        seconds={name: sum(o.seconds for o in outcomes if o.method == name) for name in fitted},
        baseline=baseline,
        failures=failures,
        scoring=scoring,
        data_summary=data_summary(
            table.features, list(table.feature_names), *_observations(targets, codes), len(labels)
        )
        | {"untested_rows": int(n_rows - len(np.unique(tested))), "classes": _shares(classes, targets)},
        settings=_settings(task, splitter, scoring, random_state),
    )


def _loss(scoring: str, y: Any) -> str:
    """The loss to compare by."""
    if scoring not in ("auto", *LOSSES):
        raise InputError(f"scoring must be 'auto' or one of {', '.join(map(repr, LOSSES))}; got {scoring!r}.")
    if scoring == "auto":
        return "log_loss" if holds_classes(y) else "squared_error"
    if scoring != "log_loss":
        check_regression_target(y)
    return scoring


def _shares(classes: LabelArray, targets: FloatArray) -> dict[str, float]:
    """Share of each class, by its name; empty for numbers."""
    if not len(classes):
        return {}
    counts = np.bincount(targets.astype(np.int64), minlength=len(classes)) / len(targets)
    return {str(name): float(share) for name, share in zip(classes, counts, strict=True)}


def _tasks(labels: LabelArray | None, targets: FloatArray, task: str | int | None) -> tuple[LabelArray, IntArray]:
    """Labels of the tasks and the task of each row (wide data: of each column)."""
    if targets.ndim == 2:
        return np.arange(targets.shape[1]), np.arange(targets.shape[1])
    if labels is None:
        raise InputError(
            "compare needs tasks: give task= (the column of X that says which task a row belongs to), "
            "or a y with several columns (each a task)."
        )
    found, codes = encode_labels(labels)
    if len(found) < 2:
        raise InputError(
            f"The task column {task!r} holds a single task, {found[0]!r}: there is nothing to share. "
            "Give the column that tells the tasks apart, or use scikit-learn's Ridge for one task."
        )
    return found, codes


def _observations(targets: FloatArray, codes: IntArray) -> tuple[FloatArray, IntArray]:
    if targets.ndim == 1:
        return targets, codes
    rows, columns = np.nonzero(~np.isnan(targets))
    return targets[rows, columns], columns


def _named(
    methods: str | Sequence[Any] | Mapping[str, Any], task: str | int | None, kind: Literal["regressor", "classifier"]
) -> dict[str, BaseEstimator]:
    """Clones of the methods by name, simplest first, the baseline among them, with the task column set."""
    import kinfolk  # the public list is what "all" means

    public = {method.__name__: method for method in kinfolk.all_estimators(kind)}
    if isinstance(methods, str):
        methods = list(public) if methods == "all" else [methods]
    pairs: list[tuple[str, Any]] = []
    for item in methods.items() if isinstance(methods, Mapping) else [(None, method) for method in methods]:
        name, method = item
        if isinstance(method, str):
            if method not in public:
                purpose = "numbers" if kind == "regressor" else "classes"
                raise InputError(f"There is no method {method!r} for {purpose}; there are {', '.join(public)}.")
            method = public[method]()
        pairs.append((name or type(method).__name__, method))
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Two methods are called {', '.join(twice)}: give a dict with a name for each.")
    named = {name: clone(method) for name, method in pairs}
    if _BASELINE[kind] not in named:
        named[_BASELINE[kind]] = public[_BASELINE[kind]]()
    for estimator in named.values():
        if "task" in inspect.signature(type(estimator)).parameters and estimator.get_params(deep=False)["task"] is None:
            estimator.set_params(task=task)
    return dict(sorted(named.items(), key=lambda item: getattr(item[1], "simplicity", 100)))


def _with_net(methods: Any, kind: Literal["regressor", "classifier"], image_shape: tuple[int, int, int]) -> Any:
    """The methods with a net for images among them, where they are all."""
    if not (isinstance(methods, str) and methods == "all"):
        return methods
    import kinfolk

    net = {"regressor": kinfolk.SharedFeatureRegressor, "classifier": kinfolk.SharedFeatureClassifier}[kind]
    return [
        *(method.__name__ for method in kinfolk.all_estimators(kind)),
        net(image_shape=image_shape, n_filters=64, max_iter=1000, early_stopping=True),
    ]


def _splitter(cv: Any, task: str | int | None, wide: bool, random_state: int | None) -> Any:
    if not isinstance(cv, int):
        return cv
    return (KFold if wide else TaskKFold)(
        cv, shuffle=True, random_state=random_state, **({} if wide else {"task": task})
    )


def _make_population(estimators: dict[str, BaseEstimator], kind: str) -> dict[str, str]:
    """Let methods predict for whole tasks that are held out; name those that cannot."""
    import kinfolk

    failures = {}
    pooled = _POPULATION_BASELINE[kind]
    if pooled not in estimators:
        estimators[pooled] = getattr(kinfolk, pooled)(task=next(iter(estimators.values())).get_params()["task"])
    for name in list(estimators):
        if not getattr(estimators[name], "has_population", True):
            failures[name] = (
                "has no prediction for a task without rows, and this cross-validation holds out whole tasks"
            )
            del estimators[name]
        elif "unseen" in estimators[name].get_params(deep=False):
            estimators[name].set_params(unseen="population")
    return failures


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
) -> _Outcome:
    start = time.perf_counter()
    fit_weights = {} if weights is None else {"sample_weight": weights[train]}
    try:
        fitted = clone(estimator).fit(_safe_indexing(X, train), truth[train], **fit_weights)
        seconds = time.perf_counter() - start
        tested = _safe_indexing(X, test)
        predicted = _probabilities(fitted, tested, classes) if len(classes) else np.asarray(fitted.predict(tested))
        return _Outcome(name, fold, predicted, seconds)
    except InputError as error:  # shown in Comparison.failures; anything else is a bug and propagates
        return _Outcome(name, fold, None, time.perf_counter() - start, str(error))


def _probabilities(fitted: Any, X: Any, classes: LabelArray) -> FloatArray:
    """Probabilities ``(n, n_classes)``; none for a class that the training part lacked."""
    if not hasattr(fitted, "predict_proba"):
        raise InputError("has no predict_proba, and classes are compared by their log loss")
    found = np.asarray(fitted.predict_proba(X))
    probability = np.zeros((len(found), len(classes)))
    probability[:, np.searchsorted(classes, fitted.classes_)] = found
    return probability


def _settings(task: str | int | None, splitter: Any, scoring: str, random_state: int | None) -> dict[str, Any]:
    import kinfolk

    return {
        "task": task,
        "cv": " ".join(str(splitter).split()),
        "scoring": scoring,
        "random_state": random_state,
        "versions": {
            "kinfolk": kinfolk.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
