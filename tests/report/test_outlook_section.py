"""Predicted learning curves in the report: near to what was measured where the model holds, else the reason why not."""

import json

import numpy as np
import pandas as pd
import pytest

import kinfolk
from kinfolk.datasets import make_shared_classification, make_shared_representation
from kinfolk.report import summarize, to_html
from kinfolk.report.summarize_outlook import MOST_TASKS, summarize_outlook

METHODS = ["PooledRidge", "PartialPoolingRegressor"]


def alike(n_tasks, n_samples, n_features, seed=0):
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n_tasks), n_samples)
    W = np.sqrt(0.5 / n_features) * (rng.normal(size=n_features) + rng.normal(size=(n_tasks, n_features)))
    X = rng.normal(size=(len(task), n_features))
    y = (X * W[task]).sum(axis=1) + 0.5 * rng.normal(size=len(task))
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(n_features)]).assign(task=task), y


@pytest.fixture(scope="module")
def comparison():
    return kinfolk.compare(*alike(20, 40, 25), task="task", methods=METHODS)


def test_errors_of_tasks_that_are_equally_alike_are_predicted(comparison):
    found = summarize_outlook(comparison)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["doubts"] == found["remarks"] == []
    assert found["share"] == pytest.approx(0.8)
    for row, method in zip(found["ways"], ("IndependentRidge", *METHODS), strict=True):
        rmse = comparison.methods.set_index("method").loc[method, "rmse"]
        assert row["measured"] == pytest.approx(rmse**2)
        assert row["measured"] == pytest.approx(row["predicted"], rel=0.12)
        assert row["low"] < row["predicted"] < row["high"]
    for errors in found["curves"]["n"]["errors"].values():
        assert (np.diff(errors) < 0.0).all()
    page = to_html(summarize(comparison))
    assert "Predicted error of each task alone, pooled and coupled" in page


def test_of_many_tasks_some_are_drawn_and_the_page_says_so():
    found = kinfolk.compare(*alike(300, 24, 3), task="task", methods=["PooledRidge"], cv=2)
    outlook = summarize_outlook(found)
    assert outlook["n_tasks"] == MOST_TASKS
    assert "estimated from 200 of the 300 tasks" in to_html(summarize(found))


def test_what_theory_doubts_is_said_and_nothing_drawn():
    X, y = alike(6, 8, 4)
    found = kinfolk.compare(X, y, task="task", methods=["PooledRidge"])
    doubts = summarize_outlook(found)["doubts"]
    assert "6 of 6 tasks have fewer than 10 rows." in doubts
    page = to_html(summarize(found))
    assert "It does not say anything here. 6 of 6 tasks have fewer than 10 rows." in page
    assert "Predicted error of each task" not in page


def test_tables_that_theory_is_not_for_have_their_reason(comparison):
    X, y, _ = comparison.data
    rng = np.random.default_rng(0)
    weighted = kinfolk.compare(X, y, task="task", methods=["PooledRidge"], sample_weight=rng.random(len(y)), cv=2)
    held = kinfolk.compare(X, y, task="task", methods=["PooledRidge"], cv=kinfolk.LeaveTasksOut(2, task="task"))
    data = make_shared_representation(n_tasks=4, n_samples=30, n_features=3, rank=1, random_state=0)
    wide = kinfolk.compare(data.X[["x0", "x1", "x2"]], rng.normal(size=(120, 3)), methods=["PooledRidge"])
    few = make_shared_classification(n_tasks=4, n_samples=40, n_features=3, rank=1, random_state=0)
    three = np.where(np.arange(160) % 3 == 0, "c", np.where(few.y > 0, "a", "b"))
    classes = kinfolk.compare(few.X, three, task="task", methods=["PooledLogistic"], cv=2)
    for one, reason in (
        (weighted, "weights"),
        (held, "Whole tasks"),
        (wide, "several responses"),
        (classes, "two classes"),
    ):
        (doubt,) = summarize_outlook(one)["doubts"]
        assert reason in doubt


def test_two_classes_are_predicted_by_their_rate_of_errors():
    X, score = alike(20, 40, 25)
    y = np.where(1.0 / (1.0 + np.exp(-3.0 * score)) > np.random.default_rng(1).random(len(score)), "yes", "no")
    found = summarize_outlook(kinfolk.compare(X, y, task="task", methods=["PooledLogistic"], cv=4))
    assert found["doubts"] == []
    assert found["metric"] == "rate of errors"
    alone, pooled, _ = found["ways"]
    for row in (alone, pooled):
        assert row["measured"] == pytest.approx(row["predicted"], abs=0.05)
