"""Reduced-rank ridge regression: the closed form is the minimiser, and the estimator keeps every invariance."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kinfolk import InputError, ReducedRankRegressor, save_model
from kinfolk.transfer.missing import fill_in
from kinfolk.transfer.reduced_rank import Grams, Spectral, held_out_error


@parametrize_with_checks([ReducedRankRegressor()])
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


def make(n=80, p=12, q=9, rank=2, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    coef = rng.normal(size=(p, rank)) @ rng.normal(size=(rank, q))
    X = rng.normal(size=(n, p)) + 3.0
    return X, X @ coef + noise * rng.normal(size=(n, q)) - 5.0, coef


def loss(X, Y, coef, alpha):
    return ((Y - X @ coef) ** 2).sum() + alpha * (coef**2).sum()


def test_the_closed_form_is_the_truncated_svd_of_the_augmented_fit():
    X, Y, _ = make()
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    grams = Grams.of(X, Y, np.ones(len(X)))
    loaded, V, sizes = Spectral(grams).fit(3.0)
    ridge = np.linalg.solve(X.T @ X + 3.0 * np.eye(12), X.T @ Y)
    augmented = np.concatenate((X, np.sqrt(3.0) * np.eye(12))) @ ridge
    singular, right = np.linalg.svd(augmented)[1:]
    assert_allclose(sizes[:9], singular[:9], rtol=1e-8)
    for r in range(10):
        expected = ridge @ right[:r].T @ right[:r]
        assert_allclose(loaded[:, :r] @ V[:, :r].T, expected, atol=1e-9)


@pytest.mark.parametrize("rank", [1, 3])
def test_no_other_matrix_of_the_rank_fits_better(rank):
    X, Y, _ = make()
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    loaded, V, _ = Spectral(Grams.of(X, Y, np.ones(len(X)))).fit(2.0)
    best = loaded[:, :rank] @ V[:, :rank].T
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        left, right = np.linalg.qr(loaded[:, :rank])[0], V[:, :rank]
        for _ in range(20):
            a, b = left + size * rng.normal(size=left.shape), right + size * rng.normal(size=right.shape)
            # the best coefficients between these column and row spaces
            a, b = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
            core = np.linalg.solve(a.T @ (X.T @ X + 2.0 * np.eye(12)) @ a, a.T @ X.T @ Y @ b)
            assert loss(X, Y, a @ core @ b.T, 2.0) >= loss(X, Y, best, 2.0) - 1e-9


def test_full_rank_is_ridge_regression():
    X, Y, _ = make()
    model = ReducedRankRegressor(9, alpha=5.0, standardize=False).fit(X, Y)
    ridge = Ridge(alpha=5.0).fit(X, Y)
    assert_allclose(model.coef_, ridge.coef_, atol=1e-9)
    assert_allclose(model.predict(X), ridge.predict(X), atol=1e-9)


def test_held_out_errors_from_grams_are_those_of_the_rows():
    X, Y, _ = make()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, size=80)
    held = np.arange(80) % 4 == 0
    whole, part = Grams.of(X, Y, weights), Grams.of(X[held], Y[held], weights[held])
    training = whole.without(part)
    direct = Grams.of(X[~held], Y[~held], weights[~held])
    for name in ("n", "x_mean", "y_mean", "S", "M", "yy"):
        assert_allclose(getattr(training, name), getattr(direct, name), atol=1e-8)
    loaded, V, _ = Spectral(training).fit(1.0)
    errors = held_out_error(part, training, loaded, V)
    for r in range(10):
        predicted = training.y_mean + (X[held] - training.x_mean) @ loaded[:, :r] @ V[:, :r].T
        assert_allclose(errors[r], (weights[held] @ (Y[held] - predicted) ** 2).sum(), rtol=1e-9)


def test_the_rank_is_found_and_the_error_is_far_below_ridge():
    ranks, ratios = [], []
    for seed in range(4):
        X, Y, coef = make(n=150, p=40, q=30, rank=3, seed=seed, noise=3.0)
        model = ReducedRankRegressor().fit(X, Y)
        ridge = Ridge(alpha=1.0).fit(X, Y)
        ranks.append(model.rank_)
        ratios.append(((model.coef_ - coef.T) ** 2).sum() / ((ridge.coef_ - coef.T) ** 2).sum())
    assert ranks == [3] * 4
    assert max(ratios) < 0.3


def test_unrelated_responses_lose_nothing_against_full_rank():
    rng = np.random.default_rng(0)
    X, coef = rng.normal(size=(200, 10)), rng.normal(size=(10, 10))
    Y = X @ coef + rng.normal(size=(200, 10))
    model, full = ReducedRankRegressor().fit(X, Y), ReducedRankRegressor(10).fit(X, Y)
    error = [((found.coef_ - coef.T) ** 2).sum() for found in (model, full)]
    assert error[0] < 1.05 * error[1]


def test_units_change_nothing_but_the_units():
    X, Y, _ = make()
    model = ReducedRankRegressor().fit(X, Y)
    x, y = np.geomspace(0.01, 100.0, 12), np.geomspace(1000.0, 0.1, 9)
    other = ReducedRankRegressor().fit(X * x + 7.0, Y * y - 3.0)
    assert other.rank_ == model.rank_
    assert_allclose(other.coef_, model.coef_ * y[:, None] / x, rtol=1e-6, atol=1e-9)
    assert_allclose(other.predict(X * x + 7.0), model.predict(X) * y - 3.0, rtol=1e-6, atol=1e-6)


def test_a_weight_of_two_is_a_row_twice_and_zero_is_none():
    X, Y, _ = make()
    weights = np.tile([0.0, 1.0, 2.0, 1.0], 20)
    repeated = np.repeat(np.arange(80), weights.astype(int))
    weighted = ReducedRankRegressor(2, alpha=1.0).fit(X, Y, weights)
    assert_allclose(weighted.coef_, ReducedRankRegressor(2, alpha=1.0).fit(X[repeated], Y[repeated]).coef_, atol=1e-9)


def test_more_features_than_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 100))
    Y = X[:, :5] @ rng.normal(size=(5, 2)) @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(30, 8))
    model = ReducedRankRegressor(2, alpha=4.0, standardize=False).fit(X, Y)
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    scale = np.sqrt(np.mean(Y.var(axis=0)))
    loaded, V, _ = Spectral(Grams.of(Xc, Yc / scale, np.ones(30))).fit(4.0)
    assert_allclose(model.coef_, scale * (loaded[:, :2] @ V[:, :2].T).T, atol=1e-9)


def test_constant_columns_and_single_responses():
    X, Y, _ = make()
    X = np.column_stack((X, np.full(80, 3.0), X[:, 0]))
    Y[:, 3] = 2.0
    model = ReducedRankRegressor().fit(X, Y)
    assert_allclose(model.predict(X)[:, 3], 2.0, atol=1e-9)
    single = ReducedRankRegressor().fit(X, Y[:, 0])
    assert single.predict(X).shape == (80,)
    assert single.coef_.shape == (14,)
    assert isinstance(single.intercept_, float)


def test_with_full_rank_missing_responses_are_fitted_from_their_own_rows():
    """EM then ends at the ridge fit of each response to the rows that have it (alpha near zero: least squares)."""
    X, Y, _ = make()
    seen = np.random.default_rng(2).random(Y.shape) > 0.25
    holed = np.where(seen, Y, np.nan)
    model = ReducedRankRegressor(9, alpha=1e-9, max_iter=5000).fit(X, holed)
    for j in range(9):
        rows = seen[:, j]
        design = np.column_stack((np.ones(rows.sum()), X[rows]))
        expected = np.linalg.lstsq(design, Y[rows, j], rcond=None)[0]
        assert_allclose(model.coef_[j], expected[1:], atol=5e-3)


def test_missing_responses_are_told_by_the_others():
    X, Y, coef = make(n=60, p=20, q=15, rank=2)
    seen = np.random.default_rng(3).random(Y.shape) > 0.4
    model = ReducedRankRegressor().fit(X, np.where(seen, Y, np.nan))
    assert model.rank_ == 2
    separate = np.array([Ridge(1.0).fit(X[seen[:, j]], Y[seen[:, j], j]).coef_ for j in range(15)])
    assert ((model.coef_ - coef.T) ** 2).sum() < 0.5 * ((separate - coef.T) ** 2).sum()
    frame = pd.DataFrame(np.where(seen, Y, np.nan)).add_prefix("y")
    assert_allclose(ReducedRankRegressor().fit(X, frame).coef_, model.coef_)


def test_em_settles_where_predictions_are_what_was_filled_in():
    X, Y, _ = make()
    seen = np.random.default_rng(2).random(Y.shape) > 0.3
    weights = np.ones(80)
    filled, _, settled = fill_in(X, np.where(seen, Y, 0.0), seen, weights, 2.0, 2, max_iter=2000, tol=1e-9)
    assert settled
    grams = Grams.of(X, filled, weights)
    loaded, V, _ = Spectral(grams).fit(2.0)
    predicted = grams.y_mean + (X - grams.x_mean) @ loaded[:, :2] @ V[:, :2].T
    assert_allclose(filled[~seen], predicted[~seen], atol=1e-5)
    assert_allclose(filled[seen], Y[seen])


def test_scikit_learn_tools():
    X, Y, _ = make()
    assert cross_val_predict(make_pipeline(StandardScaler(), ReducedRankRegressor()), X, Y).shape == Y.shape
    search = GridSearchCV(ReducedRankRegressor(alpha=1.0), {"rank": [1, 2, 9]}).fit(X, Y)
    assert search.best_params_ == {"rank": 2}
    model = ReducedRankRegressor().fit(X, Y)
    assert (clone(model).fit(X, Y).coef_ == model.coef_).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rank": 10}, r"from 0 to min\(features, responses\) = 9; got 10"),
        ({"rank": "auto"}, "rank must be 'cv'"),
        ({"alpha": 0.0}, "alpha must be 'cv' or a number > 0"),
        ({"cv": 1}, "cv must be a whole number >= 2"),
    ],
)
def test_parameters_are_checked(parameters, message):
    X, Y, _ = make()
    with pytest.raises(InputError, match=message):
        ReducedRankRegressor(**parameters).fit(X, Y)


def test_a_task_column_is_refused_and_so_is_a_model_file(tmp_path):
    X, Y, _ = make()
    with pytest.raises(InputError, match="shop"):
        ReducedRankRegressor().fit(pd.DataFrame(X).add_prefix("x").assign(shop="a"), Y)
    with pytest.raises(InputError, match="save_model writes the estimators of kinfolk"):
        save_model(Ridge().fit(X, Y), tmp_path / "m.kin")


def test_rows_of_weight_zero_are_as_if_they_were_absent():
    X, Y, _ = make(n=40)
    weights = np.ones(40)
    weights[5:12] = 0.0
    with_them = ReducedRankRegressor().fit(X, Y, sample_weight=weights)
    without = ReducedRankRegressor().fit(X[weights > 0], Y[weights > 0])
    assert_allclose(with_them.coef_, without.coef_, rtol=1e-12)
    assert_allclose(with_them.cv_table_, without.cv_table_, rtol=1e-12)


def test_a_column_of_task_labels_is_refused_with_the_remedy():
    X, Y, _ = make(n=40)
    frame = pd.DataFrame(X).add_prefix("x").assign(school=["a", "b"] * 20)
    with pytest.raises(InputError, match=r"holds task labels .*task='school'"):
        ReducedRankRegressor().fit(frame, Y)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_em_at_full_rank_is_least_squares_on_the_rows_that_each_response_has(fit_intercept):
    X, Y, _ = make(n=300)
    seen = np.random.default_rng(0).random(Y.shape) > 0.2
    model = ReducedRankRegressor(9, alpha=1e-9, fit_intercept=fit_intercept, standardize=False, max_iter=2000)
    model.fit(X, np.where(seen, Y, np.nan))
    for fitted, y, there in zip(model.coef_, Y.T, seen.T, strict=True):
        assert_allclose(fitted, LinearRegression(fit_intercept=fit_intercept).fit(X[there], y[there]).coef_, atol=2e-3)
