"""Estimators that mix methods task by task, and leave a task alone where sharing has not shown a gain."""

import inspect
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.base.scores import r2_of
from kinfolk.exceptions import InputError
from kinfolk.selection.held_out import with_names
from kinfolk.selection.mixture import Guarded, labels_of, total
from kinfolk.validation import check_classes, check_table, check_target, check_weights


class GuardedRegressor(RegressorMixin, Guarded):  # type: ignore[misc]  # scikit-learn is untyped
    r"""Mix regression methods task by task, and leave a task alone where sharing has not shown a gain.

    All candidates predict the same held-out rows. With residuals r of task t,

    .. math:: w_t = \arg\min_{w \in \Delta} \; w^\top (R_t + \tau \bar R) w, \qquad
              R_t = \sum_{i \in t} r_i r_i^\top, \quad \bar R = \tfrac1n \sum_s R_s, \quad \tau = 300,

    the prediction being :math:`\sum_k w_{tk} f_k(x)` with candidates that are fitted again on all rows. Then the gain
    of each task over its independent fit, measured with weights that were made without the fold, is shrunk to the gains
    of all tasks, and where its posterior mean is not above ``safe`` posterior standard deviations, and above 2% of the
    loss, the task keeps its independent fit exactly; a task whose rows are too few to tell goes with the mean of all.

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
        above 2%; larger values protect more and gain less.
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

    Warns
    -----
    UserWarning
        No row can be held out (every task has one row, or there are no more rows than folds): all tasks stay alone.

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
        self._fit(X, table, with_names(targets, y), targets, np.zeros(0), weights)
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

        n, asked = self._asked(X, ask)
        shape = (n, len(self.tasks_)) if self._wide else (n,)
        mean = total([(rows, w, said[0]) for rows, w, said in asked], shape)
        if not return_std:
            return mean
        variance = total([(rows, w, said[1] ** 2 + (said[0] - mean[rows]) ** 2) for rows, w, said in asked], shape)
        return mean, np.sqrt(variance)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2 over all rows (wide data: mean over responses, missing ones left out).

        Parameters
        ----------
        X, y, sample_weight : as in fit
        """
        return r2_of(y, self.predict(X), sample_weight, wide=self._wide)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that ``y`` may be 2-D."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.task is None
        return tags


class GuardedClassifier(ClassifierMixin, Guarded):  # type: ignore[misc]  # scikit-learn is untyped
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
        n, asked = self._asked(X, self._probabilities)
        return total(asked, (n, len(self.classes_)))

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
        self.classes_ = labels_of(state["classes_"])
