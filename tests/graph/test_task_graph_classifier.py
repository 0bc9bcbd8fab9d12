"""TaskGraphClassifier: its mode and posterior are what they are said to be, and what a learned graph is worth."""

import numpy as np
import pandas as pd
import pytest
from fields import field, geometric_graph
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import kinfolk
from kinfolk import InputError, SharedRepresentationClassifier, TaskGraphClassifier
from kinfolk.datasets import load_real, make_clustered_tasks, make_unrelated_tasks
from kinfolk.datasets.real import data_directory


def draw(coef, n_rows, seed, scale=2.0):
    """Rows of logistic tasks whose coefficients have this root mean square, last column the task; and their classes."""
    generator = np.random.default_rng(seed)
    coef = scale * coef / np.sqrt((coef**2).sum(axis=1).mean())
    codes = np.repeat(np.arange(len(coef)), n_rows)
    X = generator.normal(size=(len(codes), coef.shape[1]))
    y = (generator.random(len(codes)) < expit((X * coef[codes]).sum(axis=1) + 0.3)).astype(int)
    return np.column_stack((X, codes)), y


def loss(model, X, y):
    return log_loss(y, model.predict_proba(X)[:, 1])


@pytest.fixture(scope="module")
def clusters():
    return make_clustered_tasks(4, n_tasks=40, n_samples=1, n_features=8, random_state=0)


@pytest.fixture(scope="module")
def rows(clusters):
    return draw(clusters.coef, 40, 1)


@pytest.fixture(scope="module")
def model(rows):
    return TaskGraphClassifier(task=-1).fit(*rows)


@pytest.fixture(scope="module")
def given(clusters, rows):
    """On the graph that joins the tasks of a cluster."""
    same = (clusters.clusters[:, None] == clusters.clusters) & ~np.eye(40, dtype=bool)
    return TaskGraphClassifier(graph=same.astype(float), shrinkage=0.0, task=-1, standardize=False).fit(*rows)


def test_coefficients_are_the_mode_of_the_posterior(rows, given):
    """The gradient of the penalised log-likelihood is zero; what is left over is the pull on the common mean."""
    X, y = rows
    codes, centred = X[:, -1].astype(int), X[:, :-1] - X[:, :-1].mean(axis=0)
    posterior = given.result_.posterior
    a, W = posterior.mean[:, 0], posterior.mean[:, 1:]
    left = y - expit(a[codes] + (centred * W[codes]).sum(axis=1))
    Q = given.laplacian_.toarray() + given.pull_ * (np.eye(40) - 1.0 / 40)
    rest = np.stack([centred[codes == t].T @ left[codes == t] for t in range(40)]) - Q @ W
    level = (rest @ W.mean(axis=0)).mean() / (W.mean(axis=0) ** 2).sum()
    assert level > 0.0
    assert_allclose(rest, np.tile(level * W.mean(axis=0), (40, 1)), atol=1e-5)
    prior = posterior.prior
    assert_allclose(np.bincount(codes, left), (a - prior.mean[0]) / prior.scale[0] ** 2, atol=1e-5)


def test_the_posterior_covariance_is_that_of_the_curvature(rows, given):
    """Laplace: the inverse of minus the second derivatives of intercepts and slopes of all tasks together."""
    X, _ = rows
    codes, d, T = X[:, -1].astype(int), 8, 40
    U = np.column_stack((np.ones(len(X)), X[:, :-1] - X[:, :-1].mean(axis=0)))
    posterior = given.result_.posterior
    p = expit((U * posterior.mean[codes]).sum(axis=1))
    W, prior = posterior.mean[:, 1:], posterior.prior
    Q = given.laplacian_.toarray() + given.pull_ * (np.eye(T) - 1.0 / T)
    left = rows[1] - p
    rest = np.stack([U[codes == t, 1:].T @ left[codes == t] for t in range(T)]) - Q @ W
    Q += (rest @ W.mean(axis=0)).mean() / (W.mean(axis=0) ** 2).sum() / T
    H = np.zeros((T, d + 1, T, d + 1))
    for t in range(T):
        of_task = codes == t
        H[t, :, t, :] += (U[of_task].T * (p * (1.0 - p))[of_task]) @ U[of_task]
        H[t, 0, t, 0] += 1.0 / prior.scale[0] ** 2
    H[:, 1:, :, 1:] += np.einsum("st,ij->sitj", Q, np.eye(d))
    inverse = np.linalg.inv(H.reshape(T * (d + 1), -1)).reshape(H.shape)
    expected = inverse[np.arange(T), :, np.arange(T), :]
    assert_allclose(posterior.covariance, expected, rtol=1e-4, atol=1e-6)


