"""The phenomenon: tasks together learn the feature that they share, a task alone memorises noise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from kinfolk import InputError, SharedFeatureClassifier
from kinfolk.nets import benefit_ratio, feature_learning, make_shared_feature_tasks


def fitted(n_tasks, seed, sizes=(), **overrides):
    tasks = make_shared_feature_tasks(n_tasks, random_state=seed, **dict(sizes))
    monitor = feature_learning(tasks, tasks.sample(max(50, 600 // n_tasks), random_state=1000 + seed))
    parameters = {"log_every": 50, "random_state": seed} | overrides
    return tasks, SharedFeatureClassifier.theory(task="task", monitor=monitor, **parameters).fit(tasks.X, tasks.y)


@pytest.fixture(scope="module")
def pairs():
    """One task and sixteen, three seeds."""
    return [(fitted(1, seed), fitted(16, seed)) for seed in range(3)]


def test_together_tasks_learn_what_one_alone_does_not(pairs):
    for (_, alone), (_, together) in pairs:
        alone, together = alone.history_.iloc[-1], together.history_.iloc[-1]
        assert alone["test_accuracy"] <= 0.72
        assert alone["accuracy"] >= 0.93
        assert alone["shared"] < 0.3
        assert alone["noise_shared_rows"] > 2
        assert together["test_accuracy"] >= 0.95
        assert together["shared"] > 3
        assert together["noise_shared_rows"] < 1
    assert np.mean([pair[0][1].history_["test_accuracy"].iloc[-1] for pair in pairs]) <= 0.7


def test_specific_features_come_first_then_the_shared_one(pairs):
    for (_, alone), (_, together) in pairs:
        for history in (alone.history_, together.history_):
            assert history.loc[history["specific_mean"] > 2, "iteration"].iloc[0] <= 200
        first = together.history_
        assert first.loc[first["shared"] > 2, "iteration"].iloc[0] > 50
        assert (alone.history_["test_accuracy_specific"].iloc[-1]) > 0.95


def test_few_labels_of_a_new_task_suffice_on_features_of_many(pairs):
    together, alone = [], []
    for seed, ((_, one), (tasks, many)) in enumerate(pairs):
        few, test = tasks.unseen_task(10, random_state=50 + seed), None
        test = few.sample(500, random_state=60 + seed)
        test.X["task"] = few.X["task"].iloc[0]
        together.append(many.adapt(few.X, few.y).score(test.X, test.y))
        alone.append(one.adapt(few.X, few.y).score(test.X, test.y))
    assert min(together) >= 0.8
    assert np.mean(alone) <= 0.6


def test_without_a_shared_feature_nobody_is_hurt():
    for n_tasks in (1, 10):
        history = fitted(n_tasks, 0, {"shared_probability": 0.0})[1].history_
        assert history["test_accuracy"].iloc[-1] >= 0.99


def test_the_transition_is_where_the_benefit_ratio_says():
    """Shared features are not learned at R = 1 and are at R = 6."""
    assert 0.9 < benefit_ratio(2, 30).shared < 1 < 5.8 < benefit_ratio(12, 30).shared < 6
    few, many = (
        [fitted(n_tasks, seed, log_every=1000)[1].history_["test_accuracy_shared"].iloc[-1] for seed in range(3)]
        for n_tasks in (2, 12)
    )
    assert np.mean(few) < 0.65
    assert np.mean(many) > 0.9


def test_with_plain_relu_a_task_alone_needs_no_help():
    """The gap needs a power above two: the theory's q = 3 is not an accident."""
    history = fitted(1, 0, activation_power=1, max_iter=300)[1].history_
    assert history["test_accuracy"].iloc[-1] > 0.95


def test_one_task_is_a_single_task():
    tasks = make_shared_feature_tasks(1, random_state=0)
    for head in ("shared", "per_task", "shared+specific"):
        labelled = SharedFeatureClassifier.theory(task="task", head=head, max_iter=50).fit(tasks.X, tasks.y)
        plain = SharedFeatureClassifier.theory(max_iter=50).fit(tasks.patches, tasks.y)
        assert_array_equal(labelled.decision_function(tasks.X), plain.decision_function(tasks.patches))


def test_names_and_order_of_tasks_change_nothing():
    tasks = make_shared_feature_tasks(5, 20, 50, random_state=0)
    one = SharedFeatureClassifier.theory(task="task", dtype="float64", max_iter=100).fit(tasks.X, tasks.y)
    order = np.random.default_rng(0).permutation(len(tasks.y))
    X = tasks.X.iloc[order].assign(task=lambda frame: "t" + (9 - frame["task"]).astype(str))
    other = SharedFeatureClassifier.theory(task="task", dtype="float64", max_iter=100).fit(X, tasks.y[order])
    assert_allclose(other.decision_function(X), one.decision_function(tasks.X.iloc[order]), rtol=1e-6)


@pytest.mark.parametrize("factor", [100, 1000])
def test_a_step_that_is_far_too_large_ends_finite(factor):
    tasks, net = fitted(16, 0, learning_rate=0.4 * factor)
    assert net.learning_rate_ == 0.4 * factor if factor == 100 else net.learning_rate_ < 0.4 * factor
    assert np.isfinite(net.history_.to_numpy()).all()
    assert np.isfinite(net.predict_proba(tasks.X)).all()
    assert net.score(tasks.X, tasks.y) > 0.9


def test_a_hopeless_step_says_so_and_keeps_what_was_there():
    tasks = make_shared_feature_tasks(16, random_state=0)
    net = SharedFeatureClassifier.theory(task="task", learning_rate=1e9)
    with pytest.warns(ConvergenceWarning, match=r"halved 5 times.*Take a learning rate below 3.1e\+07"):
        net.fit(tasks.X, tasks.y)
    assert np.isfinite(net.predict_proba(tasks.X)).all()


def test_values_that_are_too_large_for_the_start_are_refused():
    tasks = make_shared_feature_tasks(2, 5, 10, random_state=0)
    huge = tasks.X.assign(x0=1e30)
    with pytest.raises(InputError, match=r"not finite at the start.*Keep standardize=True"):
        SharedFeatureClassifier.theory(task="task").fit(huge, tasks.y)
