"""How well a Laplacian is told by models that every task has learned alone: a part of `kinfolk.reproduce.task_graph`.

Ten tasks, weights 1 and 5, self-loops of 1, ``L = D - A + I``; coefficients ``W`` (K, M) with independent columns
``N(0, L^-1)``. Constant-step learning with step size mu and unit noise leaves ``N(W, mu / 2)`` in every coordinate; the
marginal estimator of the paper (`kinfolk.graph.marginal`) is given what was learned and the true neighbours. Errors are
spectral norms of its error. What is measured:

- ``table``: step sizes and numbers of coordinates of the paper's figure, with ``mu = 0`` for exact coefficients;
- ``coordinates``: exact coefficients, the number of coordinates doubled again and again;
- ``steps``: step sizes so small that the error is linear in them, with so many coordinates that nothing else counts;
- ``topology``: regular, random and hub graphs of as many edges and the same weights, at ``mu = 0.05``;
- ``learned``: the same from real least-mean-squares learners, beside the normal law that stands for them;
- ``noise_aware``: the same graph without self-loops, by `kinfolk.graph.estimate_laplacian`, told of the noise and not.

The authors' graph is not stated. The default one has 22 edges and the errors that a second implementation found.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.laplacian import estimate_laplacian
from kinfolk.graph.marginal import marginal_laplacian
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row

K, EDGES, WEIGHTS, MOST = 10, 22, (1.0, 5.0), 8
STEPS, COORDINATES = (0.2, 0.1, 0.05, 0.01), (50, 200, 800, 3200, 12800)
DOUBLED, SMALL = (400, 800, 1600, 3200, 6400, 12800), (0.04, 0.02, 0.01, 0.005)
TOPOLOGIES = ("regular", "random", "hub")
_EACH = 20  # edges where topologies are compared
FEW, SEVERAL, MANY = 50, 400, 12800  # coordinates
_ROUNDS = 8.0  # of learning, over mu
_DEFAULT: Cell = {"kind": "default", "graph": 10}


def _grid(coordinates: tuple[int, ...], steps: tuple[float, ...], graphs: tuple[int, ...] = (10,)) -> list[Cell]:
    return [_DEFAULT | {"graph": graph, "M": M, "mu": mu} for graph in graphs for mu in steps for M in coordinates]


_SHAPES: list[Cell] = [{"kind": kind, "graph": None, "M": 800, "mu": 0.05} for kind in TOPOLOGIES]
FULL: Plan = {
    "table": (_grid(COORDINATES, (*STEPS, 0.0)), 60),
    "coordinates": (_grid(DOUBLED, (0.0,), (10, 0, 1)), 300),
    "steps": (_grid((200_000,), SMALL, (10, 0, 1)), 20),
    "topology": (_SHAPES, 60),
    "learned": (_grid((100,), (0.005, 0.0025)), 60),
    "noise_aware": (_grid((FEW, SEVERAL, MANY), (0.01, 0.05)), 60),
}
QUICK: Plan = {
    "table": (_grid((50, 800, 12800), (*STEPS, 0.0)), 40),
    "coordinates": (_grid(DOUBLED[:5], (0.0,)), 200),
    "steps": (_grid((100_000,), SMALL), 8),
    "topology": (_SHAPES, 30),
    "learned": (_grid((100,), (0.005, 0.0025)), 16),
    "noise_aware": (_grid((FEW, SEVERAL, MANY), (0.01, 0.05)), 16),
}


def errors(cell: Cell, generator: np.random.Generator) -> Row:
    """Squared and plain spectral error, the squared one once the noise is subtracted, and the graph's sensitivity.

    ``limit`` is the error for infinitely many coordinates, which the covariance gives without drawing any.
    """
    adjacency = graph_of(cell, generator)
    L = laplacian(adjacency)
    models = drawn(L, cell["M"], generator)
    if cell["mu"] > 0.0:
        models += np.sqrt(cell["mu"] / 2.0) * generator.normal(size=models.shape)
    S = models @ models.T / cell["M"]
    raw, debiased = np.stack((S, S - cell["mu"] / 2.0 * np.eye(K)))
    found, less = (error(one, L, adjacency) for one in (raw, debiased))
    limit = error(np.linalg.inv(L) + cell["mu"] / 2.0 * np.eye(K), L, adjacency)
    return {
        "squared": found**2,
        "norm": found,
        "debiased": less**2,
        "sensitivity": sensitivity(L),
        "limit": limit if cell["mu"] > 0.0 else 0.0,
    }


def learned(cell: Cell, generator: np.random.Generator) -> Row:
    """Squared errors from learners of the same coefficients: real ones, and the normal law that stands for them.

    ``deviation`` is the mean square of a learner's error in a coordinate.
    """
    adjacency = graph_of(cell, generator)
    L = laplacian(adjacency)
    truth, mu = drawn(L, cell["M"], generator), cell["mu"]
    models = least_mean_squares(truth, mu, round(_ROUNDS / mu), generator)
    stand_in = truth + np.sqrt(mu / 2.0) * generator.normal(size=truth.shape)
    real, normal, exact = (error(W @ W.T / cell["M"], L, adjacency) ** 2 for W in (models, stand_in, truth))
    return {"real": real, "normal": normal, "exact": exact, "deviation": float(((models - truth) ** 2).mean())}


def noise_aware(cell: Cell, generator: np.random.Generator) -> Row:
    """Squared errors without self-loops: the marginal estimator, the likelihood, and kinfolk's default with the noise.

    Columns of W are ``N(0, L^+)`` with ``L = D - A``; all three are given the true neighbours.
    """
    adjacency = graph_of(cell, generator)
    L, mu = laplacian(adjacency) - np.eye(K), cell["mu"]
    values, vectors = np.linalg.eigh(L)
    truth = (vectors[:, 1:] * values[1:] ** -0.5) @ generator.normal(size=(K - 1, cell["M"]))
    models = truth + np.sqrt(mu / 2.0) * generator.normal(size=truth.shape)
    ways: dict[str, dict[str, Any]] = {
        "marginal": {"method": "marginal", "shrinkage": 0.0},
        "likelihood": {"shrinkage": 0.0},
        "noise_aware": {"noise": mu / 2.0},
    }
    found = {name: estimate_laplacian(models, mask=adjacency > 0.0, **way) for name, way in ways.items()}
    return {name: float(np.linalg.norm(one.laplacian.toarray() - L, 2)) ** 2 for name, one in found.items()}


MEASUREMENTS: Measurements = {
    "table": errors,
    "coordinates": errors,
    "steps": errors,
    "topology": errors,
    "learned": learned,
    "noise_aware": noise_aware,
}


def error(covariance: FloatArray, L: FloatArray, adjacency: FloatArray) -> float:
    """Spectral norm of the marginal estimator's error."""
    return float(np.linalg.norm(marginal_laplacian(covariance, adjacency > 0.0) - L, 2))


