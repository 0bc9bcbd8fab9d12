"""The maximum of the likelihood of a graph: its conditions, its closed forms, and what changes nothing."""

import numpy as np
import pytest
from fields import field, geometric_graph
from numpy.testing import assert_allclose

from kinfolk import InputError
from kinfolk.graph import estimate_laplacian
from kinfolk.graph.candidates import Points, all_pairs, nearest_pairs
from kinfolk.graph.descent import edge_descent, sweep
from kinfolk.graph.likelihood import Likelihood, Weights
from kinfolk.graph.multiplicative import multiplied

DESCENTS = ("edge", "multiplicative", "gradient")


def make(n_tasks, n_coordinates, seed=0):
    generator = np.random.default_rng(seed)
    laplacian = geometric_graph(n_tasks, 6, generator)
    return laplacian, field(laplacian, n_coordinates, generator)


def problem_of(W, alpha=0.1, pulled=False):
    first, second = all_pairs(len(W))
    points = Points(W)
    mean = points.mean_distance()
    r = (1.0 - alpha) * points.distances(first, second) + alpha * mean
    return Likelihood(len(W), first, second, r, 0.5 * (len(W) - 1) * mean if pulled else None)


@pytest.mark.parametrize("n_coordinates", [12, 80])
def test_the_optimality_conditions_hold_and_no_reference_is_lower(n_coordinates):
    """R_e <= r_e, with equality on the edges in use (fewer coordinates than tasks, or more)."""
    _, W = make(40, n_coordinates)
    found = estimate_laplacian(W, shrinkage=0.0)
    L = found.laplacian.toarray()
    C = np.linalg.inv(L + 1.0 / 40)
    first, second = all_pairs(40)
    R = C[first, first] + C[second, second] - 2.0 * C[first, second]
    r = ((W[first] - W[second]) ** 2).mean(axis=1)
    used = L[first, second] < 0
    assert found.status.ok
    assert_allclose(R[used], r[used], rtol=1e-3)
    assert (R[~used] <= (1.0 + 1e-3) * r[~used]).all()
    assert 39 <= used.sum() < 400
    weights = -L[first, second]
    assert_allclose(weights @ r, 39.0, rtol=1e-3)
    assert found.objective == pytest.approx(weights @ r - np.linalg.slogdet(L + 1.0 / 40)[1])
    for method, max_iter in (("gradient", 400), ("multiplicative", 400)):
        other = estimate_laplacian(W, method, shrinkage=0.0, max_iter=max_iter)
        assert found.objective <= other.objective + 1e-3
        assert other.objective < found.objective + 0.1


@pytest.mark.parametrize("method", DESCENTS)
def test_on_a_tree_every_edge_has_the_inverse_of_its_distance(method):
    _, W = make(12, 5)
    tree = np.zeros((12, 12))
    tree[np.arange(11), np.arange(1, 12)] = 1.0
    found = estimate_laplacian(W, method, mask=tree, shrinkage=0.0, tol=1e-8, max_iter=5000)
    r = ((W[1:] - W[:-1]) ** 2).mean(axis=1)
    assert_allclose(found.adjacency.toarray()[np.arange(11), np.arange(1, 12)], 1.0 / r, rtol=1e-6)


def test_units_origins_and_the_order_of_tasks_change_nothing():
    _, W = make(25, 30)
    L = estimate_laplacian(W, tol=1e-8).laplacian.toarray()
    moved = estimate_laplacian(10.0 * W + np.arange(30.0), tol=1e-8).laplacian.toarray()
    assert_allclose(100.0 * moved, L, atol=1e-5 * L.max())
    order = np.random.default_rng(0).permutation(25)
    shuffled = estimate_laplacian(W[order], tol=1e-8).laplacian.toarray()
    assert_allclose(shuffled, L[np.ix_(order, order)], atol=1e-5 * L.max())
    r = ((W[:, None] - W) ** 2).mean(axis=2)
    assert_allclose(estimate_laplacian(r, n_coordinates=30, tol=1e-8).laplacian.toarray(), L, atol=1e-8 * L.max())


