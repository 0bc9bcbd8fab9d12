"""Tasks that are not equally alike: their Gram matrix, when it is taken, and what it promises."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError
from kinfolk.theory import eb_auto, em_multitask, estimate_problem, outlook
from kinfolk.theory.alike import inequality
from kinfolk.theory.gram import Sums
from kinfolk.theory.table import Table
from kinfolk.theory.whitening import whiten

ALIKE = 0.6 + 0.4 * np.eye(6)
CLUSTERS = np.kron(np.eye(2), 0.8 * np.ones((3, 3))) + 0.2 * np.eye(6)
OUTLIERS = np.full((6, 6), 0.8)
OUTLIERS[4, :] = OUTLIERS[:, 4] = 0.0
OUTLIERS[5, :4] = OUTLIERS[:4, 5] = -0.6
np.fill_diagonal(OUTLIERS, 1.0)


def study(gram, seed, *, alpha=1.5, p=80, noise=0.3):
    generator = np.random.default_rng(seed)
    T = len(gram)
    W = np.linalg.cholesky(gram) @ np.linalg.qr(generator.normal(size=(p, T)))[0].T
    task = np.repeat(np.arange(T), round(alpha * p))
    X = generator.normal(size=(len(task), p))
    D = np.broadcast_to(noise, (T,))
    y = 2.0 * task + (X * W[task]).sum(axis=1) + np.sqrt(D[task]) * generator.normal(size=len(task))
    return X, y, task, W


def cosines(gram):
    size = np.sqrt(np.diag(gram))
    return gram / np.outer(size, size)


@pytest.mark.parametrize("estimate", [em_multitask, eb_auto])
@pytest.mark.parametrize("truth", [CLUSTERS, OUTLIERS])
def test_similarities_of_pairs_and_noise_of_tasks_are_recovered(estimate, truth):
    """Four data sets, 120 rows of 80 features a task: cosines within 0.2 on average, noise within a half."""
    noise = np.array([0.1, 0.2, 0.4, 0.8, 0.3, 0.3])
    found = [estimate(*study(truth, seed, noise=noise)[:3], whitened=True) for seed in range(4)]
    assert_allclose(np.mean([cosines(each.gram) for each in found], axis=0), truth, atol=0.2)
    assert_allclose(np.mean([np.diag(each.gram) for each in found], axis=0), 1.0, rtol=0.25)
    assert_allclose(np.exp(np.mean([np.log(each.noise) for each in found], axis=0)), noise, rtol=0.5)
    for each in found:
        assert np.linalg.eigvalsh(each.gram)[0] > 0.0
        assert each.spread > 0.2


@pytest.mark.parametrize("estimate", [em_multitask, eb_auto])
def test_of_equally_alike_tasks_next_to_nothing_but_the_means_is_left(estimate):
    for seed in range(4):
        found = estimate(*study(ALIKE, seed)[:3], whitened=True)
        pairs = cosines(found.gram)[np.triu_indices(6, 1)]
        assert pairs.std() < 0.06
        assert abs(pairs.mean() - 0.6) < 0.12
        assert np.diag(found.gram).std() < 0.1 * np.diag(found.gram).mean()


def test_units_of_the_target_change_nothing_else():
    X, y, task, _ = study(OUTLIERS, 0)
    for estimate in (em_multitask, eb_auto):
        here, there = (estimate(X, factor * y, task, whitened=True) for factor in (1.0, 10.0))
        assert_allclose(there.gram, 100.0 * here.gram, rtol=1e-3, atol=1e-3 * np.abs(there.gram).max())
        assert_allclose(there.noise, 100.0 * here.noise, rtol=1e-3)


def test_equally_alike_tasks_are_told_from_others():
    """Fifteen tables of each: below five standard deviations in all, above in all."""
    for truth, beyond in ((ALIKE, False), (CLUSTERS, True), (OUTLIERS, True)):
        found = [inequality(whiten(Table.of(*study(truth, seed)[:3], "auto"))[0]) for seed in range(5)]
        assert all((value > 5.0) == beyond for value in found), found


def test_a_gram_matrix_is_taken_where_it_pays_and_outliers_are_named():
    X, y, task, _ = study(ALIKE, 1)
    alike = estimate_problem(X, y, task)
    assert alike.structure == "exchangeable"
    assert alike.problem.gram is None
    assert not outlook(alike).outliers.any()
    X, y, task, _ = study(OUTLIERS, 1)
    names = np.array(["a", "b", "c", "d", "lone", "against"])
    found = estimate_problem(X, y, names[task])
    assert found.structure == "general"
    told = outlook(found)
    assert set(found.tasks[told.outliers]) == {"lone", "against"}
    assert "against (-0." in told.verdict
    assert found.similarity_se.shape == (6, 6)
    plain = outlook(estimate_problem(X, y, names[task], structure="exchangeable"))
    assert told.coupled < 0.97 * plain.coupled
    assert told.intervals[0, 2] < told.coupled < told.intervals[1, 2]


@pytest.mark.parametrize("truth", [CLUSTERS, OUTLIERS])
def test_errors_that_a_gram_matrix_promises_are_reached(truth):
    """The fit with the estimated penalty: errors of tasks as predicted, and as measured on rows left out, within 8%."""
    told, reached, left_out = [], [], []
    for seed in range(4):
        X, y, task, W = study(truth, seed)
        found = estimate_problem(X, y, task, structure="general", units="features")
        told.append(outlook(found).coupled)
        left_out.append(found.loo)
        G, D = found.problem.inner_products, found.problem.noise_variance
        T, p = W.shape
        A, b = np.kron(np.linalg.inv(G), p * np.eye(p)), np.zeros(T * p)
        for t in range(T):
            rows, target = (v[task == t] - v[task == t].mean(axis=0) for v in (X, y))
            here = slice(t * p, (t + 1) * p)
            A[here, here] += rows.T @ rows / D[t]
            b[here] = rows.T @ target / D[t]
        fitted = np.linalg.solve(A, b).reshape(T, p)
        reached.append(0.3 + ((fitted - W) ** 2).sum(axis=1).mean())
    assert_allclose(np.mean(told), np.mean(reached), rtol=0.08)
    assert_allclose(np.mean(left_out), np.mean(reached), rtol=0.08)


def test_the_fit_is_the_posterior_mean_and_rows_left_out_are_those_of_refits():
    X, y, task, _ = study(CLUSTERS, 0, p=30, alpha=1.2)
    rows = whiten(Table.of(X, y, task, "linear"))[0]
    tasks, noise = Sums(rows), np.linspace(0.2, 0.6, 6)
    W = tasks.fit(CLUSTERS, noise)
    p = rows.X.shape[1]
    gradient = (tasks.products - (tasks.grams @ W[:, :, None])[:, :, 0]) / noise[:, None]
    assert_allclose(np.linalg.solve(CLUSTERS, W) * p, gradient, atol=1e-5 * np.abs(gradient).max())
    _, residuals = tasks.left_out(CLUSTERS, noise)
    refitted = []
    order = rows.order[0]
    for place in range(0, len(order), 7):
        keep = order != order[place]
        without = Sums(whiten_as(rows, keep, order))
        left = without.fit(CLUSTERS, noise)[task[order[place]]]
        own = rows.codes[order][keep] == task[order[place]]
        mean_x, mean_y = rows.X[order][keep][own].mean(axis=0), rows.y[order][keep][own].mean()
        refitted.append(rows.y[order[place]] - mean_y - (rows.X[order[place]] - mean_x) @ left)
    approximate = residuals[::7]
    assert_allclose(np.mean(approximate**2), np.mean(np.square(refitted)), rtol=0.06)
    assert np.corrcoef(approximate, refitted)[0, 1] > 0.98


def whiten_as(rows, keep, order):
    """Rows that are kept, centred anew, in the same units."""
    from kinfolk.theory.whitening import Rows, within

    X, y, codes = rows.X[order][keep], rows.y[order][keep], rows.codes[order][keep]
    counts = np.bincount(codes)
    both = within(np.column_stack((X, y)), codes, counts)
    return Rows(both[:, :-1], both[:, -1], codes, counts, rows.axes, rows.spread)


def test_classes_have_a_gram_matrix_too():
    X, _, task, W = study(OUTLIERS, 2, alpha=3.0)
    scores = 2.5 * (X * W[task]).sum(axis=1)
    y = np.random.default_rng(0).random(len(task)) < 1.0 / (1.0 + np.exp(-scores))
    found = estimate_problem(X, y, task, structure="general")
    assert found.problem.link == "logistic"
    assert_allclose(cosines(found.problem.inner_products)[4:, :4].mean(axis=1), [0.0, -0.6], atol=0.3)
    told = outlook(found)
    assert told.outliers[4:].all()
    assert abs(told.coupled - found.loo) < 0.04


def test_a_gram_matrix_is_not_for_two_tasks_and_words_are_checked():
    X, y, task, _ = study(ALIKE, 0, p=10)
    with pytest.raises(InputError, match="three tasks"):
        estimate_problem(X[task < 2], y[task < 2], task[task < 2], structure="general")
    with pytest.raises(InputError, match="structure='some'"):
        estimate_problem(X, y, task, structure="some")
    with pytest.raises(InputError, match="units='metres'"):
        estimate_problem(X, y, task, units="metres")


def test_tasks_of_one_row_have_a_place():
    X, y, task, _ = study(CLUSTERS, 3)
    task = np.append(task, [6, 7, 7])
    X, y = np.vstack((X, X[:3] + 0.1)), np.append(y, [0.0, 1.0, 2.0])
    found = estimate_problem(X, y, task, structure="general")
    assert np.isfinite(found.problem.inner_products).all()
    assert np.isfinite([found.loo, outlook(found).coupled]).all()
