"""Text files as spreadsheets of all countries write them: the same table, or an error that says what to write."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kinfolk import InputError, read_table
from kinfolk.io import read_frame

FRAME = pd.DataFrame(
    {"ward": ["B ä", "C", "B ä", "C"], "age": [61.5, 1200.25, -3.0, 0.5], "stay": [0.5, 1.5, 2.5, 3.0]}
)


def read(tmp_path, text, **more):
    (tmp_path / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(tmp_path / "t.csv", task="ward", target="stay", **more)


def as_text(sep=",", decimal="."):
    return FRAME.to_csv(index=False, sep=sep, decimal=decimal)


SPELLINGS = {
    "semicolons": as_text(";"),
    "semicolons and decimal commas": as_text(";", ","),
    "tabs and decimal commas": as_text("\t", ","),
    "bars": as_text("|"),
    "byte order mark": "\ufeff" + as_text(),
    "UTF-16, as Excel's Unicode text": as_text("\t").encode("utf-16"),
    "blanks after commas and around names": as_text().replace(",", ", ").replace("age", "age "),
    "empty columns without names": as_text().replace("\n", ",,\n"),
    "carriage returns": as_text().replace("\n", "\r"),
    "empty lines before the header": "\n \n" + as_text(),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_the_same_table_however_it_is_spelled(case, tmp_path):
    table = read(tmp_path, SPELLINGS[case])
    assert_frame_equal(table.X.assign(stay=table.y), FRAME[["age", "ward", "stay"]], check_dtype=False)
    assert table.left_out == []


def test_a_comma_in_a_name_separates_nothing(tmp_path):
    table = read(tmp_path, 'ward;"age, years";stay\na;1,5;2\nb;2,5;3\nb;ND;4\n'.replace("ND", "?"), drop_missing=True)
    assert table.X["age, years"].tolist() == [1.5, 2.5]


def test_text_among_decimal_commas_is_what_the_message_names(tmp_path):
    with pytest.raises(InputError, match=r"'age' holds text, row 2 \('<1'\)"):
        read(tmp_path, "ward;age;stay\na;1,5;2\nb;2,5;3\nb;<1;4\n")


def test_decimal_commas_and_points_together_are_refused(tmp_path):
    """12.000 is twelve or twelve thousand: nobody can tell."""
    with pytest.raises(InputError, match=r"mixes decimal commas with points.* 'beds'"):
        read(tmp_path, "ward;age;beds;stay\na;1,5;12.000;2\nb;2,5;9.500;3\n")


@pytest.mark.parametrize("cell", ['"18,945.0"', '"18,945"', "61.5%", "$12", "12 €", "1'200", '"0,5"', "1.234.567"])
@pytest.mark.parametrize("column", ["age", "stay"])
def test_figures_that_are_no_numbers_to_a_computer_are_neither_left_out_nor_classes(cell, column, tmp_path):
    cells = {"age": "1.5", "stay": "2"} | {column: cell}
    with pytest.raises(InputError, match=f"'{column}' holds text, rows 0 .*decimal point"):
        read(tmp_path, "ward,age,x,stay\n" + f"a,{cells['age']},1,{cells['stay']}\n" * 3)


def test_dates_and_words_stay_text(tmp_path):
    text = "ward,day,code,word,x,stay\n" + "a,01.02.2020,A7,low,1,2\n" * 3
    assert read(tmp_path, text).left_out == ["day", "code", "word"]


def test_columns_without_a_name_are_no_features_unless_named(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv")
    table = read_table(tmp_path / "t.csv", task="ward", target="stay")
    assert (list(table.X.columns), table.unnamed) == (["age", "ward"], ["Unnamed: 0"])
    table = read_table(tmp_path / "t.csv", task="ward", target="stay", features=["Unnamed: 0"])
    assert table.X["Unnamed: 0"].tolist() == [0, 1, 2, 3]


def test_labels_with_leading_zeros_are_text_and_others_numbers(tmp_path):
    found = read(tmp_path, "ward,x,stay\n007,1,2\n7,2,3\n10,3,4\n").X["ward"]
    assert found.tolist() == ["007", "7", "10"]
    assert read(tmp_path, "ward,x,stay\n0,007,2\n7,2,3\n10,3,4\n").X["ward"].tolist() == [0, 7, 10]
    assert read_frame(tmp_path / "t.csv")["x"].tolist() == [7, 2, 3]


def test_latin_letters_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(InputError, match=r"not UTF-8 text.*iconv"):
        read(tmp_path, as_text().encode("latin-1"))


def test_objects_that_are_numbers_are_numbers(tmp_path):
    frame = FRAME.assign(age=pd.Series([True, False, None, True], dtype=object), x=1.0)
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", task="ward", target="stay", drop_missing=True)
    assert np.array_equal(table.X["age"], [1.0, 0.0, 1.0])
