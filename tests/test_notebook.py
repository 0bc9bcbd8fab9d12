"""What a notebook shows of estimators: scikit-learn's diagram, and below it what was learned, escaped."""

import copy
import html
import pickle
import re

import numpy as np
import pytest
from sklearn import set_config
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import kinfolk
from kinfolk.base.description import describe
from kinfolk.datasets import make_shared_classification, make_shared_representation

NASTY = "<img src=x onerror=alert('1')>"


@pytest.fixture(scope="module")
def made():
    tasks = make_shared_representation(n_tasks=6, n_samples=15, n_features=4, rank=2, random_state=0)
    return tasks.X.assign(task=[NASTY if t == 0 else f"s{t}" for t in tasks.X["task"]]).rename(
        columns={"x0": "<i>"}
    ), tasks.y


def shown(model):
    bundle = model._repr_mimebundle_()
    assert bundle["text/plain"] == repr(model)
    parts = model._repr_html_().split("<table class='kinfolk-fitted'")
    assert len(parts) == bundle["text/html"].count("kinfolk-fitted") + 1
    return parts


@pytest.mark.parametrize("kind", kinfolk.all_estimators())
def test_a_fitted_regressor_shows_what_it_learned_with_labels_escaped(made, kind):
    model = kind(task="task")
    assert len(shown(model)) == 1
    model.fit(*made)
    diagram, table = shown(model)
    assert "sk-estimator" in diagram
    assert "<img" not in table
    assert "<i>" not in table
    rows = dict(re.findall(r"<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td>", table))
    assert rows["tasks"].startswith("6: &lt;img src=x onerror=alert(&#x27;1&#x27;)&gt;, s1")
    assert rows["rows"] == "90"
    assert rows["features"].startswith("4: &lt;i&gt;")
    assert rows.keys() == describe(model).keys()


def test_unfitted_and_cloned_show_the_diagram_alone_and_copies_do_not_forget(made):
    model = kinfolk.PartialPoolingRegressor(task="task").fit(*made)
    assert len(shown(clone(model))) == 1
    for same in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert describe(same) == describe(model)


def test_a_fit_that_failed_can_be_shown(made):
    model = kinfolk.PartialPoolingRegressor(task="task", covariance="no")
    with pytest.raises(kinfolk.InputError):
        model.fit(*made)
    assert len(shown(model)) == 1


def test_text_display_is_kept(made):
    model = kinfolk.PooledRidge(task="task").fit(*made)
    set_config(display="text")
    try:
        assert not hasattr(model, "_repr_html_")
        assert model._repr_mimebundle_() == {"text/plain": repr(model)}
    finally:
        set_config(display="diagram")
    assert hasattr(model, "_repr_html_")


def test_a_task_learned_later_is_counted_and_rows_are_not_guessed(made):
    X, y = made
    known = (X["task"] != "s5").to_numpy()
    model = kinfolk.PartialPoolingRegressor(task="task").fit(X[known], y[known]).adapt(X[~known], y[~known])
    found = describe(model)
    assert found["tasks"].startswith("6: ")
    assert "rows" not in found


def test_classifiers_guards_and_wide_models_too(made):
    data = make_shared_classification(n_tasks=4, n_samples=30, n_features=3, rank=1, random_state=0)
    classifier = kinfolk.PooledLogistic(task="task").fit(data.X, np.where(data.y > 0, "<yes>", "no"))
    assert "2: &lt;yes&gt;, no" in shown(classifier)[1]
    guard = kinfolk.GuardedRegressor(["PooledRidge"], task="task", cv=2).fit(*made)
    assert "PooledRidge" in shown(guard)[1]
    X = np.random.default_rng(0).normal(size=(30, 3))
    wide = kinfolk.ReducedRankRegressor().fit(X, X @ np.ones((3, 4)))
    assert ">4: 0, 1, 2, 3<" in shown(wide)[1]
    assert "sk-estimator" in make_pipeline(classifier)._repr_html_()


def test_a_tracker_shows_its_rows_and_edges(made, tmp_path):
    tracker = kinfolk.TaskGraphTracker(task="task")
    assert len(shown(tracker)) == 1
    for _ in range(4):
        tracker.partial_fit(*made)
    found = describe(tracker)
    assert found["rows"] == "360"
    assert found["edges"].startswith(f"{tracker.graph_.nnz // 2:,}")
    assert "&lt;i&gt;" in shown(tracker)[1]
    kinfolk.save_model(tracker, tmp_path / "m.kin")
    assert describe(kinfolk.load_model(tmp_path / "m.kin")) == found


def test_a_comparison_marks_the_recommended_method_and_says_gains_in_percents(made):
    found = kinfolk.compare(*made, task="task", methods={"<i>pooled</i>": kinfolk.PooledRidge()})
    page = found._repr_html_()
    (row,) = re.findall(r"<tr style='font-weight: bold'><td>(.*?)</td>", page)
    assert html.unescape(row) == found.recommended
    record = found.methods.set_index("method").loc["<i>pooled</i>"]
    assert f"<td>{record['gain']:+.1%} ± {record['gain_se']:.1%}</td>" in page
    assert "<i>" not in page
    assert page.count("baseline</td>") == 1
