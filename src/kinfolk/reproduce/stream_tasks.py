"""Streams of related tasks: what the measurements of `kinfolk.reproduce.streams` and its failures are made on.

Coefficients ``W`` (K, M) have independent columns ``N(0, L^+)``, ``L = D - A`` scaled so that a coordinate of a task
has a given variance about the mean of all tasks, on average. In every round each task has one row: features standard
normal, targets ``u' w`` and unit noise, or classes of these log-odds.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import expit

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.graph.streaming.learner import Learner, Rows
from kinfolk.graph.streaming.network import Network
from kinfolk.reproduce.plan import Cell

DEGREE = 8  # mean, of geometric and random graphs
WEIGHTS = (0.5, 3.0)
_BLOCK, _INSIDE, _OUTSIDE = 10, 0.8, 0.1
_CURVATURE = {"squared": 1.0, "logistic": 0.25}  # largest: the plain step is that of the learner over M times it
ALL = slice(None)


@dataclass(eq=False)
class Stream:
    """Tasks, and the rows that they have.

    Attributes
    ----------
    W : (K, M) array
        Coefficients.
    L : (K, K) array
        The Laplacian that they were drawn from; zero where there is none.
    generator : Generator
    loss : {"squared", "logistic"}
    noise : {"normal", "student", "outliers"}
        Of the targets: Student's t of 2.5 degrees of freedom with unit variance; one in fifty normal ones thirtyfold.
    drift : float
        q: in every round W moves by a draw of ``N(0, q L^+)``.
    """

    W: FloatArray
    L: FloatArray
    generator: np.random.Generator
    loss: str = "squared"
    noise: str = "normal"
    drift: float = 0.0

    @property
    def laplacian(self) -> csr_array:
        """L, sparse."""
        return csr_array(self.L)

    @property
    def adjacency(self) -> csr_array:
        """A."""
        return csr_array(np.maximum(np.diag(np.diag(self.L)) - self.L, 0.0))

    def rows(self) -> tuple[FloatArray, FloatArray]:
        """One row a task: features ``(K, M)`` and targets ``(K,)``, once the tasks have drifted."""
        K, M = self.W.shape
        if self.drift > 0.0:
            self.W = self.W + np.sqrt(self.drift) * field(self.L, M, self.generator)
        U = self.generator.normal(size=(K, M))
        eta = (U * self.W).sum(axis=1)
        if self.loss == "logistic":
            return U, (self.generator.random(K) < expit(eta)).astype(float)
        return U, eta + _NOISES[self.noise](K, self.generator)

    def round(self, networks: Iterable[Network]) -> tuple[FloatArray, FloatArray]:
        """One row a task, which all networks learn."""
        U, y = self.rows()
        for network in networks:
            network.learn(np.arange(len(y)), U, y, None)
        return U, y

    def deviation(self, models: FloatArray, tasks: BoolArray | slice = ALL) -> float:
        """Mean square of a coordinate's error, of all or some tasks."""
        return float(((models[tasks] - self.W[tasks]) ** 2).mean())

    def network(self, mode: str, mu: float, learners: type[Learner] = Learner) -> Network:
        """Tasks of kinfolk that have seen nothing, of plain step size mu: no intercept, 12 candidates for edges."""
        K, M = self.W.shape
        step = mu * M * _CURVATURE[self.loss]
        found = Network.start(M, mode=mode, loss=self.loss, step=step, first=0, n_neighbors=12)
        found.learner = learners.start(found.served, loss=self.loss, step=step)
        found.join(K)
        return found


class Unclipped(Learner):
    """Learners whose residuals count as they are, and that notice no change: the step of plain NLMS."""

    def _reach(self, tasks: Rows) -> FloatArray:
        return np.full(len(self.scale[tasks]), np.inf)

    def _changes(self, tasks: Rows, n: IntArray) -> IntArray:
        return np.zeros(0, dtype=np.int64)


