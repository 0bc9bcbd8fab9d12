"""The solver of spectral transfer: its closed ends, its objective against the reference, and its block problem."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, Ridge

from kinfolk.datasets import make_spectral_transfer
from kinfolk.transfer.block import polar, solve_block
from kinfolk.transfer.candidates import graded_ridge, truncated
from kinfolk.transfer.coordinates import complete, directions
from kinfolk.transfer.factors import Factors, Sums
from kinfolk.transfer.objective import objective, thresholds
from kinfolk.transfer.path import follow, free_grid, penalty_grid
from kinfolk.transfer.reference import admm, ridge_start
from kinfolk.transfer.restricted import largest_penalty, restricted

RANK = 5


def sums_of(*studies):
    """Gram matrices of studies with one source, a study a fold, in source coordinates."""
    U0, _, V0t = np.linalg.svd(studies[0].source.T)
    parts = [(tasks.X @ U0, tasks.Y @ V0t.T) for tasks in studies]
    S, M, yy = zip(*((X.T @ X / len(X), X.T @ Y / len(X), (Y**2).sum() / len(X)) for X, Y in parts), strict=True)
    return Sums(np.array(S), np.array(M), np.array(yy))


@pytest.fixture(scope="module")
def paper():
    """The data of the authors' first seed."""
    return sums_of(make_spectral_transfer("I", random_state=2103139804))


@pytest.fixture(scope="module")
def small():
    return sums_of(make_spectral_transfer((30, 20), 90, random_state=0))


def coef_of(fit, f=0, g=0):
    return (fit.U[f, g].T * fit.d[f, g]) @ fit.V[f, g]


def value_at(sums, fit, free, penalty, f=0, g=0):
    """The objective by its definition, with columns for factors."""
    U, d, V = fit.U[f, g].T, fit.d[f, g], fit.V[f, g].T
    cost_u, cost_v = thresholds(penalty, free[0], len(U)), thresholds(penalty, free[1], len(V))
    return float(objective(sums.S[f], sums.M[f], sums.yy[f], U, d, V, cost_u, cost_v))


def path(sums, free, penalties, rank=RANK, **how):
    return follow(sums, rank, [free], np.atleast_2d(penalties), **how)


def defect(fit):
    return max(np.abs(A @ A.swapaxes(-1, -2) - np.eye(A.shape[-2])).max() for A in (fit.U, fit.V))


# closed ends


@pytest.mark.parametrize("free", [(11, 11), (15, 20), (40, 12)])
def test_from_the_largest_penalty_on_it_is_reduced_rank_regression_on_the_free_directions(paper, free):
    U, d, V = restricted(paper.S[0], paper.M[0], RANK, *free)
    largest = largest_penalty(paper.S[0], paper.M[0], U, d, V, *free)
    for factor, same in ((1.0001, True), (50.0, True), (0.9, False)):
        (fit,) = path(paper, free, factor * largest, tol=1e-9, max_iter=2000).fits
        assert np.allclose(coef_of(fit), (U.T * d) @ V, rtol=0.0, atol=1e-8) == same
        assert (not fit.omega_u[..., free[0] :].any() and not fit.omega_v[..., free[1] :].any()) == same


@pytest.mark.parametrize("free", [(5, 5), (5, 7), (10, 10)])
def test_with_few_free_directions_there_may_be_a_better_minimum_and_never_a_worse_one(paper, free):
    U, d, V = restricted(paper.S[0], paper.M[0], RANK, *free)
    largest = largest_penalty(paper.S[0], paper.M[0], U, d, V, *free)
    closed = 0.5 * float(paper.yy[0] - np.einsum("rp,pq,rq,r->", U, paper.M[0], V, d))
    (fit,) = path(paper, free, 1.01 * largest, tol=1e-7, max_iter=2000).fits
    assert value_at(paper, fit, free, 1.01 * largest) <= closed + 1e-10


def test_the_restricted_fit_is_reduced_rank_regression_of_rotated_responses(paper):
    tasks = make_spectral_transfer("I", random_state=2103139804)
    U0, _, V0t = np.linalg.svd(tasks.source.T)
    X, Y = tasks.X @ U0[:, :10], tasks.Y @ V0t[:10].T
    ols = np.linalg.lstsq(X, Y, rcond=None)[0]
    across = np.linalg.svd(X @ ols)[2][:RANK]
    U, d, V = restricted(paper.S[0], paper.M[0], RANK, 10, 10)
    assert_allclose(((U.T * d) @ V)[:10, :10], ols @ across.T @ across, atol=1e-10)


