"""The graph of a stream, estimated anew from what tasks have learned alone."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from kinfolk._typing import FloatArray, IntArray
from kinfolk.graph.candidates import Points
from kinfolk.graph.laplacian import estimate_laplacian
from kinfolk.graph.likelihood import Likelihood, Weights, adjacency_matrix
from kinfolk.graph.noisy import smooth

_DENSE = 300  # tasks up to which the M-step is coordinate descent
_TURNS = 15


def relearned(means: FloatArray, noise: FloatArray, ready: IntArray, last: csr_array, n_neighbors: int) -> csr_array:
    """Adjacency ``(K, K)`` from the running means of the tasks that are ready; the edges of the others stay.

    Where all means are equal there is nothing to tell a graph from, and the last one stays.

    Parameters
    ----------
    means : (K, M) array
        Running means of iterates that no neighbour has touched. From cooperative iterates the estimate would join tasks
        that it has joined before, ever more strongly.
    noise : (K,) array
        Variance of their errors.
    ready : (m,) integers
        Tasks with rows enough, at least two.
    last : (K, K) sparse array
        The graph so far.
    n_neighbors : int
        Candidates.
    """
    K = len(means)
    if not np.ptp(means[ready], axis=0).any():
        return last
    found = estimate_laplacian(
        means[ready],
        "edge" if len(ready) <= _DENSE else "multiplicative",
        mask=n_neighbors,
        noise=_positive(noise, means)[ready],
    ).adjacency.tocoo()
    i, j = found.coords
    fresh = csr_array((found.data, (ready[i], ready[j])), shape=(K, K))
    old = last.tocoo()
    i, j = old.coords
    kept = ~(np.isin(i, ready) & np.isin(j, ready))
    return csr_array(fresh + csr_array((old.data[kept], (i[kept], j[kept])), shape=(K, K)))


def rescaled(means: FloatArray, noise: FloatArray, ready: IntArray, given: csr_array) -> csr_array:
    """A given graph with the strength of largest likelihood for the tasks that are ready, by EM."""
    part: Any = given[ready][:, ready].tocoo()
    i, j = part.coords
    up = i < j
    first, second, weights = i[up].astype(np.int64), j[up].astype(np.int64), part.data[up]
    points = Points(means[ready])
    problem = Likelihood(len(ready), first, second, points.distances(first, second))
    used = float(weights @ problem.distances)
    if not used > 0.0:
        return given
    rank = len(ready) - connected_components(part, directed=False)[0]
    start, weights = weights, weights * rank / used
    noise = _positive(noise, means)[ready]
    for _ in range(_TURNS):
        smoothed, C = smooth(means[ready], noise, problem, Weights(weights))
        r = Points(smoothed).distances(first, second) + problem.resistances(C)
        weights = weights * rank / float(weights @ r)
    return csr_array(given * float(weights[0] / start[0]))


def _positive(noise: FloatArray, means: FloatArray) -> FloatArray:
    """Noise, above rounding: a task may have learned its rows exactly."""
    floored: FloatArray = np.maximum(noise, 1e-10 * float(means.var(axis=0).mean()))
    return floored


def strength(adjacency: csr_array, noise: FloatArray) -> float:
    r"""Coupling strength :math:`\kappa = s \operatorname{tr}(L) / K` of a graph, for the mean noise s."""
    return float(noise.mean() * adjacency.sum()) / len(noise)


def empty(n_tasks: int) -> csr_array:
    """No edges."""
    none = np.zeros(0, dtype=np.int64)
    return adjacency_matrix(n_tasks, none, none, np.zeros(0))
