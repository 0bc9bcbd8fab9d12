"""Strengths from lines: one factorisation tells evidence and leave-one-out errors for all variances of the mean."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from kinfolk import MeanRegularizedClassifier, MeanRegularizedRegressor
from kinfolk.exceptions import InputError
from kinfolk.linear.coupling_em import coupling_by_em, pairs_differ
from kinfolk.linear.losses import Loss
from kinfolk.linear.mean_line import CommonMoments, MeanLine, largest_evidence
from kinfolk.linear.rows import Rows
from kinfolk.linear.strengths import AnyCoupling, CommonMean
from kinfolk.linear.tuning import Problem
from kinfolk.tasks import TaskData

T, D = 4, 6


def tasks(p, n, correlation, seed, noise=0.25):
    rng = np.random.default_rng(seed)
    W = np.linalg.cholesky(correlation) @ rng.normal(size=(len(correlation), p)) / np.sqrt(p)
    codes = np.repeat(np.arange(len(correlation)), n)
    X = rng.normal(size=(len(codes), p))
    y = (X * W[codes]).sum(axis=1) + np.sqrt(noise) * rng.normal(size=len(codes))
    return X, y, codes, W


def built(p=D, n=9, correlation=None, seed=0, weights=None):
    correlation = 0.5 * np.eye(T) + 0.5 if correlation is None else correlation
    X, y, codes, _ = tasks(p, n, correlation, seed)
    return TaskData.build(X, y, codes, len(correlation), weights=weights, standardize=False)


def moments(data):
    return CommonMoments(Rows.of(data, joint=False), data.y)


def test_the_criterion_is_the_likelihood_of_contrasts_within_tasks():
    """Differences of the criterion are those of the normal density of centred rows, its scale profiled."""
    data = built(n=5)
    given = moments(data)
    contrasts = np.linalg.svd(np.eye(5) - 0.2)[0][:, :4].T  # rows within a task, orthonormal, of sum zero
    inner = np.kron(np.eye(T), contrasts)
    same = data.codes[:, None] == data.codes

    def density(own, ridge):
        K = data.X @ data.X.T
        V = inner @ (np.eye(len(data.y)) + own * K * same + ridge * K) @ inner.T
        z = inner @ data.y
        noise = z @ np.linalg.solve(V, z) / len(z)
        return -2.0 * multivariate_normal(np.zeros(len(z)), noise * V).logpdf(z)

    at = [(0.0, 0.2), (0.1, 0.0), (0.3, 0.4), (2.0, 0.05)]
    found = np.array([float(MeanLine(given, own).criterion(ridge)) for own, ridge in at])
    wanted = np.array([density(own, ridge) for own, ridge in at])
    assert_allclose(found - found[0], wanted - wanted[0], rtol=1e-9, atol=1e-9)


def test_scores_are_derivatives_and_the_ridge_is_the_best():
    given = moments(built(weights=np.random.default_rng(1).integers(1, 4, size=36).astype(float)))
    line, step = MeanLine(given, 0.3), 1e-5
    ends = [float(MeanLine(given, 0.3 + sign * step).criterion(0.2)) for sign in (-1.0, 1.0)]
    assert_allclose(line.score(0.2)[0], -0.5 * (ends[1] - ends[0]) / (2.0 * step), rtol=1e-5)
    best = line.ridge()
    assert (line.criterion(best * np.array([0.9, 0.99, 1.01, 1.1])) > line.criterion(best)).all()


@pytest.mark.parametrize("own", [0.0, 0.3])
def test_left_out_errors_are_those_of_each_fit(own):
    data = built(weights=np.random.default_rng(1).integers(0, 3, size=36).astype(float))
    problem = Problem(data, Loss("squared"), None, 1, 1.0)
    ridges = np.array([0.0, 0.1, 2.0]) if own else np.array([0.1, 2.0])
    found = MeanLine(moments(data), own).left_out(ridges)
    assert_allclose(2.0 * np.array([problem.judge(CommonMean(own, ridge)).mean for ridge in ridges]), found)


@pytest.mark.parametrize(("rho", "n"), [(0.0, 12), (0.6, 12), (0.9, 60), (0.999999, 30)])
def test_a_few_lines_reach_the_largest_evidence(rho, n):
    """Within 0.02 of the best criterion over a fine grid, in at most eight factorisations."""
    for seed in range(3):
        given = moments(built(p=30, n=n, correlation=(1.0 - rho) * np.eye(5) + rho, seed=seed))
        line, ridge, n_lines = largest_evidence(given)
        grid = [MeanLine(given, given.own(told)) for told in np.linspace(0.0, 0.98, 50)]
        assert n_lines <= 8
        assert line.criterion(ridge) < min(float(at.criterion(at.ridge())) for at in grid) + 0.02


def test_what_tasks_share_is_the_same_in_both_systems():
    data = built()
    rows, common = Rows.of(data, joint=False), CommonMean(0.2, 0.3)
    arrow = common.system(rows.own_gram)
    dense = AnyCoupling(common.per_feature(T)).system(rows.own_gram)
    assert_allclose(arrow.between(), dense.between(), rtol=1e-9)


def p_value(data):
    rows = Rows.of(data, joint=False)
    line, ridge, _ = largest_evidence(CommonMoments(rows, data.y))
    found = Problem(data, Loss("squared"), None, 1, 1.0).solve(CommonMean(line.own, ridge))
    freedom = data.moments().degrees_of_freedom
    learned = coupling_by_em(rows, data.y, CommonMean(line.own, ridge).per_feature(data.n_tasks), found, freedom)
    return pairs_differ(rows, found, 2.0 * found.value / freedom), learned[0]


def test_only_pairs_that_differ_are_coupled_differently():
    """Score test: rare where all pairs are alike, certain where there are two clusters."""
    alike, clusters = 0.5 * np.eye(6) + 0.5, 0.2 * np.eye(6) + 0.8 * np.kron(np.eye(2), np.ones((3, 3)))
    null = np.array([p_value(built(p=40, n=40, correlation=alike, seed=seed))[0] for seed in range(40)])
    assert (null < 0.01).sum() <= 4
    assert 0.3 < null.mean() < 0.6
    for seed in range(3):
        p, k = p_value(built(p=60, n=60, correlation=clusters, seed=seed))
        assert p < 1e-3
        size = np.sqrt(np.diag(k))
        found = k / np.outer(size, size)
        assert found[:3, :3].mean() > found[:3, 3:].mean() + 0.4


def test_choosing_takes_a_tenth_of_the_fits_of_a_grid_search():
    """7 x 5 strengths in five folds and one more are 176."""
    for rho, n in ((0.0, 20), (0.6, 50), (0.9, 125)):
        X, y, codes, _ = tasks(50, n, (1.0 - rho) * np.eye(5) + rho, 0)
        model = MeanRegularizedRegressor(task=-1, standardize=False).fit(np.column_stack((X, codes)), y)
        assert model.n_iter_ <= 17


@pytest.mark.parametrize("c", [0.0, 0.4, 1.0])
def test_a_given_share_is_kept_and_lam_is_as_good_as_a_grid_of_leave_one_out(c):
    X, y, codes, _ = tasks(30, 25, 0.5 * np.eye(5) + 0.5, 0)
    table = np.column_stack((X, codes))
    model = MeanRegularizedRegressor(c=c, task=-1, standardize=False).fit(table, y)
    assert_allclose(model.c_, c, atol=1e-12)
    assert model.n_iter_ <= 17
    expected = [
        MeanRegularizedRegressor(c=c, lam=lam, task=-1, standardize=False).fit(table, y).expected_error_.mean()
        for lam in np.logspace(-2, 1, 13)
    ]
    assert model.expected_error_.mean() < 1.05 * min(expected)


def test_a_table_of_single_rows_has_strengths():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    model = MeanRegularizedRegressor(task=-1).fit(np.column_stack((X, np.arange(8))), y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.lam_)


def test_the_hinge_loss_is_minimised_where_thousands_of_rows_lie_about_the_kink():
    """Few positives among many rows: strong duality to 1e-6 of the objective, where ADMM alone took 5,000 rounds."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(8), 500)
    X = rng.normal(size=(len(codes), 9)) + 0.3 * codes[:, None]
    y = (X @ rng.normal(size=9) + 3.0 * rng.normal(size=len(codes)) > 8.0).astype(float)
    model = MeanRegularizedClassifier(lam=0.15, c=0.9, loss="hinge", task=-1).fit(np.column_stack((X, codes)), y)
    assert model.n_iter_ < 1500  # filterwarnings: it settled
    data = TaskData.build(X, y, codes, 8, standardize=False)
    problem = Problem(replace(data, y=y), Loss("hinge"), 0.5, 5000, 1e-6)
    strengths = CommonMean(0.05, 0.4)
    found = problem.solve(strengths)
    sign = 2.0 * y - 1.0
    share = -sign * found.dual  # the dual problem's, in [0, 1]
    assert ((share >= -1e-9) & (share <= 1.0 + 1e-9)).all()
    pulls = problem.rows.pull(share * sign)
    K = strengths.per_feature(8)
    levels = pulls[:, 0]
    dual = share.sum() - 0.5 * float((pulls[:, 1:] * (K @ pulls[:, 1:])).sum()) - 0.25 * float((levels**2).sum())
    assert abs(levels.sum()) < 1e-5 * len(y)  # the mean of intercepts is free
    assert found.value - dual < 2e-6 * found.value


