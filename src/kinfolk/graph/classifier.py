"""The classifier of tasks on a graph that is learned with them."""

from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from kinfolk.base import TaskClassifier
from kinfolk.base.laplace import laplace_posterior
from kinfolk.exceptions import InputError
from kinfolk.graph.attributes import GraphAttributes, detail
from kinfolk.graph.logistic_solve import by_logistic_graph
from kinfolk.graph.newcomers import joined, logistic_newcomers
from kinfolk.graph.parameters import check_parameters, given_graph
from kinfolk.result import FitResult
from kinfolk.tasks import TaskData


class TaskGraphClassifier(GraphAttributes, TaskClassifier):
    r"""Logistic tasks whose coefficients vary smoothly over a graph that is learned together with them.

    .. math:: P(y_{ti} = 1) = \operatorname{sigmoid}(a_t + x_{ti}^\top w_t), \quad a_t \sim N(m, v), \qquad
              p(W) \propto \exp\Bigl( -\tfrac12 \sum_{s < t} a_{st} \|w_s - w_t\|^2
              - \tfrac c2 \sum_t \|w_t - \bar w\|^2 - \tfrac g2 T \|\bar w\|^2 \Bigr), \quad a_{st}, c \ge 0 .

    The weights :math:`a_{st}` and the pull c towards the mean of all tasks are learned by EM with the joint posterior
    covariance of all tasks at their mode (Laplace's method, `kinfolk.graph.logistic`); the coefficients are that mode.
    Held-out rows decide how far the graph is trusted: without edges the model is mean-regularised logistic regression
    with its strengths at the maximum of the (Laplace) marginal likelihood, which is also where g, m and v come from.
    Intercepts are shrunken towards their population, so that a task with one class is fitted like any other.

    More than two classes are fitted one against the rest, each with a graph of its own.

    Parameters
    ----------
    graph : (T, T) array, sparse array or DataFrame, optional
        Known non-negative symmetric weights between tasks, in the order of the sorted labels (a DataFrame: by its
        labels). Then only their common strength and the pull are learned.
    covariance : {"auto", "scalar", "diagonal", "full"}, default="auto"
        Whether all coefficients vary alike (``"scalar"``), each by its own measure, or together: then the model holds
        in units of the features in which they do vary alike (`kinfolk.graph.features`). ``"auto"``: the richer form
        where it lowers the log-loss of held-out rows by a standard error; ``"scalar"`` with a given graph.
    n_neighbors : int, default=12
        Candidates: each task's nearest ones in the fit without a graph, and what joins them all.
    shrinkage : "auto" or float in [0, 1], default="auto"
        Share of the mean distance in every distance between tasks: 0 the graph of the likelihood, 1 no graph.
        ``"auto"``: of 1, 0.8, 0.5, ``5 / (5 + d)`` and a quarter of that, the one with the smallest log-loss on
        held-out rows: as many quarters of each task's rows as make 1,500. These rows also choose the width of the prior
        (``inflation_``), and between probabilities averaged over the posterior (those of a given shrinkage) and those
        at its mode. With a given graph a number keeps the width of the evidence.
    n_probes : int, default=32
        Draws that stand for the posterior covariance in EM, where ``T d > 200``.
    max_iter : int, default=200
        Most turns of EM.
    tol : float, default=1e-2
        EM ends when a turn moves the slopes by less than this, relative to their spread about the mean, or the log-odds
        of the rows.
    task, standardize, unseen
        See `TaskClassifier`.
    random_state : int, Generator or None, default=0
        Deals the held-out rows.

    Attributes
    ----------
    graph_ : (T, T) sparse array
        Weights :math:`a_{st}` between tasks, in inverse squared units of the standardised coefficients; tasks in the
        order of ``tasks_``. With more than two classes this, and every attribute below, is a tuple of one a class.
    laplacian_ : (T, T) sparse array
        ``D - A`` of these weights.
    pull_ : float
        c, in the same units.
    shrinkage_ : float
        The shrinkage used.
    shrinkage_scores_ : (candidates, 2) array
        Shrinkage and mean log-loss of the held-out rows; empty when given.
    inflation_ : float
        By how much held-out rows widened (or narrowed, below 1) the variance of the evidence; 1 for a given shrinkage.
    coupling_strength_ : float
        :math:`\kappa`: how much more precisely the other tasks tell a coefficient than the task's own rows, on average.
        Below 0.1 independent fits are already enough.
    coupling_advice_ : str
        That in plain words.
    classes_, tasks_, coef_, intercept_, population_coef_, population_intercept_, feature_names_, result_
        See `TaskClassifier`.

    Notes
    -----
    Graph model of arXiv 2510.10570 and arXiv 2608.26989; EM, shrinkage, pull and the logistic form are kinfolk's.
    Posterior covariances are those of the joint posterior given the weights, exact without edges or where
    ``T d <= 1600``, else from 64 draws (`kinfolk.graph.coupled.covariances`). `adapt` finds the neighbours of new tasks
    (`kinfolk.graph.newcomers`) and leaves known tasks as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk import TaskGraphClassifier
    >>> from kinfolk.datasets import make_clustered_tasks
    >>> tasks = make_clustered_tasks(3, n_tasks=30, n_samples=40, n_features=6, random_state=0)
    >>> model = TaskGraphClassifier(task="task").fit(tasks.X, tasks.y > 0)
    >>> near = model.neighbors(4)
    >>> bool((tasks.clusters[near.index[:3]] == tasks.clusters[4]).all())
    True
    """

    simplicity = 4

    def __init__(
        self,
        *,
        graph: Any = None,
        covariance: str = "auto",
        n_neighbors: int = 12,
        shrinkage: str | float = "auto",
        n_probes: int = 32,
        max_iter: int = 200,
        tol: float = 1e-2,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
        random_state: Any = 0,
    ) -> None:
        self.graph = graph
        self.covariance = covariance
        self.n_neighbors = n_neighbors
        self.shrinkage = shrinkage
        self.n_probes = n_probes
        self.max_iter = max_iter
        self.tol = tol
        self.task = task
        self.standardize = standardize
        self.unseen = unseen
        self.random_state = random_state

    @property
    def inflation_(self) -> Any:
        """Factor of the held-out rows on the prior's variance."""
        return self._each(lambda result: float(detail(result, "inflation")[0]))

    def neighbors(self, task: Any, label: Any = None) -> "pd.Series[float]":
        """The tasks that a task is joined to, strongest first.

        Parameters
        ----------
        task : label
            One of ``tasks_``.
        label : class, optional
            Whose graph; needed where there are more than two classes.

        Returns
        -------
        pandas.Series
            Weight of each neighbour, by its label.

        Raises
        ------
        InputError
            The task or the class is not known, or no class was named where each has a graph.
        """
        check_is_fitted(self)
        if not isinstance(self.result_, tuple):
            return self._neighbors(task, self.result_)
        place = np.flatnonzero(self.classes_ == label)
        if len(place) != 1:
            classes = self.classes_.tolist()
            raise InputError(f"Each class has a graph: label must be one of {classes}; got {label!r}.")
        return self._neighbors(task, self.result_[int(place[0])])

    def adapt(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn new tasks from their few rows, leaving known tasks as they are.

        A new task's neighbours are found from its rows (`kinfolk.graph.newcomers`); as far as these say nothing, it is
        like the population. For a class without edges it has its posterior under the population.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only, of classes that the model knows; a new task may lack classes.

        Returns
        -------
        estimator
            A copy that also knows the new tasks and their edges.

        Raises
        ------
        InputError
            A task is known already, a class is not, or the model has no task column.
        """
        labels, data = self._new_tasks(X, sample_weight, partial(self._known_classes, y))
        new, order = self._joined_by(labels)
        results = []
        for c, result in zip(self._positive(), self._results, strict=True):
            positive, posterior = replace(data, y=(data.y == c).astype(float)), result.posterior
            if detail(result, "edges").shape[1]:
                found = logistic_newcomers(posterior, positive, result.details.get("feature_root"))
                details = joined(result.details, found, self.tasks_, new.tasks_)
                result, learned = replace(result, details=details), found.posterior
            else:
                learned = laplace_posterior(posterior.prior, positive)
            results.append(replace(result, posterior=posterior.extend(learned).take(order)))
        new._publish(results, self._scaling)
        return new

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_parameters(self)

    def _solve(self, data: TaskData) -> FitResult:
        return by_logistic_graph(
            data,
            graph=None if self.graph is None else given_graph(self.graph, self.tasks_),
            covariance=self.covariance,
            n_neighbors=self.n_neighbors,
            shrinkage=None if isinstance(self.shrinkage, str) else float(self.shrinkage),
            n_probes=self.n_probes,
            max_iter=self.max_iter,
            tol=self.tol,
            seed=self.random_state,
        )
