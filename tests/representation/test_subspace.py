"""Angles, errors and alignment of subspaces."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError
from kinfolk.representation.subspace import align, orthonormal, principal_angles, subspace_error


def pair(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((7, 3)), rng.standard_normal((7, 3))


def test_the_error_is_the_sum_of_squared_sines():
    A, B = pair()
    angles = principal_angles(A, B)
    assert (np.diff(angles) >= 0).all()
    assert_allclose(subspace_error(A, B), (np.sin(angles) ** 2).sum())


def test_small_angles_keep_their_digits():
    basis = np.eye(5)[:, :2]
    turned = basis.copy()
    turned[:, 0] += 1e-9 * np.eye(5)[:, 4]
    assert_allclose(principal_angles(basis, turned), [0.0, 1e-9], atol=1e-15)


def test_the_error_knows_only_the_subspace():
    A, B = pair()
    mixed = A @ np.random.default_rng(1).standard_normal((3, 3))
    assert_allclose(subspace_error(mixed, B), subspace_error(A, B))
    assert subspace_error(np.hstack((A, B)), B) < 1e-25
    assert_allclose(subspace_error(np.eye(6)[:, :2], np.eye(6)[:, 2:5]), 3.0)


def test_aligned_is_the_closest_of_all_rotations():
    A, B = (orthonormal(M) for M in pair())
    turned = align(A, B)
    assert subspace_error(turned, A) < 1e-25
    for seed in range(20):
        other = A @ np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
        assert np.linalg.norm(turned - B) <= np.linalg.norm(other - B)
    assert_allclose(align(A @ np.linalg.qr(B[:3])[0], A), A)


@pytest.mark.parametrize("compare", [principal_angles, subspace_error, align])
def test_different_spaces_are_refused(compare):
    with pytest.raises(InputError, match=r"\(5, 2\) and \(4, 2\)"):
        compare(np.ones((5, 2)), np.ones((4, 2)))
