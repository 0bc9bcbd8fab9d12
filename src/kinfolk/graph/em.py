r"""A task graph learned together with its tasks, by EM.

.. math:: y_{ti} = a_t + x_{ti}^\top w_t + e_{ti}, \qquad
          p(W) \propto \exp\Bigl( -\tfrac12 \sum_{s < t} a_{st} \|w_s - w_t\|^2 - \tfrac c2 \sum_t \|w_t - \bar w\|^2 -
          \tfrac g2 T \|\bar w\|^2 \Bigr) .

The E-step takes the *expected* squared differences under the joint posterior of all tasks. Those of the estimates alone
would join tasks ever more strongly: the joint mode is unbounded (:math:`w_s = w_t` sends :math:`a_{st}` to infinity).
The M-step takes multiplicative steps for the likelihood of graph and pull (`kinfolk.graph.likelihood`); without edges
the model is that of mean-regularised tasks. Weights are in units of the inverse noise, which stays what it was there.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from kinfolk._typing import FloatArray, IntArray
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.candidates import FLOOR, Points, nearest_pairs
from kinfolk.graph.coupled import Coupling, Expectation, expect
from kinfolk.graph.descent import edge_descent
from kinfolk.graph.likelihood import Likelihood, Weights, incidence_matrix, laplacian_matrix
from kinfolk.graph.mean_regularised import MeanRegularised, mean_regularised
from kinfolk.graph.multiplicative import multiplied, sketched_resistances
from kinfolk.tasks import Moments

_STEPS = 10  # multiplicative steps of an M-step
_FEW = 300  # tasks up to which so many are cheap
_EXACT = 500  # tasks up to which the last M-step is solved, so that edges are exactly zero
_DENSE = 2000  # tasks up to which arrays of T x T are made
_FAINT = 1e-3  # weight times distance below which an edge is left out


@dataclass(frozen=True)
class Study:
    """What EM works on.

    Attributes
    ----------
    blocks : Blocks
    base : MeanRegularised
        The fit without a graph: it gives noise, start and the level of the mean.
    first, second : (m,) integers
        Pairs that may be joined.
    given : (m,) array or None
        Weights of a given graph, of which only the strength is learned.
    n_probes : int
    seed : Any
        Of the draws that stand for the posterior covariance.
    dense : int or None
        Coefficients up to which it is exact; None: 200.
    """

    blocks: Blocks
    base: MeanRegularised
    first: IntArray
    second: IntArray
    given: FloatArray | None = None
    n_probes: int = 6
    seed: Any = 0
    dense: int | None = None

    @classmethod
    def of(cls, moments: Moments, n_neighbors: int, **others: Any) -> "Study":
        """Candidates are the nearest tasks of the fit without a graph."""
        base, joint, factor = mean_regularised(moments)
        if moments.n_tasks > 1:
            first, second = nearest_pairs(Points(base.slopes), n_neighbors)
        else:
            first = second = np.zeros(0, dtype=np.int64)
        return cls(Blocks(joint, factor), base, first, second, **others)

    def on(self, graph: FloatArray) -> "Study":
        """The same on a given graph ``(T, T)``."""
        first, second = (ends.astype(np.int64) for ends in np.nonzero(np.triu(graph, 1)))
        return replace(self, first=first, second=second, given=graph[first, second])

    @property
    def n_tasks(self) -> int:
        """T."""
        return int(self.blocks.n_tasks)

    def alone(self) -> Weights:
        """No edges: mean-regularised tasks."""
        return Weights(np.zeros(len(self.first)), 1.0 / self.base.own)

    def coupling(self, weights: Weights) -> Coupling:
        """The prior precision of these weights."""
        T = self.n_tasks
        used = np.flatnonzero(weights.edges > 0.0)
        edges = self.first[used], self.second[used], weights.edges[used]
        return Coupling(
            laplacian_matrix(T, *edges), incidence_matrix(T, *edges), weights.population, level(self.base, T)
        )

    def expect(self, weights: Weights, last: Expectation | None = None) -> Expectation:
        """The E-step."""
        arguments = {"n_probes": self.n_probes, "seed": self.seed, "dense": self.dense}
        return expect(self.blocks, self.coupling(weights), self.base.noise, last=last, **arguments)


def level(base: MeanRegularised, n_tasks: int) -> float:
    """g, the precision of the mean of all tasks (times T), from its prior and that of the tasks about it."""
    return 1.0 / (n_tasks * base.ridge + base.own)


def without_edges(base: MeanRegularised, n_tasks: int) -> Coupling:
    """The prior precision of mean-regularised tasks."""
    none = csr_array((n_tasks, n_tasks)), csr_array((n_tasks, 0))
    return Coupling(*none, pull=1.0 / base.own, level=level(base, n_tasks))


@dataclass(frozen=True)
class GraphFit:
    """Where EM ended.

    Attributes
    ----------
    weights : Weights
        In units of the inverse noise.
    expectation : Expectation
    n_iter : int
    moves : tuple of float
        How far each turn moved the slopes, relative to their spread about the mean.
    settled : bool
    """

    weights: Weights
    expectation: Expectation
    n_iter: int
    moves: tuple[float, ...]
    settled: bool


def learn(
    study: Study,
    start: Weights,
    alpha: float,
    *,
    max_iter: int,
    tol: float,
    last: Expectation | None = None,
    finish: bool = True,
) -> GraphFit:
    """EM from some weights.

    Parameters
    ----------
    study : Study
    start : Weights
        Edges of weight zero stay there.
    alpha : float
        Shrinkage of the distances towards their mean: 0 the graph of the likelihood, 1 mean-regularised tasks.
    max_iter : int
    tol : float
        It ends when a turn moves the slopes by less than this.
    last : Expectation, optional
        From where conjugate gradients start.
    finish : bool
        Solve the last M-step, or leave out faint edges where there are many tasks.
    """
    weights, expectation = start, study.expect(start, last)
    moves: list[float] = []
    problem = _problem(study, expectation, alpha)
    while len(moves) < max_iter and (not moves or moves[-1] > tol):
        weights = _m_step(study, problem, weights, len(moves))
        before, expectation = expectation, study.expect(weights, expectation)
        moves.append(move(before.slopes, expectation.slopes))
        problem = _problem(study, expectation, alpha)
    settled = not moves or moves[-1] <= tol
    if finish and study.given is None:
        weights = _without_faint(problem, weights)
        expectation = study.expect(weights, expectation)
    return GraphFit(weights, expectation, len(moves), tuple(moves), settled)


def learn_twice(study: Study, alpha: float, n_neighbors: int, *, max_iter: int, tol: float) -> tuple[Study, GraphFit]:
    """EM from the start, and again with the nearest tasks of its fit as candidates: the first were blurred by noise."""
    fit = learn(study, first_weights(study, alpha), alpha, max_iter=max_iter, tol=tol, finish=False)
    first, second = nearest_pairs(Points(fit.expectation.slopes), n_neighbors)
    study = replace(study, first=first, second=second)
    start = first_weights(study, alpha, fit.expectation)
    return study, learn(study, start, alpha, max_iter=max_iter, tol=tol, last=fit.expectation)


def first_weights(study: Study, alpha: float, expectation: Expectation | None = None) -> Weights:
    """Half of the mean-regularised pull, and edges of the inverse distances for the other half."""
    r = _problem(study, expectation or study.expect(study.alone()), alpha).distances
    edges = 1.0 / r if study.given is None else study.given
    scale = 0.5 * (study.n_tasks - 1) / max(float(edges @ r), 1e-300)
    return Weights(edges * scale, 0.5 / study.base.own)


def _problem(study: Study, expectation: Expectation, alpha: float) -> Likelihood:
    """The M-step's likelihood, with shrunken distances."""
    total = expectation.total()
    mean = 2.0 * total / max(study.n_tasks - 1, 1)
    r = (1.0 - alpha) * expectation.distances(study.first, study.second) + alpha * mean
    return Likelihood(study.n_tasks, study.first, study.second, np.maximum(r, FLOOR * mean), total)


