"""Classification tasks about a common mean: the estimator of Evgeniou and Pontil."""

from typing import Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from kinfolk._typing import FloatArray
from kinfolk.base import TaskClassifier
from kinfolk.base.laplace import averages
from kinfolk.linear.held_out import row_errors, task_errors
from kinfolk.linear.intercept_prior import intercept_spread
from kinfolk.linear.losses import CLASSIFICATION, Loss
from kinfolk.linear.mean_regularized import MeanRegularized, joined_details, status_of, strength_details
from kinfolk.linear.multipliers import hinge
from kinfolk.linear.outcome import class_posterior
from kinfolk.linear.rows import Rows
from kinfolk.linear.strengths import CommonMean
from kinfolk.linear.tuning import Problem
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.result import FitResult
from kinfolk.tasks import TaskData, sum_by_task


class MeanRegularizedClassifier(MeanRegularized, TaskClassifier):
    r"""Regularised multi-task classification: every task is a common model and a deviation, each with its ridge.

    .. math:: \min_{w_0, v_t, a_t, m} \; \sum_{ti} s_{ti} \, l(y_{ti} (a_t + x_{ti}^\top (w_0 + v_t)))
              + \frac p2 \Bigl( \frac\lambda c \|w_0\|^2 + \frac\lambda{1 - c} \sum_t \|v_t\|^2 \Bigr)
              + \frac1{2 v} \sum_t (a_t - m)^2, \qquad y_{ti} = \pm 1,

    with p features in units of their standard deviation. Equivalently the penalty of the slopes is
    :math:`\tfrac p2 \operatorname{tr}(W^\top K^{-1} W)` with :math:`K = \tfrac1\lambda ((1 - c) I + c 1 1^\top)`:
    c = 0 is a model for each task, c = 1 one for all. Intercepts are never pulled towards zero: m is free, and v is
    learned from the tasks' base rates (a task with one class has no other finite intercept).

    More than two classes are fitted one against the rest.

    Parameters
    ----------
    coupling : "auto", (T, T) array or DataFrame, default="auto"
        K itself, in the order of the sorted labels (a DataFrame: by its labels); it may be singular. ``"auto"``: the
        family above, with ``lam`` and ``c`` as given or chosen.
    lam : float, optional
        :math:`\lambda > 0`. None: chosen.
    c : float, optional
        In [0, 1]. None: chosen.
    loss : {"logistic", "hinge"}, default="logistic"
        ``"hinge"`` is a support vector machine: it has scores, but no probabilities.
    max_iter : int, default=5000
        Most Newton steps (logistic), or iterations of ADMM and Newton steps of the method of multipliers after it
        (hinge).
    tol : float, default=1e-6
        The method of multipliers ends when scores are where the losses' minima are, and the duality gap is below the
        objective's, both by this share. Newton's method (logistic) ends when a step moves no log-odds by a hundredth
        of this.
    task, standardize, unseen
        See `TaskClassifier`.

    Attributes
    ----------
    lam_, c_ : float
        The strengths used. With more than two classes these, and the next two, are tuples of one a class.
    coupling_ : (T, T) array
        K.
    expected_error_ : (T,) array
        Error of a new row of each task: log-loss of the coefficients (logistic; approximate leave-one-out from this one
        fit) or share of wrong classes (hinge; five folds, NaN for a task with a single row).
    classes_, tasks_, coef_, intercept_, population_coef_, population_intercept_, feature_names_, result_
        See `TaskClassifier`. The population is :math:`w_0` (for other couplings, see
        `kinfolk.linear.strengths.AnyCoupling.newcomer`).

    Notes
    -----
    Evgeniou and Pontil (2004), *Regularized multi-task learning*, in the normalisation of arXiv 2603.05060. Where they
    are chosen, c is that of largest evidence for the squared loss on the classes as numbers (what other losses prefer
    is so near that it costs at most 0.2% of the risk), and lam has the smallest leave-one-out loss (five folds for the
    hinge) on a grid refined by a parabola: `kinfolk.linear.tuning`. Probabilities are averaged over the posterior
    (Laplace's method), unless those of the coefficients alone, ``expit(intercept + x @ coef)``, have a leave-one-out
    loss that is clearly smaller (`kinfolk.base.laplace.averages`: classes that are nearly separated).

    Examples
    --------
    >>> from kinfolk import MeanRegularizedClassifier
    >>> from kinfolk.datasets import make_shared_classification
    >>> tasks = make_shared_classification(n_tasks=12, n_samples=25, n_features=4, rank=1, random_state=0)
    >>> model = MeanRegularizedClassifier(task="task").fit(tasks.X, tasks.y)
    >>> model.predict_proba(tasks.X).shape, model.expected_error_.shape
    ((300, 2), (12,))
    """

    simplicity = 2
    _losses = CLASSIFICATION

    def __init__(
        self,
        coupling: Any = "auto",
        *,
        lam: float | None = None,
        c: float | None = None,
        loss: str = "logistic",
        max_iter: int = 5000,
        tol: float = 1e-6,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
    ) -> None:
        self.coupling = coupling
        self.lam = lam
        self.c = c
        self.loss = loss
        self.max_iter = max_iter
        self.tol = tol
        self.task = task
        self.standardize = standardize
        self.unseen = unseen

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_strengths()

    def _solve(self, data: TaskData) -> FitResult:
        rows = Rows.of(data, joint=True)
        positive = sum_by_task(rows.weights * data.y, rows.codes, data.n_tasks)
        spread = intercept_spread(positive, sum_by_task(rows.weights, rows.codes, data.n_tasks))
        tol = 0.01 * self.tol if self.loss == "logistic" else self.tol
        problem = Problem(data, Loss(self.loss), spread, self.max_iter, tol)
        fit = self._fit(problem, data)
        errors = task_errors(rows, row_errors(data.y, fit.z, problem.loss), fit.judged)
        posterior = class_posterior(problem, fit, data)
        # scores of the hinge are those of the coefficients
        averaging = np.array([float(self.loss == "logistic" and averages(posterior, data))])
        details = strength_details(fit.strengths, data.n_features) | {"expected_error": errors, "averaging": averaging}
        n_iter = fit.found.n_iter if fit.n_fits == 1 else fit.n_fits
        return FitResult(posterior, status_of(fit, self.loss), n_iter, -fit.found.value, details=details)

    @available_if(lambda self: self.loss == "logistic")  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    def predict_proba(self, X: Any) -> FloatArray:
        """Probability of each class, by the posterior of the row's task (see Notes); only with the logistic loss.

        Parameters
        ----------
        X : as in fit

        Returns
        -------
        (n, n_classes) array, in the order of ``classes_``
        """
        return super().predict_proba(X)

    def adapt(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn new tasks from their few rows, given the population, leaving known tasks as they are.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only, of classes that the model knows; a new task may lack classes.

        Returns
        -------
        estimator
            A copy that also knows the new tasks; their ``expected_error_`` is NaN.

        Raises
        ------
        InputError
            A task is known already, a class is not, or the model has no task column.
        """
        new = super().adapt(X, y, sample_weight)
        results = [joined_details(each, self.tasks_, new.tasks_, len(self.feature_names_)) for each in new._results]
        new._publish(results, new._scaling)
        return new

    def _learn(self, prior: GaussianPrior, data: TaskData) -> Posterior:
        if self.loss == "logistic":
            return super()._learn(prior, data)
        rows = Rows.of(data, joint=True)
        own = CommonMean(float(prior.scale[1] ** 2), 0.0, known_intercept=True)
        away, spread = prior.predict(data.X), float(prior.scale[0] ** 2)
        found = hinge(rows, data.y, own, spread, max_iter=self.max_iter, tol=self.tol, offset=away)
        mean = prior.mean + np.concatenate((found.intercept[:, None], found.slopes), axis=1)
        each = np.ones(data.n_tasks)
        return Posterior(mean, each, prior, given_covariance=prior.covariance(data.moments(), each))
