"""What the guarded regressor and classifier share: held-out folds, weights, refits, and who is asked about a row."""

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.base.estimator import TaskReader, lay_out
from kinfolk.exceptions import InputError
from kinfolk.metrics import transfer_gain
from kinfolk.selection.guard import Guard, guard
from kinfolk.selection.held_out import BASELINE, HeldOut, Kind, folds_within, gathered, hold_out, named_methods
from kinfolk.validation import Table, match_labels

CANDIDATES: dict[str, tuple[str, ...]] = {
    "regressor": (
        "IndependentRidge",
        "PooledRidge",
        "PartialPoolingRegressor",
        "SharedRepresentationRegressor",
        "TaskGraphRegressor",
    ),
    "classifier": (
        "IndependentLogistic",
        "PooledLogistic",
        "MeanRegularizedClassifier",
        "SharedRepresentationClassifier",
        "TaskGraphClassifier",
    ),
}


class Guarded(TaskReader):
    """What the two share: folds, weights, refits, and who predicts a row."""

    _kind: Kind
    simplicity = 90

    def __init__(
        self,
        candidates: str | Sequence[Any] | Mapping[str, Any] = "default",
        *,
        task: str | int | None = None,
        cv: int = 5,
        safe: float = 0.8,
        unseen: str = "raise",
        random_state: int | None = 0,
    ) -> None:
        self.candidates = candidates
        self.task = task
        self.cv = cv
        self.safe = safe
        self.unseen = unseen
        self.random_state = random_state

    @property
    def _not_kept(self) -> tuple[str, ...]:
        """Parameters that a model file does not hold: candidates are in it as they were fitted."""
        return () if isinstance(self.candidates, str) else ("candidates",)

    def _fit(self, X: Any, table: Table, truth: Any, targets: FloatArray, classes: LabelArray, weights: Any) -> None:
        self.tasks_, _, _, _ = lay_out(table, targets, weights, truth)
        codes = np.zeros(len(table.features), dtype=np.int64)
        if table.labels is not None:
            codes = match_labels(table.labels, self.tasks_)
        self._wide, self._task_position = targets.ndim == 2, table.task_position
        self.feature_names_ = list(table.feature_names)
        self._check_parameters()
        estimators = self._estimators()
        used = np.ones(len(codes), dtype=bool) if weights is None else weights > 0
        splitter = folds_within(self.cv, self.task, self._wide, self.random_state)
        groups = codes if self.task is None and not self._wide else None
        folds = [(a[used[a]], b[used[b]]) for a, b in splitter.split(X, truth, groups)] if used.sum() > self.cv else []
        folds = [(train, test) for train, test in folds if len(test)]
        outcomes = hold_out(estimators, X, truth, folds, classes=classes, weights=weights)
        failed = {outcome.method: outcome.failure for outcome in reversed(outcomes) if outcome.failure is not None}
        if failed:
            reasons = "; ".join(f"{name}: {why}" for name, why in failed.items())
            raise InputError(f"{len(failed)} of the candidates could not be fitted; leave them out. {reasons}")
        self.candidates_ = list(estimators)
        alone = self.candidates_.index(BASELINE[self._kind])
        if folds:
            tested = HeldOut.lay_out(targets, codes, weights, folds, gathered(outcomes, self.candidates_))
            self._weigh(tested, self._counts(targets, codes, used), alone)
        else:
            warnings.warn(
                f"{type(self).__name__} can hold out no row of {int(used.sum())}: every task keeps its own fit. "
                "Give more rows, or choose a single method.",
                UserWarning,
                stacklevel=3,
            )
            self._keep_alone(alone)
        given = {} if weights is None else {"sample_weight": weights}
        self.estimators_ = {name: clone(one).fit(X, truth, **given) for name, one in estimators.items()}

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not (isinstance(self.cv, int) and self.cv >= 2):
            raise InputError(f"cv must be a whole number of folds, at least 2; got {self.cv!r}.")
        if not self.safe >= 0.0:
            raise InputError(f"safe must be zero or more standard errors; got {self.safe!r}.")

    def _estimators(self) -> dict[str, BaseEstimator]:
        """The candidates by name, told of the task column; which tasks are unseen is asked of the guard."""
        default = isinstance(self.candidates, str) and self.candidates == "default"
        estimators = named_methods(CANDIDATES[self._kind] if default else self.candidates, self.task, self._kind)
        for one in estimators.values():
            if getattr(one, "has_population", False):
                one.set_params(unseen="population")
        return estimators

    def _counts(self, targets: FloatArray, codes: IntArray, used: Any) -> FloatArray:
        """Rows of each task."""
        if targets.ndim == 2:
            return np.asarray((~np.isnan(targets[used])).sum(axis=0), dtype=float)
        return np.bincount(codes[used], minlength=len(self.tasks_)).astype(float)

    def _weigh(self, tested: HeldOut, n_rows: FloatArray, alone: int) -> None:
        predictions = tested.stacked(self.candidates_)
        found: Guard = guard(
            predictions,
            tested.truth,
            tested.codes,
            tested.folds,
            n_rows=n_rows,
            alone=alone,
            safe=self.safe,
            weights=tested.weights,
            units=tested.units,
        )
        self.weights_, self.population_weights_ = found.weights, found.stacked.shared
        own = found.losses[:, alone]
        shared = transfer_gain(found.stacked.losses, own, tested.codes, len(n_rows), tested.weights)
        left = found.gains.leaves(self.safe)
        self.transfer_gain_ = np.where(left, shared.gain, 0.0)
        self.transfer_gain_se_ = np.where(left, shared.standard_error, 0.0)
        self.harmed_tasks_ = self.tasks_[~left & (shared.gain < -shared.standard_error)]

    def _keep_alone(self, alone: int) -> None:
        n_tasks, by_itself = len(self.tasks_), np.eye(len(self.candidates_))[alone]
        self.weights_, self.population_weights_ = np.tile(by_itself, (n_tasks, 1)), by_itself
        self.transfer_gain_, self.transfer_gain_se_ = np.zeros(n_tasks), np.zeros(n_tasks)
        self.harmed_tasks_ = self.tasks_[:0]

    def _row_weights(self, table: Table) -> FloatArray:
        """Weights of the candidates for each row, ``(n, K)``; wide data: for each response, ``(T, K)``."""
        if self._wide:
            return np.asarray(self.weights_)
        codes = self._codes(table)
        known = np.asarray(self.weights_[codes])
        return known if (codes >= 0).all() else np.where((codes >= 0)[:, None], known, self._for_strangers())

    def _for_strangers(self) -> FloatArray:
        """Weights for a task never seen: those of all tasks, among candidates that have a population model."""
        able = [bool(getattr(one, "has_population", False)) for one in self.estimators_.values()]
        shared = np.where(able, self.population_weights_, 0.0)
        if not any(able):
            raise InputError("None of the candidates has a population model for a task that fit has not seen.")
        return np.asarray(shared / shared.sum() if shared.sum() > 0.0 else np.array(able) / sum(able))

    def _asked(self, X: Any, ask: Any) -> tuple[int, list[tuple[IntArray | slice, FloatArray, Any]]]:
        """How many rows; and rows, their weights and the answer of each candidate that has a weight in some row."""
        check_is_fitted(self)
        table = self._read(X)
        weights = self._row_weights(table)
        asked: list[tuple[IntArray | slice, FloatArray, Any]] = []
        for one, w in zip(self.estimators_.values(), weights.T, strict=True):
            if self._wide and w.any():
                asked.append((slice(None), w, ask(one, X)))
            elif w.any():
                rows = np.flatnonzero(w)
                asked.append((rows, w[rows], ask(one, _safe_indexing(X, rows))))
        return len(table.features), asked

    def adapt(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn new tasks from their few rows: every candidate that can adapts, with the weights of all tasks.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only.

        Returns
        -------
        estimator
            A copy that also knows the new tasks; known ones predict what they did.

        Raises
        ------
        InputError
            A task is known already, no candidate can adapt, or the model has no task column.
        """
        check_is_fitted(self)
        able = [hasattr(one, "adapt") for one in self.estimators_.values()]
        shared = np.where(able, self.population_weights_, 0.0)
        if not shared.sum() > 0.0:
            raise InputError("adapt: none of the candidates that have a weight for all tasks can learn new tasks.")
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        new = copy.copy(self)
        new.estimators_ = {
            name: one.adapt(X, y, **given) if hasattr(one, "adapt") else one for name, one in self.estimators_.items()
        }
        first = next(one for one in new.estimators_.values() if hasattr(one, "adapt"))
        place = {task: t for t, task in enumerate(self.tasks_.tolist())}
        known = np.array([place.get(task, -1) for task in first.tasks_.tolist()])
        new.tasks_ = first.tasks_
        new.weights_ = np.where((known >= 0)[:, None], self.weights_[known], shared / shared.sum())
        for name in ("transfer_gain_", "transfer_gain_se_"):
            setattr(new, name, np.where(known >= 0, getattr(self, name)[known], np.nan))
        return new

    def _state(self) -> dict[str, Any]:
        """What a file holds beside the candidates.

        Raises
        ------
        InputError
            A candidate is not an estimator of kinfolk.
        """
        strangers = [name for name, one in self.estimators_.items() if not isinstance(one, TaskReader)]
        if strangers:
            raise InputError(
                f"A model file holds estimators of kinfolk only; {', '.join(strangers)} is not one. Use joblib where "
                "you trust the file."
            )
        names = ("tasks_", "weights_", "population_weights_", "transfer_gain_", "transfer_gain_se_", "harmed_tasks_")
        return {name: getattr(self, name) for name in names} | {
            "feature_names": self.feature_names_,
            "feature_names_in": list(getattr(self, "feature_names_in_", [])),
            "n_features_in": self.n_features_in_,
            "task_position": self._task_position,
            "wide": self._wide,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        """Make this the fitted model that `_state` described; ``estimators_`` are there already."""
        for name in ("weights_", "population_weights_", "transfer_gain_", "transfer_gain_se_"):
            setattr(self, name, state[name])
        for name in ("tasks_", "harmed_tasks_"):
            setattr(self, name, labels_of(state[name]))
        self.candidates_ = list(self.estimators_)
        self.feature_names_ = list(state["feature_names"])
        if state["feature_names_in"]:
            self.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        self.n_features_in_, self._task_position = state["n_features_in"], state["task_position"]
        self._wide = state["wide"]


def labels_of(found: Any) -> LabelArray:
    """Labels as a file holds them: numbers as an array, anything else as a list."""
    return found if isinstance(found, np.ndarray) else np.array(found, dtype=object)


def total(asked: list[tuple[IntArray | slice, FloatArray, FloatArray]], shape: tuple[int, ...]) -> FloatArray:
    """Weighted sum of what the candidates say."""
    total = np.zeros(shape)
    for rows, w, said in asked:
        total[rows] += (w[:, None] if said.ndim == 2 and isinstance(rows, np.ndarray) else w) * said
    return total
