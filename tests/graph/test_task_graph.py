"""TaskGraphRegressor: what a learned graph is worth, and what it never costs."""

import numpy as np
import pandas as pd
import pytest
from fields import field, geometric_graph
from numpy.testing import assert_allclose

import kinfolk
from kinfolk import InputError, PartialPoolingRegressor, TaskGraphRegressor
from kinfolk.datasets import load_ames, load_real, make_clustered_tasks, make_unrelated_tasks
from kinfolk.datasets.real import data_directory


def community_graph(n_tasks, generator):
    """Five communities, dense inside, hardly joined."""
    group = np.arange(n_tasks) % 5
    chance = np.where(group[:, None] == group, 0.7, 0.005)
    joined = np.triu(generator.random((n_tasks, n_tasks)) < chance, 1)
    joined[np.arange(4), np.arange(1, 5)] = True
    weights = np.where(joined, generator.uniform(0.5, 3.0, joined.shape), 0.0)
    weights += weights.T
    return np.diag(weights.sum(axis=1)) - weights


def draw(laplacian, d, n_rows, generator):
    """Rows of tasks whose coefficients are a field on the graph beside a common mean; noise has variance one."""
    coef = field(laplacian, d, generator) + 0.67 * generator.normal(size=d)
    codes = np.repeat(np.arange(len(coef)), n_rows)
    X = generator.normal(size=(len(codes), d))
    y = (X * coef[codes]).sum(axis=1) + generator.normal(size=len(codes))
    return np.column_stack((X, codes)), y, coef


def error(model, coef):
    return ((model.coef_ - coef) ** 2).sum() / (coef**2).sum()


@pytest.mark.parametrize(("kind", "n_rows", "most"), [("communities", 30, 0.8), ("geometric", 20, 0.8)])
def test_a_learned_graph_beats_mean_regularised_tasks(kind, n_rows, most):
    """50 tasks of 20 coefficients (acceptance: at most 0.9 times the error)."""
    ratio = []
    for seed in range(2):
        generator = np.random.default_rng(seed)
        laplacian = community_graph(50, generator) if kind == "communities" else geometric_graph(50, 6, generator)
        X, y, coef = draw(laplacian, 20, n_rows, generator)
        alone = PartialPoolingRegressor("scalar", task=-1).fit(X, y)
        ratio.append(error(TaskGraphRegressor(task=-1).fit(X, y), coef) / error(alone, coef))
    assert np.mean(ratio) < most


def test_tasks_that_have_nothing_in_common_are_not_hurt():
    data = make_unrelated_tasks(40, 20, 15, random_state=0)
    model = TaskGraphRegressor(task="task").fit(data.X, data.y)
    alone = PartialPoolingRegressor("scalar", task="task").fit(data.X, data.y)
    assert model.shrinkage_ >= 0.8
    assert error(model, data.coef) < 1.05 * error(alone, data.coef)


def test_a_graph_that_goes_astray_on_few_rows_is_not_taken():
    """On 15% of the rows EM ends at a coupling that is far too weak: it had 1.15 times the error of no sharing."""
    ames, task = load_ames(), "neighborhood"
    rows = pd.Series(np.random.default_rng(2).random(len(ames.y))).groupby(ames.X[task])
    few = (rows.rank() - 1.0 < np.maximum(np.round(0.15 * rows.transform("size")), 1.0)).to_numpy()
    graph, alone = (
        np.mean((method(task=task).fit(ames.X[few], ames.y[few]).predict(ames.X[~few]) - ames.y[~few]) ** 2)
        for method in (TaskGraphRegressor, kinfolk.IndependentRidge)
    )
    assert graph < 0.85 * alone


@pytest.fixture(scope="module")
def clusters():
    return make_clustered_tasks(4, n_tasks=48, n_samples=10, n_features=12, random_state=0)


@pytest.fixture(scope="module")
def model(clusters):
    return TaskGraphRegressor(task="task").fit(clusters.X, clusters.y)


def test_the_graph_joins_tasks_of_a_cluster(clusters, model):
    edges = model.graph_.tocoo()
    same = clusters.clusters[edges.coords[0]] == clusters.clusters[edges.coords[1]]
    assert edges.data[same].sum() > 0.9 * edges.data.sum()
    assert_allclose(model.laplacian_.toarray().sum(axis=1), 0.0, atol=1e-8 * edges.data.max())
    assert (model.graph_ != model.graph_.T).nnz == 0
    near = model.neighbors(5)
    assert near.is_monotonic_decreasing
    assert_allclose(near.to_numpy(), model.graph_.toarray()[5, near.index])
    with pytest.raises(InputError, match="99 is not one of them"):
        model.neighbors(99)


