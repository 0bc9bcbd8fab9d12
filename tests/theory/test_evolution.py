"""Every loss: golden values, quadrature against sampling, and equations that are solved or say that they are not."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import erfc

from kinfolk.theory import Problem, evolution, predict_risk
from kinfolk.theory.channels import channel_of
from kinfolk.theory.losses import Loss, logistic_prox
from kinfolk.theory.outputs import margin_moments, residual_error, residual_moments

CONTAMINATED = [(0.9, 0.05), (0.1, 4.0)]

# loss, link, T, alpha, similarity, lam, signal, noise; V, norm, overlap, test (c = 0.5)
GOLDEN = [
    ("squared", "linear", 2, 1, 0.5, 0.1, 1, 0.25, (2.39546131, 0.91645110, 0.76045387, 0.64554336)),
    ("squared", "linear", 5, 0.5, 0.9, 0.01, 1, 0.25, (35.46321109, 0.95293361, 0.77263216, 0.65766929)),
    ("lad", "linear", 5, 2, 0.5, 0.1, 1, CONTAMINATED, (0.27523377, 1.04801918, 0.97247662, 0.54806594)),
    ("huber", "linear", 5, 1, 0.5, 0.1, 1, CONTAMINATED, (2.12472098, 1.01317033, 0.78752790, 0.88311452)),
    ("hinge", "sign", 2, 2, 0.5, 0.1, 1, 0.1, (1.92487702, 3.90190506, 1.59040514, 0.22141733)),
    ("hinge", "sign", 5, 0.5, 0.9, 1e-4, 1, 0.1, (4766.77600, 0.99858457, 0.72293716, 0.25770642)),
    ("logistic", "logistic", 2, 2, 0.5, 0.1, 4, 0, (3.24823333, 3.56413933, 2.66165166, 0.31970293)),
    ("logistic", "logistic", 10, 0.5, 0.1, 1e-4, 4, 0, (4042.11592, 39.80689425, 4.73160403, 0.40806289)),
    ("squared", "sign", 5, 1, 0.5, 1, 1, 0.1, (0.5, 0.26397093, 0.38037654, 0.25054559)),
    ("logistic", "sign", 5, 1, 0.5, 0.1, 1, 0.1, (4.75465974, 3.24743096, 1.34410553, 0.24817033)),
]


@pytest.mark.parametrize(("loss", "link", "T", "alpha", "rho", "lam", "signal", "noise", "golden"), GOLDEN)
def test_golden_values(loss, link, T, alpha, rho, lam, signal, noise, golden):
    problem = Problem(1, alpha, n_tasks=T, similarity=rho, signal=signal, noise=noise, link=link)
    risk = predict_risk(problem, loss, lam=lam, c=0.5)
    assert risk.converged
    for values, expected in zip((risk.V, risk.norm, risk.overlap, risk.test), golden, strict=True):
        assert values == pytest.approx(np.full(T, expected), rel=1e-7)


def test_golden_values_of_rows_and_of_a_spectrum():
    problem = {"n_features": 1, "n_samples": 1, "n_tasks": 3, "similarity": 0.5}
    rows = [0.25, 1.0, 1.75]
    squared = predict_risk(Problem(**problem, noise=0.25, row_norms=rows), lam=0.1, c=0.5)
    logistic = predict_risk(Problem(**problem, signal=4, link="logistic", row_norms=rows), "logistic", lam=0.1, c=0.5)
    coloured = predict_risk(Problem(**problem, noise=0.25, spectrum=[1.5, 0.5]), lam=0.1, c=0.5)
    assert squared.test == pytest.approx(np.full(3, 0.66115871), abs=1e-8)
    assert logistic.test == pytest.approx(np.full(3, 0.36773462), abs=1e-8)
    assert coloured.test == pytest.approx(np.full(3, 0.58673064), abs=1e-8)


def test_a_huber_loss_that_never_bends_is_the_squared_loss():
    problem = Problem(1, [0.4, 1.0, 3.0], similarity=0.4, noise=0.3, row_norms=[0.5, 1.5], spectrum=[0.4, 1.0, 2.0])
    squared = predict_risk(problem, lam=0.2, c=0.6)
    huber = predict_risk(problem, "huber", lam=0.2, c=0.6, huber_delta=1e3)
    for name in ("test", "train", "V", "norm", "overlap"):
        assert getattr(huber, name) == pytest.approx(getattr(squared, name), rel=1e-8)
    signs = Problem(1, [0.4, 1.0, 3.0], similarity=0.4, noise=0.3, link="sign", row_norms=[0.5, 1.5])
    squared = predict_risk(signs, lam=0.2, c=0.6)
    huber = predict_risk(signs, "huber", lam=0.2, c=0.6, huber_delta=1e3)
    for name in ("test", "train", "V", "norm", "overlap"):
        assert getattr(huber, name) == pytest.approx(getattr(squared, name), rel=1e-7)


def test_a_large_huber_slope_at_small_delta_is_lad():
    """Huber's loss over delta tends to the absolute value, so that ridges scale by delta."""
    problem = Problem(1, 2, n_tasks=3, similarity=0.5, noise=CONTAMINATED)
    lad = predict_risk(problem, "lad", lam=0.1, c=0.5)
    huber = predict_risk(problem, "huber", lam=0.1 * 1e-5, c=0.5, huber_delta=1e-5)
    assert huber.test == pytest.approx(lad.test, rel=1e-4)


