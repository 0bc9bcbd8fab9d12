"""Fit several methods on the same folds and see, task by task, which way of sharing works."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import BaseEstimator

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.metrics import LOSSES, task_mean
from kinfolk.scaling import CONSTANT
from kinfolk.selection.comparison import Comparison
from kinfolk.selection.guard import guard
from kinfolk.selection.guarded import GuardedClassifier, GuardedRegressor
from kinfolk.selection.guarded_folds import add_guarded
from kinfolk.selection.held_out import (
    BASELINE,
    HeldOut,
    Kind,
    Progress,
    folds_within,
    gathered,
    hold_out,
    named_methods,
    with_names,
)
from kinfolk.selection.summary import data_summary
from kinfolk.validation import (
    check_classes,
    check_regression_target,
    check_table,
    check_target,
    check_weights,
    encode_labels,
    holds_classes,
    response_names,
)

_POPULATION_BASELINE = {"regressor": "PooledRidge", "classifier": "PooledLogistic"}


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
        ``IndependentLogistic``), the baseline, is always fitted; and `GuardedRegressor` (`GuardedClassifier`) over all
        that were compared is always shown, unless whole tasks are held out: its weights for a fold are made from what
        was predicted of the other folds, so it costs no fit. One that is asked for by name, or given, is fitted.
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
    >>> methods = ["PooledRidge", "PartialPoolingRegressor", "SharedRepresentationRegressor"]
    >>> kinfolk.compare(tasks.X, tasks.y, task="task", methods=methods).recommended
    'SharedRepresentationRegressor'
    """
    scoring = _loss(scoring, y)
    table = check_table(X, task=task)
    n_rows = len(table.features)
    weights = check_weights(sample_weight, n_rows=n_rows)
    if scoring == "log_loss":
        kind: Kind = "classifier"
        classes, targets = check_classes(y, n_rows=n_rows, used=None if weights is None else weights > 0)
        truth: Any = classes[targets.astype(np.int64)]
    else:
        kind, classes = "regressor", np.zeros(0)
        targets = check_target(y, n_rows=n_rows, allow_2d=task is None, allow_missing=task is None)
        truth = with_names(targets, y)
    wide = targets.ndim == 2
    labels, codes = _tasks(table.labels, targets, task, response_names(y))
    estimators = named_methods(methods if image_shape is None else _with_net(methods, kind, image_shape), task, kind)
    splitter = folds_within(cv, task, wide, random_state)
    folds = list(splitter.split(X, y))
    if weights is not None:  # a row of weight 0 is none
        folds = [(train[weights[train] > 0.0], test[weights[test] > 0.0]) for train, test in folds]
    folds = [(train, test) for train, test in folds if len(test)]
    if not folds:
        raise InputError("The splitter left no row to test: every task has one row. Use LeaveTasksOut.")
    whole_tasks = not wide and any(len(np.setdiff1d(codes[test], codes[train])) for train, test in folds)
    failures = _make_population(estimators, kind) if whole_tasks else {}
    observed = _observations(targets, codes)
    if kind == "regressor":
        _refuse_constant(*observed, y, whole_tasks=whole_tasks)
    baseline = (_POPULATION_BASELINE if whole_tasks else BASELINE)[kind]

    outcomes = hold_out(
        estimators, X, truth, folds, classes=classes, weights=weights, n_jobs=n_jobs, progress=progress, deviations=True
    )
    failures |= {outcome.method: outcome.failure for outcome in reversed(outcomes) if outcome.failure is not None}
    fitted = [name for name in estimators if name not in failures]
    if baseline not in fitted:
        reasons = "; ".join(f"{name}: {why}" for name, why in failures.items())
        raise InputError(f"The baseline {baseline} could not be fitted, so there is nothing to compare with. {reasons}")

    said = gathered(outcomes, fitted), gathered(outcomes, fitted, "deviation")
    tested = HeldOut.lay_out(targets, codes, weights, folds, *said)
    n_rows_of = np.bincount(observed[1], minlength=len(labels))
    compared, seconds = {name: estimators[name] for name in fitted}, dict.fromkeys(fitted, 0.0)
    for outcome in outcomes:
        if outcome.method in seconds:
            seconds[outcome.method] += outcome.seconds
    guard_weights = None
    name, guarded = _guarded(compared, task, kind, cv, random_state)
    if not whole_tasks and len(folds) > 1 and len(fitted) > 1 and name not in compared:
        given: dict[str, Any] = {
            "n_rows": n_rows_of.astype(float),
            "alone": fitted.index(baseline),
            "safe": guarded.safe,
        }
        add_guarded(tested, name, fitted, **given)
        said_of = tested.stacked(fitted), tested.truth, tested.codes, tested.folds
        whole = guard(*said_of, weights=tested.weights, units=tested.units, **given)
        guard_weights = pd.DataFrame(whole.weights, columns=fitted).assign(task=labels)
        compared[name], seconds[name] = guarded, sum(seconds.values())
    return Comparison.from_predictions(
        X=X,
        y=y,
        sample_weight=sample_weight,
        estimators=compared,
        labels=labels,
        n_rows=n_rows_of,
        tested=tested,
        seconds=seconds,
        baseline=baseline,
        guard_weights=guard_weights,
        failures=failures,
        scoring=scoring,
        data_summary=data_summary(table.features, list(table.feature_names), *observed, len(labels))
        | {"untested_rows": int(n_rows - len(np.unique(tested.rows))), "classes": _shares(classes, targets)},
        settings=_settings(task, splitter, scoring, random_state),
    )


def _guarded(
    compared: Mapping[str, BaseEstimator], task: str | int | None, kind: Kind, cv: Any, random_state: int | None
) -> tuple[str, Any]:
    """The guard over what is compared, and its name."""
    made = {"regressor": GuardedRegressor, "classifier": GuardedClassifier}[kind]
    return made.__name__, made(
        dict(compared), task=task, cv=cv if isinstance(cv, int) else 5, random_state=random_state
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


def _tasks(
    labels: LabelArray | None, targets: FloatArray, task: str | int | None, responses: LabelArray | None
) -> tuple[LabelArray, IntArray]:
    """Labels of the tasks and the task of each row (wide data: of each column)."""
    if targets.ndim == 2:
        codes = np.arange(targets.shape[1])
        return codes if responses is None else responses, codes
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


def _refuse_constant(values: FloatArray, codes: IntArray, y: Any, *, whole_tasks: bool) -> None:
    """A target that does not vary within tasks (overall, where whole tasks are held out) leaves nothing to compare."""
    means = (
        np.full(len(values), values.mean()) if whole_tasks else task_mean(values, codes, int(codes.max()) + 1)[codes]
    )
    deviations = values - means
    deviations[np.abs(deviations) <= CONSTANT * np.abs(values).max()] = 0.0
    if not deviations @ deviations > 0.0:
        raise InputError(
            f"The target {getattr(y, 'name', None) or 'y'!r} does not vary{'' if whole_tasks else ' within any task'}: "
            "there is nothing to predict from features. Choose another target, or other tasks."
        )


def _with_net(methods: Any, kind: Kind, image_shape: tuple[int, int, int]) -> Any:
    """The methods with a net for images among them, where they are all."""
    if not (isinstance(methods, str) and methods == "all"):
        return methods
    import kinfolk

    net = {"regressor": kinfolk.SharedFeatureRegressor, "classifier": kinfolk.SharedFeatureClassifier}[kind]
    return [
        *(method.__name__ for method in kinfolk.all_estimators(kind)),
        net(image_shape=image_shape, n_filters=64, max_iter=1000, early_stopping=True),
    ]


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
