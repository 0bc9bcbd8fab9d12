"""Splits that know about tasks."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score

from kinfolk.exceptions import InputError
from kinfolk.selection import FewShotSplit, LeaveTasksOut, TaskKFold

label_lists = st.lists(st.integers(0, 8), min_size=1, max_size=60)


def table(labels):
    return np.column_stack([np.arange(len(labels), dtype=float), np.asarray(labels, dtype=float)])


def count_testable(labels):
    counts = np.unique(labels, return_counts=True)[1]
    return int(counts[counts > 1].sum())


@given(labels=label_lists, n_splits=st.integers(2, 7), shuffle=st.booleans(), seed=st.integers(0, 5))
def test_task_kfold_partitions_the_testable_rows_and_keeps_every_task_in_training(labels, n_splits, shuffle, seed):
    splitter = TaskKFold(n_splits, task=-1, shuffle=shuffle, random_state=seed if shuffle else None)
    X = table(labels)
    if count_testable(labels) < n_splits:
        with pytest.raises(InputError, match="one row"):
            list(splitter.split(X))
        return
    splits = list(splitter.split(X))
    assert len(splits) == splitter.get_n_splits() == n_splits
    labels = np.asarray(labels)
    tasks, counts = np.unique(labels, return_counts=True)
    tested = np.concatenate([test for _, test in splits])
    singles = tasks[counts == 1]
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(~np.isin(labels, singles)))
    sizes = [len(test) for _, test in splits]
    assert max(sizes) - min(sizes) <= 1
    for train, test in splits:
        assert set(labels[train]) == set(tasks)
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(labels)))
    for task, count in zip(tasks, counts, strict=True):
        per_fold = [int((labels[test] == task).sum()) for _, test in splits]
        if count > 1:
            assert max(per_fold) - min(per_fold) <= 1
            assert sum(size > 0 for size in per_fold) == min(count, n_splits)


@given(labels=label_lists, n_splits=st.integers(2, 5), seed=st.integers(0, 5))
def test_leave_tasks_out_tests_every_row_once_and_never_splits_a_task(labels, n_splits, seed):
    splitter = LeaveTasksOut(n_splits, task=-1, random_state=seed)
    X = table(labels)
    if len(set(labels)) < n_splits:
        with pytest.raises(InputError, match=f"n_splits={n_splits} needs"):
            list(splitter.split(X))
        return
    labels = np.asarray(labels)
    splits = list(splitter.split(X))
    np.testing.assert_array_equal(np.sort(np.concatenate([t for _, t in splits])), np.arange(len(labels)))
    for train, test in splits:
        assert not set(labels[train]) & set(labels[test])
    groups = [len(set(labels[test])) for _, test in splits]
    assert max(groups) - min(groups) <= 1


@given(labels=label_lists, n_shot=st.integers(0, 4), n_splits=st.integers(2, 4), seed=st.integers(0, 5))
def test_few_shot_split_leaves_exactly_n_shot_rows_of_each_new_task_in_training(labels, n_shot, n_splits, seed):
    splitter = FewShotSplit(n_shot, n_splits=n_splits, task=-1, random_state=seed)
    X = table(labels)
    labels = np.asarray(labels)
    tasks, counts = np.unique(labels, return_counts=True)
    eligible = tasks[counts > n_shot]
    if len(eligible) < n_splits:
        with pytest.raises(InputError, match=f"more than n_shot={n_shot} rows"):
            list(splitter.split(X))
        return
    tested_tasks = []
    for train, test in splitter.split(X):
        new = set(labels[test])
        tested_tasks += new
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(labels)))
        for task, count in zip(tasks, counts, strict=True):
            assert (labels[train] == task).sum() == (n_shot if task in new else count)
    assert sorted(tested_tasks) == sorted(eligible)


def test_rows_of_a_smaller_shot_are_among_those_of_a_larger_one():
    X = table(np.repeat(np.arange(6), 10))
    for (small, _), (large, _) in zip(
        FewShotSplit(2, n_splits=3, task=-1, random_state=1).split(X),
        FewShotSplit(5, n_splits=3, task=-1, random_state=1).split(X),
        strict=True,
    ):
        assert set(small) < set(large)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: TaskKFold(3, task="shop", random_state=seed),
        lambda seed: LeaveTasksOut(3, task="shop", random_state=seed),
        lambda seed: FewShotSplit(2, n_splits=3, task="shop", random_state=seed),
    ],
)
def test_a_seed_fixes_the_splits_and_another_changes_them(make):
    X = pd.DataFrame({"shop": np.repeat(list("abcdef"), 5), "x": np.arange(30.0)})

    def folds(splitter):
        return [test.tolist() for _, test in splitter.split(X)]

    splitter = make(0)
    assert folds(splitter) == folds(splitter) == folds(make(0))
    assert any(folds(splitter) != folds(make(seed)) for seed in range(1, 5))
    generator = np.random.default_rng(0)
    assert folds(make(generator)) != folds(make(generator))
    assert len(folds(make(np.random.RandomState(0)))) == 3


def test_task_order_does_not_decide_which_fold_the_extra_row_goes_to():
    labels = np.repeat(np.arange(200), 3)
    fold_of_first_task = {
        tuple(
            i
            for i, (_, test) in enumerate(TaskKFold(5, task=-1, random_state=s).split(table(labels)))
            if (test < 3).any()
        )
        for s in range(20)
    }
    assert len(fold_of_first_task) > 3


@pytest.mark.parametrize("kind", ["pandas", "categorical", "polars", "object", "groups", "list"])
def test_labels_are_read_from_any_table(kind):
    shop = np.repeat(["a", "b", "c"], 4)
    x = np.arange(12.0)
    expected = [test.tolist() for _, test in TaskKFold(2, shuffle=False).split(x[:, None], groups=shop)]
    X, task, groups = {
        "pandas": (pd.DataFrame({"shop": shop, "x": x}), "shop", None),
        "categorical": (pd.DataFrame({"x": x, "scaled__shop": pd.Categorical(shop)}), "shop", None),
        "polars": (pl.DataFrame({"shop": shop, "x": x}), "shop", None),
        "object": (pd.DataFrame({"x": x, "shop": shop}).to_numpy(dtype=object), -1, None),
        "groups": (x[:, None], None, pd.Series(shop)),
        "list": ([[v, s] for v, s in zip(x, shop, strict=True)], 1, None),
    }[kind]
    splitter = TaskKFold(2, task=task, shuffle=False)
    assert [test.tolist() for _, test in splitter.split(X, groups=groups)] == expected


def test_other_columns_may_hold_anything():
    X = pd.DataFrame({"shop": ["a", "a", "b", "b"], "x": [np.nan, 1, 2, np.inf], "city": ["u", "v", None, "w"]})
    assert [len(test) for _, test in TaskKFold(2, task="shop").split(X)] == [2, 2]


def test_without_task_and_groups_there_is_one_task():
    assert [len(test) for _, test in TaskKFold(4).split(np.ones((10, 2)))] == [3, 3, 2, 2]


@pytest.mark.parametrize("splitter", [LeaveTasksOut(2), FewShotSplit(1, n_splits=2)])
def test_splits_over_tasks_need_labels(splitter):
    with pytest.raises(InputError, match="needs task labels"):
        next(splitter.split(np.ones((4, 2))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TaskKFold(1), "n_splits must be a whole number of at least 2, got 1"),
        (lambda: TaskKFold(2.0), "n_splits must be a whole number"),
        (lambda: TaskKFold(True), "n_splits must be a whole number"),
        (lambda: TaskKFold(3, shuffle=False, random_state=0), "shuffle is False"),
        (lambda: FewShotSplit(-1), "n_shot must be a whole number of at least 0"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_missing_labels_and_columns_are_named():
    X = pd.DataFrame({"shop": ["a", None, "b"], "x": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match=r"'shop' has missing labels in row 1"):
        next(TaskKFold(2, task="shop").split(X))
    with pytest.raises(InputError, match=r"no task column 'store'.*'shop', 'x'"):
        next(TaskKFold(2, task="store").split(X))


def test_inside_scikit_learn():
    X = pd.DataFrame({"shop": np.repeat([1, 2, 3, 4], 6), "x": np.arange(24.0)})
    y = X["x"] * 2
    for cv in (
        TaskKFold(3, task="shop", random_state=0),
        LeaveTasksOut(2, task="shop", random_state=0),
        FewShotSplit(2, n_splits=2, task="shop", random_state=0),
    ):
        assert len(cross_val_score(Ridge(), X, y, cv=cv)) == cv.get_n_splits()
        search = GridSearchCV(Ridge(), {"alpha": [0.1, 1e6]}, cv=cv).fit(X, y)
        assert search.best_params_ == {"alpha": 0.1}
    assert cross_val_predict(DummyRegressor(), X, y, cv=TaskKFold(3, task="shop")).shape == (24,)
    groups = X["shop"].to_numpy()
    assert len(cross_val_score(Ridge(), X[["x"]], y, groups=groups, cv=LeaveTasksOut(4))) == 4
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(Ridge(), X[["x"]], y, params={"groups": groups}, cv=LeaveTasksOut(4))
    assert len(scores) == 4


def test_a_splitter_shows_its_parameters():
    assert repr(TaskKFold(3, task="shop")) == "TaskKFold(n_splits=3, random_state=None, shuffle=True, task='shop')"
