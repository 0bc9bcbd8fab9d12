"""Shared representation beyond the default: rank criteria, least-squares methods, noise, outliers, sums, streams."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import kinfolk
from kinfolk import IndependentRidge, InputError, SharedRepresentationRegressor
from kinfolk.base.task_noise import squeeze, task_precision
from kinfolk.datasets import make_shared_representation, make_unrelated_tasks
from kinfolk.representation import least_squares_heads, subspace_error, variable_projection


def make(seed=0, *, n_tasks=150, d=60, k=4, n=100, outliers=0.0, size=4.0, own=0.0, spread=0.0):
    """Tasks with shared directions; some are outliers, have parts of their own, or noise of their own."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(d, k)))[0]
    coef = rng.normal(size=(n_tasks, k)) @ basis.T + own * np.sqrt(k / d) * rng.normal(size=(n_tasks, d))
    odd = np.arange(n_tasks) < round(outliers * n_tasks)
    strange = rng.normal(size=(n_tasks, d))
    coef[odd] = size * np.sqrt(k) * (strange / np.linalg.norm(strange, axis=1, keepdims=True))[odd]
    codes = np.repeat(np.arange(n_tasks), n)
    X, noise = rng.normal(size=(n_tasks * n, d)), np.exp(spread * rng.normal(size=n_tasks))
    y = (X * coef[codes]).sum(axis=1) + noise[codes] * rng.normal(size=len(codes))
    return np.column_stack((X, codes)), y, coef, odd, basis


def error(model, coef, tasks=slice(None)):
    return float(((model.coef_ - coef) ** 2).sum(axis=1)[tasks].mean())


def fitted(X, y, rank=4, **parameters):
    return SharedRepresentationRegressor(rank, task=-1, standardize=False, **parameters).fit(X, y)


@pytest.mark.parametrize("shape", [(60, 30, 20, 2), (100, 50, 40, 5), (80, 15, 10, 3)])
def test_marginal_bic_finds_the_rank(shape):
    n_tasks, n, d, rank = shape
    for seed in range(3):
        data = make_shared_representation(n_tasks, n, d, rank, random_state=seed)
        model = SharedRepresentationRegressor("bic", task="task").fit(data.X, data.y)
        assert model.rank_ == rank
        assert np.argmin(model.rank_scores_) == rank


def test_least_squares_methods_meet_in_one_solution_and_evidence_is_better():
    X, y, coef, _, _ = make(n_tasks=60, n=25, k=3, d=20)
    models = {method: fitted(X, y, 3, method=method) for method in ("projection", "descent", "alternating")}
    plain = {name: model.coef_ for name, model in models.items()}
    assert_allclose(plain["descent"], plain["projection"], atol=0.03)
    assert_allclose(plain["alternating"], plain["projection"], atol=0.03)
    assert error(fitted(X, y, 3), coef) < min(error(model, coef) for model in models.values())
    for model in models.values():
        assert model.history_.shape == (model.result_.n_iter, 2)
        assert (np.diff(model.history_[-5:, 0]) <= 1e-9 * model.history_[0, 0]).all()
        assert_allclose(model.representation_.T @ model.representation_, np.eye(3), atol=1e-10)
        scaled = model._scaling.coefficients(model.heads_ @ model.representation_.T, np.zeros(60))[0]
        assert_allclose(scaled, model.coef_, atol=1e-9)


def test_least_squares_choose_their_rank_and_know_new_tasks():
    X, y, coef, _, _ = make(n_tasks=60, n=25, k=3, d=20)
    known = X[:, -1] < 50
    model = fitted(X[known], y[known], "auto", method="projection")
    assert model.rank_ == 3
    adapted = model.adapt(X[~known], y[~known])
    assert adapted.heads_.shape == (60, 3)
    assert_allclose(adapted.heads_[:50], model.heads_)
    assert error(adapted, coef, slice(50, None)) < 0.3 * (coef[50:] ** 2).sum(axis=1).mean()
    assert (model.predict(X[known], return_std=True)[1] > 0).all()


def test_descent_takes_the_parameters_of_a_paper():
    X, y, _, _, _ = make(n_tasks=60, n=40, k=3, d=20)
    numbers = {"step": (0.05, 0.2), "init_scale": 0.01, "n_iter": 650, "whiten": False}
    model = fitted(X, y, 3, method="descent", method_params=numbers)
    assert model.result_.n_iter == 650
    assert_allclose(model.coef_, fitted(X, y, 3, method="projection").coef_, atol=0.02)


def test_noise_for_each_task_weighs_them():
    """With noise over two orders of magnitude: the subspace error is far smaller, and equal noise costs nothing."""
    for seed in range(2):
        X, y, coef, _, basis = make(seed, n=50, spread=1.0)
        common, own = fitted(X, y, "auto"), fitted(X, y, "auto", noise="per-task")
        assert subspace_error(own.representation_, basis) < 0.03
        assert error(own, coef) < 0.2 * error(common, coef)
        assert own.noise_variance_.shape == (150,)
        X, y, coef, _, _ = make(seed, n=50)
        assert error(fitted(X, y, noise="per-task"), coef) < 1.02 * error(fitted(X, y), coef)


