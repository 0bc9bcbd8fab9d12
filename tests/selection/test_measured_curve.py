"""Measured learning curves: whole folds at the full fraction, nested parts of every task below it."""

import numpy as np
import pytest

from kinfolk.datasets import make_shared_representation
from kinfolk.exceptions import InputError
from kinfolk.selection import TaskKFold, compare, measure_learning_curve
from kinfolk.selection.measured_curve import _Thinned

TASKS = make_shared_representation(n_tasks=12, n_samples=15, n_features=5, rank=2, random_state=0)
CODES = np.unique(TASKS.X["task"], return_inverse=True)[1]


def parts(fraction):
    splitter = TaskKFold(3, task="task", random_state=0)
    order = np.random.default_rng(0).random(len(CODES))
    return list(_Thinned(splitter, CODES, order, fraction).split(TASKS.X)), list(splitter.split(TASKS.X))


def test_every_task_keeps_its_share_and_parts_are_nested():
    small, whole = parts(0.3)
    large, _ = parts(0.6)
    for (few, test), (more, _), (train, same) in zip(small, large, whole, strict=True):
        assert (test == same).all()
        assert np.isin(few, more).all()
        assert np.isin(more, train).all()
        assert (np.bincount(CODES[few]) == np.round(0.3 * np.bincount(CODES[train]))).all()


def test_a_tiny_fraction_leaves_one_row_of_every_task():
    for few, _ in parts(1e-6)[0]:
        assert (np.bincount(CODES[few], minlength=12) == 1).all()


def test_the_whole_fraction_is_compare():
    steps = []
    found = measure_learning_curve(
        TASKS.X,
        TASKS.y,
        task="task",
        methods=["PooledRidge"],
        fractions=[0.5, 1.0],
        random_state=2,
        progress=lambda done, total, what: steps.append((done, total)),
    )
    whole = compare(TASKS.X, TASKS.y, task="task", methods=["PooledRidge"], random_state=2).methods
    last = found[found["fraction"] == 1.0].reset_index(drop=True)
    assert last["loss"].tolist() == whole["loss"].tolist()
    assert last["factor"].tolist() == pytest.approx([0.8] * 3)
    assert steps[-1] == (20, 20)


@pytest.mark.parametrize("fractions", [[], [0.0, 1.0], [1.5]])
def test_fractions_outside_of_the_unit_interval_are_refused(fractions):
    with pytest.raises(InputError, match="fractions have to lie"):
        measure_learning_curve(TASKS.X, TASKS.y, task="task", fractions=fractions)
