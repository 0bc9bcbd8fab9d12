"""Whom tasks borrow from: weights of the guard and directions of the representation, as they were found."""

import json
from functools import cache

import numpy as np
import pytest

import kinfolk
from kinfolk.datasets import make_shared_representation
from kinfolk.report import summarize, to_html
from kinfolk.report.summarize_borrowing import summarize_borrowing
from kinfolk.report.weights_plots import in_groups, in_order


@pytest.fixture(scope="module")
def comparison():
    data = make_shared_representation(n_tasks=24, n_samples=15, n_features=20, rank=2, random_state=0)
    X = data.X.assign(task=[f"<b>{t}</b>" for t in data.X["task"]])
    return kinfolk.compare(X, data.y, task="task", methods=["SharedRepresentationRegressor", "PooledRidge"])


def test_rows_and_columns_stand_by_what_leads():
    weights = np.array([[0.1, 0.9], [1.0, 0.0], [0.4, 0.6], [0.2, 0.8]])
    assert in_order(weights) == ([0, 3, 2, 1], [1, 0])


def test_groups_keep_the_mean_of_all_and_few_rows_stay_as_they_are():
    values = np.random.default_rng(0).random((120, 3))
    means, names, note = in_groups(values, ["x"] * 120)
    assert means.shape == (60, 3)
    np.testing.assert_allclose(means, (values[::2] + values[1::2]) / 2)
    assert names == []
    assert "about 2 neighbouring tasks of 120" in note
    np.testing.assert_array_equal(in_groups(values[:60], ["x"] * 60)[0], values[:60])


def test_the_summary_is_what_was_learned(comparison):
    refit = cache(comparison.refit)
    found = summarize_borrowing(comparison, refit)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    weights, frame = found["weights"], comparison.guard_weights.set_index("task")
    np.testing.assert_array_equal(weights["values"], frame.loc[weights["rows"], weights["columns"]])
    (one,) = found["representations"]
    fitted = refit(one["method"])
    assert len(one["directions"]) == fitted.rank_ == 2
    assert one["left"] == 20 - len(one["loadings"]["rows"]) == 6
    places = [fitted.feature_names_.index(name) for name in one["loadings"]["rows"]]
    np.testing.assert_array_equal(one["loadings"]["values"], fitted.representation_[places])
    assert sum(row["share"] for row in one["directions"]) == pytest.approx(1.0)
    first = one["directions"][0]
    assert first["high"][0] == fitted.tasks_[fitted.heads_[:, 0].argmax()]
    assert first["low"][0] == fitted.tasks_[fitted.heads_[:, 0].argmin()]
    assert abs(first["features"][0]["loading"]) == abs(fitted.representation_[:, 0]).max()


def test_the_page_names_directions_and_escapes_labels(comparison):
    page = to_html(summarize(comparison))
    assert 'id="guard"' in page
    assert 'id="directions"' in page
    assert "<b>1</b>" not in page


def test_a_representation_of_rank_zero_is_said_so(comparison):
    X, y, _ = comparison.data
    rank_zero = {"none": kinfolk.SharedRepresentationRegressor(rank=0)}
    page = to_html(summarize(kinfolk.compare(X, y, task="task", methods=rank_zero)))
    assert "it chose rank 0" in page
