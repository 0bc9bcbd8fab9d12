"""What every exported method keeps, whatever it is: parametrised over the public list."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import kinfolk
from kinfolk import InputError, TaskAware, UnseenTaskError
from kinfolk.datasets import make_shared_representation

METHODS = kinfolk.all_estimators()
POOLING = [method for method in METHODS if method.has_population]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
every_pooling_method = pytest.mark.parametrize("method", POOLING, ids=lambda method: method.__name__)


@parametrize_with_checks([method() for method in METHODS])
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


NOT_FOR_A_TASK_COLUMN = {
    "check_positive_only_tag_during_fit": "gives fractions as task labels, which are refused",
    "check_estimators_pickle": "gives missing task labels, which are refused",
    "check_fit2d_1feature": "gives the task column only: there is nothing to transform, and the message says so",
}


@parametrize_with_checks(
    [TaskAware(StandardScaler(), task=0)], expected_failed_checks=lambda estimator: NOT_FOR_A_TASK_COLUMN
)
def test_scikit_learn_check_task_aware(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    return make_shared_representation(
        n_tasks=12, n_samples=14, n_features=4, rank=2, noise=0.5, intercept=1.0, random_state=0
    )


_fits = {}


def fitted(method, data):
    """The default fit to ``data``, made once."""
    if method not in _fits:
        _fits[method] = method(task="task").fit(data.X, data.y)
    return _fits[method]


@every_method
def test_shapes_and_names(method, data):
    model = fitted(method, data)
    assert model.coef_.shape == (12, 4)
    assert model.intercept_.shape == (12,)
    assert list(model.tasks_) == list(range(12))
    assert model.feature_names_ == ["x0", "x1", "x2", "x3"]
    assert model.result_.status.ok
    assert (method.simplicity, method.has_population) != (100, None)
    X = data.X.drop(columns="task").to_numpy()
    t = data.X["task"].to_numpy()
    assert_allclose(model.predict(data.X), model.intercept_[t] + (X * model.coef_[t]).sum(axis=1))


@every_method
def test_units_change_nothing_but_the_units(method, data):
    """Y -> 10 y and x_j -> 10 x_j change nothing but the units, to 1e-8."""
    model = fitted(method, data)
    mean, std = model.predict(data.X, return_std=True)
    factors = np.array([10.0, 0.1, 1000.0, 1.0])
    X = data.X.copy()
    X[["x0", "x1", "x2", "x3"]] *= factors
    other = method(task="task").fit(X, 10.0 * data.y)
    assert_allclose(other.coef_, 10.0 * model.coef_ / factors, rtol=1e-8, atol=1e-8 * np.abs(model.coef_).max())
    other_mean, other_std = other.predict(X, return_std=True)
    assert_allclose(other_mean, 10.0 * mean, rtol=1e-8, atol=1e-7)
    assert_allclose(other_std, 10.0 * std, rtol=1e-6)
    assert_allclose(other.noise_variance_, 100.0 * model.noise_variance_, rtol=1e-8)


@every_method
def test_origins_change_nothing_but_the_intercepts(method, data):
    model = fitted(method, data)
    X = data.X.copy()
    X[["x0", "x1"]] += 100.0
    other = method(task="task").fit(X, data.y - 1000.0)
    assert_allclose(other.coef_, model.coef_, atol=1e-6)
    assert_allclose(other.predict(X) + 1000.0, model.predict(data.X), atol=1e-6)


@every_method
def test_names_and_order_of_tasks_change_nothing(method, data):
    model = method(task="task", **_no_folds(method)).fit(data.X, data.y)
    shuffled = np.random.default_rng(0).permutation(len(data.y))
    X = data.X.iloc[shuffled].assign(task=lambda frame: "school " + (50 - frame["task"]).astype(str))
    other = method(task="task", **_no_folds(method)).fit(X, data.y[shuffled])
    assert_allclose(other.coef_[::-1], model.coef_, atol=1e-6)


def _no_folds(method):
    """Arguments without which a method chooses by folds over rows, which other names or orders of tasks deal anew."""
    given = {
        "SharedRepresentationRegressor": {"rank": 2},
        "TaskGraphRegressor": {"shrinkage": 0.3, "covariance": "scalar"},
    }
    return given.get(method.__name__, {})


@every_method
def test_uncertainty_falls_with_rows_and_includes_the_noise_when_asked(method, data):
    model = fitted(method, data)
    _, std = model.predict(data.X, return_std=True)
    _, wide = model.predict(data.X, return_std=True, observation_noise=True)
    assert (std > 0).all()
    assert_allclose(wide**2 - std**2, model.noise_variance_, rtol=1e-8)
    few = data.X.groupby("task").cumcount().to_numpy() < 6
    fewer = method(task="task", **_no_folds(method)).fit(data.X[few], data.y[few])
    assert np.median(fewer.predict(data.X, return_std=True)[1]) > np.median(std)


@every_method
def test_awkward_tasks_work(method, data):
    """One-row tasks, a task with constant y, constant and duplicated columns, more features than rows."""
    X = data.X.assign(constant=3.0, twin=data.X["x0"], only_within=data.X["task"] * 0.5)
    y = np.where(X["task"] == 2, 7.0, data.y)
    keep = (X["task"] > 1) | (X.groupby("task").cumcount() < 1)
    model = method(task="task").fit(X[keep], y[keep])
    mean, std = model.predict(X, return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    wide = X[keep].assign(**{f"z{j}": np.sin((j + 1) * np.arange(keep.sum())) for j in range(40)})
    mean, std = method(task="task").fit(wide, y[keep]).predict(wide, return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()


@every_method
def test_degenerate_tables_give_finite_models(method):
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0], "task": ["a", "b", "c"]})
    for y in ([1.0, 2.0, 4.0], [5.0, 5.0, 5.0]):
        mean, std = method(task="task").fit(X, y).predict(X, return_std=True)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
    one = X.assign(task="a")
    assert np.isfinite(method(task="task").fit(one, [1.0, 2.0, 4.0]).predict(one)).all()


@every_method
def test_noise_free_tasks_are_found_exactly(method):
    data = make_shared_representation(n_tasks=10, n_samples=20, n_features=3, rank=2, noise=0.0, random_state=1)
    X = data.X
    y = X["x0"] * 2.0 - X["x1"] if method.__name__ == "PooledRidge" else data.y
    model = method(task="task").fit(X, y)
    assert_allclose(model.predict(X), y, atol=2e-3)


@every_pooling_method
def test_an_unseen_task_raises_or_gets_the_population(method, data):
    X = data.X.assign(task=data.X["task"].astype(str))
    strict = method(task="task").fit(X, data.y)
    new = X.iloc[:6].assign(task=["0", "x", "x", "y", "z", "0"])
    with pytest.raises(UnseenTaskError, match=r"3 task label\(s\) never seen in fit: 'x', 'y', 'z'.*rows 1"):
        strict.predict(new)
    lenient = method(task="task", unseen="population").fit(X, data.y)
    mean, std = lenient.predict(new, return_std=True)
    expected = lenient.population_intercept_ + new.drop(columns="task").to_numpy() @ lenient.population_coef_
    assert_allclose(mean[1:5], expected[1:5])
    assert_allclose(mean[[0, 5]], strict.predict(new.iloc[[0, 5]]))
    assert (std[1:5] > std[[0, 5]].max()).all()


@every_method
def test_adapt_learns_new_tasks_and_leaves_known_ones(method, data):
    known = (data.X["task"] < 9).to_numpy()
    model = method(task="task").fit(data.X[known], data.y[known])
    before = model.coef_.copy()
    adapted = model.adapt(data.X[~known], data.y[~known])
    assert list(model.tasks_) == list(range(9))
    assert list(adapted.tasks_) == list(range(12))
    assert_allclose(adapted.coef_[:9], before)
    assert_allclose(adapted.predict(data.X[known]), model.predict(data.X[known]))
    error = np.mean((adapted.predict(data.X[~known]) - data.y[~known]) ** 2)
    assert error < 0.9 * np.var(data.y[~known])
    assert adapted.predict(data.X, return_std=True)[1].shape == data.y.shape
    with pytest.raises(InputError, match="knows already: 3"):
        model.adapt(data.X[data.X["task"] == 3], data.y[data.X["task"] == 3])


@every_method
def test_wide_data_is_one_task_a_response(method, data):
    X = data.X.drop(columns="task").to_numpy()[:40]
    Y = X @ data.coef[:5].T + 0.1 * np.random.default_rng(0).normal(size=(40, 5))
    Y[::7, 2] = np.nan  # missing responses
    model = method(**_no_folds(method)).fit(X, Y)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == Y.shape
    stacked = pd.concat(pd.DataFrame(X).add_prefix("x").assign(task=t, y=Y[:, t]) for t in range(5)).dropna()
    long = method(task="task", **_no_folds(method)).fit(stacked.drop(columns="y"), stacked["y"])
    assert_allclose(model.coef_, long.coef_, atol=1e-8)
    assert np.isfinite(model.score(X, Y))


@every_method
def test_long_data_with_several_targets_is_refused(method, data):
    with pytest.raises(InputError, match=r"1d array.*task=None"):
        method(task="task").fit(data.X, np.column_stack((data.y, data.y)))


@every_method
def test_weights_of_zero_leave_rows_out(method, data):
    weights = (data.X["task"] != 5).to_numpy().astype(float)
    weighted = method(task="task", **_no_folds(method)).fit(data.X, data.y, sample_weight=weights)
    without = method(task="task", **_no_folds(method)).fit(data.X[weights > 0], data.y[weights > 0])
    assert list(weighted.tasks_) == [t for t in range(12) if t != 5]
    assert_allclose(weighted.coef_, without.coef_, atol=1e-8)


@every_method
def test_any_frame_will_do(method, data):
    expected = fitted(method, data).predict(data.X)
    frame = pl.DataFrame({name: data.X[name].to_numpy() for name in data.X})
    assert_allclose(method(task="task").fit(frame, pl.Series(data.y)).predict(frame), expected)
    array = data.X.to_numpy()
    assert_allclose(method(task=-1).fit(array, data.y).predict(array), expected)
    text = data.X.assign(task=pd.Categorical("t" + data.X["task"].astype(str).str.zfill(2)))
    assert_allclose(method(task="task").fit(text, data.y).predict(text), expected, atol=1e-8)


@every_method
def test_cloning_and_refitting_give_the_same_bits(method, data):
    model = fitted(method, data)
    again = clone(model).fit(data.X, data.y)
    assert (again.coef_ == model.coef_).all()


@every_method
def test_an_unknown_rule_for_unseen_tasks_is_refused(method, data):
    with pytest.raises(InputError, match="unseen must be 'raise' or 'population'"):
        method(task="task", unseen="guess").fit(data.X, data.y)
