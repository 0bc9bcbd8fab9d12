"""The estimator of the shared linear representation."""

from numbers import Integral
from typing import Any

import numpy as np

from kinfolk.base import TaskRegressor
from kinfolk.exceptions import InputError
from kinfolk.representation.rank import Folds
from kinfolk.representation.solve import by_evidence
from kinfolk.result import FitResult
from kinfolk.tasks import Moments, TaskData


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
    tol : float, default=1e-4
        The fit ends when a turn changes the log marginal likelihood by less than ``tol (k + 1) (d + T)``.
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
        noise: str = "common",
        robust: bool = False,
        max_rank: int | None = None,
        n_splits: int = 5,
        max_iter: int = 100,
        tol: float = 1e-4,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
        random_state: Any = 0,
    ) -> None:
        self.rank = rank
        self.noise = noise
        self.robust = robust
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
        if self.rank not in ("auto", "bic"):
            whole.append(("rank", self.rank, 0))
        if self.max_rank is not None:
            whole.append(("max_rank", self.max_rank, 0))
        for name, value, lowest in whole:
            if not isinstance(value, Integral) or int(value) < lowest:
                also = ', "auto" or "bic"' if name == "rank" else ""
                raise InputError(f"{name} must be a whole number >= {lowest}{also}; got {value!r}.")

    def _solve(self, data: TaskData) -> FitResult:
        return self._learn(data.moments(), self._folds(data))

    def _folds(self, data: TaskData) -> Folds | None:
        """Moments of the rows of each fold, for ``rank="auto"``; None when no task has two rows."""
        if self.rank != "auto":
            return None
        fold = data.deal(self.n_splits, np.random.default_rng(self.random_state))
        used = [k for k in range(self.n_splits) if (fold == k).any()]
        if len(used) < 2:
            return None
        return Folds.of(
            [data.take(np.flatnonzero(fold == k)).moments() for k in used],
            data.take(np.flatnonzero(fold < 0)).moments(),
        )

    def _learn(self, moments: Moments, folds: Folds | None) -> FitResult:
        most = min(moments.n_features, moments.n_tasks - 1)
        if isinstance(self.rank, Integral) and int(self.rank) > most:
            raise InputError(
                f"rank={self.rank} is more than min(features, tasks - 1) = {most}: "
                f"{moments.n_features} features, {moments.n_tasks} tasks. Use a smaller rank or 'auto'."
            )
        result = by_evidence(
            moments,
            folds if self.rank == "auto" else self.rank,
            max_rank=most if self.max_rank is None else min(most, self.max_rank),
            per_task_noise=self.noise == "per-task",
            robust=self.robust,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        details = result.details
        self.representation_ = details["representation"]
        self.rank_ = self.representation_.shape[1]
        self.heads_, self.singular_values_ = details["heads"], details["singular_values"]
        self.rank_scores_ = details["rank_scores"]
        self.history_ = np.column_stack((result.history, details["moves"])).reshape(-1, 2)
        return result