@pytest.mark.parametrize("penalty", [1e-3, 1.0])
def test_with_everything_free_it_is_reduced_rank_regression(small, penalty):
    S, M = small.S[0], small.M[0]
    ols = np.linalg.solve(S, M)
    across = np.linalg.eigh(M.T @ ols)[1][:, -RANK:]
    (fit,) = path(small, (30, 20), penalty).fits
    assert_allclose(coef_of(fit), ols @ across @ across.T, atol=1e-8)


# the objective


def test_the_objective_is_at_most_that_of_the_authors_program(paper):
    penalties = [56.7, 0.985, 0.0746, 0.00602, 0.00195]
    published = [17.93, 6.4076, 6.0883, 5.8166, 5.7876]
    found = path(paper, (10, 10), penalties, tol=1e-6, max_iter=1000)
    assert found.settled.all()
    for fit, penalty, theirs in zip(found.fits, penalties, published, strict=True):
        assert defect(fit) < 1e-12
        value = value_at(paper, fit, (10, 10), penalty)
        assert_allclose(fit.value[0, 0], value, rtol=1e-10)
        assert value <= theirs


def test_the_search_is_as_accurate_as_that_of_the_last_fit_to_one_in_a_thousand(paper):
    penalties = [0.985, 0.0746, 0.00602]
    quick = path(paper, (10, 10), penalties).fits
    long = path(paper, (10, 10), penalties, tol=1e-8, max_iter=3000).fits
    for one, other in zip(quick, long, strict=True):
        assert other.value <= one.value <= 1.001 * other.value


@pytest.mark.parametrize("free", [(0, 0), (3, 3), (5, 5), (10, 10), (20, 15), (10, 0), (0, 10)])
def test_the_objective_is_at_most_that_of_the_reference_solver(small, free):
    penalties = np.array([0.3, 0.1, 0.03])
    found = path(small, free, penalties, tol=1e-7, max_iter=2000).fits
    for fit, penalty in zip(found, penalties, strict=True):
        start = ridge_start(small.S[0], small.M[0], RANK)
        theirs = admm(small.S[0], small.M[0], small.yy[0], *start, *free, penalty, max_iter=150)
        assert defect(fit) < 1e-9
        assert value_at(small, fit, free, penalty) <= theirs.objective * (1.0 + 1e-6)


@pytest.mark.parametrize(("free", "penalty"), [((10, 10), 0.05), ((3, 8), 0.05), ((0, 0), 0.02), ((10, 10), 5.0)])
def test_no_small_feasible_move_lowers_the_objective(small, free, penalty):
    (fit,) = path(small, free, penalty, tol=1e-12, max_iter=20_000).fits
    U, d, V = fit.U[0, 0].T, fit.d[0, 0], fit.V[0, 0].T
    cost_u, cost_v = thresholds(penalty, free[0], 30), thresholds(penalty, free[1], 20)

    def value(U, d, V):
        return float(objective(small.S[0], small.M[0], small.yy[0], U, d, V, cost_u, cost_v))

    def turned(A, size, support):
        moved = np.linalg.qr(A + size * rng.normal(size=A.shape) * support)
        return moved[0] * np.sign(np.diag(moved[1]))

    rng, best = np.random.default_rng(0), value(U, d, V)
    for size in (1e-2, 1e-3, 1e-4):
        for support in (1.0, None):  # everywhere, and only where entries are not zero
            for _ in range(50):
                on_u, on_v = (1.0, 1.0) if support else (np.abs(U) > 1e-6, np.abs(V) > 1e-6)
                assert value(turned(U, size, on_u), d, V) >= best - 1e-9
                assert value(U, d, turned(V, size, on_v)) >= best - 1e-9
                assert value(U, d + size * rng.normal(size=RANK), V) >= best - 1e-9


def test_the_path_of_a_batch_is_the_path_of_each_of_its_problems():
    """They share nothing but when they end."""
    studies = [make_spectral_transfer((20, 15), n, random_state=0) for n in (60, 90)]
    both, free = sums_of(*studies), [(2, 2), (10, 8), (15, 12)]
    penalties = np.outer([0.5, 0.4, 0.3], [1.0, 0.2])
    together = follow(both, RANK, free, penalties, tol=1e-6, max_iter=1000)
    assert together.settled.all()
    for f in range(2):
        alone_sums = Sums(both.S[f : f + 1], both.M[f : f + 1], both.yy[f : f + 1])
        for g, one in enumerate(free):
            alone = path(alone_sums, one, penalties[g], tol=1e-6, max_iter=1000)
            for i, fit in enumerate(together.fits):
                assert_allclose(fit.value[f, g], alone.fits[i].value[0, 0], rtol=1e-4)