@pytest.mark.parametrize(("loss", "link"), [("lad", "linear"), ("hinge", "sign"), ("logistic", "logistic")])
def test_two_modes_are_the_general_filter(loss, link):
    noise = {"linear": CONTAMINATED, "sign": 0.1, "logistic": 0.0}[link]
    alike = Problem(1, 0.8, n_tasks=3, similarity=0.6, noise=noise, link=link)
    nearly = Problem(1, [0.8, 0.8, 0.8 + 1e-13], similarity=0.6, noise=noise, link=link)
    for name in ("test", "train", "V", "norm", "overlap"):
        exchangeable = getattr(predict_risk(alike, loss, lam=0.1, c=0.7), name)
        general = getattr(predict_risk(nearly, loss, lam=0.1, c=0.7), name)
        assert general == pytest.approx(exchangeable, rel=1e-7)


def test_a_task_that_is_negated_changes_nothing_when_its_coupling_is_negated_too():
    gram = np.array([[1.0, 0.6, 0.3], [0.6, 1.2, 0.4], [0.3, 0.4, 0.8]])
    K = np.array([[5.0, 2.0, 1.0], [2.0, 4.0, 1.5], [1.0, 1.5, 3.0]])
    flip = np.diag([1.0, -1.0, 1.0])
    rows = [0.5, 1.0, 2.0]
    risk = predict_risk(Problem(1, rows, gram=gram, noise=0.1, link="sign"), "hinge", coupling=K)
    flipped = predict_risk(
        Problem(1, rows, gram=flip @ gram @ flip, noise=0.1, link="sign"), "hinge", coupling=flip @ K @ flip
    )
    assert flipped.test == pytest.approx(risk.test, rel=1e-8)


@pytest.mark.parametrize(("name", "delta"), [("lad", 1.0), ("huber", 0.7)])
def test_moments_of_residual_losses_are_those_of_samples(name, delta):
    loss = Loss.of(name, delta, "linear")
    V, E, share = np.array([0.8]), np.array([[0.3, 2.0]]), np.array([[0.7, 0.3]])
    r = np.linspace(-12, 12, 400_001)
    density = sum(w * np.exp(-r * r / (2 * e)) / np.sqrt(2 * np.pi * e) for w, e in zip(share[0], E[0], strict=True))
    f = np.clip(r / {"lad": 0.8, "huber": 1.8}[name], -delta, delta)
    curvature, power, overlap = residual_moments(loss, V, E, share)
    step = r[1] - r[0]
    assert power[0] == pytest.approx((density * f * f).sum() * step, rel=1e-7)
    assert curvature[0] == pytest.approx((density * np.gradient(f, step)).sum() * step, rel=1e-5)
    assert overlap == pytest.approx(curvature)
    assert residual_error(loss, V, E, share)[0] == pytest.approx((density * (r - 0.8 * f) ** 2).sum() * step, rel=1e-7)


