"""The posterior is the textbook one, written with moments; so is the marginal likelihood and its gradient."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

from kinfolk.linear.evidence import MixedModel
from kinfolk.linear.pooled import _Sums
from kinfolk.posterior import GaussianPrior
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData

NOISE = 0.7


def data_of(d, n_tasks=4, n=60, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.sort(rng.integers(n_tasks, size=n))
    X, y = rng.normal(size=(n, d)) + codes[:, None], rng.normal(size=n) + codes
    return TaskData.build(X, y, codes, n_tasks, scaling=Scaling(np.zeros(d), np.ones(d), 0.0, 1.0))


def task(data, t):
    rows = slice(data.offsets[t], data.offsets[t + 1])
    X = data.X[rows]
    return np.column_stack((np.ones(len(X)), X)), data.y[rows]


def random_prior(d, k, seed=1, **parts):
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.2, 1.0, size=d + 1)
    scale[1] = 0.0  # a coefficient with no spread of its own
    return GaussianPrior(rng.normal(size=d + 1), rng.normal(size=(d + 1, k)), scale, np.zeros((d + 1, 0)), **parts)


@pytest.mark.parametrize("d", [3, 30])  # fewer and more features than rows
@pytest.mark.parametrize("k", [0, 2])
def test_posterior_is_that_of_bayesian_linear_regression(d, k):
    data, prior = data_of(d), random_prior(d, k)
    posterior = prior.condition(data.moments(), NOISE)
    omega = prior.root @ prior.root.T
    for t in range(4):
        U, y = task(data, t)
        gain = omega @ U.T @ np.linalg.inv(U @ omega @ U.T + NOISE * np.eye(len(y)))
        assert_allclose(posterior.mean[t], prior.mean + gain @ (y - U @ prior.mean), atol=1e-8)
        assert_allclose(posterior.covariance[t], omega - gain @ U @ omega, atol=1e-8)


@pytest.mark.parametrize("d", [3, 30])
def test_uncertainty_of_the_population_mean_is_carried_through(d):
    """With mean ~ N(m, M M') integrated out, the task's covariance is that of the wider joint Gaussian."""
    data = data_of(d)
    factor = np.random.default_rng(3).normal(size=(d + 1, 2))
    prior = random_prior(d, 1)
    prior = GaussianPrior(prior.mean, prior.loadings, prior.scale, factor)
    covariance = prior.condition(data.moments(), NOISE).covariance
    omega = prior.root @ prior.root.T
    for t in range(4):
        U, y = task(data, t)
        gain = omega @ U.T @ np.linalg.inv(U @ omega @ U.T + NOISE * np.eye(len(y)))
        left_over = factor - gain @ (U @ factor)
        assert_allclose(covariance[t], omega - gain @ U @ omega + left_over @ left_over.T, atol=1e-8)


@pytest.mark.parametrize("d", [3, 30])
def test_a_free_intercept_is_the_limit_of_a_wide_prior(d):
    data = data_of(d)
    scale = np.full(d + 1, 0.5)
    scale[0] = 0.0
    free = GaussianPrior(np.zeros(d + 1), np.zeros((d + 1, 0)), scale, np.zeros((d + 1, 0)), np.inf)
    scale = scale.copy()
    scale[0] = 1e4
    wide = GaussianPrior(np.zeros(d + 1), np.zeros((d + 1, 0)), scale, np.zeros((d + 1, 0)))
    a, b = (prior.condition(data.moments(), NOISE) for prior in (free, wide))
    assert_allclose(a.mean, b.mean, atol=1e-5)
    assert_allclose(a.covariance, b.covariance, atol=1e-5)


def test_predictive_variance_reads_the_right_task():
    data, prior = data_of(3), random_prior(3, 1)
    posterior = prior.condition(data.moments(), NOISE)
    X, codes = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 4
    U = np.column_stack((np.ones(20), X))
    expected = [u @ posterior.covariance[t] @ u for u, t in zip(U, codes, strict=True)]
    assert_allclose(posterior.predictive_variance(X, codes), expected)


def dense_evidence(data, root, ridge):
    """Log density of the contrasts that are free of the flat intercept, with the noise at its best value."""
    blocks = [task(data, t) for t in range(data.n_tasks)]
    U, y = np.concatenate([u for u, _ in blocks]), np.concatenate([y for _, y in blocks])
    covariance = np.eye(len(y)) + ridge * U[:, 1:] @ U[:, 1:].T
    position = 0
    for u, _ in blocks:
        rows = slice(position, position + len(u))
        covariance[rows, rows] += u @ root @ root.T @ u.T
        position += len(u)
    contrasts = null_space(np.ones((1, len(y))))
    z, covariance = contrasts.T @ y, contrasts.T @ covariance @ contrasts
    noise = z @ np.linalg.solve(covariance, z) / len(z)
    return multivariate_normal(np.zeros(len(z)), noise * covariance).logpdf(z)


@pytest.mark.parametrize("d", [3, 20])
def test_evidence_differences_are_those_of_the_multivariate_normal(d):
    data = data_of(d)
    model = MixedModel(data.moments())
    rng = np.random.default_rng(5)
    found, expected = [], []
    for _ in range(4):
        root, ridge = rng.normal(size=(d + 1, 3)) * 0.5, float(rng.uniform(0.1, 2.0))
        found.append(model.evidence(root, ridge).value)
        expected.append(dense_evidence(data, root, ridge))
    assert_allclose(np.diff(found), np.diff(expected), atol=1e-7)


@pytest.mark.parametrize("d", [3, 20])
def test_score_is_the_gradient_of_the_evidence(d):
    model = MixedModel(data_of(d).moments())
    rng = np.random.default_rng(6)
    root, ridge = rng.normal(size=(d + 1, d + 1)) * 0.3, 0.4
    at = model.evidence(root, ridge)
    direction, step = rng.normal(size=root.shape), 1e-5
    up, down = (model.evidence(root + sign * step * direction, ridge).value for sign in (1, -1))
    assert_allclose(((at.score @ root) * direction).sum(), (up - down) / (2 * step), rtol=1e-6)
    up, down = (model.evidence(root, ridge * np.exp(sign * step)).value for sign in (1, -1))
    assert_allclose(at.ridge_score, (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("d", [3, 30])
def test_the_pooled_model_is_the_mixed_model_with_random_intercepts_only(d):
    moments = data_of(d).moments()
    general, pooled = MixedModel(moments), _Sums(moments)
    root = np.zeros((d + 1, 1))
    values, others = [], []
    for spread, ridge in ((0.5, 0.2), (2.0, 0.7)):
        root[0, 0] = np.sqrt(spread)
        at = general.evidence(root, ridge)
        value, gradient, noise, mean, covariance = pooled.evidence(spread, ridge)
        assert_allclose(noise, at.noise)
        assert_allclose(mean, at.mean, atol=1e-9)
        assert_allclose(covariance, at.mean_covariance, atol=1e-9)
        assert_allclose(gradient, [0.5 * at.score[0, 0] * spread, at.ridge_score], atol=1e-8)
        values.append(value)
        others.append(at.value)
    assert_allclose(np.diff(values), np.diff(others))
