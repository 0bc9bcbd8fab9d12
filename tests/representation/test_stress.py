"""Awkward data that need no action of the user: correlated features, unequal tasks, heads with a mean, heavy tails."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk import SharedRepresentationRegressor

D, K, T = 60, 4, 150


def make(counts, *, covariance=None, heads_mean=0.0, tails=None, seed=0):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(D, K)))[0]
    coef = (heads_mean + rng.normal(size=(T, K))) @ basis.T
    codes = np.repeat(np.arange(T), counts)
    X = rng.normal(size=(len(codes), D)) if tails is None else rng.standard_t(tails, size=(len(codes), D))
    root = np.eye(D) if covariance is None else np.linalg.cholesky(covariance)
    X = X @ root.T
    y = (X * coef[codes]).sum(axis=1) + rng.normal(size=len(codes))
    return X, codes, y, coef, basis, root


def errors(X, codes, y, coef, basis, root):
    """Prediction error of the default fit, and of ridge heads in the true directions."""
    model = SharedRepresentationRegressor(task=-1).fit(np.column_stack((X, codes)), y)
    oracle = np.empty_like(coef)
    for t in range(T):
        Z, target = X[codes == t] @ basis, y[codes == t]
        oracle[t] = basis @ np.linalg.solve(Z.T @ Z + np.eye(K), Z.T @ target)
    return [float((((found - coef) @ root) ** 2).sum(axis=1).mean()) for found in (model.coef_, oracle)]


def autoregressive(rho):
    return rho ** np.abs(np.subtract.outer(np.arange(D), np.arange(D)))


@pytest.mark.parametrize(
    "covariance",
    [np.diag(np.geomspace(1.0, 100.0, D) / 22.0), autoregressive(0.8)],
    ids=["condition 100", "autoregressive"],
)
def test_correlated_features_cost_nothing_beyond_the_subspace(covariance):
    found, oracle = errors(*make(50, covariance=covariance))
    assert found < 1.75 * oracle


def test_tasks_of_very_different_size_count_by_their_rows():
    counts = np.clip(10.0 * (1.0 + np.random.default_rng(5).pareto(0.9, size=T)), 10, 600).astype(int)
    found, oracle = errors(*make(counts))
    assert found < 1.4 * oracle


def test_a_common_mean_of_the_heads_is_learned():
    plain, _ = errors(*make(15))
    shifted, _ = errors(*make(15, heads_mean=3.0))
    assert shifted < 1.1 * plain


def test_heavy_tailed_features():
    found, oracle = errors(*make(50, tails=4))
    assert found < 1.75 * oracle


def test_features_that_describe_whole_tasks_are_learned_between_tasks():
    """Such a feature cancels within tasks; its coefficient comes from the task means, for new tasks too."""
    rng = np.random.default_rng(0)
    n_tasks, n = 120, 12
    codes = np.repeat(np.arange(n_tasks), n)
    X, level = rng.normal(size=(len(codes), 4)), rng.normal(size=(n_tasks, 2))
    slopes = rng.normal(size=(n_tasks, 1)) * np.array([1.0, -1.0, 0.5, 0.0])
    intercept = 2.0 + level @ np.array([3.0, -1.0]) + 0.3 * rng.normal(size=n_tasks)
    y = intercept[codes] + (X * slopes[codes]).sum(axis=1) + rng.normal(size=len(codes))
    table = np.column_stack((X, level[codes], codes))
    known = codes < 100
    model = SharedRepresentationRegressor(task=-1, unseen="population").fit(table[known], y[known])
    assert_allclose(model.population_coef_[4:], [3.0, -1.0], atol=0.2)
    assert_allclose(model.coef_[:, 4], model.population_coef_[4])
    mean, std = model.predict(table[~known], return_std=True)
    truth = intercept[codes[~known]] + (X * slopes[codes])[~known].sum(axis=1)
    # an unseen task's slopes (variance 1 + 1 + 1/4) and intercept (0.09) cannot be known, the other 10 units can
    assert np.mean((mean - truth) ** 2) < 1.2 * 2.34
    assert 0.8 < np.mean(np.abs(mean - truth) < 1.6449 * std) <= 1.0
    assert model.adapt(table[~known], y[~known]).coef_.shape == (120, 6)
