"""Intervals, probabilities and residuals in the report: the numbers of the comparison, few marks, no claim too much."""

import json
import re

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.linear_model import LinearRegression

import kinfolk
from kinfolk.datasets import make_shared_classification, make_shared_representation
from kinfolk.report import summarize, to_html
from kinfolk.report.calibration_plots import calibration_figures
from kinfolk.report.residuals import POINTS, normal_quantiles, scattered, standardised, transformed
from kinfolk.report.summarize_calibration import summarize_calibration


@pytest.fixture(scope="module")
def comparison():
    data = make_shared_representation(n_tasks=5, n_samples=30, n_features=4, rank=2, random_state=0)
    methods = {name: name for name in ("PartialPoolingRegressor", "PooledRidge")} | {"plain": LinearRegression()}
    return kinfolk.compare(data.X, data.y, task="task", methods=methods)


def test_the_section_has_the_numbers_of_the_comparison(comparison):
    found = summarize_calibration(comparison, "PartialPoolingRegressor")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {one["method"] for one in found["methods"]} == set(comparison.deviations)
    row = found["methods"][0]["rows"][2]
    assert row["coverage"] == comparison.calibration["coverage"][2]
    assert f"90% intervals hold {row['coverage']:.1%}" in found["sentence"]
    page = to_html(summarize(comparison))
    assert 'id="calibration"' in page
    assert f"{row['coverage']:.1%}" in page


def test_a_method_that_states_nothing_is_said_so_and_its_residuals_are_in_their_own_unit(comparison):
    found = summarize_calibration(comparison, "plain")
    assert found["method"] in comparison.deviations
    assert found["residuals"]["of"] == "plain"
    assert not found["residuals"]["stated"]
    z = np.array(found["residuals"]["scatter"]["points"][1])
    assert np.mean(z**2) == pytest.approx(1.0)


def test_residuals_are_standardised_by_what_was_stated(comparison):
    predicted, z, stated = standardised(comparison, "PartialPoolingRegressor")
    assert stated
    back = predicted + z * comparison.deviations["PartialPoolingRegressor"]
    np.testing.assert_allclose(back, comparison.truth)


def test_many_observations_are_counted_in_cells_and_few_marks():
    rng = np.random.default_rng(0)
    predicted, z = rng.normal(size=(2, 100_000))
    z[:7] = 9.0
    found = scattered(predicted, z)
    assert found["points"] is None
    assert sum(found["cells"]["counts"]) == 100_000
    assert found["beyond"] == 7
    residuals = {"of": "A", "stated": True, "scatter": found, "quantiles": normal_quantiles(z)}
    empty = {"kind": "numbers", "method": None, "transformed": None, "methods": [], "residuals": residuals}
    figures = calibration_figures(empty, "B")
    assert max(map(len, figures.values())) < 120_000
    assert scattered(predicted[:POINTS], z[:POINTS])["points"] is not None


def test_normal_residuals_lie_on_the_line_and_are_level_when_transformed():
    z = np.random.default_rng(0).normal(size=20_000)
    found = normal_quantiles(z)
    assert len(found["found"]) <= 160
    middle = slice(30, -30)
    np.testing.assert_allclose(found["found"][middle], found["expected"][middle], atol=0.1)
    assert found["found"][0] == z.min()
    assert found["found"][-1] == z.max()
    heights = np.array(transformed(z))
    assert heights.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(heights, 1.0, atol=0.15)
    np.testing.assert_allclose(heights, np.histogram(ndtr(z), 20, (0, 1))[0] / 1000)


def test_constant_predictions_and_a_perfect_fit_have_a_section_too():
    assert scattered(np.zeros(2000), np.ones(2000))["cells"]["counts"] == [2000]
    rng = np.random.default_rng(0)
    X = np.column_stack((rng.normal(size=(60, 2)), np.repeat([0, 1, 2], 20)))
    found = kinfolk.compare(X, X[:, 0] - X[:, 1], task=2, methods=["PooledRidge"])
    assert "Residuals of" in to_html(summarize(found))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_have_a_reliability_diagram_and_no_residuals(n_classes):
    data = make_shared_classification(n_tasks=6, n_samples=40, n_features=3, rank=1, random_state=0)
    y = np.where(data.X["x0"] > 1.0, 2, data.y) if n_classes == 3 else data.y
    words = np.array(["none", "some", "<all>"])[np.asarray(y, dtype=int)]
    found = kinfolk.compare(data.X, words, task="task", methods=["PooledLogistic"])
    summary = summarize(found)
    assert summary["calibration"]["residuals"] is None
    page = to_html(summary)
    section = re.search(r'<section id="calibration">.*?</section>', page, re.S)[0]
    assert "Observed shares" in section
    assert "Residuals" not in section
    assert f"{found.calibration_error['PooledLogistic']:.1%}" in section
    assert ("every class against the rest" in section) == (n_classes == 3)
