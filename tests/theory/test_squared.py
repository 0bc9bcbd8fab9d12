"""Squared loss: closed form, random matrices and the textbook agree; the best penalty is what theory says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from kinfolk.exceptions import InputError
from kinfolk.theory import Problem, exchangeable_coupling, optimal_coupling, plan, predict_risk, random_matrix_risk

GRAM = [[1, 0.7, 0.5, -0.4], [0.7, 1.5, 0.6, -0.3], [0.5, 0.6, 0.8, -0.2], [-0.4, -0.3, -0.2, 0.6]]
UNEQUAL = Problem(1, [0.3, 0.8, 1.5, 3], gram=GRAM, noise=[0.1, 0.25, 0.5, 1])
OWN_RIDGES = np.diag(1 / np.array([0.05, 0.1, 0.3, 0.6])) + 1 / 0.2


def random_problem(generator, noise=True):
    """Unequal everything, similarities of both signs."""
    T = int(generator.integers(2, 7))
    factor, penalty = generator.normal(size=(2, T, T + 1))
    problem = Problem(
        100,
        100 * 10 ** generator.uniform(-0.7, 0.7, T),
        gram=factor @ factor.T / T,
        noise=generator.uniform(0.05, 2, T),
    )
    return problem, (penalty @ penalty.T / T + 0.05 * np.eye(T)) * 10 ** generator.uniform(-1, 2)


def marchenko_pastur_risk(alpha, lam, noise):
    """Ridge of one task with signal 1, from the Stieltjes transform at -lam of the sample covariance X'X / p."""
    b = lam + alpha - 1
    V = (np.sqrt(b * b + 4 * lam) - b) / (2 * lam)  # trace of (X'X / p + lam)^-1 over p
    dV = -(V * V) / (1 - alpha * V * V / (1 + V) ** 2)
    return noise - lam**2 * dV + noise * (V + lam * dV)


def test_random_matrices_agree_with_the_closed_form_on_200_problems():
    generator = np.random.default_rng(0)
    worst = 0.0
    for _ in range(200):
        problem, K = random_problem(generator)
        risk = predict_risk(problem, coupling=K)
        assert risk.converged
        worst = max(worst, float(np.abs(random_matrix_risk(problem, coupling=K) / risk.test - 1).max()))
    assert worst < 1e-10


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("lam", [1e-3, 0.1, 2.0])
def test_one_task_is_the_textbook_ridge(alpha, lam):
    problem = Problem(1, alpha, noise=0.25)
    assert predict_risk(problem, lam=lam).test == pytest.approx(marchenko_pastur_risk(alpha, lam, 0.25), rel=1e-9)


def test_independent_ridges_are_single_tasks_and_the_two_modes_are_the_matrix():
    problem = Problem(1, 0.8, n_tasks=4, similarity=0.7, noise=0.25)
    alone = predict_risk(replace(problem, n_tasks=1, similarity=0.0), lam=0.1)
    assert predict_risk(problem, lam=0.1, c=0.0).test == pytest.approx(np.repeat(alone.test, 4), rel=1e-12)
    nearly = replace(problem, n_samples=[0.8, 0.8, 0.8, 0.8 * (1 + 1e-12)])
    for c in (0.3, 1.0):
        general = predict_risk(nearly, lam=0.1, c=c)
        exchangeable = predict_risk(problem, lam=0.1, c=c)
        for name in ("test", "train", "V", "norm", "overlap"):
            assert getattr(general, name) == pytest.approx(getattr(exchangeable, name), rel=1e-9)


def test_infinitely_many_tasks_leave_single_tasks_with_the_signal_that_is_not_shared():
    many = Problem(1, 0.5, n_tasks=1_000_000, similarity=0.6, noise=0.25)
    alone = Problem(1, 0.5, signal=0.4, noise=0.25)
    assert predict_risk(many, lam=0.1, c=0.5).test[0] == pytest.approx(predict_risk(alone, lam=0.2).test[0], rel=1e-4)


