"""One ridge regression per task: the baseline that sharing has to beat."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.base import TaskRegressor
from kinfolk.exceptions import InputError
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.result import FitResult, Status
from kinfolk.tasks import NOISE_FLOOR, Factor, Moments, TaskData, sum_by_task

_BOUNDS = (np.log(1e-8), np.log(1e12))  # of log alpha
_MANY = 2000  # tasks from which on the evidence is searched without decomposing each
_GRID: FloatArray = np.linspace(*_BOUNDS, 93)


class IndependentRidge(TaskRegressor):
    r"""Ridge regression for each task alone, all tasks in one batch.

    For each task t, with features in units of their standard deviation and a free intercept,

    .. math:: \min_{a_t, w_t} \sum_i s_i (y_i - a_t - x_i^\top w_t)^2 + \alpha_t \|w_t\|^2 ,

    the posterior mean under :math:`w_t \sim N(0, \tau_t^2 I)` with :math:`\alpha_t = \sigma^2 / \tau_t^2`.

    Parameters
    ----------
    alpha : {"evidence", "loo"} or float, default="evidence"
        The strength. ``"evidence"`` maximises the marginal likelihood, with the noise variance integrated into it;
        ``"loo"`` minimises the squared leave-one-out error; a number (> 0) is used as it is. All from one
        eigendecomposition per task.
    per_task : bool, default=False
        Choose a strength for each task rather than one for all (noise variance stays common).
    task, standardize, unseen
        See `TaskRegressor`. There is no population model, so ``unseen="population"`` is an error.

    Attributes
    ----------
    alpha_ : float or (T,) array
        The strengths used, in standardised units.

    Notes
    -----
    The marginal likelihood is that of MacKay (1992), *Bayesian interpolation*, equations 4.4 to 4.8, of data centred
    within task (one degree of freedom per task goes to the intercept).

    Examples
    --------
    >>> from kinfolk import IndependentRidge
    >>> from kinfolk.datasets import make_unrelated_tasks
    >>> tasks = make_unrelated_tasks(n_tasks=5, n_samples=40, n_features=3, random_state=0)
    >>> model = IndependentRidge(task="task").fit(tasks.X, tasks.y)
    >>> model.coef_.shape
    (5, 3)
    """

    simplicity = 1
    has_population = False

    def __init__(
        self,
        alpha: str | float = "evidence",
        *,
        per_task: bool = False,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
    ) -> None:
        self.alpha = alpha
        self.per_task = per_task
        self.task = task
        self.standardize = standardize
        self.unseen = unseen

    def _check_parameters(self) -> None:
        super()._check_parameters()
        given = isinstance(self.alpha, Real) and not isinstance(self.alpha, bool)
        if not (self.alpha in ("evidence", "loo") if not given else 0 < float(self.alpha) < np.inf):
            raise InputError(f"alpha must be 'evidence', 'loo' or a number > 0; got {self.alpha!r}.")

    def _solve(self, data: TaskData) -> FitResult:
        moments = data.moments()
        if not isinstance(self.alpha, str):
            result = given_ridge(moments, float(self.alpha))
        elif self.alpha == "evidence" and not self.per_task and moments.gram is not None and len(moments.n) > _MANY:
            result = given_ridge(moments, evidence_strength(moments))
        else:
            factor = moments.factor()
            rule: Any = _evidence_path if self.alpha == "evidence" else _LeaveOneOut(data, moments, factor)
            result = chosen_ridge(moments, factor, rule, per_task=self.per_task)
        self.alpha_ = _as_number(result.details["alpha"])
        return result


def given_ridge(moments: Moments, alpha: float) -> FitResult:
    """Ridge of every task at a given strength: one batched solve, on the smaller side."""
    if moments.gram is not None:
        system = moments.gram.copy()
        diagonal = np.arange(moments.n_features)
        system[:, diagonal, diagonal] += alpha
        slopes: FloatArray = np.linalg.solve(system, moments.b[:, :, None])[:, :, 0]
    else:
        assert moments.rows is not None
        assert moments.targets is not None
        system = moments.rows @ moments.rows.transpose(0, 2, 1) + alpha * np.eye(moments.rows.shape[1])
        dual = np.linalg.solve(system, moments.targets[:, :, None])
        slopes = (moments.rows.transpose(0, 2, 1) @ dual)[:, :, 0]
    unexplained = float((moments.yy - (moments.b * slopes).sum(axis=1)).sum())
    noise = _noise(unexplained, moments)
    return _result(moments, slopes, noise, np.array([alpha]), 0.0, 0)


def evidence_strength(moments: Moments) -> float:
    """The common strength with the largest evidence, for many tasks: without an eigendecomposition of each.

    Some tasks, decomposed, tell where it is; three exact evaluations over all tasks and the parabola through them give
    it.
    """
    some = moments.take(slice(None, None, max(len(moments.n) // 500, 1)))
    near = np.log(chosen_ridge(some, some.factor(), _evidence_path, per_task=False).details["alpha"][0])
    d = moments.n_features
    bordered = np.empty((len(moments.n), d + 1, d + 1))  # only the lower triangle is read
    bordered[:, :d, :d] = moments.gram
    bordered[:, d, :d] = moments.b
    # the last pivot of a Cholesky factor is what no coefficient explains; a little more keeps it positive
    extra = 1e-6 * float(moments.yy.mean()) + 1e-300
    diagonal = np.arange(d)
    plain = bordered[:, diagonal, diagonal]

    def loss(log_alpha: float) -> float:
        bordered[:, diagonal, diagonal] = plain + np.exp(log_alpha)
        bordered[:, d, d] = moments.yy + extra
        pivots = np.diagonal(np.linalg.cholesky(bordered), axis1=1, axis2=2)
        unexplained = float((pivots[:, d] ** 2).sum()) - extra * len(pivots)
        volume = 2.0 * float(np.log(pivots[:, :d]).sum()) - len(pivots) * d * log_alpha
        return volume + moments.degrees_of_freedom * float(np.log(max(unexplained, NOISE_FLOOR)))

    width = 0.2
    left, middle, right = (loss(near + step) for step in (-width, 0.0, width))
    bend = left - 2.0 * middle + right
    if bend > 0 and abs(left - right) < 2.0 * bend:
        return float(np.exp(near + 0.5 * width * (left - right) / bend))
    found = minimize_scalar(loss, bounds=_BOUNDS, method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


def chosen_ridge(moments: Moments, factor: Factor, rule: Any, *, per_task: bool) -> FitResult:
    """Ridge of every task at the strength with the smallest ``rule`` (total over tasks, or task by task)."""
    path = [float(rule(factor, moments, np.exp(at), None).sum()) for at in _GRID[::4]]
    near = _GRID[::4][int(np.argmin(path))]
    found = minimize_scalar(
        lambda at: float(rule(factor, moments, np.exp(at), None).sum()),
        bounds=(max(near - 2.0, _BOUNDS[0]), min(near + 2.0, _BOUNDS[1])),
        method="bounded",
        options={"xatol": 1e-6},
    )
    alpha = np.array([np.exp(found.x)])
    noise = _noise(_unexplained(factor, alpha[0]).sum(), moments)
    if per_task:
        grid = np.array([rule(factor, moments, np.exp(at), noise) for at in _GRID])
        alpha = np.exp(_GRID[np.argmin(grid, axis=0)])
    shrunk = np.sqrt(factor.values) * factor.targets / (factor.values + alpha[:, None])
    slopes = (shrunk[:, None, :] @ factor.directions)[:, 0]
    return _result(moments, slopes, noise, alpha, -0.5 * float(found.fun), len(path) + int(found.nfev))


def _evidence_path(factor: Factor, moments: Moments, alpha: float, noise: float | None) -> FloatArray:
    """-2 log marginal likelihood of each task at strength alpha; noise profiled over all tasks when None."""
    log_volume: FloatArray = np.log1p(factor.values / alpha).sum(axis=1)
    unexplained = _unexplained(factor, alpha)
    if noise is not None:
        return log_volume + unexplained / noise
    share = moments.degrees_of_freedom / len(unexplained)
    total = max(float(unexplained.sum()), NOISE_FLOOR)
    evidence: FloatArray = log_volume + share * np.log(total)
    return evidence


class _LeaveOneOut:
    """Squared leave-one-out error of each task; the leverages come from the same eigendecomposition."""

    def __init__(self, data: TaskData, moments: Moments, factor: Factor) -> None:
        codes = data.codes
        self.codes, self.weights = codes, data.weights
        self.centred = data.y - moments.y_mean[codes]
        self.projected = np.empty((len(codes), factor.values.shape[1]))
        centred_X = data.X - moments.x_mean[codes]
        for t in range(data.n_tasks):
            rows = slice(data.offsets[t], data.offsets[t + 1])
            self.projected[rows] = centred_X[rows] @ factor.directions[t].T
        self.mean_leverage = 1.0 / moments.n[codes]

    def __call__(self, factor: Factor, moments: Moments, alpha: float, noise: float | None) -> FloatArray:
        weights = 1.0 / (factor.values + alpha)
        fitted = (self.projected * (np.sqrt(factor.values) * factor.targets * weights)[self.codes]).sum(axis=1)
        leverage = self.mean_leverage + (self.projected**2 * weights[self.codes]).sum(axis=1)
        # a task's only row has leverage 1: it cannot be predicted from the others and says nothing here
        judged = leverage < 1.0 - 1e-10
        error = np.where(judged, (self.centred - fitted) / np.where(judged, 1.0 - leverage, 1.0), 0.0) ** 2
        if self.weights is not None:
            error *= self.weights
        return sum_by_task(error, self.codes, len(moments.n))


def _unexplained(factor: Factor, alpha: float | FloatArray) -> FloatArray:
    """``yy_t - b_t' (S_t + alpha I)^-1 b_t``, without cancellation, ``(T,)``."""
    shrunk: FloatArray = (factor.targets**2 * alpha / (factor.values + alpha)).sum(axis=1)
    return factor.rest + shrunk


def _noise(unexplained: float, moments: Moments) -> float:
    """Noise variance from the unexplained sum of squares; that of the target when no task has two rows."""
    freedom = moments.degrees_of_freedom
    return max(unexplained / freedom, NOISE_FLOOR) if freedom > 0 else 1.0


def _result(
    moments: Moments, slopes: FloatArray, noise: float, alpha: FloatArray, objective: float, n_iter: int
) -> FitResult:
    n = moments.n_features + 1
    typical = float(np.median(alpha))
    scale = np.full(n, np.sqrt(noise / typical))
    scale[0] = 0.0
    prior = GaussianPrior(np.zeros(n), np.zeros((n, 0)), scale, np.zeros((n, 0)), intercept_variance=np.inf)
    each_noise = np.full(moments.n_tasks, noise)
    mean = prior.with_intercepts(slopes, moments, each_noise)
    stretch = np.sqrt(typical / alpha) if len(alpha) > 1 else None
    posterior = Posterior(mean, each_noise, prior, moments, task_scale=stretch)
    return FitResult(posterior, Status.CLOSED_FORM, n_iter, objective, details={"alpha": alpha})


def _as_number(values: FloatArray) -> float | FloatArray:
    return float(values[0]) if len(values) == 1 else values