@pytest.mark.parametrize("name", ["hinge", "logistic", "lad", "huber"])
@pytest.mark.parametrize("link", ["sign", "logistic"])
def test_moments_of_labels_satisfy_steins_identity(name, link):
    """E[s f] / tau^2 computed two ways: mh = (alpha E[s f] + m Vh) / tau^2, by sampling scores."""
    loss, generator = Loss.of(name, 0.7, link), np.random.default_rng(1)
    V, q, m, tau2, noise = (np.array([value]) for value in (1.3, 0.9, 0.8, 1.5, 0.2))
    curvature, power, overlap = margin_moments(loss, link, V, q, m, tau2, noise)
    n = 400_000
    s = np.sqrt(tau2) * generator.normal(size=n)
    omega = m / tau2 * s + np.sqrt(q - m * m / tau2) * generator.normal(size=n)
    if link == "sign":
        y = np.sign(s + np.sqrt(noise) * generator.normal(size=n))
    else:
        y = np.where(generator.random(n) < 1 / (1 + np.exp(-s)), 1.0, -1.0)
    f, slope = loss.pull((y * omega)[None, :], V[:, None])
    assert curvature[0] == pytest.approx(slope.mean(), abs=6 * slope.std() / np.sqrt(n))
    assert power[0] == pytest.approx((f**2).mean(), abs=6 * (f**2).std() / np.sqrt(n))
    stein = (s * y * f[0]).mean() + m * curvature
    assert overlap[0] * tau2[0] == pytest.approx(stein[0], abs=6 * (s * f[0]).std() / np.sqrt(n))


def test_the_logistic_proximal_map_is_the_minimum():
    generator = np.random.default_rng(0)
    omega, V = 5 * generator.normal(size=(1, 2000)), 10 ** generator.uniform(-3, 5, (1, 2000))
    z = logistic_prox(omega, V)
    assert np.abs(z - omega - V / (1 + np.exp(z))).max() < 1e-9 * V.max()
    low = minimize_scalar(lambda t: np.log1p(np.exp(-t)) + (t - omega[0, 0]) ** 2 / (2 * V[0, 0]), tol=1e-12)
    assert z[0, 0] == pytest.approx(low.x, abs=1e-6)


def test_small_residuals_lose_no_digits():
    """Many rows of an absolute loss: E / V^2 is large and its bracket small; the product is known from its series."""
    loss, V, E = Loss.of("lad", 1.0, "linear"), np.array([1e-7]), np.array([[1.0]])
    _curvature, power, _overlap = residual_moments(loss, V, E, np.ones((1, 1)))
    assert power[0] == pytest.approx(erfc(1e-7 / np.sqrt(2)) + np.sqrt(2 / np.pi) * 1e-7 / 3, rel=1e-15)


def test_what_is_not_solved_has_no_numbers(monkeypatch):
    monkeypatch.setattr(evolution, "ACCEPTED", -1.0)
    risk = predict_risk(Problem(1, 1, n_tasks=2, similarity=0.5, noise=0.1), "huber", lam=0.1, c=0.5)
    assert not risk.converged
    assert risk.residual < 1e-8
    assert np.isnan([risk.test, risk.train, risk.V, risk.norm, risk.overlap]).all()


@pytest.mark.parametrize("way", ["_hybrid", "_continued"])
def test_either_fallback_alone_solves_the_equations(way):
    problem = Problem(1, [0.5, 2.0], similarity=0.6, noise=0.1, link="sign")
    channel = channel_of(problem, 0.01, 0.7, None)
    equations = evolution._Equations(problem, Loss.of("hinge", 1.0, "sign"), channel, np.ones(2))
    x, residual = getattr(evolution, way)(equations, equations.start(), 1.0)
    assert residual < 1e-8
    expected = predict_risk(problem, "hinge", lam=0.01, c=0.7)
    assert np.exp(x[:2]) == pytest.approx(expected.V, rel=1e-6)