def _m_step(study: Study, problem: Likelihood, weights: Weights, turn: int) -> Weights:
    if study.given is not None:
        return _rescaled_graph(problem, weights)
    if study.n_tasks > _DENSE:
        generator = np.random.default_rng([0, turn])
        for _ in range(2):
            weights = multiplied(problem, weights, *sketched_resistances(problem, weights, generator))
        return weights
    for _ in range(_STEPS if study.n_tasks <= _FEW else 2):
        found = problem.known(weights)
        weights = multiplied(problem, weights, found.resistances, found.spread)
    return weights


def _rescaled_graph(problem: Likelihood, weights: Weights) -> Weights:
    """Multiplicative steps for the strength of a given graph and the pull."""
    for _ in range(_STEPS):
        if problem.n_tasks > _DENSE:
            resistances, spread = sketched_resistances(problem, weights, np.random.default_rng(0))
        else:
            found = problem.known(weights)
            resistances, spread = found.resistances, found.spread
        used = float(weights.edges @ problem.distances)
        factor = np.sqrt(float(weights.edges @ resistances) / used) if used > 0.0 else 1.0
        pull = weights.population * float(np.sqrt(spread / (problem.total or 1.0)))
        weights = Weights(weights.edges * factor, pull)
    return weights


def _without_faint(problem: Likelihood, weights: Weights) -> Weights:
    """The solution of the last M-step, or these weights without the faint ones."""
    if not weights.edges.any():
        return weights
    if problem.n_tasks <= _EXACT:
        return edge_descent(problem, weights, tol=1e-7, max_iter=60).weights
    share = problem.distances * weights.edges
    kept = np.where(share < _FAINT, 0.0, weights.edges)
    return problem.rescaled(replace(weights, edges=kept)) if kept.any() else weights


def move(before: FloatArray, after: FloatArray) -> float:
    """How far slopes moved, relative to their spread about the mean."""
    spread = float(np.linalg.norm(after - after.mean(axis=0)))
    return float(np.linalg.norm(after - before)) / max(spread, 1e-12 * float(np.linalg.norm(after)), 1e-300)
