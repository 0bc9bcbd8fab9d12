"""The reference solver: its sub-problems, its limits in closed form, and the authors' own values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import polar
from sklearn.linear_model import RidgeCV

from kinfolk.datasets import make_spectral_transfer
from kinfolk.transfer.reduced_rank import Grams, Spectral
from kinfolk.transfer.reference import admm, conjugate_gradients, ridge_start


def sums(tasks):
    """Sums in source coordinates, and the bases that lead there."""
    U0, _, V0t = np.linalg.svd(tasks.source.T)
    X, Y = tasks.X @ U0, tasks.Y @ V0t.T
    return X.T @ X / len(X), X.T @ Y / len(X), float((Y**2).sum()) / len(X), U0, V0t


@pytest.fixture(scope="module")
def small():
    return sums(make_spectral_transfer((30, 20), 90, random_state=0))


def reduced_rank_objective(S, M, yy, rank):
    """F of reduced-rank regression without penalty: |Y|^2 / 2n less half the sum of the squared singular values."""
    zero = np.zeros(len(S)), np.zeros(M.shape[1])
    sizes = Spectral(Grams(1.0, *zero, S, M, np.zeros(M.shape[1]))).fit(1e-12)[2]
    return 0.5 * (yy - (sizes[:rank] ** 2).sum())


def test_a_linear_function_has_its_minimum_at_the_polar_factor():
    rng = np.random.default_rng(0)
    B = rng.normal(size=(12, 4))
    found, steps = conjugate_gradients(lambda U: 0.0 * U, B, np.eye(12, 4), 1e-9)
    assert 0 < steps < 1000
    assert_allclose(found, -polar(B)[0], atol=1e-8)


def test_a_quadratic_function_has_its_minimum_at_the_last_eigenvectors():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(10, 10))
    A = A @ A.T
    start = np.linalg.qr(rng.normal(size=(10, 3)))[0]
    found, _ = conjugate_gradients(lambda U: A @ U, np.zeros((10, 3)), start, 1e-9)
    assert_allclose(np.trace(found.T @ A @ found), np.linalg.eigvalsh(A)[:3].sum(), rtol=1e-12)
    assert_allclose(found.T @ found, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(("free_u", "free_v", "penalty"), [(0, 0, 0.0), (10, 5, 0.0), (30, 20, 5.0)])
def test_without_a_penalty_it_is_reduced_rank_regression(small, free_u, free_v, penalty):
    S, M, yy, *_ = small
    found = admm(S, M, yy, *ridge_start(S, M, 5), free_u, free_v, penalty, tol=1e-4)
    assert found.converged
    assert_allclose(found.objective, reduced_rank_objective(S, M, yy, 5), rtol=1e-4)


def test_under_a_large_penalty_it_is_reduced_rank_regression_on_the_free_directions(small):
    S, M, yy, *_ = small
    found = admm(S, M, yy, *ridge_start(S, M, 5), 10, 10, 3.0, tol=1e-4, max_iter=1000)
    assert found.converged
    assert not found.omega_u.any()
    assert not found.omega_v.any()
    assert_allclose(found.objective, reduced_rank_objective(S[:10, :10], M[:10, :10], yy, 5), rtol=3e-3)


def test_what_is_returned_fits_together(small):
    S, M, yy, *_ = small
    found = admm(S, M, yy, *ridge_start(S, M, 4), 10, 8, 0.05)
    for A, omega, free in ((found.U, found.omega_u, 10), (found.V, found.omega_v, 8)):
        assert_allclose(A.T @ A, np.eye(4), atol=1e-12)
        assert 0 < (omega == 0).sum() < omega.size
        assert_allclose(A[free:], omega, atol=0.03)
    assert_allclose(found.d, np.sum(found.U * (M @ found.V), 0) / np.sum(found.U * (S @ found.U), 0), rtol=1e-12)
    fitted = (found.U * found.d) @ found.V.T
    penalty = 0.05 * (np.abs(found.U[10:]).sum() + np.abs(found.V[8:]).sum())
    squared = 0.5 * (yy - 2.0 * np.sum(M * fitted) + np.sum(fitted * (S @ fitted)))
    assert_allclose(found.objective, squared + penalty, rtol=1e-12)


def test_copies_that_no_orthonormal_columns_can_equal_never_converge(small):
    S, M, yy, *_ = small
    found = admm(S, M, yy, *ridge_start(S, M, 3), 1, 1, 5.0, max_iter=30)
    assert not found.converged
    assert found.n_iter == 30


def test_it_starts_from_the_leading_part_of_a_ridge_fit():
    tasks = make_spectral_transfer((20, 15), 40, noise=0.0, random_state=0)
    n = len(tasks.X)
    U, d, V = ridge_start(tasks.X.T @ tasks.X / n, tasks.X.T @ tasks.Y / n, 5, alpha=1e-10)
    assert_allclose((U * d) @ V.T, tasks.coef.T, atol=1e-6)
    assert_allclose(d, [5, 4.5, 4, 3.5, 3], rtol=1e-6)


@pytest.mark.parametrize(
    ("penalty", "published"), [(0.00195, 5.7876), (0.00602, 5.8166), (0.0746, 6.0883), (0.985, 6.4076)]
)
def test_the_objective_is_that_of_the_authors_program_on_the_same_data_and_start(penalty, published):
    tasks = make_spectral_transfer("I", random_state=2103139804)
    S, M, yy, U0, V0t = sums(tasks)
    alphas = np.logspace(-3, 2, 10)
    ridge = np.array([RidgeCV(alphas=alphas).fit(tasks.X, y).coef_ for y in tasks.Y.T]).T
    left, d, right = np.linalg.svd(U0.T @ ridge @ V0t.T, full_matrices=False)
    found = admm(S, M, yy, left[:, :5], d[:5], right[:5].T, 10, 10, penalty)
    assert found.converged
    assert_allclose(found.objective, published, rtol=1e-4)
