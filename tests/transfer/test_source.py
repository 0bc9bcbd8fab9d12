"""Sources: whatever form a study comes in, the same coefficients come out, laid out as the target is."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kinfolk import InputError, PartialPoolingRegressor, PooledRidge, ReducedRankRegressor
from kinfolk.transfer.source import read_sources

P, Q = 6, 3
FEATURES, RESPONSES = [f"f{j}" for j in range(P)], [f"r{j}" for j in range(Q)]
RNG = np.random.default_rng(0)
COEF = RNG.normal(size=(Q, 2)) @ RNG.normal(size=(2, P))
X = RNG.normal(size=(60, P)) * np.array([1, 10, 0.1, 1, 1, 5]) + np.arange(P)
Y = X @ COEF.T + np.array([3.0, -2, 1]) + 0.1 * RNG.normal(size=(60, Q))
XF, YF = pd.DataFrame(X, columns=FEATURES), pd.DataFrame(Y, columns=RESPONSES)
FRAME = pd.DataFrame(COEF, index=RESPONSES, columns=FEATURES)


def read(source, features=None, responses=None, p=P, q=Q):
    return read_sources(source, features=features, responses=responses, n_features=p, n_responses=q)


def named(source):
    return read(source, FEATURES, RESPONSES)


def test_directions_are_the_singular_vectors_leading_first_up_to_the_numerical_rank():
    (source,) = read(COEF)
    assert (source.name, source.U.shape, source.V.shape) == ("source", (P, 2), (Q, 2))
    sizes = np.diag(source.U.T @ COEF.T @ source.V)
    assert_allclose((source.U * sizes) @ source.V.T, COEF.T, atol=1e-12)
    assert abs(sizes[0]) > abs(sizes[1])
    assert_allclose(source.U.T @ source.U, np.eye(2), atol=1e-12)
    assert source.features.all()
    assert source.responses.all()
    assert source.intercept is None


FORMS = {
    "array": COEF,
    "list of lists": COEF.tolist(),
    "frame": FRAME,
    "frame of numbers only": pd.DataFrame(COEF),
    "frame with a column of response names": FRAME.reset_index(),
    "polars": pl.from_pandas(FRAME.reset_index()),
    "frame the other way round": FRAME.T,
    "frame in another order": FRAME.iloc[::-1, ::-1],
    "named triple": (lambda U, d, Vt: (pd.DataFrame(U, FEATURES)[::-1], d, pd.DataFrame(Vt.T, RESPONSES)))(
        *np.linalg.svd(COEF.T, full_matrices=False)
    ),
    "triple": (lambda U, d, Vt: (U, d, Vt.T))(*np.linalg.svd(COEF.T, full_matrices=False)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_coefficients(form):
    (source,) = named(FORMS[form])
    assert_allclose(source.coef, COEF, atol=1e-12)
    assert source.U.shape == (P, 2)


def test_names_settle_the_orientation_of_a_square_frame_and_position_that_of_a_square_array():
    square = RNG.normal(size=(Q, Q))
    frame = pd.DataFrame(square, index=RESPONSES, columns=FEATURES[:Q])
    for given in (frame, frame.T):
        (source,) = read(given, FEATURES[:Q], RESPONSES, p=Q)
        assert_array_equal(source.coef, square)
    assert_array_equal(read(square, p=Q)[0].coef, square)


@pytest.mark.parametrize("label", ["intercept", "(Intercept)"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_column_called_intercept_is_the_intercept_unless_it_is_a_feature(label, turned):
    frame = FRAME.assign(**{label: [7.0, 8.0, 9.0]})
    (source,) = named(frame.T if turned else frame)
    assert_array_equal(source.intercept, [7, 8, 9])
    assert_array_equal(source.coef, COEF)
    (source,) = read(frame, [*FEATURES, label], RESPONSES, p=P + 1)
    assert source.intercept is None
    assert_array_equal(source.coef[:, -1], [7, 8, 9])


MODELS = {
    "one ridge": Ridge(),
    "scaled": make_pipeline(StandardScaler(), Ridge(0.1)),
    "scaled twice, the second only centring": make_pipeline(
        StandardScaler(with_mean=False), StandardScaler(with_std=False), LinearRegression()
    ),
    "a passed-through step": make_pipeline("passthrough", StandardScaler(), Lasso(0.01)),
    "partial least squares, whose intercept_ is not at zero": PLSRegression(2),
    "a search": GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [0.1, 1.0]}),
    "no intercept": Ridge(fit_intercept=False),
    "reduced rank": ReducedRankRegressor(2),
    "kinfolk, wide": PooledRidge(),
    "reduced rank, scaled": make_pipeline(StandardScaler(), ReducedRankRegressor(2)),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("frames", [False, True])
def test_an_estimator_lends_what_it_predicts_with(model, frames):
    fitted = MODELS[model].fit(XF if frames else X, Y)
    (source,) = read(fitted, FEATURES[::-1] if frames else None)
    new = RNG.normal(size=(5, P))
    order = new[:, ::-1] if frames else new
    expected = fitted.predict(pd.DataFrame(new, columns=FEATURES) if frames else new)
    assert_allclose(order @ source.coef.T + source.intercept, expected, atol=1e-8)


def test_one_response_may_be_a_vector():
    fitted = Ridge().fit(X, Y[:, 0])
    for given in (fitted, fitted.coef_, fitted.coef_.tolist(), [fitted.coef_.tolist()]):
        assert_array_equal(read(given, q=1)[0].coef, fitted.coef_[None])
    assert_array_equal(read(pd.Series(fitted.coef_, FEATURES), FEATURES[::-1], q=1)[0].coef[0, ::-1], fitted.coef_)
    assert_allclose(read(fitted, q=1)[0].intercept, [fitted.intercept_])


def test_text_tasks_of_a_model_are_its_responses():
    long = pd.concat([XF.assign(task=name) for name in RESPONSES], ignore_index=True)
    model = PartialPoolingRegressor("scalar", task="task").fit(long, Y.T.ravel())
    (source,) = read(model, FEATURES, RESPONSES[::-1])
    assert_array_equal(source.coef, model.coef_[::-1])
    assert_array_equal(source.intercept, model.intercept_[::-1])


def test_bare_subspaces_have_no_coefficients():
    U, V = RNG.normal(size=(P, 3)), RNG.normal(size=(Q, 1))
    (source,) = read((U, V))
    assert_array_equal(source.U, U)
    assert_array_equal(source.V, V)
    assert source.coef is None
    (source,) = named((pd.DataFrame(U[:2], ["f5", "f0"]), V))
    assert_array_equal(source.U[[5, 0]], U[:2])
    assert_array_equal(source.features, [True, False, False, False, False, True])


def test_what_a_source_does_not_cover_is_zero_and_said_to_be():
    (source,) = named(FRAME.iloc[1:, 2:].assign(intercept=[4.0, 5.0]))
    assert_array_equal(source.coef[1:, 2:], COEF[1:, 2:])
    assert not source.coef[0].any()
    assert not source.coef[:, :2].any()
    assert not source.U[:2].any()
    assert_array_equal(source.intercept, [np.nan, 4, 5])
    assert_array_equal(source.features, [False, False, True, True, True, True])
    assert_array_equal(source.responses, [False, True, True])


def test_what_the_target_lacks_is_dropped_with_a_warning():
    message = r"source has 5 features \('f1', .*'f5'\) and 1 responses \('r2'\) that the target lacks"
    with pytest.warns(UserWarning, match=message):
        (source,) = read(FRAME, ["f0", "new"], RESPONSES[:2], p=2, q=2)
    assert_array_equal(source.coef, np.column_stack((COEF[:2, 0], np.zeros(2))))
    many = pd.DataFrame(np.ones((1, 20)), columns=[f"g{j}" for j in range(20)]).assign(f0=1.0)
    with pytest.warns(UserWarning, match="'g7' and 12 more"):
        read(many, FEATURES, q=1)


def test_several_sources_keep_their_order_and_their_names():
    with warnings.catch_warnings(action="error"):
        found = read([COEF, Ridge().fit(X, Y), (np.eye(P)[:, :2], np.eye(Q))])
        assert [source.name for source in found] == ["source 1", "source 2", "source 3"]
        assert [source.coef is None for source in found] == [False, False, True]
        assert [source.name for source in read({"north": COEF, "south": COEF.tolist()})] == ["north", "south"]
        assert [source.name for source in read([COEF.tolist(), COEF.tolist()])] == ["source 1", "source 2"]


def changed(row, column, value):
    spoiled = COEF.copy()
    spoiled[row, column] = value
    return spoiled


U_, D_, VT_ = np.linalg.svd(COEF.T, full_matrices=False)
BAD = {
    "transposed": (COEF.T, r"shape \(6, 3\).*transposed: pass coef.T"),
    "another size": (COEF[:, 1:], r"shape \(3, 5\).*\(3, 6\) was expected"),
    "a vector": (COEF[0], "Expected 2D array"),
    "not a number": (changed(1, 4, np.nan), r"(?s)source contains NaN.*column 'x4': NaN in row 1"),
    "infinite": ([COEF, changed(2, 0, -np.inf)], r"(?s)source 2 contains infinity.*column 'x0': infinity in row 2"),
    "infinite, in a frame": (FRAME.replace(COEF[0, 1], np.inf), "column 'f1': infinity in row 0"),
    "text": (FRAME.astype(object).replace(COEF[0, 1], "big"), "column 'f1': .*row 0"),
    "zero": (np.zeros((Q, P)), "says nothing"),
    "zero on what the target has": (FRAME.assign(f6=1.0) * [*[0] * P, 1], "says nothing"),
    "zero directions": ((np.zeros((P, 1)), np.ones((Q, 1))), "says nothing"),
    "other features": (FRAME.add_prefix("gene"), r"no features in common.*'genef0', .*'f0', "),
    "other responses": (FRAME.rename(index="{}x".format), "no responses in common.*'r0x'.*'r0'"),
    "a feature twice": (FRAME.rename(columns={"f1": "f0"}), "several columns called 'f0'"),
    "a response twice": (FRAME.rename(index={"r1": "r0"}), "source has responses of the same name: 'r0'"),
    "labels of two kinds": (FRAME.rename(index={"r1": 1}), "some are text"),
    "sparse": (sparse.csr_matrix(COEF), "sparse matrix"),
    "None": (None, "source is None"),
    "an empty list": ([], "source is empty"),
    "no sources": ({}, "source is empty"),
    "a list in a list": ([[COEF], COEF], "source 1 is a list inside another"),
    "a path": ("old.kin", r"read_source\('old.kin'\)"),
    "a path object": (Path("old.csv"), r"read_source\('old.csv'\)"),
    "not fitted": (Ridge(), "Ridge that is not fitted"),
    "a pipeline that is not fitted": (make_pipeline(StandardScaler(), Ridge()), "not fitted"),
    "a class": (Ridge, "the class Ridge"),
    "a forest": (RandomForestRegressor(2, random_state=0).fit(X, Y), "RandomForestRegressor, which has no coef_"),
    "a classifier": (LogisticRegression().fit(XF, Y[:, 0] > Y[:, 0].mean()), "is for classes"),
    "a log link": (PoissonRegressor().fit(X / 10, np.abs(Y[:, 0])), "not its coef_ times the features"),
    "components": (make_pipeline(PCA(2), Ridge()).fit(X, Y), "a pipeline with PCA"),
    "rows of V": ((U_[:, :2], D_[:2], VT_[:2]), "they must be equal.*Vt.T"),
    "V where U should be": ((np.eye(Q), np.eye(P)), "the other way round"),
    "a U of another size": ((np.eye(P)[1:], np.eye(Q)), "directions U of 5 features"),
    "a tuple of four": ((COEF,) * 4, "tuple of 4 parts"),
    "a tuple of vectors": ((COEF[0], COEF[1]), r"shapes \(6,\), \(6,\)"),
}


@pytest.mark.filterwarnings("ignore:source has 1 features")
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_a_source_is_refused(case):
    source, message = BAD[case]
    with pytest.raises(InputError, match=message):
        named(source)


def test_a_target_whose_names_stand_twice_is_refused():
    with pytest.raises(InputError, match="the target has responses of the same name: 'r0'"):
        read(FRAME, FEATURES, ["r0", "r1", "r0"])
