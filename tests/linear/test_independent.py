"""Ridge for each task alone: equal to scikit-learn's, with strengths that are the best of their rule."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from kinfolk import IndependentRidge, InputError
from kinfolk.datasets import make_unrelated_tasks
from kinfolk.linear.independent import evidence_strength
from kinfolk.tasks import TaskData


def tasks(n_samples=30, n_features=5, **others):
    return make_unrelated_tasks(n_tasks=6, n_samples=n_samples, n_features=n_features, random_state=0, **others)


def parts(data):
    X = data.X.drop(columns="task").to_numpy()
    for t in range(6):
        rows = (data.X["task"] == t).to_numpy()
        yield X[rows], data.y[rows]


@pytest.mark.parametrize("shape", [(30, 5), (8, 20)])  # primal and dual
def test_a_given_strength_is_scikit_learns_ridge(shape):
    data = tasks(*shape)
    model = IndependentRidge(alpha=2.5, standardize=False, task="task").fit(data.X, data.y)
    for t, (X, y) in enumerate(parts(data)):
        ridge = Ridge(alpha=2.5).fit(X, y)
        assert_allclose(model.coef_[t], ridge.coef_, atol=1e-9)
        assert_allclose(model.intercept_[t], ridge.intercept_, atol=1e-9)


@pytest.mark.parametrize("shape", [(30, 5), (8, 20)])
def test_the_chosen_strength_and_the_given_one_are_one_path(shape):
    data = tasks(*shape)
    chosen = IndependentRidge(task="task").fit(data.X, data.y)
    given = IndependentRidge(alpha=chosen.alpha_, task="task").fit(data.X, data.y)
    assert_allclose(chosen.coef_, given.coef_, atol=1e-9)
    assert_allclose(chosen.noise_variance_, given.noise_variance_)
    mean, std = (chosen.predict(data.X, return_std=True), given.predict(data.X, return_std=True))[0]
    assert_allclose(mean, given.predict(data.X))
    assert_allclose(std, given.predict(data.X, return_std=True)[1])


def log_evidence(data, alpha):
    """Gaussian log likelihood of the centred targets with w ~ N(0, s2 / alpha), s2 at its best value."""
    quad, volume, freedom = 0.0, 0.0, 0
    for X, y in parts(data):
        X, y = X - X.mean(axis=0), y - y.mean()
        covariance = np.eye(len(y)) + X @ X.T / alpha
        quad += y @ np.linalg.solve(covariance, y)
        volume += np.linalg.slogdet(covariance)[1]
        freedom += len(y) - 1
    return -0.5 * (freedom * np.log(quad / freedom) + volume)


def test_evidence_is_at_its_maximum():
    data = tasks(12, 8)
    alpha = IndependentRidge(standardize=False, task="task").fit(data.X, data.y).alpha_
    best = log_evidence(data, alpha)
    for other in alpha * np.array([0.2, 0.8, 0.99, 1.01, 1.2, 5.0]):
        assert log_evidence(data, other) < best + 1e-9


def test_many_tasks_get_the_same_strength_without_decomposing_each():
    data = make_unrelated_tasks(n_tasks=600, n_samples=15, n_features=5, noise=0.5, random_state=0)
    codes = data.X["task"].to_numpy()
    moments = TaskData.build(data.X.drop(columns="task").to_numpy(), data.y, codes, 600).moments()
    alpha = IndependentRidge(task="task").fit(data.X, data.y).alpha_
    assert_allclose(evidence_strength(moments), alpha, rtol=2e-3)


def loo_error(data, alpha):
    total = 0.0
    for X, y in parts(data):
        for i in range(len(y)):
            keep = np.arange(len(y)) != i
            total += (y[i] - Ridge(alpha=alpha).fit(X[keep], y[keep]).predict(X[i : i + 1])[0]) ** 2
    return total


def test_leave_one_out_is_at_its_minimum_by_brute_force():
    data = tasks(10, 4)
    alpha = IndependentRidge("loo", standardize=False, task="task").fit(data.X, data.y).alpha_
    best = loo_error(data, alpha)
    for other in alpha * np.array([0.3, 0.9, 1.1, 3.0]):
        assert loo_error(data, other) > best


@pytest.mark.parametrize("alpha", ["evidence", "loo"])
def test_strengths_per_task_differ_where_tasks_differ(alpha):
    data = tasks(60, 5)
    quiet = (data.X["task"] < 3).to_numpy()
    y = np.where(quiet, np.random.default_rng(1).normal(size=len(quiet)), data.y)  # three tasks of pure noise
    model = IndependentRidge(alpha, per_task=True, task="task").fit(data.X, y)
    assert model.alpha_[:3].min() > model.alpha_[3:].max()
    assert np.isfinite(model.predict(data.X, return_std=True)[1]).all()


def test_there_is_no_population():
    data = tasks()
    with pytest.raises(InputError, match="no population model"):
        IndependentRidge(task="task", unseen="population").fit(data.X, data.y)


@pytest.mark.parametrize("alpha", ["none", 0.0, -1.0, np.nan, True])
def test_a_strength_that_is_none_is_refused(alpha):
    data = tasks()
    with pytest.raises(InputError, match="alpha must be"):
        IndependentRidge(alpha, task="task").fit(data.X, data.y)
