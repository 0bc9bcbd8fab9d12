"""One slope vector for all tasks, with task intercepts shrunken by evidence."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.base import TaskRegressor
from kinfolk.linear.evidence import square_root
from kinfolk.posterior import GaussianPrior
from kinfolk.result import FitResult, Status
from kinfolk.tasks import NOISE_FLOOR, Moments, TaskData

_MAX_ITER = 1000  # two parameters: a dozen iterations are usual


class PooledRidge(TaskRegressor):
    r"""Pooled ridge regression with random intercepts.

    .. math:: y_{ti} = a_t + x_{ti}^\top w + e_{ti}, \quad e_{ti} \sim N(0, \sigma^2), \qquad
              a_t \sim N(m, \omega^2), \quad w \sim N(0, \gamma^2 I) .

    The three variances maximise the marginal likelihood; m is free. In moments: with
    :math:`h_t = n_t / (1 + n_t \omega^2 / \sigma^2)`, the coefficients solve the ridge system of
    :math:`\sum_t S_t + \sum_t h_t (1, \bar x_t)(1, \bar x_t)^\top`.

    Parameters
    ----------
    task, standardize, unseen
        See `TaskRegressor`.

    Notes
    -----
    Random-intercept model of Laird and Ware (1982), *Biometrics* 38, with a ridge on the coefficients.

    Examples
    --------
    >>> from kinfolk import PooledRidge
    >>> from kinfolk.datasets import make_clustered_tasks
    >>> tasks = make_clustered_tasks(n_tasks=12, n_samples=8, n_features=3, random_state=0)
    >>> model = PooledRidge(task="task").fit(tasks.X, tasks.y)
    >>> bool((model.coef_ == model.coef_[0]).all())
    True
    """

    simplicity = 0

    def __init__(self, *, task: str | int | None = None, standardize: bool = True, unseen: str = "raise") -> None:
        self.task = task
        self.standardize = standardize
        self.unseen = unseen

    def _solve(self, data: TaskData) -> FitResult:
        return pooled(data.moments())


class _Sums:
    """Sums over tasks that the evidence of the pooled model needs."""

    def __init__(self, moments: Moments) -> None:
        d = moments.n_features
        within = moments.total()
        self.within = np.zeros((d + 1, d + 1))
        self.within[1:, 1:] = within
        self.b = np.concatenate(([0.0], moments.b.sum(axis=0)))
        # a square root of the sums, so that residuals are sums of squares and not differences
        values, vectors = np.linalg.eigh(within)
        root = np.sqrt(np.maximum(values, 0.0))
        heard = values > 1e-13 * max(float(values[-1]), 1e-300)
        pulled = np.divide(vectors.T @ self.b[1:], root, out=np.zeros(d), where=heard)
        self.rows, self.targets = (vectors * np.where(heard, root, 0.0)).T, pulled
        self.rest = max(float(moments.yy.sum() - pulled @ pulled), 0.0)
        self.n = moments.n
        self.means = np.concatenate((np.ones((moments.n_tasks, 1)), moments.x_mean), axis=1)
        self.y_mean = moments.y_mean
        self.freedom = max(float(moments.n.sum()) - 1.0, 1.0)

    def evidence(self, spread: float, ridge: float) -> tuple[float, FloatArray, float, FloatArray, FloatArray]:
        """Value, gradient by (log spread, log ridge), noise, mean and its covariance (in units of noise).

        ``spread`` and ``ridge`` are the variances of intercepts and coefficients relative to the noise.
        """
        h = self.n / (1.0 + self.n * spread)
        precision = self.within + (self.means.T * h) @ self.means
        d = len(self.b) - 1
        precision[np.arange(1, d + 1), np.arange(1, d + 1)] += 1.0 / ridge
        values, vectors = np.linalg.eigh(precision)
        covariance = (vectors / values) @ vectors.T
        mean = vectors @ ((vectors.T @ (self.b + self.means.T @ (h * self.y_mean))) / values)
        residual = self.y_mean - self.means @ mean
        within = self.rest + float(((self.targets - self.rows @ mean[1:]) ** 2).sum())
        population = float(mean[1:] @ mean[1:]) / ridge
        noise = max((within + float(h @ residual**2) + population) / self.freedom, NOISE_FLOOR)
        log_volume = np.log1p(self.n * spread).sum() + np.log(values).sum() + d * np.log(ridge)
        leverage = ((self.means @ covariance) * self.means).sum(axis=1)
        by_spread = 0.5 * spread * float(((h * residual) ** 2 / noise - h + h**2 * leverage).sum())
        by_ridge = 0.5 * (population / noise + float(np.trace(covariance[1:, 1:])) / ridge - d)
        value = -0.5 * (self.freedom * np.log(noise) + float(log_volume))
        return value, np.array([by_spread, by_ridge]), noise, mean, covariance


def pooled(moments: Moments) -> FitResult:
    """Fit the random-intercept model from moments alone."""
    sums = _Sums(moments)
    history: list[float] = []

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        value, gradient, *_ = sums.evidence(*np.exp(theta))
        history.append(value)
        # for each row: with values of order one, the first step of L-BFGS-B does not jump to the bounds
        return -value / sums.freedom, -gradient / sums.freedom

    options = {"ftol": 1e-12, "maxiter": _MAX_ITER}
    bounds = [(-18.0, 18.0), (-18.0, 9.0)]
    start = np.array([0.0, -np.log(moments.n_features)])
    end = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    spread, ridge = np.exp(end.x)
    # towards zero the evidence is flat in log spread: where the climb stops there is chance, zero is not
    if spread * moments.n.mean() < 0.02 and sums.evidence(0.0, ridge)[0] > -sums.freedom * end.fun - 0.02:
        spread = 0.0
        only = minimize_scalar(lambda at: -sums.evidence(0.0, np.exp(at))[0], bounds=bounds[1], method="bounded")
        ridge = np.exp(only.x)
    value, _, noise, mean, covariance = sums.evidence(spread, ridge)
    n_coef = len(mean)
    scale = np.zeros(n_coef)
    scale[0] = np.sqrt(noise * spread)
    mean_factor = np.sqrt(noise) * square_root(covariance)
    prior = GaussianPrior(mean, np.zeros((n_coef, 0)), scale, mean_factor)
    status = Status.MAX_ITER if end.nit >= _MAX_ITER else Status.CONVERGED
    return FitResult(prior.condition(moments, noise), status, int(end.nit), value, tuple(history))