def test_a_loss_weight_is_a_change_of_units_of_its_task():
    weights = np.array([0.5, 1.0, 2.0, 3.0])
    size = np.sqrt(weights)
    scaled = Problem(
        1, UNEQUAL.n_samples, gram=np.array(GRAM) * size[:, None] * size, noise=np.asarray(UNEQUAL.noise) * weights
    )
    plain = predict_risk(scaled, coupling=OWN_RIDGES * size[:, None] * size)
    weighted = predict_risk(UNEQUAL, coupling=OWN_RIDGES, weights=weights)
    assert weighted.test * weights == pytest.approx(plain.test, rel=1e-10)
    assert weighted.train * weights == pytest.approx(plain.train, rel=1e-10)


def test_the_best_penalty_is_that_of_the_prior():
    problem = Problem(1, 0.8, n_tasks=3, similarity=0.6, signal=2.0, noise=0.5)
    best = optimal_coupling(problem)
    assert (best.lam, best.c, best.exact) == (pytest.approx(0.25), pytest.approx(0.6), True)
    found = minimize(
        lambda at: predict_risk(problem, lam=np.exp(at[0]), c=at[1]).test[0],
        [np.log(0.5), 0.3],
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-15},
    )
    assert np.exp(found.x[0]) == pytest.approx(0.25, rel=1e-4)
    assert found.x[1] == pytest.approx(0.6, abs=1e-4)


def test_the_smallest_errors_solve_their_own_equation():
    risk = optimal_coupling(UNEQUAL).risk
    eps = risk.test - UNEQUAL.noise
    posterior = np.linalg.inv(np.linalg.inv(GRAM) + np.diag(UNEQUAL.alpha / risk.test))
    assert np.diag(posterior) == pytest.approx(eps, rel=1e-12)
    assert risk.test == pytest.approx([0.57192811, 0.7663795, 0.77960048, 1.22914171], abs=1e-8)
    for seed in range(20):
        tried = random_problem(np.random.default_rng(seed))[1]
        if tried.shape == (4, 4):
            assert (predict_risk(UNEQUAL, coupling=tried).test > risk.test).all()


def test_with_the_best_penalty_more_rows_never_hurt_and_sharing_never_hurts():
    alone, last = [], np.inf
    for alpha in np.linspace(0.1, 4, 40):
        problem = Problem(1, alpha, n_tasks=5, similarity=0.7, noise=0.1)
        alone = optimal_coupling(replace(problem, n_tasks=1, similarity=0.0)).risk.test[0]
        test = optimal_coupling(problem).risk.test[0]
        assert test < last
        assert test < alone
        last = test


@pytest.mark.parametrize("similarity", [-0.2, 0.0, 0.3, 0.9, 1.0])
def test_a_plan_inverts_the_smallest_error(similarity):
    problem = Problem(150, 1, n_tasks=5, similarity=similarity, signal=1.5, noise=0.3)
    for target in (0.35, 0.6, 1.2, 1.7):
        found = plan(problem, target_risk=target)
        assert found.reachable
        assert found.converged
        reached = optimal_coupling(replace(problem, n_samples=found.n_samples)).risk.test
        assert reached == pytest.approx(np.full(5, target), rel=1e-12)


def test_what_no_number_of_rows_reaches_is_said_and_what_needs_none_is_zero():
    problem = Problem(100, 50, n_tasks=3, similarity=0.5, noise=0.25)
    assert not plan(problem, target_risk=0.2).reachable
    assert plan(problem, target_risk=0.2).floor == pytest.approx(0.25)
    assert (plan(problem, target_risk=1.3).n_samples == 0).all()


def test_rows_of_unequal_tasks_are_multiplied_by_one_factor():
    found = plan(UNEQUAL, target_risk=0.7)
    reached = optimal_coupling(replace(UNEQUAL, n_samples=found.n_samples)).risk
    assert reached.test.mean() == pytest.approx(0.7, rel=1e-8)
    assert np.ptp(found.n_samples / UNEQUAL.n_samples) < 1e-12


