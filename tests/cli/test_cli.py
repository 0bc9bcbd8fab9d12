"""The command line: the main job, models in and out, and bad input that ends with one message and exit code 2."""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kinfolk import InputError, load_model
from kinfolk.cli import main
from kinfolk.datasets import make_shared_representation


def table(n_tasks=8, n=12):
    data = make_shared_representation(n_tasks=n_tasks, n_samples=n, n_features=3, rank=2, random_state=0)
    frame = data.X.rename(columns={"task": "school"}).assign(school=lambda f: "s" + f["school"].astype(str))
    return frame.assign(score=data.y, town="x" + frame["school"])


@pytest.fixture
def csv(tmp_path):
    def write(frame, name="table.csv"):
        path = tmp_path / name
        frame.to_csv(path, index=False)
        return str(path)

    return write


def compare(path, *more):
    return main(["compare", path, "--task", "school", "--target", "score", *more])


def test_the_main_job(csv, tmp_path, capsys):
    path = csv(table())
    report, numbers, model = (str(tmp_path / name) for name in ("r.html", "n.json", "m.kin"))
    assert compare(path, "--report", report, "--json", numbers, "--save", model) == 0
    out, err = capsys.readouterr()
    assert "Use " in out
    assert "SharedRepresentationRegressor" in out
    assert "Left out (not numeric): town" in err
    found = json.loads(Path(numbers).read_text())
    assert found["command"] == f"kinfolk compare {path} --task school --target score"
    assert f"Use {found['reason']}" in " ".join(out.split()).replace("  ", " ")
    assert "<h1>" in Path(report).read_text()
    assert main(["describe", model]) == 0
    assert found["recommended"] in capsys.readouterr().out


def test_fit_predict_adapt(csv, tmp_path, capsys):
    frame = table()
    new = frame["school"].isin(["s6", "s7"])
    model, other = str(tmp_path / "m.kin"), str(tmp_path / "n.kin")
    old, later = csv(frame[~new], "old.csv"), csv(frame[new], "new.csv")
    fit = ["fit", old, "--task", "school", "--target", "score", "--method", "PartialPoolingRegressor", "--save", model]
    assert main(fit) == 0
    assert main(["predict", model, later]) == 2
    assert "'s6', 's7'" in capsys.readouterr().err
    assert main(["predict", model, later, "--unseen", "population", "--std", "-o", str(tmp_path / "p.csv")]) == 0
    population = pd.read_csv(tmp_path / "p.csv")
    assert list(population.columns) == ["task", "prediction", "std"]
    assert main(["adapt", model, later, "--target", "score", "--save", other]) == 0
    assert "2 new tasks, 8 in all" in capsys.readouterr().out
    assert main(["predict", other, later]) == 0
    adapted = pd.read_csv(pd.io.common.StringIO(capsys.readouterr().out))
    truth = frame[new]["score"].to_numpy()
    assert np.mean((adapted["prediction"] - truth) ** 2) < np.mean((population["prediction"] - truth) ** 2)