def test_the_strength_of_coupling_is_said_in_plain_words(clusters, model):
    assert model.coupling_strength_ > 1.0
    assert "sharing counts" in model.coupling_advice_
    rich = make_unrelated_tasks(6, 400, 3, random_state=0)
    weak = TaskGraphRegressor(task="task").fit(rich.X, rich.y)
    assert weak.coupling_strength_ < 0.1
    assert "independent fits are already enough" in weak.coupling_advice_


@pytest.mark.parametrize("n_tasks", [16, 60])  # dense, and by draws
def test_posterior_deviations_are_those_of_the_errors(n_tasks):
    """On a graph that is known; standardised errors of the coefficients have variance one."""
    generator = np.random.default_rng(0)
    laplacian = geometric_graph(n_tasks, 5, generator)
    graph = np.diag(np.diag(laplacian)) - laplacian
    squares = []
    for _ in range(4):
        X, y, coef = draw(laplacian, 8, 12, generator)
        found = TaskGraphRegressor(graph=graph, task=-1, standardize=False).fit(X, y)
        variance = np.einsum("tii->ti", found.result_.posterior.covariance)[:, 1:] * found._scaling.y_scale**2
        squares.append(((found.coef_ - coef) ** 2 / variance).mean())
    assert np.mean(squares) == pytest.approx(1.0, abs=0.2)


def test_of_a_given_graph_only_the_strength_is_learned(clusters):
    same = (clusters.clusters[:, None] == clusters.clusters) & ~np.eye(48, dtype=bool)
    given = TaskGraphRegressor(graph=same.astype(float), task="task").fit(clusters.X, clusters.y)
    weights = given.graph_.toarray()
    assert_allclose(weights, weights.max() * same, rtol=1e-8)
    learned = TaskGraphRegressor(task="task").fit(clusters.X, clusters.y)
    assert error(given, clusters.coef) < error(learned, clusters.coef)
    turned = pd.DataFrame(same.astype(float)).iloc[::-1, ::-1]
    again = TaskGraphRegressor(graph=turned, task="task").fit(clusters.X, clusters.y)
    assert_allclose(again.coef_, given.coef_)


def test_new_tasks_find_their_neighbours(clusters, model):
    """Twelve tasks learned from seven rows each beside the other 36."""
    known = (clusters.X["task"] < 36).to_numpy()
    few = ~known & (clusters.X.groupby("task").cumcount() < 7).to_numpy()
    fitted = TaskGraphRegressor(task="task").fit(clusters.X[known], clusters.y[known])
    adapted = fitted.adapt(clusters.X[few], clusters.y[few])
    pooled = PartialPoolingRegressor("scalar", task="task").fit(clusters.X[known], clusters.y[known])
    other = pooled.adapt(clusters.X[few], clusters.y[few])
    new = slice(36, None)
    assert ((adapted.coef_[new] - clusters.coef[new]) ** 2).sum() < 0.5 * (
        (other.coef_[new] - clusters.coef[new]) ** 2
    ).sum()
    weights = adapted.graph_.toarray()
    assert_allclose(weights[:36, :36], fitted.graph_.toarray())
    same = clusters.clusters[36:, None] == clusters.clusters[:36]
    assert weights[36:, :36][same].sum() > 0.9 * weights[36:, :36].sum()


def test_new_tasks_are_put_between_known_labels(clusters):
    X = clusters.X.assign(task=lambda frame: frame["task"].map("{:02d}".format))
    odd = X["task"].astype(int).to_numpy() % 4 == 1
    fitted = TaskGraphRegressor(task="task").fit(X[~odd], clusters.y[~odd])
    adapted = fitted.adapt(X[odd], clusters.y[odd])
    old = np.isin(adapted.tasks_, fitted.tasks_)
    assert_allclose(adapted.graph_.toarray()[np.ix_(old, old)], fitted.graph_.toarray())
    assert_allclose(adapted.coef_[old], fitted.coef_)


