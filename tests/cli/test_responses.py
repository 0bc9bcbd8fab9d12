"""Models without tasks on the command line: predict and describe."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from kinfolk import ReducedRankRegressor, save_model
from kinfolk.cli import main

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(30, 3)), columns=["a", "b", "c"])
Y = pd.DataFrame(X.to_numpy() @ RNG.normal(size=(3, 2)) + 1.0, columns=["u", "v"])


@pytest.fixture
def table(tmp_path):
    X.assign(other="text")[["other", "c", "b", "a"]].to_csv(tmp_path / "t.csv", index=False)
    return str(tmp_path / "t.csv")


def saved(tmp_path, X, y):
    model = ReducedRankRegressor().fit(X, y)
    save_model(model, tmp_path / "m.kin")
    return model, str(tmp_path / "m.kin")


@pytest.mark.parametrize(
    ("y", "columns"),
    [(Y, ["prediction_u", "prediction_v"]), (Y.to_numpy(), ["prediction_0", "prediction_1"]), (Y["u"], ["prediction"])],
    ids=["names", "numbers", "one"],
)
def test_predict(y, columns, table, tmp_path):
    model, path = saved(tmp_path, X, y)
    assert main(["predict", path, table, "-o", str(tmp_path / "p.csv")]) == 0
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found.columns) == columns
    assert_allclose(found.to_numpy(), model.predict(X).reshape(30, -1), rtol=1e-12)


def test_describe(tmp_path, capsys):
    model, path = saved(tmp_path, X, Y)
    assert main(["describe", path]) == 0
    out = capsys.readouterr().out
    for part in ("ReducedRankRegressor", "responses   2: u, v", "features    3: a, b, c", f"rank_       {model.rank_}"):
        assert part in out


def test_what_does_not_apply_is_refused(table, tmp_path, capsys):
    _, path = saved(tmp_path, X, Y)
    for argv in (["predict", path, table, "--std"], ["predict", path, table, "--unseen", "population"]):
        assert main(argv) == 2
        assert "--unseen and --std do not apply" in capsys.readouterr().err
    assert main(["adapt", path, table, "--target", "a", "--save", str(tmp_path / "n.kin")]) == 2
    assert "has no tasks" in capsys.readouterr().err
    _, path = saved(tmp_path, X.to_numpy(), Y)
    assert main(["predict", path, table]) == 2
    assert "without names" in capsys.readouterr().err
