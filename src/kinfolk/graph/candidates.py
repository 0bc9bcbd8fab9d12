"""Which pairs of tasks may be joined, and how far apart they are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError

FLOOR = 1e-10  # of the mean distance: duplicates are not infinitely alike


@dataclass(frozen=True)
class Points:
    """Tasks as points whose mean squared differences are known: by coordinates, or by a table of distances.

    Attributes
    ----------
    coordinates : (K, M) array or None
    table : (K, K) array or None
        Mean squared differences.
    """

    coordinates: FloatArray | None = None
    table: FloatArray | None = None

    @property
    def n_tasks(self) -> int:
        """Number of tasks K."""
        known = self.coordinates if self.coordinates is not None else self.table
        assert known is not None
        return len(known)

    def distances(self, first: IntArray, second: IntArray) -> FloatArray:
        """Mean squared difference of each pair, ``(m,)``."""
        if self.table is not None:
            pairs: FloatArray = self.table[first, second]
            return pairs
        assert self.coordinates is not None
        found = np.empty(len(first))
        for begin in range(0, len(first), 4096):
            part = slice(begin, begin + 4096)
            found[part] = ((self.coordinates[first[part]] - self.coordinates[second[part]]) ** 2).mean(axis=1)
        return found

    def mean_distance(self) -> float:
        """Mean over all pairs."""
        K = self.n_tasks
        if self.table is not None:
            return float(self.table.sum()) / (K * (K - 1))
        assert self.coordinates is not None
        centred = self.coordinates - self.coordinates.mean(axis=0)
        return 2.0 * K / (K - 1) * float((centred**2).sum(axis=1).mean()) / float(self.coordinates.shape[1])

    def nearest(self, k: int) -> tuple[IntArray, IntArray]:
        """Each task's k nearest ones, as pairs ``(K k,)``."""
        K = self.n_tasks
        if self.table is not None:
            far = self.table + np.diag(np.full(K, np.inf))
            near = np.argpartition(far, k - 1, axis=1)[:, :k]
        else:
            search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(self.coordinates)
            near = search.kneighbors(return_distance=False)
        return np.repeat(np.arange(K), k), near.ravel().astype(np.int64)

    def closest(self, inside: IntArray, outside: IntArray) -> tuple[int, int]:
        """The closest pair between two groups of tasks."""
        if self.table is not None:
            part = self.table[np.ix_(inside, outside)]
            row, column = np.unravel_index(int(part.argmin()), part.shape)
            return int(inside[row]), int(outside[column])
        assert self.coordinates is not None
        j, apart = pairwise_distances_argmin_min(self.coordinates[inside], self.coordinates[outside])
        i = int(apart.argmin())
        return int(inside[i]), int(outside[j[i]])


def nearest_pairs(points: Points, k: int) -> tuple[IntArray, IntArray]:
    """Pairs of near tasks: k nearest neighbours, and the shortest edges that join what these leave apart.

    Those are the edges of the minimum spanning tree between the components, so that all tasks are connected.

    Parameters
    ----------
    points : Points
    k : int
        Neighbours of each task, at most K - 1.

    Returns
    -------
    first, second : (m,) integer arrays
        Sorted, without repetition, ``first < second``.
    """
    K = points.n_tasks
    i, j = points.nearest(min(k, K - 1))
    n_parts, part = connected_components(csr_array((np.ones(len(i)), (i, j)), shape=(K, K)), directed=False)
    extra: list[tuple[int, int]] = []
    while n_parts > 1:
        smallest = int(np.bincount(part, minlength=n_parts).argmin())
        ends = points.closest(np.flatnonzero(part == smallest), np.flatnonzero(part != smallest))
        extra.append(ends)
        part[part == smallest] = part[ends[1]]
        _, part = np.unique(part, return_inverse=True)
        n_parts -= 1
    joined = np.array(extra, dtype=np.int64).reshape(-1, 2)
    return sorted_pairs(K, np.concatenate((i, joined[:, 0])), np.concatenate((j, joined[:, 1])))


def all_pairs(n_tasks: int) -> tuple[IntArray, IntArray]:
    """Every pair."""
    first, second = np.triu_indices(n_tasks, 1)
    return first.astype(np.int64), second.astype(np.int64)


def sorted_pairs(n_tasks: int, i: IntArray, j: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs in order, each once, the smaller end first."""
    code = np.unique(np.minimum(i, j) * n_tasks + np.maximum(i, j))
    return code // n_tasks, code % n_tasks


def given_pairs(mask: Any, n_tasks: int) -> tuple[IntArray, IntArray]:
    """Pairs that a user's mask allows: a symmetric ``(K, K)`` table, dense or sparse, nonzero where an edge may be.

    Raises
    ------
    InputError
        It has another shape, or leaves tasks apart.
    """
    table = csr_array(mask) if issparse(mask) else np.asarray(mask)
    if table.shape != (n_tasks, n_tasks):
        raise InputError(f"mask must be ({n_tasks}, {n_tasks}), one row and column a task; it has shape {table.shape}.")
    i, j = (np.asarray(ends, dtype=np.int64) for ends in table.nonzero())
    off = i != j
    first, second = sorted_pairs(n_tasks, i[off], j[off])
    graph = csr_array((np.ones(len(first)), (first, second)), shape=(n_tasks, n_tasks))
    n_parts, part = connected_components(graph, directed=False)
    if n_parts > 1:
        lone = np.flatnonzero(part != np.bincount(part).argmax())
        raise InputError(
            f"mask leaves the tasks in {n_parts} groups with no edge between them (tasks {lone[:5].tolist()} are not "
            "in the largest): the graph would have infinite variance. Allow edges between the groups, estimate each "
            "group by itself, or give a number of neighbours, which joins them."
        )
    return first, second
