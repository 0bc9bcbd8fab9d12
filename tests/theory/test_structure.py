"""What predictions say about sharing: an equivalent single task, peaks and where they move, when sharing hurts."""

from dataclasses import replace

import numpy as np
import pytest

from kinfolk.exceptions import InputError
from kinfolk.theory import (
    Problem,
    critical_similarity,
    equivalent_single_task,
    harmless_coupling,
    learning_curve,
    optimal_coupling,
    plan,
    predict_risk,
    predict_risk_of_covariances,
)
from kinfolk.theory.problem import equal_mass
from kinfolk.theory.risk import solve_state

GRAM = np.array([[1, 0.7, -0.4], [0.7, 1.5, -0.3], [-0.4, -0.3, 0.6]])
OWN_RIDGES = np.diag(1 / np.array([0.05, 0.1, 0.6])) + 5.0


@pytest.mark.parametrize(("loss", "link"), [("squared", "linear"), ("huber", "linear"), ("hinge", "sign")])
def test_the_equivalent_single_task_has_the_same_norm_and_overlap(loss, link):
    """w = V (what rows say + b), so that q and m of the single task are explicit, and must be the coupled ones."""
    problem = Problem(1, [0.4, 1.0, 2.0], gram=GRAM, noise=[0.1, 0.3, 0.5], link=link)
    state = solve_state(problem, loss, None, None, OWN_RIDGES)[0]
    single = equivalent_single_task(problem, loss, coupling=OWN_RIDGES)
    tau2 = np.diag(GRAM)
    assert single.converged
    assert 1 / (single.ridge + state.Vh) == pytest.approx(state.V)
    assert state.V * (state.mh + single.pull) * tau2 == pytest.approx(state.m, rel=1e-7)
    norm = state.V**2 * ((state.mh + single.pull) ** 2 * tau2 + state.qh + single.noise)
    assert norm == pytest.approx(state.q, rel=1e-7)
    assert (single.ridge >= 1 / np.diag(OWN_RIDGES)).all()


def test_the_equivalent_of_an_uncoupled_task_is_itself():
    problem = Problem(1, [0.4, 1.0, 2.0], similarity=0.7, noise=0.25)
    single = equivalent_single_task(problem, lam=0.1, c=0.0)
    assert single.ridge == pytest.approx(np.full(3, 0.1), rel=1e-10)
    assert single.pull == pytest.approx(np.zeros(3), abs=1e-12)
    assert single.noise == pytest.approx(np.zeros(3), abs=1e-12)
    assert (equivalent_single_task(problem, lam=0.1, c=0.5).pull > 0).all()


def test_the_effective_ridge_of_five_tasks():
    problem = Problem(300, 240, n_tasks=5, similarity=0.9, noise=0.25)
    assert equivalent_single_task(problem, lam=0.1, c=0.5).ridge == pytest.approx(np.full(5, 0.1508), abs=5e-5)
    assert predict_risk(problem, lam=0.1, c=0.5).test == pytest.approx(np.full(5, 0.5227), abs=5e-5)


# lam, c, similarity -> peaks (n / p, height) of T = 1, 2, 5, 10; squared loss, noise 0.25
PEAKS = [
    (1e-3, 0.5, 0.5, [[(1, 4.10)], [(1, 3.60)], [(1, 3.22)], [(1, 3.08)]]),
    (1e-3, 0.9, 0.1, [[(1, 4.10)], [(0.53, 1.85), (0.98, 2.03)], [(0.21, 2.15), (0.99, 1.61)], None]),
    (1e-3, 0.99, 0.1, [[(1, 4.10)], [(0.50, 4.75)], [(0.20, 5.54)], [(0.10, 5.80)]]),
    (1e-3, 0.99, 0.9, [[(1, 4.10)], [(0.51, 2.19)], [(0.20, 1.96), (0.91, 0.64)], [(0.10, 1.92), (0.99, 0.59)]]),
    (1e-3, 1.0, 0.5, [[(1, 4.10)], [(0.50, 8.17)], [(0.20, 10.6)], [(0.10, 11.4)]]),
    (0.1, 0.5, 0.1, [[], [], [], [(0.07, 1.277)]]),
    (0.1, 0.5, 0.9, [[], [], [], [(0.88, 0.479)]]),
]


