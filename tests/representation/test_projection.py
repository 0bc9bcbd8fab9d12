"""Variable projection and alternating minimisation: monotone, free of the condition of the heads, true to weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from workload import build, draw, mean_square

from kinfolk import InputError
from kinfolk.representation.alternating import alternating_descent
from kinfolk.representation.least_squares import profile, task_losses
from kinfolk.representation.projection import variable_projection
from kinfolk.representation.starts import spectral_start, truncate_targets
from kinfolk.representation.subspace import orthonormal, subspace_error


def test_the_gradient_is_that_of_the_projected_loss():
    moments = draw(6, 15, 5, 2)[0].moments()
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 6)
    basis = orthonormal(np.random.default_rng(1).standard_normal((5, 2)))
    found = profile(moments, basis, weights)
    assert_allclose(basis.T @ found.gradient, 0.0, atol=1e-7)
    for index in np.ndindex(5, 2):
        sides = []
        for h in (1e-5, -1e-5):
            moved = basis.copy()
            moved[index] += h
            sides.append(profile(moments, moved, weights).loss)
        assert_allclose(found.gradient[index], (sides[0] - sides[1]) / 2e-5, atol=1e-5)


def test_the_loss_falls_in_every_iteration():
    fit = variable_projection(draw(100, 12, 40, 4)[0].moments(), 4, max_iter=60, tol=0.0)
    assert len(fit.history) > 10
    assert (np.diff(fit.history) < 0).all()


@pytest.mark.parametrize("kappa", [1.0, 30.0])
def test_the_condition_of_the_heads_costs_nothing(kappa):  # A9
    data, coef, _ = draw(150, 100, 60, 4, kappa=kappa, noise=0.5)
    moments = data.moments()
    path = []
    fit = variable_projection(
        moments, 4, tol=1e-12, watch=lambda theta: path.append(((theta - coef) ** 2).sum(axis=1).mean())
    )
    assert np.flatnonzero(np.array(path) > 1.05 * mean_square(fit, coef)).max(initial=-1) + 1 < 15
    assert variable_projection(moments, 4).n_iter < 15


def test_one_step_is_exact_when_all_tasks_have_the_same_design():
    """With equal ``S_t`` the problem is a singular value decomposition; the step is that of power iteration."""
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.standard_normal((30, 6)))[0]
    X = X - X.mean(axis=0)
    X = np.linalg.qr(X)[0]
    Y = X @ rng.standard_normal((6, 2)) @ rng.standard_normal((2, 8)) + 0.1 * rng.standard_normal((30, 8))
    data = build(np.tile(X, (8, 1)), Y.T.ravel(), np.repeat(np.arange(8), 30))
    fit = variable_projection(data.moments(), 2, tol=1e-18)
    top = np.linalg.svd(X.T @ (Y - Y.mean(axis=0)))[0][:, :2]
    assert subspace_error(fit.basis, top) < 1e-12


def test_weighing_noisy_tasks_down_helps():
    rng = np.random.default_rng(0)
    data, _, basis = draw(80, 40, 30, 3, noise=0.0)
    noise = np.where(np.arange(80) < 40, 0.3, 3.0)
    noisy = type(data)(
        data.X, data.y + noise[data.codes] * rng.standard_normal(len(data.y)), data.offsets, None, data.scaling
    )
    moments = noisy.moments()
    first = variable_projection(moments, 3)
    variance = task_losses(moments, first.basis, first.heads) / (moments.n - 4)
    second = variable_projection(moments, 3, task_weights=1.0 / variance, start=first.basis)
    assert subspace_error(second.basis, basis) < 0.3 * subspace_error(first.basis, basis)


def test_few_rows_are_projected_through_the_rows_themselves():
    """The dual form of the moments gives what the primal form gives."""
    data, _, _ = draw(60, 12, 20, 2)
    dual = data.moments()
    assert dual.gram is None
    primal = type(dual)(dual.n, dual.x_mean, dual.y_mean, dual.b, dual.yy, gram=dual.primal())
    for method in (variable_projection, alternating_descent):
        assert_allclose(method(dual, 2).coef, method(primal, 2).coef, atol=1e-8)


@pytest.mark.parametrize(
    "parameters",
    [
        {"start": "random", "rule": "fixed", "step": 0.1, "share": 0.5},  # FedRep
        {"start": "random", "rule": "fixed", "step": 0.5, "orthonormalize": False},
        {"rule": "start"},  # AltGDmin
        {"rule": "exact"},  # AltMin
    ],
)
def test_each_published_variant_reaches_the_accuracy_of_projection(parameters):
    data, coef, _ = draw(60, 60, 20, 3)
    moments = data.moments()
    if parameters.get("rule") == "start":
        parameters = parameters | {"start": spectral_start(truncate_targets(data).moments(), 3)}
    fit = alternating_descent(moments, 3, **parameters)
    assert mean_square(fit, coef) < 1.15 * mean_square(variable_projection(moments, 3), coef)
    assert_allclose(fit.basis.T @ fit.basis, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [{"rule": "best"}, {"step": 0.0}, {"share": 0.0}, {"start": "zero"}, {"start": np.ones((3, 3))}],
)
def test_parameters_of_alternating_descent_are_checked(parameters):
    with pytest.raises(InputError, match=next(iter(parameters))):
        alternating_descent(draw(5, 10, 6, 2)[0].moments(), 2, **parameters)


@pytest.mark.parametrize("parameters", [{"start": np.ones((3, 3))}, {"task_weights": np.ones(3)}])
def test_parameters_of_projection_are_checked(parameters):
    with pytest.raises(InputError, match=next(iter(parameters))):
        variable_projection(draw(5, 10, 6, 2)[0].moments(), 2, **parameters)