def test_tasks_are_counted_and_the_count_is_the_smallest():
    problem = Problem(100, 50, similarity=0.9, noise=0.25)
    found = plan(problem, target_risk=0.5, over="n_tasks")
    T = int(found.n_tasks)
    tests = [optimal_coupling(replace(problem, n_tasks=n)).risk.test[0] for n in (T - 1, T)]
    assert tests[1] <= 0.5 < tests[0]
    shared, own, h = 0.9, 0.1, 0.5
    floor = (lambda b: (-b + np.sqrt(b * b + 4 * own * 0.25)) / 2)(0.25 + own * h - own)
    assert found.floor == pytest.approx(0.25 + floor, abs=1e-4 * shared)
    assert plan(problem, target_risk=found.floor - 0.001, over="n_tasks").n_tasks == np.inf


def test_couplings():
    K = exchangeable_coupling(3, 0.1, 0.4)
    assert np.linalg.inv(K) == pytest.approx(np.linalg.inv(np.diag(np.full(3, 0.6 / 0.1)) + 0.4 / 0.1), rel=1e-12)
    assert predict_risk(UNEQUAL, coupling=OWN_RIDGES).test == pytest.approx(
        [1.10339536, 0.99745198, 0.94539063, 1.37759694], abs=1e-8
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": -1}, "n_samples has to be larger than zero"),
        ({"n_samples": [1, 2], "n_tasks": 3}, "Numbers of tasks disagree"),
        ({"n_samples": 1, "n_tasks": 3, "similarity": -0.6}, r"has to lie in \[-0.5, 1\]"),
        ({"n_samples": 1, "gram": [[1, 2], [2, 1]]}, "positive semidefinite"),
        ({"n_samples": 1, "gram": [[1, 0], [0, 1]], "signal": 2}, "leave these two out"),
        ({"n_samples": 1, "noise": [[0.5, 1.0], [0.4, 2.0]]}, "add up to 1"),
        ({"n_samples": 1, "noise": [[0.5, 1.0], [0.5, 2.0]], "link": "sign"}, "needs link='linear'"),
        ({"n_samples": 1, "noise": 0.5, "link": "logistic"}, "no noise"),
        ({"n_samples": 1, "noise": -0.5}, "not negative"),
        ({"n_samples": 1, "link": "probit"}, "choose one of"),
        ({"n_samples": 1, "row_norms": [0.0, 1.0]}, "row_norms"),
    ],
)
def test_what_cannot_be_is_said(arguments, message):
    with pytest.raises(InputError, match=message):
        Problem(100, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Give lam and c"),
        ({"lam": 0.1}, "Give lam and c"),
        ({"lam": 0.0, "c": 0.5}, "lam has to be larger than zero"),
        ({"lam": 0.1, "c": 1.5}, "c of 2 tasks"),
        ({"coupling": np.eye(3)}, r"\(2, 2\) matrix"),
        ({"coupling": [[1, 2], [2, 1]]}, "positive semidefinite"),
        ({"coupling": np.eye(2), "lam": 1.0}, "leave lam and c out"),
        ({"lam": 0.1, "c": 0.5, "loss": "hinge"}, "link='linear'"),
        ({"lam": 0.1, "c": 0.5, "loss": "cubic"}, "choose one of"),
        ({"lam": 0.1, "c": 0.5, "loss": "huber", "huber_delta": 0.0}, "huber_delta"),
        ({"lam": 0.1, "c": 0.5, "weights": [1.0, 0.0]}, "weights have to be larger than zero"),
    ],
)
def test_penalties_that_cannot_be_are_said(arguments, message):
    with pytest.raises(InputError, match=message):
        predict_risk(Problem(100, 50, n_tasks=2, noise=0.1), **arguments)


def test_noise_free_tasks_and_singular_couplings_have_their_own_messages():
    with pytest.raises(InputError, match="best ridge is zero"):
        optimal_coupling(Problem(100, 50))
    with pytest.raises(InputError, match="positive definite"):
        random_matrix_risk(Problem(100, 50, n_tasks=2), lam=0.1, c=1.0)
    with pytest.raises(InputError, match="all are alike"):
        plan(UNEQUAL, target_risk=0.7, over="n_tasks")
