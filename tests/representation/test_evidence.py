"""Marginal likelihood of the shared representation: value, gradient, posterior, what tasks have of their own."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk.datasets import make_shared_representation, make_unrelated_tasks
from kinfolk.representation.evidence import SharedModel, best_ridge
from kinfolk.representation.fit import Fit, Study, first_fit, fit_rank, refine, start_of_rank
from kinfolk.representation.own import best_own, coefficients, own_profile, worth_looking
from kinfolk.representation.spectrum import Spectrum
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData


def numbers(n_tasks=30, n=12, d=6, rank=2, seed=0):
    data = make_shared_representation(
        n_tasks=n_tasks, n_samples=n, n_features=d, rank=rank, intercept=1.0, random_state=seed
    )
    X, codes = data.X.drop(columns="task").to_numpy(), data.X["task"].to_numpy()
    units = Scaling(np.zeros(d), np.ones(d), 0.0, 1.0)
    return TaskData.build(X, data.y, codes, n_tasks, scaling=units), data


def test_value_is_the_log_likelihood_of_the_centred_data():
    """At a fixed mean: differences of the value are those of the multivariate normal, with rho integrated exactly."""
    data, _ = numbers()
    moments = data.moments()
    factor = moments.factor()
    rng = np.random.default_rng(1)
    found, expected = [], []
    for own in (0.0, 0.3, 2.0):
        loadings = rng.normal(size=(6, 2)) * 0.5
        state = SharedModel(moments, own, Spectrum.of(factor, None)).weigh(loadings, 1.0)
        prior_part = state.mean @ np.linalg.solve(np.eye(6) + loadings @ loadings.T, state.mean)
        quad, volume, freedom = prior_part, 0.0, moments.degrees_of_freedom
        for t in range(30):
            rows = slice(data.offsets[t], data.offsets[t + 1])
            contrast = np.linalg.svd(np.ones((1, 12)))[2][1:]
            X, y = contrast @ data.X[rows], contrast @ data.y[rows]
            covariance = np.eye(11) + X @ (loadings @ loadings.T + own * np.eye(6)) @ X.T
            residual = y - X @ state.mean
            quad += residual @ np.linalg.solve(covariance, residual)
            volume += np.linalg.slogdet(covariance)[1]
        assert_allclose(state.noise, quad / freedom)
        found.append(state.value)
        expected.append(-0.5 * (freedom * np.log(quad / freedom) + volume))
    assert_allclose(found, expected)


def test_coefficients_are_the_posterior_means_given_population_and_loadings():
    data, _ = numbers()
    moments = data.moments()
    factor = moments.factor()
    loadings = np.random.default_rng(2).normal(size=(6, 2))
    state = SharedModel(moments, 0.4, Spectrum.of(factor, None)).weigh(loadings, 0.5)
    omega = loadings @ loadings.T + 0.4 * np.eye(6)
    for t, found in enumerate(coefficients(state, Spectrum.of(factor, None))):
        S, b = moments.primal()[t], moments.b[t]
        gain = np.linalg.inv(np.linalg.inv(omega) + S)
        assert_allclose(found, state.mean + gain @ (b - S @ state.mean), atol=1e-9)


@pytest.mark.parametrize("own", [0.0, 0.3])
@pytest.mark.parametrize("d", [6, 20])  # sums, and rows where tasks have fewer rows than features
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_that_of_the_value(own, d, weighted):  # A1
    data, _ = numbers(d=d)
    rng = np.random.default_rng(3)
    study = Study(data.moments(), rng.uniform(0.2, 1.0, size=30) if weighted else None)
    model = study.model(own)
    loadings, step = 0.5 * rng.normal(size=(d, 2)), rng.normal(size=(d, 2))
    gradient = model.weigh(loadings, 0.7).gradient
    ahead, behind = (model.weigh(loadings + h * step, 0.7).value for h in (1e-5, -1e-5))
    assert_allclose((ahead - behind) / 2e-5, (gradient * step).sum(), rtol=1e-6)


def test_sums_and_rows_weigh_the_same():
    data, _ = numbers(n=25)
    moments = data.moments()
    factor = moments.factor()
    as_rows = replace(moments, gram=None, rows=factor.rows, targets=factor.targets)
    as_rows = replace(as_rows, yy=moments.yy - factor.rest)  # rows hold what coefficients can explain
    loadings = np.random.default_rng(2).normal(size=(6, 2))
    by_sums, by_rows = (SharedModel(m).weigh(loadings, 1.0) for m in (replace(moments, yy=as_rows.yy), as_rows))
    for name in ("mean", "noise", "value", "heads", "left", "gradient", "second"):
        assert_allclose(getattr(by_sums, name), getattr(by_rows, name), rtol=1e-8, atol=1e-8, err_msg=name)


def test_the_climb_never_descends_and_ends_where_the_gradient_vanishes():
    data, _ = numbers(n_tasks=40, n=20)
    study = Study(data.moments())
    loadings, own, ridge = start_of_rank(study, 2)
    climb = study.model(own).climb(loadings, ridge, steps=500, tol=1e-12)
    assert (np.diff(climb.history) >= 0).all()
    assert climb.moves[-1] < 1e-3 < climb.moves[0]
    state = climb.state
    assert np.abs(state.gradient).max() < 1e-3 * np.abs(study.model(own).weigh(loadings, ridge).gradient).max()


def test_looking_for_own_variation_is_judged_by_score_and_information():
    """Where tasks have nothing of their own none is looked for; where they have some it is."""
    looked = []
    for size in (0.0, 0.3):
        data = make_shared_representation(n_tasks=60, n_samples=40, n_features=10, rank=2, random_state=0)
        X, codes = data.X.drop(columns="task").to_numpy(), data.X["task"].to_numpy()
        own = size * np.random.default_rng(1).normal(size=(60, 10))
        y = data.y + (X * own[codes]).sum(axis=1)
        study = Study(TaskData.build(X, y, codes, 60).moments())
        state = study.model(0.0).climb(*start_of_rank(study, 2)[::2], steps=50, tol=1e-3).state
        looked.append(worth_looking(study.model(0.0), state))
    assert looked == [False, True]


PROFILE = np.array([0.1, 2.0, 0.0, 1.0, 0.5, 3.0])


def test_with_a_profile_the_value_and_the_means_are_those_of_the_dense_prior():
    data, _ = numbers()
    study = Study(data.moments(), profile=PROFILE)
    loadings = 0.5 * np.random.default_rng(2).normal(size=(6, 2))
    values, dense = [], []
    for own in (0.2, 1.5):
        model = study.model(own)
        fit = Fit(study, model, model.weigh(loadings, 1.0))
        omega = loadings @ loadings.T + own * np.diag(PROFILE)
        volume = 0.0
        for t in range(30):
            S, b = study.moments.primal()[t], study.moments.b[t]
            expected = fit.state.mean + omega @ np.linalg.solve(np.eye(6) + S @ omega, b - S @ fit.state.mean)
            assert_allclose(fit.slopes[t], expected, atol=1e-9)
            volume += np.linalg.slogdet(np.eye(6) + S @ omega)[1]
        values.append(fit.state.value + 0.5 * model.freedom * np.log(fit.state.noise))
        dense.append(-0.5 * volume)
    assert_allclose(values, dense)


def test_the_profile_climbs_to_where_its_derivative_vanishes():
    data = make_shared_representation(n_tasks=80, n_samples=30, n_features=6, rank=0, random_state=0)
    X, codes = data.X.drop(columns="task").to_numpy(), data.X["task"].to_numpy()
    truth = np.sqrt(PROFILE) * np.random.default_rng(1).normal(size=(80, 6))
    study = Study(TaskData.build(X, data.y + (X * truth[codes]).sum(axis=1), codes, 80).moments())
    plain = first_fit(study, tol=1e-6)
    refined = refine(plain, rounds=20, tol=1e-6)
    assert refined.state.value > plain.state.value + 0.5 * 5 * np.log(80)
    found = refined.state.own * refined.study.profile * refined.noise
    assert np.corrcoef(found, PROFILE)[0, 1] > 0.9
    turned = own_profile(refined.model, refined.state, refined.study.profile)
    large = found > 0.05 * found.max()
    assert_allclose(turned[large], (refined.state.own * refined.study.profile)[large], rtol=0.05)


def test_without_evidence_for_a_profile_every_coefficient_has_the_same_variance():
    data = make_unrelated_tasks(n_tasks=30, n_samples=20, n_features=6, random_state=0)
    X, codes = data.X.drop(columns="task").to_numpy(), data.X["task"].to_numpy()
    fit = first_fit(Study(TaskData.build(X, data.y, codes, 30).moments()), tol=1e-4)
    assert refine(fit, rounds=20, tol=1e-4) is fit


def test_leverage_is_the_trace_of_the_hat_matrix():
    data, _ = numbers()
    study = Study(data.moments())
    loadings = np.random.default_rng(2).normal(size=(6, 2))
    for own in (0.0, 0.4):
        model = study.model(own)
        fit = Fit(study, model, model.weigh(loadings, 1.0))
        omega = loadings @ loadings.T + own * np.eye(6)
        for t in range(0, 30, 7):
            S = study.moments.primal()[t]
            assert_allclose(fit.leverage[t], np.trace(np.linalg.solve(np.eye(6) + S @ omega, S @ omega)))


def test_best_own_is_at_its_maximum():
    rng = np.random.default_rng(0)
    data = make_unrelated_tasks(n_tasks=30, n_samples=15, n_features=6, random_state=0)
    units = Scaling(np.zeros(6), np.ones(6), 0.0, 1.0)
    rows = TaskData.build(data.X.drop(columns="task").to_numpy(), data.y, data.X["task"].to_numpy(), 30, scaling=units)
    moments = rows.moments()
    factor = moments.factor()
    model = SharedModel(moments, 1.0, Spectrum.of(factor, None))
    state = model.weigh(rng.normal(size=(6, 1)), 1.0)
    own, gain = best_own(model, Spectrum.of(factor, None), state)
    assert gain > 0
    mean = state.mean

    def evidence(own):
        quad = mean @ np.linalg.solve(np.eye(6) + state.loadings @ state.loadings.T, mean)
        volume = 0.0
        for t in range(30):
            X, y = factor.rows[t], factor.targets[t] - factor.rows[t] @ mean
            covariance = np.eye(len(X)) + X @ (state.loadings @ state.loadings.T + own * np.eye(6)) @ X.T
            quad += y @ np.linalg.solve(covariance, y) + factor.rest[t]
            volume += np.linalg.slogdet(covariance)[1]
        freedom = moments.degrees_of_freedom
        return -0.5 * (freedom * np.log(quad / freedom) + volume)

    assert evidence(own) > max(evidence(own * 1.2), evidence(own / 1.2))


def test_best_ridge_is_where_the_restricted_likelihood_is_largest():
    data, _ = numbers()
    model = Study(data.moments()).model(0.0)
    loadings = 0.5 * np.random.default_rng(2).normal(size=(6, 2))
    state = model.weigh(loadings, 0.3)
    found, gain = best_ridge(state)

    def restricted(ridge):
        prior = ridge * np.eye(6) + loadings @ loadings.T
        fitted = state.pulled @ np.linalg.solve(state.precision + np.linalg.inv(prior), state.pulled)
        return 0.5 * (fitted / state.noise - np.linalg.slogdet(np.eye(6) + prior @ state.precision)[1])

    assert restricted(found) > max(restricted(1.1 * found), restricted(found / 1.1))
    assert_allclose(gain, restricted(found) - restricted(0.3), atol=1e-8)


def test_settling_is_reported():
    data, _ = numbers()
    study = Study(data.moments())
    assert not fit_rank(study, *start_of_rank(study, 1), rounds=1, tol=0.01).settled
    assert fit_rank(study, *start_of_rank(study, 1), rounds=50, tol=0.01).settled
