"""``kinfolk transfer``: sources from files, every way to borrow beside the target alone, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from kinfolk import ReducedRankRegressor, load_model, save_model
from kinfolk.cli import main

RNG = np.random.default_rng(0)
FEATURES, RESPONSES = [f"x{j}" for j in range(8)], ["u", "v", "w"]
COEF = pd.DataFrame(RNG.normal(size=(3, 2)) @ RNG.normal(size=(2, 8)), RESPONSES, FEATURES)


def rows(n, coef=COEF, noise=1.0):
    X = pd.DataFrame(RNG.normal(size=(n, len(FEATURES))), columns=FEATURES)
    return X, X @ coef.T + noise * RNG.normal(size=(n, len(RESPONSES))) + 2.0


@pytest.fixture
def files(tmp_path):
    X, Y = rows(24)
    pd.concat((X.assign(site="north"), Y), axis=1).to_csv(tmp_path / "target.csv", index=False)
    COEF.to_csv(tmp_path / "true.csv")
    save_model(ReducedRankRegressor().fit(*rows(300)), tmp_path / "big.kin")
    pd.DataFrame(RNG.normal(size=COEF.shape), RESPONSES, FEATURES).to_csv(tmp_path / "other.csv")
    return tmp_path


def transfer(files, *sources, more=(), targets="u,v,w"):
    given = [word for name in sources for word in ("--source", str(files / name))]
    return main(["transfer", str(files / "target.csv"), *given, "--targets", targets, *more])


def test_a_source_that_helps_is_used_and_the_model_is_saved(files, capsys):
    numbers, model, report = (str(files / name) for name in ("n.json", "t.kin", "r.html"))
    more = ["--json", numbers, "--save", model, "--report", report]
    assert transfer(files, "big.kin", "other.csv", more=more) == 0
    out, err = capsys.readouterr()
    found = json.loads(Path(numbers).read_text())
    assert "Left out (not numeric): site" in err
    assert "24 rows, 8 features, 3 responses" in out
    assert found["candidates"][0]["kind"] == "target"
    assert found["selected"]["source"] == "big"
    assert found["selected"]["gain"] > 0.1
    assert found["selected"]["error"] == min(row["error"] for row in found["table"])
    assert {row["source"] for row in found["candidates"]} >= {"", "big", "other"}
    assert sorted(row["response"] for row in found["responses"]) == RESPONSES
    assert found["use"] in " ".join(out.split())
    assert found["use"].startswith("Use ")
    assert "Borrowing, response by response: " in out
    assert "Directions of features: 2 of 2 of the source's used" in " ".join(out.split())
    assert found["command"].startswith("kinfolk transfer ")
    page = Path(report).read_text()
    assert found["command"] in page
    assert found["fit"] in page
    assert f"Report: {report}" in out
    assert found["averaged"] > 1
    assert "weight: of all candidates of the kind" in out
    weight = max(row["kind_weight"] for row in found["candidates"])
    assert f"{weight:.0%}" in out
    again = load_model(model)
    assert again.source is None
    assert_allclose(again.cv_table_["error"].min(), found["selected"]["error"])
    X, truth = rows(200, noise=0.0)
    X.to_csv(files / "new.csv", index=False)
    assert main(["predict", model, str(files / "new.csv"), "-o", str(files / "p.csv")]) == 0
    predicted = pd.read_csv(files / "p.csv")
    assert list(predicted.columns) == ["prediction_u", "prediction_v", "prediction_w"]
    alone = ReducedRankRegressor().fit(*(pd.read_csv(files / "target.csv")[names] for names in (FEATURES, RESPONSES)))
    own = ((alone.predict(X) - truth.to_numpy()) ** 2).mean()
    assert ((predicted.to_numpy() - truth.to_numpy()) ** 2).mean() < 0.9 * own
    assert main(["describe", model]) == 0
    assert "SpectralTransferRegressor" in capsys.readouterr().out


def test_a_source_that_does_not_help_is_not_used_when_safe(files, capsys):
    assert transfer(files, "other.csv", more=["--safe", "5", "--rank", "2", "--cv", "4", "--seed", "1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Use the target alone: the best that borrows, " in out


@pytest.mark.filterwarnings("default")
def test_one_target_is_aligned_by_its_name(files, capsys):
    assert transfer(files, "true.csv", targets="v", more=["--features", ",".join(FEATURES[::-1])]) == 0
    out, err = capsys.readouterr()
    assert "1 responses" in out
    assert "2 responses ('u', 'w') that the target lacks" in err
    assert "v +" in out


BAD = {
    "a task": (["true.csv"], ["--task", "site"], "kinfolk compare"),
    "no source file": (["no.csv"], [], "no file"),
    "no model file": (["no.kin"], [], "no model file"),
    "the same source twice": (["true.csv", "true.csv"], [], "given twice"),
    "folds": (["true.csv"], ["--cv", "1"], "--cv must be at least 2"),
    "rank": (["true.csv"], ["--rank", "big"], "--rank must be rsc, cv or a whole number; got 'big'"),
    "too high a rank": (["true.csv"], ["--rank", "7"], "rank must be"),
    "safe": (["true.csv"], ["--safe", "-1"], "--safe must be"),
    "folder": (["true.csv"], ["--save", "/nowhere/at/all.kin"], "no folder '/nowhere/at'"),
    "folder of the report": (["true.csv"], ["--report", "/nowhere/at/all.html"], "no folder '/nowhere/at'"),
    "feature": (["true.csv"], ["--features", "x0,x99"], "no column 'x99'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_one_message_and_code_2(case, files, capsys):
    sources, more, message = BAD[case]
    assert transfer(files, *sources, more=more) == 2
    err = capsys.readouterr().err
    assert err.count("kinfolk transfer:") == 1
    assert message in err


def test_sources_that_do_not_fit_the_target_are_refused(files, capsys):
    COEF.add_prefix("gene").to_csv(files / "genes.csv")
    assert transfer(files, "genes.csv") == 2
    assert "genes and the target have no features in common" in capsys.readouterr().err
    (files / "text.csv").write_text("response,x0\nu,large\n")
    assert transfer(files, "text.csv") == 2
    error = capsys.readouterr().err
    assert "text.csv': The coefficient column 'x0' holds text, row 0 ('large')" in error
    (files / "damaged.kin").write_bytes((files / "big.kin").read_bytes()[:100])
    assert transfer(files, "damaged.kin") == 2
    assert "is damaged" in capsys.readouterr().err


def test_a_bundled_table_with_tasks_is_refused(files, capsys):
    assert main(["transfer", "ames", "--source", str(files / "true.csv"), "--targets", "log_price"]) == 2
    assert "column 'neighborhood'" in capsys.readouterr().err


def test_sources_of_the_same_file_name_are_told_apart(files, capsys):
    (files / "b").mkdir()
    COEF.to_csv(files / "b" / "true.csv")
    assert transfer(files, "true.csv", "b/true.csv", more=["--json", str(files / "n.json")]) == 0
    names = {row["source"] for row in json.loads((files / "n.json").read_text())["candidates"]}
    assert {str(files / "true.csv"), str(files / "b" / "true.csv")} < names


def test_a_typo_in_a_coefficient_is_named_alone(files, capsys):
    text = (files / "true.csv").read_text().splitlines()
    text[2] = text[2].replace(".", ";", 1)
    (files / "typo.csv").write_text("\n".join(text))
    assert transfer(files, "typo.csv") == 2
    error = capsys.readouterr().err
    assert "The coefficient column 'x0' holds text, row 1 (" in error
    assert "mend the cells" in error
