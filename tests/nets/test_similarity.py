"""Linear CKA: what leaves it as it is, and what it is of features that are known."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError, SharedFeatureClassifier
from kinfolk.nets import linear_cka, make_shared_feature_tasks


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def rotation(seed, d):
    return np.linalg.qr(normal(seed, d, d))[0]


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize(("n", "d"), [(40, 7), (12, 30)])
def test_rotation_scale_and_shift_change_nothing_and_the_order_of_the_two_neither(n, d, debiased):
    X, Y = normal(0, n, d), normal(1, n, 5) + normal(0, n, d)[:, :5]
    turned = -1e-7 * X @ rotation(2, d) + 3
    assert_allclose(linear_cka(X, X, debiased=debiased), 1, rtol=1e-12)
    assert_allclose(linear_cka(X, turned, debiased=debiased), 1, rtol=1e-7)
    found = linear_cka(X, Y, debiased=debiased)
    assert -1 < found < 1 - 1e-3
    assert_allclose(linear_cka(Y, X, debiased=debiased), found, rtol=1e-12)
    assert_allclose(linear_cka(turned, Y, debiased=debiased), found, rtol=1e-6)
    assert_allclose(linear_cka(X, np.hstack((Y, np.zeros((n, 400)))), debiased=debiased), found, rtol=1e-12)


def test_other_linear_maps_change_it():
    X, scales = normal(0, 4000, 4), np.array([1, 1, 1, 5])
    expected = np.sum(scales**2) / np.sqrt(4 * np.sum(scales**4.0))  # of white columns
    assert_allclose(linear_cka(X, X * scales), expected, rtol=0.03)


def test_it_is_between_zero_and_one():
    for seed in range(20):
        n, d, e = np.random.default_rng(seed).integers((2, 1, 1), (20, 30, 30))
        assert 0 <= linear_cka(normal(seed, n, d), normal(seed + 100, n, e)) <= 1
    one, two = np.array([[1.0], [1], [-1], [-1]]), np.array([[1.0], [-1], [1], [-1]])
    assert linear_cka(one, two) == 0


def test_of_one_column_each_it_is_the_squared_correlation():
    x, y = normal(0, 30, 1), normal(1, 30, 1) + normal(0, 30, 1)
    assert_allclose(linear_cka(x, y), np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2)


def test_few_rows_make_independent_features_look_alike_unless_it_is_debiased():
    n, d = 60, 40
    pairs = [(normal(2 * seed, n, d), normal(2 * seed + 1, n, d)) for seed in range(40)]
    assert_allclose(np.mean([linear_cka(*pair) for pair in pairs]), d / (n + d), rtol=0.03)
    found = [linear_cka(*pair, debiased=True) for pair in pairs]
    assert abs(np.mean(found)) < 4 * np.std(found) / 40**0.5
    assert min(found) < 0


def test_debiased_terms_are_inner_products_of_u_centred_matrices():
    X, Y = normal(0, 15, 4) + 5, normal(1, 15, 6) + normal(0, 15, 1)
    n = len(X)

    def u_centred(K):  # Szekely and Rizzo (2014): rows of the off-diagonal part have mean zero
        K = K - np.diag(np.diag(K))
        rows = K.sum(axis=1) / (n - 2)
        K = K - rows[:, None] - rows[None] + K.sum() / ((n - 1) * (n - 2))
        return K - np.diag(np.diag(K))

    A, B = u_centred(X @ X.T), u_centred(Y @ Y.T)
    expected = np.sum(A * B) / np.sqrt(np.sum(A * A) * np.sum(B * B))
    assert_allclose(linear_cka(X, Y, debiased=True), expected)


def test_nets_of_many_tasks_agree_on_what_they_share_and_nets_of_one_do_not():
    tasks = make_shared_feature_tasks(n_tasks=16, n_samples=30, patch_dim=100, noise=3, random_state=1)
    rows = tasks.sample(40, random_state=2)
    shared = rows.X[rows.is_shared].assign(task=0)

    def features(seed, n_tasks):
        fitted = (tasks.X["task"] < n_tasks).to_numpy()
        net = SharedFeatureClassifier.theory(task="task", random_state=seed).fit(tasks.X[fitted], tasks.y[fitted])
        return net.transform(shared)

    assert linear_cka(features(0, 16), features(1, 16)) > 0.9
    assert linear_cka(features(0, 1), features(1, 1)) < 0.5


def test_what_cannot_be_compared_is_refused():
    X = normal(0, 5, 2)
    with pytest.raises(InputError, match="same rows, at least 2; got 5 and 4"):
        linear_cka(X, X[:4])
    with pytest.raises(InputError, match="same rows, at least 4; got 3 and 3"):
        linear_cka(X[:3], X[:3], debiased=True)
    with pytest.raises(InputError, match="other are the same in all rows"):
        linear_cka(X, np.full((5, 3), 0.1))
    with pytest.raises(InputError, match="features"):
        linear_cka(pd.DataFrame({"a": [1.0, np.nan]}), X[:2])
