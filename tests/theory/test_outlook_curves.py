"""Predicted curves around an estimate agree with the outlook, fall with rows, and peak where the theory says."""

import numpy as np
import pytest

from kinfolk.exceptions import InputError
from kinfolk.theory import descent, estimate_problem, floor_of_tasks, outlook, outlook_curve, rows_for, tasks_for


@pytest.fixture(scope="module")
def estimate():
    generator = np.random.default_rng(3)
    sizes = generator.integers(10, 50, size=15)
    task = np.repeat(np.arange(15), sizes)
    W = np.sqrt(0.5 / 25) * (generator.normal(size=25) + generator.normal(size=(15, 25)))
    X = generator.normal(size=(len(task), 25))
    y = (X * W[task]).sum(axis=1) + 0.5 * generator.normal(size=len(task))
    return estimate_problem(X, y, task)


@pytest.mark.parametrize("over", ["n", "T"])
def test_a_curve_runs_through_the_outlook(estimate, over):
    told, curve = outlook(estimate), outlook_curve(estimate, over, [0.5, 1.0, 2.0])
    assert curve.errors[1] == pytest.approx([told.alone, told.pooled, told.coupled], rel=1e-9)
    assert (curve.intervals[0] <= curve.intervals[1]).all()


def test_more_rows_and_more_tasks_never_hurt_at_the_best_ridge(estimate):
    rows, tasks = outlook_curve(estimate, "n").errors, outlook_curve(estimate, "T").errors
    assert (np.diff(rows, axis=0) < 0.0).all()
    assert np.ptp(tasks[:, 0]) < 1e-12 * tasks[0, 0]  # a task alone does not see the others
    assert (np.diff(tasks[:, 1:], axis=0) < 0.0).all()
    assert (tasks[:, 2] > floor_of_tasks(estimate)).all()


def test_curves_invert_what_a_wanted_error_takes(estimate):
    target = 0.9 * outlook(estimate).coupled
    assert outlook_curve(estimate, "n", [rows_for(estimate, target)]).errors[0, 2] == pytest.approx(target, rel=1e-3)
    target = 0.5 * (outlook(estimate).coupled + floor_of_tasks(estimate))
    assert outlook_curve(estimate, "T", [tasks_for(estimate, target)]).errors[0, 2] == pytest.approx(target, rel=1e-3)


def test_without_a_ridge_errors_peak_where_a_part_interpolates(estimate):
    found = descent(estimate)
    p = estimate.n_features
    assert [peak.at for peak in found.peaks["alone"]] == pytest.approx([p], rel=0.05)
    assert [peak.at for peak in found.peaks["pooled"]] == pytest.approx([p / 15], rel=0.05)
    assert found.peaks["coupled"][-1].height < found.peaks["alone"][0].height  # coupling softens it
    assert (np.diff(found.best) < 0.0).all()  # and the best ridge has none
    assert (found.weak[:, 2] >= found.best).all()


def test_bad_axes_are_refused(estimate):
    with pytest.raises(InputError, match="'p' is not known"):
        outlook_curve(estimate, "p")
    with pytest.raises(InputError, match="positive"):
        outlook_curve(estimate, factors=[0.0, 1.0])
