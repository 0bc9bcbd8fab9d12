"""Graphs from estimated coefficients, and from sketches."""

import numpy as np
import pytest
from fields import field, geometric_graph
from numpy.testing import assert_allclose

from kinfolk.graph import estimate_laplacian
from kinfolk.graph.candidates import Points, nearest_pairs
from kinfolk.graph.likelihood import Likelihood, Weights
from kinfolk.graph.multiplicative import sketched_descent, sketched_resistances, sparse_value


def decibel(error):
    return 10.0 * np.log10(np.mean(error**2))


@pytest.mark.parametrize("method", ["edge", "multiplicative"])
def test_noise_aware_estimates_smooth_nearly_as_well_as_the_true_graph(method):
    """Within 1 dB of the Wiener filter of the truth, and better than a graph that takes the estimates for the truth."""
    gains = []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        laplacian = geometric_graph(50, 8, generator)
        W = field(laplacian, 30, generator)
        s = generator.uniform(0.5, 1.5, size=50) * 0.3 * np.mean(W**2)
        estimates = W + np.sqrt(s)[:, None] * generator.normal(size=W.shape)

        def filtered(L, estimates=estimates, s=s):
            return np.linalg.solve(np.diag(1.0 / s) + L, estimates / s[:, None])

        found = estimate_laplacian(estimates, method, noise=s, mask=12)
        naive = estimate_laplacian(estimates, method, mask=12)
        oracle = decibel(filtered(laplacian) - W)
        assert_allclose(filtered(found.laplacian.toarray()), found.smoothed, atol=1e-8)
        gains.append([decibel(found.smoothed - W), decibel(filtered(naive.laplacian.toarray()) - W), oracle])
    noisy, naive, oracle = np.mean(gains, axis=0)
    assert noisy < oracle + 1.0
    assert noisy < naive - 0.05


def test_independent_tasks_are_smoothed_at_no_harm():
    generator = np.random.default_rng(0)
    W = generator.normal(size=(40, 20))
    estimates = W + 0.5 * generator.normal(size=W.shape)
    found = estimate_laplacian(estimates, noise=0.25)
    assert decibel(found.smoothed - W) < decibel(estimates - W) + 0.1


def test_duplicates_with_noise_stay_finite():
    W = np.repeat(np.random.default_rng(0).normal(size=(5, 4)), 2, axis=0)
    found = estimate_laplacian(W, noise=0.1)
    assert np.isfinite(found.laplacian.toarray()).all()
    assert np.isfinite(found.smoothed).all()


@pytest.mark.parametrize("pull", [0.0, 0.3])
def test_sketched_resistances_and_the_sparse_value_are_those_of_the_inverse(pull):
    generator = np.random.default_rng(0)
    W = field(geometric_graph(120, 6, generator), 20, generator)
    first, second = nearest_pairs(Points(W), 8)
    r = Points(W).distances(first, second)
    problem = Likelihood(120, first, second, r, 40.0 if pull else None)
    weights = Weights(1.0 / r, pull)
    exact = problem.at(weights)
    resistances, spread = sketched_resistances(problem, weights, generator, n_signs=400)
    ratio = resistances / exact.resistances
    assert abs(ratio.mean() - 1.0) < 0.01
    assert np.std(ratio) < 1.2 * np.sqrt(2.0 / 400)
    assert spread == pytest.approx(exact.spread, rel=0.05)
    assert sparse_value(problem, weights) == pytest.approx(exact.value)


def test_sketched_descent_comes_near_the_optimum():
    generator = np.random.default_rng(1)
    W = field(geometric_graph(150, 6, generator), 40, generator)
    first, second = nearest_pairs(Points(W), 8)
    problem = Likelihood(150, first, second, 0.9 * Points(W).distances(first, second) + 0.1 * Points(W).mean_distance())
    found = sketched_descent(problem, Weights(1.0 / problem.distances), generator, tol=1e-3, max_iter=15)
    exact = estimate_laplacian(W, mask=8, shrinkage=0.1)
    assert found.value < exact.objective + 0.05 * 150
