"""Saved nets on the command line: described, used, and taught new tasks."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import kinfolk
from kinfolk.cli import main
from kinfolk.datasets import make_shared_representation


@pytest.mark.parametrize("classes", [True, False])
def test_a_saved_net_is_described_predicts_and_adapts(classes, tmp_path, capsys):
    data = make_shared_representation(n_tasks=5, n_samples=20, n_features=4, rank=1, random_state=0)
    method = kinfolk.SharedFeatureClassifier if classes else kinfolk.SharedFeatureRegressor
    y = data.y > 0 if classes else data.y
    model = method(task="task", max_iter=30).fit(data.X, y)
    saved, rows, new, out, more = (str(tmp_path / name) for name in ("n.kin", "x.csv", "new.csv", "p.csv", "m.kin"))
    kinfolk.save_model(model, saved)
    assert main(["describe", saved]) == 0
    described = capsys.readouterr().out
    assert "30 steps of gradient descent" in described
    assert "head_kind_" in described
    data.X.to_csv(rows, index=False)
    assert main(["predict", saved, rows, "--output", out]) == 0
    assert (pd.read_csv(out)["prediction"] == pd.Series(model.predict(data.X))).all()
    assert main(["predict", saved, rows, "--std"]) == 2
    assert "a net has no posterior, and so no --std" in capsys.readouterr().err
    data.X.assign(task=77, y=y).head(10).to_csv(new, index=False)
    assert main(["adapt", saved, new, "--target", "y", "--save", more]) == 0
    assert 77 in kinfolk.load_model(more).tasks_


def test_images_are_compared_with_a_net(tmp_path, capsys, monkeypatch):
    digits = load_digits()
    rows = np.flatnonzero(digits.target < 2)[:120]
    X = kinfolk.patches_to_frame(digits.images[rows], np.arange(120) % 3)
    table, report, numbers = (str(tmp_path / name) for name in ("d.csv", "r.html", "n.json"))
    X.assign(digit=digits.target[rows]).to_csv(table, index=False)
    monkeypatch.setattr(kinfolk, "all_estimators", lambda kind: [kinfolk.PooledLogistic, kinfolk.IndependentLogistic])
    command = ["compare", table, "--task", "task", "--target", "digit", "--cv", "2", "--report", report]
    assert main([*command, "--image-shape", "1,8,8", "--json", numbers]) == 0
    found = json.loads((tmp_path / "n.json").read_text())
    assert "SharedFeatureClassifier" in [row["method"] for row in found["methods"]]
    assert "--image-shape 1,8,8" in found["command"]
    assert "How SharedFeatureClassifier learned" in (tmp_path / "r.html").read_text()
    capsys.readouterr()
    assert main([*command, "--image-shape", "8x8"]) == 2
    assert "channels,height,width, for example 1,28,28; got '8x8'" in capsys.readouterr().err
