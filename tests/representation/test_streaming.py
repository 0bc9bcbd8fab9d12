"""The streaming head: towards the truth with the rows, and never better than the closed form."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError
from kinfolk.representation.streaming import streaming_head


def errors(n, repeats=60, k=4):
    rng = np.random.default_rng(n)
    found = []
    for _ in range(repeats):
        Z, head = rng.standard_normal((n, k)), rng.standard_normal(k)
        y = Z @ head + rng.standard_normal(n)
        closed = np.linalg.solve(Z.T @ Z + np.eye(k), Z.T @ y)  # the posterior mean under the true prior
        found.append([((streaming_head(Z, y) - head) ** 2).sum(), ((closed - head) ** 2).sum()])
    return np.mean(found, axis=0)


def test_it_converges_to_the_truth_and_the_closed_form_is_better_at_every_size():
    streamed, closed = np.array([errors(n) for n in (5, 20, 80, 320, 1280)]).T
    assert (np.diff(streamed) < 0).all()
    assert streamed[-1] < 8 * 4 / 1280
    assert (closed < streamed).all()


def test_the_schedule_is_halved_every_block():
    rng = np.random.default_rng(0)
    Z, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    block = int(15 / np.log(15))
    head = np.zeros(2)
    for i in range(20):
        eta = 0.1 if i < 5 else 0.1 * 0.5 ** ((i - 5) // block)
        head -= eta * (Z[i] @ head - y[i]) * Z[i]
    assert_allclose(streaming_head(Z, y, first_step=0.1, burn_in=5), head)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_rows_are_enough_to_run(n):
    assert np.isfinite(streaming_head(np.ones((n, 2)), np.ones(n))).all()
    assert (streaming_head(np.zeros((n, 2)), np.ones(n)) == 0.0).all()


@pytest.mark.parametrize("parameters", [{"first_step": 0.0}, {"burn_in": 3}, {"burn_in": -1}])
def test_parameters_are_checked(parameters):
    with pytest.raises(InputError, match=next(iter(parameters))):
        streaming_head(np.ones((3, 2)), np.ones(3), **parameters)
    with pytest.raises(InputError, match=r"\(3, 2\)"):
        streaming_head(np.ones((3, 2)), np.ones(4))
