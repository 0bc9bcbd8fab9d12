"""Who helps whom: shares that are the weights of the posterior mean."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from kinfolk import TaskGraphRegressor
from kinfolk.datasets import make_clustered_tasks
from kinfolk.diagnostics import helpers
from kinfolk.report.summarize_graph import information


def random_graph(rng, T, density=0.4):
    upper = np.triu(rng.exponential(size=(T, T)) * (rng.random((T, T)) < density), 1)
    return upper + upper.T


@pytest.mark.parametrize("seed", range(5))
def test_the_shares_of_every_task_add_to_one(seed):
    rng = np.random.default_rng(seed)
    T, d = 9, 4
    v = rng.exponential(size=(T, d)) * (rng.random((T, d)) < 0.6)
    found = helpers(csr_array(random_graph(rng, T)), float(rng.exponential()), v)
    assert_allclose(found.own + found.pull + found.others.sum(axis=1), 1.0)
    for part in (found.own, found.pull, found.others.data):
        assert (part >= 0.0).all()
    assert_allclose(found.given, found.others.toarray().sum(axis=0))


def test_they_are_the_weights_of_the_posterior_mean_given_the_others():
    """Isotropic information: the mean of task t given the others, from the joint Gaussian, is that weighted mean."""
    rng = np.random.default_rng(0)
    T, c = 6, 0.7
    a, v, own, w = random_graph(rng, T), rng.exponential(size=T), rng.normal(size=T), rng.normal(size=T)
    Q = np.diag(a.sum(axis=1)) - a + c * (np.eye(T) - 1.0 / T)
    found = helpers(a, c, v[:, None])
    for t in range(T):
        others = np.arange(T) != t
        exact = (v[t] * own[t] - Q[t, others] @ w[others]) / (v[t] + Q[t, t])
        weighed = found.own[t] * own[t] + found.others.toarray()[t] @ w + found.pull[t] * w[others].mean()
        assert_allclose(weighed, exact)


def test_averaged_over_directions_of_any_gram_matrix():
    """Matrices: the trace of the own weight over d is the own share."""
    rng = np.random.default_rng(1)
    a, c, T, d = random_graph(rng, 5), 0.3, 5, 3
    S = [X.T @ X for X in rng.normal(size=(T, 7, d))]
    found = helpers(a, c, np.linalg.eigvalsh(S))
    for t in range(T):
        p = a[t].sum() + c * (1.0 - 1.0 / T)
        assert_allclose(found.own[t], np.trace(S[t] @ np.linalg.inv(S[t] + p * np.eye(d))) / d)


def test_a_task_with_nothing_to_lean_on_has_its_own_rows_only():
    found = helpers(np.zeros((2, 2)), 0.0, np.array([[2.0, 1.0], [0.0, 0.0]]))
    assert_allclose(found.own, 1.0)
    assert found.others.nnz == 0
    assert found.of(0) == []


def test_more_weight_leans_more_and_a_task_without_rows_has_no_own_share():
    a = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    v = np.array([[1.0], [1.0], [0.0]])
    once, thrice = helpers(a, 0.1, v), helpers(3.0 * a, 0.3, v)
    assert (thrice.own[:2] < once.own[:2]).all()
    assert once.own[2] == 0.0
    assert [task for task, _ in once.of(0)] == [1, 2]
    assert len(once.of(0, 1)) == 1


@pytest.mark.parametrize("n_samples", [4, 15])  # fewer rows than features, and more
def test_the_mean_own_share_of_a_fitted_model_is_its_coupling_strength(n_samples):
    data = make_clustered_tasks(3, n_tasks=18, n_samples=n_samples, n_features=6, random_state=0)
    model = TaskGraphRegressor(task="task", shrinkage=0.5).fit(data.X, data.y)
    found = helpers(model.graph_, model.pull_, information(model))
    assert_allclose(found.own.mean(), 1.0 / (1.0 + model.coupling_strength_))
    strongest = [task for task, _ in found.of(0)]
    assert strongest == list(model.neighbors(0).index)
