"""Rules make the direction that their paper says, of the length of equal weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError, SharedFeatureClassifier
from kinfolk.nets import make_shared_feature_tasks
from kinfolk.nets.steps import Adam
from kinfolk.nets.weighting import WEIGHTINGS, make_rule, matched

LOSSES = np.array([0.2, 0.5, 1.4])
NATIVE = [name for name in WEIGHTINGS if name != "equal"]


def gradients(n_tasks=3, size=40):
    return np.random.default_rng(0).standard_normal((n_tasks, size))


def rule(name, n_tasks=3):
    return make_rule(name, n_tasks, np.random.default_rng(0))


@pytest.fixture(scope="module")
def tasks():
    return make_shared_feature_tasks(6, 20, 60, noise=2.0, random_state=0)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_twenty_steps_lower_the_loss(weighting, optimizer, tasks):
    rate = {"gd": 2.0, "adam": 0.01}[optimizer]
    net = SharedFeatureClassifier(
        n_patches=2, task="task", weighting=weighting, optimizer=optimizer, learning_rate=rate, max_iter=20
    ).fit(tasks.X, tasks.y)
    assert net.history_["loss"].iloc[-1] < 0.9 * net.history_["loss"].iloc[0]


@pytest.mark.parametrize("weighting", NATIVE)
def test_all_learn_the_shared_feature(weighting):
    tasks = make_shared_feature_tasks(12, 30, 100, noise=3.0, random_state=0)
    net = SharedFeatureClassifier.theory(task="task", weighting=weighting, learning_rate=1.0, max_iter=300)
    test = tasks.sample(50, random_state=1)
    assert net.fit(tasks.X, tasks.y).score(test.X, test.y) > 0.9


def test_of_equal_tasks_all_rules_make_the_same_step():
    same = np.tile(gradients(1), (3, 1))
    for name in ("uncertainty", "dwa", "rlw", "gls", "pcgrad", "gradnorm"):
        direction = matched(rule(name)(np.full(3, 0.7), same), same.sum(axis=0))
        assert_allclose(direction, same.sum(axis=0), err_msg=name)


def test_steps_are_as_long_as_those_of_equal_weights():
    direction = matched(rule("rlw")(LOSSES, gradients()), gradients().sum(axis=0))
    assert_allclose(np.linalg.norm(direction), np.linalg.norm(gradients().sum(axis=0)))
    assert_allclose(matched(np.zeros(4), np.ones(4)), 0)


def test_gls_descends_on_the_geometric_mean():
    slope = np.linalg.lstsq(gradients(), rule("gls")(LOSSES, gradients()) @ gradients().T, rcond=None)[0]
    move = 1e-6 * slope
    change = np.prod(LOSSES + gradients() @ move) ** (1 / 3) - np.prod(LOSSES) ** (1 / 3)
    assert_allclose(change, rule("gls")(LOSSES, gradients()) @ move, rtol=1e-4)


def test_pcgrad_leaves_tasks_that_agree_and_projects_those_that_do_not():
    agreeing = np.abs(gradients())
    assert_allclose(rule("pcgrad")(LOSSES, agreeing), agreeing.sum(axis=0))
    g = np.array([[1.0, 0.0], [-1.0, 1.0]])
    first = g[0] - (g[0] @ g[1]) / (g[1] @ g[1]) * g[1]
    second = g[1] - (g[1] @ g[0]) / (g[0] @ g[0]) * g[0]
    direction = rule("pcgrad", 2)(LOSSES[:2], g)
    assert_allclose(direction, first + second)
    assert (g @ direction >= 0).all()


def test_uncertainty_settles_where_the_variance_is_twice_the_loss():
    weigh = rule("uncertainty")
    for _ in range(3000):
        direction = weigh(LOSSES, np.eye(3))
    assert_allclose(direction, 1 / (2 * LOSSES), rtol=1e-3)


def test_dwa_favours_losses_that_fall_slowly():
    weigh = rule("dwa")
    weigh(np.ones(3), np.eye(3))
    weigh(np.array([0.2, 0.5, 1.0]), np.eye(3))
    weights = weigh(np.array([0.2, 0.5, 1.0]), np.eye(3))
    assert_allclose(weights.sum(), 3)
    assert (np.diff(weights) > 0).all()


def test_gradnorm_balances_gradients_of_unequal_size():
    weigh, g = rule("gradnorm"), np.diag([1.0, 4.0, 10.0])
    for _ in range(3000):
        direction = weigh(LOSSES, g)
    assert_allclose(direction, direction.mean(), rtol=0.15)


def test_adatask_is_adam_for_one_task():
    weigh, adam = rule("adatask", 1), Adam()
    for seed in range(5):
        g = np.random.default_rng(seed).standard_normal((1, 7))
        assert_allclose(weigh(LOSSES[:1], g), adam(g[0]))
    with_adam = [
        SharedFeatureClassifier(weighting=name, max_iter=20).fit(*one_task()).filters_ for name in ("equal", "adatask")
    ]
    assert_allclose(with_adam[1], with_adam[0], rtol=1e-6, atol=1e-9)


def one_task():
    generator = np.random.default_rng(0)
    X = generator.standard_normal((50, 3))
    return X, (X[:, 0] > 0).astype(int)


def test_a_function_is_a_rule_and_other_things_are_not(tasks):
    def first_task_only(losses, gradients):
        assert len(losses) == len(gradients) == 6
        return gradients[0]

    net = SharedFeatureClassifier.theory(task="task", weighting=first_task_only, max_iter=20)
    assert net.fit(tasks.X, tasks.y).history_["loss"].notna().all()
    for wrong in ("mgda", 3):
        with pytest.raises(InputError, match="weighting must be one of 'equal', 'uncertainty'"):
            SharedFeatureClassifier(task="task", weighting=wrong).fit(tasks.X, tasks.y)
