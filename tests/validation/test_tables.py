"""A table X: features, task labels, and what is said about bad ones."""

import decimal
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import StandardScaler

from kinfolk.exceptions import InputError
from kinfolk.validation import check_labels, check_table, find_task_column, list_rows

SHOP = ["b", "a", "b"]
PRICE = [1.5, 2.5, 3.5]
COUNT = [4, 5, 6]
FRAME = pd.DataFrame({"price": PRICE, "shop": SHOP, "count": COUNT})


@pytest.mark.parametrize(
    "X",
    [
        FRAME,
        FRAME.assign(shop=pd.Categorical(SHOP)),
        FRAME.astype(object),
        FRAME.convert_dtypes(),
        FRAME.set_axis([7, 8, 9]),
        pl.DataFrame(FRAME),
        pl.DataFrame(FRAME).with_columns(pl.col("shop").cast(pl.Categorical)),
        pl.DataFrame(FRAME).with_columns(pl.col("shop").cast(pl.Enum(["a", "b", "c"]))),
        pl.DataFrame(FRAME).with_columns(pl.col("count").cast(pl.Decimal(10, 2))),
        pa.table(pl.DataFrame(FRAME).to_arrow()),
    ],
    ids=lambda X: type(X).__module__,
)
def test_every_kind_of_frame_gives_the_same_table(X):
    table = check_table(X, task="shop")
    np.testing.assert_array_equal(table.features, np.column_stack([PRICE, COUNT]))
    assert table.features.dtype == np.float64
    assert table.features.flags.c_contiguous
    assert table.feature_names == ["price", "count"]
    assert table.labels.dtype == object
    assert [type(label) for label in table.labels] == [str] * 3
    assert table.labels.tolist() == SHOP
    assert table.task_position == 1
    assert check_labels(X, task=1).tolist() == SHOP


@pytest.mark.parametrize("task", [1, -2, np.int64(1)])
@pytest.mark.parametrize("X", [FRAME.to_numpy(dtype=object), FRAME.to_numpy().tolist()], ids=["object", "list"])
def test_arrays_with_a_text_column(X, task):
    table = check_table(X, task=task)
    np.testing.assert_array_equal(table.features, np.column_stack([PRICE, COUNT]))
    assert table.feature_names == ["x0", "x2"]
    assert table.labels.tolist() == SHOP


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.uint16, bool, object])
def test_numeric_arrays(dtype):
    X = np.array([[1, 0, 1], [0, 1, 1]], dtype=dtype)
    table = check_table(np.asfortranarray(X), task=-1)
    np.testing.assert_array_equal(table.features, X[:, :2].astype(float))
    assert table.features.flags.c_contiguous
    assert table.labels.dtype == np.int64
    assert check_table(X, task=None).features.shape == (2, 3)
    assert check_table(X, task=None).labels is None


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 2],
        [3.0, 1.0, 2.0],
        np.array([3, 1, 2], dtype=np.uint8),
        pd.array([3, 1, 2], dtype="Int64"),
        pd.array([3.0, 1, 2], dtype="Float64"),
        pd.Categorical([3, 1, 2]),
        np.array([3, 1.0, np.int32(2)], dtype=object),
    ],
    ids=str,
)
def test_whole_numbers_are_labels(labels):
    table = check_table(pd.DataFrame({"x": PRICE, "t": labels}), task="t")
    assert table.labels.dtype == np.int64
    assert table.labels.tolist() == [3, 1, 2]


@pytest.mark.parametrize("labels", [[True, False, True], pd.array([True, False, True], dtype="boolean")], ids=str)
def test_booleans_are_labels_one_and_zero(labels):
    assert check_table(pd.DataFrame({"x": PRICE, "t": labels}), task="t").labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", None, "b"], "'t' has missing labels in row 1"),
        (["a", np.nan, None], "'t' has missing labels in rows 1, 2"),
        ([1.0, np.nan, 2.0], "'t' has missing labels in row 1"),
        (pd.array([1, None, 2], dtype="Int64"), "'t' has missing labels in row 1"),
        (pd.Categorical(["a", None, "b"]), "'t' has missing labels in row 1"),
        ([1.0, 2.5, 3.5], r"not whole numbers, rows 1 \(2.5\), 2 \(3.5\)"),
        ([1.0, np.inf, 2.0], r"too large to be told apart, row 1 \(inf\)"),
        ([1.0, 2.0**60, 2.0], "too large to be told apart, row 1"),
        (np.array([1, 2**64 - 1, 2], dtype=np.uint64), "too large to be told apart, row 1"),
        (np.array(["a", 3, "b"], dtype=object), r"other objects, row 1 \(3\).*text or whole numbers"),
        (pd.to_datetime(["2020-01-01"] * 3), r"dates or times.*convert it to text"),
        (np.array([(1,), b"u", "b"], dtype=object), r"other objects, rows 0 \(\(1,\)\), 1 \(b'u'\)"),
        (pd.cut([1, 2, 3], 2), "other objects, rows 0"),
    ],
)
def test_bad_labels_are_named_with_column_rows_and_remedy(labels, message):
    with pytest.raises(InputError, match=message):
        check_table(pd.DataFrame({"x": PRICE, "t": labels}), task="t")