def test_variances_are_squeezed_towards_each_other():
    rng = np.random.default_rng(0)
    freedom = np.full(4000, 6.0)
    truth = 2.0 * 8.0 / rng.chisquare(8.0, size=4000)  # scaled inverse chi-square: f0 = 8, s0^2 = 2
    f0, s0 = squeeze(truth * rng.chisquare(6.0, size=4000) / 6.0, freedom)
    assert 6.0 < f0 < 10.5
    assert 1.8 < s0 < 2.2
    assert squeeze(rng.chisquare(6.0, size=4000) / 6.0, freedom)[0] > 100  # equal noise
    assert_allclose(task_precision(np.full(5, 3.0), np.full(5, 3.0)), 1.0)


@pytest.mark.parametrize(("outliers", "size", "n", "most"), [(0.1, 4.0, 100, 0.07), (0.2, 4.0, 100, 0.075)])
def test_outlier_tasks_do_not_bend_what_others_share(outliers, size, n, most):
    X, y, coef, odd, _ = make(outliers=outliers, size=size, n=n)
    model = fitted(X, y, robust=True)
    assert error(model, coef, ~odd) < most
    assert error(fitted(X, y), coef, ~odd) > 5 * most
    assert set(model.outlier_tasks_) >= set(np.flatnonzero(odd))
    assert len(model.outlier_tasks_) <= odd.sum() + 2
    alone = IndependentRidge(task=-1, standardize=False).fit(X, y)
    assert error(model, coef, odd) < error(alone, coef, odd)  # they have a prior of their own


def test_robust_finds_the_rank_among_outliers_and_costs_nothing_without():
    X, y, _, _, _ = make(outliers=0.1, d=30, n=60, n_tasks=100)
    assert fitted(X, y, "auto", robust=True).rank_ == 4
    X, y, coef, _, _ = make(d=30, n=60, n_tasks=100)
    model = fitted(X, y, robust=True)
    assert len(model.outlier_tasks_) <= 1
    assert error(model, coef) < 1.05 * error(fitted(X, y), coef)
    assert model.outlier_scores_.shape == (100,)


def test_approximate_sharing_goes_over_to_each_task_alone():
    """From tasks in the subspace to tasks almost without it, never worse than fitting alone."""
    shares = []
    for own in (0.0, 0.3, 1.0):
        X, y, coef, _, _ = make(own=own, n=80, n_tasks=100, d=40)
        alone = IndependentRidge(task=-1, standardize=False).fit(X, y)
        shares.append(error(fitted(X, y, "auto"), coef) / error(alone, coef))
    assert shares[0] < 0.2
    assert shares[0] < shares[1] < shares[2] < 1.0


def test_no_shared_structure_costs_at_most_two_percent():  # A10
    ratios = []
    for seed in range(3):
        data = make_unrelated_tasks(n_tasks=60, n_samples=40, n_features=50, random_state=seed)
        alone = IndependentRidge(task="task").fit(data.X, data.y)
        shared = SharedRepresentationRegressor(task="task").fit(data.X, data.y)
        found = [data.excess_error(model.coef_, model.intercept_) for model in (shared, alone)]
        ratios.append(found[0] / found[1])
    assert np.mean(ratios) <= 1.02


def test_ill_conditioned_heads_take_few_iterations():  # A9
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(60, 4)))[0]
    coef = rng.normal(size=(150, 4)) * np.geomspace(1.0, 1.0 / 30.0, 4) @ basis.T
    codes = np.repeat(np.arange(150), 200)
    X = rng.normal(size=(len(codes), 60))
    y = (X * coef[codes]).sum(axis=1) + 0.1 * rng.normal(size=len(codes))
    X = np.column_stack((X, codes))
    assert fitted(X, y).result_.n_iter < 15
    assert fitted(X, y, method="projection").result_.n_iter < 15


def test_sums_of_sites_give_the_fit_of_their_rows():
    data = make_shared_representation(n_tasks=30, n_samples=12, n_features=6, rank=2, intercept=1.0, random_state=0)
    model = SharedRepresentationRegressor(task="task").fit(data.X, data.y)
    whole = kinfolk.task_moments(data.X, data.y, task="task")
    again = SharedRepresentationRegressor(task="task").fit_moments(whole)
    assert_allclose(again.coef_, model.coef_, atol=1e-9)
    assert_allclose(again.predict(data.X), model.predict(data.X), atol=1e-9)
    assert_allclose(again.predict(data.X, return_std=True)[1], model.predict(data.X, return_std=True)[1], atol=1e-9)
    # a task that two sites know is the sum of both
    first = np.random.default_rng(0).random(len(data.y)) < 0.4
    sites = [kinfolk.task_moments(data.X[at], data.y[at], task="task") for at in (first, ~first)]
    for rank in (2, "bic"):
        split = SharedRepresentationRegressor(rank, task="task").fit_moments(sites)
        joined = SharedRepresentationRegressor(rank, task="task").fit(data.X, data.y)
        assert_allclose(split.coef_, joined.coef_, atol=1e-8)
    assert SharedRepresentationRegressor(task="task").fit_moments(sites).rank_ == 2


