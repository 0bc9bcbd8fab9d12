"""A fit that goes on: in steps of gradient descent it ends where one long fit ends."""

from importlib.util import find_spec

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

import kinfolk
from kinfolk import InputError, SharedFeatureClassifier, SharedFeatureRegressor
from kinfolk.datasets import make_shared_classification
from kinfolk.nets.heads import KINDS

NET = {"task": "task", "n_filters": 6, "optimizer": "gd", "learning_rate": 0.05, "max_iter": 20, "warm_start": True}
STILL = {"learning_rate": 1e-12, "max_iter": 1}
IN_TORCH = pytest.param("mlp", marks=pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is not installed"))


@pytest.fixture(scope="module")
def data():
    return make_shared_classification(n_tasks=4, n_samples=20, n_features=3, rank=1, random_state=0)


def same(one, other, tolerance=1e-9):
    assert_array_equal(one.tasks_, other.tasks_)
    assert_allclose(one.heads_, other.heads_, rtol=0, atol=tolerance)
    for name, value in one.encoder_.items():
        assert_allclose(value, other.encoder_[name], rtol=0, atol=tolerance)


@pytest.mark.parametrize("encoder", ["patch", IN_TORCH])
@pytest.mark.parametrize("head", KINDS)
@pytest.mark.parametrize("estimator", [SharedFeatureClassifier, SharedFeatureRegressor])
def test_twice_twenty_steps_are_forty(estimator, head, encoder, data):
    parameters = NET | {"head": head, "encoder": encoder, "dtype": "float64"}
    twice = estimator(**parameters).fit(data.X, data.y)
    first = twice.heads_.copy()
    assert twice.fit(data.X, data.y) is twice
    same(twice, estimator(**parameters).set_params(max_iter=40).fit(data.X, data.y))
    assert np.abs(twice.heads_ - first).max() > 1e-3
    begun = estimator(**parameters).set_params(warm_start=False).fit(data.X, data.y)
    assert_array_equal(begun.fit(data.X, data.y).heads_, first)
    assert_array_equal(clone(twice).fit(data.X, data.y).heads_, first)


@pytest.mark.parametrize("head", KINDS)
def test_units_and_heads_stay_and_new_tasks_begin_with_the_common_head(head, data):
    known = (data.X["task"] < 3).to_numpy()
    model = SharedFeatureClassifier(head=head, **NET).fit(data.X[known], data.y[known])
    rows = (data.X["task"] > 0).to_numpy()
    before, common = model.decision_function(data.X[rows & known]), model.population_head_
    shifted = data.X[rows].assign(x0=10 * data.X["x0"][rows] + 3)  # other units, if they were taken anew
    model.set_params(**STILL).fit(shifted, data.y[rows])
    assert_array_equal(model.tasks_, [1, 2, 3])
    assert_allclose(model.decision_function(data.X[rows & known]), before, atol=1e-6)
    if head != "per_task":
        assert_allclose(model.heads_[2], common, atol=1e-6)


def test_it_goes_on_from_a_file_and_from_adapted_tasks(data, tmp_path):
    known = (data.X["task"] < 3).to_numpy()
    model = SharedFeatureClassifier(**NET).fit(data.X[known], data.y[known]).adapt(data.X[~known], data.y[~known])
    kinfolk.save_model(model, tmp_path / "net.kin")
    loaded = kinfolk.load_model(tmp_path / "net.kin").fit(data.X, data.y)
    assert_array_equal(loaded.heads_, model.fit(data.X, data.y).heads_)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("columns", lambda model, X, y: (model, X.rename(columns={"x0": "height"}), y)),
        ("classes", lambda model, X, y: (model, X, y + 1)),
        ("kind of heads", lambda model, X, y: (model.set_params(head="shared"), X, y)),
        ("encoder", lambda model, X, y: (model.set_params(n_filters=7), X, y)),
    ],
)
def test_other_shapes_are_refused_and_the_fitted_net_stays(what, change, data):
    model = SharedFeatureClassifier(**NET).fit(data.X, data.y)
    before = model.predict(data.X)
    changed, X, y = change(model, data.X, data.y)
    for _ in range(2):
        with pytest.raises(InputError, match=f"goes on from the last weights, and these are of other {what}. Set warm"):
            changed.fit(X, y)
    assert_array_equal(model.set_params(n_filters=6, head="auto").predict(data.X), before)
    fewer = data.X[:40]
    with pytest.raises(InputError):
        model.fit(fewer, data.y)
    assert_array_equal(model.predict(data.X), before)
