"""The scikit-learn face that all regression methods share: fit, predict, adapt and score are written once, here."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Self, overload

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import FloatArray, IntArray
from kinfolk.base.estimator import TaskEstimator, lay_out
from kinfolk.base.scores import r2_of
from kinfolk.posterior import Posterior
from kinfolk.result import FitResult
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData
from kinfolk.validation import check_table, check_target, check_weights


class TaskRegressor(RegressorMixin, TaskEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Base of the regression methods; a method gives `_solve`.

    Parameters
    ----------
    task : str, int or None, default=None
        The column of X that says which task a row belongs to: its name or its position. None: a 1-D ``y`` is one
        task, and each column of a 2-D ``y`` is a task (wide data; NaN marks a missing response).
    standardize : bool, default=True
        Put each feature into units of its standard deviation first, so that units do not matter.
    unseen : {"raise", "population"}, default="raise"
        What `predict` does with a task that `fit` has not seen: an error that names the tasks, or the population
        prediction.

    Attributes
    ----------
    tasks_ : (T,) array
        Task labels, sorted; for wide data the names of the responses in their order, or 0, 1, ... where they have none.
    coef_ : (T, d) array
    intercept_ : (T,) array
        In the user's units.
    population_coef_, population_intercept_ : (d,) array and float
        The model for a task that has not been seen, where the method has one.
    noise_variance_ : float or (T,) array
        Variance of the observations about the regression function.
    feature_names_ : list of str
        The features, without the task column.
    result_ : FitResult
        Posterior, status and history.
    """

    result_: FitResult

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all tasks together.

        Parameters
        ----------
        X : DataFrame (pandas, polars, ...) or array, (n, d) or with the task column (n, d + 1)
        y : (n,), or (n, T) for wide data
        sample_weight : (n,) array, optional
            A row of weight 2 counts as two rows; rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When data or parameters cannot be used; the message names column, rows, rule and remedy.
        """
        self._check_parameters()
        table = check_table(X, task=self.task)
        validate_data(self, X=X, skip_check_array=True)
        targets = check_target(
            y, n_rows=len(table.features), allow_2d=self.task is None, allow_missing=self.task is None
        )
        weights = check_weights(sample_weight, n_rows=len(table.features))
        self.tasks_, rows, target, codes = lay_out(table, targets, weights, y)
        self._wide = targets.ndim == 2
        data = TaskData.build(
            table.features[rows],
            target,
            codes,
            len(self.tasks_),
            weights=None if weights is None else weights[rows],
            standardize=self.standardize,
            samples=rows if self._wide and not isinstance(rows, slice) else None,
        )
        self._task_position = table.task_position
        self.feature_names_ = list(table.feature_names)
        self._n_rows = len(data.y)
        result = self._solve(data)
        self._publish(result, data.scaling)
        self._warn_unless_settled(result)
        return self

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False, observation_noise: bool = False) -> FloatArray: ...

    @overload
    def predict(
        self, X: Any, return_std: Literal[True], observation_noise: bool = False
    ) -> tuple[FloatArray, FloatArray]: ...

    def predict(
        self, X: Any, return_std: bool = False, observation_noise: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Predict each row with the model of its task.

        Parameters
        ----------
        X : as in fit
        return_std : bool, default=False
            Also return the posterior standard deviation of the regression function.
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
        """
        check_is_fitted(self)
        table = self._read(X)
        if self._wide:
            mean = table.features @ self.coef_.T + self.intercept_
            if not return_std:
                return mean
            n, n_tasks = mean.shape
            codes = np.repeat(np.arange(n_tasks), n)
            std = self._std(np.tile(table.features, (n_tasks, 1)), codes, observation_noise)
            return mean, std.reshape(n_tasks, n).T
        codes = self._codes(table)
        seen = codes >= 0
        mean = np.empty(len(codes))
        mean[seen] = self.intercept_[codes[seen]] + (table.features[seen] * self.coef_[codes[seen]]).sum(axis=1)
        if not seen.all():
            mean[~seen] = self.population_intercept_ + table.features[~seen] @ self.population_coef_
        return (mean, self._std(table.features, codes, observation_noise)) if return_std else mean

    def adapt(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn new tasks from their few rows, leaving what all tasks share as it is.

        Each new task gets its posterior under the fitted prior; known tasks are untouched.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only.

        Returns
        -------
        estimator
            A copy that also knows the new tasks.

        Raises
        ------
        InputError
            A task is known already, or the model has no task column.
        """
        return self._adapted(X, y, sample_weight, self._condition)

    def _condition(self, data: TaskData) -> Posterior:
        """Posterior of new tasks under the fitted prior."""
        return self.result_.posterior.prior.condition(data.moments(), self._new_task_noise())

    def _adapted(self, X: Any, y: Any, sample_weight: Any, learn: Callable[[TaskData], Posterior]) -> Self:
        """A copy that also knows the tasks of these rows, as ``learn`` finds them."""
        labels, data = self._new_tasks(X, sample_weight, partial(_single_target, y))
        new, order = self._joined_by(labels)
        posterior = self.result_.posterior.extend(learn(data)).take(order)
        new._publish(replace(self.result_, posterior=posterior), self._scaling)
        return new

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

    def _new_task_noise(self) -> float:
        """Noise variance of a task to come, in standardised units."""
        noise = self.result_.posterior.noise_variance
        return float(np.median(noise))

    def _std(self, features: FloatArray, codes: IntArray, observation_noise: bool) -> FloatArray:
        posterior = self.result_.posterior
        scaled = self._scaling.features(features)
        variance = np.empty(len(codes))
        seen = codes >= 0
        variance[seen] = posterior.predictive_variance(scaled[seen], codes[seen])
        variance[~seen] = posterior.prior.predictive_variance(scaled[~seen])
        if observation_noise:
            variance[seen] += posterior.noise_variance[codes[seen]]
            variance[~seen] += self._new_task_noise()
        return np.sqrt(variance) * self._scaling.y_scale

    def _publish(self, result: FitResult, scaling: Scaling) -> None:
        """Set the public attributes from a result, in the user's units."""
        posterior = result.posterior
        self.result_, self._scaling = result, scaling
        self.coef_, self.intercept_ = scaling.coefficients(posterior.mean[:, 1:], posterior.mean[:, 0])
        if self.has_population:
            mean = posterior.prior.mean
            self.population_coef_, intercept = scaling.coefficients(mean[1:], mean[0])
            self.population_intercept_ = float(intercept)
        noise = posterior.noise_variance * scaling.y_scale**2
        self.noise_variance_ = float(noise[0]) if np.ptp(noise) == 0 else noise


def _single_target(y: Any, n_rows: int) -> FloatArray:
    target: FloatArray = check_target(y, n_rows=n_rows, allow_2d=False, allow_missing=False)
    return target
