"""Moments are sums: exact under any split of the rows, in either form, and their factor carries all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kinfolk.scaling import Scaling
from kinfolk.tasks import Moments, TaskData, deal_rows


def rows(n, d, n_tasks, seed, weighted=False):
    rng = np.random.default_rng(seed)
    codes = rng.integers(n_tasks, size=n)
    X, y = rng.normal(size=(n, d)) + 3.0 * codes[:, None], rng.normal(size=n) - codes
    weights = rng.uniform(0.5, 2.0, size=n) if weighted else None
    units = Scaling(np.zeros(d), np.ones(d), 0.0, 1.0)
    return TaskData.build(X, y, codes, n_tasks, weights=weights, scaling=units)


def direct(data, t):
    task = slice(data.offsets[t], data.offsets[t + 1])
    X, y = data.X[task], data.y[task]
    w = np.ones(len(y)) if data.weights is None else data.weights[task]
    if not len(y):
        d = data.n_features
        return 0.0, np.zeros(d), 0.0, np.zeros((d, d)), np.zeros(d), 0.0
    x_mean, y_mean = w @ X / w.sum(), w @ y / w.sum()
    Xc, yc = X - x_mean, y - y_mean
    return w.sum(), x_mean, y_mean, (Xc.T * w) @ Xc, (Xc.T * w) @ yc, w @ yc**2


def same(a: Moments, b: Moments):
    for name in ("n", "x_mean", "y_mean", "b", "yy"):
        assert_allclose(getattr(a, name), getattr(b, name), atol=1e-9, err_msg=name)
    assert_allclose(a.primal(), b.primal(), atol=1e-9)


@pytest.mark.parametrize("d", [3, 40])  # primal and dual
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_are_the_sums_they_say(d, weighted):
    data = rows(60, d, 7, 0, weighted)
    moments = data.moments()
    assert (moments.gram is None) == (d == 40)
    gram = moments.primal()
    for t in range(7):
        n, x_mean, y_mean, S, b, yy = direct(data, t)
        assert_allclose(moments.n[t], n)
        assert_allclose(moments.x_mean[t], x_mean)
        assert_allclose(moments.y_mean[t], y_mean)
        assert_allclose(gram[t], S, atol=1e-10)
        assert_allclose(moments.b[t], b, atol=1e-10)
        assert_allclose(moments.yy[t], yy, atol=1e-10)
    basis = np.random.default_rng(1).normal(size=(d, 2))
    assert_allclose(moments.times(basis), gram @ basis, atol=1e-10)
    assert_allclose(moments.total(), gram.sum(axis=0), atol=1e-10)


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 40),
    d=st.integers(1, 12),
    n_tasks=st.integers(1, 6),
    seed=st.integers(0, 1000),
    weighted=st.booleans(),
)
def test_merging_the_moments_of_two_parts_gives_those_of_the_whole(n, d, n_tasks, seed, weighted):
    data = rows(n, d, n_tasks, seed, weighted)
    first = np.random.default_rng(seed).random(n) < 0.5
    parts = [data.take(np.flatnonzero(chosen)).moments() for chosen in (first, ~first)]
    same(parts[0].merge(parts[1]), data.moments())


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 40), d=st.integers(1, 12), n_tasks=st.integers(1, 6), seed=st.integers(0, 1000))
def test_the_factor_is_a_square_root_of_the_moments(n, d, n_tasks, seed):
    moments = rows(n, d, n_tasks, seed).moments()
    factor = moments.factor()
    R = factor.rows
    assert_allclose(R.transpose(0, 2, 1) @ R, moments.primal(), atol=1e-9)
    assert_allclose((R.transpose(0, 2, 1) @ factor.targets[:, :, None])[:, :, 0], moments.b, atol=1e-9)
    assert_allclose((factor.targets**2).sum(axis=1) + factor.rest, moments.yy, atol=1e-9)
    assert factor.rows.shape[1] <= d


@settings(deadline=None, max_examples=40)
@given(
    codes=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    n_splits=st.integers(2, 6),
    seed=st.one_of(st.none(), st.integers(0, 99)),
)
def test_dealing_is_even_and_keeps_only_rows_in_training(codes, n_splits, seed):
    codes = np.array(codes)
    fold = deal_rows(codes, 6, n_splits, None if seed is None else np.random.default_rng(seed))
    counts = np.bincount(codes, minlength=6)
    assert ((fold < 0) == (counts[codes] == 1)).all()
    for t in np.flatnonzero(counts > 1):
        assert np.ptp(np.bincount(fold[codes == t], minlength=n_splits)) <= 1
    assert np.ptp(np.bincount(fold[fold >= 0], minlength=n_splits)) <= 1


def test_a_constant_column_has_unit_scale_and_rounding_is_not_spread():
    X = np.column_stack((np.full(50, 0.1), np.arange(50.0)))
    scaling = Scaling.fit(X, np.full(50, 7.3), None, standardize=True)
    assert_allclose(scaling.x_scale, [1.0, np.std(np.arange(50.0))])
    assert scaling.y_scale == 1.0
