"""The classifier of the shared linear representation."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray
from kinfolk.base import TaskClassifier
from kinfolk.base.laplace import laplace_posterior
from kinfolk.exceptions import InputError
from kinfolk.representation.logistic import Design
from kinfolk.representation.logistic_climb import climb
from kinfolk.representation.logistic_rank import Choice, choose_rank, evidence_rank, fit_rank, gaussian
from kinfolk.result import FitResult, Status
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData


class SharedRepresentationClassifier(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TaskClassifier):  # type: ignore[misc]
    r"""Logistic tasks whose coefficients lie near a common low-dimensional subspace, found by marginal likelihood.

    .. math:: P(y_{ti} = 1) = \operatorname{sigmoid}(a_t + x_{ti}^\top w_t), \qquad
              a_t \sim N(m, v), \quad w_t \sim N(\mu, B \Gamma B^\top + \tau^2 I), \qquad
              \mu \sim N(0, B \Gamma B^\top + g I) ,

    with :math:`B \in R^{d \times k}` orthonormal. :math:`B, \Gamma, \tau^2, g, m, v` maximise the marginal likelihood
    with the heads integrated out by Laplace's method. What each task has of its own (:math:`\tau^2`) beside the
    representation, and rank 0 (mean-regularised logistic regression whose strengths are learned), make it safe where
    tasks share little. Intercepts are shrunken towards their population too, so that a task with one class is fitted
    like any other.

    More than two classes are fitted one against the rest.

    Parameters
    ----------
    rank : "auto", "bic" or int, default="auto"
        Dimension k. ``"auto"``: log-loss in cross-validation inside the tasks over 0 (tasks share only a population),
        1, 2, ..., ``max_rank``, warm-started, ended when two ranks in a row have not improved; at rank 0 it also tries
        to leave the tasks more of their own than the evidence says, and it chooses between probabilities averaged over
        the posterior (those of a given rank) and those at its mode. Rank 0 where no task has two rows. ``"bic"``: the
        smallest ``-2 log L + [k (d - k) + k (k + 1) / 2 + 1] log T``, cheaper, and too small where there are few tasks.
    max_rank : int, optional
        Largest rank that ``"auto"`` and ``"bic"`` try; default ``min(d, T - 1)``.
    n_splits : int, default=5
        Folds inside the tasks for ``"auto"``.
    max_iter : int, default=100
        Most steps of the final fit.
    tol : float, default=0.1
        The fit ends when a step raises the log marginal likelihood by less than this.
    task, standardize, unseen
        See `TaskClassifier`.
    random_state : int, Generator or None, default=0
        Deals the rows over the folds.

    Attributes
    ----------
    rank_ : int, or a tuple of one int a class
        The dimension used.
    representation_ : (d, k) array
        B, orthonormal columns in standardised units, by falling singular value. With more than two classes, the
        representations of all classes side by side; ``heads_`` and ``singular_values_`` likewise.
    heads_ : (T, k) array
        Position of each task along the representation, relative to the population.
    singular_values_ : (k,) array
        Standard deviations of the heads, the square roots of the eigenvalues of :math:`\Gamma`.
    rank_scores_ : (ranks,) array, or a tuple of one a class
        Mean log-loss of rank 0, 1, ... on held-out rows ("auto"), or the criterion ("bic"); empty for a given rank.
    history_ : tuple of float, or a tuple of one a class
        Log marginal likelihood (Laplace), with the prior of the loadings, after each step of the final fit.
    classes_, tasks_, coef_, intercept_, population_coef_, population_intercept_, feature_names_, result_
        See `TaskClassifier`.

    Notes
    -----
    The data model is that of Tripuraneni, Jin and Jordan (2021), *Provable meta-learning of linear representations*,
    with a logistic link; the start of B is the moment estimate of Stein's identity, which holds for any monotone link.

    Examples
    --------
    >>> from kinfolk import SharedRepresentationClassifier
    >>> from kinfolk.datasets import make_shared_classification
    >>> tasks = make_shared_classification(n_tasks=40, n_samples=40, n_features=10, rank=2, random_state=0)
    >>> model = SharedRepresentationClassifier(task="task").fit(tasks.X, tasks.y)
    >>> model.rank_, model.transform(tasks.X).shape
    (2, (1600, 2))
    """

    simplicity = 3

    def __init__(
        self,
        rank: str | int = "auto",
        *,
        max_rank: int | None = None,
        n_splits: int = 5,
        max_iter: int = 100,
        tol: float = 0.1,
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

    def transform(self, X: Any) -> FloatArray:
        """Shared features ``(n, k)`` of the rows: their standardised features times the representation.

        Parameters
        ----------
        X : as in fit; the task column may name any task
        """
        check_is_fitted(self)
        shared: FloatArray = self._scaling.features(self._read(X).features) @ self.representation_
        return shared

    @property
    def _n_features_out(self) -> int:
        return int(self.representation_.shape[1])

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
        most = min(data.n_features, data.n_tasks - 1)
        limit = most if self.max_rank is None else min(most, self.max_rank)
        searched = self.rank in ("auto", "bic")
        if not searched and int(self.rank) > most:
            raise InputError(
                f"rank={self.rank} is more than min(features, tasks - 1) = {most}: "
                f"{data.n_features} features, {data.n_tasks} tasks. Use a smaller rank or 'auto'."
            )
        choice = Choice(np.zeros(0), None, True)
        if self.rank == "auto" and limit > 0:
            generator = np.random.default_rng(self.random_state)
            tol = max(1.0, 0.01 * data.n_tasks)
            choice = choose_rank(data, max_rank=limit, n_splits=self.n_splits, tol=tol, generator=generator)
        elif self.rank == "bic" and limit > 0:
            choice = evidence_rank(data, max_rank=limit, tol=self.tol)
        design, start = Design(data), choice.prior
        if start is None:
            state = fit_rank(design, 0 if searched else int(self.rank), steps=self.max_iter, tol=self.tol)
        else:
            state = climb(design, start, design.rows @ start.mean, steps=self.max_iter, tol=self.tol)
        posterior = laplace_posterior(gaussian(state.prior), data, state.eta)
        status = Status.CONVERGED if state.settled else Status.MAX_ITER
        details = {"rank_scores": choice.scores, "averaging": np.array([float(choice.averaging)])}
        return FitResult(posterior, status, state.n_steps, state.objective, state.history, details)

    def _publish(self, results: list[FitResult], scaling: Scaling) -> None:
        super()._publish(results, scaling)
        bases, heads, spreads = [], [], []
        for result in results:
            prior, mean = result.posterior.prior, result.posterior.mean
            basis, spread, _ = np.linalg.svd(prior.loadings[1:], full_matrices=False)
            bases.append(basis)
            spreads.append(spread)
            heads.append((mean[:, 1:] - prior.mean[1:]) @ basis)
        self.representation_, self.heads_ = np.concatenate(bases, axis=1), np.concatenate(heads, axis=1)
        self.singular_values_ = np.concatenate(spreads)
        ranks, scores = tuple(map(len, spreads)), tuple(result.details["rank_scores"] for result in results)
        history = tuple(result.history for result in results)
        one = len(results) == 1
        self.rank_: int | tuple[int, ...] = ranks[0] if one else ranks
        self.rank_scores_: FloatArray | tuple[FloatArray, ...] = scores[0] if one else scores
        self.history_: tuple[Any, ...] = history[0] if one else history
