"""Moments are unbiased and their standard errors right, for any sizes, noise and strengths of tasks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError
from kinfolk.theory import estimate_moments

COUNTS, NOISE = np.array([12, 30, 80]), np.array([0.2, 0.5, 1.0])
GRAM = np.array([[1.0, 0.6, -0.3], [0.6, 1.5, 0.2], [-0.3, 0.2, 0.7]])
P = 25


def repeated(n_sets, draw_rows=None):
    """Gram matrices, noise and their standard errors of many data sets with the same coefficients."""
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(generator.normal(size=(P, 3)))[0]
    W = np.linalg.cholesky(GRAM) @ basis.T
    task = np.repeat(np.arange(3), COUNTS)
    found = []
    for _ in range(n_sets):
        X = generator.normal(size=(len(task), P)) if draw_rows is None else draw_rows(generator, (len(task), P))
        y = 5.0 * task + (X * W[task]).sum(axis=1) + np.sqrt(NOISE[task]) * generator.normal(size=len(task))
        found.append(estimate_moments(X + task[:, None], y, task, whitened=True))
    return found


def test_moments_are_unbiased_and_their_standard_errors_are_right():
    """Six hundred data sets: every mean within 3.5 standard errors, every spread within 15% of what is said."""
    found = repeated(600)
    for name, truth in (("gram", GRAM), ("noise", NOISE)):
        values = np.array([getattr(each, name) for each in found])
        said = np.median([getattr(each, f"{name}_se") for each in found], axis=0)
        spread = values.std(axis=0, ddof=1)
        assert (np.abs(values.mean(axis=0) - truth) < 3.5 * spread / np.sqrt(len(found))).all()
        assert_allclose(said, spread, rtol=0.15)


def test_moments_are_unbiased_whatever_the_distribution_of_rows():
    """Rows of very unequal length: the U-statistic has no use for Gaussian ones."""

    def heavy(generator, shape):
        return generator.normal(size=shape) * np.sqrt(generator.choice([0.2, 1.8], size=(shape[0], 1)))

    values = np.array([each.gram for each in repeated(600, heavy)])
    assert (np.abs(values.mean(axis=0) - GRAM) < 3.5 * values.std(axis=0, ddof=1) / np.sqrt(len(values))).all()


@pytest.mark.parametrize("similarity", [0.2, 0.8])
def test_the_standard_error_of_the_similarity_is_right(similarity):
    """Two hundred and fifty data sets of six unequal tasks: unbiased to a fifth of the spread, which is as said."""
    generator = np.random.default_rng(1)
    counts, p = np.array([20, 20, 40, 40, 60, 60]), 30
    basis = np.linalg.qr(generator.normal(size=(p, 6)))[0]
    W = np.linalg.cholesky(similarity + (1 - similarity) * np.eye(6)) @ basis.T
    task = np.repeat(np.arange(6), counts)
    found = []
    for _ in range(250):
        X = generator.normal(size=(len(task), p))
        y = (X * W[task]).sum(axis=1) + 0.5 * generator.normal(size=len(task))
        moments = estimate_moments(X, y, task, whitened=True)
        found.append((moments.similarity, moments.similarity_se, moments.level, moments.level_se))
    rho, rho_se, level, level_se = np.array(found).T
    assert abs(rho.mean() - similarity) < 0.2 * rho.std()
    assert abs(level.mean() - 1.0) < 0.2 * level.std()
    assert_allclose(np.median(rho_se), rho.std(), rtol=0.2)
    assert_allclose(np.median(level_se), level.std(), rtol=0.2)


def test_units_of_the_target_and_turned_features_change_nothing_else():
    generator = np.random.default_rng(2)
    task = np.repeat(np.arange(4), 25)
    X = generator.normal(size=(100, 8))
    y = X @ generator.normal(size=8) + generator.normal(size=100)
    here = estimate_moments(X, y, task)
    root = generator.normal(size=(8, 8))
    there = estimate_moments(X @ root + 3.0, 10.0 * y + task, task)
    assert_allclose(there.gram, 100.0 * here.gram, rtol=1e-6)
    assert_allclose(there.noise_se, 100.0 * here.noise_se, rtol=1e-6)
    assert_allclose(there.similarity, here.similarity, rtol=1e-6)


def test_tasks_of_few_rows_have_no_level_and_no_say():
    generator = np.random.default_rng(3)
    task = np.repeat([0, 1, 2, 3], [40, 40, 3, 1])
    X = generator.normal(size=(84, 5))
    y = X.sum(axis=1) + generator.normal(size=84)
    found = estimate_moments(X, y, task, whitened=True)
    assert np.isfinite(found.gram[:2, :2]).all()
    assert np.isnan([found.gram[2, 2], found.noise[2], found.gram[3, 3]]).all()
    assert np.isnan(found.gram[3]).all()
    pair = estimate_moments(X[:80], y[:80], task[:80], whitened=True)
    assert_allclose([found.level, found.similarity], [pair.level, pair.similarity])


def test_classes_are_taken_as_signs():
    generator = np.random.default_rng(4)
    task, X = np.repeat([0, 1], 200), generator.normal(size=(400, 5))
    words = np.where(X.sum(axis=1) + generator.normal(size=400) > 0, "yes", "no")
    assert_allclose(estimate_moments(X, words, task).gram, estimate_moments(X, 2.0 * (words == "yes") - 1.0, task).gram)
    with pytest.raises(InputError, match="two classes"):
        estimate_moments(X, X[:, 0], task, link="sign")
    with pytest.raises(InputError, match="not known"):
        estimate_moments(X, X[:, 0], task, link="probit")
    with pytest.raises(InputError, match="has to be numbers"):
        estimate_moments(X, np.repeat(["a", "b", "c", "d"], 100), task)
