"""The estimator of the shared linear representation."""

from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray
from kinfolk.base import TaskMoments, TaskRegressor, unite
from kinfolk.exceptions import InputError
from kinfolk.posterior import Posterior
from kinfolk.representation.least_squares_fit import METHODS, by_least_squares
from kinfolk.representation.rank import Folds
from kinfolk.representation.robust import is_outlier
from kinfolk.representation.solve import by_evidence
from kinfolk.representation.streaming import streaming_head
from kinfolk.result import FitResult
from kinfolk.tasks import Moments, TaskData


class SharedRepresentationRegressor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TaskRegressor):  # type: ignore[misc]
    r"""Tasks whose coefficients lie near a common low-dimensional subspace.

    .. math:: y_{ti} = a_t + x_{ti}^\top w_t + e_{ti}, \quad e_{ti} \sim N(0, \sigma_t^2), \qquad
              w_t \sim N(\mu, B \Gamma B^\top + \tau^2 I), \quad \mu \sim N(0, B \Gamma B^\top + \gamma^2 I) ,

    with :math:`B \in R^{d \times k}` orthonormal. By default :math:`B, \Gamma, \tau^2, \gamma^2, \sigma^2` maximise
    the marginal likelihood (the heads integrated out), and the estimates are posterior means: the representation method
    for small tasks, with what each task has of its own (:math:`\tau^2`) beside it; where the information criterion is
    for it, :math:`\tau^2 I` is a diagonal with a variance for each coefficient. Intercepts are free while the slopes
    are learned, so that constants added to a task change no slope; then they are shrunken towards their mean by
    evidence. Features that are constant within every task (what describes a whole school) have one coefficient for all
    tasks, learned from the task means (`kinfolk.base.intercepts.between_tasks`).

    Parameters
    ----------
    rank : "auto", "bic" or int, default="auto"
        Dimension k. ``"auto"``: cross-validation inside the tasks over 0 (tasks share only a population mean), 1, 2,
        ..., ``max_rank``, warm-started, ended when two ranks in a row have not improved. Rank 0 where no task has two
        rows, since nothing can be tested then. ``"bic"``: the smallest :math:`-2 \log L + (k (d - k) + k (k + 1) / 2 +
        1) \log T`, heads integrated out of L; a quarter of the time, and too low for fewer than some 20 tasks. It needs
        ``method="evidence"``: a least-squares fit only ever improves with k.
    method : {"evidence", "projection", "descent", "alternating"}, default="evidence"
        ``"evidence"``: as above. The others minimise :math:`\sum_t \|y_t - X_t B w_t\|^2` over basis and heads and
        are there for comparison: ``"descent"`` is the two-phase gradient descent of Ding, Du and Fang
        (`kinfolk.representation.two_phase_descent`), ``"alternating"`` AltMinGD, FedRep and AltGDmin
        (`alternating_descent`), ``"projection"`` the fastest way to the same solution (`variable_projection`). With
        less than some five rows for each direction in a task they overfit, and evidence does not.
    method_params : dict, optional
        Keyword arguments of the function of a least-squares method, for instance ``{"step": (0.05, 0.2), "init_scale":
        0.01, "n_iter": 650, "whiten": False}`` for ``"descent"`` with a paper's own numbers.
    noise : {"common", "per-task"}, default="common"
        ``"per-task"``: every task has its noise variance, squeezed towards the others' by evidence
        (`kinfolk.base.task_noise`), and tasks of low noise say more about B. Ask for it where noise differs by
        factors: with a common variance noisy tasks decide what all share.
    robust : bool, default=False
        Tasks that do not share the directions lose their say in B (`kinfolk.representation.robust`), and those beyond
        doubt get a prior of their own with a larger :math:`\tau_t^2`. Evidence only.
    max_rank : int, optional
        Largest rank that is tried; default ``min(d, T - 1)``. Ranks with more free numbers, ``k (d + T - k)``, than
        there are rows are not tried.
    n_splits : int, default=5
        Folds inside the tasks for ``"auto"``.
    max_iter : int, default=100
        Most turns between climbing in B and re-estimating the variances, in the final fit.
    tol : float, default=1e-4
        The fit ends when a turn would raise the log marginal likelihood by less than ``tol (k + 1) (d + T)``.
    task, standardize, unseen
        See `TaskRegressor`.
    random_state : int, Generator or None, default=0
        Deals the rows over the folds, and draws random starts.

    Attributes
    ----------
    rank_ : int
        The dimension used.
    representation_ : (d, k) array
        B, orthonormal columns in standardised units, by falling singular value.
    heads_ : (T, k) array
        Position of each task: shared part of its coefficients is ``population + heads_ @ representation_.T`` (in
        standardised units; least squares has no population part).
    singular_values_ : (k,) array
        Standard deviations of the heads, the square roots of the eigenvalues of :math:`\Gamma`.
    rank_scores_ : (ranks,) array
        Of rank 0, 1, ...: mean squared error on held-out rows, in units of the target's variance (``"auto"``), or the
        criterion (``"bic"``).
    history_ : (steps, 2) array
        After each step of the final fit: log marginal likelihood (or half the sum of squares), and how far the step
        turned the subspace (sine of the largest angle; for least squares the norm of all sines).
    outlier_scores_, outlier_tasks_ : (T,) and (n,) arrays
        With ``robust=True``: how far beyond the noise each task's residuals are, about standard normal for a task like
        the others; and the labels of those above 4.
    result_ : FitResult
        ``result_.posterior.covariance`` (T, d + 1, d + 1) holds the posterior covariances, intercept first.

    Notes
    -----
    The data model is that of Tripuraneni, Jin and Jordan (2021), *Provable meta-learning of linear representations*,
    and of Ding, Du and Fang (2026), arXiv 2605.00473. The likelihood is climbed as `kinfolk.representation.evidence`
    says; EM for it has the same fixed points. :math:`\sigma^2` is corrected for the :math:`k (d - k)` degrees of
    freedom of B. What each published claim comes to when measured: ``docs/methods/shared-representation.md``.

    Examples
    --------
    >>> from kinfolk import SharedRepresentationRegressor
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=40, n_samples=20, n_features=10, rank=2, random_state=0)
    >>> model = SharedRepresentationRegressor(task="task").fit(tasks.X, tasks.y)
    >>> model.rank_
    2
    >>> model.transform(tasks.X).shape
    (800, 2)
    """

    simplicity = 3

    def __init__(
        self,
        rank: str | int = "auto",
        *,
        method: str = "evidence",
        method_params: dict[str, Any] | None = None,
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
        self.method = method
        self.method_params = method_params
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

    def fit_moments(self, moments: TaskMoments | Sequence[TaskMoments]) -> Self:
        """Fit from sums over rows instead of rows, so that sites can share sums and keep their rows.

        The result is that of `fit` on all rows (with the same parts as folds).

        Parameters
        ----------
        moments : TaskMoments, or a list of them, one from each site
            From `kinfolk.task_moments`; a task that several sites know is fitted to the rows of all of them.

        Returns
        -------
        self
            `predict` wants the features in the order of ``TaskMoments.feature_names`` and then the task column.

        Raises
        ------
        InputError
            No task column is named, the sites do not fit together, or a parameter is out of range.
        """
        self._check_parameters()
        if not isinstance(self.task, str):
            raise InputError(f"fit_moments needs the name of the task column: task= a text; got {self.task!r}.")
        whole = unite([moments] if isinstance(moments, TaskMoments) else list(moments))
        total = whole.total
        scaling = total.scaling(standardize=self.standardize)
        self.tasks_, self.feature_names_ = whole.tasks, list(whole.feature_names)
        self.feature_names_in_ = np.array([*whole.feature_names, self.task], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self._task_position, self._wide, self._n_rows = len(whole.feature_names), False, None
        parts = [part.rescale(scaling) for part in whole.parts if part.n.any()]
        folds = Folds.of(parts, whole.rest.rescale(scaling)) if self.rank == "auto" and len(parts) > 1 else None
        self._publish(self._learn(total.rescale(scaling), folds), scaling)
        return self

    def transform(self, X: Any) -> FloatArray:
        """The shared features of rows, ``(x - center) / scale @ representation_``.

        Parameters
        ----------
        X : as in fit
            Tasks that the model does not know are welcome: the features are the same for all.

        Returns
        -------
        (n, k) array
            k is ``rank_``.
        """
        check_is_fitted(self)
        shared: FloatArray = self._scaling.features(self._read(X).features) @ self.representation_
        return shared

    def adapt(self, X: Any, y: Any, sample_weight: Any = None, *, method: str = "bayes") -> Self:
        """Learn new tasks from their few rows, leaving what all tasks share as it is.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only.
        method : {"bayes", "sgd"}, default="bayes"
            ``"bayes"``: the posterior under the fitted prior. ``"sgd"``: Algorithm 2 of Ding, Du and Fang
            (`kinfolk.representation.streaming_head`), one pass over the rows in their order, which is worse for every
            number of rows and there for comparison; uncertainties are still those of ``"bayes"``. It takes no weights.

        Returns
        -------
        estimator
            A copy that also knows the new tasks.

        Raises
        ------
        InputError
            A task is known already, the model has no task column, or the method is not one of these.
        """
        if method not in ("bayes", "sgd"):
            raise InputError(f"method must be 'bayes' or 'sgd'; got {method!r}.")
        if method == "sgd" and sample_weight is not None:
            raise InputError("adapt(method='sgd') reads each row once and takes no sample_weight; use method='bayes'.")
        new = self._adapted(X, y, sample_weight, self._condition if method == "bayes" else self._stream)
        new.heads_ = new._heads(new.result_.posterior)
        return new

    def _heads(self, posterior: Posterior) -> FloatArray:
        """Position of each task along the representation, about the population (least squares: about zero)."""
        center = posterior.prior.mean[1:] if self.method == "evidence" else 0.0
        heads: FloatArray = (posterior.mean[:, 1:] - center) @ self.representation_
        return heads

    def _stream(self, data: TaskData) -> Posterior:
        """Posterior whose means are those of a pass of stochastic gradient descent in the shared features."""
        posterior = self._condition(data)
        mean = posterior.mean.copy()
        for t in range(data.n_tasks):
            rows = slice(data.offsets[t], data.offsets[t + 1])
            x_mean, y_mean = data.X[rows].mean(axis=0), data.y[rows].mean()
            head = streaming_head((data.X[rows] - x_mean) @ self.representation_, data.y[rows] - y_mean)
            mean[t, 1:] = self.representation_ @ head
            mean[t, 0] = y_mean - x_mean @ mean[t, 1:]
        return replace(posterior, mean=mean)

    @property
    def _n_features_out(self) -> int:
        """Number of shared features, for ``get_feature_names_out``."""
        return int(self.rank_)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        whole: list[tuple[str, Any, int]] = [("n_splits", self.n_splits, 2), ("max_iter", self.max_iter, 1)]
        if self.rank not in ("auto", "bic"):
            whole.append(("rank", self.rank, 0))
        if self.max_rank is not None:
            whole.append(("max_rank", self.max_rank, 0))
        for name, value, lowest in whole:
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < lowest:
                also = ', "auto" or "bic"' if name == "rank" else ""
                raise InputError(f"{name} must be a whole number >= {lowest}{also}; got {value!r}.")
        choices = {"method": ("evidence", *METHODS), "noise": ("common", "per-task")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {getattr(self, name)!r}.")
        if self.method == "evidence" and self.method_params:
            raise InputError("method_params are arguments of a least-squares method; method='evidence' takes none.")
        if self.method != "evidence":
            known = [*signature(METHODS[self.method]).parameters][2:]  # beside moments and rank
            unknown = sorted(set(self.method_params or {}) - set(known))
            if unknown:
                raise InputError(
                    f"method={self.method!r} has no argument {', '.join(map(repr, unknown))}; method_params may hold "
                    f"{', '.join(known)}."
                )
        for name, asked in (("rank='bic'", self.rank == "bic"), ("robust=True", self.robust)):
            if asked and self.method != "evidence":
                raise InputError(
                    f"{name} needs method='evidence': the likelihood of a least-squares fit tells neither ranks nor "
                    f"outlier tasks apart; got method={self.method!r}."
                )

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
        choice: Any = folds if self.rank == "auto" else self.rank
        max_rank = most if self.max_rank is None else min(most, self.max_rank)
        per_task_noise = self.noise == "per-task"
        if self.method == "evidence":
            result = by_evidence(
                moments,
                choice,
                max_rank=max_rank,
                per_task_noise=per_task_noise,
                robust=self.robust,
                max_iter=self.max_iter,
                tol=self.tol,
            )
        else:
            result = by_least_squares(
                moments,
                choice,
                method=self.method,
                params=self._params(),
                max_rank=max_rank,
                per_task_noise=per_task_noise,
            )
        details = result.details
        self.representation_ = details["representation"]
        self.rank_ = self.representation_.shape[1]
        self.heads_, self.singular_values_ = self._heads(result.posterior), details["singular_values"]
        self.rank_scores_ = details["rank_scores"]
        if self.robust:
            self.outlier_scores_ = details["outlier_scores"]
            self.outlier_tasks_ = self.tasks_[is_outlier(self.outlier_scores_)]
        self.history_ = np.column_stack((result.history, details["moves"])).reshape(-1, 2)
        return result

    def _params(self) -> dict[str, Any]:
        """Arguments of the least-squares method, with a generator for those that draw."""
        drawn = {"generator": np.random.default_rng(self.random_state)} if self.method != "projection" else {}
        return drawn | dict(self.method_params or {})
