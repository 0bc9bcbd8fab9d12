"""Graphs and Gaussian fields on them, for tests."""

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree


def geometric_graph(n_tasks, degree, generator):
    """Laplacian of a random geometric graph, connected, weights between 0.5 and 3."""
    places = generator.random((n_tasks, 2))
    apart = ((places[:, None] - places) ** 2).sum(axis=2)
    near = apart <= np.sort(apart, axis=None)[n_tasks + degree * n_tasks]
    tree = minimum_spanning_tree(apart).toarray() > 0
    joined = np.triu(near | tree | tree.T, 1)
    weights = np.where(joined, generator.uniform(0.5, 3.0, joined.shape), 0.0)
    weights += weights.T
    return np.diag(weights.sum(axis=1)) - weights


def field(laplacian, n_coordinates, generator):
    """Coefficients ``(K, M)`` whose columns are independent N(0, L^+)."""
    values, vectors = np.linalg.eigh(laplacian)
    return (vectors[:, 1:] * values[1:] ** -0.5) @ generator.normal(size=(len(values) - 1, n_coordinates))
