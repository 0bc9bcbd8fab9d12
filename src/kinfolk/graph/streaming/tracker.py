"""The estimator of tasks on a graph that is learned from a stream of their rows."""

from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import BoolArray, FloatArray, LabelArray
from kinfolk.base.description import Described
from kinfolk.exceptions import InputError
from kinfolk.graph.parameters import given_graph
from kinfolk.graph.streaming.attributes import StreamAttributes
from kinfolk.graph.streaming.network import Network
from kinfolk.scaling import Scaling
from kinfolk.validation import (
    Table,
    check_classes,
    check_seen,
    check_table,
    check_target,
    check_weights,
    encode_labels,
    match_classes,
    match_labels,
)

MODES = ("track", "diffusion", "independent", "consensus")
LOSSES = ("squared", "logistic")


def _has_classes(tracker: "TaskGraphTracker") -> bool:
    return bool(tracker.loss == "logistic")


class TaskGraphTracker(StreamAttributes, Described):
    r"""Tasks that arrive row by row, each learning alone and leaning on the neighbours of a graph learned on the way.

    .. math:: w_k \leftarrow w_k - \mu\, \psi(e)\, u / \max(\|u\|^2, p_k), \qquad
              X = (I + \operatorname{diag}(s) L)^{-1} W :

    own iterates W move by normalised steps with clipped residuals (`kinfolk.graph.streaming.learner`); the served
    models X are what the iterates say together with the graph, one step of Jacobi a row
    (`kinfolk.graph.streaming.served`). From one and a half rows for each coefficient on, ever more rarely and at last
    every ``4 M / step`` rows of a task, L is estimated anew, from running means of the own iterates and the variance s
    of their errors, by EM: never from models that have already leaned on each other, which would join ever more
    strongly what is joined.

    Parameters
    ----------
    mode : {"track", "diffusion", "independent", "consensus"}, default="track"
        ``"track"``: as above. ``"diffusion"``: adapt, then combine with the Laplacian (arXiv 2608.26989, algorithm 1),
        its strength chosen from the graph. ``"independent"``: every task alone. ``"consensus"``: adapt, then average
        with the neighbours of ``graph`` by Metropolis weights, or with all tasks.
    loss : {"squared", "logistic"}, default="squared"
        Logistic: targets 0 and 1; then `predict_proba` is there.
    step : float in (0, 1], default=0.2
        :math:`\mu`, relative to the largest step that overshoots no row: larger forgets faster and is noisier. A task
        forgets its start in ``M / step`` rows, M the number of coefficients.
    graph : DataFrame, or (T, T) array, optional
        Known non-negative symmetric weights between tasks, by label (an array: in the order of the sorted labels, all
        tasks being in the first call). Only their common strength is learned.
    n_neighbors : int, default=12
        Candidates of each task for edges.
    task : str, int or None, default=None
        The column of X that says which task a row belongs to. None: one task.
    fit_intercept : bool, default=True
        Each task has its own intercept, which leans on nobody.
    standardize : bool, default=True
        Features in units of their standard deviation over the rows of the first call (the target, too, for the squared
        loss): let these be typical ones.
    unseen : {"raise", "population"}, default="raise"
        What `predict` does with a task that it has not seen: an error that names it, or the mean of all tasks' models.

    Attributes
    ----------
    tasks_ : (T,) array
        Task labels, in the order in which they came; those of one call sorted.
    coef_, intercept_ : (T, d) and (T,) arrays
        The served models, in the user's units.
    own_coef_ : (T, d) array
        What each task has learned alone.
    n_rows_ : (T,) array
        Rows seen.
    graph_, laplacian_ : (T, T) sparse arrays
        Weights between tasks and ``D - A``, in inverse squared units of the standardised coefficients; empty before the
        first estimate.
    n_estimates_ : int
        How often the graph was estimated.
    changes_ : DataFrame
        ``task`` and ``row`` (of its own rows) where the residuals of a task jumped and its running mean was restarted.
    transfer_gain_ : (T,) array
        Share of a task's squared error that leaning on the others saves, over its last rows, each before its step.
        A tracked task with a negative gain serves its own model.
    coupling_strength_ : float
        :math:`\kappa = s \operatorname{tr}(L) / T`: below 0.1 independent learners are already enough.
    coupling_advice_ : str
        That in plain words.
    feature_names_, n_features_in_
        Features, without the task column; columns of X.

    Notes
    -----
    Residuals beyond 2.5 robust standard deviations count as that (squared loss), and differences between neighbours
    beyond five times their median as that: outliers and one task gone astray move nobody far. Memory is ``O(T M)``,
    and ``O(T^2)`` for a moment when the graph is estimated.

    Model: Wan and Vlaski, arXiv 2510.10570 and 2608.26989. The filter in place of diffusion is kinfolk's: it is stable
    for any scale of L, and better where L is right (`kinfolk reproduce task-graph`).

    Examples
    --------
    >>> from kinfolk.datasets import make_clustered_tasks
    >>> from kinfolk.graph import TaskGraphTracker
    >>> tasks = make_clustered_tasks(3, n_tasks=12, n_samples=400, n_features=5, random_state=0)
    >>> order = tasks.X.groupby("task").cumcount().argsort(kind="stable")  # rows of all tasks in turns
    >>> X, y = tasks.X.iloc[order], tasks.y[order]
    >>> tracker = TaskGraphTracker(task="task")
    >>> for begin in range(0, len(X), 240):
    ...     tracker = tracker.partial_fit(X[begin : begin + 240], y[begin : begin + 240])
    >>> near = tracker.neighbors(4)
    >>> bool((tasks.clusters[near.index[:3]] == tasks.clusters[4]).all())
    True
    """

    def __init__(
        self,
        mode: str = "track",
        *,
        loss: str = "squared",
        step: float = 0.2,
        graph: Any = None,
        n_neighbors: int = 12,
        task: str | int | None = None,
        fit_intercept: bool = True,
        standardize: bool = True,
        unseen: str = "raise",
    ) -> None:
        self.mode = mode
        self.loss = loss
        self.step = step
        self.graph = graph
        self.n_neighbors = n_neighbors
        self.task = task
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.unseen = unseen

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Forget everything and learn the rows once, in their order.

        Parameters
        ----------
        X, y, sample_weight : as in partial_fit
        """
        if hasattr(self, "tasks_"):
            del self.tasks_
        return self.partial_fit(X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn more rows, of known and of new tasks.

        Parameters
        ----------
        X : DataFrame (pandas, polars, ...) or array, (n, d) or with the task column (n, d + 1)
            Rows in the order in which they came; those of different tasks may stand in any order.
        y : (n,)
            Numbers, or two classes (``loss="logistic"``), both in the first call.
        sample_weight : (n,) array, optional
            Factors of the rows' steps, up to the largest step that does not overshoot; rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data or parameters cannot be used; the model is then as it was.
        """
        self._check_parameters()
        first = not hasattr(self, "tasks_")
        table = check_table(X, task=self.task, task_position=None if first else self._task_position)
        validate_data(self, X=X, skip_check_array=True, reset=first)
        weights = check_weights(sample_weight, n_rows=len(table.features))
        used = np.ones(len(table.features), dtype=bool) if weights is None else weights > 0
        target, classes = self._read_target(y, used, first)
        labels = np.zeros(len(target), dtype=np.int64) if table.labels is None else table.labels
        tasks = encode_labels(labels[used])[0]
        if not first:
            known = self.tasks_
            if (known.dtype == object) != (tasks.dtype == object):
                check_seen(labels[used], known, remedy="Give labels of the same kind in every call.")
            tasks = np.concatenate((known, tasks[match_labels(tasks, known) < 0]))
        given = None if self.graph is None else csr_array(given_graph(self.graph, tasks))
        if first:
            self._begin(table, used, target[used], None if weights is None else weights[used])
            self.classes_ = classes
        n_new = len(tasks) - self._network.n_tasks
        self.tasks_ = tasks
        self._network.join(n_new, given)
        rows = self._rows(table.features[used])
        goal = target[used] if _has_classes(self) else self._scaling.target(target[used])
        codes = match_labels(labels[used], tasks)
        found = self._network.learn(codes, rows, goal, None if weights is None else weights[used])
        self._changes += [(tasks[task], row) for task, row in found]
        return self

    def _read_target(self, y: Any, used: BoolArray, first: bool) -> tuple[FloatArray, LabelArray]:
        if not _has_classes(self):
            return check_target(y, n_rows=len(used), allow_2d=False, allow_missing=False), np.zeros(0)
        if not first:
            return match_classes(y, self.classes_, n_rows=len(used)), self.classes_
        classes, target = check_classes(y, n_rows=len(used), used=used)
        if len(classes) != 2:
            raise InputError(
                f"loss='logistic' is for two classes; y holds {len(classes)}: {list(map(str, classes[:5]))}. "
                "Learn one class against the others, or use SharedRepresentationClassifier on all rows at once."
            )
        return target, classes

    def _begin(self, table: Table, used: BoolArray, target: FloatArray, weights: FloatArray | None) -> None:
        scaling = Scaling.fit(table.features[used], target, weights, standardize=self.standardize)
        if not self.standardize or _has_classes(self):
            scaling = replace(scaling, y_center=0.0, y_scale=1.0)
        if not self.standardize:
            scaling = replace(scaling, x_center=np.zeros_like(scaling.x_center))
        self._scaling, self._changes = scaling, []
        self._task_position, self.feature_names_ = table.task_position, list(table.feature_names)
        self._network = self._empty(table.features.shape[1])

    def _empty(self, n_features: int) -> Network:
        return Network.start(
            n_features + self.fit_intercept,
            mode=self.mode,
            loss=self.loss,
            step=float(self.step),
            first=int(self.fit_intercept),
            n_neighbors=int(self.n_neighbors),
        )

    def _rows(self, features: FloatArray) -> FloatArray:
        scaled = self._scaling.features(features)
        if not self.fit_intercept:
            return scaled
        return np.concatenate((np.ones((len(scaled), 1)), scaled), axis=1)

    def _linear(self, X: Any) -> FloatArray:
        """Linear predictor of every row, in the target's units (log-odds for the logistic loss)."""
        check_is_fitted(self, "tasks_")
        table = check_table(X, task=self.task, task_position=self._task_position)
        validate_data(self, X=X, skip_check_array=True, reset=False)
        labels = np.zeros(len(table.features), dtype=np.int64) if table.labels is None else table.labels
        if self.unseen == "population":
            codes = match_labels(labels, self.tasks_)
        else:
            remedy = "Use unseen='population' for the mean of all tasks, or partial_fit(X, y) to learn them."
            codes = check_seen(labels, self.tasks_, remedy=remedy)
        models = self._network.models
        models = np.concatenate((models, models.mean(axis=0, keepdims=True)))[codes]  # the last one: population
        eta = (self._rows(table.features) * models).sum(axis=1)
        linear: FloatArray = self._scaling.y_center + self._scaling.y_scale * eta
        return linear

    def predict(self, X: Any) -> Any:
        """Predict with the served model of each row's task: numbers, or classes for the logistic loss.

        Parameters
        ----------
        X : as in partial_fit

        Returns
        -------
        (n,) array

        Raises
        ------
        UnseenTaskError
            A row belongs to a task that is not in ``tasks_``, and ``unseen="raise"``.
        """
        eta = self._linear(X)
        return self.classes_[(eta > 0.0).astype(np.int64)] if _has_classes(self) else eta

    @available_if(_has_classes)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:
        """Probability of each class, ``(n, 2)``, for the logistic loss.

        Parameters
        ----------
        X : as in partial_fit
        """
        eta = self._linear(X)
        return np.column_stack((expit(-eta), expit(eta)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2, or the share of rows whose class is predicted (logistic loss).

        Parameters
        ----------
        X, y, sample_weight : as in partial_fit
        """
        measure = accuracy_score if _has_classes(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def _check_parameters(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"mode must be one of {', '.join(map(repr, MODES))}; got {self.mode!r}.")
        if self.loss not in LOSSES:
            raise InputError(f"loss must be 'squared' or 'logistic'; got {self.loss!r}.")
        number = isinstance(self.step, Real) and not isinstance(self.step, bool)
        if not (number and 0.0 < float(self.step) <= 1.0):
            raise InputError(f"step must be a number above 0 and up to 1; got {self.step!r}.")
        if isinstance(self.n_neighbors, bool) or not isinstance(self.n_neighbors, Integral) or self.n_neighbors < 1:
            raise InputError(f"n_neighbors must be a whole number >= 1; got {self.n_neighbors!r}.")
        if self.unseen not in ("raise", "population"):
            raise InputError(f"unseen must be 'raise' or 'population'; got {self.unseen!r}.")

    def _state(self) -> dict[str, Any]:
        network = self._learned
        scaling = {f"scaling.{part.name}": getattr(self._scaling, part.name) for part in fields(self._scaling)}
        return (
            {
                "tasks": self.tasks_,
                "classes": self.classes_,
                "changes": [[str(task) if isinstance(task, str) else int(task), row] for task, row in self._changes],
                "feature_names": self.feature_names_,
                "feature_names_in": list(getattr(self, "feature_names_in_", [])),
                "n_features_in": self.n_features_in_,
                "task_position": self._task_position,
            }
            | scaling
            | network.state()
        )

    def _restore(self, state: dict[str, Any]) -> None:
        self.tasks_, self.classes_ = state["tasks"], np.asarray(state["classes"])
        self._changes = [(task, row) for task, row in state["changes"]]
        self.feature_names_, self.n_features_in_ = list(state["feature_names"]), state["n_features_in"]
        if state["feature_names_in"]:
            self.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
        self._task_position = state["task_position"]
        self._scaling = Scaling(**{part.name: state[f"scaling.{part.name}"] for part in fields(Scaling)})
        self._network = self._empty(len(self.feature_names_))
        self._network.restore(state)
        if len(self.tasks_) != self._network.n_tasks:
            raise ValueError(f"{len(self.tasks_)} labels for {self._network.n_tasks} tasks")
