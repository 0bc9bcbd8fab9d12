"""Random coefficients: every task's model is drawn from a population that is learned."""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base import TaskRegressor
from kinfolk.exceptions import InputError
from kinfolk.linear.climb import Summit, climb, climb_to_boundary
from kinfolk.linear.covariance import SMALLEST, Grouped, Rooted
from kinfolk.linear.evidence import MixedModel, square_root
from kinfolk.posterior import GaussianPrior
from kinfolk.result import FitResult, Status
from kinfolk.tasks import Moments, TaskData

_COVARIANCES = ("scalar", "diagonal", "full")
_ROUGH = 100.0  # tolerance while the form is being chosen, in units of tol


class PartialPoolingRegressor(TaskRegressor):
    r"""Mixed model with random intercepts and random slopes, all variances learned from the data.

    .. math:: y_{ti} = (1, x_{ti}^\top) u_t + e_{ti}, \quad e_{ti} \sim N(0, \sigma^2), \qquad
              u_t = (a_t, w_t) \sim N(\mu, \Sigma), \quad \mu = (m, \bar w), \quad \bar w \sim N(0, \gamma^2 I) .

    The estimates are posterior means. :math:`\Sigma`, :math:`\sigma^2` and :math:`\gamma^2` maximise the marginal
    likelihood with :math:`\mu` integrated out (m is free, never shrunken to zero).

    Parameters
    ----------
    covariance : {"auto", "scalar", "diagonal", "full"}, default="auto"
        Form of :math:`\Sigma`. ``"scalar"``: one variance for the intercept and one for all slopes, which is
        mean-regularised multi-task learning. ``"diagonal"``: one variance for each feature. ``"full"``: any
        covariance. ``"auto"`` takes the one with the smallest Bayesian information criterion,
        :math:`-2 \log L + p \log T` with p the number of variances and covariances; ``"full"`` is among them only
        when there are more tasks than coefficients, and rows enough beyond one coefficient each.
    max_iter : int, default=1000
        Most iterations of the maximisation.
    tol : float, default=1e-7
        It stops when an iteration improves the log marginal likelihood by less than this for each row; Newton steps
        follow where there are at most 40 parameters.
    task, standardize, unseen
        See `TaskRegressor`.

    Attributes
    ----------
    covariance_ : str
        The form used.
    population_covariance_ : (d + 1, d + 1) array
        :math:`\Sigma` in the user's units, intercept first.

    Notes
    -----
    Laird and Ware (1982), *Biometrics* 38, with the accelerated EM described in `kinfolk.linear.evidence`.
    Scalar covariance: Evgeniou and Pontil (2004), *Regularized multi-task learning*, equation 7, with
    :math:`\lambda_1` and :math:`\lambda_2` learned. The ridge on :math:`\bar w`, learned as well, makes more features
    than tasks or rows harmless.

    Examples
    --------
    >>> from kinfolk import PartialPoolingRegressor
    >>> from kinfolk.datasets import make_clustered_tasks
    >>> tasks = make_clustered_tasks(n_tasks=12, n_samples=8, n_features=3, random_state=0)
    >>> model = PartialPoolingRegressor(task="task").fit(tasks.X, tasks.y)
    >>> mean, std = model.predict(tasks.X, return_std=True)
    >>> mean.shape, std.shape
    ((96,), (96,))
    """

    simplicity = 2

    def __init__(
        self,
        covariance: str = "auto",
        *,
        max_iter: int = 1000,
        tol: float = 1e-7,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
    ) -> None:
        self.covariance = covariance
        self.max_iter = max_iter
        self.tol = tol
        self.task = task
        self.standardize = standardize
        self.unseen = unseen

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.covariance not in ("auto", *_COVARIANCES):
            raise InputError(f"covariance must be 'auto', 'scalar', 'diagonal' or 'full'; got {self.covariance!r}.")

    def _solve(self, data: TaskData) -> FitResult:
        moments = data.moments()
        forms = _COVARIANCES if self.covariance == "auto" else (self.covariance,)
        self.covariance_, result = pool(moments, forms, max_iter=self.max_iter, tol=self.tol)
        root = result.posterior.prior.root
        to_user = np.diag(np.concatenate(([1.0], 1.0 / data.scaling.x_scale)))
        to_user[0, 1:] = -data.scaling.x_center / data.scaling.x_scale
        loaded = data.scaling.y_scale * (to_user @ root)
        self.population_covariance_ = loaded @ loaded.T
        return result


