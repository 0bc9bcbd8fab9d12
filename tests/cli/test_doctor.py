"""``kinfolk doctor``: findings of a messy file, the commands that come next, pages and numbers, and what is refused."""

import json
import os
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinfolk.cli import main

DATA = Path(os.environ.get("KINFOLK_DATA", "none"))


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    code = np.repeat(np.arange(15), 24)
    X = generator.normal(size=(360, 3))
    frame = pd.DataFrame(X, columns=["age", "crp", "score"]).assign(hospital=[f"St. {i}" for i in code])
    frame["stay"] = X @ [1.0, 0.5, -1.0] + generator.normal(size=360)
    frame.to_csv(tmp_path / "clean.csv", index=False)
    frame["bill"] = 100.0 * frame["stay"] + 20.0
    frame["lab"] = generator.normal(size=360).round(3).astype(object)
    frame.loc[[5, 9], "lab"] = "<0.5"
    frame.loc[[3, 30, 300], "crp"] = np.nan
    frame["city"] = "Bern"
    frame["late"] = np.where(generator.random(360) < 0.1, generator.normal(size=360), np.nan)
    frame.to_csv(tmp_path / "messy.csv", index=False)
    return tmp_path


def doctor(path, *more):
    return main(["doctor", str(path), "--task", "hospital", "--target", "stay", *more])


def test_a_clean_table(folder, capsys):
    assert doctor(folder / "clean.csv") == 0
    out = capsys.readouterr().out
    assert "360 rows, 15 tasks of 24 rows, 3 features" in out
    assert "No problem found, 0 notes: ready for a fit." in out
    assert "Problems" not in out
    assert f"kinfolk plan {folder}/clean.csv --task hospital --target stay\n" in out


def test_a_messy_table_and_what_comes_next(folder, capsys):
    page, numbers = folder / "d.html", folder / "d.json"
    assert doctor(folder / "messy.csv", "--report", str(page), "--json", str(numbers)) == 0
    out, found = capsys.readouterr().out, json.loads(numbers.read_text())
    assert "'bill' is the target 'stay' up to scale and offset." in out
    assert "rows 5 ('<0.5'), 9 ('<0.5')" in out
    assert "'crp' (3)" in out
    assert "Not numbers, left out: 'city'." in out
    assert out.index("Problems") < out.index("Notes") < out.index("problems to solve") < out.rindex("kinfolk compare")
    for finding in found["findings"]:
        assert finding["text"] in out
        assert finding["remedy"] in out
    assert found["missing"] == {"crp": 3, "lab": 2, "late": found["missing"]["late"]}
    assert found["command"] in page.read_text()
    capsys.readouterr()
    assert main(shlex.split(found["next"][0])[1:]) == 0  # what it proposes runs
    assert "357 rows, 15 tasks" in capsys.readouterr().out


def test_chosen_features_and_bundled_sets(folder, capsys):
    assert doctor(folder / "messy.csv", "--features", "age,score") == 0
    assert "--features age,score\n" in capsys.readouterr().out
    assert main(["doctor", "ames"]) == 0
    out = capsys.readouterr().out
    assert "2,930 rows, 28 tasks" in out
    assert "'Landmark'" in out


@pytest.mark.parametrize("severe", ["hospital", "stay"])
def test_where_no_fit_makes_sense_none_is_proposed(folder, severe, capsys):
    frame = pd.read_csv(folder / "clean.csv")
    frame[severe] = [f"row {i}" for i in range(360)] if severe == "hospital" else 1.0
    frame.to_csv(folder / "bad.csv", index=False)
    assert doctor(folder / "bad.csv") == 0
    out = capsys.readouterr().out
    assert "1 problem to solve" in out
    assert "kinfolk plan" not in out


def test_what_cannot_be_looked_at_is_refused(folder, capsys):
    def said():
        return " ".join(capsys.readouterr().err.split())

    assert main(["doctor", str(folder / "clean.csv"), "--target", "stay"]) == 2
    assert "--task" in said()
    assert doctor(folder / "clean.csv", "--features", "agee") == 2
    assert "did you mean 'age'" in said()
    assert doctor(folder / "messy.csv", "--features", "city") == 2
    assert "No feature column is left" in said()
    assert doctor(folder / "clean.csv", "--report", str(folder / "none" / "r.html")) == 2
    assert "no folder" in said()


@pytest.mark.parametrize("name", ["radon", "landmine", "school_ilea", "exam65"])
def test_real_tables(name, capsys):
    path = DATA / f"{name}.parquet"
    if not path.is_file():
        pytest.skip("the real tables are not there: set KINFOLK_DATA to their folder")
    assert main(["doctor", str(path), "--task", "task", "--target", "y"]) == 0
    assert "effective dimension" in capsys.readouterr().out
