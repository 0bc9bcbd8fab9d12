"""Two classes: what is read of labels, and the error rates that it promises."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from kinfolk.theory import (
    Problem,
    critical_similarity,
    estimate_problem,
    floor_of_tasks,
    optimal_coupling,
    outlook,
    predict_risk,
    rows_for,
    tasks_for,
)
from kinfolk.theory.coupling import best_ridge
from kinfolk.theory.excess import smallest_errors
from kinfolk.theory.labels import label_slope, strength_of


def study(seed, *, n_tasks=5, n_rows=200, p=100, similarity=0.6, signal=4.0, link="logistic", with_truth=False):
    """Labels of tasks whose coefficients have exactly these inner products."""
    generator = np.random.default_rng(seed)
    gram = signal * (similarity + (1.0 - similarity) * np.eye(n_tasks))
    W = np.linalg.cholesky(gram) @ np.linalg.qr(generator.normal(size=(p, n_tasks)))[0].T
    task = np.repeat(np.arange(n_tasks), n_rows)
    X = generator.normal(size=(len(task), p))
    scores = (X * W[task]).sum(axis=1)
    if link == "sign":
        return X, np.sign(scores + generator.normal(size=len(scores))), task
    y = generator.random(len(scores)) < expit(scores)
    return (X, y, task, W) if with_truth else (X, y, task)


@pytest.mark.parametrize("link", ["logistic", "sign"])
@pytest.mark.parametrize("scales", [[1.0], [0.3, 1.0, 1.7]])
def test_the_strength_inverts_the_share_of_labels_that_is_explained(link, scales):
    scales = np.array(scales)
    truth = np.array([0.03, 0.5, 0.9]) if link == "sign" else np.array([0.03, 1.0, 30.0])
    noise = 1.0 - truth if link == "sign" else np.zeros(3)
    slope = (scales * label_slope(link, scales * truth[:, None], noise[:, None])).mean(axis=1)
    assert_allclose(strength_of(link, slope**2 * truth, scales), truth, rtol=2e-4)


@pytest.mark.parametrize("tau2", [0.01, 1.0, 9.0, 1e3])
def test_the_slope_of_logistic_labels_is_that_of_samples(tau2):
    scores = np.sqrt(tau2) * np.random.default_rng(0).normal(size=1_000_000)
    assert_allclose(
        label_slope("logistic", np.array([tau2]), np.zeros(1)), (scores * np.tanh(scores / 2)).mean() / tau2, rtol=4e-3
    )


@pytest.mark.parametrize("similarity", [0.0, 0.6, 0.9])
def test_estimates_from_labels_are_right_on_average(similarity):
    """Eight data sets of five tasks, 250 rows of 100 features: the signal within 20%, the similarity within 0.07."""
    found = [estimate_problem(*study(seed, n_rows=250, similarity=similarity)) for seed in range(8)]
    assert all(each.problem.link == "logistic" for each in found)
    assert_allclose(np.mean([each.signal for each in found]), 4.0, rtol=0.2)
    assert_allclose(np.mean([each.similarity for each in found]), similarity, atol=0.07)
    assert_allclose(np.mean([each.moments.similarity for each in found]), similarity, atol=0.07)


def test_sign_labels_tell_the_share_of_noise():
    found = [estimate_problem(*study(seed, n_rows=250, link="sign"), link="sign") for seed in range(6)]
    assert_allclose(np.mean([each.signal for each in found]), 0.8, rtol=0.1)
    assert_allclose([each.noise + each.signal for each in found], 1.0)


@pytest.mark.parametrize("rows", [None, [0.25, 1.0, 1.75]])
@pytest.mark.parametrize(("link", "noise"), [("logistic", 0.0), ("sign", 0.5)])
def test_the_posterior_mean_is_no_better_than_the_best_ridge_of_the_logistic_loss(link, noise, rows):
    """Error rates of the fixed point of information, which searches no ridge, against a search.

    2e-4 apart, 2e-3 for rows of unequal length.
    """
    apart = 2e-4 if rows is None else 2e-3
    for T, alpha, signal, similarity in ((1, 0.5, 1.0, 0.0), (4, 0.5, 4.0, 0.7), (4, 3.0, 9.0, 0.3)):
        problem = Problem(
            100, 100 * alpha, n_tasks=T, similarity=similarity, signal=signal, link=link, noise=noise, row_norms=rows
        )
        alone, pooled, coupled = smallest_errors(problem)
        assert_allclose(coupled, optimal_coupling(problem, "logistic").risk.test, atol=apart)
        single = replace(problem, n_tasks=1, similarity=0.0)
        assert_allclose(alone[0], optimal_coupling(single, "logistic").risk.test[0], atol=apart)
        if T > 1:

            def error(lam, problem=problem):
                return float(predict_risk(problem, "logistic", lam=lam, c=1.0).test[0])

            assert_allclose(pooled, error(best_ridge(error)), atol=apart)


def test_pooling_crosses_learning_alone_at_the_critical_similarity():
    problem = Problem(100, 50, n_tasks=5, signal=4.0, link="logistic")
    at = critical_similarity(problem, "logistic").value
    alone, pooled, _ = smallest_errors(replace(problem, similarity=at))
    assert_allclose(pooled, alone[0], atol=3e-4)


def test_unequal_tasks_are_those_of_the_general_filter():
    """Tasks of three sizes: K in proportion to G and the best ridge, the logistic loss."""
    problem = Problem(50, [20.0, 50.0, 150.0], similarity=0.7, signal=4.0, link="logistic")
    alone, _, coupled = smallest_errors(problem)
    assert_allclose(coupled, optimal_coupling(problem, "logistic").risk.test, atol=1e-3)
    assert (coupled < alone).all()
    assert (np.diff(1.0 - coupled / alone) < 0.0).all()


def test_predicted_error_rates_are_those_of_logistic_fits():
    """Coupled at the predicted ridge, by Newton's method: errors of new rows within 4% over six studies."""
    told, reached, left_out = [], [], []
    for seed in range(6):
        X, y, task, W = study(seed, n_rows=120, p=60, similarity=0.7, with_truth=True)
        found = estimate_problem(X, y, task)
        promised = outlook(found)
        told.append(promised.coupled)
        left_out.append(found.loo)
        fitted = newton(X, 2.0 * y - 1.0, task, promised.lam, promised.c)
        fresh = np.random.default_rng(100 + seed).normal(size=(4000, 60))
        rate = expit(fresh @ W.T)
        wrong = np.where(fresh @ fitted.T > 0.0, 1.0 - rate, rate)
        reached.append(wrong.mean())
    assert_allclose(np.mean(told), np.mean(reached), rtol=0.04)
    assert_allclose(np.mean(left_out), np.mean(reached), rtol=0.06)


