"""The comparison: one set of folds, gains by hand, a planted winner, and nothing left out in silence."""

import json

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kinfolk
from kinfolk import (
    FewShotSplit,
    IndependentRidge,
    InputError,
    LeaveTasksOut,
    PooledRidge,
    TaskAware,
    TaskKFold,
    compare,
)
from kinfolk.datasets import make_clustered_tasks, make_shared_representation, make_unrelated_tasks
from kinfolk.tasks import TaskData


@pytest.fixture(scope="module")
def data():
    return make_shared_representation(
        n_tasks=10, n_samples=15, n_features=4, rank=2, noise=0.7, intercept=1.0, random_state=0
    )


@pytest.fixture(scope="module")
def found(data):
    return compare(data.X, data.y, task="task")


def test_every_exported_method_is_compared(found):
    methods = {method.__name__ for method in kinfolk.all_estimators()} | {"GuardedRegressor"}
    assert set(found.methods["method"]) == methods


def test_all_methods_are_judged_on_the_same_rows_in_the_same_folds(data, found):
    assert sorted(found.rows) == list(range(150))
    split = TaskKFold(5, task="task", random_state=0).split(data.X)
    for fold, (train, test) in enumerate(split):
        assert set(found.rows[found.folds == fold]) == set(test)
        model = PooledRidge(task="task").fit(data.X.iloc[train], data.y[train])
        predicted = found.predictions["PooledRidge"][found.folds == fold]
        assert_allclose(predicted, model.predict(data.X.iloc[test]))


def test_scores_by_hand(data, found):
    truth, codes = data.y[found.rows], data.X["task"].to_numpy()[found.rows]
    predicted, alone = (found.predictions[name] for name in ("PooledRidge", "IndependentRidge"))
    row = found.methods.set_index("method").loc["PooledRidge"]
    assert_allclose(row["rmse"], np.sqrt(np.mean((truth - predicted) ** 2)))
    assert_allclose(row["r2"], 1 - np.mean((truth - predicted) ** 2) / np.var(truth))
    assert_allclose(row["gain"], 1 - np.sum((truth - predicted) ** 2) / np.sum((truth - alone) ** 2))
    tasks = found.tasks[found.tasks["method"] == "PooledRidge"].set_index("task")
    here = codes == 3
    difference = (truth - alone)[here] ** 2 - (truth - predicted)[here] ** 2
    level = np.mean((truth - alone)[here] ** 2)
    assert_allclose(tasks.loc[3, "gain"], difference.mean() / level)
    assert_allclose(tasks.loc[3, "gain_se"], difference.std(ddof=1) / np.sqrt(15) / level)
    gains, errors = tasks["gain"], tasks["gain_se"]
    assert (row["helped"], row["hurt"]) == ((gains > errors).sum(), (gains < -errors).sum())
    assert row[["helped", "unharmed", "hurt"]].sum() == 10


def test_the_number_of_threads_changes_nothing(data, found):
    other = compare(data.X, data.y, task="task", n_jobs=2)
    assert_frame_equal(other.tasks, found.tasks)
    columns = [name for name in found.methods if name != "fit_seconds"]
    assert_frame_equal(other.methods[columns], found.methods[columns])


def test_units_change_nothing_that_matters(data, found):
    other = compare(data.X, 10.0 * data.y, task="task")
    assert other.recommended == found.recommended
    assert_allclose(other.tasks["gain"], found.tasks["gain"], atol=1e-7)
    assert list(other.tasks["verdict"]) == list(found.tasks["verdict"])


def test_any_container_will_do(data, found):
    columns = ["gain", "gain_se"]
    frame = pl.DataFrame({name: data.X[name].to_numpy() for name in data.X})
    for X, task in ((frame, "task"), (data.X.to_numpy(), -1)):
        other = compare(X, data.y, task=task, methods=["PooledRidge"], cv=TaskKFold(5, task=task, random_state=0))
        kept = found.tasks[found.tasks["method"] == "PooledRidge"].reset_index(drop=True)
        assert_allclose(other.tasks[other.tasks["method"] == "PooledRidge"][columns], kept[columns])


@pytest.mark.parametrize(
    ("make", "winner"),
    [
        (lambda: make_shared_representation(40, 20, 10, rank=2, random_state=0), "SharedRepresentationRegressor"),
        (lambda: make_clustered_tasks(1, n_tasks=10, n_samples=8, n_features=20, random_state=0), "PooledRidge"),
    ],
)
def test_a_planted_structure_is_found(make, winner):
    data = make()
    found = compare(data.X, data.y, task="task")
    assert found.recommended == winner, str(found)


def test_unrelated_tasks_are_left_alone():
    data = make_unrelated_tasks(20, 60, 4, intercept=3.0, random_state=0)
    careful = ["PartialPoolingRegressor", "SharedRepresentationRegressor"]
    found = compare(data.X, data.y, task="task", methods=["PooledRidge", *careful]).methods.set_index("method")
    assert found.loc["PooledRidge", "hurt"] == 19
    for name in careful:
        assert abs(found.loc[name, "gain"]) < 0.01
        assert found.loc[name, "hurt"] == 0


