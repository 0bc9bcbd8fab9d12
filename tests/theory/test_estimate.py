"""From rows to noise, signal and similarity, and what these predict."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError
from kinfolk.cli import main
from kinfolk.datasets import load_ames
from kinfolk.theory import (
    Problem,
    estimate_problem,
    floor_of_tasks,
    optimal_coupling,
    outlook,
    rows_for,
    tasks_for,
)
from kinfolk.theory.excess import smallest_errors


def rows_of(generator, *, n_tasks=30, n_rows=40, p=25, noise=0.5, signal=1.0, similarity=0.6, root=None):
    shared = np.sqrt(similarity * signal / p) * generator.normal(size=p)
    W = shared + np.sqrt((1 - similarity) * signal / p) * generator.normal(size=(n_tasks, p))
    task = np.repeat(np.arange(n_tasks), n_rows)
    Z = generator.normal(size=(len(task), p))
    y = 3.0 * task + (Z * W[task]).sum(axis=1) + np.sqrt(noise) * generator.normal(size=len(task))
    return (Z if root is None else Z @ root + 7.0), y, task, W


def test_estimates_are_right_on_average_and_their_intervals_hold_the_truth():
    """Twenty studies: means within 5% of the truth, and 90% intervals hold it nine times in ten (at least 15 of 20)."""
    truth = np.array([0.5, 1.0, 0.6])
    found, held = [], np.zeros(3)
    for seed in range(20):
        generator = np.random.default_rng(seed)
        estimate = estimate_problem(*rows_of(generator)[:3])
        found.append([estimate.noise, estimate.signal, estimate.similarity])
        low, high = estimate.interval()
        held += (low <= truth) & (truth <= high)
    assert_allclose(np.mean(found, axis=0), truth, rtol=0.06)
    assert (held >= 15).all()


def test_units_and_levels_change_nothing_and_mixing_of_features_nothing_in_whitened_units():
    generator = np.random.default_rng(0)
    X, y, task, _ = rows_of(generator)
    scales = np.geomspace(0.1, 10.0, 25)
    mixing = np.linalg.qr(generator.normal(size=(25, 25)))[0] * scales
    for units, root in (("auto", np.diag(scales)), ("features", np.diag(scales)), ("whitened", mixing)):
        here = estimate_problem(X, y, task, units=units)
        there = estimate_problem(X @ root + 7.0, 10.0 * y + 100.0 * task, task, units=units)
        assert there.units == here.units
        assert_allclose([there.noise, there.signal], [100.0 * here.noise, 100.0 * here.signal], rtol=1e-3)
        assert_allclose(there.similarity, here.similarity, rtol=1e-3)
        assert_allclose(outlook(there).coupled, 100.0 * outlook(here).coupled, rtol=1e-3)


def test_unrelated_tasks_have_no_similarity_and_equal_ones_have_all():
    generator = np.random.default_rng(1)
    assert estimate_problem(*rows_of(generator, similarity=0.0)[:3]).similarity < 0.15
    assert estimate_problem(*rows_of(generator, similarity=1.0)[:3]).similarity > 0.95


def test_errors_of_unequal_tasks_are_those_of_the_best_coupling():
    n = np.array([5.0, 20.0, 60.0, 200.0])
    problem = Problem(40, n, similarity=0.7, signal=1.3, noise=0.4)
    alone, _, coupled = smallest_errors(problem)
    assert_allclose(coupled, optimal_coupling(problem).risk.test, rtol=1e-7)
    assert_allclose(
        alone, [optimal_coupling(Problem(40, rows, signal=1.3, noise=0.4)).risk.test[0] for rows in n], rtol=1e-7
    )


def test_what_is_predicted_is_what_ridge_fits_reach():
    """Coupled at the true penalty, alone with the best ridge: within 6% of the errors of new rows, over six studies."""
    reached = {"alone": [], "coupled": []}
    told = {"alone": [], "coupled": []}
    for seed in range(6):
        generator = np.random.default_rng(100 + seed)
        X, y, task, W = rows_of(generator, n_rows=25)
        estimate = estimate_problem(X, y, task)
        found = outlook(estimate)
        told["alone"].append(found.alone)
        told["coupled"].append(found.coupled)
        T, p = W.shape
        centred = X - np.stack([X[task == t].mean(axis=0) for t in range(T)])[task]
        target = y - np.array([y[task == t].mean() for t in range(T)])[task]
        G = 0.6 * np.ones((T, T)) + 0.4 * np.eye(T)
        for name, prior in (("alone", np.eye(T)), ("coupled", G)):
            A = np.kron(np.linalg.inv(prior), np.eye(p)) * 0.5 * p
            b = np.zeros(T * p)
            for t in range(T):
                here = slice(t * p, (t + 1) * p)
                A[here, here] += centred[task == t].T @ centred[task == t]
                b[here] = centred[task == t].T @ target[task == t]
            fitted = np.linalg.solve(A, b).reshape(T, p)
            reached[name].append(0.5 + ((fitted - W) ** 2).sum(axis=1).mean())
    for name in reached:
        assert_allclose(np.mean(told[name]), np.mean(reached[name]), rtol=0.06)


def test_intervals_hold_the_errors_of_single_tables():
    """Twenty tables of ten tasks: errors of ridge fits, alone and coupled, intercepts estimated, in 14 at least."""
    T, n, p, held = 10, 20, 20, np.zeros(2)
    for seed in range(20):
        X, y, task, W = rows_of(np.random.default_rng(seed), n_tasks=T, n_rows=n, p=p)
        estimate = estimate_problem(X, y, task, units="features")
        told, reached = outlook(estimate), []
        for similarity in (0.0, estimate.similarity):
            prior = estimate.signal * (similarity + (1.0 - similarity + 1e-9) * np.eye(T))
            A, b = np.kron(np.linalg.inv(prior), p * np.eye(p)), np.zeros(T * p)
            means = [(X[task == t].mean(axis=0), y[task == t].mean()) for t in range(T)]
            for t, (x_mean, y_mean) in enumerate(means):
                here = slice(t * p, (t + 1) * p)
                rows = X[task == t] - x_mean
                A[here, here] += rows.T @ rows / estimate.noise
                b[here] = rows.T @ (y[task == t] - y_mean) / estimate.noise
            fitted = np.linalg.solve(A, b).reshape(T, p)
            offsets = [y_mean - 3.0 * t - x_mean @ fitted[t] for t, (x_mean, y_mean) in enumerate(means)]
            reached.append(0.5 + ((fitted - W) ** 2).sum(axis=1).mean() + np.mean(np.square(offsets)))
        low, high = told.intervals[:, [0, 2]]
        held += (low <= reached) & (reached <= high)
    assert (held >= 14).all(), held


def test_wanted_errors_are_reached_by_what_is_told():
    estimate = estimate_problem(*rows_of(np.random.default_rng(2))[:3])
    now = outlook(estimate)
    target = 0.5 * (now.coupled + estimate.noise)
    factor = rows_for(estimate, target)
    more = replace(
        estimate, problem=replace(estimate.problem, n_samples=factor * np.asarray(estimate.problem.n_samples))
    )
    assert_allclose(outlook(more).coupled, target, rtol=1e-6)
    assert rows_for(estimate, now.coupled) == pytest.approx(1.0, rel=1e-5)
    assert tasks_for(estimate, now.coupled) == pytest.approx(1.0, rel=1e-4)
    assert np.isinf(rows_for(estimate, 0.99 * estimate.noise))
    assert np.isinf(tasks_for(estimate, 0.99 * floor_of_tasks(estimate)))
    assert tasks_for(estimate, 0.5 * (now.coupled + floor_of_tasks(estimate))) > 1.0
    with pytest.raises(InputError, match="larger than zero"):
        rows_for(estimate, -1.0)


def test_what_makes_predictions_doubtful_is_said():
    generator = np.random.default_rng(3)
    X, y, task, _ = rows_of(generator, n_tasks=4, n_rows=6, p=12)
    found = " ".join(estimate_problem(X, y, task).warnings)
    for words in ("12 features", "fewer than 10 rows", "covariance"):
        assert words in found
    vague = [estimate_problem(*rows_of(generator, n_tasks=2, n_rows=30, p=5, noise=5.0)[:3]) for _ in range(4)]
    assert sum("not identified" in " ".join(each.warnings) for each in vague) >= 3
    shared = np.tile(X[:6], (4, 1))
    assert "share their rows (6 different ones)" in " ".join(estimate_problem(shared, y, task).warnings)
    X, y, task, _ = rows_of(generator)
    heavy = X * np.exp(generator.normal(size=(len(X), 1)))
    assert "differ in length" in " ".join(estimate_problem(heavy, y, task).warnings)


def test_rows_that_cannot_tell_are_refused():
    X, y, task, _ = rows_of(np.random.default_rng(4), n_tasks=3, n_rows=4, p=2)
    for bad, words in (
        ((X, y, np.zeros(12)), "two tasks"),
        ((X, y[:5], task), "Give X"),
        ((X, np.where(task == 0, np.nan, y), task), "finite"),
        ((np.ones_like(X), y, task), "Nothing varies"),
        ((X, np.ones(12), task), "Nothing varies"),
    ):
        with pytest.raises(InputError, match=words):
            estimate_problem(*bad)


def test_the_command_tells_what_sharing_brings_and_what_an_error_takes(tmp_path, capsys):
    ames = load_ames()
    frame = ames.X.assign(price=ames.y)
    frame.to_csv(tmp_path / "ames.csv", index=False)
    common = ["plan", str(tmp_path / "ames.csv"), "--task", ames.task, "--target", "price"]
    assert main([*common, "--target-risk", "0.018"]) == 0
    out = capsys.readouterr().out
    for words in (
        "similarity",
        "each task alone",
        "one pooled model",
        "coupled",
        "Couple the tasks",
        "times as many rows",
    ):
        assert words in out
    assert main([*common, "--target-risk", "0.001", "--over", "T"]) == 0
    assert "out of reach with more tasks" in capsys.readouterr().out
    assert main(["plan", str(tmp_path / "ames.csv"), "--target", "price"]) == 2
    assert "--task" in capsys.readouterr().err
