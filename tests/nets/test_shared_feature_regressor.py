"""The regressor keeps what every regressor of kinfolk keeps, as far as a net has it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import parametrize_with_checks

import kinfolk
from kinfolk import InputError, SharedFeatureRegressor
from kinfolk.datasets import make_shared_representation

FAST = {"max_iter": 100, "n_filters": 12, "learning_rate": 0.03}


def net(**parameters):
    return SharedFeatureRegressor(**{"task": "task"} | FAST | parameters)


@parametrize_with_checks([SharedFeatureRegressor(**FAST)])
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    return make_shared_representation(n_tasks=8, n_samples=30, n_features=4, rank=1, noise=0.3, random_state=0)


@pytest.mark.parametrize("head", ["auto", "shared", "per_task", "shared+specific"])
def test_heads_follow_their_tasks(head, data):
    model = net(head=head).fit(data.X, data.y)
    assert model.heads_.shape == (8, 1, 13)
    score = model.score(data.X, data.y)
    assert score > 0.8 if head != "shared" else score < 0.6
    assert_allclose(model.history_["r2"].iloc[-1], score, rtol=1e-9)


def test_units_of_y_change_nothing_but_the_predictions(data):
    predicted = net().fit(data.X, data.y).predict(data.X)
    other = net().fit(data.X, 10 * data.y + 1e4).predict(data.X)
    assert_allclose(other, 10 * predicted + 1e4, rtol=1e-6)


def test_wide_data_is_a_task_a_response(data):
    generator = np.random.default_rng(0)
    X = generator.standard_normal((60, 3))
    Y = np.maximum(X @ generator.standard_normal((3, 1)), 0) * [1.0, -2.0, 3.0] + [0.0, 5.0, 0.0]
    Y[::7, 1] = np.nan
    model = net(task=None, max_iter=300).fit(X, Y)
    assert model.predict(X).shape == (60, 3)
    assert model.score(X, Y) > 0.95
    there = ~np.isnan(Y)
    stacked = kinfolk.stack_tasks({t: (X[there[:, t]], Y[there[:, t], t]) for t in range(3)})
    long = net(max_iter=300).fit(*stacked)
    assert_allclose(long.heads_, model.heads_, rtol=1e-4, atol=1e-6)
    assert net(task=None, early_stopping=True).fit(X, Y).score(X, Y) > 0.5


def test_adapt_weights_files_and_compare(data, tmp_path):
    known = (data.X["task"] < 6).to_numpy()
    model = net().fit(data.X[known], data.y[known])
    adapted = model.adapt(data.X[~known], data.y[~known])
    assert_array_equal(adapted.predict(data.X[known]), model.predict(data.X[known]))
    assert adapted.score(data.X[~known], data.y[~known]) > 0.5
    tuned = model.adapt(data.X[~known], data.y[~known], mode="finetune")
    assert tuned.score(data.X[~known], data.y[~known]) > 0.8
    kinfolk.save_model(adapted, tmp_path / "net.kin")
    again = kinfolk.load_model(tmp_path / "net.kin")
    assert_array_equal(again.predict(data.X), adapted.predict(data.X))
    weights = np.where(data.X["task"] == 5, 0.0, np.where(data.X["x0"] > 0, 2.0, 1.0))
    copies = np.repeat(np.arange(len(weights)), weights.astype(int))
    weighted = net().fit(data.X, data.y, sample_weight=weights)
    repeated = net().fit(data.X.iloc[copies], data.y[copies])
    assert_allclose(weighted.heads_, repeated.heads_, rtol=1e-5, atol=1e-8)
    found = kinfolk.compare(data.X, data.y, task="task", methods=[net()], cv=3)
    assert not found.failures
    with pytest.raises(InputError, match="1d array"):
        net().fit(data.X, np.column_stack((data.y, data.y)))


def test_without_torch_other_encoders_say_what_to_install(data):
    try:
        import torch  # noqa: F401
    except ImportError:
        with pytest.raises(kinfolk.MissingExtraError, match=r'pip install "kinfolk\[nets\]"'):
            net(encoder="mlp").fit(data.X, data.y)
    else:
        assert net(encoder="mlp").fit(data.X, data.y).score(data.X, data.y) > 0.5
