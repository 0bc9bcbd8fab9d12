"""The face of streams: tables in any form, labels, units, what is refused, what a file holds."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from kinfolk import InputError, TaskGraphTracker, UnseenTaskError, load_model, save_model
from kinfolk.datasets import make_clustered_tasks

ORDERED = {"check_sample_weight_equivalence_on_dense_data": "shuffles the rows, whose order counts in a stream"}


@parametrize_with_checks([TaskGraphTracker()], expected_failed_checks=lambda estimator: ORDERED)
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def stream():
    tasks = make_clustered_tasks(3, n_tasks=9, n_samples=200, n_features=12, spread=0.02, noise=2.0, random_state=0)
    order = tasks.X.groupby("task").cumcount().argsort(kind="stable")
    X = tasks.X.iloc[order].reset_index(drop=True)
    return X.assign(task="shop " + X["task"].astype(str)), tasks.y[order], tasks


def learned(stream, **options):
    X, y, _ = stream
    tracker = TaskGraphTracker(**({"task": "task"} | options))
    for begin in range(0, len(X), 90):
        tracker.partial_fit(X[begin : begin + 90], y[begin : begin + 90])
    return tracker


def test_models_come_near_the_truth_and_neighbours_are_of_the_same_cluster(stream):
    tracker, tasks = learned(stream), stream[2]
    assert tracker.n_estimates_ > 1
    error = ((tracker.coef_ - tasks.coef) ** 2).sum()
    alone = ((tracker.own_coef_ - tasks.coef) ** 2).sum()
    assert error < 0.9 * alone
    names = tracker.tasks_.tolist()
    for k, name in enumerate(names):
        near = tracker.neighbors(name)
        assert tasks.clusters[names.index(near.index[0])] == tasks.clusters[k]
    assert np.mean(tracker.transfer_gain_) > 0.0
    assert tracker.n_rows_.tolist() == [200] * 9


def test_predictions_are_those_of_the_coefficients_in_the_users_units(stream):
    X, y, _ = stream
    tracker = learned(stream)
    factors = np.tile([1.0, 100.0, 0.01, 5.0], 3)
    scaled, names = X.copy(), X.columns.drop("task")
    scaled[names] = scaled[names] * factors + 3.0
    other = TaskGraphTracker(task="task")
    for begin in range(0, len(X), 90):
        other.partial_fit(scaled[begin : begin + 90], 10.0 * y[begin : begin + 90] - 7.0)
    assert_allclose(other.coef_, 10.0 * tracker.coef_ / factors, rtol=1e-7, atol=1e-9)
    assert_allclose(other.predict(scaled), 10.0 * tracker.predict(X) - 7.0, rtol=1e-7, atol=1e-7)
    codes = np.array([tracker.tasks_.tolist().index(label) for label in X["task"]])
    by_hand = tracker.intercept_[codes] + (X.drop(columns="task").to_numpy() * tracker.coef_[codes]).sum(axis=1)
    assert_allclose(tracker.predict(X), by_hand)


def test_frames_of_any_kind_and_arrays_are_the_same(stream):
    X, y, _ = stream
    plain = TaskGraphTracker(task="task").fit(X, y).predict(X)
    frame = pl.DataFrame({name: X[name].to_numpy() for name in X})
    assert_allclose(TaskGraphTracker(task="task").fit(frame, y).predict(frame), plain)
    numbers = X.assign(task=X["task"].str[5:].astype(int)).to_numpy()
    assert_allclose(TaskGraphTracker(task=12).fit(numbers, y).predict(numbers), plain)


def test_own_models_do_not_depend_on_how_rows_are_cut_into_calls(stream):
    X, y, _ = stream
    one = TaskGraphTracker(task="task", standardize=False).fit(X, y)
    many = learned(stream, standardize=False)
    assert_allclose(one.own_coef_, many.own_coef_)


def test_weights_scale_steps_and_rows_of_weight_zero_are_left_out(stream):
    X, y, _ = stream
    weights = np.where(np.arange(len(y)) % 3 == 0, 0.0, 1.0)
    here = TaskGraphTracker(task="task").fit(X, y, weights)
    there = TaskGraphTracker(task="task").fit(X[weights > 0], y[weights > 0])
    assert_allclose(here.coef_, there.coef_)
    assert not np.allclose(here.coef_, TaskGraphTracker(task="task").fit(X, y, 0.5 * weights).coef_)


def test_tasks_may_come_later_and_unseen_ones_are_refused_or_predicted_by_the_population(stream):
    X, y, _ = stream
    late = (X["task"] == "shop 8").to_numpy()
    tracker = TaskGraphTracker(task="task").partial_fit(X[~late], y[~late])
    with pytest.raises(UnseenTaskError, match="shop 8"):
        tracker.predict(X)
    population = clone(tracker).set_params(unseen="population").partial_fit(X[~late], y[~late])
    features = X[late].drop(columns="task").to_numpy()
    expected = population.intercept_.mean() + features @ population.coef_.mean(axis=0)
    assert_allclose(population.predict(X[late]), expected)
    tracker.partial_fit(X[late], y[late])
    assert tracker.tasks_[-1] == "shop 8"
    for _ in range(3):
        tracker.partial_fit(X, y)
    assert len(tracker.neighbors("shop 8")) > 0


@pytest.mark.parametrize("mode", ["track", "diffusion", "independent", "consensus"])
def test_modes(stream, mode):
    tasks = stream[2]
    tracker = learned(stream, mode=mode)
    assert np.isfinite(tracker.coef_).all()
    if mode == "independent":
        assert_allclose(tracker.coef_, tracker.own_coef_)
        assert tracker.n_estimates_ == 0
    if mode == "consensus":
        assert_allclose(tracker.coef_, np.tile(tracker.coef_[0], (9, 1)))
    if mode == "diffusion":
        assert ((tracker.coef_ - tasks.coef) ** 2).sum() < ((tracker.own_coef_ - tasks.coef) ** 2).sum()


def test_a_given_graph_keeps_its_edges_and_learns_their_strength(stream):
    X, _, tasks = stream
    names = sorted(set(X["task"]))
    same = (tasks.clusters[:, None] == tasks.clusters).astype(float) - np.eye(9)
    graph = pd.DataFrame(same, names, names)
    tracker = learned(stream, graph=graph)
    found = tracker.graph_.toarray()
    assert_array_equal(found > 0, same > 0)
    assert_allclose(found[same > 0], found.max())
    again = learned(stream, graph=1000.0 * graph)
    assert_allclose(again.graph_.toarray(), found, rtol=1e-6)
    with pytest.raises(InputError, match="shop 3"):
        learned(stream, graph=graph.drop(index="shop 3"))


def test_two_classes_by_the_logistic_loss(stream):
    X, _, tasks = stream
    generator = np.random.default_rng(0)
    codes = X["task"].str[5:].astype(int).to_numpy()
    eta = (X.drop(columns="task").to_numpy() * tasks.coef[codes]).sum(axis=1)
    y = np.where(generator.random(len(eta)) < 1.0 / (1.0 + np.exp(-eta)), "yes", "no")
    tracker = TaskGraphTracker(task="task", loss="logistic").fit(X, y)
    probability = tracker.predict_proba(X)
    assert_allclose(probability.sum(axis=1), 1.0)
    assert_array_equal(tracker.predict(X), tracker.classes_[probability.argmax(axis=1)])
    assert tracker.score(X, y) > np.mean((eta > 0) == (y == "yes")) - 0.06
    assert not hasattr(TaskGraphTracker(), "predict_proba")
    with pytest.raises(InputError, match="maybe"):
        tracker.partial_fit(X[:3], ["yes", "maybe", "no"])
    with pytest.raises(InputError, match="two classes"):
        TaskGraphTracker(task="task", loss="logistic").fit(X[:3], ["a", "b", "c"])


def test_a_change_is_listed_with_its_task_and_row(stream):
    X, y, _ = stream
    tracker = learned(stream)
    moved = y + np.where(X["task"] == "shop 2", 30.0 * X["x1"], 0.0)
    for begin in range(0, len(X), 90):
        tracker.partial_fit(X[begin : begin + 90], moved[begin : begin + 90])
    assert tracker.changes_["task"].tolist() == ["shop 2"]
    assert 200 < tracker.changes_["row"][0] < 300


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_saved_tracker_goes_on_as_if_nothing_had_happened(stream, tmp_path, loss):
    X, y, _ = stream
    y = y if loss == "squared" else y > np.median(y)
    tracker = TaskGraphTracker(task="task", loss=loss).partial_fit(X[:1200], y[:1200])
    save_model(tracker, tmp_path / "stream.kin")
    again = load_model(tmp_path / "stream.kin")
    assert_array_equal(again.predict(X), tracker.predict(X))
    for each in (tracker, again):
        each.partial_fit(X[1200:], y[1200:])
    assert_array_equal(again.coef_, tracker.coef_)
    assert_allclose(again.graph_.toarray(), tracker.graph_.toarray())
    assert again.changes_.equals(tracker.changes_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "follow"}, "mode must be one of"),
        ({"loss": "hinge"}, "loss must be"),
        ({"step": 0.0}, "step must be"),
        ({"step": 1.5}, "step must be"),
        ({"n_neighbors": 0}, "n_neighbors must be"),
        ({"unseen": "guess"}, "unseen must be"),
    ],
)
def test_parameters_are_checked(stream, options, message):
    X, y, _ = stream
    with pytest.raises(InputError, match=message):
        TaskGraphTracker(task="task", **options).fit(X, y)


def test_a_refused_call_changes_nothing(stream):
    X, y, _ = stream
    tracker = learned(stream)
    before = tracker.coef_.copy()
    bad = y[:90].copy()
    bad[4] = np.nan
    with pytest.raises(InputError, match="row 4"):
        tracker.partial_fit(X[:90], bad)
    with pytest.raises(InputError):
        tracker.partial_fit(X[:90].assign(task=1), y[:90])
    assert_array_equal(tracker.coef_, before)
    with pytest.raises(InputError, match="not one of them"):
        tracker.neighbors("shop 99")


def test_awkward_streams(stream):
    """One row, constant columns, one task, more features than rows, exact rows: finite and no complaint."""
    X, y, _ = stream
    one = TaskGraphTracker(task="task").fit(X[:1], y[:1])
    assert np.isfinite(one.predict(X[:1])).all()
    constant = X.assign(x1=3.0)
    assert np.isfinite(TaskGraphTracker(task="task").fit(constant, y).coef_).all()
    alone = TaskGraphTracker().fit(X.drop(columns="task"), y)
    assert alone.coef_.shape == (1, 12)
    generator = np.random.default_rng(0)
    wide = generator.normal(size=(40, 60))
    codes = np.repeat(np.arange(8), 5)
    table = np.column_stack((codes, wide))
    assert np.isfinite(TaskGraphTracker(task=0).fit(table, wide[:, 0]).coef_).all()
    exact = TaskGraphTracker(task="task").fit(X, X["x0"] + 1.0)
    assert_allclose(exact.coef_[:, 0], 1.0, atol=0.1)
    assert np.isfinite(TaskGraphTracker(task="task").fit(X, np.zeros(len(X))).predict(X)).all()
