"""``kinfolk plan``: predicted beside measured, pages and numbers, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from kinfolk.cli import main


@pytest.fixture
def table(tmp_path):
    generator = np.random.default_rng(0)
    shop = np.repeat([f"s{i:02d}" for i in range(15)], 24)
    W = np.sqrt(0.5 / 8) * (generator.normal(size=8) + generator.normal(size=(15, 8)))
    X = generator.normal(size=(360, 8))
    y = (X * W[np.repeat(np.arange(15), 24)]).sum(axis=1) + 0.5 * generator.normal(size=360)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(8)]).assign(shop=shop, sales=y)
    frame.to_csv(tmp_path / "shops.csv", index=False)
    return tmp_path


def plan(table, *more):
    return main(["plan", str(table / "shops.csv"), "--task", "shop", "--target", "sales", *more])


def test_it_predicts_without_a_fit(table, capsys):
    assert plan(table, "--target-risk", "0.3") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "360 rows, 15 tasks (median 24 rows), 8 features" in out
    assert "Couple the tasks: predicted to save" in out
    assert "An error of 0.3 takes" in out
    assert "measured gain" not in out
    assert "Note: 8 features: predictions are for many" in out


def test_measured_errors_stand_beside_the_predicted(table, capsys):
    numbers, page = table / "n.json", table / "r.html"
    assert plan(table, "--measure", "--over", "T", "--json", str(numbers), "--report", str(page)) == 0
    found, out = json.loads(numbers.read_text()), capsys.readouterr().out
    assert found["command"] in page.read_text()
    assert found["command"].endswith("--over T --measure")
    last = {row["way"]: row["error"] for row in found["measured"]}
    assert all(f"{error:.4g}" in out for error in last.values())
    for row in found["predicted"]:  # one table of 8 features scatters around its prediction by some 9%
        assert last[row["way"]] == pytest.approx(row["error"], rel=0.4)
    factors = sorted({row["factor"] for row in found["measured"]})
    assert len(factors) == 4
    assert factors[-1] == pytest.approx(0.8, abs=0.01)


def test_what_cannot_be_planned_is_refused(table, capsys):
    assert main(["plan", str(table / "shops.csv"), "--target", "sales,x0"]) == 2
    assert "name their column with --task" in " ".join(capsys.readouterr().err.split())
    assert plan(table, "--report", str(table / "none" / "r.html")) == 2
    assert "no folder" in capsys.readouterr().err
    assert plan(table, "--target-risk", "-1") == 2
    assert "larger than zero" in " ".join(capsys.readouterr().err.split())
