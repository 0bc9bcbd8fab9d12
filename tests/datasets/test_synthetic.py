"""Synthetic tasks and their truth."""

import numpy as np
import pytest

from kinfolk.datasets import make_clustered_tasks, make_shared_representation, make_unrelated_tasks
from kinfolk.exceptions import InputError
from kinfolk.validation import check_table

MAKERS = [make_shared_representation, make_unrelated_tasks, make_clustered_tasks]


@pytest.mark.parametrize("make", MAKERS)
def test_rows_are_exactly_linear_without_noise(make):
    tasks = make(
        n_tasks=6,
        n_samples=[3, 1, 4, 2, 5, 9],
        n_features=7,
        noise=0,
        intercept=2,
        task_mean=True,
        random_state=1,
    )
    table = check_table(tasks.X, task="task")
    assert table.task_position == 7
    assert np.bincount(table.labels).tolist() == [3, 1, 4, 2, 5, 9]
    predicted = np.einsum("nd,nd->n", table.features, tasks.coef[table.labels]) + tasks.intercept[table.labels]
    np.testing.assert_allclose(tasks.y, predicted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_fixes_everything(make):
    first, second, other = (
        make(n_samples=3, random_state=4),
        make(n_samples=3, random_state=4),
        make(n_samples=3, random_state=5),
    )
    assert first.X.equals(second.X)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(first.coef, other.coef)


def test_w1_is_the_default():
    tasks = make_shared_representation(random_state=0)
    assert tasks.X.shape == (5000, 101)
    assert tasks.X["task"].value_counts().eq(50).all()
    basis = tasks.representation
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(tasks.coef @ basis @ basis.T, tasks.coef, atol=1e-12)
    assert np.linalg.matrix_rank(tasks.coef) == 5
    np.testing.assert_allclose((tasks.coef**2).sum(axis=1).mean(), 5, rtol=0.25)
    assert not tasks.intercept.any()
    assert not tasks.feature_means.any()
    features = tasks.X.drop(columns="task").to_numpy()
    np.testing.assert_allclose([features.mean(), features.std()], [0, 1], atol=0.01)
    residual = tasks.y - np.einsum("nd,nd->n", features, tasks.coef[tasks.X["task"]])
    np.testing.assert_allclose(residual.std(), 1, rtol=0.05)


def test_unrelated_tasks_have_the_stated_signal_and_no_common_direction():
    tasks = make_unrelated_tasks(n_tasks=2000, n_samples=1, n_features=20, signal=3.0, random_state=0)
    np.testing.assert_allclose((tasks.coef**2).sum(axis=1).mean(), 3, rtol=0.05)
    values = np.linalg.svd(tasks.coef, compute_uv=False)
    assert values[0] / values[-1] < 1.4


def test_clusters_are_tight():
    tasks = make_clustered_tasks(3, n_tasks=300, n_samples=1, n_features=50, spread=0.2, signal=4.0, random_state=0)
    centres = np.array([tasks.coef[tasks.clusters == c].mean(axis=0) for c in range(3)])
    within = ((tasks.coef - centres[tasks.clusters]) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(within, 0.2**2 * 4, rtol=0.05)
    np.testing.assert_allclose((centres**2).sum(axis=1).mean(), 4, rtol=0.5)


def test_excess_error_is_the_expected_noise_free_error():
    tasks = make_shared_representation(5, 1, 4, 2, intercept=1.0, task_mean=True, random_state=0)
    assert tasks.excess_error(tasks.coef, tasks.intercept) == 0
    generator = np.random.default_rng(1)
    coef = tasks.coef + generator.standard_normal(tasks.coef.shape)
    intercept = tasks.intercept + generator.standard_normal(5)
    X, _ = tasks.sample(200_000, random_state=2)
    features, task = X.drop(columns="task").to_numpy(), X["task"].to_numpy()
    error = np.einsum("nd,nd->n", features, (coef - tasks.coef)[task]) + (intercept - tasks.intercept)[task]
    np.testing.assert_allclose(tasks.excess_error(coef, intercept), np.mean(error**2), rtol=0.01)


def test_new_rows_come_from_the_same_tasks():
    tasks = make_unrelated_tasks(3, 5, 2, noise=0.0, random_state=0)
    X, y = tasks.sample([1, 2, 3], random_state=1)
    assert X["task"].tolist() == [0, 1, 1, 2, 2, 2]
    assert X.columns.equals(tasks.X.columns)
    np.testing.assert_allclose(y, (X[["x0", "x1"]].to_numpy() * tasks.coef[X["task"]]).sum(axis=1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_shared_representation(n_features=3, rank=4), "rank must be at most n_features=3"),
        (lambda: make_shared_representation(n_tasks=0), "n_tasks must be a whole number of at least 1"),
        (lambda: make_shared_representation(n_samples=2.5), "n_samples must be a whole number"),
        (
            lambda: make_shared_representation(n_tasks=3, n_samples=[1, 2]),
            r"or 3 such numbers \(one per task\)",
        ),
        (lambda: make_unrelated_tasks(n_samples=0), "n_samples must be"),
        (lambda: make_unrelated_tasks(noise=-1), "noise is a standard deviation"),
        (lambda: make_unrelated_tasks(signal=np.inf), "signal must be zero or positive"),
        (lambda: make_clustered_tasks(5, n_tasks=3), "n_clusters must be at most n_tasks=3"),
        (lambda: make_clustered_tasks(spread=-0.1), "spread must be zero or positive"),
    ],
)
def test_bad_parameters(call, message):
    with pytest.raises(InputError, match=message):
        call()