def test_the_recommendation_is_the_simplest_within_one_standard_error(found):
    methods = found.methods.set_index("method")
    best = found.methods["method"].iloc[0]
    truth = found.data[1][found.rows]
    codes = np.asarray(found.data[0]["task"])[found.rows]
    for name in methods.index:
        difference = (found.predictions[name] - truth) ** 2 - (found.predictions[best] - truth) ** 2
        totals = np.bincount(codes, difference - difference.mean())
        error = np.sqrt(10 / 9 * (totals**2).sum()) / len(truth)
        simple = {name: one.simplicity for name, one in found.estimators.items()}
        if simple[name] < simple[found.recommended]:
            assert difference.mean() > error
    assert found.recommended in found.reason
    assert f"Use {found.reason}" in str(found)


def test_a_notebook_shows_the_table_and_the_recommendation(data):
    nasty = "<script>ridge</script>"
    page = compare(data.X, data.y, task="task", methods={nasty: PooledRidge()}, cv=2)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;ridge" in page
    assert "<td>IndependentRidge</td>" in page
    assert "<p>Use " in page


def test_what_json_gets_is_everything(found):
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again == found.to_dict()
    assert len(again["tasks"]) == 10 * (len(kinfolk.all_estimators()) + 1)
    assert again["data"]["n_tasks"] == 10
    assert_frame_equal(found.to_frame(), found.methods)


def test_the_best_estimator_is_fitted_on_all_rows(data, found):
    model = found.best_estimator()
    assert type(model).__name__ == found.recommended
    assert_allclose(model.coef_, type(model)(task="task").fit(data.X, data.y).coef_)
    assert not hasattr(found.best_estimator(refit=False), "coef_")


class Broken(PooledRidge):
    def _solve(self, data):
        raise InputError("this method needs something else")


class Buggy(PooledRidge):
    def _solve(self, data):
        raise ZeroDivisionError("a bug")


def test_a_method_that_cannot_be_fitted_is_named(data):
    found = compare(data.X, data.y, task="task", methods={"broken": Broken(), "pooled": PooledRidge()})
    assert found.failures == {"broken": "this method needs something else"}
    assert "Not fitted: broken" in str(found)
    with pytest.raises(ZeroDivisionError):
        compare(data.X, data.y, task="task", methods=[Buggy()])


def test_scikit_learn_models_may_be_compared(data):
    pipeline = make_pipeline(TaskAware(StandardScaler(), task="task"), LinearRegression())
    found = compare(data.X, data.y, task="task", methods={"ols": pipeline, "alone": IndependentRidge(alpha=1e-6)})
    assert set(found.methods["method"]) == {"ols", "alone", "IndependentRidge", "GuardedRegressor"}


def test_whole_tasks_held_out_compare_population_models(data):
    found = compare(data.X, data.y, task="task", cv=LeaveTasksOut(5, task="task", random_state=0))
    assert found.baseline == "PooledRidge"
    assert "whole tasks" in found.failures["IndependentRidge"]
    assert len(found.rows) == 150


def test_few_shots_of_new_tasks(data):
    found = compare(data.X, data.y, task="task", cv=FewShotSplit(4, task="task", random_state=0))
    assert found.baseline == "IndependentRidge"
    assert found.data_summary["untested_rows"] == 40


def test_weights_of_zero_are_as_if_the_rows_were_not_there(data):
    weights = np.ones(150)
    weights[::10] = 0.0
    found = compare(data.X, data.y, task="task", methods=["PooledRidge"], sample_weight=weights)
    truth, kept = data.y[found.rows], weights[found.rows] > 0
    error = np.mean((truth - found.predictions["PooledRidge"])[kept] ** 2)
    assert_allclose(found.methods.set_index("method").loc["PooledRidge", "loss"], error)


def test_wide_data_with_missing_responses(data):
    X = data.X.drop(columns="task").to_numpy()[:60]
    Y = X @ data.coef[:4].T + np.random.default_rng(0).normal(size=(60, 4))
    Y[::9, 1] = np.nan
    found = compare(X, Y, methods=["PooledRidge", "SharedRepresentationRegressor"])
    tasks = found.tasks[found.tasks["method"] == "PooledRidge"]
    assert list(tasks["n_tested"]) == [60, 53, 60, 60]


def test_copies_of_a_sample_stay_together_inside_a_wide_fit(data):
    """Errors of one sample are shared by its responses: a split between them would leak."""
    samples = np.tile(np.arange(20), 3)
    rng = np.random.default_rng(0)
    rows = TaskData.build(
        rng.normal(size=(60, 2)), rng.normal(size=60), np.repeat(np.arange(3), 20), 3, samples=samples
    )
    fold = rows.deal(5, rng)
    assert all(len(set(fold[rows.samples == sample])) == 1 for sample in range(20))


def test_progress_is_told_after_every_fold(data):
    told = []
    compare(data.X, data.y, task="task", methods=["PooledRidge"], cv=3, progress=lambda *call: told.append(call))
    assert [done for done, _, _ in told] == list(range(1, 7))
    assert {total for _, total, _ in told} == {6}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": None}, "compare needs tasks"),
        ({"methods": ["Nothing"]}, "no method 'Nothing'"),
        ({"methods": [PooledRidge(), PooledRidge()]}, "give a dict"),
        ({"scoring": "r2"}, "scoring must be"),
    ],
)
def test_bad_arguments_are_refused(data, change, message):
    with pytest.raises(InputError, match=message):
        compare(data.X, data.y, **({"task": "task"} | change))
