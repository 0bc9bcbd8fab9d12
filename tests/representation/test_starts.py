"""Starts lie inside the basin, and each has the weakness that its docstring names."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from workload import build, draw

from kinfolk import InputError
from kinfolk.representation.projection import variable_projection
from kinfolk.representation.starts import method_of_moments, replica_start, spectral_start, truncate_targets
from kinfolk.representation.subspace import subspace_error


def starts(data, rank):
    moments = data.moments()
    return {
        "plain": spectral_start(moments, rank),
        "whitened": spectral_start(moments, rank, whiten=True, truncate=0.95),
        "replica": replica_start(data, rank, np.random.default_rng(0)),
        "moments": method_of_moments(data, rank),
    }


def test_every_start_leads_to_the_same_solution():
    data, _, basis = draw(200, 50, 30, 3, noise=0.5)
    found = starts(data, 3)
    ends = [variable_projection(data.moments(), 3, start=start, tol=1e-14).coef for start in found.values()]
    for name, start in found.items():
        assert_allclose(start.T @ start, np.eye(3), atol=1e-12)
        assert subspace_error(start, basis) < 1.0, name
    for end in ends[1:]:
        assert np.linalg.norm(end - ends[0]) < 1e-5 * np.linalg.norm(ends[0])


def test_spectral_starts_are_closer_than_the_method_of_moments():
    errors = {}
    for seed in range(3):
        data, _, basis = draw(200, 50, 50, 5, seed=seed)
        for name, start in starts(data, 5).items():
            errors.setdefault(name, []).append(subspace_error(start, basis))
    assert np.mean(errors["plain"]) < 0.5 * np.mean(errors["moments"])
    assert np.mean(errors["replica"]) < 0.6 * np.mean(errors["moments"])


def test_correlated_features_need_the_whitened_form():
    rng = np.random.default_rng(0)
    features = np.diag(np.geomspace(2.0, 0.5, 20)) @ np.linalg.qr(rng.standard_normal((20, 20)))[0]
    data, _, basis = draw(300, 60, 20, 2, noise=0.3, features=features)
    found = starts(data, 2)
    assert subspace_error(found["whitened"], basis) < 0.3 * subspace_error(found["plain"], basis)


def test_the_replica_needs_no_isotropic_noise():
    """Features of very different noise level: what M picks up as signal cancels between halves."""
    rng = np.random.default_rng(1)
    data, _, basis = draw(400, 20, 15, 1, noise=0.0)
    coef = np.repeat(basis.T, 400, axis=0) * 0.3
    loud = np.where(np.arange(15) == 3, 6.0, 1.0)
    X = data.X
    y = (X * coef[data.codes]).sum(axis=1) + (X * (loud * 0.4 * rng.standard_normal((len(X), 15)))).sum(axis=1)
    noisy = build(X, y, data.codes)
    found = starts(noisy, 1)
    assert subspace_error(found["replica"], basis) < subspace_error(found["plain"], basis)


def test_a_task_that_shouts_is_shortened():
    data, _, basis = draw(60, 40, 20, 2)
    y = np.where(data.codes == 0, 100.0 * data.X[:, 5], data.y)
    moments = build(data.X, y, data.codes).moments()
    errors = [subspace_error(spectral_start(moments, 2, truncate=share), basis) for share in (None, 0.95)]
    assert errors[1] < 0.5 * errors[0]


def test_truncated_targets_are_zero_beyond_the_limit():
    data, _, _ = draw(10, 20, 5, 2)
    data.y[3] = 1e3
    cut = truncate_targets(data)
    assert cut.y[3] == 0.0
    assert_allclose(np.delete(cut.y, 3), np.delete(data.y, 3))


def test_parameters_are_checked():
    data, _, _ = draw(5, 10, 6, 2)
    with pytest.raises(InputError, match="truncate"):
        spectral_start(data.moments(), 2, truncate=1.5)
    for start in (lambda: spectral_start(data.moments(), 6), lambda: method_of_moments(data, 7)):
        with pytest.raises(InputError, match="rank must be a whole number from 1"):
            start()
