"""Pooled and partially pooled models: nested limits, recovered variances, calibrated intervals."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from kinfolk import IndependentRidge, InputError, PartialPoolingRegressor, PooledRidge
from kinfolk.datasets import make_unrelated_tasks
from kinfolk.linear.evidence import MixedModel
from kinfolk.tasks import TaskData


def random_coefficients(covariance, n_tasks=200, n=15, noise=1.0, seed=0, mean=1.0):
    """Tasks with coefficients (intercept first) drawn from N(mean, covariance)."""
    rng = np.random.default_rng(seed)
    d = len(covariance) - 1
    u = rng.multivariate_normal(np.full(d + 1, mean), covariance, size=n_tasks)
    task = np.repeat(np.arange(n_tasks), n)
    X = rng.normal(size=(len(task), d))
    y = u[task, 0] + (X * u[task, 1:]).sum(axis=1) + noise * rng.normal(size=len(task))
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(d)]).assign(task=task), y, u


FULL = np.array([[1.0, 0.4, 0.0], [0.4, 0.5, -0.2], [0.0, -0.2, 0.3]])


def test_variances_are_recovered():
    X, y, _ = random_coefficients(FULL, n_tasks=600)
    model = PartialPoolingRegressor("full", task="task").fit(X, y)
    assert_allclose(model.population_covariance_, FULL, atol=0.12)
    assert_allclose(model.noise_variance_, 1.0, atol=0.05)
    assert_allclose(model.population_coef_, 1.0, atol=0.1)


def test_richer_forms_have_no_less_evidence_and_the_right_one_is_chosen():
    X, y, _ = random_coefficients(FULL)
    fits = {c: PartialPoolingRegressor(c, task="task").fit(X, y) for c in ("scalar", "diagonal", "full")}
    evidence = {c: fit.result_.objective for c, fit in fits.items()}
    assert evidence["scalar"] <= evidence["diagonal"] + 1e-3 <= evidence["full"] + 2e-3
    assert PartialPoolingRegressor(task="task").fit(X, y).covariance_ == "full"
    X, y, _ = random_coefficients(np.diag([1.0, 0.3, 0.3, 0.3]))
    assert PartialPoolingRegressor(task="task").fit(X, y).covariance_ == "scalar"
    X, y, _ = random_coefficients(np.diag([1.0, 1.0, 0.01, 0.0]))
    assert PartialPoolingRegressor(task="task").fit(X, y).covariance_ == "diagonal"


def test_tasks_that_differ_only_in_their_intercepts_are_pooled():
    X, y, _ = random_coefficients(np.diag([1.0, 0.0, 0.0]), seed=3)
    pooled = PooledRidge(task="task").fit(X, y)
    partial = PartialPoolingRegressor("scalar", task="task").fit(X, y)
    assert partial.result_.objective >= pooled.result_.objective - 1e-3
    assert_allclose(partial.predict(X), pooled.predict(X), atol=0.15)


def test_intercepts_are_shrunken_towards_their_mean_not_towards_zero():
    X, y, _ = random_coefficients(np.diag([0.2, 0.0]), n=2, mean=1000.0)
    model = PooledRidge(task="task").fit(X, y)
    own_mean = y.reshape(-1, 2).mean(axis=1)
    assert abs(model.population_intercept_ - 1000.0) < 1.0
    assert model.intercept_.std() < own_mean.std()


@pytest.mark.parametrize("form", ["scalar", "diagonal", "full"])
def test_adapting_to_the_rows_of_a_known_task_gives_that_task(form):
    """The posterior of a task depends on the others only through the prior."""
    X, y, _ = random_coefficients(FULL, n_tasks=30)
    model = PartialPoolingRegressor(form, task="task").fit(X, y)
    rows = (X["task"] == 4).to_numpy()
    adapted = model.adapt(X[rows].assign(task=1000), y[rows])
    assert_allclose(adapted.coef_[-1], model.coef_[4], atol=1e-10)
    assert_allclose(adapted.intercept_[-1], model.intercept_[4], atol=1e-10)
    assert_allclose(adapted.predict(X), model.predict(X))


@pytest.mark.parametrize("estimator", [PooledRidge(), PartialPoolingRegressor("full")])
def test_ninety_percent_intervals_hold_ninety_percent(estimator):
    covariance = FULL if isinstance(estimator, PartialPoolingRegressor) else np.diag([1.0, 0.0, 0.0])
    X, y, u = random_coefficients(covariance, n_tasks=1500, n=8, seed=7)
    known = (X["task"] < 800).to_numpy()
    model = estimator.set_params(task="task").fit(X[known], y[known])
    rng = np.random.default_rng(8)
    model = model.adapt(X[~known], y[~known])
    for tasks in (np.arange(800), np.arange(800, 1500)):
        task = rng.choice(tasks, size=20_000)
        new = rng.normal(size=(20_000, 2))
        truth = u[task, 0] + (new * u[task, 1:]).sum(axis=1)
        frame = pd.DataFrame(new, columns=["x0", "x1"]).assign(task=task)
        mean, std = model.predict(frame, return_std=True)
        assert 0.87 <= np.mean(np.abs(mean - truth) < 1.6449 * std) <= 0.93
        _, wide = model.predict(frame, return_std=True, observation_noise=True)
        assert 0.87 <= np.mean(np.abs(mean - truth - rng.normal(size=20_000)) < 1.6449 * wide) <= 0.93


def test_an_unknown_form_is_refused():
    X, y, _ = random_coefficients(FULL, n_tasks=5)
    with pytest.raises(InputError, match="covariance must be"):
        PartialPoolingRegressor("banded", task="task").fit(X, y)


@pytest.mark.parametrize(("n_tasks", "n", "d"), [(60, 40, 50), (100, 50, 100), (80, 20, 30)])
def test_unrelated_tasks_are_not_harmed_and_the_evidence_is_at_its_maximum(n_tasks, n, d):
    """More features than rows: the climb must not jump to the bounds, nor a full covariance interpolate."""
    data = make_unrelated_tasks(n_tasks, n, d, random_state=0)
    alone = IndependentRidge(task="task").fit(data.X, data.y)
    auto = PartialPoolingRegressor(task="task").fit(data.X, data.y)
    assert auto.covariance_ != "full"
    error, reference = (data.excess_error(model.coef_, model.intercept_) for model in (auto, alone))
    assert error <= 1.02 * reference
    scalar = PartialPoolingRegressor("scalar", task="task").fit(data.X, data.y)
    X, codes = data.X.drop(columns="task").to_numpy(), data.X["task"].to_numpy()
    model = MixedModel(TaskData.build(X, data.y, codes, n_tasks).moments())
    for slope in np.geomspace(0.1, 10.0, 9) / alone.alpha_:
        root = np.diag(np.sqrt(np.concatenate(([0.0], np.full(d, slope)))))
        assert model.evidence(root, 1e-6).value <= scalar.result_.objective + 0.05