@pytest.mark.parametrize("pulled", [False, True])
def test_no_step_raises_the_likelihood(pulled):
    _, W = make(40, 15)
    problem = problem_of(W, pulled=pulled)
    start = problem.rescaled(Weights(1.0 / problem.distances, 0.5 / problem.distances.mean() if pulled else 0.0))
    sweeping = multiplying = start
    values = []
    for _ in range(6):
        one, other = problem.at(sweeping), problem.at(multiplying)
        values.append((one.value, other.value))
        sweeping = sweep(problem, sweeping, one)
        multiplying = multiplied(problem, multiplying, other.resistances, other.spread)
    assert (np.diff(values, axis=0) < 1e-9).all()


def test_equal_distances_leave_only_the_pull_towards_the_mean():
    """Then all tasks are alike about their mean: mean-regularised multi-task learning, with no edges."""
    first, second = all_pairs(15)
    problem = Likelihood(15, first, second, np.full(len(first), 0.7), 0.5 * 14 * 0.7)
    start = problem.rescaled(Weights(1.0 / problem.distances, 1.0))
    end = edge_descent(problem, start, tol=1e-6, max_iter=100)
    precision = problem.precision(end.weights)
    assert_allclose(precision, 2.0 / 0.7 * (np.eye(15) - 1.0 / 15) + 1.0 / 15, atol=1e-5)


def test_the_pull_is_part_of_the_optimum():
    _, W = make(20, 10, seed=1)
    W = W + 1.5 * np.random.default_rng(0).normal(size=W.shape)
    problem = problem_of(W, alpha=0.7, pulled=True)
    near = np.flatnonzero(np.isin(np.arange(len(problem.first)), np.arange(0, len(problem.first), 3)))
    problem = problem.only(near)
    start = problem.rescaled(Weights(1.0 / problem.distances, 1.0))
    end = edge_descent(problem, start, tol=1e-6, max_iter=100)
    found = problem.at(end.weights)
    assert end.settled
    assert end.weights.population > 0.0
    assert found.spread == pytest.approx(problem.total, rel=1e-5)


def test_exact_coefficients_the_squared_error_halves_when_coordinates_double():
    laplacian, _ = make(10, 1)
    error = []
    for n_coordinates in (500, 1000, 2000):
        runs = [
            estimate_laplacian(field(laplacian, n_coordinates, np.random.default_rng(seed)), shrinkage=0.0).laplacian
            for seed in range(60)
        ]
        error.append(np.mean([((run.toarray() - laplacian) ** 2).sum() for run in runs]))
    assert_allclose(np.divide(error[1:], error[:-1]), 0.5, rtol=0.25)


@pytest.mark.parametrize("method", ["neighbourhood", "marginal"])
def test_local_estimates_converge_on_the_true_neighbours(method):
    laplacian, _ = make(12, 1)
    mask = laplacian != 0
    W = field(laplacian, 50_000, np.random.default_rng(1))
    found = estimate_laplacian(W, method, mask=mask, shrinkage=0.0).laplacian.toarray()
    assert_allclose(found, laplacian, atol=0.04 * laplacian.max())
    by_distance = estimate_laplacian(((W[:, None] - W) ** 2).mean(axis=2), method, mask=mask, shrinkage=0.0)
    assert_allclose(by_distance.laplacian.toarray(), found, atol=1e-6 * laplacian.max())


def test_the_candidates_hold_nearly_all_that_counts():
    laplacian, W = make(150, 60)
    full, masked = estimate_laplacian(W), estimate_laplacian(W, mask=12)
    assert masked.laplacian.nnz < full.laplacian.nnz
    assert masked.objective < full.objective + 0.02 * 150
    error = [np.linalg.norm(found.laplacian.toarray() - laplacian) for found in (full, masked)]
    assert error[1] < 1.05 * error[0]


