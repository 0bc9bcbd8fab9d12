"""Shared representation: recovery, invariances, no harm, calibration (specification 1, acceptance tests)."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import subspace_angles

from kinfolk import IndependentRidge, InputError, SharedRepresentationRegressor
from kinfolk.datasets import make_shared_representation, make_unrelated_tasks


def excess(model, data):
    return float(data.excess_error(model.coef_, model.intercept_))


@pytest.mark.parametrize("seed", [0, 1])
def test_workload_w1(seed):
    """100 tasks of 50 rows, 100 features, rank 5 unknown: rank unknown, excess error at most 0.27."""
    data = make_shared_representation(random_state=seed)
    model = SharedRepresentationRegressor(task="task").fit(data.X, data.y)
    assert model.rank_ == 5
    assert excess(model, data) <= 0.27
    basis = model.representation_ * model._scaling.x_scale[:, None]
    assert np.sin(subspace_angles(basis, data.representation)).max() < 0.35


def test_unrelated_tasks_are_not_harmed():
    ratios = []
    for seed in range(3):
        data = make_unrelated_tasks(n_tasks=60, n_samples=40, n_features=50, random_state=seed)
        alone = IndependentRidge(task="task").fit(data.X, data.y)
        shared = SharedRepresentationRegressor(task="task").fit(data.X, data.y)
        ratios.append(excess(shared, data) / excess(alone, data))
    assert np.mean(ratios) <= 1.02


def test_adding_a_constant_to_a_task_changes_no_slope():  # A6
    data = make_shared_representation(n_tasks=20, n_samples=15, n_features=5, rank=2, random_state=0)
    shift = np.random.default_rng(0).normal(size=20)[data.X["task"]]
    model = SharedRepresentationRegressor(rank=2, standardize=False, task="task")
    before = model.fit(data.X, data.y).coef_
    moved = data.X.copy()
    moved[moved.columns[:-1]] += 10.0 * shift[:, None]
    assert_allclose(model.fit(moved, data.y + shift).coef_, before, atol=1e-8)


def test_a_weight_of_two_is_a_row_twice():  # A7
    data = make_shared_representation(n_tasks=20, n_samples=15, n_features=5, rank=2, random_state=0)
    twice = data.X["task"].to_numpy() == 3
    model = SharedRepresentationRegressor(rank=2, task="task")
    weighted = model.fit(data.X, data.y, sample_weight=1.0 + twice).coef_
    repeated = model.fit(pd.concat((data.X, data.X[twice])), np.concatenate((data.y, data.y[twice]))).coef_
    assert_allclose(weighted, repeated, atol=1e-8)


def test_rotating_the_features_rotates_the_coefficients():  # A8
    data = make_shared_representation(n_tasks=20, n_samples=15, n_features=5, rank=2, random_state=0)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    model = SharedRepresentationRegressor(standardize=False, task="task")
    before = model.fit(data.X, data.y).coef_
    turned = pd.DataFrame(data.X.drop(columns="task").to_numpy() @ rotation).add_prefix("x").assign(task=data.X["task"])
    assert_allclose(model.fit(turned, data.y).coef_, before @ rotation, atol=1e-7)


def test_a_given_rank_reaches_the_evidence_of_the_path():
    data = make_shared_representation(n_tasks=40, n_samples=20, n_features=10, rank=2, random_state=1)
    auto = SharedRepresentationRegressor(task="task").fit(data.X, data.y)
    given = SharedRepresentationRegressor(rank=2, task="task").fit(data.X, data.y)
    assert auto.rank_ == 2
    assert_allclose(given.result_.objective, auto.result_.objective, atol=1.0)
    assert_allclose(given.coef_, auto.coef_, atol=0.05)


@pytest.mark.parametrize(
    "shape",
    [
        {"n_tasks": 100, "n_samples": 50, "n_features": 100, "rank": 5},  # W1: half of the error is in the loadings
        {"n_tasks": 150, "n_samples": 25, "n_features": 20, "rank": 2},
        {"n_tasks": 50, "n_samples": 30, "n_features": 20, "rank": 3},
    ],
)
def test_ninety_percent_intervals_hold_ninety_percent(shape):
    covered = []
    for seed in range(4):
        data = make_shared_representation(**shape, random_state=seed)
        known = (data.X["task"] < 0.8 * shape["n_tasks"]).to_numpy()
        few = data.X.groupby("task").cumcount().to_numpy() < 15
        model = SharedRepresentationRegressor(task="task").fit(data.X[known], data.y[known])
        model = model.adapt(data.X[~known & few], data.y[~known & few])
        X, y = data.sample(40, random_state=seed + 50)
        truth = (X.drop(columns="task").to_numpy() * data.coef[X["task"]]).sum(axis=1)
        mean, std = model.predict(X, return_std=True)
        _, wide = model.predict(X, return_std=True, observation_noise=True)
        old = (X["task"] < 0.8 * shape["n_tasks"]).to_numpy()
        inside, seen = np.abs(mean - truth) < 1.6449 * std, np.abs(mean - y) < 1.6449 * wide
        covered.append([inside[old].mean(), inside[~old].mean(), seen[old].mean(), seen[~old].mean()])
    known_tasks, new_tasks, known_rows, new_rows = np.mean(covered, axis=0)
    assert 0.87 <= known_tasks <= 0.93
    assert 0.87 <= new_tasks <= 0.93
    assert 0.87 <= known_rows <= 0.93
    assert 0.87 <= new_rows <= 0.93


def test_fewer_tasks_than_the_rank_is_refused_with_the_remedy():
    data = make_shared_representation(n_tasks=3, n_samples=20, n_features=6, rank=2, random_state=0)
    with pytest.raises(InputError, match=r"rank=5 is more than min\(features, tasks - 1\) = 2"):
        SharedRepresentationRegressor(rank=5, task="task").fit(data.X, data.y)


@pytest.mark.parametrize("parameters", [{"rank": 1.5}, {"rank": -1}, {"n_splits": 1}, {"max_rank": "many"}])
def test_parameters_are_checked(parameters):
    data = make_shared_representation(n_tasks=5, n_samples=10, n_features=4, rank=2, random_state=0)
    with pytest.raises(InputError, match=next(iter(parameters))):
        SharedRepresentationRegressor(task="task", **parameters).fit(data.X, data.y)