def unequal_noise(seed, noise, n=60, p=40):
    rng = np.random.default_rng(seed)
    X, y, codes, W = tasks(p, n, 0.5 * np.eye(6) + 0.5, seed, noise=0.0)
    return np.column_stack((X, codes)), y + np.sqrt(noise[codes]) * rng.normal(size=len(y)), W


UNEQUAL = np.array([0.1, 0.2, 0.4, 2.0, 0.2, 0.4])


def test_tasks_of_less_noise_count_more():
    """Variances are found within their sampling error, slopes are better, and errors are expected task by task."""
    ratios = []
    for seed in range(4):
        X, y, W = unequal_noise(seed, UNEQUAL)
        common, own = (
            MeanRegularizedRegressor(noise=noise, task=-1, standardize=False).fit(X, y)
            for noise in ("common", "per-task")
        )
        assert np.abs(np.log(own.noise_variance_ / UNEQUAL)).max() < 4.0 * np.sqrt(2.0 / 30)
        truth = UNEQUAL + ((own.coef_ - W) ** 2).sum(axis=1)
        assert_allclose(own.expected_error_.mean(), truth.mean(), rtol=0.3)
        ratios.append(truth.mean() / (UNEQUAL + ((common.coef_ - W) ** 2).sum(axis=1)).mean())
    assert np.mean(ratios) < 0.98