def test_zeros_are_exact_and_grow_with_the_penalty(paper):
    penalties = np.array([0.2, 0.1, 0.05, 0.02, 0.005])
    found = path(paper, (10, 10), penalties, tol=1e-7, max_iter=2000).fits
    zeros = [int((fit.omega_u[..., 10:] == 0.0).sum() + (fit.omega_v[..., 10:] == 0.0).sum()) for fit in found]
    assert zeros == sorted(zeros, reverse=True)
    assert zeros[0] > 500
    assert zeros[-1] < 100
    for fit in found:
        assert_allclose(fit.omega_u, fit.U, atol=1e-4)
        assert_allclose(fit.omega_v, fit.V, atol=1e-4)


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize(("shape", "n"), [((30, 20), 40), ((20, 15), 12)])
def test_factors_are_orthonormal_when_the_rank_is_larger_than_that_of_the_truth(shape, n, noise):
    sums = sums_of(make_spectral_transfer(shape, n, noise=noise, random_state=1))
    free = [(0, 0), (3, 3), (8, 8), (15, 12)]
    penalties = penalty_grid(sums, 8, free)
    for fit in follow(sums, 8, free, penalties * np.array([[30.0, 1, 1, 1, 1, 1, 1, 1]])).fits:
        assert defect(fit) < 1e-7
        assert np.isfinite(fit.d).all()


def test_the_grid_of_free_directions_is_that_of_the_paper_without_its_end():
    assert free_grid(5, 50, 100) == [0, 1, 2, 3, 4, *range(5, 55, 5), 62, 75, 87]
    for rank, known, most in ((1, 1, 1), (1, 2, 300), (5, 0, 5), (3, 10, 4), (2, 500, 600)):
        grid = free_grid(rank, known, most)
        assert grid == sorted(set(grid))
        assert set(range(min(rank + 1, most))) <= set(grid)
        assert max(grid) < most
        assert len(grid) <= rank + 25


# the block


SHAPES = [(1, 5, 0), (3, 10, 3), (5, 50, 0), (5, 100, 10), (8, 300, 20), (4, 60, 60)]


def block(r, p, free, seed, weight=0.3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(r, p)), np.where(np.arange(p) < free, 0.0, weight)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("r", "p", "free"), SHAPES)
def test_the_block_is_solved_to_its_global_maximum(r, p, free, seed):
    A, penalty = block(r, p, free, seed)
    U, omega, gap = solve_block(A, penalty, tol=1e-12)
    assert gap <= 1e-10
    assert_allclose(U @ U.T, np.eye(r), atol=1e-12)
    assert_allclose(omega, U, atol=1e-4)
    best = (A * U).sum() - (penalty * np.abs(U)).sum()
    # the gap again, from a dual point that is made of the answer alone
    gamma = np.where(penalty > 0, np.where(U == 0.0, 0.0, penalty * np.sign(omega)), 0.0)
    H = polar(A - gamma)[1]
    dual = np.linalg.svd(A - np.clip(A - H @ omega, -penalty, penalty), compute_uv=False).sum()
    assert best <= dual * (1.0 + 1e-12)
    rng = np.random.default_rng(100 + seed)
    for size in (None, 1e-1, 1e-2, 1e-4):
        for _ in range(50):
            step = rng.normal(size=(r, p))
            other = polar(step if size is None else U + size * step)[0]
            assert (A * other).sum() - (penalty * np.abs(other)).sum() <= best + 1e-9 * abs(best)


def test_the_block_without_penalty_is_the_polar_factor():
    A, _ = block(4, 30, 0, 0)
    left, _, right = np.linalg.svd(A, full_matrices=False)
    assert_allclose(solve_block(A, np.zeros(30))[0], left @ right, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 1e-5, 0.0])
def test_the_polar_factor_is_orthonormal_at_every_rank(scale):
    rng = np.random.default_rng(0)
    B = rng.normal(size=(2, 4, 20))
    B[:, 3] = B[:, 0] + B[:, 1] + scale * B[:, 3]
    U, H, condition = polar(B)
    assert_allclose(U @ U.swapaxes(1, 2), np.broadcast_to(np.eye(4), (2, 4, 4)), atol=1e-10)
    assert_allclose(H @ H, B @ B.swapaxes(1, 2), atol=1e-10 * 40)
    assert (condition < 1e-4).all()


def test_a_start_has_the_metrics_of_its_blocks(small):
    U, d, V = (part[None, None] for part in restricted(small.S[0], small.M[0], RANK, 10, 10))
    state = Factors.start(small, U, d, V)
    assert_allclose(state.H_v[0, 0] @ state.H_v[0, 0], (lambda B: B @ B.T)(d[0, 0][:, None] * (U[0, 0] @ small.M[0])))


