"""The estimator of the shared linear representation."""

from numbers import Integral
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base import TaskRegressor
from kinfolk.exceptions import InputError
from kinfolk.posterior import GaussianPrior
from kinfolk.representation.evidence import mean_root
from kinfolk.representation.rank import (
    Fit,
    choose_rank,
    first_fit,
    fit_rank,
    projection_start,
    slopes_and_intercepts,
)
from kinfolk.result import FitResult, Status
from kinfolk.tasks import TaskData


class SharedRepresentationRegressor(TaskRegressor):
    r"""Tasks whose coefficients lie near a common low-dimensional subspace, found by marginal likelihood.

    .. math:: y_{ti} = a_t + x_{ti}^\top w_t + e_{ti}, \quad e_{ti} \sim N(0, \sigma^2), \qquad
              w_t \sim N(\mu, B \Gamma B^\top + \tau^2 I), \quad \mu \sim N(0, B \Gamma B^\top + \gamma^2 I) ,

    with :math:`B \in R^{d \times k}` orthonormal. :math:`B, \Gamma, \tau^2, \gamma^2, \sigma^2` maximise the marginal
    likelihood (the heads integrated out), and the estimates are posterior means: the representation method for
    small tasks, with what each task has of its own (:math:`\tau^2`) beside it. Intercepts are free while the slopes
    are learned, so that constants added to a task change no slope; then they are shrunken towards their mean by
    evidence.

    Parameters
    ----------
    rank : "auto" or int, default="auto"
        Dimension k. ``"auto"``: cross-validation inside the tasks over 0 (tasks share only a population mean), 1, 2,
        ..., ``max_rank``, warm-started, ended when two ranks in a row have not improved. Rank 0 where no task has two
        rows, since nothing can be tested then.
    max_rank : int, optional
        Largest rank that ``"auto"`` tries; default ``min(d, T - 1)``.
    n_splits : int, default=5
        Folds inside the tasks for ``"auto"``.
    max_iter : int, default=100
        Most turns between climbing in B and re-estimating the variances, in the final fit.
    tol : float, default=0.01
        The fit ends when a turn changes the log marginal likelihood by less than this.
    task, standardize, unseen
        See `TaskRegressor`.
    random_state : int, Generator or None, default=0
        Deals the rows over the folds.

    Attributes
    ----------
    rank_ : int
        The dimension used.
    representation_ : (d, k) array
        B, orthonormal columns in standardised units, by falling singular value.
    heads_ : (T, k) array
        Position of each task: shared part of its coefficients is ``population + heads_ @ representation_.T`` (in
        standardised units).
    singular_values_ : (k,) array
        Standard deviations of the heads, the square roots of the eigenvalues of :math:`\Gamma`.
    rank_scores_ : (ranks,) array
        Mean squared error of rank 0, 1, ... on held-out rows, in units of the target's variance (``"auto"`` only).

    Notes
    -----
    The data model is that of Tripuraneni, Jin and Jordan (2021), *Provable meta-learning of linear representations*,
    and of Ding, Du and Fang (2026), arXiv 2605.00473, who estimate B by first-order methods for least squares. Here
    the heads are random effects; the climb is EM with expanded parameters (Liu, Rubin and Wu 1998, *Biometrika* 85)
    whose step for B is preconditioned by the pooled covariance.

    Examples
    --------
    >>> from kinfolk import SharedRepresentationRegressor
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=40, n_samples=20, n_features=10, rank=2, random_state=0)
    >>> model = SharedRepresentationRegressor(task="task").fit(tasks.X, tasks.y)
    >>> model.rank_
    2
    """

    simplicity = 3

    def __init__(
        self,
        rank: str | int = "auto",
        *,
        max_rank: int | None = None,
        n_splits: int = 5,
        max_iter: int = 100,
        tol: float = 0.01,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
        random_state: Any = 0,
    ) -> None:
        self.rank = rank
        self.max_rank = max_rank
        self.n_splits = n_splits
        self.max_iter = max_iter
        self.tol = tol
        self.task = task
        self.standardize = standardize
        self.unseen = unseen
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        whole: list[tuple[str, Any, int]] = [("n_splits", self.n_splits, 2), ("max_iter", self.max_iter, 1)]
        if self.rank != "auto":
            whole.append(("rank", self.rank, 0))
        if self.max_rank is not None:
            whole.append(("max_rank", self.max_rank, 0))
        for name, value, lowest in whole:
            if not isinstance(value, Integral) or int(value) < lowest:
                also = ' or "auto"' if name == "rank" else ""
                raise InputError(f"{name} must be a whole number >= {lowest}{also}; got {value!r}.")

    def _solve(self, data: TaskData) -> FitResult:
        most = min(data.n_features, data.n_tasks - 1)
        moments = data.moments()
        scores: FloatArray = np.zeros(0)
        if self.rank == "auto":
            limit = most if self.max_rank is None else min(most, self.max_rank)
            generator = np.random.default_rng(self.random_state)
            scores, folds = choose_rank(data, max_rank=limit, n_splits=self.n_splits, tol=1.0, generator=generator)
            start = folds[0].state if folds else first_fit(moments, tol=self.tol).state
        else:
            if int(self.rank) > most:
                raise InputError(
                    f"rank={self.rank} is more than min(features, tasks - 1) = {most}: "
                    f"{data.n_features} features, {data.n_tasks} tasks. Use a smaller rank or 'auto'."
                )
            start = projection_start(moments, int(self.rank))
        fit = fit_rank(
            moments.factor(), moments, start.loadings, start.own, start.ridge, rounds=self.max_iter, tol=self.tol
        )
        self.rank_scores_ = scores
        return self._result(fit)

    def _result(self, fit: Fit) -> FitResult:
        state, moments = fit.state, fit.moments
        left, spread, _ = np.linalg.svd(state.loadings, full_matrices=False)
        freedom = max(moments.degrees_of_freedom, 1.0)
        d, k = state.loadings.shape
        # the loadings use up k (d - k) degrees of freedom that the profiled noise does not know of
        noise = state.noise * min(freedom / max(freedom - k * (d - k), 1.0), 2.0)
        slopes, _, center, variance = slopes_and_intercepts(fit)
        prior = _prior(fit, left * spread * np.sqrt(noise), noise, center, variance)
        posterior = prior.condition(moments, noise)
        self.rank_ = k
        self.representation_ = left
        self.heads_ = (slopes - state.mean) @ left
        self.singular_values_ = spread * np.sqrt(noise)
        status = Status.CONVERGED if fit.settled else Status.MAX_ITER
        details = {"rank_scores": self.rank_scores_, "singular_values": self.singular_values_}
        return FitResult(posterior, status, fit.n_steps, state.value, details=details)


