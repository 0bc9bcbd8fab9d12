"""Tables from files: every format gives the same table; columns are chosen as the words say."""

import gzip

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kinfolk import InputError, read_table

FRAME = pd.DataFrame({"shop": ["a", "b", "a", "b"], "x": [1.0, 2, 3, 4], "n": [1, 2, 3, 4], "open": [True, False] * 2})
FRAME["y"] = [0.5, 1.5, 2.5, 3.0]


def write(path, frame=FRAME):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".feather":
        frame.to_feather(path)
    else:
        text = frame.to_csv(index=False, sep="\t" if ".tsv" in path.name else ",")
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz", "t.parquet", "t.feather"])
def test_every_format_gives_the_same_table(name, tmp_path):
    table = read_table(write(tmp_path / name), task="shop", target="y")
    assert list(table.X.columns) == ["x", "n", "open", "shop"]
    assert_frame_equal(table.X.drop(columns="shop"), FRAME[["x", "n", "open"]].astype(float), check_column_type=False)
    assert list(table.y) == list(FRAME["y"])
    assert (table.task, table.weights, table.left_out, table.dropped) == ("shop", None, [], 0)


def test_text_dates_and_categories_are_left_out_and_listed(tmp_path):
    frame = FRAME.assign(name=list("wxyz"), day=pd.date_range("2020-01-01", periods=4), empty=None)
    table = read_table(write(tmp_path / "t.parquet", frame), task="shop", target="y")
    assert table.left_out == ["name", "day", "empty"]


def test_weights_and_features_are_taken(tmp_path):
    table = read_table(write(tmp_path / "t.csv"), task="shop", target="y", features=["x"], weights="n")
    assert list(table.X.columns) == ["x", "shop"]
    assert list(table.weights) == [1, 2, 3, 4]


def test_wide_targets_may_have_missing_cells(tmp_path):
    frame = FRAME.assign(z=[1.0, np.nan, 2.0, 3.0]).drop(columns="shop")
    table = read_table(write(tmp_path / "t.csv", frame), target=["y", "z"])
    assert table.y.shape == (4, 2)
    assert table.y["z"].isna().sum() == 1
    one = read_table(tmp_path / "t.csv", target=["y"], features=["x"])
    assert list(one.y.columns) == ["y"]


def test_blank_words_are_missing_cells(tmp_path):
    frame = FRAME.assign(x=["1", " NA ", "3", "-"])
    with pytest.raises(InputError, match=r"'x': missing \(NaN\) cells in rows 1, 3"):
        read_table(write(tmp_path / "t.csv", frame), task="shop", target="y")
    table = read_table(write(tmp_path / "t.csv", frame), task="shop", target="y", drop_missing=True)
    assert (len(table.X), table.dropped) == (2, 2)


def test_dropping_everything_is_refused(tmp_path):
    frame = FRAME.assign(x=[None, 1.0, None, None], n=[1.0, None, 2.0, 3.0])
    frame.loc[1, "x"], frame.loc[[0, 2, 3], "n"] = 1.0, 1.0
    frame["m"] = [np.nan, 1.0, np.nan, np.nan]
    with pytest.raises(InputError, match="would leave nothing"):
        read_table(write(tmp_path / "t.csv", frame), task="shop", target="y", drop_missing=True)


def test_column_names_that_stand_twice_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("shop,x,x,y\na,1,2,3\n")
    with pytest.raises(InputError, match="'x' stand twice"):
        read_table(tmp_path / "t.csv", task="shop", target="y")


def test_columns_must_be_named(tmp_path):
    path = write(tmp_path / "t.csv")
    with pytest.raises(InputError, match="--target"):
        read_table(path, task="shop")
    with pytest.raises(InputError, match="--task"):
        read_table(path, target="y")
    with pytest.raises(InputError, match="No feature column is left"):
        read_table(write(tmp_path / "u.csv", FRAME[["shop", "y"]].assign(t="x")), task="shop", target="y")


def test_rows_longer_than_the_header_are_refused_and_never_shifted(tmp_path):
    (tmp_path / "t.csv").write_text("a,shop,b,y\n0.1,1,4,-0.2,7\n0.2,2,4,-0.3,7\n")
    with pytest.raises(InputError, match="more cells than the header"):
        read_table(tmp_path / "t.csv", task="shop", target="y")


@pytest.mark.parametrize("damage", ["not gzip", "cut short"])
def test_a_damaged_gzip_is_refused(damage, tmp_path):
    whole = gzip.compress(b"shop,x,y\na,1,2\n" * 50)
    (tmp_path / "t.csv.gz").write_bytes(b"not gzip" if damage == "not gzip" else whole[:-10])
    with pytest.raises(InputError, match="could not be read as csv"):
        read_table(tmp_path / "t.csv.gz", task="shop", target="y")