# the graded ridge


@pytest.mark.parametrize("free", [(0, 0), (2, 1), (6, 0), (0, 4), (3, 4), (6, 4)])
def test_the_graded_ridge_minimises_its_objective(free):
    rng = np.random.default_rng(0)
    X, Y, strength = rng.normal(size=(40, 6)), rng.normal(size=(40, 4)), 0.7
    S, M = X.T @ X / 40, X.T @ Y / 40
    outside_u, outside_v = np.diag((np.arange(6) >= free[0]) * strength), np.diag((np.arange(4) >= free[1]) * strength)
    # (S + P) C + C Q = M, as one dense system for vec(C)
    system = np.kron(S + outside_u, np.eye(4)) + np.kron(np.eye(6), outside_v)
    expected = np.linalg.solve(system, M.ravel()).reshape(6, 4)
    assert_allclose(graded_ridge(S, M, free, strength), expected, atol=1e-8)


def test_the_graded_ridge_ends_in_least_squares_and_in_ridge_of_twice_the_strength():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(40, 6)), rng.normal(size=(40, 4))
    S, M = X.T @ X / 40, X.T @ Y / 40
    least = LinearRegression(fit_intercept=False).fit(X, Y)
    assert_allclose(graded_ridge(S, M, (6, 4), 3.0).T, least.coef_, atol=1e-8)
    plain = Ridge(alpha=2 * 0.3 * 40, fit_intercept=False).fit(X, Y)
    assert_allclose(graded_ridge(S, M, (0, 0), 0.3).T, plain.coef_, atol=1e-8)


def test_the_graded_ridge_depends_on_free_directions_by_their_span_only():
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(30, 6)), rng.normal(size=(30, 4))

    def fitted(U, V):
        S, M = U.T @ X.T @ X @ U / 30, U.T @ X.T @ Y @ V / 30
        return U @ truncated(S, graded_ridge(S, M, (2, 2), 0.5), 2) @ V.T

    U, V = np.linalg.qr(rng.normal(size=(6, 6)))[0], np.linalg.qr(rng.normal(size=(4, 4)))[0]
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    other_u = np.hstack((U[:, :2] @ turn, U[:, 2:] @ np.linalg.qr(rng.normal(size=(4, 4)))[0]))
    other_v = np.hstack((V[:, :2] @ turn, V[:, 2:] @ turn.T))
    assert_allclose(fitted(other_u, other_v), fitted(U, V), atol=1e-9)


def test_truncation_is_the_nearest_fit_of_the_rank():
    rng = np.random.default_rng(3)
    X, coef = rng.normal(size=(30, 6)), rng.normal(size=(6, 4))
    nearest = truncated(X.T @ X / 30, coef, 2)
    sizes = np.linalg.svd(X @ coef, compute_uv=False)
    assert np.linalg.matrix_rank(nearest) == 2
    assert_allclose(np.linalg.norm(X @ (coef - nearest)), np.linalg.norm(sizes[2:]), rtol=1e-10)


# the basis


def test_what_a_source_leaves_open_is_completed_by_principal_directions():
    rng = np.random.default_rng(4)
    known, rows = np.linalg.qr(rng.normal(size=(8, 2)))[0], rng.normal(size=(30, 8)) * np.arange(1, 9)
    basis = complete(known, rows)
    assert_allclose(basis.T @ basis, np.eye(8), atol=1e-12)
    assert_allclose(basis[:, :2], known)
    scores = (rows - rows.mean(axis=0)) @ basis[:, 2:]
    covariance = scores.T @ scores
    assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-8 * covariance.max())
    assert (np.diff(np.diag(covariance)) < 0).all()


def test_directions_without_variance_are_left_out():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 8))
    assert complete(np.zeros((8, 0)), rows).shape == (8, 3)
    assert complete(np.eye(8)[:, :8], rows).shape == (8, 8)


def test_tied_directions_do_not_depend_on_how_the_source_was_decomposed():
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(30, 6)) * np.arange(1, 7)
    U, V = np.linalg.qr(rng.normal(size=(6, 3)))[0], np.linalg.qr(rng.normal(size=(5, 3)))[0]
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    both = [
        directions(left @ np.diag([4.0, 2.0, 2.0]) @ right.T, rows)
        for left, right in (
            (U, V),
            (np.hstack((-U[:, :1], U[:, 1:] @ turn)), np.hstack((-V[:, :1], V[:, 1:] @ turn))),
        )
    ]
    for one, other in zip((both[0][0], both[0][2]), (both[1][0], both[1][2]), strict=True):
        assert_allclose(np.abs(one), np.abs(other), atol=1e-8)
