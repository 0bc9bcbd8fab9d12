"""Fit several methods on the same folds and see, task by task, which way of sharing works."""

import inspect
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from kinfolk.validation import check_regression_target, check_table, check_target, check_weights, encode_labels

Progress = Callable[[int, int, str], None]
_BASELINE, _POPULATION_BASELINE = "IndependentRidge", "PooledRidge"


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
    scoring: str = "squared_error",
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
    task : str or int
        The task column; None for wide data.
    methods : "all", list of names or estimators, or dict of name to estimator, default="all"
        ``"all"``: every method that kinfolk exports. Any scikit-learn regressor that takes the task column in X may
        be among them. ``IndependentRidge``, the baseline, is always fitted.
    cv : int or splitter, default=5
        An int: `TaskKFold` with that many folds, so that every task is in every training part (wide data: `KFold`
        over rows). With a splitter that holds out whole tasks (`LeaveTasksOut`) the population predictions are
        compared, against ``PooledRidge``, since a task without rows cannot be fitted alone.
    scoring : {"squared_error", "absolute_error"}, default="squared_error"
        The loss of one observation.
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
        The data cannot be used, there are fewer than two tasks, the target is binary, or no method could be fitted.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=40, n_samples=20, n_features=10, rank=2, random_state=0)
    >>> kinfolk.compare(tasks.X, tasks.y, task="task").recommended
    'SharedRepresentationRegressor'
    """
    if scoring not in LOSSES:
        raise InputError(f"scoring must be one of {', '.join(map(repr, LOSSES))}; got {scoring!r}.")
    check_regression_target(y)
    table = check_table(X, task=task)
    n_rows = len(table.features)
    targets = check_target(y, n_rows=n_rows, allow_2d=task is None, allow_missing=task is None)
    weights = check_weights(sample_weight, n_rows=n_rows)
    wide = targets.ndim == 2
    labels, codes = _tasks(table.labels, targets, task)
    estimators = _named(methods, task)
    splitter = _splitter(cv, task, wide, random_state)
    folds = [(train, test) for train, test in splitter.split(X, y) if len(test)]
    if not folds:
        raise InputError("The splitter left no row to test: every task has one row. Use LeaveTasksOut.")
    whole_tasks = not wide and any(len(np.setdiff1d(codes[test], codes[train])) for train, test in folds)
    failures = _make_population(estimators) if whole_tasks else {}
    baseline = _POPULATION_BASELINE if whole_tasks else _BASELINE

    jobs = [(name, fold) for name in estimators for fold in range(len(folds))]
    outcomes: list[_Outcome] = []
    run = joblib.delayed(_fit_and_predict)
    calls = (run(name, fold, estimators[name], X, targets, weights, *folds[fold]) for name, fold in jobs)
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
        | {"untested_rows": int(n_rows - len(np.unique(tested)))},
        settings=_settings(task, splitter, scoring, random_state),
    )


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


def _named(methods: str | Sequence[Any] | Mapping[str, Any], task: str | int | None) -> dict[str, BaseEstimator]:
    """Clones of the methods by name, simplest first, the baseline among them, with the task column set."""
    import kinfolk  # the public list is what "all" means

    public = {method.__name__: method for method in kinfolk.all_estimators()}
    if isinstance(methods, str):
        methods = list(public) if methods == "all" else [methods]
    pairs: list[tuple[str, Any]] = []
    for item in methods.items() if isinstance(methods, Mapping) else [(None, method) for method in methods]:
        name, method = item
        if isinstance(method, str):
            if method not in public:
                raise InputError(f"There is no method {method!r}; there are {', '.join(public)}.")
            method = public[method]()
        pairs.append((name or type(method).__name__, method))
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Two methods are called {', '.join(twice)}: give a dict with a name for each.")
    named = {name: clone(method) for name, method in pairs}
    if not any(name == _BASELINE for name in named):
        named[_BASELINE] = public[_BASELINE]()
    for estimator in named.values():
        if "task" in inspect.signature(type(estimator)).parameters and estimator.get_params(deep=False)["task"] is None:
            estimator.set_params(task=task)
    return dict(sorted(named.items(), key=lambda item: getattr(item[1], "simplicity", 100)))


def _splitter(cv: Any, task: str | int | None, wide: bool, random_state: int | None) -> Any:
    if not isinstance(cv, int):
        return cv
    return (KFold if wide else TaskKFold)(
        cv, shuffle=True, random_state=random_state, **({} if wide else {"task": task})
    )


def _make_population(estimators: dict[str, BaseEstimator]) -> dict[str, str]:
    """Let methods predict for whole tasks that are held out; name those that cannot."""
    import kinfolk

    failures = {}
    if _POPULATION_BASELINE not in estimators:
        pooled = getattr(kinfolk, _POPULATION_BASELINE)(task=next(iter(estimators.values())).get_params()["task"])
        estimators[_POPULATION_BASELINE] = pooled
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
    targets: FloatArray,
    weights: FloatArray | None,
    train: IntArray,
    test: IntArray,
) -> _Outcome:
    start = time.perf_counter()
    fit_weights = {} if weights is None else {"sample_weight": weights[train]}
    try:
        fitted = clone(estimator).fit(_safe_indexing(X, train), targets[train], **fit_weights)
        seconds = time.perf_counter() - start
        return _Outcome(name, fold, np.asarray(fitted.predict(_safe_indexing(X, test))), seconds)
    except InputError as error:  # shown in Comparison.failures; anything else is a bug and propagates
        return _Outcome(name, fold, None, time.perf_counter() - start, str(error))


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
