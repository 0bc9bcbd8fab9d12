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
