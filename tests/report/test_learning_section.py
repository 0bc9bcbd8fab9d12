"""Learning curves in the report: of methods that learn step by step, and of no other."""

import json

import numpy as np
import pytest

import kinfolk
from kinfolk import SharedFeatureClassifier, SharedFeatureRegressor
from kinfolk.datasets import make_shared_classification, make_shared_representation
from kinfolk.report import summarize, to_html

FAST = {"max_iter": 60, "n_filters": 8}


@pytest.fixture(scope="module")
def summary():
    data = make_shared_classification(n_tasks=6, n_samples=25, n_features=4, rank=1, random_state=0)
    nets = {"net": SharedFeatureClassifier(early_stopping=True, **FAST), "own": SharedFeatureClassifier(**FAST)}
    found = kinfolk.compare(data.X, data.y, task="task", methods=nets | {"pooled": kinfolk.PooledLogistic()}, cv=2)
    assert not found.failures
    return summarize(found)


def test_methods_that_learn_by_steps_have_their_curves(summary):
    assert sorted(one["method"] for one in summary["learning"]) == ["net", "own"]
    net = next(one for one in summary["learning"] if one["method"] == "net")
    assert list(net["losses"]) == ["training rows", "held-out rows"]
    assert len(net["iteration"]) == len(net["quality"]["accuracy on training rows"]) > 3
    own = next(one for one in summary["learning"] if one["method"] == "own")
    assert list(own["losses"]) == ["training rows"]
    assert own["about"].startswith("60 steps; all steps were taken. Shared features under a common head")
    assert np.all(np.diff(own["losses"]["training rows"]) < 0.05)
    json.dumps(summary, allow_nan=False)


def test_the_page_shows_them(summary):
    page = to_html(summary)
    assert page.count("<h2>How net learned") == page.count("<h2>How own learned") == 1
    assert "Learning curves of net" in page
    assert 'id="learning-2"' in page


def test_other_methods_have_none_and_regressors_do():
    data = make_shared_representation(n_tasks=6, n_samples=20, n_features=4, rank=1, random_state=0)
    plain = kinfolk.compare(data.X, data.y, task="task", methods=["PooledRidge"], cv=2)
    assert summarize(plain)["learning"] == []
    assert "learned</h2>" not in to_html(summarize(plain))
    nets = kinfolk.compare(data.X, data.y, task="task", methods=[SharedFeatureRegressor(**FAST)], cv=2)
    assert list(summarize(nets)["learning"][0]["quality"]) == ["R² on training rows"]