def test_duplicate_tasks_give_finite_models(clusters):
    twice = pd.concat((clusters.X, clusters.X.assign(task=clusters.X["task"] + 100)))
    found = TaskGraphRegressor(shrinkage=0.0, task="task").fit(twice, np.tile(clusters.y, 2))
    mean, std = found.predict(twice, return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert np.isfinite(found.graph_.data).all()


def test_relationship_learning_knows_opposite_tasks():
    """Half of the tasks have the other sign: their mean is nothing, their relationship is."""
    generator = np.random.default_rng(0)
    coef = generator.choice((-1.0, 1.0), size=(40, 1)) * generator.normal(size=10)
    codes = np.repeat(np.arange(40), 8)
    X = generator.normal(size=(320, 10))
    y = (X * coef[codes]).sum(axis=1) + generator.normal(size=320)
    table = np.column_stack((X, codes))
    found = TaskGraphRegressor("mtrl", task=-1, max_iter=100).fit(table, y)
    assert error(found, coef) < 0.5 * error(PartialPoolingRegressor("scalar", task=-1).fit(table, y), coef)
    assert np.trace(found.relationship_) == pytest.approx(1.0)
    assert_allclose(found.relationship_.sum(axis=0), 0.0, atol=1e-10)
    with pytest.raises(AttributeError, match="has no edges"):
        _ = found.graph_


def test_coefficients_that_do_not_vary_alike_are_put_in_units_in_which_they_do():
    """One coefficient of six varies: without a graph the variances are learned; new tasks live in the same units."""
    generator = np.random.default_rng(0)
    coef = generator.normal(size=6) + generator.normal(size=(70, 6)) * np.array([1.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    codes = np.repeat(np.arange(70), 8)
    X = generator.normal(size=(560, 6))
    y = (X * coef[codes]).sum(axis=1) + generator.normal(size=560)
    table, known = np.column_stack((X, codes)), codes < 60
    plain = TaskGraphRegressor(covariance="scalar", task=-1).fit(table[known], y[known])
    found = TaskGraphRegressor(task=-1).fit(table[known], y[known])
    assert "feature_root" in found.result_.details
    assert error(found, coef[:60]) < 0.6 * error(plain, coef[:60])
    variance = np.einsum("tii->ti", found.result_.posterior.covariance)[:, 1:]
    z2 = (found.coef_ - coef[:60]) ** 2 / (variance * (found._scaling.y_scale / found._scaling.x_scale) ** 2)
    assert 0.4 < z2.mean() < 1.3  # shrunken distances make for careful deviations
    joined = TaskGraphRegressor(covariance="diagonal", shrinkage=0.5, task=-1).fit(table[known], y[known])
    new = [fit.adapt(table[~known], y[~known]).coef_[60:] for fit in (plain, found, joined)]
    errors = [((each - coef[60:]) ** 2).sum() for each in new]
    assert max(errors[1:]) < 0.8 * errors[0]


def test_units_change_nothing_where_draws_stand_for_the_posterior(clusters, model):
    X = clusters.X.copy()
    X[["x0", "x1"]] *= 1000.0
    other = TaskGraphRegressor(task="task").fit(X, 10.0 * clusters.y)
    assert_allclose(other.predict(X), 10.0 * model.predict(clusters.X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "map"}, "method must be 'em' or 'mtrl'"),
        ({"covariance": "spherical"}, "covariance must be 'auto', 'scalar'"),
        ({"n_neighbors": 0}, "n_neighbors must be a whole number >= 1"),
        ({"max_iter": 2.5}, "max_iter must be"),
        ({"shrinkage": -0.1}, "from 0 to 1"),
        ({"tol": 0.0}, "tol must be"),
        ({"graph": np.ones((3, 3))}, r"graph must be \(48, 48\)"),
        ({"graph": -np.ones((48, 48))}, "non-negative and symmetric"),
        ({"graph": np.triu(np.ones((48, 48)), 1)}, "non-negative and symmetric"),
        ({"graph": np.eye(48)}, "joins no tasks"),
        ({"graph": pd.DataFrame(np.ones((47, 47)))}, r"no row or column for tasks \[47\]"),
        ({"graph": np.ones((48, 48)), "method": "mtrl"}, "takes no graph"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, message, clusters):
    with pytest.raises(InputError, match=message):
        TaskGraphRegressor(task="task", **arguments).fit(clusters.X, clusters.y)


@pytest.mark.skipif(
    data_directory() is None or not (data_directory() / "bike_hourly.parquet").is_file(),
    reason="bike_hourly is absent: KINFOLK_DATA names the folder of the real sets",
)
def test_hours_of_the_day_are_joined_to_their_neighbours():
    """Days of rented bikes, the hours are the tasks: most of the weight joins hours at most two apart."""
    data = load_real("bike_hourly")
    some = np.random.default_rng(0).random(len(data.X)) < 0.5
    found = TaskGraphRegressor(covariance="scalar", task=data.task).fit(data.X[some], data.y[some])
    edges = found.graph_.tocoo()
    apart = np.abs(edges.coords[0] - edges.coords[1])
    near = np.minimum(apart, 24 - apart) <= 2
    assert edges.data[near].sum() > 0.5 * edges.data.sum()  # by chance: 4 of 23
    assert kinfolk.all_estimators().count(TaskGraphRegressor) == 1