def test_of_a_given_graph_only_the_strength_is_learned(clusters, rows, given, model):
    weights = given.graph_.toarray()
    same = (clusters.clusters[:, None] == clusters.clusters) & ~np.eye(40, dtype=bool)
    assert_allclose(weights, weights.max() * same, rtol=1e-8)
    X, y = draw(clusters.coef, 200, 2)
    assert loss(given, X, y) < loss(TaskGraphClassifier(shrinkage=1.0, task=-1).fit(*rows), X, y)
    labels = pd.DataFrame(same.astype(float)).iloc[::-1, ::-1]
    again = TaskGraphClassifier(graph=labels, shrinkage=0.0, task=-1, standardize=False).fit(*rows)
    assert_allclose(again.coef_, given.coef_)
    chosen = TaskGraphClassifier(graph=same.astype(float), task=-1).fit(*rows)
    assert chosen.shrinkage_ == 0.0
    assert loss(chosen, X, y) < loss(model, X, y)


def test_without_edges_tasks_are_mean_regularised(rows):
    """Each task is the mode of its own rows under one Gaussian population, whose mean is that of its tasks."""
    X, y = rows
    found = TaskGraphClassifier(shrinkage=1.0, covariance="scalar", task=-1, standardize=False).fit(X, y)
    assert found.graph_.nnz == 0
    prior, u = found.result_.posterior.prior, found.result_.posterior.mean
    codes = X[:, -1].astype(int)
    U = np.column_stack((np.ones(len(X)), X[:, :-1] - X[:, :-1].mean(axis=0)))
    left = y - expit((U * u[codes]).sum(axis=1))
    pulls = np.stack([U[codes == t].T @ left[codes == t] for t in range(40)])
    assert_allclose(pulls, (u - prior.mean) / prior.scale**2, atol=1e-5)
    assert_allclose(found.pull_, prior.scale[1] ** -2)
    other = SharedRepresentationClassifier(0, tol=1e-6, max_iter=1000, task=-1, standardize=False).fit(X, y)
    assert_allclose(found.coef_, other.coef_, atol=0.05)  # the population's own prior differs


def test_a_learned_graph_beats_tasks_that_share_only_a_mean(clusters, rows, model):
    X, y = draw(clusters.coef, 200, 2)
    edges = model.graph_.tocoo()
    same = clusters.clusters[edges.coords[0]] == clusters.clusters[edges.coords[1]]
    assert edges.data[same].sum() > 0.8 * edges.data.sum()  # by chance: 9 of 39
    alone = np.concatenate(
        [
            LogisticRegression(C=0.1)
            .fit(rows[0][rows[0][:, -1] == t, :-1], rows[1][rows[0][:, -1] == t])
            .predict_proba(X[X[:, -1] == t, :-1])[:, 1]
            for t in range(40)
        ]
    )
    assert loss(model, X, y) < 0.97 * loss(SharedRepresentationClassifier(0, task=-1).fit(*rows), X, y)
    assert loss(model, X, y) < 0.95 * log_loss(y, alone)
    near = model.neighbors(5)
    assert near.is_monotonic_decreasing
    assert_allclose(near.to_numpy(), model.graph_.toarray()[5, near.index.astype(int)])
    assert_allclose(model.laplacian_.toarray().sum(axis=1), 0.0, atol=1e-8 * edges.data.max())
    assert "sharing counts" in model.coupling_advice_
    assert model.shrinkage_scores_[:, 1].argmin() > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_tasks_that_have_nothing_in_common_are_not_hurt(seed):
    coef = make_unrelated_tasks(30, 1, 8, random_state=seed).coef
    X, y = draw(coef, 40, seed)
    new = draw(coef, 200, seed + 10)
    without = TaskGraphClassifier(shrinkage=1.0, task=-1).fit(X, y)
    assert loss(TaskGraphClassifier(task=-1).fit(X, y), *new) < 1.01 * loss(without, *new)