def test_polars_null_labels():
    with pytest.raises(InputError, match="'t' has missing labels in rows 0, 2"):
        check_labels(pl.DataFrame({"x": PRICE, "t": [None, "a", None]}), task="t")


def test_all_columns_that_are_not_numbers_are_named_at_once():
    X = FRAME.assign(
        city=["u", None, "w"],
        day=pd.to_datetime(["2020-01-02", "2020-01-03", None]),
        grade=pd.Categorical([1, 2, 1]),
        mixed=np.array([1, "x", None], dtype=object),
    )
    with pytest.raises(InputError) as error:
        check_table(X, task="shop")
    message = str(error.value)
    assert "column 'city': text, rows 0 ('u'), 2 ('w')" in message
    assert "column 'day': dates or times, rows 0 (2020-01-02" in message
    assert "column 'grade': categories, rows 0 (1), 1 (2), 2 (1)" in message
    assert "column 'mixed': other objects, row 1 ('x')" in message
    assert "counted from 0" in message
    assert "OneHotEncoder" in message
    assert not isinstance(error.value, TypeError)


def test_an_object_that_is_no_value_is_also_a_type_error_as_scikit_learn_expects():
    X = np.ones((2, 2), dtype=object)
    X[0, 0] = {"foo": "bar"}
    with pytest.raises(TypeError, match=r"argument must be .* string.* number") as error:
        check_table(X, task=None)
    assert isinstance(error.value, InputError)


def test_numbers_in_text_are_not_guessed():
    with pytest.raises(InputError, match=r"column 'x0': text, rows 0 \('1.5'\).*\n.*to_numeric"):
        check_table(np.array([["1.5", "a"], ["2", "b"]]), task=1)


def test_object_columns_of_numbers_are_converted():
    X = pd.DataFrame({"x": np.array([1, 2.5, True, decimal.Decimal("3.5"), np.float32(4)], dtype=object), "t": 1})
    assert check_table(X, task="t").features[:, 0].tolist() == [1, 2.5, 1, 3.5, 4]


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": [1.0, np.nan, 3], "b": [np.inf, 2, np.nan]}),
        pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [np.inf, 2, np.nan]}),
        pd.DataFrame({"a": [1, None, 3], "b": [np.inf, 2, None]}, dtype=object),
        pl.DataFrame({"a": [1, None, 3], "b": [np.inf, 2, np.nan]}),
    ],
)
def test_nan_and_infinity_are_named_with_columns_and_rows(X):
    with pytest.raises(InputError) as error:
        check_table(X, task=None)
    message = str(error.value)
    assert "Input X contains NaN and infinity" in message
    assert "column 'a': NaN in row 1" in message
    assert "column 'b': NaN in row 2; infinity in row 0" in message
    assert "SimpleImputer" in message


def test_a_column_without_any_value_is_missing_numbers():
    with pytest.raises(InputError, match="column 'a': NaN in rows 0, 1"):
        check_table(pl.DataFrame({"a": [None, None], "b": [1, 2]}), task=None)
    with pytest.raises(InputError, match="column 'a': NaN in rows 0, 1"):
        check_table(pd.DataFrame({"a": [None, None], "b": [1, 2]}), task=None)


def test_long_lists_are_cut():
    X = pd.DataFrame(np.full((8, 30), np.nan)).add_prefix("c")
    with pytest.raises(InputError) as error:
        check_table(X, task=None)
    assert "NaN in rows 0, 1, 2, 3, 4 and 3 more" in str(error.value)
    assert "and 20 more columns" in str(error.value)
    assert str(error.value).count("column 'c") == 10


@pytest.mark.parametrize(
    ("X", "task", "message"),
    [
        (sparse.csr_array(np.eye(2)), None, "SciPy sparse.*Sparse data is not supported"),
        (sparse.csr_matrix(np.eye(2)), 0, "SciPy sparse"),
        (pl.DataFrame({"a": [1]}).lazy(), None, r"lazy frame: pass X.collect\(\)"),
        ([1.0, 2.0], None, "got 1D array.*Reshape your data"),
        (pd.Series([1.0, 2.0]), None, "got 1D array.*Series.*Reshape your data"),
        (5, None, "got scalar array.*Reshape your data"),
        ("table.csv", None, "got scalar array.*is a str"),
        (np.ones((2, 2, 2)), None, "got 3D array"),
        (np.empty((0, 3)), -1, r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (pd.DataFrame({"a": []}), "a", r"0 sample\(s\)"),
        (np.empty((12, 0)), -1, r"0 feature\(s\) \(shape=\(12, 0\)\) while a minimum of 1 is required\."),
        (FRAME[["shop"]], "shop", r"0 feature\(s\) \(shape=\(3, 0\)\).*only the task column 'shop'"),
        (np.eye(2) * 1j, None, "Complex data not supported"),
        (pd.DataFrame({"a": [1j, 2]}), None, "Complex data not supported"),
        (np.array([[1j, 2]], dtype=object), None, "Complex data not supported"),
        ([[1, 2], [3]], None, "rows of different lengths"),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]), "b", "several columns called 'a'"),
        (pd.DataFrame([[1, 2]], columns=["a", 3]), "a", "names that are not text: 3"),
        (
            pd.DataFrame({"a": np.array([10**400, 1], dtype=object)}),
            None,
            "'a' holds whole numbers too large",
        ),
    ],
)
def test_what_is_not_a_table(X, task, message):
    with pytest.raises(InputError, match=message):
        check_table(X, task=task)


