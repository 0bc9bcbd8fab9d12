"""Scores by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kinfolk.metrics import clustered_error, explained_variance, explained_variance_within, transfer_gain

LOSS = np.array([1.0, 2.0, 3.0, 0.5, 0.5, 4.0])
ALONE = np.array([2.0, 2.0, 5.0, 0.4, 0.4, 8.0])
CODES = np.array([0, 0, 0, 1, 1, 3])


def test_gains_and_errors_by_hand():
    found = transfer_gain(LOSS, ALONE, CODES, 4)
    assert_allclose(found.gain, [1 - 2 / 3, -0.25, np.nan, 0.5])
    difference = np.array([1.0, 0.0, 2.0])
    assert_allclose(found.standard_error[0], difference.std(ddof=1) / np.sqrt(3) / 3.0)
    assert_allclose(found.standard_error[1], 0.0, atol=1e-15)
    assert np.isnan(found.standard_error[2:]).all()
    assert_allclose(found.overall, 1 - LOSS.sum() / ALONE.sum())


def test_the_clustered_error_is_that_of_the_task_totals():
    """Balanced tasks: the standard error of the mean of T task means."""
    rng = np.random.default_rng(0)
    difference, codes = rng.normal(size=40), np.repeat(np.arange(8), 5)
    means = difference.reshape(8, 5).mean(axis=1)
    assert_allclose(clustered_error(difference, codes, 8), means.std(ddof=1) / np.sqrt(8))


@given(st.integers(1, 4), st.floats(0.1, 100.0))
def test_a_weight_is_a_repetition_and_units_do_not_matter(times, unit):
    weights = np.array([1.0, times, 1, 1, 1, 1])
    repeat = np.repeat(np.arange(6), weights.astype(int))
    weighted = transfer_gain(LOSS, ALONE, CODES, 4, weights)
    repeated = transfer_gain(unit * LOSS[repeat], unit * ALONE[repeat], CODES[repeat], 4)
    assert_allclose(weighted.gain, repeated.gain)
    assert_allclose([weighted.overall, weighted.overall_standard_error],
                    [repeated.overall, repeated.overall_standard_error])  # fmt: skip


def test_a_perfect_baseline_has_no_gain():
    found = transfer_gain(np.array([1.0]), np.array([0.0]), np.array([0]), 1)
    assert np.isnan([found.gain[0], found.overall]).all()


def test_r2_within_tasks_knows_nothing_of_task_means():
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(5), 10)
    y, predicted = rng.normal(size=50), rng.normal(size=50)
    shift = np.arange(5.0)[codes] * 100
    assert_allclose(
        explained_variance_within(y + shift, predicted + shift, codes), explained_variance_within(y, predicted, codes)
    )
    assert explained_variance(y + shift, predicted + shift) > explained_variance(y, predicted)


def test_r2_of_a_constant_is_not_a_number():
    assert np.isnan(explained_variance(np.ones(3), np.ones(3)))


@pytest.mark.parametrize("n_tasks", [1, 3])
def test_one_task_has_no_clustered_error(n_tasks):
    assert np.isnan(clustered_error(LOSS[:2], CODES[:2], n_tasks))
