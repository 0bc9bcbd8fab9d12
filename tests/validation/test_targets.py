"""Targets and weights."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from kinfolk.exceptions import InputError
from kinfolk.validation import (
    check_classes,
    check_regression_target,
    check_target,
    check_weights,
    match_classes,
)


def target(y, n_rows=3, allow_2d=True, allow_missing=False):
    return check_target(y, n_rows=n_rows, allow_2d=allow_2d, allow_missing=allow_missing)


@pytest.mark.parametrize(
    "y",
    [
        [1, 0, 1],
        (1.0, 0.0, 1.0),
        np.array([1, 0, 1], dtype=np.int8),
        np.array([1, 0.0, True], dtype=object),
        [True, False, True],
        pd.Series([1, 0, 1], index=[5, 6, 7]),
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series([True, False, True], dtype="boolean"),
        pl.Series([1, 0, 1]),
    ],
    ids=str,
)
def test_one_response(y):
    values = target(y)
    assert values.dtype == np.float64
    assert values.tolist() == [1, 0, 1]


@pytest.mark.parametrize("to", [np.asarray, pd.DataFrame, lambda y: pl.DataFrame(y, orient="row"), list])
def test_wide_responses(to):
    y = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert target(to(y)).tolist() == y
    with pytest.raises(InputError, match=r"y should be a 1d array, got an array of shape \(3, 2\).*task=None"):
        target(to(y), allow_2d=False)


@pytest.mark.parametrize("y", [np.ones((3, 1)), pd.DataFrame({"a": [1.0, 1, 1]})])
@pytest.mark.parametrize("allow_2d", [True, False])
def test_a_column_vector_is_raveled_with_a_warning(y, allow_2d):
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        assert target(y, allow_2d=allow_2d).shape == (3,)


def test_missing_responses():
    y = pd.DataFrame({"water": [1, np.nan, 3], "fat": [np.nan, np.nan, 2.0]})
    np.testing.assert_array_equal(target(y, allow_missing=True), y.to_numpy())
    with pytest.raises(InputError) as error:
        target(y)
    assert "column 'water': NaN in row 1" in str(error.value)
    assert "column 'fat': NaN in rows 0, 1" in str(error.value)
    with pytest.raises(InputError, match="y has no value at all in 'fat'"):
        target(y.assign(fat=np.nan), allow_missing=True)
    with pytest.raises(InputError, match="column 'fat': infinity in row 0"):
        target(y.assign(fat=[np.inf, np.nan, 1]), allow_missing=True)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([1, 2], "inconsistent numbers of samples: X has 3 rows, y has 2"),
        ([[1, 2]], "inconsistent numbers of samples: X has 3 rows, y has 1"),
        ([1, np.nan, np.inf], r"Input y contains NaN and infinity.*\n.*NaN in row 1; infinity in row 2"),
        (pd.Series([1, None, 2], name="price"), "column 'price': NaN in row 1"),
        (["a", "b", "c"], r"column 'y': text, rows 0 \('a'\).*\n.*classification"),
        ([1, 2, "?"], r"column 'y': other objects, row 2 \('\?'\)"),
        (pl.Series("price", ["1", "2", "3"]), "column 'price': text"),
        (pd.Series(["a", "b", "a"], dtype="category"), "column 'y': categories"),
        (pd.to_datetime(["2020-01-01"] * 3), "dates or times"),
        ([1j, 2, 3], "Complex data not supported"),
        (3.0, r"y should be a 1d array, got an array of shape \(\)"),
        (np.ones((3, 1, 1)), r"y should be a 1d array, got an array of shape \(3, 1, 1\)"),
        (np.ones((3, 0)), r"y should be a 1d array, got an array of shape \(3, 0\)"),
        (sparse.csr_array(np.ones((3, 1))), "sparse"),
        ([[1, 2], [3], [4]], "rows of different lengths"),
    ],
)
def test_bad_targets(y, message):
    with pytest.raises(InputError, match=message):
        target(y)


@pytest.mark.parametrize(
    ("y", "found"),
    [
        ([0, 1] * 10, "is binary (only the two values 0 and 1 in 20 rows)"),
        ([2.5, -1.0] * 10, "is binary (only the two values -1 and 2.5 in 20 rows)"),
        ([1, 2, np.nan] * 10, "is binary (only the two values 1 and 2 in 30 rows)"),
        ([True, False], "is binary (True and False)"),
        (pd.Series([True, None], dtype="boolean"), "is binary (True and False)"),
        (pl.Series([True, None]), "is binary (True and False)"),
        (["yes", "no"], "holds text ('yes', 'no')"),
        (pd.Categorical([1, 2, 1]), "holds categories ('1', '2')"),
        (list("abcdefg"), "holds text ('a', 'b', 'c', 'd', 'e' and 2 more)"),
    ],
)
def test_a_classification_target_is_refused_by_name(y, found):
    with pytest.raises(InputError) as error:
        check_regression_target(y, name="mine")
    assert f"The target 'mine' {found}" in str(error.value)
    assert "Use SharedRepresentationClassifier" in str(error.value)


@pytest.mark.parametrize(
    "y",
    [
        [0, 1] * 9,
        [0, 1, 2] * 10,
        [1.0] * 30,
        np.arange(30),
        np.full(30, np.nan),
        pd.DataFrame({"a": np.arange(30)}),
    ],
)
def test_a_measurement_passes(y):
    assert check_regression_target(y) is None


def test_the_classification_target_of_wide_data_is_named():
    y = pd.DataFrame({"water": np.arange(20.0), "mine": [0, 1] * 10})
    with pytest.raises(InputError, match="target 'mine' is binary"):
        check_regression_target(y)
    with pytest.raises(InputError, match="target 'mine' is binary"):
        check_regression_target(y["mine"])


@pytest.mark.parametrize(
    "weights", [[1, 0, 2], np.array([1, 0, 2]), pd.Series([1, 0, 2]), pl.Series([1, 0, 2])], ids=str
)
def test_weights(weights):
    values = check_weights(weights, n_rows=3)
    assert values.dtype == np.float64
    assert values.tolist() == [1, 0, 2]


def test_no_weights_and_one_for_all():
    assert check_weights(None, n_rows=3) is None
    assert check_weights(2, n_rows=3).tolist() == [2, 2, 2]
    assert check_weights(np.float32(2), n_rows=3).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((3, 2)), "Sample weights must be 1D array or scalar"),
        ([1, 2], r"sample_weight.shape == \(2,\), expected \(3,\)"),
        ([1, -1, -2], r"negative weights in rows 1 \(-1.0\), 2 \(-2.0\)"),
        ([1, np.nan, 1], "Input sample_weight contains NaN"),
        ([1, np.inf, 1], "infinity in row 1"),
        ([0, 0, 0], "every weight is zero"),
        (0, "every weight is zero"),
        (["a", "b", "c"], "text"),
        ("abc", "text"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(InputError, match=message):
        check_weights(weights, n_rows=3)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([3, 1, 3], [1, 3]),
        ([2.0, 0.0, 2.0], [0.0, 2.0]),
        ([True, False, True], [False, True]),
        (pd.Series([True, False, True], dtype="boolean"), [False, True]),
        (pd.Series([3, 1, 3], dtype="Int64"), [1, 3]),
        (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series([7, 5, 7], dtype="category"), [5, 7]),
        (pl.Series(["b", "a", "b"]), ["a", "b"]),
        (pl.Series(["b", "a", "b"], dtype=pl.Categorical), ["a", "b"]),
        (np.array(["b", "a", "b"], dtype=object), ["a", "b"]),
        (np.array([2, 1, 2], dtype=np.uint8), [1, 2]),
    ],
    ids=lambda value: str(value).replace("\n", " ")[:40],
)
def test_classes_are_sorted_and_every_row_knows_its_own(y, classes):
    found, codes = check_classes(y, n_rows=3)
    assert found.tolist() == classes
    assert codes.tolist() == [1.0, 0.0, 1.0]
    assert match_classes(y, found, n_rows=3).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (["a", "b"], "X has 3 rows, y has 2"),
        (["a", "a", "a"], "at least two classes; y holds one class, a"),
        (["a", None, "b"], r"missing classes in row 1"),
        ([1.0, np.nan, 2.0], r"missing classes in row 1"),
        ([1.0, np.inf, 2.0], r"infinity in row 1"),
        ([0.5, 1.0, 2.5], r"continuous. y holds fractions in rows 0 \(0.5\), 2 \(2.5\)"),
        (["a", 1, "b"], "Unknown label type: y holds other objects"),
        (pd.to_datetime(["2020-01-01"] * 3), "Unknown label type: y holds dates or times"),
        (np.ones((3, 2)), "one class per row"),
    ],
    ids=str,
)
def test_what_is_no_set_of_classes_is_refused(y, message):
    with pytest.raises(InputError, match=message):
        check_classes(y, n_rows=3)


def test_rows_that_do_not_count_bring_no_class():
    with pytest.raises(InputError, match="one class, a in the rows of positive weight"):
        check_classes(["a", "b", "a"], n_rows=3, used=np.array([True, False, True]))


@pytest.mark.parametrize("y", [["a", "c"], [0, 1], [True, False]], ids=str)
def test_a_class_that_is_not_known_is_named(y):
    with pytest.raises(InputError, match="classes that the model does not know"):
        match_classes(y, np.array(["a", "b"], dtype=object), n_rows=2)
