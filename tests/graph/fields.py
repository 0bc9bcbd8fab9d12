"""Graphs, Gaussian fields on them and streams of their rows, for tests."""

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


def of_variance(laplacian, variance):
    """The graph scaled so that a coordinate of a task has this variance about the mean, on average."""
    values = np.linalg.eigvalsh(laplacian)[1:]
    return laplacian * ((1.0 / values).sum() / len(laplacian) / variance)


def field(laplacian, n_coordinates, generator):
    """Coefficients ``(K, M)`` whose columns are independent N(0, L^+)."""
    values, vectors = np.linalg.eigh(laplacian)
    return (vectors[:, 1:] * values[1:] ** -0.5) @ generator.normal(size=(len(values) - 1, n_coordinates))


def rows_of(W, generator, *, loss="squared", noise=None):
    """One row a task: features ``(K, M)`` and targets; noise standard normal unless given as a function of K."""
    U = generator.normal(size=W.shape)
    eta = (U * W).sum(axis=1)
    if loss == "logistic":
        return U, (generator.random(len(W)) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    return U, eta + (generator.normal(size=len(W)) if noise is None else noise(len(W)))
