"""Bundled tables and the folder of the others."""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from kinfolk.datasets import DATASETS, data_directory, load_ames, load_meats, load_real, load_watch
from kinfolk.exceptions import InputError
from kinfolk.validation import check_regression_target, check_table, check_target

FILES = {"ames": "ames_housing", "watch": "watch_exercise", "meats": "meats_nir"}


@pytest.mark.parametrize("name", DATASETS)
def test_every_bundled_table_is_ready_for_fit_and_has_its_notice(name):
    data = DATASETS[name]()
    assert data.name == name
    table = check_table(data.X, task=data.task)
    assert table.features.shape[0] == len(data.y) == len(data.frame)
    targets = [data.target] if isinstance(data.target, str) else list(data.target)
    assert data.frame.columns.tolist() == data.X.columns.tolist() + targets
    assert not any(column.startswith(("x__", "y__")) for column in data.frame)
    assert str(len(data.frame)) in data.description
    notice = (files("kinfolk.datasets") / "data" / f"{FILES[name]}.LICENSE.txt").read_text(encoding="utf-8")
    assert "Copyright (c)" in notice
    assert "Changes made for kinfolk" in notice
    assert f"{FILES[name]}.LICENSE.txt" in data.licence


def test_ames():
    ames = load_ames()
    assert ames.X.columns[-1] == ames.task == "neighborhood"
    sizes = ames.X["neighborhood"].value_counts()
    assert (len(sizes), sizes.min(), sizes.median(), sizes.max()) == (28, 1, 82.5, 443)
    assert ames.y.name == "log_price"
    assert 12_000 < np.exp(ames.y).min() < 14_000
    check_regression_target(ames.y)


def test_meats_is_wide():
    meats = load_meats()
    assert isinstance(meats.y, pd.DataFrame)
    assert check_target(meats.y, n_rows=215, allow_2d=True, allow_missing=False).shape == (215, 3)
    assert meats.y["water"].between(0, 100).all()


def test_watch_is_for_classification():
    watch = load_watch()
    assert watch.X["subject"].nunique() == 10
    with pytest.raises(InputError, match=r"target 'exercise' holds text .*classification"):
        check_regression_target(watch.y)


def test_the_folder_of_real_data_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("KINFOLK_DATA", str(tmp_path / "absent"))
    assert data_directory() is None
    with pytest.raises(
        FileNotFoundError, match=r"absent.*Set KINFOLK_DATA to the folder that holds school_ilea\.parquet"
    ):
        load_real("school_ilea")
    monkeypatch.setenv("KINFOLK_DATA", str(tmp_path))
    assert data_directory() == tmp_path
    with pytest.raises(FileNotFoundError, match=r"school_ilea\.parquet is absent"):
        load_real("school_ilea")
    long = pd.DataFrame({"task": ["a", "b"], "y": [1, 2], "x__size": [3, 4], "week": [5, 6]})
    long.to_parquet(tmp_path / "long.parquet")
    data = load_real("long")
    assert (data.task, data.target, data.X.columns.tolist()) == ("task", "y", ["size", "task"])
    assert data.frame.columns.tolist() == ["size", "task", "week", "y"]
    wide = pd.DataFrame({"task": ["all"] * 2, "y__p": [1, 2], "y__q": [1, np.nan], "x__size": [3, 4]})
    wide.to_parquet(tmp_path / "wide.parquet")
    data = load_real("wide")
    assert (data.task, data.target, data.X.columns.tolist()) == (None, ("p", "q"), ["size"])


@pytest.mark.parametrize(("name", "tasks", "inputs"), [("school_ilea", 139, 27), ("exam65", 65, 9), ("radon", 85, 2)])
def test_other_real_tables(name, tasks, inputs):
    if data_directory() is None:
        pytest.skip("the folder of real data (KINFOLK_DATA) is absent")
    data = load_real(name)
    table = check_table(data.X, task=data.task)
    assert table.features.shape[1] == inputs
    assert len(np.unique(table.labels)) == tasks