def test_scaled_tasks_are_weighted_losses():
    """With given strengths: the minimum of the sum of kappa_t times the losses, by the normal equations."""
    X, y, _ = unequal_noise(0, UNEQUAL, n=12, p=5)
    model = MeanRegularizedRegressor(lam=0.5, c=0.4, noise="per-task", task=-1, standardize=False).fit(X, y)
    codes, rows = X[:, -1].astype(int), X[:, :-1]
    kappa = 1.0 / model.noise_variance_
    kappa = kappa / np.exp(np.log(kappa).mean())
    assert np.ptp(kappa) > 1.0
    residual = y - model.intercept_[codes] - (rows * model.coef_[codes]).sum(axis=1)
    pulls = np.stack([kappa[t] * rows[codes == t].T @ residual[codes == t] for t in range(6)])
    K = (0.6 * np.eye(6) + 0.4) / 0.5
    assert_allclose(model.coef_, K @ pulls / 5, atol=1e-10)
    for t in range(6):
        assert abs(residual[codes == t].sum()) < 1e-10
    again = MeanRegularizedRegressor(K, noise="per-task", task=-1, standardize=False).fit(X, y)
    assert_allclose(again.coef_, model.coef_, atol=1e-8)
    for one, other in zip(model.predict(X, return_std=True), again.predict(X, return_std=True), strict=True):
        assert_allclose(one, other, rtol=1e-6)


def test_equal_noise_is_left_alone():
    X, y, _ = unequal_noise(1, np.full(6, 0.3))
    common, own = (MeanRegularizedRegressor(noise=noise, task=-1).fit(X, 10.0 * y) for noise in ("common", "per-task"))
    assert_allclose(own.coef_, common.coef_, rtol=0.3, atol=0.3)
    with pytest.raises(InputError, match="needs loss='squared'"):
        MeanRegularizedRegressor(noise="per-task", loss="lad", task=-1).fit(X, y)
    with pytest.raises(InputError, match="noise must be 'common' or 'per-task'"):
        MeanRegularizedRegressor(noise="own", task=-1).fit(X, y)