def test_held_out_rows_widen_a_prior_that_the_evidence_takes_too_narrow():
    """Laplace's method takes tasks of few rows and large coefficients for tasks that hardly differ."""
    coef = make_unrelated_tasks(40, 1, 10, random_state=0).coef
    X, y = draw(coef, 25, 0, scale=4.0)
    model = TaskGraphClassifier(task=-1).fit(X, y)
    new = draw(coef, 200, 1, scale=4.0)
    assert model.inflation_ > 1.0
    assert loss(model, *new) < 0.98 * loss(TaskGraphClassifier(shrinkage=1.0, task=-1).fit(X, y), *new)


@pytest.mark.parametrize("n_tasks", [20, 60])  # dense, and by draws
def test_posterior_deviations_are_those_of_the_errors(n_tasks):
    """On a graph that is known; standardised errors of the coefficients have variance one."""
    generator = np.random.default_rng(0)
    laplacian = geometric_graph(n_tasks, 5, generator)
    graph = np.diag(np.diag(laplacian)) - laplacian
    squares = []
    for _ in range(3):
        coef = 1.5 * field(laplacian, 6, generator)
        codes = np.repeat(np.arange(n_tasks), 60)
        X = generator.normal(size=(len(codes), 6))
        y = (generator.random(len(codes)) < expit((X * coef[codes]).sum(axis=1))).astype(int)
        table = np.column_stack((X, codes))
        found = TaskGraphClassifier(graph=graph, task=-1, standardize=False).fit(table, y)
        variance = np.einsum("tii->ti", found.result_.posterior.covariance)[:, 1:]
        squares.append(((found.coef_ - coef) ** 2 / variance).mean())
    assert np.mean(squares) == pytest.approx(1.0, abs=0.25)


def test_units_classes_and_seed_change_nothing(rows, model):
    """Where draws stand for the posterior covariance, too."""
    X, y = rows
    proba = model.predict_proba(X)
    scaled = np.column_stack((X[:, :4] * 1000.0, X[:, 4:8] - 7.0, X[:, 8]))
    assert_allclose(TaskGraphClassifier(task=-1).fit(scaled, y).predict_proba(scaled), proba, rtol=1e-6)
    other = TaskGraphClassifier(task=-1).fit(X, 1 - y)
    assert_allclose(other.decision_function(X), -model.decision_function(X), rtol=1e-6, atol=1e-6)
    assert_allclose(other.graph_.toarray(), model.graph_.toarray(), rtol=1e-5, atol=1e-6 * model.graph_.data.max())
    assert_array_equal(TaskGraphClassifier(task=-1).fit(X, y).coef_, model.coef_)


def test_tasks_of_one_class_and_of_one_row_are_fitted(rows):
    X, y = rows
    codes = X[:, -1]
    y = np.where(codes == 3, 1, np.where(codes == 4, 0, y))
    keep = np.ones(len(y), dtype=bool)
    keep[np.flatnonzero(codes == 7)[1:]] = False
    found = TaskGraphClassifier(task=-1).fit(X[keep], y[keep])
    odds = found.decision_function(X)
    assert np.isfinite(found.coef_).all()
    assert odds[codes == 3].mean() > np.median(odds) > odds[codes == 4].mean()
    nearly = TaskGraphClassifier(covariance="scalar", task=-1).fit(X, (X[:, 0] > 0).astype(int))
    assert np.isfinite(nearly.coef_).all()
    assert nearly.score(X, X[:, 0] > 0) > 0.97


def test_duplicate_tasks_give_finite_models(rows):
    X, y = rows
    twice = np.concatenate((X, X + np.eye(9)[8] * 40))
    found = TaskGraphClassifier(shrinkage=0.0, covariance="scalar", task=-1).fit(twice, np.tile(y, 2))
    assert np.isfinite(found.predict_proba(twice)).all()
    assert np.isfinite(found.graph_.data).all()


