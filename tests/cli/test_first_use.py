"""What people run into who use the command line for the first time."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest

from kinfolk import load_model, read_table
from kinfolk.cli import main
from kinfolk.cli._table import sizes, split_names
from kinfolk.selection.recommendation import beats_the_mean

GENERATOR = np.random.default_rng(0)
N_TASKS, N_ROWS = 6, 8
FRAME = pd.DataFrame(GENERATOR.normal(size=(N_TASKS * N_ROWS, 2)), columns=["age", "bmi"])
FRAME.insert(0, "ward", np.repeat([f"Ward {letter}" for letter in "ABCDEF"], N_ROWS))
FRAME["stay"] = FRAME["age"] - FRAME["bmi"] + np.repeat(GENERATOR.normal(size=N_TASKS), N_ROWS)
FRAME["stay"] += 0.3 * GENERATOR.normal(size=len(FRAME))
COLUMNS = ["--task", "ward", "--target", "stay"]
QUICK = ["--methods", "PooledRidge", "--cv", "2"]


@pytest.fixture
def path(tmp_path):
    FRAME.to_csv(tmp_path / "wards of 2020.csv", index=False)
    return str(tmp_path / "wards of 2020.csv")


@pytest.mark.parametrize("command", ["compare", "doctor", "plan", "fit", "predict", "adapt", "datasets"])
def test_places_that_cannot_be_written_are_refused_before_the_work(command, path, tmp_path, capsys):
    """A folder, and a folder in which nothing can be made (of /proc not even root can)."""
    arguments = {
        "compare": [path, *COLUMNS, "--report"],
        "doctor": [path, *COLUMNS, "--json"],
        "plan": [path, *COLUMNS, "--json"],
        "fit": [path, *COLUMNS, "--method", "PooledRidge", "--save"],
        "predict": ["no.kin", path, "-o"],
        "adapt": ["no.kin", path, "--target", "stay", "--save"],
        "datasets": ["ames", "--save"],
    }[command]
    assert main([command, *arguments, str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert main([command, *arguments, "/proc/there.is"]) == 2
    assert "Nothing can be written into '/proc'" in capsys.readouterr().err


def test_a_narrow_terminal_shows_whole_names_and_numbers(path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    assert main(["compare", path, *COLUMNS, *QUICK]) == 0
    out = capsys.readouterr().out
    assert "IndependentRidge" in out
    assert "…" not in out


def test_no_bar_and_no_empty_line_outside_of_a_terminal(path, capsys):
    assert main(["compare", path, *COLUMNS, *QUICK]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["compare", "doctor"])
def test_names_with_commas_are_quoted(command, tmp_path, capsys):
    FRAME.rename(columns={"age": "age, years"}).assign(late=np.where(np.arange(48) < 40, np.nan, 1.0)).to_csv(
        tmp_path / "t.csv", index=False
    )
    more = QUICK if command == "compare" else []
    asked = ["--features", '"age, years",bmi']
    assert main([command, str(tmp_path / "t.csv"), *COLUMNS, *asked, *more]) == 0
    assert "2 features" in capsys.readouterr().out
    assert main(["doctor", str(tmp_path / "t.csv"), *COLUMNS, "--json", str(tmp_path / "d.json")]) == 0
    proposed = shlex.split(json.loads((tmp_path / "d.json").read_text())["next"][1])
    assert split_names(proposed[proposed.index("--features") + 1]) == ["age, years", "bmi"]


@pytest.mark.parametrize("empty", [["--task", "ward", "--target", ""], ["--task", "", "--target", "stay"]])
@pytest.mark.parametrize("command", ["compare", "doctor"])
def test_empty_names_are_refused(command, empty, path, capsys):
    assert main([command, path, *empty]) == 2
    err = capsys.readouterr().err
    assert "--target" in err or "no column ''" in err


def test_what_is_for_one_target_says_so(path, capsys):
    for command in ("doctor", "plan"):
        assert main([command, path, "--target", "stay,bmi"]) == 2
        assert "one --target" in capsys.readouterr().err


def test_a_plan_of_more_than_two_classes_is_refused(path, tmp_path, capsys):
    """They were counted 0, 1, 2 ... and planned for as numbers."""
    FRAME.assign(stay=[f"c{i % 3}" for i in range(len(FRAME))]).to_csv(path, index=False)
    assert main(["plan", path, *COLUMNS]) == 2
    assert "two classes; the target 'stay' holds 3 classes" in capsys.readouterr().err


def test_whole_classes_are_not_called_by_fractions(path, tmp_path, capsys):
    FRAME.assign(stay=(FRAME["stay"] > 0) * 1).to_csv(path, index=False)
    numbers = tmp_path / "n.json"
    assert main(["compare", path, *COLUMNS, "--methods", "PooledLogistic", "--cv", "2", "--json", str(numbers)]) == 0
    assert "48 rows, 6 tasks of 8 rows, 2 features, 2 classes (0, 1)" in capsys.readouterr().out
    assert list(json.loads(numbers.read_text())["data"]["classes"]) == ["0", "1"]
    assert main(["doctor", path, *COLUMNS]) == 0
    assert "2 classes (0, 1)" in capsys.readouterr().out


def test_two_fractional_values_are_asked_to_be_named(path, capsys):
    FRAME.assign(stay=(FRAME["stay"] > 0) + 0.5).to_csv(path, index=False)
    assert main(["compare", path, *COLUMNS]) == 2
    assert "call them 0 and 1" in capsys.readouterr().err


def test_sizes_in_words():
    data = {
        "n_rows": 1200,
        "n_tasks": 1,
        "n_features": 1,
        "rows_per_task": {"min": 1200, "max": 1200, "median": 1200.0},
    }
    assert sizes(data) == "1,200 rows, 1 task of 1,200 rows, 1 feature"
    data = data | {"n_tasks": 2, "rows_per_task": {"min": 1, "max": 1199, "median": 600.0}}
    assert sizes(data, ["a", "b"]) == "1,200 rows, 2 tasks of 1 to 1,199 rows (median 600), 1 feature, 2 classes (a, b)"


def test_labels_of_text_stay_text_in_rows_that_look_like_numbers(tmp_path, capsys):
    """Wards 01 to 12 are fitted; the rows to predict are of ward 12 only."""
    labels = np.repeat(["01", "02", "03", "10", "11", "12"], N_ROWS)
    frame = FRAME.assign(ward=labels)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame[labels == "12"].to_csv(tmp_path / "new.csv", index=False)
    model = str(tmp_path / "m.kin")
    assert main(["fit", str(tmp_path / "t.csv"), *COLUMNS, "--method", "PooledRidge", "--save", model]) == 0
    assert load_model(model).tasks_.tolist() == ["01", "02", "03", "10", "11", "12"]
    capsys.readouterr()
    assert main(["predict", model, str(tmp_path / "new.csv")]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("12,")


def test_cells_of_new_rows_are_read_as_those_of_the_fit(path, tmp_path, capsys):
    """Words for missing cells are missing, other text is named, and a class or a number is wanted as target."""
    model, new = str(tmp_path / "m.kin"), tmp_path / "new.csv"
    assert main(["fit", path, *COLUMNS, "--method", "PartialPoolingRegressor", "--save", model]) == 0
    rows = FRAME.iloc[:4].assign(ward="Ward Z").astype({"age": object, "stay": object})
    for column, cell, said in (
        ("age", "<1", "row 2 ('<1')"),
        ("age", "-", "NaN in row 2"),
        ("stay", "?", "NaN in row 2"),
    ):
        spoiled = rows.copy()
        spoiled.loc[2, column] = cell
        spoiled.to_csv(new, index=False)
        capsys.readouterr()
        assert main(["adapt", model, str(new), "--target", "stay", "--save", str(tmp_path / "n.kin")]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert "--features" not in err


def said_of(frame, path, capsys, *more):
    frame.to_csv(path, index=False)
    assert main(["compare", path, *COLUMNS, *more]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_problems_that_the_doctor_finds_stand_below_the_comparison(path, capsys):
    assert "Problem" not in said_of(FRAME, path, capsys, *QUICK)
    assert "Problem: 'copy' is the target" in said_of(FRAME.assign(copy=2.0 * FRAME["stay"]), path, capsys, *QUICK)
    spelled = [label.upper() if i % 2 else label for i, label in enumerate(FRAME["ward"])]
    assert "differ in case, blanks or leading zeros only: 'WARD A'" in said_of(
        FRAME.assign(ward=spelled), path, capsys, *QUICK
    )
    zeros = ["07" if i < N_ROWS else "7" if i < 2 * N_ROWS else label for i, label in enumerate(FRAME["ward"])]
    assert "'07', '7'" in said_of(FRAME.assign(ward=zeros), path, capsys, *QUICK)


def test_where_nothing_predicts_better_than_means_the_recommendation_says_so(path, capsys):
    noise = np.random.default_rng(0).normal(size=len(FRAME))
    assert "No method predicts clearly better" not in said_of(FRAME, path, capsys, *QUICK)
    assert "No method predicts clearly better than means" in said_of(FRAME.assign(stay=noise), path, capsys, *QUICK)
    classes, task_of = np.tile([0.0, 1.0], 20), np.repeat(np.arange(4), 10)
    for sure, beats in ((0.5, False), (0.6, True)):
        loss = np.full(40, -np.log(sure))
        assert beats_the_mean(classes, [loss], task_of, None, "log_loss") == beats


def test_few_whole_numbers_are_said_to_be_taken_for_measurements(path, capsys):
    marks = np.clip(np.round(FRAME["stay"] + 3.0), 1, 5)
    assert "holds 5 whole numbers, 1 to 5: taken for measurements" in said_of(
        FRAME.assign(stay=marks), path, capsys, *QUICK
    )
    assert read_table(path, task="ward", target="stay").y.dtype == "int64"  # as classes: 1, not 1.0


def test_true_and_false_are_classes_of_these_names(path, tmp_path, capsys):
    model, new = str(tmp_path / "m.kin"), str(tmp_path / "new.csv")
    frame = FRAME.assign(stay=FRAME["stay"] > 0.0)
    frame.to_csv(path, index=False)
    frame.head(4).assign(ward="Ward Z").to_csv(new, index=False)
    assert main(["fit", path, *COLUMNS, "--method", "MeanRegularizedClassifier", "--save", model]) == 0
    assert load_model(model).classes_.tolist() == [False, True]
    assert main(["adapt", model, new, "--target", "stay", "--save", model]) == 0
    assert "1 new tasks, 7 in all" in capsys.readouterr().out
