"""Spectral transfer as an estimator: accuracy, protection, invariances, and everything that a messy table holds."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kinfolk import InputError, ReducedRankRegressor, SpectralTransferRegressor, load_model, save_model
from kinfolk.datasets import SpectralTransferTasks, make_spectral_transfer
from kinfolk.transfer.missing import Accelerated

P, Q = 6, 5


@parametrize_with_checks([SpectralTransferRegressor(None)])
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


def make(n=40, p=P, q=Q, noise=1.0, rank=2, seed=0):
    rng = np.random.default_rng(seed)
    rank = min(rank, p, q)
    coef = rng.normal(size=(q, rank)) @ rng.normal(size=(rank, p))
    X = rng.normal(size=(n, p)) + 2.0
    return X, X @ coef.T + noise * rng.normal(size=(n, q)) - 1.0, coef


@pytest.fixture(scope="module")
def study():
    """A small study, whose truth lies within the directions of its source."""
    X, Y, coef = make(40, 8, 7, noise=3.0)
    U, V = (np.linalg.svd(one)[2][:2].T for one in (coef, coef.T))
    source = V @ np.array([[4.0, 1.0], [-1.0, 2.0]]) @ U.T
    source += 0.05 * np.random.default_rng(1).normal(size=source.shape)
    return SpectralTransferTasks(X, Y, coef, source, 3.0)


@pytest.fixture(scope="module")
def fitted(study):
    return SpectralTransferRegressor(study.source, combine="best").fit(study.X, study.Y)


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


# accuracy and protection


PAPER = {"standardize": False, "fit_intercept": False}


def test_errors_are_those_of_the_measured_solver_on_the_authors_seeds():
    """Model I, n = 200: the prototype's .00494 .00671 .00387 (the authors' program: .00576 .00837 .00562).

    The folds decide about the third study: dealt with ``random_state`` 1 to 5 the error is .00387, with 0 it is .00452.
    """
    found = {"best": [], "average": []}
    for seed in (2103139804, 2097446776, 2121586239):
        tasks = make_spectral_transfer("I", random_state=seed)
        for combine, errors in found.items():
            model = SpectralTransferRegressor(tasks.source, combine=combine, random_state=1, **PAPER)
            errors.append(tasks.error(model.fit(tasks.X, tasks.Y).coef_))
    assert (np.array(found["best"]) <= 1.02 * np.array([0.00494, 0.00671, 0.00387])).all()
    assert (np.array(found["average"]) <= np.array([0.00576, 0.00837, 0.00562])).all()
    assert np.mean(found["average"]) <= 1.02 * np.mean([0.00494, 0.00671, 0.00387])


def test_an_unrelated_source_costs_nothing_on_average_and_with_safe_not_in_one_study():
    """At the size of the paper. Over 20 seeds: mean 1.0008 (se .0006), largest 1.009; with ``safe=2`` 1.000 and 1.000.

    Smaller studies pay more: 1.009 (se .003) for 20 responses of 30 features in 80 rows, and with ``safe=2`` one seed
    in 20 lost 3% for 15 responses of 20 features in 60 rows.
    """
    alone, lent, safe = [], [], []
    for seed in range(3):
        tasks = make_spectral_transfer("I", 200, design="unrelated", random_state=seed)
        for errors, source, how in ((alone, None, 0), (lent, tasks.source, 0), (safe, tasks.source, 2)):
            model = SpectralTransferRegressor(source, safe=how)
            errors.append(tasks.error(model.fit(tasks.X, tasks.Y).coef_))
    assert np.mean(lent) <= 1.01 * np.mean(alone)
    assert max(np.divide(safe, alone)) <= 1.005


def test_a_related_source_helps_and_the_gain_says_so(study, fitted):
    alone = SpectralTransferRegressor(None).fit(study.X, study.Y)
    assert study.error(fitted.coef_) < 0.7 * study.error(alone.coef_)
    assert fitted.transfer_gain_ > 2 * fitted.transfer_gain_se_ > 0
    assert fitted.selected_["source"] == "source"
    assert np.isnan(alone.transfer_gain_)
    assert alone.selected_["kind"] == "target"


def test_safe_refuses_a_gain_that_folds_do_not_confirm(study, fitted):
    beyond = 1.0 + fitted.transfer_gain_ / fitted.transfer_gain_se_
    careful = SpectralTransferRegressor(study.source, combine="best", safe=beyond).fit(study.X, study.Y)
    assert careful.selected_["kind"] == "target"
    assert_allclose(careful.transfer_gain_, fitted.transfer_gain_)
    assert (careful.cv_table_.loc[careful.cv_table_["weight"] > 0, "kind"] == "target").all()
    alone = SpectralTransferRegressor(None, combine="best").fit(study.X, study.Y)
    assert_allclose(careful.coef_, alone.coef_)


def test_of_several_sources_the_related_one_is_chosen(study):
    rng = np.random.default_rng(0)
    sources = {"other": rng.normal(size=study.source.shape), "kin": study.source}
    model = SpectralTransferRegressor(sources, combine="best").fit(study.X, study.Y)
    assert model.selected_["source"] == "kin"
    assert set(model.cv_table_["source"]) == {"", "other", "kin", "all sources"}
    one = SpectralTransferRegressor(study.source, combine="best").fit(study.X, study.Y)
    assert_allclose(model.coef_, one.coef_, atol=1e-8)


def test_directions_of_two_studies_are_put_together(study):
    """Each has half of the truth: together they have all of it."""
    U, _, Vt = np.linalg.svd(study.coef.T, full_matrices=False)
    halves = [(U[:, [j]], Vt[[j]].T) for j in range(2)]
    model = SpectralTransferRegressor(halves, combine="best").fit(study.X, study.Y)
    assert model.selected_["source"] == "all sources"
    either = [SpectralTransferRegressor(half, combine="best").fit(study.X, study.Y) for half in halves]
    assert study.error(model.coef_) < 0.9 * min(study.error(one.coef_) for one in either)


# forms of a source


def test_every_form_of_a_source_gives_the_same_fit(study, fitted):
    U, d, Vt = np.linalg.svd(study.source.T, full_matrices=False)
    names, answers = [f"x{j}" for j in range(8)], [f"y{j}" for j in range(7)]
    ridge = Ridge(fit_intercept=False, alpha=1e-12).fit(np.eye(8), study.source.T)
    for source in (
        study.source.tolist(),
        pd.DataFrame(study.source, answers, names),
        (U, d, Vt.T),
        {"source": study.source},
        ridge,
    ):
        model = clone(fitted).set_params(source=source).fit(study.X, study.Y)
        assert relative(model.coef_, fitted.coef_) < 1e-6


def test_subspaces_alone_help(study):
    U, _, Vt = np.linalg.svd(study.source.T, full_matrices=False)
    model = SpectralTransferRegressor((U[:, :2], Vt[:2].T)).fit(study.X, study.Y)
    alone = SpectralTransferRegressor(None).fit(study.X, study.Y)
    assert study.error(model.coef_) < 0.9 * study.error(alone.coef_)
    assert "offset" not in set(model.cv_table_["kind"])


@pytest.mark.parametrize(
    "source", [Ridge(), PLSRegression(2), ReducedRankRegressor(2), make_pipeline(StandardScaler(), Ridge())]
)
def test_a_fitted_model_is_a_source_and_stays_fitted_in_a_clone(source):
    X, Y, _ = make(300)
    X_new, Y_new, _ = make(20)
    model = SpectralTransferRegressor(source.fit(X, Y))
    copy = clone(model)
    assert copy.source is source
    assert copy.get_params()["safe"] == 0.0
    assert_array_equal(copy.fit(X_new, Y_new).coef_, model.fit(X_new, Y_new).coef_)
    assert model.transfer_gain_ > 0


def test_names_align_source_and_target_whatever_their_order():
    X, Y, coef = make(50)
    features, responses = [f"f{j}" for j in range(P)], [f"r{j}" for j in range(Q)]
    X, Y = pd.DataFrame(X, columns=features), pd.DataFrame(Y, columns=responses)
    source = pd.DataFrame(coef + 0.1, responses, features)
    model = SpectralTransferRegressor(source).fit(X, Y)
    assert_array_equal(model.response_names_, responses)
    turned = SpectralTransferRegressor(source.iloc[::-1, ::-1]).fit(X, Y)
    assert_allclose(turned.coef_, model.coef_, atol=1e-8)
    assert_allclose(SpectralTransferRegressor(coef + 0.1).fit(X.to_numpy(), Y.to_numpy()).coef_, model.coef_, atol=1e-8)
    with pytest.warns(UserWarning, match="2 features .* that the target lacks"):
        more = SpectralTransferRegressor(source.assign(g=1.0, h=2.0)).fit(X, Y)
    assert_allclose(more.coef_, model.coef_, atol=1e-8)


def test_a_source_may_cover_a_part_of_features_and_responses():
    X, Y, coef = make(25, noise=2.0)
    features, responses = [f"f{j}" for j in range(P)], [f"r{j}" for j in range(Q)]
    X, Y = pd.DataFrame(X, columns=features), pd.DataFrame(Y, columns=responses)
    part = pd.DataFrame(coef, responses, features).iloc[1:, :4]
    model = SpectralTransferRegressor(part).fit(X, Y)
    zero = pd.DataFrame(np.zeros((Q, P)), responses, features)
    zero.iloc[1:, :4] = part
    assert_allclose(SpectralTransferRegressor(zero).fit(X, Y).coef_, model.coef_, atol=1e-8)
    assert set(model.response_gains_["response"]) == set(responses)


# invariances


def test_order_and_signs_of_the_sources_vectors_change_nothing(study, fitted):
    U, d, Vt = np.linalg.svd(study.source.T, full_matrices=False)
    order, signs = np.random.default_rng(0).permutation(7), np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0, -1.0])
    source = (U[:, order] * signs, d[order], Vt[order].T * signs)
    model = clone(fitted).set_params(source=source).fit(study.X, study.Y)
    assert_allclose(model.coef_, fitted.coef_, atol=1e-8)


def test_a_tied_source_gives_the_same_fit_in_every_basis(study):
    U, _, Vt = np.linalg.svd(study.source.T, full_matrices=False)
    d = np.array([5.0, 3.0, 3.0, 3.0, 1.0, 1.0])
    turn = np.eye(6)
    turn[1:4, 1:4] = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    left, right = U[:, :6], Vt[:6].T
    how = {"combine": "best", "standardize": False}  # other units would untie them
    one = SpectralTransferRegressor((left, d, right), **how).fit(study.X, study.Y)
    other = SpectralTransferRegressor((left @ turn, d, right @ turn), **how).fit(study.X, study.Y)
    assert_allclose(other.coef_, one.coef_, atol=1e-6)


@pytest.mark.parametrize(("combine", "tol"), [("best", 1e-6), ("average", 1e-5)])
def test_units_and_origins_change_nothing_but_the_units(study, combine, tol):
    x, y = np.geomspace(0.01, 100.0, 8), np.geomspace(1000.0, 0.1, 7)
    model = SpectralTransferRegressor(study.source, combine=combine).fit(study.X, study.Y)
    source = study.source * y[:, None] / x
    other = SpectralTransferRegressor(source, combine=combine).fit(study.X * x + 7.0, study.Y * y - 3.0)
    assert other.selected_["kind"] == model.selected_["kind"]
    assert relative(other.coef_ / y[:, None] * x, model.coef_) < tol
    assert relative((other.predict(study.X * x + 7.0) + 3.0) / y, model.predict(study.X)) < tol
    assert_allclose(other.transfer_gain_, model.transfer_gain_, atol=1e-8)


def test_without_standardising_a_common_unit_of_the_responses_changes_nothing(study):
    model = SpectralTransferRegressor(study.source, **PAPER).fit(study.X, study.Y)
    other = SpectralTransferRegressor(10.0 * study.source, **PAPER).fit(study.X, 10.0 * study.Y)
    assert relative(other.coef_, 10.0 * model.coef_) < 1e-6


@pytest.mark.parametrize(("penalty", "tol"), [("ridge", 1e-8), ("l1", 1e-3)])
def test_a_weight_of_two_is_a_row_twice_and_zero_is_none(study, penalty, tol):
    """The l1 solver ends by its tolerance, which rounding may reach a sweep earlier."""
    weights = np.tile([0.0, 1.0, 2.0, 1.0, 1.0], 8)
    rows = np.repeat(np.arange(40), weights.astype(int))
    folds = list(KFold(4).split(study.X))
    places = [tuple(np.flatnonzero(np.isin(rows, part)) for part in pair) for pair in folds]
    weighted = SpectralTransferRegressor(study.source, cv=folds, penalty=penalty).fit(study.X, study.Y, weights)
    repeated = SpectralTransferRegressor(study.source, cv=places, penalty=penalty).fit(study.X[rows], study.Y[rows])
    assert relative(weighted.coef_, repeated.coef_) < tol
    assert_allclose(weighted.cv_table_["error"], repeated.cv_table_["error"], rtol=tol)


@pytest.mark.parametrize("cv", [5, KFold(4, shuffle=True, random_state=0), "masks"])
def test_rows_of_weight_zero_are_absent(study, cv):
    weights = np.random.default_rng(0).permutation(np.repeat([0.0, 1.0], [12, 28]))
    used = weights > 0
    given = alone = cv
    if cv != 5:
        folds = list(KFold(4, shuffle=True, random_state=0).split(study.X))
        alone = [tuple(np.flatnonzero(np.isin(np.flatnonzero(used), part)) for part in pair) for pair in folds]
        if cv == "masks":
            given = [tuple(np.isin(np.arange(40), part) for part in pair) for pair in folds]
    spoiled = np.where(used[:, None], study.Y, 1e6)
    weighted = SpectralTransferRegressor(study.source, cv=given).fit(study.X, spoiled, weights)
    without = SpectralTransferRegressor(study.source, cv=alone).fit(study.X[used], study.Y[used])
    assert_array_equal(weighted.coef_, without.coef_)


# missing responses


def test_responses_missing_at_random_cost_little(study, fitted):
    holed = np.where(np.random.default_rng(0).random(study.Y.shape) < 0.1, np.nan, study.Y)
    model = SpectralTransferRegressor(study.source, combine="best").fit(study.X, holed)
    assert study.error(model.coef_) < 1.3 * study.error(fitted.coef_)
    rows = ~np.isnan(holed).any(axis=1)
    dropped = SpectralTransferRegressor(study.source, combine="best").fit(study.X[rows], holed[rows])
    assert study.error(model.coef_) < study.error(dropped.coef_)
    assert np.isfinite(model.predict(study.X)).all()
    assert np.isfinite(model.cv_table_["error"]).all()


def test_em_settles_where_a_missing_response_is_its_own_prediction():
    """The graded ridge at one strength: put the predictions into the gaps, and the same fit comes out."""
    X, Y, coef = make(30)
    holed = Y.copy()
    holed[[3, 8, 20], [0, 4, 2]] = np.nan
    how = {"candidates": ("ridge",), "free": 2, "rank": 2, "combine": "best", "standardize": False}
    model = SpectralTransferRegressor(coef, **how).fit(X, holed)
    completed = np.where(np.isnan(holed), model.predict(X), holed)
    again = SpectralTransferRegressor(coef, **how).fit(X, completed)
    assert_allclose(again.selected_["strength"], model.selected_["strength"])
    assert relative(again.coef_, model.coef_) < 1e-3


def test_a_row_without_any_response_is_absent_but_for_the_units_of_the_features():
    X, Y, coef = make(30)
    holed = np.vstack((Y, np.full((2, Q), np.nan)))
    more = np.vstack((X, X[:2]))
    folds = list(KFold(3).split(X))
    apart = [(np.append(train, [30, 31]), test) for train, test in folds]
    how = {"combine": "best", "standardize": False, "candidates": ("target", "ridge")}
    model = SpectralTransferRegressor(coef, cv=apart, **how).fit(more, holed)
    without = SpectralTransferRegressor(coef, cv=folds, **how).fit(X, Y)
    assert relative(model.predict(X), without.predict(X)) < 0.1


@pytest.mark.parametrize("cells", ["a fold", "all folds but one", "every fold"])
def test_held_out_cells_may_all_be_missing(cells):
    X, Y, coef = make(40)
    holed = Y.copy()
    holed[: {"a fold": 10, "all folds but one": 30, "every fold": 20}[cells]] = np.nan
    starts = range(0, 20 if cells == "every fold" else 40, 10)
    folds = [(np.setdiff1d(np.arange(40), np.arange(s, s + 10)), np.arange(s, s + 10)) for s in starts]
    model = SpectralTransferRegressor(coef, cv=folds)
    if cells == "every fold":
        with pytest.warns(UserWarning, match="none can be held out"):
            model.fit(X, holed)
        assert model.selected_["kind"] == "target"
    else:
        model.fit(X, holed)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.cv_table_["error"]).all()


def test_a_response_that_was_seen_once_is_fitted_in_few_turns():
    X, Y, coef = make(40)
    Y[1:, 0] = np.nan
    model = SpectralTransferRegressor(coef, combine="best").fit(X, Y)
    assert np.isfinite(model.coef_).all()
    assert model.result_.settled


def test_extrapolated_steps_of_a_slow_linear_iteration_end_at_its_fixed_point():
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    shrink = Q * np.repeat([0.0, 0.5, 0.9, 0.99], [10, 10, 5, 5]) @ Q.T
    fixed, ahead, point = rng.normal(size=30), Accelerated(), np.zeros(30)
    for _ in range(15):
        point = ahead(point, fixed + shrink @ (point - fixed))
    assert_allclose(point, fixed, atol=1e-6)


# shapes and awkward tables


@pytest.mark.parametrize("n", [1, 2, 3])
def test_with_fewer_than_four_rows_the_target_is_fitted_alone_with_a_warning(n):
    X, Y, coef = make(n)
    with pytest.warns(UserWarning, match=f"{n} rows: none can be held out"):
        model = SpectralTransferRegressor(coef).fit(X, Y)
    assert model.selected_["kind"] == "target"
    assert_allclose(model.predict(X), np.broadcast_to(Y.mean(axis=0), Y.shape))


SHAPES = {
    "4 rows": (4, 4, 3),
    "5 rows": (5, 4, 3),
    "6 rows": (6, 4, 3),
    "one feature": (30, 1, 5),
    "one response": (30, 5, 1),
    "one of each": (30, 1, 1),
    "four rows of one of each": (4, 1, 1),
    "more features than rows": (20, 50, 6),
    "more responses than rows": (8, 4, 20),
    "fewer features than responses": (30, 3, 12),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_finite_fits_of_that_shape(shape):
    n, p, q = SHAPES[shape]
    X, Y, coef = make(n, p, q)
    y = Y[:, 0] if q == 1 else Y
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        model = SpectralTransferRegressor(coef + 0.1).fit(X, y)
    assert model.coef_.shape == ((p,) if q == 1 else (q, p))
    assert model.predict(X).shape == y.shape
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()
    mean = np.abs(y - y.mean(axis=0)).mean()
    assert np.abs(y - model.predict(X)).mean() <= 1.01 * mean


def test_a_column_vector_is_one_response():
    X, Y, coef = make(30, q=1)
    with pytest.warns(match="column-vector"):
        model = SpectralTransferRegressor(coef).fit(X, Y)
    assert_array_equal(model.coef_, SpectralTransferRegressor(coef[0]).fit(X, Y[:, 0]).coef_)
    assert isinstance(model.intercept_, float)


X40, Y40, C40 = make(40)
AWKWARD = {
    "a constant feature": (np.where(np.arange(P) == 2, 7.0, X40), Y40, C40),
    "a constant response": (X40, np.where(np.arange(Q) == 2, 7.0, Y40), C40),
    "features twice": (np.hstack((X40, X40)), Y40, np.hstack((C40, C40)) / 2),
    "responses twice": (X40, np.hstack((Y40, Y40)), np.vstack((C40, C40))),
    "three rows, each twenty times": (np.repeat(X40[:3], 20, axis=0), np.repeat(Y40[:3], 20, axis=0), C40),
    "features 1e8 away from zero": (X40 + 1e6, Y40, C40),
    "yes and no": ((X40 > 2).astype(float), Y40, C40),
    "dummies of every category": (np.eye(P)[np.arange(40) % P], Y40, C40),
    "whole numbers": (X40.astype(int), Y40.astype(int), C40),
    "float32": (X40.astype(np.float32), Y40.astype(np.float32), C40),
}


@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.parametrize("standardize", [True, False])
def test_awkward_tables_work(case, standardize):
    X, Y, source = AWKWARD[case]
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        model = SpectralTransferRegressor(source, standardize=standardize, combine="best").fit(X, Y)
    assert np.isfinite(model.coef_).all()
    assert ((Y - model.predict(X)) ** 2).sum() <= 1.001 * ((Y - Y.mean(axis=0)) ** 2).sum()
    assert np.abs(model.coef_).max() < 30.0


@pytest.mark.parametrize("what", ["features", "responses", "all"])
def test_where_nothing_varies_the_means_are_predicted(what):
    X, Y, coef = make(40)
    X = np.full_like(X, 0.1) if what != "responses" else X
    Y = np.full_like(Y, 0.3) if what != "features" else Y
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        model = SpectralTransferRegressor(coef).fit(X, Y)
    assert_allclose(model.predict(X), np.broadcast_to(Y.mean(axis=0), Y.shape), atol=1e-8)
    assert np.abs(model.coef_).max() < 1e-6


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("related", [True, False])
def test_data_without_noise_are_fitted_exactly(standardize, related):
    X, Y, coef = make(40, noise=0.0)
    source = coef if related else np.random.default_rng(1).normal(size=coef.shape)
    model = SpectralTransferRegressor(source, standardize=standardize).fit(X, Y)
    assert relative(model.coef_, coef) < 1e-3


def test_a_source_of_lower_rank_than_the_target_works():
    X, Y, _ = make(40)
    model = SpectralTransferRegressor(np.outer(np.ones(Q), np.ones(P)), rank=3, combine="best").fit(X, Y)
    assert np.isfinite(model.coef_).all()
    assert (model.directions_.groupby("side")["known"].sum() == 1).all()


def test_without_a_source_it_is_reduced_rank_regression_averaged_or_not(study):
    model = SpectralTransferRegressor(None, combine="best").fit(study.X, study.Y)
    one = model.selected_
    plain = ReducedRankRegressor(one["rank"], alpha=one["strength"]).fit(study.X, study.Y)
    assert_allclose(model.coef_, plain.coef_, atol=1e-8)
    assert model.response_gains_.empty


# what is published


def test_attributes_have_the_documented_shapes_and_fit_together(study, fitted):
    model, r = fitted, len(fitted.d_)
    assert model.coef_.shape == (7, 8)
    assert model.intercept_.shape == (7,)
    assert model.U_.shape == (8, r)
    assert model.V_.shape == (7, r)
    assert_allclose(model.U_.T @ model.U_, np.eye(r), atol=1e-8)
    assert_allclose(model.V_.T @ model.V_, np.eye(r), atol=1e-8)
    assert_allclose((model.V_ * model.d_) @ model.U_.T, model.result_.coef.T, atol=1e-8)
    assert_allclose(model.predict(study.X), study.X @ model.coef_.T + model.intercept_)
    assert (model.coef_.dtype, model.intercept_.dtype) == (np.float64, np.float64)


def test_omegas_are_coordinates_along_what_was_not_free_with_exact_zeros(study):
    how = {"candidates": "l1", "free": (3, 4), "rank": 2, "combine": "best", "standardize": False}
    model = SpectralTransferRegressor(study.source, **how).fit(study.X, study.Y)
    assert model.selected_["free"] == (3, 4)
    assert model.omega_u_.shape == (5, 2)
    assert model.omega_v_.shape == (3, 2)
    assert (model.omega_u_ == 0.0).any()
    U0, _, V0t = np.linalg.svd(study.source.T)
    assert_allclose(np.abs(U0[:, 3:7].T @ model.U_), np.abs(model.omega_u_[:4]), atol=1e-3)
    assert_allclose(np.abs(V0t[4:] @ model.V_), np.abs(model.omega_v_), atol=1e-3)


def test_shares_of_directions_sum_to_one_a_side(fitted):
    assert_allclose(fitted.directions_.groupby("side")["share"].sum(), 1.0, atol=1e-3)
    counts = fitted.directions_.groupby("side").size()
    assert dict(counts) == {"features": 8, "responses": 7}
    assert (fitted.directions_.groupby("side")["free"].sum().to_numpy() <= np.array(fitted.selected_["free"])).all()


@pytest.mark.parametrize("combine", ["average", "best"])
def test_weights_of_the_table_sum_to_one_and_the_selected_is_the_best(study, combine):
    model = SpectralTransferRegressor(study.source, combine=combine).fit(study.X, study.Y)
    table = model.cv_table_
    assert_allclose(table["weight"].sum(), 1.0)
    assert ((table["weight"] > 0).sum() == 1) == (combine == "best")
    best = table.loc[table["error"].idxmin()]
    assert best["weight"] == table["weight"].max()
    assert best["kind"] == model.selected_["kind"]
    assert best["strength"] == model.selected_["strength"]
    assert set(table["kind"]) <= {"target", "l1", "ridge", "offset", "source"}
    assert model.path_.equals(table[table["kind"] == "l1"].reset_index(drop=True))
    target = table[table["kind"] == "target"]["error"].min()
    assert_allclose(table["gain"], 1.0 - table["error"] / target)
    assert_allclose(model.transfer_gain_, table[table["kind"] != "target"]["gain"].max())


@pytest.mark.parametrize("kind", ["l1", "ridge", "offset"])
@pytest.mark.parametrize("missing", [False, True])
def test_errors_by_response_sum_to_those_of_the_candidates(study, kind, missing):
    Y = study.Y.copy()
    if missing:
        Y[np.random.default_rng(0).random(Y.shape) < 0.05] = np.nan
    model = SpectralTransferRegressor(study.source, candidates=("target", kind), standardize=False).fit(study.X, Y)
    cells = (~np.isnan(Y)).sum(axis=0)
    gains = model.response_gains_
    alone, borrowed = (cells @ gains[column] for column in ("target", "borrowed"))
    target = model.cv_table_.loc[model.cv_table_["kind"] == "target", "error"].min()
    other = model.cv_table_.loc[model.cv_table_["kind"] != "target", "error"].min()
    assert_allclose(borrowed / alone, other / target, rtol=0.02 if missing else 1e-3 if kind == "l1" else 1e-8)
    assert_allclose(gains["gain"], 1.0 - gains["borrowed"] / gains["target"])


def test_a_model_file_predicts_the_same(study, fitted, tmp_path):
    save_model(fitted, tmp_path / "m.kin")
    again = load_model(tmp_path / "m.kin")
    assert_array_equal(again.predict(study.X), fitted.predict(study.X))
    assert again.selected_ | {"free": tuple(again.selected_["free"])} == fitted.selected_  # a file knows lists only
    pd.testing.assert_frame_equal(again.cv_table_, fitted.cv_table_)


def test_progress_is_told_from_nothing_to_all(study):
    told = []
    SpectralTransferRegressor(study.source).fit(study.X, study.Y, progress=lambda *state: told.append(state))
    done, total, _ = zip(*told, strict=True)
    assert done == tuple(range(len(done)))
    assert done[-1] == total[-1]


# scikit-learn


def test_scikit_learn_tools(study):
    pipeline = make_pipeline(StandardScaler(), SpectralTransferRegressor(study.source, combine="best", penalty="ridge"))
    assert cross_val_predict(pipeline, study.X, study.Y, cv=3).shape == study.Y.shape
    search = GridSearchCV(
        SpectralTransferRegressor(study.source), {"penalty": ["ridge"], "source": [study.source, None]}, cv=3
    ).fit(study.X, study.Y)
    assert search.best_params_["source"] is not None
    assert search.score(study.X, study.Y) > 0.2


def test_fitting_again_gives_the_same_bits_and_leaves_the_data_alone(study):
    X, Y, source = study.X.copy(), study.Y.copy(), study.source.copy()
    model = SpectralTransferRegressor(source).fit(X, Y)
    assert_array_equal(clone(model).fit(X, Y).coef_, model.coef_)
    for now, before in ((X, study.X), (Y, study.Y), (source, study.source)):
        assert_array_equal(now, before)
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


# refusals


BAD = {
    "rank": ([0, P, "auto", True, None, 1.5], r"rank must be 'rsc', 'cv' or a whole number from 1 to .* = 5"),
    "free": ([-1, (1,), (1, 2, 3), [1, 2], np.array([1, 2]), "all", None, 1.5], "free must be 'cv', a whole number"),
    "penalty": (["l2", None, ["l1"]], "penalty must be one of 'both', 'l1', 'ridge'"),
    "candidates": ([(), ("source",), None, 5, "lasso"], "candidates must be some of 'target', 'l1'"),
    "safe": ([-1, np.nan, np.inf, "2", None], "safe must be a number of standard errors >= 0"),
    "combine": (["vote", None], "combine must be 'average' or 'best'"),
    "cv": ([1, 0, 2.5, True], "cv must be a whole number >= 2"),
    "max_iter": ([0, 1.5, "many"], "max_iter must be a whole number >= 1"),
    "fit_intercept": (["no", 0, None], "fit_intercept must be True or False"),
    "standardize": ([1], "standardize must be True or False"),
    "source": ([C40.T, C40[:3]], r"\(n_responses, n_features\) = \(5, 6\) was expected"),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (values, _) in BAD.items() for value in values])
def test_parameters_that_mean_nothing_are_refused(name, value):
    parameters = {"source": C40} | {name: value}
    with pytest.raises(InputError, match=BAD[name][1]):
        SpectralTransferRegressor(**parameters).fit(X40, Y40)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"candidates": "ridge", "penalty": "l1"}, "leaves nothing of candidates"),
        ({"cv": []}, "cv gives no fold"),
        ({"cv": [(range(30), range(30, 41))]}, "rows that do not exist: there are 40"),
        ({"cv": [([0.5, 1.0], [2])]}, "rows that do not exist"),
        ({"cv": GroupKFold(3)}, r"(?s)'groups' parameter.*list\(GroupKFold\(5\)\.split\(X, y, groups\)\)"),
        ({"cv": "ten"}, "cv cannot deal the rows"),
    ],
)
def test_contradictions_and_folds_that_cannot_be_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        SpectralTransferRegressor(C40, **parameters).fit(X40, Y40)


@pytest.mark.parametrize(
    "labels", [[f"hospital {i % 4}" for i in range(40)], pd.Categorical([i % 4 for i in range(40)])]
)
def test_a_task_column_is_refused_with_what_to_do_instead(labels):
    X = pd.DataFrame(X40, columns=list("abcdef")).assign(hospital=labels)
    message = (
        r"(?s)column 'hospital'.*one column of y per response and no task column.*"
        r"kinfolk regressor with task='hospital', such as PartialPoolingRegressor, and a single y"
    )
    for y in (Y40, Y40[:, 0]):
        with pytest.raises(InputError, match=message):
            SpectralTransferRegressor(None).fit(X, y)
    model = SpectralTransferRegressor(None).fit(X.drop(columns="hospital"), Y40)
    with pytest.raises(InputError, match="no task column"):
        model.predict(X)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_gaps_in_features_are_named(value):
    X = pd.DataFrame(X40, columns=list("abcdef"))
    X.loc[7, "c"] = value
    with pytest.raises(InputError, match=r"column 'c'.*row 7"):
        SpectralTransferRegressor(C40).fit(X, Y40)


def test_a_response_that_was_never_seen_is_named():
    Y = pd.DataFrame(Y40, columns=list("uvwxy"))
    Y["w"] = np.nan
    with pytest.raises(InputError, match="no value at all in 'w'"):
        SpectralTransferRegressor(C40).fit(X40, Y)
    Y.loc[:9, "w"] = 1.0
    with pytest.raises(InputError, match="no value at all in the rows of positive weight in 'w'"):
        SpectralTransferRegressor(C40).fit(X40, Y, (np.arange(40) >= 10).astype(float))


def test_an_offset_alone_needs_coefficients():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 6)), rng.normal(size=(30, 4))
    subspaces = np.linalg.qr(rng.normal(size=(6, 2)))[0], np.linalg.qr(rng.normal(size=(4, 2)))[0]
    with pytest.raises(InputError, match="needs a source's coefficients"):
        SpectralTransferRegressor(subspaces, candidates="offset").fit(X, Y)
