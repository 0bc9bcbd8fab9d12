"""Logistic regression for each task alone, and one for all tasks: what sharing is measured against."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from kinfolk._typing import FloatArray
from kinfolk.base import TaskClassifier
from kinfolk.base.laplace import averages, laplace_posterior, linear_predictor
from kinfolk.linear.evidence import square_root
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.result import FitResult, Status
from kinfolk.tasks import TaskData, sum_by_task

_INTERCEPT = 2.5  # prior standard deviation of a lone task's log-odds: a task of one class has a finite one
_GRID: FloatArray = np.arange(-9.0, 7.0, 2.0)  # of log tau^2
_MOST, _SETTLED = 500, 1e-4
_LEAST, _LARGEST = 1e-8, 1e3  # variance of intercepts and coefficients


class IndependentLogistic(TaskClassifier):
    r"""Ridge-penalised logistic regression for every task by itself: the baseline that shares no coefficients.

    .. math:: P(y_{ti} = 1) = \operatorname{sigmoid}(a_t + x_{ti}^\top w_t), \qquad
              w_t \sim N(0, \tau^2 I), \quad a_t \sim N(0, 2.5^2) .

    The strength :math:`\tau^2` is one for all tasks, the maximum of their marginal likelihoods by Laplace's method; the
    weak prior of the intercept keeps the log-odds of tasks of one class finite. More than two classes are fitted one
    against the rest.

    Parameters
    ----------
    task, standardize, unseen
        See `TaskClassifier`; there is no population model.

    Notes
    -----
    Laplace evidence: MacKay (1992), *The evidence framework applied to classification networks*; Rasmussen and Williams
    (2006), equation 3.32. Probabilities are averaged over the posterior, unless those at its mode have a leave-one-out
    loss that is clearly smaller (`kinfolk.base.laplace.averages`: classes that are nearly separated).

    Examples
    --------
    >>> from kinfolk import IndependentLogistic
    >>> from kinfolk.datasets import make_shared_classification
    >>> tasks = make_shared_classification(n_tasks=10, n_samples=60, n_features=4, rank=1, random_state=0)
    >>> model = IndependentLogistic(task="task").fit(tasks.X, tasks.y)
    >>> model.coef_.shape
    (10, 4)
    """

    simplicity = 1
    has_population = False

    def __init__(self, *, task: str | int | None = None, standardize: bool = True, unseen: str = "raise") -> None:
        self.task = task
        self.standardize = standardize
        self.unseen = unseen

    def _solve(self, data: TaskData) -> FitResult:
        last: Posterior | None = None
        n_iter = 0

        def loss(log_variance: float) -> float:
            nonlocal last, n_iter
            prior, eta = _lone(data.n_features, log_variance), None
            if last is not None:
                eta = linear_predictor(last.mean[:, 1:], last.mean[:, 0], data.X, data.codes)
            last, n_iter = laplace_posterior(prior, data, eta), n_iter + 1
            return -float(evidence(data, last, prior).sum())

        near = _GRID[int(np.argmin([loss(at) for at in _GRID]))]
        end = minimize_scalar(loss, bounds=(near - 2.0, near + 2.0), method="bounded", options={"xatol": 1e-3})
        posterior = laplace_posterior(_lone(data.n_features, float(end.x)), data)
        details = {"averaging": np.array([float(averages(posterior, data))])}
        return FitResult(posterior, Status.CONVERGED, n_iter, -float(end.fun), details=details)


def _lone(n_features: int, log_variance: float) -> GaussianPrior:
    scale = np.full(n_features + 1, np.exp(0.5 * log_variance))
    scale[0] = _INTERCEPT
    none = np.zeros((n_features + 1, 0))
    return GaussianPrior(np.zeros(n_features + 1), none, scale, none)


def evidence(data: TaskData, posterior: Posterior, prior: GaussianPrior) -> FloatArray:
    r"""Log marginal likelihood of each task by Laplace's method, ``(T,)``, for a prior of independent coefficients.

    .. math:: \sum_i \log p(y_i \mid \hat u) - \tfrac12 \sum_j \frac{(\hat u_j - m_j)^2}{s_j^2}
              + \tfrac12 \log\det C - \sum_j \log s_j .
    """
    mean = posterior.mean
    eta = linear_predictor(mean[:, 1:], mean[:, 0], data.X, data.codes)
    likelihood = data.y * eta - np.logaddexp(0.0, eta)
    if data.weights is not None:
        likelihood = data.weights * likelihood
    told = sum_by_task(likelihood, data.codes, data.n_tasks)
    quadratic = (((mean - prior.mean) / prior.scale) ** 2).sum(axis=1)
    volume: FloatArray = np.linalg.slogdet(posterior.covariance)[1]
    found: FloatArray = told - 0.5 * quadratic + 0.5 * volume - float(np.log(prior.scale).sum())
    return found


class PooledLogistic(TaskClassifier):
    r"""One logistic regression for all tasks, with random intercepts.

    .. math:: P(y_{ti} = 1) = \operatorname{sigmoid}(a_t + x_{ti}^\top w), \qquad
              a_t \sim N(m, \omega^2), \quad w \sim N(0, \gamma^2 I) .

    The variances maximise the marginal likelihood (Laplace, with MacKay's updates); m is free. More than two classes
    are fitted one against the rest.

    Parameters
    ----------
    task, standardize, unseen
        See `TaskClassifier`.

    Notes
    -----
    Random-intercept logistic model by penalised quasi-likelihood: Breslow and Clayton (1993), *J. Am. Stat. Assoc.* 88,
    with a ridge on the coefficients.

    Examples
    --------
    >>> from kinfolk import PooledLogistic
    >>> from kinfolk.datasets import make_shared_classification
    >>> tasks = make_shared_classification(n_tasks=10, n_samples=60, n_features=4, rank=1, random_state=0)
    >>> model = PooledLogistic(task="task").fit(tasks.X, tasks.y)
    >>> bool((model.coef_ == model.coef_[0]).all())
    True
    """

    simplicity = 0

    def __init__(self, *, task: str | int | None = None, standardize: bool = True, unseen: str = "raise") -> None:
        self.task = task
        self.standardize = standardize
        self.unseen = unseen

    def _solve(self, data: TaskData) -> FitResult:
        fit = _Pooled(data)
        n_iter = fit.climb()
        scale = np.zeros(len(fit.common))
        scale[0] = np.sqrt(fit.spread)
        prior = GaussianPrior(fit.common, np.zeros((len(scale), 0)), scale, square_root(fit.covariance))
        status = Status.CONVERGED if n_iter < _MOST else Status.MAX_ITER
        posterior = laplace_posterior(prior, data)
        details = {"averaging": np.array([float(averages(posterior, data))])}
        return FitResult(posterior, status, n_iter, fit.value(), details=details)


class _Pooled:
    """Joint mode of the common coefficients (m, w) and the deviations of the intercepts, and their variances."""

    def __init__(self, data: TaskData) -> None:
        self.data = data
        self.each = np.ones(len(data.y)) if data.weights is None else data.weights
        self.U = np.concatenate((np.ones((len(data.y), 1)), data.X), axis=1)
        self.common, self.own = np.zeros(self.U.shape[1]), np.zeros(data.n_tasks)
        share = float(self.each @ data.y) / float(self.each.sum())
        self.common[0] = np.log(share / (1.0 - share))
        self.spread, self.ridge = 1.0, 1.0
        self.own_variance = np.zeros(data.n_tasks)
        self.covariance = np.eye(len(self.common))

    @property
    def penalty(self) -> FloatArray:
        """Precision of the common coefficients; m is free."""
        precision = np.full(len(self.common), 1.0 / self.ridge)
        precision[0] = 0.0
        return precision

    def climb(self) -> int:
        """Newton steps and MacKay's updates of the variances in turns; the number of them."""
        for turn in range(1, _MOST + 1):
            before = np.concatenate((self.own, self.common))
            self._newton()
            told = len(self.common) - 1 - float(np.trace(self.covariance[1:, 1:])) / self.ridge
            self.ridge = _ratio(float(self.common[1:] @ self.common[1:]), told)
            told = len(self.own) - float(self.own_variance.sum()) / self.spread
            self.spread = _ratio(float(self.own @ self.own), told)
            after = np.concatenate((self.own, self.common))
            if float(np.abs(after - before).max()) < _SETTLED:
                return turn
        return _MOST

    def value(self) -> float:
        """Penalised log likelihood."""
        return self._value(self.own, self.common)

    def _value(self, own: FloatArray, common: FloatArray) -> float:
        eta = own[self.data.codes] + self.U @ common
        told = float(self.each @ (self.data.y * eta - np.logaddexp(0.0, eta)))
        return told - 0.5 * float(own @ own) / self.spread - 0.5 * float(self.penalty @ common**2)

    def _newton(self) -> None:
        U, codes, T = self.U, self.data.codes, self.data.n_tasks
        p = expit(self.own[codes] + U @ self.common)
        h, pull = self.each * p * (1.0 - p), self.each * (self.data.y - p)
        by_own = sum_by_task(pull, codes, T) - self.own / self.spread
        by_common = U.T @ pull - self.penalty * self.common
        heard = sum_by_task(h, codes, T) + 1.0 / self.spread
        cross = np.column_stack([sum_by_task(h * column, codes, T) for column in U.T]) / heard[:, None]
        inner = (U.T * h) @ U + np.diag(self.penalty) - cross.T @ (heard[:, None] * cross)
        self.covariance = np.linalg.pinv(0.5 * (inner + inner.T), hermitian=True)
        self.own_variance = 1.0 / heard + ((cross @ self.covariance) * cross).sum(axis=1)
        step_common = self.covariance @ (by_common - cross.T @ by_own)
        step_own = by_own / heard - cross @ step_common
        here, size = self.value(), 1.0
        while self._value(self.own + size * step_own, self.common + size * step_common) < here - 1e-9 * abs(here):
            size *= 0.5
            if size < 1e-6:
                return
        self.own, self.common = self.own + size * step_own, self.common + size * step_common


def _ratio(square: float, told: float) -> float:
    """MacKay's estimate of a variance, sum of squares over the number of well-determined coefficients."""
    return float(np.clip(square / max(told, 1e-12), _LEAST, _LARGEST))