def sensitivity(L: FloatArray) -> float:
    """The paper's topology sensitivity index: the sum over tasks of ``||L[N_k, N_k]||^4``."""
    return sum(float(np.linalg.norm(L[np.ix_(near, near)], 2)) ** 4 for near in (L != 0.0))


def least_mean_squares(truth: FloatArray, mu: float, rounds: int, generator: np.random.Generator) -> FloatArray:
    """Learners ``(K, M)`` of ``y = u' w + v`` after so many rows each, u and v standard normal: ``w += mu e u``."""
    models = np.zeros_like(truth)
    for _ in range(rounds):
        u = generator.normal(size=truth.shape)
        residual = ((truth - models) * u).sum(axis=1) + generator.normal(size=len(truth))
        models += mu * residual[:, None] * u
    return models


def drawn(L: FloatArray, M: int, generator: np.random.Generator) -> FloatArray:
    """Coefficients ``(K, M)`` whose columns are ``N(0, L^-1)``."""
    models: FloatArray = np.linalg.cholesky(np.linalg.inv(L)) @ generator.normal(size=(len(L), M))
    return models


def laplacian(adjacency: FloatArray) -> FloatArray:
    """``D - A + I``."""
    L: FloatArray = np.diag(adjacency.sum(axis=1) + 1.0) - adjacency
    return L


def graph_of(cell: Cell, generator: np.random.Generator) -> FloatArray:
    """The graph of a cell: always the same one where the cell gives its number, else a new one of its kind."""
    numbered = cell["graph"] is not None
    return _GRAPHS[cell["kind"]](np.random.default_rng(cell["graph"]) if numbered else generator)


def _default(generator: np.random.Generator) -> FloatArray:
    return random_graph(EDGES, MOST, generator)


def _regular(generator: np.random.Generator) -> FloatArray:
    return _weighted([(k, (k + step) % K) for step in (1, 2) for k in range(K)], generator)


def _random(generator: np.random.Generator) -> FloatArray:
    joined = np.nonzero(np.triu(random_graph(_EACH, K - 1, generator)))
    return _weighted(list(zip(*(ends.tolist() for ends in joined), strict=True)), generator)


def _hub(generator: np.random.Generator) -> FloatArray:
    """One task joined to all others, these in a ring, and two chords."""
    spokes = [(0, k) for k in range(1, K)]
    ring = [(k, k % (K - 1) + 1) for k in range(1, K)]
    return _weighted([*spokes, *ring, (1, 3), (5, 7)], generator)


_GRAPHS: dict[str, Callable[[np.random.Generator], FloatArray]] = {
    "default": _default,
    "regular": _regular,
    "random": _random,
    "hub": _hub,
}


def _weighted(edges: list[tuple[int, int]], generator: np.random.Generator) -> FloatArray:
    """Adjacency with as many weights of one size as of the other, dealt at random."""
    adjacency = np.zeros((K, K))
    for (i, j), weight in zip(edges, generator.permutation(np.resize(WEIGHTS, len(edges))), strict=True):
        adjacency[i, j] = adjacency[j, i] = weight
    return adjacency


def random_graph(n_edges: int, most: int, generator: np.random.Generator) -> FloatArray:
    """Adjacency of a uniformly drawn connected graph of so many edges and at most so many a task, weights at random."""
    pairs = [(i, j) for i in range(K) for j in range(i)]
    while True:
        adjacency = np.zeros((K, K))
        for edge in generator.choice(len(pairs), n_edges, replace=False):
            adjacency[pairs[edge]] = WEIGHTS[generator.integers(2)]
        adjacency += adjacency.T
        connected = np.linalg.eigvalsh(laplacian(adjacency))[1] > 1.0 + 1e-9
        if connected and (adjacency > 0.0).sum(axis=1).max() <= most:
            return adjacency