def _prior(fit: Fit, loadings: FloatArray, noise: float, center: float, variance: float) -> GaussianPrior:
    """Prior of a task in standardised units, intercept first, with the uncertainty of mean and loadings."""
    state, model = fit.state, fit.model
    d, k = loadings.shape
    scale = np.full(d + 1, np.sqrt(noise * state.own))
    scale[0] = 0.0
    mean_factor = np.zeros((d + 1, d + k + 1))
    heard = max(float((fit.moments.n > 0).sum()), 1.0)
    mean_factor[0, 0] = np.sqrt((variance + noise * float(np.mean(1.0 / np.maximum(fit.moments.n, 1.0)))) / heard)
    mean_factor[1:, 1:] = np.sqrt(noise) * mean_root(state)
    padded = np.zeros((d + 1, k))
    padded[1:] = loadings
    loading_factor = loading_weight = None
    if k:
        values, vectors = np.linalg.eigh(model.preconditioner)
        outside = vectors * np.sqrt(noise * np.maximum(values, 0.0))
        basis = np.linalg.qr(loadings)[0]
        outside -= basis @ (basis.T @ outside)
        loading_factor = np.concatenate((np.zeros((1, d)), outside))
        # heads in units of their prior standard deviation, along the columns of `loadings`
        positions = state.heads @ (np.linalg.pinv(loadings) @ state.loadings).T
        # a task's rows tell of the loadings only what its own head has not used up
        rows = np.maximum(fit.moments.n - 1.0, 1.0)
        second = (positions * (model.strength * np.maximum(1.0 - k / rows, 0.0))[:, None]).T @ positions
        # the mean of an inverse is more than the inverse of a mean: for k heads by a factor T / (T - k - 1)
        heard_tasks = float((fit.moments.n > 1).sum())
        loading_weight = np.linalg.pinv(second) * heard_tasks / max(heard_tasks - k - 1.0, 1.0)
    return GaussianPrior(
        np.concatenate(([center], state.mean)),
        padded,
        scale,
        mean_factor,
        intercept_variance=variance,
        loading_factor=loading_factor,
        loading_weight=loading_weight,
    )
