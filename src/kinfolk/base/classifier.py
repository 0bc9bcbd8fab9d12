"""The scikit-learn face that all classification methods share: fit, predict, adapt and score are written once, here."""

from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.base.estimator import TaskEstimator, lay_out
from kinfolk.base.laplace import averaged, laplace_posterior, linear_predictor
from kinfolk.base.scores import OddsClassifier
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.result import FitResult
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData
from kinfolk.validation import check_classes, check_table, check_weights, match_classes


class TaskClassifier(OddsClassifier, TaskEstimator):
    """Base of the classification methods; a method gives `_solve` for targets 0 and 1.

    More than two classes are fitted one against the rest, class by class; the probability of a class is proportional to
    its odds against the rest.

    Parameters
    ----------
    task : str, int or None, default=None
        The column of X that says which task a row belongs to: its name or its position. None: one task.
    standardize : bool, default=True
        Put each feature into units of its standard deviation first, so that units do not matter.
    unseen : {"raise", "population"}, default="raise"
        What `predict` does with a task that `fit` has not seen: an error that names the tasks, or the population
        prediction.

    Attributes
    ----------
    classes_ : (n_classes,) array
        Class labels, sorted.
    tasks_ : (T,) array
        Task labels, sorted.
    coef_ : (T, d) array, or (n_classes, T, d) for more than two classes
    intercept_ : (T,) array, or (n_classes, T)
        Log-odds in the user's units; of the second class where there are two.
    population_coef_, population_intercept_ : (d,) array and float, or (n_classes, d) and (n_classes,)
        The model for a task that has not been seen.
    feature_names_ : list of str
        The features, without the task column.
    result_ : FitResult, or a tuple of one FitResult a class
        Posterior, status and history.
    """

    classes_: LabelArray
    coef_: FloatArray
    intercept_: FloatArray

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all tasks together.

        Parameters
        ----------
        X : DataFrame (pandas, polars, ...) or array, (n, d) or with the task column (n, d + 1)
        y : (n,), class labels: text, categories, booleans or whole numbers
            A task may lack classes; all rows together must have at least two.
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
        weights = check_weights(sample_weight, n_rows=len(table.features))
        used = None if weights is None else weights > 0
        self.classes_, target = check_classes(y, n_rows=len(table.features), used=used)
        self.tasks_, rows, target, codes = lay_out(table, target, weights)
        weights = None if weights is None else weights[rows]
        features = table.features[rows]
        scaling = Scaling.fit(features, target, weights, standardize=self.standardize)
        scaling = replace(scaling, y_center=0.0, y_scale=1.0)
        data = TaskData.build(features, target, codes, len(self.tasks_), weights=weights, scaling=scaling)
        self._task_position = table.task_position
        self.feature_names_ = list(table.feature_names)
        self._n_rows = len(data.y)
        results = [self._solve(replace(data, y=(data.y == c).astype(float))) for c in self._positive()]
        self._publish(results, scaling)
        for result in results:
            self._warn_unless_settled(result)
        return self

    def decision_function(self, X: Any) -> FloatArray:
        """Log-odds of the second class; with more classes, of each class against the rest.

        They are those of `predict_proba`: averaged over the posterior (MacKay 1992), so that they are nearer to zero
        than ``intercept_ + x @ coef_.T`` where a task's coefficients are uncertain.

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n,) array, or (n, n_classes)

        Raises
        ------
        UnseenTaskError
            A row belongs to a task that is not in ``tasks_``, and ``unseen="raise"``.
        """
        check_is_fitted(self)
        table = self._read(X)
        codes = self._codes(table)
        scaled = self._scaling.features(table.features)
        odds = np.column_stack([_log_odds(result, scaled, codes) for result in self._results])
        return odds if len(self.classes_) > 2 else odds[:, 0]

    def adapt(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn new tasks from their few rows, leaving what all tasks share as it is.

        Each new task gets its posterior under the fitted prior; known tasks are untouched.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only, of classes that the model knows; a new task may lack classes.

        Returns
        -------
        estimator
            A copy that also knows the new tasks.

        Raises
        ------
        InputError
            A task is known already, a class is not, or the model has no task column.
        """
        labels, data = self._new_tasks(X, sample_weight, partial(self._known_classes, y))
        new, order = self._joined_by(labels)
        results = []
        for c, result in zip(self._positive(), self._results, strict=True):
            positive = replace(data, y=(data.y == c).astype(float))
            learned = self._learn(result.posterior.prior, positive)
            results.append(replace(result, posterior=result.posterior.extend(learned).take(order)))
        new._publish(results, self._scaling)
        return new

    def _learn(self, prior: GaussianPrior, data: TaskData) -> Posterior:
        """Posterior of new tasks (targets 0 and 1) under the fitted prior."""
        return laplace_posterior(prior, data)

    def _known_classes(self, y: Any, n_rows: int) -> FloatArray:
        return match_classes(y, self.classes_, n_rows=n_rows)

    @property
    def n_iter_(self) -> int:
        """Iterations used by the method (the most of any class), at least 1."""
        return max(1, *(result.n_iter for result in self._results))

    def _positive(self) -> range:
        """Index of the class that each fit sets against the others."""
        n_classes = len(self.classes_)
        return range(1, 2) if n_classes == 2 else range(n_classes)

    def _publish(self, results: list[FitResult], scaling: Scaling) -> None:
        """Set the public attributes from the result of each class, in the user's units."""
        self._results, self._scaling = tuple(results), scaling
        mean = np.stack([result.posterior.mean for result in results])
        population = np.stack([result.posterior.prior.mean for result in results])
        coef, intercept = scaling.coefficients(mean[..., 1:], mean[..., 0])
        population_coef, population_intercept = scaling.coefficients(population[:, 1:], population[:, 0])
        one = len(results) == 1
        self.result_ = results[0] if one else self._results
        self.coef_, self.intercept_ = (coef[0], intercept[0]) if one else (coef, intercept)
        self.population_coef_ = population_coef[0] if one else population_coef
        self.population_intercept_ = float(population_intercept[0]) if one else population_intercept


def _log_odds(result: FitResult, scaled: FloatArray, codes: IntArray) -> FloatArray:
    """Log-odds averaged over the posterior, or at its mode where the method's ``details["averaging"]`` is zero."""
    posterior, share = result.posterior, float(result.details.get("averaging", np.ones(1))[0])
    seen = codes >= 0
    odds = np.empty(len(codes))
    mean = posterior.mean
    eta = linear_predictor(mean[:, 1:], mean[:, 0], scaled[seen], codes[seen])
    odds[seen] = averaged(eta, share * posterior.predictive_variance(scaled[seen], codes[seen]))
    new = scaled[~seen]
    odds[~seen] = averaged(posterior.prior.predict(new), share * posterior.prior.predictive_variance(new))
    return odds