def test_sites_that_do_not_fit_together_are_refused():
    data = make_shared_representation(n_tasks=6, n_samples=12, n_features=3, rank=1, random_state=0)
    model = SharedRepresentationRegressor(task="task")
    one = kinfolk.task_moments(data.X, data.y, task="task")
    other = kinfolk.task_moments(data.X.rename(columns={"x1": "z"}), data.y, task="task")
    with pytest.raises(InputError, match=r"Site 2 has features x0, z, x2 in 5 parts; site 1 has x0, x1, x2"):
        model.fit_moments([one, other])
    with pytest.raises(InputError, match="n_splits must be a whole number >= 2"):
        kinfolk.task_moments(data.X, data.y, task="task", n_splits=1)
    with pytest.raises(InputError, match="no site"):
        model.fit_moments([])
    with pytest.raises(InputError, match="name of the task column"):
        SharedRepresentationRegressor(task=-1).fit_moments(one)


def test_transform_gives_the_shared_features():
    data = make_shared_representation(n_tasks=20, n_samples=15, n_features=6, rank=2, random_state=0)
    model = SharedRepresentationRegressor(2, task="task").fit(data.X, data.y)
    features = data.X.drop(columns="task").to_numpy()
    expected = (features - features.mean(axis=0)) / features.std(axis=0) @ model.representation_
    assert_allclose(model.transform(data.X), expected)
    assert model.transform(data.X.assign(task=99)).shape == (300, 2)


def test_a_stream_of_rows_teaches_a_new_task_but_the_closed_form_is_better():
    streamed, closed = [], []
    for seed in range(3):
        data = make_shared_representation(n_tasks=60, n_samples=100, n_features=10, rank=2, random_state=seed)
        known = (data.X["task"] < 50).to_numpy()
        model = SharedRepresentationRegressor(2, task="task").fit(data.X[known], data.y[known])
        for method, errors in (("sgd", streamed), ("bayes", closed)):
            adapted = model.adapt(data.X[~known], data.y[~known], method=method)
            errors.append(error(adapted, data.coef, slice(50, None)))
    assert np.mean(closed) < np.mean(streamed) < 0.25 * 2.0
    with pytest.raises(InputError, match="takes no sample_weight"):
        model.adapt(data.X[~known], data.y[~known], np.ones((~known).sum()), method="sgd")
    with pytest.raises(InputError, match="'bayes' or 'sgd'"):
        model.adapt(data.X[~known], data.y[~known], method="ols")


def test_history_climbs_and_settles():
    X, y, _, _, _ = make(n_tasks=60, n=40, d=20)
    history = fitted(X, y).history_
    assert history.shape[1] == 2
    assert (np.diff(history[:3, 0]) > 0).all()
    assert history[-1, 1] < 0.1 * history[0, 1]


def test_heads_of_tasks_with_too_few_rows_are_finite():  # A11
    data = make_shared_representation(n_tasks=12, n_samples=[1] * 6 + [9] * 6, n_features=5, rank=2, random_state=0)
    X = data.X.assign(constant=1.0, twin=data.X["x0"])[["x0", "x1", "x2", "x3", "x4", "constant", "twin", "task"]]
    for method in ("evidence", "projection", "descent", "alternating"):
        model = SharedRepresentationRegressor(2, method=method, task="task").fit(X, data.y)
        assert np.isfinite(model.coef_).all()
        assert np.isfinite(model.predict(X, return_std=True)[1]).all()
    moments = kinfolk.task_moments(X, data.y, task="task").total
    assert np.isfinite(least_squares_heads(moments, variable_projection(moments, 2).basis)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rank": "bic", "method": "descent"}, "rank='bic' needs method='evidence'"),
        ({"robust": True, "method": "projection"}, "robust=True needs method='evidence'"),
        ({"method_params": {"step": 0.1}}, "method='evidence' takes none"),
        (
            {"method": "descent", "method_params": {"stp": 0.1}},
            "no argument 'stp'; method_params may hold step",
        ),
        ({"method": "gradient"}, "method must be one of 'evidence', 'projection'"),
        ({"noise": "own"}, "noise must be one of 'common', 'per-task'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(parameters, message):
    data = make_shared_representation(n_tasks=5, n_samples=10, n_features=4, rank=2, random_state=0)
    with pytest.raises(InputError, match=message):
        SharedRepresentationRegressor(task="task", **parameters).fit(data.X, data.y)
