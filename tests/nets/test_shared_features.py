"""Simulated tasks of patches: what is in them is what is said."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kinfolk import InputError
from kinfolk.nets import benefit_ratio, make_shared_feature_tasks, patches_to_frame


def test_a_row_is_one_feature_and_noise():
    tasks = make_shared_feature_tasks(5, 400, 60, n_patches=3, random_state=0)
    features = np.vstack((tasks.shared, tasks.specific))
    assert_allclose(features @ features.T, np.eye(6), atol=1e-12)
    task = tasks.X["task"].to_numpy()
    there = np.where(tasks.is_shared[:, None], tasks.shared, 5.0 * tasks.specific[task]) * tasks.y[:, None]
    assert_allclose(tasks.patches[:, 0], there, atol=1e-6)
    noise = tasks.patches[:, 1:]
    assert np.abs(noise @ features.T).max() < 1e-5
    assert_allclose(np.mean((noise**2).sum(axis=2)), 3.5**2 * (60 - 6) / 60, rtol=0.01)
    assert abs(tasks.is_shared.mean() - 0.7) < 0.03
    assert abs(tasks.y.mean()) < 0.05
    assert tasks.alpha == 0.2


def test_new_rows_are_of_the_same_tasks_and_a_new_task_is_not():
    tasks = make_shared_feature_tasks(4, 10, 30, random_state=0)
    again = tasks.sample(7, random_state=1)
    assert_array_equal(again.specific, tasks.specific)
    assert len(again.y) == 28
    new = tasks.unseen_task(20, random_state=2)
    assert new.X["task"].unique().tolist() == [4]
    assert_array_equal(new.shared, tasks.shared)
    assert np.abs(np.vstack((tasks.shared, tasks.specific)) @ new.specific[0]).max() < 1e-12
    with pytest.raises(InputError, match="patch_dim=5 leaves no direction"):
        make_shared_feature_tasks(4, 10, 5, random_state=0).unseen_task(3)


def test_shuffled_rows_hold_the_same_patches():
    plain = make_shared_feature_tasks(3, 50, 10, n_patches=4, random_state=0)
    shuffled = make_shared_feature_tasks(3, 50, 10, n_patches=4, shuffle=True, random_state=0)
    assert_allclose(np.sort(plain.patches.sum(axis=2)), np.sort(shuffled.patches.sum(axis=2)), atol=1e-6)
    moved = (plain.patches[:, 0] != shuffled.patches[:, 0]).any(axis=1).mean()
    assert 0.6 < moved < 0.9


def test_polarity_and_feature_noise():
    plain = make_shared_feature_tasks(2, 50, 10, random_state=0)
    turned = make_shared_feature_tasks(2, 50, 10, label_polarity=[1, -1], random_state=0)
    second = plain.X["task"].to_numpy() == 1
    assert_array_equal(turned.patches[~second], plain.patches[~second])
    assert_array_equal(turned.patches[second, 0], -plain.patches[second, 0])
    noisy = make_shared_feature_tasks(2, 50, 10, feature_noise=0.4, random_state=0)
    own = noisy.specific[noisy.X["task"]]
    assert_allclose(np.abs(np.einsum("nd,nd->n", noisy.patches[:, 1], own)), 0.4 * 5, atol=1e-5)


def test_the_benefit_ratio_grows_with_what_helps():
    base = benefit_ratio(4, 30)
    assert_allclose(benefit_ratio(8, 30).shared, 2 * base.shared)
    assert benefit_ratio(8, 30).specific == base.specific
    assert benefit_ratio(4, 60) > base
    assert benefit_ratio(4, 30, noise=4).shared < base.shared
    assert benefit_ratio(4, 30, shared_strength=1.1).shared > base.shared
    assert benefit_ratio(4, 30, shared_probability=0.8).shared > base.shared
    assert benefit_ratio(4, 30, shared_probability=0.8).specific < base.specific
    assert_allclose(benefit_ratio(20, 50, noise=4.5), (7.68, 20.58), rtol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_tasks": 0}, "n_tasks must be a whole number of at least 1"),
        ({"patch_dim": 16}, "patch_dim must be a whole number above n_tasks=16"),
        ({"shared_probability": 1.5}, "between 0 and 1"),
        ({"noise": -1.0}, "noise must be zero or positive"),
        ({"label_polarity": [1, 2]}, "16 signs"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        make_shared_feature_tasks(**wrong)


def test_patches_become_a_table_and_images_too():
    patches = np.arange(24.0).reshape(2, 3, 4)
    frame = patches_to_frame(patches, ["a", "b"])
    assert frame["task"].tolist() == ["a", "b"]
    assert_array_equal(frame.drop(columns="task").to_numpy().reshape(2, 3, 4), patches)
    assert patches_to_frame(np.zeros((2, 1, 8, 8)), pd.Series([1, 2])).shape == (2, 65)
    with pytest.raises(InputError, match=r"n task labels; got X of shape \(2, 3, 4\) and tasks of shape \(3,\)"):
        patches_to_frame(patches, [1, 2, 3])
