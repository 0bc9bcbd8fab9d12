"""Task labels and their indices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinfolk.exceptions import InputError, UnseenTaskError
from kinfolk.validation import as_labels, check_seen, encode_labels, match_labels

label_lists = st.one_of(st.lists(st.integers(-9, 9), min_size=1), st.lists(st.text(max_size=2), min_size=1))


@given(label_lists)
def test_encoding_loses_nothing_and_sorts(values):
    labels = as_labels(values)
    tasks, codes = encode_labels(labels)
    assert tasks.tolist() == sorted(set(values))
    assert tasks[codes].tolist() == values
    assert tasks.dtype == labels.dtype
    assert match_labels(labels, tasks).tolist() == codes.tolist()
    assert check_seen(labels, tasks, remedy="").tolist() == codes.tolist()


@given(label_lists, label_lists)
def test_matching_finds_exactly_the_known_labels(known, values):
    tasks, _ = encode_labels(as_labels(known))
    codes = match_labels(as_labels(values), tasks)
    for value, code in zip(values, codes, strict=True):
        assert (code == -1) == (value not in set(known))
        assert code == -1 or tasks[code] == value


@pytest.mark.parametrize(
    "values", [["b", "a"], np.array(["b", "a"]), pd.Series(["b", "a"]), pd.Categorical(["b", "a"])]
)
def test_text_labels_are_objects(values):
    labels = as_labels(values)
    assert labels.dtype == object
    assert labels.tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "one task label per row"),
        ([], "one task label per row"),
        ([[1, 2]], r"shape \(1, 2\)"),
        (["a", 1], "text or whole numbers"),
        ([1, 2.5], r"row 1 \(2.5\)"),
        (["a", None], "'groups' has missing labels in row 1"),
    ],
)
def test_what_is_no_sequence_of_labels(values, message):
    with pytest.raises(InputError, match=message):
        as_labels(values)


def test_unseen_labels_are_named_with_rows_and_remedy():
    labels = np.array(list("azayazxwvu"), dtype=object)
    with pytest.raises(UnseenTaskError) as error:
        check_seen(labels, np.array(["a", "b"], dtype=object), remedy='Use unseen="population".')
    message = str(error.value)
    assert "7 task label(s)" not in message
    assert "6 task label(s) never seen in fit: 'z', 'y', 'x', 'w', 'v' and 1 more" in message
    assert "rows 1, 3, 5, 6, 7 and 2 more" in message
    assert message.endswith('Use unseen="population".')


def test_numbers_as_text_are_another_kind_of_label():
    with pytest.raises(UnseenTaskError, match="whole numbers at fit and are text here"):
        check_seen(np.array(["1"], dtype=object), np.array([1, 2]), remedy="")
    with pytest.raises(UnseenTaskError, match="text at fit and are whole numbers here"):
        check_seen(np.array([1]), np.array(["1"], dtype=object), remedy="")