def pool(moments: Moments, forms: tuple[str, ...], *, max_iter: int, tol: float) -> tuple[str, FitResult]:
    """The form of covariance with the smallest information criterion, and its fit.

    Simpler forms start richer ones; climbs are rough until the form is chosen.
    """
    model = MixedModel(moments)
    start, ridge = _first_guess(model, moments.n_features)
    rough: dict[str, tuple[float, Grouped | Rooted, float]] = {}
    for form in forms:
        if len(forms) > 1 and form == "full" and not _can_tell_covariances(moments):
            continue
        shape = Rooted.triangular(start) if form == "full" else _grouped(form, start, model.n_tasks)
        end = climb(model, shape, ridge, max_iter=max_iter, tol=_ROUGH * tol)
        criterion = -2.0 * end.value + _n_parameters(form, model.n_coef) * np.log(moments.n_tasks)
        if isinstance(shape, Grouped):
            start, ridge = np.maximum(end.log_variances, SMALLEST), end.ridge
            rough[form] = criterion, _grouped(form, start, model.n_tasks), end.ridge
        else:
            rough[form] = criterion, Rooted(end.root, shape.free), end.ridge
    best = min(rough, key=lambda form: rough[form][0])
    _, shape, ridge = rough[best]
    end = climb_to_boundary(model, shape, ridge, max_iter=max_iter, tol=tol)
    return best, _result(model, end, moments)


def _first_guess(model: MixedModel, n_features: int) -> tuple[FloatArray, float]:
    """Log variances ``(D,)`` and log g to start from: the best of a few; far from the data the evidence is flat."""
    ridge = 1.0 / n_features

    def value(variances: tuple[float, float]) -> float:
        root = np.sqrt(np.concatenate(([variances[0]], np.full(n_features, variances[1]))))
        return model.evidence(np.diag(root), ridge).value

    guesses = [(own, slope / n_features) for own in (0.01, 0.1, 1.0) for slope in (0.01, 0.1, 1.0)]
    own, slope = max(guesses, key=value)
    return np.log(np.concatenate(([own], np.full(n_features, slope)))), np.log(ridge)


def _can_tell_covariances(moments: Moments) -> bool:
    """Whether a full covariance is identified: more tasks than coefficients, and rows left after each task's own fit.

    Without such rows the likelihood of a full covariance grows without bound as the noise goes to zero.
    """
    n_coef = moments.n_features + 1
    left = float(np.maximum(moments.n - n_coef, 0.0).sum())
    return moments.n_tasks > n_coef and left >= _n_parameters("full", n_coef)


def _n_parameters(form: str, n_coef: int) -> int:
    return {"scalar": 2, "diagonal": n_coef, "full": n_coef * (n_coef + 1) // 2}[form]


def _grouped(form: str, start: FloatArray, n_tasks: int) -> Grouped:
    groups = np.arange(len(start)) if form == "diagonal" else (np.arange(len(start)) > 0).astype(np.int64)
    # a single task is its own population
    return Grouped(groups if n_tasks > 1 else np.full(len(start), -1), start)


def _result(model: MixedModel, end: Summit, moments: Moments) -> FitResult:
    found = model.evidence(end.root, float(np.exp(end.ridge)))
    scale = np.sqrt(found.noise)
    square = end.root.shape[0] == end.root.shape[1]
    diagonal = square and bool((end.root == np.diag(np.diag(end.root))).all())
    own = scale * np.diag(end.root) if diagonal else np.zeros(model.n_coef)
    loadings = np.zeros((model.n_coef, 0)) if diagonal else scale * end.root
    prior = GaussianPrior(found.mean, loadings, own, scale * square_root(found.mean_covariance))
    status = Status.CONVERGED if end.settled else Status.MAX_ITER
    return FitResult(prior.condition(moments, found.noise), status, end.n_iter, end.value, end.history)
