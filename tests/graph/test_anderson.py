"""Anderson's mixing of a fixed-point iteration."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk.datasets import make_clustered_tasks
from kinfolk.graph import logistic
from kinfolk.graph.anderson import Anderson
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData


def turns(ahead, matrix, end, tol=1e-8):
    """Turns of a linear map until it is within ``tol`` of its fixed point."""
    x = np.zeros(len(end))
    for n in range(1, 1000):
        g = end + matrix @ (x - end)
        if np.abs(g - end).max() < tol:
            return n
        x = g if ahead is None else ahead.after(x, g)
    raise AssertionError("no end")


def test_a_linear_map_ends_after_a_turn_for_each_dimension():
    """It is GMRES there: three coordinates, three turns and one to see it, where plain turns take hundreds."""
    generator = np.random.default_rng(0)
    Q = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    matrix, end = (Q * np.array([0.97, 0.9, 0.5])) @ Q.T, generator.normal(size=3)
    assert turns(None, matrix, end) > 300
    assert turns(Anderson(100.0), matrix, end) <= 6


def test_it_leads_no_further_than_it_is_told():
    ahead = Anderson(0.5)
    assert_allclose(ahead.after(np.array([0.0]), np.array([1.0])), [1.0])  # the first turn as it is
    assert_allclose(ahead.after(np.array([1.0]), np.array([1.99])), [2.49])  # the end would be at 100


def test_turns_that_run_out_end_where_the_last_one_was(monkeypatch):
    """Not at a leap that no turn has looked at: leaps to the moon after it do not count."""
    tasks = make_clustered_tasks(3, n_tasks=12, n_samples=20, n_features=3, random_state=0)
    codes, X = tasks.X["task"].to_numpy(), tasks.X.drop(columns="task").to_numpy()
    order = np.argsort(codes, kind="stable")
    scaling = Scaling(np.zeros(3), np.ones(3), 0.0, 1.0)
    data = TaskData.build(X[order], (tasks.y[order] > 0).astype(float), codes[order], 12, scaling=scaling)
    monkeypatch.setattr(logistic, "_TURNS", 1)
    expected, _ = logistic.mean_regularised_logistic(data)
    monkeypatch.setattr(Anderson, "after", lambda self, x, g: g + 5.0)
    found, _ = logistic.mean_regularised_logistic(data)
    assert (found.own, found.ridge, found.center) == pytest.approx((expected.own, expected.ridge, expected.center))
