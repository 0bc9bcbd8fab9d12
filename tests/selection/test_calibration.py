"""Stated standard deviations and probabilities against what came: theorems about coverage and reliability."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri
from sklearn.linear_model import LinearRegression

import kinfolk
from kinfolk.datasets import make_shared_classification, make_shared_representation
from kinfolk.selection.calibration import LEVELS, calibration_error, interval_coverage, reliability

CODES = np.repeat(np.arange(50), 40)


@pytest.fixture(scope="module")
def normal():
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(size=2000), rng.uniform(0.5, 2.0, 2000)
    return mean + deviation * rng.normal(size=2000), mean, deviation


def test_a_normal_model_that_is_right_covers_its_levels(normal):
    found = interval_coverage(*normal, CODES, 50)
    assert (abs(found["coverage"] - found["level"]) < 3.5 * found["coverage_se"]).all()
    expected = 2.0 * ndtri(0.5 + 0.5 * np.array(LEVELS)) * normal[2].mean()
    np.testing.assert_allclose(found["width"], expected)


def test_independent_observations_have_binomial_standard_errors(normal):
    found = interval_coverage(*normal, CODES, 50)
    np.testing.assert_allclose(
        found["coverage_se"], np.sqrt(found["coverage"] * (1 - found["coverage"]) / 2000), rtol=0.35
    )


def test_half_the_deviation_covers_less_and_half_as_widely(normal):
    y, mean, deviation = normal
    full, half = (interval_coverage(y, mean, d, CODES, 50) for d in (deviation, 0.5 * deviation))
    assert (half["coverage"] < full["coverage"] - 0.1).all()
    np.testing.assert_allclose(half["width"], 0.5 * full["width"])
    assert calibration_error(half) > 5 * calibration_error(full)


def test_units_change_widths_only(normal):
    y, mean, deviation = normal
    found = interval_coverage(y, mean, deviation, CODES, 50)
    other = interval_coverage(7.0 - 8.0 * y, 7.0 - 8.0 * mean, 8.0 * deviation, CODES, 50)
    pd.testing.assert_frame_equal(other, found.assign(width=8.0 * found["width"]))


def test_a_row_of_weight_two_is_two_rows(normal):
    y, mean, deviation = normal
    weights = np.where(np.arange(2000) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(2000), weights.astype(int))
    weighted = interval_coverage(y, mean, deviation, CODES, 50, weights)
    repeated = interval_coverage(y[twice], mean[twice], deviation[twice], CODES[twice], 50)
    pd.testing.assert_frame_equal(weighted, repeated)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities_that_are_right_are_reliable(n_classes):
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(n_classes, 0.6), 4000)
    y = (p.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1)
    codes = np.repeat(np.arange(100), 40)
    found = reliability(y, p, codes, 100)
    assert (abs(found["observed"] - found["predicted"]) < 3.5 * found["observed_se"]).all()
    assert found["n"].sum() == 4000 * (1 if n_classes == 2 else n_classes)
    assert found["weight"].sum() == pytest.approx(1.0)
    assert found["predicted"].between(found["low"], found["high"]).all()
    sure = p**4 / (p**4).sum(axis=1, keepdims=True)
    assert calibration_error(reliability(y, sure, codes, 100)) > 4 * calibration_error(found)


@pytest.fixture(scope="module")
def comparison():
    data = make_shared_representation(n_tasks=60, n_samples=30, n_features=5, rank=2, random_state=0)
    names = ["PartialPoolingRegressor", "SharedRepresentationRegressor", "PooledRidge"]
    methods = {name: name for name in names} | {"least squares": LinearRegression()}
    return kinfolk.compare(data.X, data.y, task="task", methods=methods)


def test_a_comparison_of_a_model_that_is_right_covers_its_levels(comparison):
    table = comparison.calibration.set_index("method")
    for method in ("IndependentRidge", "PartialPoolingRegressor", "SharedRepresentationRegressor"):
        found = table.loc[method]
        assert (abs(found["coverage"] - found["level"]) < 3.5 * found["coverage_se"] + 0.01).all()
    assert comparison.to_dict()["calibration"][0]["coverage"] == comparison.calibration["coverage"][0]
    assert max(comparison.calibration_error[m] for m in ("IndependentRidge", "PartialPoolingRegressor")) < 0.03


def test_methods_without_a_posterior_state_nothing(comparison):
    assert "least squares" in comparison.predictions
    assert "least squares" not in comparison.deviations
    assert "GuardedRegressor" not in comparison.deviations  # it weighs least squares, too
    assert set(comparison.calibration["method"]) == set(comparison.deviations)
    only = kinfolk.compare(*comparison.data[:2], task="task", methods={"least squares": LinearRegression()})
    assert "least squares" not in set(only.calibration["method"])


def test_deviations_are_those_of_the_fold_and_of_new_observations(comparison):
    X, y, _ = comparison.data
    test = comparison.rows[comparison.folds == 0]
    train = np.setdiff1d(np.arange(len(X)), test)
    fitted = kinfolk.PartialPoolingRegressor(task="task").fit(X.iloc[train], np.asarray(y)[train])
    mean, deviation = fitted.predict(X.iloc[test], return_std=True, observation_noise=True)
    np.testing.assert_array_equal(comparison.predictions["PartialPoolingRegressor"][comparison.folds == 0], mean)
    np.testing.assert_array_equal(comparison.deviations["PartialPoolingRegressor"][comparison.folds == 0], deviation)
    np.testing.assert_array_equal(comparison.truth, np.asarray(y)[comparison.rows])


def test_the_guard_states_the_deviation_of_the_mixture(comparison):
    X, y, _ = comparison.data
    found = kinfolk.compare(X, y, task="task", methods=["PartialPoolingRegressor"], cv=2)
    # a guard that weighs only one method in a row says what it says
    mixed, names = found.deviations["GuardedRegressor"], ("IndependentRidge", "PartialPoolingRegressor")
    apart = abs(np.subtract(*(found.predictions[name] for name in names)))
    low, high = (edge([found.deviations[name] for name in names], axis=0) for edge in (np.min, np.max))
    assert (mixed >= low - 1e-12).all()
    assert (mixed <= np.sqrt(high**2 + 0.25 * apart**2) + 1e-12).all()
    share = np.subtract(found.predictions["GuardedRegressor"], found.predictions[names[0]])
    w = share / np.subtract(found.predictions[names[1]], found.predictions[names[0]])
    first, second = (found.deviations[name] ** 2 for name in names)
    np.testing.assert_allclose(mixed**2, (1 - w) * first + w * second + w * (1 - w) * apart**2, rtol=1e-6)


def test_a_guard_that_is_fitted_states_deviations_where_all_that_it_mixes_do(comparison):
    X, y, _ = comparison.data
    with_all = kinfolk.GuardedRegressor(["PartialPoolingRegressor"], task="task")
    with_other = kinfolk.GuardedRegressor({"least squares": LinearRegression()}, task="task")
    found = kinfolk.compare(X, y, task="task", methods={"all": with_all, "other": with_other}, cv=2)
    assert {"IndependentRidge", "all"} == set(found.deviations) - {"GuardedRegressor"}
    assert not found.failures


def test_wide_data_with_missing_responses_have_a_deviation_for_each_that_is_there():
    rng = np.random.default_rng(2)
    X, W = rng.normal(size=(80, 3)), rng.normal(size=(3, 6))
    y = X @ W + rng.normal(size=(80, 6))
    y[rng.random((80, 6)) < 0.2] = np.nan
    found = kinfolk.compare(X, y, methods=["PartialPoolingRegressor"])
    assert len(found.deviations["PartialPoolingRegressor"]) == np.isfinite(y).sum() == len(found.truth)
    assert found.calibration_error["PartialPoolingRegressor"] < 0.06


def test_classes_get_a_reliability_table_of_every_method():
    data = make_shared_classification(n_tasks=12, n_samples=40, n_features=4, rank=1, random_state=0)
    found = kinfolk.compare(data.X, data.y, task="task", methods=["PooledLogistic"])
    assert found.deviations == {}
    assert set(found.calibration["method"]) == {"PooledLogistic", "IndependentLogistic", "GuardedClassifier"}
    assert (found.calibration.groupby("method")["n"].sum() == 480).all()
    assert all(0.0 <= error < 0.2 for error in found.calibration_error.values())