@pytest.mark.parametrize(("lam", "c", "similarity", "expected"), PEAKS)
def test_peaks_stay_at_p_rows_or_move_to_p_over_T_rows(lam, c, similarity, expected):
    for T, peaks in zip((1, 2, 5, 10), expected, strict=True):
        if peaks is None:
            continue
        problem = Problem(100, 100, n_tasks=T, similarity=similarity if T > 1 else 0.0, noise=0.25)
        found = learning_curve(problem, lam=lam, c=c).peaks
        assert [round(peak.at) for peak in found] == pytest.approx([100 * at for at, _ in peaks], abs=1)
        assert [peak.height for peak in found] == pytest.approx([height for _, height in peaks], rel=3e-3)


def test_the_best_penalty_has_no_peak_and_more_features_are_seen_from_the_other_side():
    problem = Problem(100, 100, n_tasks=5, similarity=0.5, noise=0.25)
    curve = learning_curve(problem)
    assert curve.converged.all()
    assert not curve.peaks
    assert (np.diff(curve.test) < 0).all()
    (peak,) = learning_curve(problem, over="n_features", lam=1e-3, c=0.5).peaks
    assert peak.at == pytest.approx(100, abs=1)
    assert peak.height == pytest.approx(3.22, abs=0.01)


def test_curves_along_penalties_tasks_and_similarity():
    problem = Problem(100, 50, n_tasks=4, similarity=0.6, noise=0.25)
    along_c = learning_curve(problem, over="c", values=np.linspace(0, 1, 21), lam=0.25)
    assert along_c.values[np.argmin(along_c.test)] == pytest.approx(0.6)
    along_lam = learning_curve(problem, over="lam", values=np.geomspace(0.0025, 25, 41), c=0.6)
    assert along_lam.values[np.argmin(along_lam.test)] == pytest.approx(0.25)
    assert (np.diff(learning_curve(problem, over="n_tasks", values=[1, 2, 5, 20]).test) < 0).all()
    assert (np.diff(learning_curve(problem, over="similarity", values=[0, 0.5, 0.9]).test) < 0).all()
    unequal = replace(problem, n_samples=[10, 20, 30, 40], n_tasks=None)
    at_mean = learning_curve(unequal, values=[25, 50], lam=0.25, c=0.6)
    assert at_mean.test[0] == pytest.approx(predict_risk(unequal, lam=0.25, c=0.6).test.mean())


# noise, T -> critical similarity at n / p = 0.2, 0.5, 1, 2, 5
CRITICAL = [
    (0.25, 2, [0.464, 0.547, 0.683, 0.840, 0.944]),
    (0.25, 5, [0.370, 0.475, 0.648, 0.831, 0.943]),
    (0.25, 10, [0.309, 0.434, 0.631, 0.828, 0.942]),
    (1.0, 2, [0.444, 0.488, 0.558, 0.668, 0.826]),
    (1.0, 5, [0.344, 0.400, 0.489, 0.629, 0.816]),
    (1.0, 10, [0.280, 0.344, 0.449, 0.611, 0.812]),
]


@pytest.mark.parametrize(("noise", "T", "expected"), CRITICAL)
def test_similarity_above_which_pooling_beats_learning_alone(noise, T, expected):
    found = [critical_similarity(Problem(1, alpha, n_tasks=T, noise=noise)) for alpha in (0.2, 0.5, 1, 2, 5)]
    assert all(critical.converged for critical in found)
    assert [critical.value for critical in found] == pytest.approx(expected, abs=5.1e-4)


def test_couplings_up_to_about_twice_the_similarity_do_not_hurt():
    def largest(T, similarity):
        return harmless_coupling(Problem(1, 2, n_tasks=T, similarity=similarity, noise=0.25)).value

    assert largest(2, 0.1) == pytest.approx(0.20, abs=0.005)
    assert largest(2, 0.3) == pytest.approx(0.57, abs=0.005)
    assert largest(5, 0.1) == pytest.approx(0.26, abs=0.005)
    assert largest(5, 0.2) == pytest.approx(0.71, abs=0.005)
    assert largest(5, 0.5) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("similarity", "T", "expected"),
    [(0.6, 5, [2.12, 1.73, 1.40, 1.18, 1.06]), (0.9, 10, [6.47, 4.43, 3.04, 2.09, 1.43])],
)
def test_rows_that_kin_are_worth(similarity, T, expected):
    """How many times more rows a task alone needs for the same error."""
    for alpha, factor in zip((0.2, 0.5, 1, 2, 5), expected, strict=True):
        together = optimal_coupling(Problem(1, alpha, n_tasks=T, similarity=similarity, noise=0.25)).risk.test[0]
        alone = plan(Problem(1, 1, noise=0.25), target_risk=together).n_samples[0]
        assert alone / alpha == pytest.approx(factor, abs=5.1e-3)


