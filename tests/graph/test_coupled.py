"""The joint posterior of coupled tasks: three ways to it, and what EM does to the marginal likelihood."""

import numpy as np
import pytest
from fields import geometric_graph
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from kinfolk.graph import coupled
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.coupled import Coupling, covariances, draws, expect, solve
from kinfolk.graph.em import Study, first_weights, learn
from kinfolk.graph.mean_regularised import mean_regularised
from kinfolk.tasks import TaskData


def rows_of(n_tasks, n_rows, d, seed=0, shared=False):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n_tasks * n_rows, d))
    if shared:
        X = np.tile(X[:n_rows], (n_tasks, 1))
    coef = generator.normal(size=d) + np.linalg.cholesky(
        np.linalg.inv(geometric_graph(n_tasks, 4, generator) + 1.0 / n_tasks)
    ) @ generator.normal(size=(n_tasks, d))
    codes = np.repeat(np.arange(n_tasks), n_rows)
    y = (X * coef[codes]).sum(axis=1) + generator.normal(size=len(codes))
    return TaskData.build(X, y, codes, n_tasks)


def coupling_of(n_tasks, pull=0.5, scale=3.0):
    laplacian = scale * geometric_graph(n_tasks, 4, np.random.default_rng(1))
    values, vectors = np.linalg.eigh(laplacian)
    return Coupling(laplacian, vectors * np.sqrt(np.maximum(values, 0.0)), pull, 0.2)


@pytest.mark.parametrize(("n_rows", "shared"), [(9, False), (4, False), (9, True), (4, True)])
def test_every_way_gives_the_joint_posterior(n_rows, shared, monkeypatch):
    """Means and second moments, for more and fewer rows than features, and for wide data."""
    moments = rows_of(15, n_rows, 6, shared=shared).moments()
    blocks, coupling = Blocks(moments, moments.factor()), coupling_of(15)
    A = np.kron(coupling.dense(), np.eye(6))
    for t, gram in enumerate(moments.primal()):
        A[6 * t : 6 * t + 6, 6 * t : 6 * t + 6] += gram
    inverse = np.linalg.inv(A)
    means = (inverse @ moments.b.ravel()).reshape(15, 6)
    first, second = np.array([0, 3, 7]), np.array([1, 9, 8])
    pairs = [inverse.reshape(15, 6, 15, 6)[i, :, j] for i, j in zip(first, second, strict=True)]
    own = np.einsum("titi->t", inverse.reshape(15, 6, 15, 6))
    apart = ((means[first] - means[second]) ** 2).sum(axis=1) / 0.3 + own[first] + own[second]
    apart -= 2.0 * np.array([np.trace(pair) for pair in pairs])
    for limit in (200, 0):
        monkeypatch.setattr(coupled, "DENSE", limit)
        found = expect(blocks, coupling, 0.3, n_probes=4000, seed=0)
        exact = limit > 0 or shared
        assert (found.drawn is None) == exact
        assert_allclose(found.slopes, means, atol=1e-8 if exact else 2e-3)
        assert_allclose(found.distances(first, second), apart / 6, rtol=1e-8 if exact else 0.05)
        spread = covariances(blocks, coupling, n_draws=4000, seed=0)
        blockwise = np.einsum("titj->tij", inverse.reshape(15, 6, 15, 6))
        assert_allclose(spread, blockwise, atol=1e-8 if exact else 0.05 * blockwise.max())
    total = (
        ((means - means.mean(axis=0)) ** 2).sum() / 0.3
        + own.sum()
        - np.einsum("tisi->", inverse.reshape(15, 6, 15, 6)) / 15
    )
    assert found.total() == pytest.approx(total / 6, rel=1e-8 if shared else 0.03)


