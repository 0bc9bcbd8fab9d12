"""One table out of separate tables."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kinfolk.exceptions import InputError
from kinfolk.selection import stack_tasks
from kinfolk.validation import check_table

A = pd.DataFrame({"size": [1.0, 2.0], "age": [5.0, 6.0]})
B = pd.DataFrame({"age": [7.0], "size": [3.0]})


@pytest.mark.parametrize("to", [lambda frame: frame, pl.DataFrame, lambda frame: pl.DataFrame(frame).to_arrow()])
def test_frames_are_aligned_by_name(to):
    X, y = stack_tasks({"a": (to(A), [0.1, 0.2]), "b": (to(B), pd.Series([0.3]))}, task="shop")
    assert X.columns.tolist() == ["size", "age", "shop"]
    assert X.to_numpy().tolist() == [[1, 5, "a"], [2, 6, "a"], [3, 7, "b"]]
    assert y.tolist() == [0.1, 0.2, 0.3]
    assert y.dtype == float


def test_arrays_get_names_and_whole_number_labels():
    X, y = stack_tasks([(np.ones((2, 3)), [1, 2]), ([[4, 5, 6]], [3])])
    assert X.columns.tolist() == ["x0", "x1", "x2", "task"]
    table = check_table(X, task="task")
    assert table.labels.tolist() == [0, 0, 1]
    assert table.features[2].tolist() == [4, 5, 6]
    assert y.tolist() == [1, 2, 3]
    assert stack_tasks({7: (A, [1, 2]), 3: (B, [3])})[0]["task"].tolist() == [7, 7, 3]


def test_one_frame_per_task_with_its_target_column():
    X, y = stack_tasks({"a": A.assign(price=[1, 2]), "b": pl.DataFrame(B.assign(price=[3]))}, target="price")
    assert X.columns.tolist() == ["size", "age", "task"]
    assert y.tolist() == [1, 2, 3]


def test_all_tasks_with_other_columns_are_named_at_once():
    wrong = {
        "a": (A, [1, 2]),
        "b": (B.rename(columns={"age": "years"}), [1]),
        "c": (B.assign(extra=1), [1]),
        "d": (B[["size"]], [1]),
    }
    with pytest.raises(InputError) as error:
        stack_tasks(wrong)
    assert "task 'b' lacks 'age' and has also 'years'" in str(error.value)
    assert "task 'c' has also 'extra'" in str(error.value)
    assert "task 'd' lacks 'age'" in str(error.value)
    with pytest.raises(InputError, match="task 1 has also 'x2'"):
        stack_tasks([(np.ones((2, 2)), [1, 2]), (np.ones((2, 3)), [1, 2])])


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "no task to stack"),
        ([(A, [1, 2, 3])], "y of task 0 has 3"),
        ([(A, [1, np.nan])], "Input y of task 0 contains NaN"),
        ({"a": (A.iloc[:0], [])}, r"X of task 'a' has 0 sample\(s\)"),
        ({"a": A}, "table of task 'a' has no target column 'y'"),
        ({"a": (A, [1, 2]), 2: (B, [1])}, "text or whole numbers"),
        ([(A.assign(task=1), [1, 2])], "already has a column 'task'"),
        ([5], r"task 0 must be a pair \(X, y\).*got int"),
    ],
)
def test_bad_input_names_the_task(tasks, message):
    with pytest.raises(InputError, match=message):
        stack_tasks(tasks)
