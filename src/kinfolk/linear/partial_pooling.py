"""Random coefficients: every task's model is drawn from a population that is learned."""

import numpy as np
from scipy.optimize import minimize

from kinfolk._typing import FloatArray
from kinfolk.base import TaskRegressor
from kinfolk.exceptions import InputError
from kinfolk.linear.evidence import Evidence, MixedModel, square_root
from kinfolk.posterior import GaussianPrior
from kinfolk.result import FitResult, Status
from kinfolk.tasks import Moments, TaskData

_COVARIANCES = ("scalar", "diagonal", "full")
_SMALLEST, _LARGEST = -18.0, 18.0  # bounds on log variances relative to the noise
_LARGEST_RIDGE = 9.0


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
        when there are more tasks than coefficients.
    max_iter : int, default=1000
        Most iterations of the maximisation.
    tol : float, default=1e-7
        It stops when an iteration improves the log marginal likelihood by less than this share of it.
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
    """The form of covariance with the smallest information criterion, and its fit; simpler forms start richer ones."""
    model = MixedModel(moments)
    if model.n_tasks == 1:
        forms = ("scalar",)
    start, ridge = _first_guess(model, moments.n_features)
    fits: dict[str, tuple[float, FitResult]] = {}
    for form in forms:
        if len(forms) > 1 and form == "full" and moments.n_tasks <= model.n_coef:
            continue
        family = _Family(form, start)
        result, start, ridge = _maximise(model, family, ridge, moments, max_iter=max_iter, tol=tol)
        criterion = -2.0 * result.objective + _n_parameters(form, model.n_coef) * np.log(moments.n_tasks)
        fits[form] = criterion, result
    best = min(fits, key=lambda form: fits[form][0])
    return best, fits[best][1]


def _first_guess(model: MixedModel, n_features: int) -> tuple[FloatArray, float]:
    """Log variances ``(D,)`` and log g to start from: the best of a few; far from the data the evidence is flat."""
    ridge = 1.0 / n_features

    def value(variances: tuple[float, float]) -> float:
        root = np.sqrt(np.concatenate(([variances[0]], np.full(n_features, variances[1]))))
        return model.evidence(np.diag(root), ridge).value

    guesses = [(own, slope / n_features) for own in (0.01, 0.1, 1.0) for slope in (0.01, 0.1, 1.0)]
    own, slope = max(guesses, key=value)
    return np.log(np.concatenate(([own], np.full(n_features, slope)))), np.log(ridge)


def _n_parameters(form: str, n_coef: int) -> int:
    return {"scalar": 2, "diagonal": n_coef, "full": n_coef * (n_coef + 1) // 2}[form]


class _Family:
    """Parameters theta of one form of covariance: log variances, or the entries of a triangular root.

    The root is in units of the standard deviations it starts from, so that all entries are of one size.
    """

    def __init__(self, form: str, start: FloatArray) -> None:
        self.form, self.n_coef = form, len(start)
        self.lower = np.tril_indices(self.n_coef)
        self.unit = np.exp(0.5 * np.maximum(start, -8.0))[:, None]
        if form == "scalar":
            self.start = np.array([start[0], start[1:].mean()])
        elif form == "diagonal":
            self.start = start
        else:
            self.start = np.eye(self.n_coef)[self.lower]

    def bounds(self, size: int) -> list[tuple[float, float]]:
        return [(-np.inf, np.inf) if self.form == "full" else (_SMALLEST, _LARGEST)] * size

    def root(self, theta: FloatArray) -> FloatArray:
        """``(D, D)`` root of Omega."""
        if self.form == "full":
            root = np.zeros((self.n_coef, self.n_coef))
            root[self.lower] = theta
            return self.unit * root
        return np.diag(np.exp(0.5 * self.log_variances(theta)))

    def log_variances(self, theta: FloatArray) -> FloatArray:
        """Log variances ``(D,)`` of the coefficients."""
        if self.form == "scalar":
            return np.concatenate((theta[:1], np.full(self.n_coef - 1, theta[1])))
        if self.form == "diagonal":
            return theta
        variances: FloatArray = np.log(np.maximum((self.root(theta) ** 2).sum(axis=1), 1e-12))
        return variances

    def gradient(self, found: Evidence, root: FloatArray) -> FloatArray:
        """Derivative of the log marginal likelihood by theta, ``score = 2 d value / d Omega``."""
        if self.form == "full":
            entries: FloatArray = (self.unit * (found.score @ root))[self.lower]
            return entries
        each = 0.5 * np.diag(found.score) * np.diag(root) ** 2
        return np.array([each[0], each[1:].sum()]) if self.form == "scalar" else each


def _maximise(
    model: MixedModel, family: _Family, ridge: float, moments: Moments, *, max_iter: int, tol: float
) -> tuple[FitResult, FloatArray, float]:
    history: list[float] = []

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        root = family.root(theta[:-1])
        found = model.evidence(root, float(np.exp(theta[-1])))
        history.append(found.value)
        return -found.value, -np.concatenate((family.gradient(found, root), [found.ridge_score]))

    bounds = [*family.bounds(len(family.start)), (_SMALLEST, _LARGEST_RIDGE)]
    if model.n_tasks == 1:  # a single task is its own population
        bounds[:-1] = [(_SMALLEST, _SMALLEST)] * len(family.start)
    end = minimize(
        objective,
        np.clip(np.concatenate((family.start, [ridge])), *np.array(bounds).T),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": max_iter, "maxfun": 10 * max_iter, "ftol": tol, "gtol": 1e-6},
    )
    root = family.root(end.x[:-1])
    found = model.evidence(root, float(np.exp(end.x[-1])))
    scale = np.sqrt(found.noise)
    if family.form == "full":
        loadings, own = scale * root, np.zeros(model.n_coef)
    else:
        loadings, own = np.zeros((model.n_coef, 0)), scale * np.diag(root)
    prior = GaussianPrior(found.mean, loadings, own, scale * square_root(found.mean_covariance))
    status = Status.MAX_ITER if end.nit >= max_iter else Status.CONVERGED
    result = FitResult(prior.condition(moments, found.noise), status, int(end.nit), found.value, tuple(history))
    return result, family.log_variances(end.x[:-1]), float(end.x[-1])
