"""Classifiers on the command line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kinfolk
from kinfolk import TaskGraphClassifier, save_model
from kinfolk.cli import main
from kinfolk.datasets import make_clustered_tasks, make_shared_classification


@pytest.fixture
def tables(tmp_path):
    data = make_shared_classification(n_tasks=8, n_samples=25, n_features=3, rank=1, random_state=0)
    frame = data.X.rename(columns={"task": "field"}).assign(mine=["yes" if y else "no" for y in data.y])
    new = frame["field"] >= 6
    frame[~new].to_csv(tmp_path / "old.csv", index=False)
    frame[new].to_csv(tmp_path / "new.csv", index=False)
    return str(tmp_path / "old.csv"), str(tmp_path / "new.csv"), frame[new]


def test_fit_describe_predict_adapt(tables, tmp_path, capsys):
    old, new, frame = tables
    model, adapted = str(tmp_path / "m.kin"), str(tmp_path / "n.kin")
    fit = ["fit", old, "--task", "field", "--target", "mine", "--save", model]
    assert main([*fit, "--method", "SharedRepresentationClassifier"]) == 0
    assert "6 tasks, 2 classes, 3 features; converged" in capsys.readouterr().out
    assert main(["describe", model]) == 0
    out = capsys.readouterr().out
    assert "2: no, yes" in out
    assert "rank_" in out
    assert main(["predict", model, new]) == 2
    assert "'6', '7'" in capsys.readouterr().err
    assert main(["predict", model, new, "--unseen", "population", "--std"]) == 2
    assert "has no --std" in capsys.readouterr().err
    assert main(["adapt", model, new, "--target", "mine", "--save", adapted]) == 0
    assert "2 new tasks, 8 in all" in capsys.readouterr().out
    assert main(["predict", adapted, new, "-o", str(tmp_path / "p.csv")]) == 0
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found.columns) == ["task", "prediction", "probability_no", "probability_yes"]
    assert (found["prediction"] == frame["mine"].to_numpy()).mean() > 0.6
    assert ((found["probability_yes"] > 0.5) == (found["prediction"] == "yes")).all()


def test_a_regression_of_classes_names_the_classifier(tables, tmp_path, capsys):
    old, *_ = tables
    common = [old, "--task", "field", "--target", "mine"]
    assert main(["fit", *common, "--method", "PooledRidge", "--save", str(tmp_path / "m.kin")]) == 2
    assert "Use SharedRepresentationClassifier" in capsys.readouterr().err
    assert main(["compare", *common, "--scoring", "squared_error"]) == 2
    assert "this is a classification problem" in " ".join(capsys.readouterr().err.split())


def test_classes_are_compared_by_their_log_loss_and_the_best_is_saved(tables, tmp_path, capsys):
    old, *_ = tables
    saved, page, numbers = (str(tmp_path / name) for name in ("best.kin", "report.html", "numbers.json"))
    common = ["compare", old, "--task", "field", "--target", "mine", "--methods", "PooledLogistic"]
    assert main([*common, "--save", saved, "--report", page, "--json", numbers]) == 0
    told = capsys.readouterr().out
    for word in ("log loss", "AUC", "accuracy", "IndependentLogistic", "fitting each task alone"):
        assert word in told
    found = json.loads(Path(numbers).read_text())
    assert list(found["measures"]) == ["loss", "d2", "auc", "accuracy"]
    assert sum(found["data"]["classes"].values()) == pytest.approx(1.0)
    assert "mean log loss" in Path(page).read_text()
    assert type(kinfolk.load_model(saved)).__name__ == found["recommended"]


def test_classes_that_are_whole_numbers_are_not_called_floats(tables, tmp_path):
    old, new, _ = tables
    for path in (old, new):
        frame = pd.read_csv(path)
        frame.assign(mine=(frame["mine"] == "yes").astype(int)).to_csv(path, index=False)
    model, adapted, found = (str(tmp_path / name) for name in ("m.kin", "n.kin", "p.csv"))
    fit = ["fit", old, "--task", "field", "--target", "mine", "--save", model]
    assert main([*fit, "--method", "SharedRepresentationClassifier"]) == 0
    assert main(["adapt", model, new, "--target", "mine", "--save", adapted]) == 0
    assert main(["predict", adapted, new, "-o", found]) == 0
    table = pd.read_csv(found)
    assert list(table.columns) == ["task", "prediction", "probability_0", "probability_1"]
    assert set(table["prediction"]) <= {0, 1}


def test_a_graph_a_class_is_described_a_line_each(tmp_path, capsys):
    data = make_clustered_tasks(3, n_tasks=9, n_samples=30, n_features=4, random_state=0)
    labels = np.array(["a", "b", "c"])[np.digitize(data.y, [-1, 1])]
    model = TaskGraphClassifier(task="task", shrinkage=0.5).fit(data.X, labels)
    save_model(model, tmp_path / "m.kin")
    assert main(["describe", str(tmp_path / "m.kin")]) == 0
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    found = {(words[0], words[1]): words[2] for words in lines if len(words) == 3}
    for place, label in enumerate("abc"):
        assert found["coupling,", label] == model.coupling_advice_[place]
        assert found["edges,", label].startswith(f"{model.graph_[place].nnz // 2}: ")