def newton(X, y, task, lam, c):
    T, p = task.max() + 1, X.shape[1]
    Q = np.kron(np.linalg.inv((c + (1.0 - c) * np.eye(T)) / lam), np.eye(p)) * p
    Z = np.zeros((len(y), T * p))
    for t in range(T):
        Z[task == t, t * p : (t + 1) * p] = X[task == t]
    w = np.zeros(T * p)
    for _ in range(30):
        rate = expit(y * (Z @ w))
        step = np.linalg.solve((Z.T * (rate * (1.0 - rate))) @ Z + Q, Z.T @ (y * (1.0 - rate)) - Q @ w)
        w += step
    assert np.abs(step).max() < 1e-8
    return w.reshape(T, p)


def test_wanted_error_rates_are_reached_by_what_is_told():
    estimate = estimate_problem(*study(0, n_tasks=8, n_rows=80, p=40))
    now = outlook(estimate)
    assert now.metric == "error rate"
    assert now.floor < floor_of_tasks(estimate) < now.coupled < now.alone
    target = 0.5 * (now.coupled + now.floor)
    factor = rows_for(estimate, target)
    more = replace(
        estimate, problem=replace(estimate.problem, n_samples=factor * np.asarray(estimate.problem.n_samples))
    )
    assert_allclose(outlook(more).coupled, target, rtol=1e-6)
    assert rows_for(estimate, now.coupled) == pytest.approx(1.0, rel=1e-4)
    assert tasks_for(estimate, now.coupled) == pytest.approx(1.0, rel=1e-3)
    assert np.isinf(rows_for(estimate, 0.99 * now.floor))
    assert np.isinf(tasks_for(estimate, 0.99 * floor_of_tasks(estimate)))


def test_classes_of_any_kind_are_the_same_and_their_order_is_no_matter():
    X, y, task = study(3, n_rows=60, p=20)
    here = estimate_problem(X, y, task)
    for labels in (np.where(y, "z", "a"), np.where(y, -3.0, 8.0), y.astype(int)):
        there = estimate_problem(X, labels, task)
        assert_allclose(
            [there.signal, there.similarity, there.loo], [here.signal, here.similarity, here.loo], rtol=1e-9
        )
