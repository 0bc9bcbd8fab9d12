"""The marginal estimator with self-loops: exact for the true covariance, each row from its neighbourhood alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kinfolk.graph.marginal import marginal_laplacian


def grounded(K, density, rng):
    """A Laplacian with self-loops, positive definite."""
    weights = np.triu(rng.uniform(0.5, 3.0, (K, K)) * (rng.random((K, K)) < density), 1)
    weights += weights.T
    return np.diag(weights.sum(axis=1) + rng.uniform(0.5, 2.0, K)) - weights


@pytest.mark.parametrize("density", [0.0, 0.15, 0.5, 1.0])  # lone tasks, unequal neighbourhoods, all joined
def test_the_true_covariance_gives_the_laplacian(density):
    rng = np.random.default_rng(0)
    for K in (1, 2, 9):
        L = grounded(K, density, rng)
        assert_allclose(marginal_laplacian(np.linalg.inv(L), L != 0.0), L, atol=1e-10)


def test_every_row_is_that_of_its_own_neighbourhood_and_several_are_estimated_at_once():
    rng = np.random.default_rng(1)
    L = grounded(8, 0.3, rng)
    W = np.linalg.cholesky(np.linalg.inv(L)) @ rng.normal(size=(3, 8, 40))
    S = W @ W.transpose(0, 2, 1) / 40
    found = marginal_laplacian(S, L != 0.0)
    for one, covariance in zip(found, S, strict=True):
        rows = np.zeros((8, 8))
        for k in range(8):
            near = np.r_[k, np.flatnonzero((L[k] != 0.0) & (np.arange(8) != k))]
            rows[k, near] = np.linalg.inv(covariance[np.ix_(near, near)])[0]
        assert_allclose(one, 0.5 * (rows + rows.T))
        assert_array_equal(one, one.T)
    assert not found[:, L == 0.0].any()


def test_too_few_coordinates_are_refused():
    joined = np.ones((4, 4), dtype=bool)
    with pytest.raises(np.linalg.LinAlgError):
        marginal_laplacian(np.ones((4, 4)), joined)
