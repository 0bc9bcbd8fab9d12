"""Responses of wide data are called by their names, wherever a task is named."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

import kinfolk
from kinfolk.cli import main

GENERATOR = np.random.default_rng(0)
X = pd.DataFrame(GENERATOR.normal(size=(40, 3)), columns=["a", "b", "c"])
NAMES = ["water", "fat"]  # as they stand, not as they are sorted
Y = pd.DataFrame(X.to_numpy() @ GENERATOR.normal(size=(3, 2)) + GENERATOR.normal(size=(40, 2)), columns=NAMES)


@pytest.mark.parametrize("method", [*kinfolk.all_estimators(), partial(kinfolk.GuardedRegressor, ["PooledRidge"])])
def test_a_fitted_model_calls_its_tasks_by_them(method, tmp_path):
    model, bare = method().fit(X, Y), method().fit(X, Y.to_numpy())
    assert model.tasks_.tolist() == NAMES
    assert bare.tasks_.tolist() == [0, 1]
    assert np.array_equal(model.predict(X), bare.predict(X))
    kinfolk.save_model(model, tmp_path / "m.kin")
    assert kinfolk.load_model(tmp_path / "m.kin").tasks_.tolist() == NAMES


def test_a_comparison_does_too():
    methods = ["PooledRidge", "PartialPoolingRegressor"]
    found, bare = kinfolk.compare(X, Y, methods=methods), kinfolk.compare(X, Y.to_numpy(), methods=methods)
    assert found.tasks["task"].unique().tolist() == NAMES
    assert found.guard_weights["task"].tolist() == NAMES
    assert np.array_equal(found.methods["loss"], bare.methods["loss"])
    assert found.best_estimator().tasks_.tolist() == NAMES


def test_weights_between_tasks_go_by_them():
    """The order of a graph's or a coupling's rows does not matter."""
    graph = pd.DataFrame([[0.0, 1.0], [1.0, 0.0]], index=NAMES[::-1], columns=NAMES[::-1])
    found = kinfolk.compare(X, Y, methods={"graph": kinfolk.TaskGraphRegressor(graph=graph)})
    assert found.failures == {}
    with pytest.raises(kinfolk.InputError, match="no row or column for tasks"):
        kinfolk.TaskGraphRegressor(graph=graph.set_axis([0, 1]).set_axis([0, 1], axis=1)).fit(X, Y)


def test_the_command_line_writes_them(tmp_path, capsys):
    table, model = tmp_path / "t.csv", str(tmp_path / "m.kin")
    X.join(Y).to_csv(table, index=False)
    arguments = ["--target", "water,fat", "--method", "PartialPoolingRegressor", "--save", model]
    assert main(["fit", str(table), *arguments]) == 0
    assert main(["predict", model, str(table), "--std", "-o", str(tmp_path / "p.csv")]) == 0
    columns = ["prediction_water", "prediction_fat", "std_water", "std_fat"]
    assert pd.read_csv(tmp_path / "p.csv").columns.tolist() == columns
    capsys.readouterr()
    assert main(["describe", model]) == 0
    assert "2: water, fat" in capsys.readouterr().out