def test_signs_are_planned_too():
    problem = Problem(100, 50, n_tasks=3, similarity=0.8, noise=0.1, link="sign")
    found = plan(problem, target_risk=0.2)
    reached = optimal_coupling(replace(problem, n_samples=found.n_samples)).risk.test
    assert reached == pytest.approx(np.full(3, 0.2), abs=1e-7)
    assert found.floor == pytest.approx(np.arccos(np.sqrt(1 / 1.1)) / np.pi)
    assert not plan(problem, target_risk=0.05).reachable


def test_equal_covariances_of_tasks_are_a_spectrum():
    spectrum = np.linspace(0.2, 1.8, 16)
    problem = Problem(16, [8, 16, 40], gram=GRAM, noise=[0.1, 0.3, 0.5])
    own = predict_risk_of_covariances(problem, [np.diag(spectrum)] * 3, coupling=OWN_RIDGES)
    common = predict_risk(replace(problem, spectrum=spectrum), coupling=OWN_RIDGES)
    for name in ("test", "train", "V", "norm", "overlap"):
        assert getattr(own, name) == pytest.approx(getattr(common, name), rel=1e-9)


def test_covariances_turn_with_their_features_and_pooling_is_allowed():
    generator = np.random.default_rng(0)
    turn = np.linalg.qr(generator.normal(size=(8, 8)))[0]
    factors = generator.normal(size=(2, 8, 12)) / np.sqrt(12)
    sigma = factors @ factors.transpose(0, 2, 1)
    problem = Problem(8, [6, 14], similarity=0.5, noise=0.25)
    plain = predict_risk_of_covariances(problem, sigma, lam=0.1, c=1.0)
    turned = predict_risk_of_covariances(problem, turn @ sigma @ turn.T, lam=0.1, c=1.0)
    assert turned.test == pytest.approx(plain.test, rel=1e-9)


def test_many_values_are_averaged_in_groups_of_equal_mass():
    values = np.random.default_rng(0).exponential(size=997)
    groups = equal_mass(values, 24)
    assert len(groups) == 24
    assert groups.mean() == pytest.approx(values.mean(), rel=1e-12)
    assert (np.diff(groups) > 0).all()
    problem = Problem(1, 0.8, n_tasks=3, similarity=0.5, noise=0.25)
    few = predict_risk(replace(problem, spectrum=values), lam=0.1, c=0.5).test
    all_of_them = Problem(1, 0.8, n_tasks=3, similarity=0.5, noise=0.25, spectrum=values)
    object.__setattr__(all_of_them, "eigenvalues", values)
    assert few == pytest.approx(predict_risk(all_of_them, lam=0.1, c=0.5).test, rel=2e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: learning_curve(p, over="noise", values=[1, 2]), "choose one of"),
        (lambda p: learning_curve(p, over="lam", values=[1, 2], lam=1.0), "leave lam out"),
        (lambda p: learning_curve(p, over="similarity"), "values are needed"),
        (lambda p: learning_curve(p, values=[2, 1]), "increasing"),
        (lambda p: learning_curve(p, over="n_tasks", values=[1.5, 2]), "whole"),
        (lambda p: critical_similarity(replace(p, n_tasks=1)), "At least two tasks"),
        (lambda p: critical_similarity(replace(p, n_samples=[1, 2, 3])), "different"),
        (lambda p: harmless_coupling(p), "larger than zero"),
        (lambda p: equivalent_single_task(replace(p, spectrum=[1.0, 2.0]), lam=1, c=0.5), "whiten"),
        (lambda p: predict_risk_of_covariances(p, np.ones((2, 4, 4)), lam=1, c=0.5), "covariances have to be 3"),
        (lambda p: predict_risk_of_covariances(p, -np.ones((3, 4, 4)), lam=1, c=0.5), "positive semidefinite"),
        (lambda p: plan(p, target_risk=0.0), "target_risk"),
        (lambda p: plan(p, target_risk=0.5, over="noise"), "cannot be planned"),
    ],
)
def test_what_cannot_be_asked_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call(Problem(4, 4, n_tasks=3, noise=0.25))
