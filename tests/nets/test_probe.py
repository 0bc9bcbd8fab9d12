"""Linear probes: perfect where classes are separable, chance where labels say nothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kinfolk import InputError
from kinfolk.nets import linear_probe

RNG = np.random.default_rng


@pytest.mark.parametrize("n_classes", [2, 5])
def test_separable_features_are_read_and_shuffled_labels_are_not(n_classes):
    rng = RNG(0)
    n, d = 150, 150  # as many columns as rows: rows that were fitted would be told apart whatever their labels
    y = np.tile(np.arange(n_classes), 2 * n // n_classes)
    features = rng.normal(size=(2 * n, d)) + 20 * np.eye(n_classes, d)[y]
    tasks = np.repeat([7, 3], n)
    y[tasks == 7] = rng.permutation(y[tasks == 7])
    found = linear_probe(features, y, tasks)
    assert found.index.tolist() == [3, 7]
    assert found.loc[3, "accuracy"] == 1
    assert abs(found.loc[7, "accuracy"] - 1 / n_classes) < 3 * found.loc[7, "standard_error"]
    assert_allclose(found["chance"], 1 / n_classes)
    assert_allclose(found["standard_error"] ** 2, found["accuracy"] * (1 - found["accuracy"]) / n)
    assert_array_equal(found["rows"], n)


def test_names_of_classes_scale_rotation_and_shift_of_the_labels_change_nothing():
    rng = RNG(1)
    y = rng.integers(0, 3, 120)
    features = rng.normal(size=(120, 4)) + np.eye(3, 4)[y]
    accuracy = linear_probe(features, y)["accuracy"]
    assert accuracy.index.tolist() == [0]
    assert 0.4 < accuracy[0] < 1
    turned = features @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    for same, labels in ((1e6 * features, y), (turned, y), (features, np.array(["a", "b", "c"])[y])):
        assert_allclose(linear_probe(same, labels)["accuracy"], accuracy)
    assert linear_probe(features, y, C=1e-6)["accuracy"][0] < accuracy[0] + 0.1


def test_a_task_of_one_class_is_known_and_chance_says_so():
    tasks, y = np.repeat(["both", "one"], 20), np.append(np.tile([0, 1], 10), np.ones(20, dtype=int))
    found = linear_probe(RNG(0).normal(size=(40, 2)), y, tasks)
    assert found.loc["one", ["accuracy", "chance"]].tolist() == [1, 1]
    assert found.loc["both", "chance"] == 0.5


def test_what_makes_no_sense_is_refused():
    features, y = np.ones((8, 2)), np.tile([0, 1], 4)
    with pytest.raises(InputError, match=r"fewer of \['b \(3\)'\]"):
        linear_probe(features, y, list("aaaaabbb"))
    with pytest.raises(InputError, match="a label for each of the 8 rows of features; got 3"):
        linear_probe(features, y, list("abc"))
    with pytest.raises(InputError, match="n_splits must be a whole number of at least 2"):
        linear_probe(features, y, n_splits=1)
    with pytest.raises(InputError, match="C must be a number > 0"):
        linear_probe(features, y, C=0)
    with pytest.raises(InputError, match="at least two classes"):
        linear_probe(features, np.zeros(8, dtype=int))