def draw(cell: Cell, generator: np.random.Generator) -> Stream:
    """The tasks of a cell: ``kind``, ``K``, ``M``, ``scale``, and ``loss``, ``noise``, ``drift`` if given.

    The kind is that of a graph; all tasks then have a normal vector of variance ``common`` in common, if that is given.
    Or else there is none, and coefficients are normal of variance ``scale``: ``"unrelated"``, every task's its own;
    ``"clusters"``, the same in each third of the tasks; ``"signs"``, the same in one half, the opposite in the other.
    """
    kind, K, M = cell["kind"], cell["K"], cell["M"]
    others = {name: cell[name] for name in ("loss", "noise", "drift") if name in cell}
    if kind in _KINDS:
        L = graph(kind, K, cell["scale"], generator)
        common = np.sqrt(cell.get("common", 0.0)) * generator.normal(size=M)
        return Stream(common + field(L, M, generator), L, generator, **others)
    W = np.sqrt(cell["scale"]) * generator.normal(size=(K, M))
    if kind == "clusters":
        W = W[3 * np.arange(K) // K]
    elif kind == "signs":
        W = np.where(2 * np.arange(K) < K, 1.0, -1.0)[:, None] * W[0]
    return Stream(W, np.zeros((K, K)), generator, **others)


def field(L: FloatArray, n_coordinates: int, generator: np.random.Generator) -> FloatArray:
    """Coefficients ``(K, M)`` whose columns are independent ``N(0, L^+)``, of a connected graph."""
    values, vectors = np.linalg.eigh(L)
    drawn: FloatArray = (vectors[:, 1:] * values[1:] ** -0.5) @ generator.normal(size=(len(L) - 1, n_coordinates))
    return drawn


def graph(kind: str, K: int, variance: float, generator: np.random.Generator) -> FloatArray:
    """Laplacian of a connected graph, weights uniform in 0.5 .. 3 and then scaled: ``tr(L^+) / K = variance``.

    ``"rgg"``: tasks are places in the unit square, the nearest pairs are joined, mean degree 8. ``"er"``: pairs at
    random, mean degree 8. ``"sbm"``: blocks of ten tasks, pairs joined with probability 0.8 inside and 0.1 outside.
    Edges of a spanning tree are added where these leave tasks apart.
    """
    apart, near = _KINDS[kind](K, generator)
    tree = minimum_spanning_tree(np.where(near, 1e-3, 1.0) * apart).toarray() > 0.0
    joined = np.triu(near | tree | tree.T, 1)
    weights = np.where(joined, generator.uniform(*WEIGHTS, joined.shape), 0.0)
    weights += weights.T
    L: FloatArray = np.diag(weights.sum(axis=1)) - weights
    return L * float((1.0 / np.linalg.eigvalsh(L)[1:]).sum() / K / variance)


def _geometric(K: int, generator: np.random.Generator) -> tuple[FloatArray, BoolArray]:
    places = generator.random((K, 2))
    apart = ((places[:, None] - places) ** 2).sum(axis=2)
    return apart, apart <= np.sort(apart, axis=None)[K + DEGREE * K - 1]


def _random(K: int, generator: np.random.Generator) -> tuple[FloatArray, BoolArray]:
    apart = _symmetric(K, generator)
    return apart, apart <= DEGREE / (K - 1)


def _blocks(K: int, generator: np.random.Generator) -> tuple[FloatArray, BoolArray]:
    apart, block = _symmetric(K, generator), np.arange(K) // _BLOCK
    return apart, apart <= np.where(block[:, None] == block, _INSIDE, _OUTSIDE)


def _symmetric(K: int, generator: np.random.Generator) -> FloatArray:
    """Uniform numbers, one a pair."""
    table = np.triu(generator.random((K, K)), 1)
    symmetric: FloatArray = table + table.T
    return symmetric


_KINDS: dict[str, Callable[[int, np.random.Generator], tuple[FloatArray, BoolArray]]] = {
    "rgg": _geometric,
    "er": _random,
    "sbm": _blocks,
}


def _normal(K: int, generator: np.random.Generator) -> FloatArray:
    return generator.normal(size=K)


def _student(K: int, generator: np.random.Generator) -> FloatArray:
    noise: FloatArray = generator.standard_t(2.5, size=K) / np.sqrt(5.0)
    return noise


def _outliers(K: int, generator: np.random.Generator) -> FloatArray:
    return np.where(generator.random(K) < 0.02, 30.0, 1.0) * generator.normal(size=K)


_NOISES: dict[str, Callable[[int, np.random.Generator], FloatArray]] = {
    "normal": _normal,
    "student": _student,
    "outliers": _outliers,
}


def decibel(deviations: float | list[float]) -> float:
    """``10 log10`` of a mean."""
    return 10.0 * float(np.log10(np.mean(deviations)))
