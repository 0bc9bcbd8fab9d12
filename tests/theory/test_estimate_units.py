"""Spectra of features, in which units coefficients have one variance, and rows that are left out."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk.theory import Problem, estimate_problem, optimal_coupling, outlook, predict_risk
from kinfolk.theory.coupling import best_ridge
from kinfolk.theory.excess import smallest_errors
from kinfolk.theory.left_out import leave_one_out
from kinfolk.theory.likelihood import Likelihood
from kinfolk.theory.table import Table
from kinfolk.theory.whitening import whiten

GRAM = np.array([[1.0, 0.7, 0.5, -0.4], [0.7, 1.5, 0.6, -0.3], [0.5, 0.6, 0.8, -0.2], [-0.4, -0.3, -0.2, 0.6]])


@pytest.mark.parametrize("rows", [None, [0.2, 0.8, 2.0]])
@pytest.mark.parametrize("spectrum", [None, [0.1, 0.4, 2.5]])
def test_smallest_errors_are_those_of_the_best_penalty(rows, spectrum):
    """Equally alike tasks of different sizes, and any Gram matrix, against `predict_risk`."""
    shape = {"row_norms": rows, "spectrum": spectrum}
    alike = Problem(40, [10.0, 40.0, 90.0, 90.0], similarity=0.6, signal=1.2, noise=0.4, **shape)
    general = Problem(40, [10.0, 40.0, 90.0, 90.0], gram=GRAM, noise=[0.1, 0.25, 0.5, 1.0], **shape)
    for problem in (alike, general):
        alone, pooled, coupled = smallest_errors(problem)
        assert_allclose(coupled, optimal_coupling(problem).risk.test, rtol=1e-6)
        for t in range(4):
            single = Problem(
                40, float(problem.alpha[t] * 40), signal=problem.strengths[t], noise=problem.noise_variance[t], **shape
            )
            assert_allclose(alone[t], optimal_coupling(single).risk.test[0], rtol=1e-6)

        def error(lam, problem=problem):
            risk = predict_risk(problem, coupling=np.ones((4, 4)) / lam).test
            return float(np.average(risk, weights=problem.alpha))

        assert_allclose(pooled, error(best_ridge(error)), rtol=1e-4)


def correlated(generator, power, *, whitened, n_tasks=12, n_rows=60, p=30):
    """Features with a power law of eigenvalues; coefficients of one variance in their units, or in whitened ones."""
    values = np.arange(1, p + 1) ** -power
    values /= values.mean()
    W = np.sqrt(0.6 / p) * generator.normal(size=p) + np.sqrt(0.4 / p) * generator.normal(size=(n_tasks, p))
    task = np.repeat(np.arange(n_tasks), n_rows)
    Z = generator.normal(size=(len(task), p))
    turn = np.linalg.qr(generator.normal(size=(p, p)))[0]
    X = (Z * np.sqrt(values)) @ turn
    scores = ((Z if whitened else Z * np.sqrt(values)) * W[task]).sum(axis=1)
    return X, scores + np.sqrt(0.5) * generator.normal(size=len(task)), task


@pytest.mark.parametrize("whitened", [False, True])
def test_the_units_of_coefficients_are_told_by_the_likelihood(whitened):
    """Six tables: right in all; signal within 15% of the truth on average, errors left out as predicted within 8%."""
    found = [estimate_problem(*correlated(np.random.default_rng(seed), 1.2, whitened=whitened)) for seed in range(6)]
    assert {each.units for each in found} == {"whitened" if whitened else "features"}
    assert (found[0].problem.spectrum is None) == whitened
    assert_allclose(np.mean([each.noise for each in found]), 0.5, rtol=0.1)
    promised = [outlook(each).coupled * 60 / 59 for each in found]
    assert_allclose(np.mean(promised), np.mean([each.loo for each in found]), rtol=0.08)


def test_chance_makes_no_spectrum_of_independent_features():
    generator = np.random.default_rng(0)
    task = np.repeat(np.arange(10), 40)
    X = generator.normal(size=(400, 60))
    rows, whitening = whiten(Table.of(X, X[:, 0], task, "linear"))
    assert whitening.spectrum.std() > 0.3
    assert rows.spectrum is None
    values = rows.in_features(whitening).spectrum
    assert values is None or values.std() < 0.1
    wide = whiten(Table.of(X * np.ones(60) + 2.0 * generator.normal(size=(400, 1)), X[:, 0], task, "linear"))
    told = wide[0].in_features(wide[1]).spectrum
    assert told.max() / told.sum() == pytest.approx(0.8, abs=0.05)
    assert told.mean() == pytest.approx(1.0)


def small(seed=0):
    generator = np.random.default_rng(seed)
    task = np.array([0] * 6 + [1] * 9 + [2] * 1 + [3] * 4)
    X, y = generator.normal(size=(20, 3)), generator.normal(size=20)
    return whiten(Table.of(X, y, task, "linear"))[0]


def test_the_likelihood_is_the_density_of_contrasts():
    """Differences of the criterion against the Gaussian density of contrasts within tasks, its noise at the maximum."""
    rows = small()
    likelihood = Likelihood(rows)
    contrasts = []
    for t in range(4):
        here = np.flatnonzero(rows.codes == t)
        basis = np.linalg.svd(np.eye(len(here)) - 1.0 / len(here))[0][:, : len(here) - 1]
        block = np.zeros((len(here) - 1, 20))
        block[:, here] = basis.T
        contrasts.append(block)
    C = np.vstack(contrasts)

    def direct(own, shared):
        same = rows.codes[:, None] == rows.codes
        K = np.eye(20) + (rows.X @ rows.X.T) * (np.exp(own) * same + np.exp(shared)) / 3
        K = C @ K @ C.T
        z = C @ rows.y
        return len(C) * np.log(z @ np.linalg.solve(K, z)) + np.linalg.slogdet(K)[1]

    base = direct(0.0, 0.0)
    for own, shared in ((1.0, -2.0), (-3.0, 2.0), (2.0, 2.0)):
        told = likelihood.value(np.array([0.0, own, shared])) - likelihood.value(np.zeros(3))
        assert_allclose(told, direct(own, shared) - base, rtol=1e-9, atol=1e-9)
    theta = likelihood.maximum()
    grid = [np.array([0.0, own, shared]) for own in np.linspace(-12, 8, 41) for shared in np.linspace(-12, 8, 41)]
    assert likelihood.value(theta) <= min(map(likelihood.value, grid)) + 1e-6


def test_rows_are_left_out_as_by_fitting_again():
    rows = small(1)
    theta = np.array([np.log(0.5), 0.3, -0.4])
    found = leave_one_out(rows, Likelihood(rows), theta)
    same = rows.codes[:, None] == rows.codes
    K = (rows.X @ rows.X.T) * (np.exp(theta[1]) * same + np.exp(theta[2])) / 3 + 1e9 * same + np.eye(20)
    inverse = np.linalg.inv(K)
    exact = (inverse @ rows.y) / np.diag(inverse)
    lone = rows.codes == 2
    assert np.isnan(found.residuals[lone]).all()
    assert_allclose(found.residuals[~lone], exact[~lone], rtol=1e-5, atol=1e-6)


def test_predictions_for_more_rows_know_the_spectrum():
    estimate = estimate_problem(*correlated(np.random.default_rng(0), 1.2, whitened=False))
    flat = replace(estimate, problem=replace(estimate.problem, spectrum=None))
    assert outlook(estimate).alone < outlook(flat).alone


def test_corrections_are_one_in_the_limit():
    """Forty features, tasks of 40 and 120 Gaussian rows: what rows promise is the limit, and an intercept more."""
    generator = np.random.default_rng(0)
    task = np.repeat(np.arange(20), np.repeat([40, 120], 10))
    X = generator.normal(size=(len(task), 40))
    W = np.sqrt(0.6 / 40) * generator.normal(size=40) + np.sqrt(0.4 / 40) * generator.normal(size=(20, 40))
    estimate = estimate_problem(X, (X * W[task]).sum(axis=1) + 0.7 * generator.normal(size=len(task)), task)
    alone, pooled, coupled = smallest_errors(estimate.problem)
    n = np.repeat([40.0, 120.0], 10)
    for row, errors in ((0, alone), (1, coupled)):
        excess = errors - estimate.noise
        assert_allclose(
            (estimate.corrections[row] * excess)[n == 40].mean(), (excess + errors / n)[n == 40].mean(), rtol=0.1
        )
        assert_allclose(
            (estimate.corrections[row] * excess)[n > 40].mean(), (excess + errors / n)[n > 40].mean(), rtol=0.1
        )
    assert outlook(estimate).pooled == pytest.approx(pooled * (1 + 20 / len(task)), rel=0.03)


def test_what_rows_promise_is_what_rows_left_out_have():
    """The same eight rows in five tasks, targets drawn from the model 1500 times: mean squares to 8%, task by task."""
    generator = np.random.default_rng(2)
    T, n, p = 5, 8, 4
    task = np.repeat(np.arange(T), n)
    X = np.tile(generator.normal(size=(n, p)), (T, 1))
    rows = whiten(Table.of(X, generator.normal(size=T * n), task, "linear"))[0]
    theta = np.array([np.log(0.5), 0.3, 0.8])
    found = leave_one_out(rows, Likelihood(rows), theta)
    own, shared = 0.5 * np.exp(theta[1:]) / p
    squares = np.zeros(T)
    for _ in range(1500):
        W = np.sqrt(shared) * generator.normal(size=p) + np.sqrt(own) * generator.normal(size=(T, p))
        y = (rows.X * W[task]).sum(axis=1) + np.sqrt(0.5) * generator.normal(size=T * n)
        y -= y.reshape(T, n).mean(axis=1).repeat(n)
        drawn = replace(rows, y=y)
        likelihood = Likelihood(drawn)
        squares += (leave_one_out(drawn, likelihood, theta).residuals ** 2).reshape(T, n).mean(axis=1) / 1500
    assert_allclose(0.5 * (1.0 + found.promised[1]), squares, rtol=0.08)


def test_errors_of_tasks_in_which_features_are_constant():
    """Half of the features constant in a task: errors alone of fits with the estimated ridge, targets drawn anew.

    What is predicted is within 5% of them; the limit, in which all features vary, is much too large.
    """
    generator = np.random.default_rng(1)
    T, n, p = 30, 12, 8
    task = np.repeat(np.arange(T), n)
    varies = np.array([generator.permutation(np.arange(p) < p // 2) for _ in range(T)])
    levels = generator.normal(size=(T, p))
    X, fresh = (np.where(varies[task], generator.normal(size=(T * n, p)), levels[task]) for _ in range(2))
    W = np.sqrt(0.5 / p) * generator.normal(size=p) + np.sqrt(0.5 / p) * generator.normal(size=(T, p))
    y = (X * W[task]).sum(axis=1) + 0.7 * generator.normal(size=T * n)
    estimate = estimate_problem(X, y, task, units="features")
    told, noise, p_tau = outlook(estimate).alone, estimate.noise, estimate.signal / p
    limit = float(np.average(smallest_errors(estimate.problem)[0], weights=estimate.problem.alpha))
    means = np.stack([X[task == t].mean(axis=0) for t in range(T)])
    scale = np.sqrt(((X - means[task]) ** 2).sum(axis=0) / (T * (n - 1)))
    errors = []
    for t in range(T):
        A, B = ((rows[task == t] - means[t]) / scale for rows in (X, fresh))
        M = B @ np.linalg.inv(A.T @ A + noise / p_tau * np.eye(p))
        spread = (M @ A.T) ** 2
        errors.append(
            noise * (1 + 1 / n + spread.sum(axis=1).mean()) + p_tau * ((M @ A.T @ A - B) ** 2).sum(axis=1).mean()
        )
    assert_allclose(told, np.mean(errors), rtol=0.05)
    assert limit * (n + 1) / n > 1.1 * np.mean(errors)


@pytest.mark.parametrize("kind", ["elliptical", "categories"])
def test_lengths_of_rows_count_as_far_as_scores_show_them(kind):
    """Elliptical rows keep most of their spread; rare categories make rows as long, but scores stay Gaussian."""
    generator = np.random.default_rng(4)
    task = np.repeat(np.arange(20), 100)
    X = generator.normal(size=(2000, 24))
    if kind == "elliptical":
        X *= np.sqrt(generator.choice([0.2, 1.0, 3.0], size=(2000, 1), p=[0.5, 0.3, 0.2]))
    else:
        X[:, :8] = generator.random((2000, 8)) < 0.02
    W = generator.normal(size=24) + 0.5 * generator.normal(size=(20, 24))
    y = (X * W[task]).sum(axis=1)
    estimate = estimate_problem(X, y + 0.5 * y.std() * generator.normal(size=2000), task)
    assert estimate.whitening.spread > 2 * np.sqrt(2 / 24)
    norms = estimate.problem.row_norms
    if kind == "categories":
        assert norms is None or norms.std() < 0.7 * estimate.whitening.spread
    else:
        assert norms.mean() == pytest.approx(1.0)
        assert norms.std() == pytest.approx(estimate.whitening.spread, rel=0.35)
    assert any("kurtosis" in line for line in estimate.warnings)
