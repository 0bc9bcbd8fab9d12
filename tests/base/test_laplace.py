"""The posterior of logistic tasks is at its mode, however wide the prior and however far apart the classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from kinfolk.base.laplace import laplace_posterior, linear_predictor
from kinfolk.posterior import GaussianPrior
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData, sum_by_task


def tasks(d, length, seed, weighted=False):
    """Five tasks of 17 rows with entries of about five; the longer the coefficients the further apart the classes."""
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(5), 17)
    X = 5.0 * generator.normal(size=(len(codes), d))
    y = (generator.random(len(codes)) < expit(X @ generator.normal(size=d) * length)).astype(float)
    weights = generator.uniform(0.5, 3.0, size=len(codes)) if weighted else None
    return TaskData.build(X, y, codes, 5, weights=weights, scaling=Scaling(np.zeros(d), np.ones(d), 0.0, 1.0))


def gradient(data, posterior, prior):
    """Of the log posterior of each task, ``(T, D)``."""
    U = np.concatenate((np.ones((len(data.y), 1)), data.X), axis=1)
    eta = linear_predictor(posterior.mean[:, 1:], posterior.mean[:, 0], data.X, data.codes)
    left = (data.y - expit(eta)) * (1.0 if data.weights is None else data.weights)
    likelihood = np.stack([sum_by_task(left * column, data.codes, data.n_tasks) for column in U.T], axis=1)
    return likelihood - (posterior.mean - prior.mean) / prior.scale**2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("scale", "far"), [(0.3, 0.0), (3.0, 3.0), (30.0, 0.0), (30.0, 50.0)])
def test_the_gradient_vanishes(scale, far, weighted):
    """Full Newton steps never ended in a third of such tables."""
    for seed, (d, length) in enumerate([(1, 20.0), (3, 0.5), (10, 3.0)]):
        data = tasks(d, length, seed, weighted)
        none = np.zeros((d + 1, 0))
        mean = far * np.random.default_rng(seed).normal(size=d + 1)
        prior = GaussianPrior(mean, none, np.full(d + 1, scale), none)
        posterior = laplace_posterior(prior, data)
        assert_allclose(gradient(data, posterior, prior), 0.0, atol=1e-5)


def test_the_mode_does_not_depend_on_the_start():
    data = tasks(4, 3.0, 0)
    none = np.zeros((5, 0))
    prior = GaussianPrior(np.zeros(5), none, np.full(5, 5.0), none)
    found = laplace_posterior(prior, data)
    far = laplace_posterior(prior, data, 100.0 * np.random.default_rng(1).normal(size=len(data.y)))
    assert_allclose(far.mean, found.mean, atol=1e-6)


def test_directions_without_variance_stay_where_the_population_is():
    data = tasks(3, 1.0, 0)
    scale, none = np.array([2.0, 0.0, 1.0, 0.0]), np.zeros((4, 0))
    prior = GaussianPrior(np.array([0.0, 0.3, 0.0, -0.2]), none, scale, none)
    found = laplace_posterior(prior, data)
    assert_allclose(found.mean[:, [1, 3]], np.tile([0.3, -0.2], (5, 1)), atol=1e-12)
    left = gradient(data, found, GaussianPrior(prior.mean, none, np.array([2.0, 1.0, 1.0, 1.0]), none))
    assert_allclose(left[:, [0, 2]], 0.0, atol=1e-6)