def test_a_saved_task_graph_is_described_by_its_edges(csv, tmp_path, capsys):
    path, model = csv(table()), str(tmp_path / "m.kin")
    fit = ["fit", path, "--task", "school", "--target", "score", "--method", "TaskGraphRegressor", "--save", model]
    assert main(fit) == 0
    assert main(["describe", model]) == 0
    out = capsys.readouterr().out
    found = load_model(model)
    assert f"coupling    {found.coupling_advice_}" in out
    edges = int(found.graph_.nnz // 2)
    assert f"edges       {edges}" in out
    if edges:
        strongest = max(found.tasks_, key=lambda task: float(found.neighbors(task).max()))
        near = found.neighbors(strongest)
        pair = sorted((str(strongest), str(near.index[0])))
        assert f"edges       {edges}: {pair[0]} - {pair[1]} ({near.iloc[0]:.4g})" in out


def test_wide_data(capsys):
    assert main(["compare", "meats", "--methods", "PooledRidge"]) == 0
    assert "3 tasks" in capsys.readouterr().out


def test_datasets(tmp_path, capsys):
    assert main(["datasets"]) == 0
    assert "neighborhood" in capsys.readouterr().out
    assert main(["datasets", "ames", "--save", str(tmp_path / "ames.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "ames.csv")) == 2930
    assert main(["datasets", "iris"]) == 2


def spoiled(**cells):
    """The table with some cells replaced: column -> {row: value}."""
    frame = table()
    for column, values in cells.items():
        frame[column] = frame[column].astype(object)
        for row, value in values.items():
            frame.loc[row, column] = value
    return frame


BAD = {
    "missing task column": (table().rename(columns={"school": "School"}), [], ["no column 'school'", "'School'"]),
    "missing target": (table(), ["--target", "scores"], ["no column 'scores'", "did you mean 'score'"]),
    "missing feature": (table(), ["--features", "x0,x9"], ["no column 'x9'"]),
    "text in a feature": (
        spoiled(x1={3: "12,5", 7: "unknown"}),
        [],
        ["'x1'", "rows 3 ('12,5'), 7 ('unknown')", "number in every row", "--features"],
    ),
    "text in a feature asked for": (spoiled(x1={3: "twelve"}), ["--features", "x0,x1"], ["'x1'", "row 3 ('twelve')"]),
    "text in the target": (spoiled(score={5: "high"}), [], ["target column 'score'", "row 5 ('high')"]),
    "a text column as feature": (table(), ["--features", "x0,town"], ["'town'", "rows 0 ("]),
    "blank in a feature": (
        spoiled(x0={2: None, 9: "n/a"}),
        [],
        ["'x0'", "missing (NaN)", "rows 2, 9", "--drop-missing"],
    ),
    "infinity in a feature": (spoiled(x0={2: np.inf}), [], ["'x0'", "infinite (inf)", "row 2"]),
    "blank in the target": (spoiled(score={0: None}), [], ["target 'score'", "missing", "row 0"]),
    "infinity in the target": (spoiled(score={4: -np.inf}), [], ["target 'score'", "infinite", "row 4"]),
    "many bad rows": (spoiled(x0=dict.fromkeys(range(9), "?x")), [], ["rows 0 ('?x'), 1 ('?x')", "and 4 more"]),
    "missing label": (spoiled(school={1: None, 8: None}), [], ["task 'school'", "missing", "rows 1, 8"]),
    "one task": (table().assign(school="only"), [], ["'school'", "a single task, 'only'"]),
    "one class": (table().assign(score="good"), [], ["two classes", "good"]),
    "classes for a regression": (
        table().assign(score=lambda f: (f["score"] > 0) * 1),
        ["--scoring", "squared_error"],
        ["'score'", "classification"],
    ),
    "empty table": (table().iloc[:0], [], ["is empty"]),
    "target twice": (table(), ["--features", "x0,score"], ["'score'", "one thing at once"]),
    "folds": (table(), ["--cv", "1"], ["--cv must be at least 2"]),
    "fractional labels": (table().assign(school=lambda f: f["x0"]), ["--features", "x1,x2"], ["'school'", "whole"]),
    "unknown method": (table(), ["--methods", "Magic"], ["no method 'Magic'", "PooledRidge"]),
    "threads": (table(), ["--jobs", "0"], ["--jobs must be"]),
    "a feature twice": (table(), ["--features", "x0,x0"], ["'x0'", "named twice"]),
    "no feature": (table(), ["--features", ","], ["No feature column is left"]),
    "a negative weight": (table().assign(w=-1.0), ["--weights", "w"], ["weight", "negative"]),
    "no folder": (table(), ["--json", "/nowhere/at/all.json"], ["no folder '/nowhere/at'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_one_message_and_code_2(case, csv, capsys):
    frame, more, expected = BAD[case]
    assert compare(csv(frame), *more) == 2
    err = capsys.readouterr().err
    assert err.count("kinfolk compare:") == 1
    assert "Traceback" not in err
    for part in expected:
        assert part in err, err


def test_an_awkward_table_works(csv, capsys):
    """One-row tasks, a constant and a duplicated column, a task with constant target, and blanks: all at once."""
    frame = spoiled(x0={40: None}).drop(index=range(1, 12)).assign(flat=2.0, twin=lambda f: f["x1"])
    frame["score"] = frame["score"].where(frame["school"] != "s5", 1.0)
    assert compare(csv(frame), "--drop-missing") == 0
    out, err = capsys.readouterr()
    for text in ("1 task has one row", "Constant columns (they tell nothing): flat", "Dropped 1 row with"):
        assert text in out + err


def test_a_table_of_one_row_tasks_only_says_what_to_do(csv, capsys):
    frame = table(n_tasks=30, n=2).groupby("school", as_index=False).first()
    assert compare(csv(frame)) == 2
    assert "LeaveTasksOut" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["compare"], ["compare", "x.csv", "--cv", "many"], ["nothing"], []])
def test_bad_arguments_end_with_code_2(argv, capsys):
    assert main(argv) == 2
    capsys.readouterr()


def test_missing_and_unknown_files(tmp_path, capsys):
    assert main(["compare", "no.csv", "--task", "a", "--target", "b"]) == 2
    assert "no file 'no.csv'" in capsys.readouterr().err
    (tmp_path / "x.xlsx").write_text("")
    assert main(["compare", str(tmp_path / "x.xlsx"), "--task", "a", "--target", "b"]) == 2
    assert ".csv, .tsv, .parquet or .feather" in capsys.readouterr().err
    (tmp_path / "x.csv").write_text("")
    assert main(["compare", str(tmp_path / "x.csv"), "--task", "a", "--target", "b"]) == 2
    (tmp_path / "x.parquet").write_text("not parquet")
    assert main(["compare", str(tmp_path / "x.parquet"), "--task", "a", "--target", "b"]) == 2
    assert "could not be read as parquet" in capsys.readouterr().err


def test_an_interrupt_is_130_and_leaves_no_file(csv, tmp_path, capsys, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("kinfolk.selection.compare", stop)
    assert compare(csv(table()), "--json", str(tmp_path / "n.json")) == 130
    assert not (tmp_path / "n.json").exists()
    assert "interrupted" in capsys.readouterr().err


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kinfolk 0.")


def test_the_baseline_alone_makes_a_report(csv, tmp_path, capsys):
    report = tmp_path / "r.html"
    assert compare(csv(table()), "--methods", "IndependentRidge", "--report", str(report)) == 0
    assert "Stay with IndependentRidge" in report.read_text()
    assert "Use IndependentRidge" in capsys.readouterr().out


def test_a_warning_is_one_line(csv, capsys, monkeypatch):
    def warn(*_, **__):
        warnings.simplefilter("always")
        warnings.warn("stopped early", UserWarning, stacklevel=1)
        raise InputError("enough")

    monkeypatch.setattr("kinfolk.selection.compare", warn)
    assert compare(csv(table())) == 2
    assert "kinfolk compare: note: stopped early\n" in capsys.readouterr().err


def test_products_of_small_matrices_get_one_thread_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert main(["--version"]) == 0
    assert [os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")] == ["3", "1", "1"]
