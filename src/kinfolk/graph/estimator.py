"""The estimator of tasks on a graph that is learned with them."""

from dataclasses import replace
from typing import Any, Self

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import FloatArray
from kinfolk.base import TaskRegressor
from kinfolk.exceptions import InputError
from kinfolk.graph.attributes import GraphAttributes, detail
from kinfolk.graph.newcomers import Newcomers, joined, newcomers
from kinfolk.graph.parameters import check_parameters, given_graph
from kinfolk.graph.solve import by_graph, by_relationship
from kinfolk.posterior import Posterior
from kinfolk.result import FitResult
from kinfolk.tasks import TaskData


class TaskGraphRegressor(GraphAttributes, TaskRegressor):
    r"""Tasks whose coefficients vary smoothly over a graph that is learned together with them.

    .. math:: y_{ti} = a_t + x_{ti}^\top w_t + e_{ti}, \quad e_{ti} \sim N(0, \sigma^2), \qquad
              p(W) \propto \exp\Bigl( -\tfrac12 \sum_{s < t} a_{st} \|w_s - w_t\|^2
              - \tfrac c2 \sum_t \|w_t - \bar w\|^2 - \tfrac g2 T \|\bar w\|^2 \Bigr), \quad a_{st}, c \ge 0 .

    The weights :math:`a_{st}` and the pull c towards the mean of all tasks are learned by EM with the posterior
    covariance of all tasks (`kinfolk.graph.em`); the estimates are posterior means given them. Held-out rows decide how
    far the graph is trusted: without edges the model is mean-regularised multi-task learning with its strengths at the
    maximum of the marginal likelihood, which is also where noise :math:`\sigma^2` and g come from. Intercepts are free
    while the slopes are learned, and then shrunken towards their mean by evidence.

    Parameters
    ----------
    method : {"em", "mtrl"}, default="em"
        ``"mtrl"``: the relationship matrix of Zhang and Yeung in closed form (`kinfolk.graph.relationship`), for
        comparison; no graph, up to 2,000 tasks.
    graph : (T, T) array, sparse array or DataFrame, optional
        Known non-negative symmetric weights between tasks, in the order of the sorted labels (a DataFrame: by its
        labels). Then only their common strength and the pull are learned.
    covariance : {"auto", "scalar", "diagonal", "full"}, default="auto"
        Whether all coefficients vary alike (``"scalar"``), each by its own measure, or together: then the model holds
        in units of the features in which they do vary alike (`kinfolk.graph.features`). ``"auto"``: the richer form
        where it lowers the error of held-out rows by a standard error; ``"scalar"`` with a given graph or ``"mtrl"``.
    n_neighbors : int, default=12
        Candidates: each task's nearest ones in the fit without a graph, and what joins them all.
    shrinkage : "auto" or float in [0, 1], default="auto"
        Share of the mean distance in every distance between tasks: 0 the graph of the likelihood, 1 no graph.
        ``"auto"``: of 1, 0.8, 0.5, ``5 / (5 + d)`` and a quarter of that, the one with the smallest error on held-out
        rows (as many quarters of each task's rows as make 500) where that is below the error of 1 by a standard error.
    n_probes : int, default=6
        Draws that stand for the posterior covariance in EM, where ``T d > 200`` and tasks have rows of their own.
    max_iter : int, default=200
        Most turns of EM.
    tol : float, default=1e-2
        EM ends when a turn moves the slopes by less than this, relative to their spread about the mean.
    task, standardize, unseen
        See `TaskRegressor`.
    random_state : int, Generator or None, default=0
        Deals the held-out rows.

    Attributes
    ----------
    graph_ : (T, T) sparse array
        Weights :math:`a_{st}` between tasks, in inverse squared units of the standardised coefficients; tasks in the
        order of ``tasks_``.
    laplacian_ : (T, T) sparse array
        ``D - A`` of these weights.
    pull_ : float
        c, in the same units.
    shrinkage_ : float
        The shrinkage used.
    shrinkage_scores_ : (candidates, 2) array
        Shrinkage and mean squared error of the held-out rows, in units of the target's variance; empty when given.
    coupling_strength_ : float
        :math:`\kappa`: how much more precisely the other tasks tell a coefficient than the task's own rows, on average.
        Below 0.1 independent fits are already enough.
    coupling_advice_ : str
        That in plain words.
    relationship_ : (T, T) array
        :math:`\Omega`, only of ``method="mtrl"``, which has no graph, pull and shrinkage.

    Notes
    -----
    Model of arXiv 2510.10570 and arXiv 2608.26989; EM, shrinkage and pull are kinfolk's. Posterior standard deviations
    are those of the joint posterior given the weights, exact without edges, where ``T d <= 1600`` or where tasks share
    their rows, else from 64 draws (`kinfolk.graph.coupled.covariances`). `adapt` finds the neighbours of new tasks
    (`kinfolk.graph.newcomers`) and leaves known tasks as they are.

    Examples
    --------
    >>> from kinfolk import TaskGraphRegressor
    >>> from kinfolk.datasets import make_clustered_tasks
    >>> tasks = make_clustered_tasks(3, n_tasks=30, n_samples=12, n_features=8, random_state=0)
    >>> model = TaskGraphRegressor(task="task").fit(tasks.X, tasks.y)
    >>> near = model.neighbors(4)
    >>> bool((tasks.clusters[near.index[:3]] == tasks.clusters[4]).all())
    True
    """

    simplicity = 4

    def __init__(
        self,
        method: str = "em",
        *,
        graph: Any = None,
        covariance: str = "auto",
        n_neighbors: int = 12,
        shrinkage: str | float = "auto",
        n_probes: int = 6,
        max_iter: int = 200,
        tol: float = 1e-2,
        task: str | int | None = None,
        standardize: bool = True,
        unseen: str = "raise",
        random_state: Any = 0,
    ) -> None:
        self.method = method
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
    def relationship_(self) -> FloatArray:
        """Relationship matrix of ``method="mtrl"``."""
        check_is_fitted(self)
        return detail(self.result_, "relationship")

    def neighbors(self, task: Any) -> "pd.Series[float]":
        """The tasks that a task is joined to, strongest first.

        Parameters
        ----------
        task : label
            One of ``tasks_``.

        Returns
        -------
        pandas.Series
            Weight of each neighbour, by its label.

        Raises
        ------
        InputError
            The task is not known.
        """
        check_is_fitted(self)
        return self._neighbors(task, self.result_)

    def adapt(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn new tasks from their few rows, leaving known tasks as they are.

        A new task's neighbours are found from its rows (`kinfolk.graph.newcomers`); as far as these say nothing, it is
        like the population.

        Parameters
        ----------
        X, y, sample_weight : as in fit
            Rows of new tasks only.

        Returns
        -------
        estimator
            A copy that also knows the new tasks and their edges.

        Raises
        ------
        InputError
            A task is known already, or the model has no task column.
        """
        check_is_fitted(self)
        if "edges" not in self.result_.details or not self.result_.details["edges"].shape[1]:
            return super().adapt(X, y, sample_weight)
        found: list[Newcomers] = []

        def learn(data: TaskData) -> Posterior:
            found.append(self._newcomers(data))
            return found[0].posterior

        new = self._adapted(X, y, sample_weight, learn)
        new.result_ = replace(new.result_, details=joined(new.result_.details, found[0], self.tasks_, new.tasks_))
        return new

    def _newcomers(self, data: TaskData) -> Newcomers:
        result = self.result_
        return newcomers(result.posterior, data.moments(), self._new_task_noise(), result.details.get("feature_root"))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.method not in ("em", "mtrl"):
            raise InputError(f"method must be 'em' or 'mtrl'; got {self.method!r}.")
        if self.method == "mtrl" and self.graph is not None:
            raise InputError("method='mtrl' learns a relationship matrix and takes no graph; use method='em'.")
        check_parameters(self)

    def _solve(self, data: TaskData) -> FitResult:
        common = {"max_iter": self.max_iter, "tol": self.tol, "seed": self.random_state}
        if self.method == "mtrl":
            if data.n_tasks > 2000:
                raise InputError(f"method='mtrl' makes arrays of T x T: up to 2,000 tasks; got {data.n_tasks}.")
            return by_relationship(data, **common)
        graph = None if self.graph is None else given_graph(self.graph, self.tasks_)
        shrinkage = None if isinstance(self.shrinkage, str) else float(self.shrinkage)
        others = {"n_neighbors": self.n_neighbors, "n_probes": self.n_probes}
        return by_graph(data, graph=graph, covariance=self.covariance, shrinkage=shrinkage, **others, **common)
