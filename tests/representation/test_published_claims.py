"""What the published statements come to when measured; the reading is in docs/methods/shared-representation.md."""

import numpy as np
from numpy.testing import assert_allclose

from kinfolk import SharedRepresentationRegressor
from kinfolk.datasets import make_shared_representation
from kinfolk.representation import (
    alternating_descent,
    method_of_moments,
    subspace_error,
    two_phase_descent,
    variable_projection,
)
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData


def make(n_tasks, n, d, k, seed, noise=1.0):
    truth = make_shared_representation(n_tasks, n, d, k, noise=noise, random_state=seed)
    units = Scaling(np.zeros(d), np.ones(d), 0.0, 1.0)
    X, codes = truth.X.drop(columns="task").to_numpy(), truth.X["task"].to_numpy()
    return truth, TaskData.build(X, truth.y, codes, n_tasks, scaling=units)


def test_the_error_of_coefficients_has_a_term_for_the_heads():
    """sigma^2 d k / (N T) is not reached when T >> d: every task also pays sigma^2 k / N for its own head."""
    n_tasks, n, d, k, variance = 320, 200, 60, 4, 0.25
    errors = []
    for seed in range(3):
        truth, data = make(n_tasks, n, d, k, seed, noise=np.sqrt(variance))
        coef = variable_projection(data.moments(), k).coef
        errors.append(((coef - truth.coef) ** 2).sum(axis=1).mean())
    stated = variance * d * k / (n * n_tasks)
    whole = variance * k * (d + n_tasks - k) / (n * n_tasks)
    assert np.mean(errors) > 5.0 * stated
    assert_allclose(np.mean(errors), whole, rtol=0.1)


def test_least_squares_methods_differ_in_their_analysis_and_not_in_their_error():
    """Alternating minimisation, for which d k^2 / (N T) was proven, is the same estimator; moments do pay k^2."""
    found = {"descent": [], "alternating": [], "moments": []}
    for k in (2, 8):
        for seed in range(3):
            truth, data = make(200, 100, 40, k, seed)
            moments, basis = data.moments(), truth.representation
            found["descent"].append(subspace_error(two_phase_descent(moments, k).basis, basis))
            found["alternating"].append(subspace_error(alternating_descent(moments, k).basis, basis))
            found["moments"].append(subspace_error(method_of_moments(data, k), basis))
    assert_allclose(found["descent"], found["alternating"], rtol=0.02)
    slopes = {name: np.log(np.mean(errors[3:]) / np.mean(errors[:3])) / np.log(4.0) for name, errors in found.items()}
    assert 0.8 < slopes["descent"] < 1.2
    assert slopes["moments"] > 1.4


def test_the_method_works_far_below_the_rows_that_the_theorem_asks_for():
    """The theorem needs N of order d k, a task solvable alone; 15 rows for 100 features and 5 directions are enough."""
    truth, _ = make(400, 15, 100, 5, 0)
    model = SharedRepresentationRegressor(5, task="task").fit(truth.X, truth.y)
    assert truth.excess_error(model.coef_, model.intercept_) < 0.2 * (truth.coef**2).sum(axis=1).mean()


def test_the_balance_penalty_changes_no_solution():
    _, data = make(60, 60, 20, 3, 0)
    moments = data.moments()
    solutions = [two_phase_descent(moments, 3, penalty=penalty).coef for penalty in (0.0, 0.125, 0.25)]
    assert_allclose(solutions[1], solutions[0], atol=0.02)
    assert_allclose(solutions[2], solutions[0], atol=0.02)