@pytest.mark.parametrize(("n_rows", "d"), [(9, 6), (4, 6), (2, 6), (5, 1)])
def test_without_edges_the_joint_posterior_has_a_closed_form(n_rows, d):
    """Means and covariances; more and fewer rows than features, a population that is free and one that is pinned."""
    moments = rows_of(7, n_rows, d).moments()
    for pull, level in ((0.5, 0.2), (3.0, 1e-9), (0.4, 0.4)):
        coupling = Coupling(csr_array((7, 7)), csr_array((7, 0)), pull, level)
        A = np.kron(coupling.dense(), np.eye(d))
        for t, gram in enumerate(moments.primal()):
            A[d * t : d * t + d, d * t : d * t + d] += gram
        inverse = np.linalg.inv(A).reshape(7, d, 7, d)
        blocks = Blocks(moments)
        means, n_steps = solve(blocks, coupling, moments.b[:, :, None])
        assert n_steps == 0
        assert_allclose(means[:, :, 0], np.einsum("tisj,sj->ti", inverse, moments.b), rtol=1e-6, atol=1e-9)
        spread = covariances(blocks, coupling, n_draws=1, seed=0)
        assert_allclose(spread, np.einsum("titj->tij", inverse), rtol=1e-6, atol=1e-9)
        found = expect(blocks, coupling, 1.0, n_probes=1, seed=0)
        if found.covariance is not None:
            assert_allclose(found.covariance, np.einsum("tisi->ts", inverse), rtol=1e-6, atol=1e-9)


def test_steps_do_not_grow_with_the_number_of_tasks():
    steps = []
    for n_tasks in (100, 800):
        moments = rows_of(n_tasks, 8, 5).moments()
        blocks, coupling = Blocks(moments, moments.factor()), coupling_of(n_tasks)
        rhs = np.concatenate((moments.b[:, :, None], draws(blocks, coupling, 3, 0)), axis=2)
        solution, n_iter = solve(blocks, coupling, rhs, tol=1e-8)
        assert_allclose(blocks.times(solution) + coupling.times(solution), rhs, atol=1e-5)
        steps.append(n_iter)
    assert steps[1] <= steps[0] + 3


def test_em_never_lowers_the_marginal_likelihood():
    data = rows_of(20, 6, 4)
    study = Study.of(data.moments(), 6)
    blocks, noise = study.blocks, study.base.noise

    def evidence(weights):
        Q = study.coupling(weights).dense()
        A = np.kron(Q, np.eye(4)).reshape(20, 4, 20, 4)
        A[np.arange(20), :, np.arange(20), :] += blocks.moments.primal()
        A = A.reshape(80, 80)
        b = blocks.b.ravel()
        return 0.5 * (4 * np.linalg.slogdet(Q)[1] - np.linalg.slogdet(A)[1] + b @ np.linalg.solve(A, b) / noise)

    weights = first_weights(study, 0.0)
    values = [evidence(weights)]
    for _ in range(8):
        weights = learn(study, weights, 0.0, max_iter=1, tol=1e-9, finish=False).weights
        values.append(evidence(weights))
    assert (np.diff(values) > -1e-8).all()
    assert values[-1] > values[0] + 1.0


def test_without_a_graph_the_marginal_likelihood_is_at_its_maximum():
    """Of the exact Gaussian likelihood of all rows, in the two variances of the slopes."""
    data = rows_of(12, 5, 3, seed=2)
    base, joint, _ = mean_regularised(data.moments())

    def minus_log_likelihood(own, ridge):
        total = 0.0
        cov = np.kron(np.eye(12), own * np.eye(3)) + np.kron(np.ones((12, 12)), ridge * np.eye(3))
        A = np.linalg.inv(cov)
        for t, gram in enumerate(joint.primal()):
            A[3 * t : 3 * t + 3, 3 * t : 3 * t + 3] += gram
        b = joint.b.ravel()
        quad = joint.yy.sum() - b @ np.linalg.solve(A, b)
        total = np.linalg.slogdet(cov)[1] + np.linalg.slogdet(A)[1]
        freedom = joint.degrees_of_freedom + 11
        return freedom * np.log(quad / freedom) + total, quad / freedom

    best, noise = minus_log_likelihood(base.own, base.ridge)
    assert noise == pytest.approx(base.noise)
    for own, ridge in ((1.05, 1.0), (0.95, 1.0), (1.0, 1.1), (1.0, 0.9)):
        assert minus_log_likelihood(base.own * own, base.ridge * ridge)[0] > best