@pytest.mark.parametrize(
    ("columns", "task", "position"),
    [
        (["shop", "x"], "shop", 0),
        (["a__shop", "shop"], "shop", 1),
        (["scale__x", "remainder__shop"], "shop", 1),
        (["x", "step__remainder__shop"], "remainder__shop", 1),
        (["x", "workshop"], 1, 1),
        (["x", "y", "z"], -3, 0),
    ],
)
def test_the_task_column_is_found(columns, task, position):
    assert find_task_column(columns, len(columns), task, task_position=0 if position else 1) == position


@pytest.mark.parametrize(
    ("columns", "task", "message"),
    [
        (
            ["x", "workshop"],
            "shop",
            "There is no task column 'shop' in X. It has the columns 'x', 'workshop'",
        ),
        (["a__shop", "b__shop"], "shop", "not unique in X: 'a__shop', 'b__shop'"),
        (["x", "y"], 2, "no column at position task=2: X has the columns 'x', 'y'"),
        (["x", "y"], -3, "no column at position task=-3"),
        (["x", "y"], True, "task must be a column name, an integer position or None, got True"),
        (["x", "y"], 1.0, "task must be a column name"),
        (None, "shop", "'shop' cannot be found: X has 2 columns without names.*task=-1"),
    ],
)
def test_a_task_column_is_never_guessed(columns, task, message):
    with pytest.raises(InputError, match=message):
        find_task_column(columns, 2, task)


def test_the_remembered_position_counts_only_for_a_name_and_an_array():
    X = np.array([[1.0, 7.0], [2.0, 8.0]])
    assert check_table(X, task="shop", task_position=1).labels.tolist() == [7, 8]
    assert check_table(X, task=0, task_position=1).labels.tolist() == [1, 2]
    assert check_table(pd.DataFrame(X), task="shop", task_position=1).labels.tolist() == [7, 8]
    with pytest.raises(InputError, match="no task column 'shop'"):
        check_table(pd.DataFrame(X, columns=["a", "b"]), task="shop", task_position=1)
    with pytest.raises(InputError, match="cannot be found"):
        check_table(X, task="shop", task_position=2)


def test_what_a_column_transformer_gives():
    X = FRAME.assign(shop=SHOP)
    scale = ColumnTransformer([("scale", StandardScaler(), ["price", "count"])], remainder="passthrough")
    array = scale.fit_transform(X)
    assert array.dtype == object
    named = scale.set_output(transform="pandas").fit_transform(X)
    assert named.columns[-1] == "remainder__shop"
    for table in (check_table(array, task=-1), check_table(named, task="shop")):
        assert table.labels.tolist() == SHOP
        np.testing.assert_allclose(table.features.mean(axis=0), 0, atol=1e-12)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_rows_are_listed_completely_or_counted(mask):
    rows = np.flatnonzero(mask)
    text = list_rows(np.array(mask))
    assert all(str(row) in text for row in rows[:5])
    assert ("more" in text) == (len(rows) > 5)


def test_the_callers_array_is_not_written_to_and_the_name_is_used():
    X = np.ones((3, 2))
    X.flags.writeable = False
    assert check_table(X, task=None).features.sum() == 6
    with pytest.raises(InputError, match="Input test table contains NaN"):
        check_table(np.full((2, 2), np.nan), task=None, name="test table")


@pytest.mark.parametrize("kind", ["pandas", "polars", "object"])
def test_a_large_table_is_checked_quickly(kind):
    rng = np.random.default_rng(0)
    n = 200_000
    frame = pd.DataFrame(rng.standard_normal((n, 10))).add_prefix("x")
    frame["shop"] = rng.integers(0, 1000, n).astype(str)
    X = {"pandas": frame, "polars": pl.DataFrame(frame), "object": frame.to_numpy(dtype=object)}[kind]
    start = time.process_time()
    assert check_table(X, task=-1).features.shape == (n, 10)
    assert time.process_time() - start < 1.0