@pytest.mark.parametrize("method", ["edge", "multiplicative", "gradient", "neighbourhood"])
def test_duplicate_tasks_have_finite_weights(method):
    _, W = make(15, 10)
    W[3] = W[4] = W[5]
    for alpha in ("auto", 0.0):
        found = estimate_laplacian(W, method, shrinkage=alpha, max_iter=50)
        assert np.isfinite(found.laplacian.toarray()).all()
        assert np.isfinite(found.objective)
        adjacency = found.adjacency.toarray()
        assert adjacency[3, 4] == pytest.approx(adjacency.max(), rel=1e-3)


def test_candidates_connect_what_neighbours_leave_apart():
    generator = np.random.default_rng(0)
    W = np.concatenate([10.0 * place + generator.normal(size=(6, 3)) for place in np.eye(3)])
    table = ((W[:, None] - W) ** 2).mean(axis=2)
    for points in (Points(W), Points(table=table)):
        first, second = nearest_pairs(points, 2)
        crossing = first // 6 != second // 6
        assert crossing.sum() == 2  # three groups: two edges of the spanning tree
        inside = np.where(np.arange(18)[:, None] // 6 == np.arange(18) // 6, np.inf, table)
        assert table[first[crossing], second[crossing]].min() == pytest.approx(inside.min())
    assert estimate_laplacian(W, mask=2).status.ok


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.kron(np.eye(2), np.ones((5, 5)))}, "2 groups with no edge between them"),
        ({"mask": np.ones((3, 3))}, r"mask must be \(10, 10\)"),
        ({"mask": 0}, "at least 1"),
        ({"mask": "some"}, "mask must be 'auto', 'all'"),
        ({"method": "newton"}, "method must be one of 'edge'"),
        ({"shrinkage": 1.5}, "from 0 to 1"),
        ({"noise": -1.0}, "variance > 0"),
        ({"noise": 1.0, "method": "gradient"}, "noise needs"),
        ({"tol": 0.0}, "tol must be"),
        ({"max_iter": 0}, "max_iter must be"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, message):
    _, W = make(10, 8)
    with pytest.raises(InputError, match=message):
        estimate_laplacian(W, **arguments)


def test_data_that_cannot_be_used_are_refused():
    _, W = make(10, 8)
    table = ((W[:, None] - W) ** 2).mean(axis=2)
    with pytest.raises(InputError, match="n_coordinates"):
        estimate_laplacian(table)
    with pytest.raises(InputError, match="must not be negative"):
        estimate_laplacian(-table, shrinkage=0.1)
    with pytest.raises(InputError, match=r"tasks \[2\] are not"):
        estimate_laplacian(np.where(np.arange(10)[:, None] == 2, np.nan, W))
    with pytest.raises(InputError, match="same coefficients"):
        estimate_laplacian(np.ones((4, 3)))
    with pytest.raises(InputError, match="at least two tasks"):
        estimate_laplacian(W[:1])


def test_units_of_the_distances_change_nothing_but_the_units_of_the_weights():
    """Of tasks that are nearly equal, whose distances are tiny, rounding made the pull infinite."""
    generator = np.random.default_rng(0)
    first, second = np.triu_indices(20, 1)
    distances = generator.uniform(1.0, 2.0, len(first))
    start = Weights(np.full(len(first), 0.05), 0.5)
    one = edge_descent(Likelihood(20, first, second, distances, 15.0), start, tol=1e-7, max_iter=60)
    tiny = Likelihood(20, first, second, 1e-11 * distances, 15e-11)
    other = edge_descent(tiny, Weights(1e11 * start.edges, 1e11 * start.population), tol=1e-7, max_iter=60)
    assert one.settled
    assert other.settled
    assert_allclose(1e-11 * other.weights.edges, one.weights.edges, atol=1e-6)
    assert_allclose(1e-11 * other.weights.population, one.weights.population, atol=1e-6)
    assert_allclose(other.value, one.value + 19.0 * np.log(1e-11))