def test_every_class_has_a_graph_where_there_are_more_than_two(clusters, rows):
    X, _ = rows
    score = (X[:, :8] * clusters.coef[X[:, 8].astype(int)]).sum(axis=1)
    y = np.array(["a", "b", "c"])[np.digitize(score, np.quantile(score, [1 / 3, 2 / 3]))]
    model = TaskGraphClassifier(shrinkage=0.3, covariance="scalar", task=-1).fit(X, y)
    assert len(model.graph_) == len(model.pull_) == len(model.inflation_) == len(model.coupling_advice_) == 3
    near = model.neighbors(2, "c")
    assert_allclose(near.to_numpy(), model.graph_[2].toarray()[2, near.index.astype(int)])
    with pytest.raises(InputError, match=r"label must be one of \['a', 'b', 'c'\]; got None"):
        model.neighbors(2)
    with pytest.raises(InputError, match="99 is not one of them"):
        model.neighbors(99, "a")


def test_new_tasks_find_their_neighbours(clusters, rows):
    """Ten tasks of twelve rows beside the other thirty; and known tasks stay as they are."""
    X, y = rows
    codes = X[:, -1]
    new = codes >= 30
    few = new & (pd.Series(codes).groupby(codes).cumcount() < 12).to_numpy()
    fitted = TaskGraphClassifier(task=-1).fit(X[~new], y[~new])
    adapted = fitted.adapt(X[few], y[few])
    alone = TaskGraphClassifier(shrinkage=1.0, covariance="scalar", task=-1).fit(X[~new], y[~new]).adapt(X[few], y[few])
    test, truth = draw(clusters.coef, 200, 2)
    of_new = test[:, -1] >= 30
    assert loss(adapted, test[of_new], truth[of_new]) < 0.97 * loss(alone, test[of_new], truth[of_new])
    old = np.isin(adapted.tasks_, fitted.tasks_)
    assert_array_equal(adapted.coef_[old], fitted.coef_)
    weights = adapted.graph_.toarray()
    assert_allclose(weights[np.ix_(old, old)], fitted.graph_.toarray())
    same = clusters.clusters[~old][:, None] == clusters.clusters[old]
    assert weights[np.ix_(~old, old)][same].sum() > 0.6 * weights[np.ix_(~old, old)].sum()  # by chance: 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"covariance": "spherical"}, "covariance must be 'auto', 'scalar'"),
        ({"n_neighbors": 0}, "n_neighbors must be a whole number >= 1"),
        ({"max_iter": 2.5}, "max_iter must be"),
        ({"shrinkage": 1.5}, "from 0 to 1"),
        ({"tol": -1.0}, "tol must be"),
        ({"graph": np.ones((3, 3))}, r"graph must be \(40, 40\)"),
        ({"graph": np.eye(40)}, "joins no tasks"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, message, rows):
    with pytest.raises(InputError, match=message):
        TaskGraphClassifier(task=-1, **arguments).fit(*rows)


@pytest.mark.skipif(
    data_directory() is None or not (data_directory() / "landmine.parquet").is_file(),
    reason="landmine is absent: KINFOLK_DATA names the folder of the real sets",
)
def test_minefields_are_joined_within_their_terrain():
    """Fields 1 to 15 are foliated, 16 to 29 bare earth: no one tells the graph."""
    data = load_real("landmine")
    some = np.random.default_rng(0).random(len(data.X)) < 0.5
    found = TaskGraphClassifier(task=data.task).fit(data.X[some], data.y[some])
    edges = found.graph_.tocoo()
    foliated = np.asarray(found.tasks_, dtype=int) <= 15
    within = foliated[edges.coords[0]] == foliated[edges.coords[1]]
    assert edges.data[within].sum() > 0.85 * edges.data.sum()  # by chance: 0.48
    assert kinfolk.all_estimators("classifier").count(TaskGraphClassifier) == 1


@pytest.mark.skipif(
    data_directory() is None or not (data_directory() / "landmine.parquet").is_file(),
    reason="landmine is absent: KINFOLK_DATA names the folder of the real sets",
)
def test_extrapolated_strengths_do_not_run_away():
    """With 15% of the rows an extrapolation of the strengths left for log-odds of 1e60."""
    data = load_real("landmine")
    rows = pd.Series(np.random.default_rng(7).random(len(data.y))).groupby(np.asarray(data.X["task"]))
    few = (rows.rank() - 1.0 < np.maximum(np.round(0.15 * rows.transform("size")), 1.0)).to_numpy()
    model = TaskGraphClassifier(task="task").fit(data.X[few], data.y[few])
    assert np.abs(model.intercept_).max() < 10.0
    assert np.isfinite(model.coef_).all()
