"""Two-phase descent: its gradients, its solution, its invariances (acceptance tests A1, A2, A6 to A8, A11)."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from workload import build, draw, mean_square

from kinfolk import InputError
from kinfolk.representation.alternating import alternating_descent
from kinfolk.representation.descent import gradients, leading_size, two_phase_descent
from kinfolk.representation.least_squares import least_squares_heads
from kinfolk.representation.projection import variable_projection
from kinfolk.representation.subspace import orthonormal

SOLVERS = {
    "descent": lambda moments, rank: two_phase_descent(moments, rank, tol=1e-16),
    "AltMinGD": lambda moments, rank: alternating_descent(moments, rank, tol=1e-16),
    "AltMin": lambda moments, rank: alternating_descent(moments, rank, rule="exact", tol=1e-16),
    "projection": lambda moments, rank: variable_projection(moments, rank, tol=1e-16),
}


def distance(first, second):
    return np.linalg.norm(first - second) / np.linalg.norm(second)


@pytest.mark.parametrize("penalty", [0.0, 0.125])
@pytest.mark.parametrize("n", [4, 30])
def test_gradients_are_those_of_the_loss(penalty, n):  # A1, primal and dual moments
    moments = draw(5, n, 6, 2)[0].moments()
    rng = np.random.default_rng(1)
    point = [rng.standard_normal((6, 2)), rng.standard_normal((5, 2))]
    value, *found = gradients(moments, *point, penalty=penalty)
    B, H = point
    losses = (
        moments.yy - 2 * ((H @ B.T) * moments.b).sum(1) + np.einsum("ti,tij,tj->t", H @ B.T, moments.primal(), H @ B.T)
    )
    assert_allclose(value, losses.sum() / (2 * n) + penalty * ((B.T @ B - H.T @ H) ** 2).sum())
    for which in (0, 1):
        expected = np.zeros_like(point[which])
        for index in np.ndindex(expected.shape):
            sides = []
            for h in (1e-5, -1e-5):
                moved = [part.copy() for part in point]
                moved[which][index] += h
                sides.append(gradients(moments, *moved, penalty=penalty)[0])
            expected[index] = (sides[0] - sides[1]) / 2e-5
        assert distance(found[which], expected) < 1e-6


def test_explicit_numbers_are_the_published_iteration():
    """Simultaneous updates from an unbalanced start, half of them without the penalty; the last iterate, refitted."""
    moments = draw(8, 20, 5, 2)[0].moments()
    eta, alpha = (0.05, 0.02), 0.1
    fit = two_phase_descent(
        moments, 2, step=eta, init_scale=alpha, n_iter=10, whiten=False, generator=np.random.default_rng(3)
    )
    rng = np.random.default_rng(3)
    B = alpha * rng.standard_normal((5, 2)) / np.sqrt(5)
    W = alpha / 3 * rng.standard_normal((2, 8)) / np.sqrt(5)
    S, b = moments.primal(), moments.b
    for i in range(10):
        R = (np.einsum("tij,jk,kt->it", S, B, W) - b.T) / 20
        Q = B.T @ B - W @ W.T if i >= 5 else 0.0 * B.T @ B
        B, W = B - eta[i >= 5] * (R @ W.T + 0.5 * B @ Q), W - eta[i >= 5] * (B.T @ R - 0.5 * Q @ W)
    assert_allclose(fit.basis, orthonormal(B))
    assert_allclose(fit.heads, least_squares_heads(moments, orthonormal(B)))
    assert fit.n_iter == len(fit.moves) == len(fit.history) - 1 == 10


@pytest.mark.parametrize("name", ["AltMinGD", "AltMin", "projection"])
def test_all_methods_find_the_same_least_squares_solution(name):  # A2
    data, coef, _ = draw(60, 200, 60, 4)
    moments = data.moments()
    descent = SOLVERS["descent"](moments, 4)
    other = SOLVERS[name](moments, 4)
    assert descent.settled
    assert other.settled
    assert distance(other.coef, descent.coef) < 1e-6
    assert mean_square(descent, coef) < 1.2 * 4 * (60 + 60 - 4) / (200 * 60)


def test_the_penalty_changes_only_the_balance():
    moments = draw(40, 60, 20, 3)[0].moments()
    fits = [two_phase_descent(moments, 3, penalty=penalty, tol=1e-16) for penalty in (0.0, 0.125, 0.25)]
    assert distance(fits[0].coef, fits[1].coef) < 1e-6
    assert distance(fits[2].coef, fits[1].coef) < 1e-6


def test_whitening_changes_the_path_and_not_the_solution():
    features = np.diag(np.geomspace(2.0, 0.5, 10)) @ np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    moments = draw(40, 60, 10, 2, features=features)[0].moments()
    white = two_phase_descent(moments, 2, tol=1e-16)
    raw = two_phase_descent(moments, 2, whiten=False, tol=1e-16)
    assert distance(white.coef, raw.coef) < 1e-6
    assert white.n_iter < raw.n_iter


@pytest.mark.parametrize("kappa", [1.0, 30.0])
def test_the_stopping_rule_does_not_take_a_saddle_for_the_end(kappa):
    data, coef, _ = draw(100, 100, 20, 4, kappa=kappa, noise=0.3)
    moments = data.moments()
    quick, exact = two_phase_descent(moments, 4), SOLVERS["projection"](moments, 4)
    assert quick.settled
    assert mean_square(quick, coef) < 1.02 * mean_square(exact, coef)


def test_a_step_that_is_too_large_is_halved_or_refused():
    moments = draw(20, 30, 10, 2)[0].moments()
    with pytest.raises(InputError, match="too large"):
        two_phase_descent(moments, 2, step=30.0 / leading_size(moments, np.eye(10)), n_iter=400)
    history = np.array(two_phase_descent(moments, 2).history)
    assert (np.diff(history[: len(history) // 3]) <= 1e-9 * history[0]).all()


@pytest.mark.parametrize("name", SOLVERS)
def test_constants_added_to_a_task_change_nothing(name):  # A6
    data, _, _ = draw(15, 20, 6, 2)
    codes = data.codes
    rng = np.random.default_rng(5)
    moved = build(data.X + 5 * rng.normal(size=(15, 6))[codes], data.y + 5 * rng.normal(size=15)[codes], codes)
    before, after = (SOLVERS[name](rows.moments(), 2).coef for rows in (data, moved))
    assert distance(after, before) < 1e-6


@pytest.mark.parametrize("name", SOLVERS)
def test_rows_twice_are_a_weight_of_two(name):  # A7
    data, _, _ = draw(15, 20, 6, 2)
    rows = np.concatenate((np.arange(len(data.y)), np.flatnonzero(data.codes == 3)))
    twice = build(data.X[rows], data.y[rows], data.codes[rows])
    weighted = build(data.X, data.y, data.codes, weights=1.0 + (data.codes == 3))
    first, second = (SOLVERS[name](rows.moments(), 2).coef for rows in (twice, weighted))
    assert distance(first, second) < 1e-6


@pytest.mark.parametrize("name", SOLVERS)
def test_rotating_the_features_rotates_the_coefficients(name):  # A8
    data, _, _ = draw(15, 20, 6, 2)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    turned = build(data.X @ rotation, data.y, data.codes)
    before, after = (SOLVERS[name](rows.moments(), 2).coef for rows in (data, turned))
    assert distance(after, before @ rotation) < 1e-6


@pytest.mark.parametrize("name", SOLVERS)
def test_degenerate_tasks_and_columns_stay_finite(name):  # A11
    data, _, _ = draw(12, [1, 1, 2, 3] + [25] * 8, 6, 3)
    X = data.X.copy()
    X[:, 4], X[:, 5] = 7.0, X[:, 0]
    fit = SOLVERS[name](build(X, data.y, data.codes).moments(), 3)
    assert np.isfinite(fit.coef).all()
    assert_allclose(fit.basis.T @ fit.basis, np.eye(3), atol=1e-10)
    assert (fit.heads[:2] == 0.0).all()  # a single row says nothing about slopes


@pytest.mark.parametrize("name", SOLVERS)
def test_targets_without_any_variation_give_no_slopes(name):
    data, _, _ = draw(6, 8, 4, 1)
    assert (SOLVERS[name](build(data.X, 0.0 * data.y, data.codes).moments(), 1).coef == 0.0).all()


def test_a_task_with_fewer_rows_than_directions_gets_the_shortest_head():
    data, _, basis = draw(4, [2, 3, 40, 40], 8, 4)
    heads = least_squares_heads(data.moments(), basis)
    for t in range(4):
        rows = slice(data.offsets[t], data.offsets[t + 1])
        X, y = data.X[rows] - data.X[rows].mean(axis=0), data.y[rows] - data.y[rows].mean()
        assert_allclose(heads[t], np.linalg.pinv(X @ basis) @ y, rtol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rank": 0}, "rank must be a whole number from 1"),
        ({"rank": 9}, r"min\(6, 5\) = 5"),
        ({"rank": 2, "step": -1.0}, "step"),
        ({"rank": 2, "step": (0.1, 0.2, 0.3)}, "step"),
        ({"rank": 2, "n_iter": 7}, "even"),
        ({"rank": 2, "init_scale": 0.0}, "init_scale"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(InputError, match=message):
        two_phase_descent(draw(5, 10, 6, 2)[0].moments(), **parameters)
