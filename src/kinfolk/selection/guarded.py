r"""Estimators that mix methods task by task, and leave a task alone where sharing has not shown a gain."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Tags, _safe_indexing
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.base.estimator import TaskEstimator, lay_out
from kinfolk.exceptions import InputError
from kinfolk.metrics import transfer_gain
from kinfolk.selection.guard import Guard, guard
from kinfolk.selection.held_out import BASELINE, HeldOut, Kind, folds_within, gathered, hold_out, named_methods
from kinfolk.validation import Table, check_classes, check_seen, check_table, check_target, check_weights, match_labels

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


class _Guarded(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
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
        self.tasks_, _, _, _ = lay_out(table, targets, weights)
        codes = np.zeros(len(table.features), dtype=np.int64)
        if table.labels is not None:
            codes = match_labels(table.labels, self.tasks_)
        self._wide, self._task_position = targets.ndim == 2, table.task_position
        self.feature_names_ = list(table.feature_names)
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
        else:  # nothing can be held out: every task alone
            self._keep_alone(alone)
        given = {} if weights is None else {"sample_weight": weights}
        self.estimators_ = {name: clone(one).fit(X, truth, **given) for name, one in estimators.items()}

    def _estimators(self) -> dict[str, BaseEstimator]:
        """The candidates by name, told of the task column and of unseen tasks."""
        if self.unseen not in ("raise", "population"):
            raise InputError(f"unseen must be 'raise' or 'population'; got {self.unseen!r}.")
        if not (isinstance(self.cv, int) and self.cv >= 2):
            raise InputError(f"cv must be a whole number of folds, at least 2; got {self.cv!r}.")
        if not self.safe >= 0.0:
            raise InputError(f"safe must be zero or more standard errors; got {self.safe!r}.")
        default = isinstance(self.candidates, str) and self.candidates == "default"
        estimators = named_methods(CANDIDATES[self._kind] if default else self.candidates, self.task, self._kind)
        for one in estimators.values():
            if self.unseen == "population" and getattr(one, "has_population", False):
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

    def _row_weights(self, X: Any) -> FloatArray:
        """Weights of the candidates for each row, ``(n, K)``; wide data: for each response, ``(T, K)``."""
        check_is_fitted(self)
        table = check_table(X, task=self.task, task_position=self._task_position)
        validate_data(self, X=X, skip_check_array=True, reset=False)
        if self._wide:
            return np.asarray(self.weights_)
        if table.labels is None:
            return np.asarray(self.weights_[np.zeros(len(table.features), dtype=np.int64)])
        if self.unseen == "raise":
            remedy = "Use unseen='population' for the population prediction, or adapt(X, y) to learn them."
            return np.asarray(self.weights_[check_seen(table.labels, self.tasks_, remedy=remedy)])
        codes = match_labels(table.labels, self.tasks_)
        return np.where((codes >= 0)[:, None], self.weights_[codes], self._for_strangers())

    def _for_strangers(self) -> FloatArray:
        """Weights for a task never seen: those of all tasks, among candidates that have a population model."""
        able = [bool(getattr(one, "has_population", False)) for one in self.estimators_.values()]
        shared = np.where(able, self.population_weights_, 0.0)
        if not any(able):
            raise InputError("None of the candidates has a population model for a task that fit has not seen.")
        return np.asarray(shared / shared.sum() if shared.sum() > 0.0 else np.array(able) / sum(able))

    def _asked(self, X: Any, ask: Any) -> list[tuple[IntArray | slice, FloatArray, Any]]:
        """Rows, their weights and the answer of each candidate that has a weight in some row."""
        weights = self._row_weights(X)
        asked: list[tuple[IntArray | slice, FloatArray, Any]] = []
        for one, w in zip(self.estimators_.values(), weights.T, strict=True):
            if self._wide and w.any():
                asked.append((slice(None), w, ask(one, X)))
            elif w.any():
                rows = np.flatnonzero(w)
                asked.append((rows, w[rows], ask(one, _safe_indexing(X, rows))))
        return asked

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
        strangers = [name for name, one in self.estimators_.items() if not isinstance(one, TaskEstimator)]
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
            setattr(self, name, _labels(state[name]))
        self.candidates_ = list(self.estimators_)
        self.feature_names_ = list(state["feature_names"])
        if state["feature_names_in"]:
            self.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        self.n_features_in_, self._task_position = state["n_features_in"], state["task_position"]
        self._wide = state["wide"]


def _labels(found: Any) -> LabelArray:
    """Labels as a file holds them: numbers as an array, anything else as a list."""
    return found if isinstance(found, np.ndarray) else np.array(found, dtype=object)


def _total(asked: list[tuple[IntArray | slice, FloatArray, FloatArray]], shape: tuple[int, ...]) -> FloatArray:
    """Weighted sum of what the candidates say."""
    total = np.zeros(shape)
    for rows, w, said in asked:
        total[rows] += (w[:, None] if said.ndim == 2 and isinstance(rows, np.ndarray) else w) * said
    return total


class GuardedRegressor(RegressorMixin, _Guarded):  # type: ignore[misc]  # scikit-learn is untyped
    r"""Mix regression methods task by task, and leave a task alone where sharing has not shown a gain.

    All candidates predict the same held-out rows. With residuals r of task t,

    .. math:: w_t = \arg\min_{w \in \Delta} \; w^\top (R_t + \tau \bar R) w, \qquad
              R_t = \sum_{i \in t} r_i r_i^\top, \quad \bar R = \tfrac1n \sum_s R_s, \quad \tau = 300,

    the prediction being :math:`\sum_k w_{tk} f_k(x)` with candidates that are fitted again on all rows. Then the gain
    of each task over its independent fit, measured with weights that were made without the fold, is shrunk to the gains
    of all tasks, and where its posterior mean is not above ``safe`` posterior standard deviations the task keeps its
    independent fit exactly.

    Parameters
    ----------
    candidates : "default", list of estimators or names, or dict of name to estimator, default="default"
        ``"default"``: independent, pooled, partial pooling, shared representation and task graph. Any scikit-learn
        regressor that takes the task column in X may be among them; ``IndependentRidge`` always is.
    task : str, int or None, default=None
        The column of X that says which task a row belongs to. None: one task, or one for each column of a 2-D ``y``.
    cv : int, default=5
        Folds inside the tasks, the same for all candidates.
    safe : float, default=0.8
        Posterior standard deviations by which a gain has to exceed zero. 0 lets every task go whose expected gain is
        positive; larger values protect more and gain less.
    unseen : {"raise", "population"}, default="raise"
        What `predict` does with a task that `fit` has not seen: an error that names the tasks, or the candidates'
        population predictions by the weights of all tasks.
    random_state : int or None, default=0
        Deals the rows over the folds.

    Attributes
    ----------
    weights_ : (T, K) array
        Convex weights of the candidates in each task.
    candidates_ : list of str
        Their names, in the order of the columns.
    estimators_ : dict of str to estimator
        Fitted on all rows.
    population_weights_ : (K,) array
        Weights that suit all tasks together.
    transfer_gain_, transfer_gain_se_ : (T,) array
        Gain of each task over its independent fit with its paired standard error, on held-out rows; zero where the
        task keeps it. Tasks were let go by the same rows, so this is a little hopeful: `compare` measures it honestly.
    harmed_tasks_ : array
        Tasks whose independent fit was kept and that sharing would have harmed by more than one standard error.
    tasks_ : (T,) array
    feature_names_ : list of str

    Notes
    -----
    Stacking: Wolpert (1992), Breiman (1996). Shrinkage of the gains: Morris (1983), DerSimonian and Laird (1986). A fit
    costs the candidates' own cross-validation and one fit more.

    Examples
    --------
    >>> from kinfolk import GuardedRegressor
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=30, n_samples=15, n_features=8, rank=2, random_state=0)
    >>> model = GuardedRegressor(["PartialPoolingRegressor"], task="task").fit(tasks.X, tasks.y)
    >>> model.candidates_, model.weights_.shape, bool(model.transfer_gain_.mean() > 0.1)
    (['IndependentRidge', 'PartialPoolingRegressor'], (30, 2), True)
    """

    _kind = "regressor"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Weigh the candidates by held-out rows, then fit them on all.

        Parameters
        ----------
        X : DataFrame (pandas, polars, ...) or array, (n, d) or with the task column (n, d + 1)
        y : (n,), or (n, T) for wide data
        sample_weight : (n,) array, optional

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data or parameters cannot be used, or a candidate could not be fitted.
        """
        table = check_table(X, task=self.task)
        validate_data(self, X=X, skip_check_array=True)
        targets = check_target(
            y, n_rows=len(table.features), allow_2d=self.task is None, allow_missing=self.task is None
        )
        weights = check_weights(sample_weight, n_rows=len(table.features))
        self._fit(X, table, targets, targets, np.zeros(0), weights)
        return self

    def predict(self, X: Any, return_std: bool = False, observation_noise: bool = False) -> Any:
        """Predict each row by the candidates that its task weighs.

        Parameters
        ----------
        X : as in fit
        return_std : bool, default=False
            Also return the standard deviation of the mixture: of the candidates' own, and of their differences.
        observation_noise : bool, default=False
            Include the noise of a new observation in the standard deviation.

        Returns
        -------
        mean : (n,) array, or (n, T) for wide data
        std : array of the same shape, only with ``return_std=True``

        Raises
        ------
        UnseenTaskError
            A row belongs to a task that is not in ``tasks_``, and ``unseen="raise"``.
        InputError
            A candidate with a weight cannot say its uncertainty.
        """

        def ask(one: Any, rows: Any) -> Any:
            if not return_std:
                return np.asarray(one.predict(rows)), None
            if "return_std" not in inspect.signature(one.predict).parameters:
                raise InputError(f"{type(one).__name__} has no return_std, and it has a weight: leave it out.")
            more = {"observation_noise": True} if observation_noise else {}
            return one.predict(rows, return_std=True, **more)

        asked = self._asked(X, ask)
        n = len(check_table(X, task=self.task, task_position=self._task_position).features)
        shape = (n, len(self.tasks_)) if self._wide else (n,)
        mean = _total([(rows, w, said[0]) for rows, w, said in asked], shape)
        if not return_std:
            return mean
        variance = _total([(rows, w, said[1] ** 2 + (said[0] - mean[rows]) ** 2) for rows, w, said in asked], shape)
        return mean, np.sqrt(variance)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2 over all rows (wide data: over all responses, those that are missing left out)."""
        predicted = self.predict(X)
        truth = check_target(y, n_rows=len(predicted), allow_2d=self._wide, allow_missing=self._wide)
        if not self._wide:
            return float(r2_score(truth, predicted, sample_weight=sample_weight))
        scores = [r2_score(truth[there, t], predicted[there, t]) for t, there in enumerate(~np.isnan(truth.T))]
        return float(np.mean(scores))

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that ``y`` may be 2-D."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.task is None
        return tags


class GuardedClassifier(ClassifierMixin, _Guarded):  # type: ignore[misc]  # scikit-learn is untyped
    r"""Mix classification methods task by task, and leave a task alone where sharing has not shown a gain.

    Like `GuardedRegressor`, by the log loss of mixed probabilities: with a Dirichlet prior at the weights
    :math:`\bar w` of all tasks,

    .. math:: w_t = \arg\max_{w \in \Delta} \; \sum_{i \in t} \log \sum_k w_k p_k(y_i \mid x_i)
              + \tau \sum_k \bar w_k \log w_k .

    Parameters
    ----------
    candidates : "default", list of estimators or names, or dict of name to estimator, default="default"
        ``"default"``: independent, pooled, mean-regularised, shared representation and task graph. Any scikit-learn
        classifier with probabilities that takes the task column in X may be among them; ``IndependentLogistic`` is.
    task, cv, safe, unseen, random_state
        As in `GuardedRegressor`.

    Attributes
    ----------
    classes_ : (n_classes,) array
    weights_, candidates_, estimators_, population_weights_, transfer_gain_, transfer_gain_se_, harmed_tasks_, tasks_
        As in `GuardedRegressor`; gains are of the log loss.

    Examples
    --------
    >>> from kinfolk import GuardedClassifier
    >>> from kinfolk.datasets import make_shared_classification
    >>> tasks = make_shared_classification(n_tasks=12, n_samples=30, n_features=5, rank=1, random_state=0)
    >>> model = GuardedClassifier(["PooledLogistic"], task="task").fit(tasks.X, tasks.y)
    >>> model.predict_proba(tasks.X).shape
    (360, 2)
    """

    _kind = "classifier"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Weigh the candidates by held-out rows, then fit them on all.

        Parameters
        ----------
        X : DataFrame (pandas, polars, ...) or array, with the task column (n, d + 1)
        y : (n,), class labels
        sample_weight : (n,) array, optional

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data or parameters cannot be used, or a candidate could not be fitted.
        """
        table = check_table(X, task=self.task)
        validate_data(self, X=X, skip_check_array=True)
        weights = check_weights(sample_weight, n_rows=len(table.features))
        used = None if weights is None else weights > 0
        self.classes_, targets = check_classes(y, n_rows=len(table.features), used=used)
        self._fit(X, table, self.classes_[targets.astype(np.int64)], targets, self.classes_, weights)
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Probability of each class, ``(n, n_classes)``, in the order of ``classes_``."""
        asked = self._asked(X, lambda one, rows: self._probabilities(one, rows))
        n = len(check_table(X, task=self.task, task_position=self._task_position).features)
        return _total(asked, (n, len(self.classes_)))

    def _probabilities(self, one: Any, X: Any) -> FloatArray:
        found = np.zeros((len(X), len(self.classes_)))
        found[:, np.searchsorted(self.classes_, one.classes_)] = one.predict_proba(X)
        return found

    def predict(self, X: Any) -> LabelArray:
        """Most probable class of each row."""
        labels: LabelArray = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of rows whose class is predicted (accuracy)."""
        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))

    def _state(self) -> dict[str, Any]:
        return super()._state() | {"classes_": self.classes_}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self.classes_ = _labels(state["classes_"])
