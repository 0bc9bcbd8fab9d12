"""A transformer that leaves the task column alone."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from kinfolk.exceptions import InputError, UnseenTaskError
from kinfolk.selection import TaskAware
from kinfolk.validation import check_labels, check_table

RNG = np.random.default_rng(0)
SHOP = np.array(["b", "a", "b", "c", "a", "c", "b"])
VALUES = RNG.standard_normal((7, 2)) * [1, 10] + 5


def make_table(kind, labels=SHOP):
    frame = pd.DataFrame({"size": VALUES[:, 0], "shop": labels, "age": VALUES[:, 1]})
    return {
        "pandas": frame,
        "indexed": frame.set_axis(list("tuvwxyz")),
        "polars": pl.DataFrame(frame),
        "array": frame.to_numpy(dtype=object),
    }[kind]


def values_of(out):
    return np.asarray(out)[:, [0, 2]].astype(float)


@pytest.mark.parametrize("kind", ["pandas", "indexed", "polars", "array"])
@pytest.mark.parametrize("labels", [SHOP, np.array([3, 1, 3, 2, 1, 2, 3])], ids=["text", "numbers"])
def test_the_task_column_passes_through_untouched_and_the_others_are_transformed(kind, labels):
    X = make_table(kind, labels)
    out = TaskAware(StandardScaler(), task=1 if kind == "array" else "shop").fit_transform(X)
    assert type(out) is type(X)
    np.testing.assert_allclose(values_of(out), StandardScaler().fit_transform(VALUES))
    assert np.asarray(out)[:, 1].tolist() == labels.tolist()
    if kind != "array":
        assert list(out.columns) == ["size", "shop", "age"]
        assert out["shop"].dtype == X["shop"].dtype
    if kind == "indexed":
        assert out.index.equals(X.index)


@pytest.mark.parametrize("kind", ["pandas", "indexed", "polars", "array"])
def test_per_task_scales_within_tasks_and_keeps_the_order_of_rows(kind):
    X = make_table(kind)
    scaler = TaskAware(StandardScaler(), task=1 if kind == "array" else "shop", per_task=True)
    out = scaler.fit_transform(X)
    for shop in "abc":
        rows = shop == SHOP
        np.testing.assert_allclose(values_of(out)[rows], StandardScaler().fit_transform(VALUES[rows]))
    assert list(scaler.transformers_) == ["a", "b", "c"]
    assert not hasattr(scaler, "transformer_")
    np.testing.assert_allclose(values_of(scaler.transform(X)), values_of(out))
    if kind == "indexed":
        assert out.index.equals(X.index)


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=30), seed=st.integers(0, 3))
def test_scaling_within_tasks_removes_every_tasks_mean(labels, seed):
    X = np.column_stack([np.random.default_rng(seed).standard_normal(len(labels)), labels])
    out = TaskAware(StandardScaler(), task=-1, per_task=True).fit_transform(X)
    assert out.dtype == float
    np.testing.assert_array_equal(out[:, 1], labels)
    sums = np.bincount(labels, weights=out[:, 0])
    np.testing.assert_allclose(sums, 0, atol=1e-9)


def test_an_unseen_task_is_an_error_only_when_fitted_per_task():
    X = make_table("pandas")
    new = X.assign(shop=["a", "b", "d", "e", "d", "a", "b"])
    common = TaskAware(StandardScaler(), task="shop").fit(X)
    assert common.transform(new)["shop"].tolist() == new["shop"].tolist()
    within = TaskAware(StandardScaler(), task="shop", per_task=True).fit(X)
    with pytest.raises(UnseenTaskError, match=r"2 task label\(s\) never seen in fit: 'd', 'e'; rows 2, 3, 4"):
        within.transform(new)
    assert within.transform(X.iloc[:2]).shape == (2, 3)


@pytest.mark.parametrize(("task", "place"), [(0, 0), (1, 1), (2, 2), (-1, -1), (-2, -2), (-3, -3)])
def test_a_position_finds_the_task_column_again_when_the_number_of_columns_changes(task, place):
    X = np.insert(VALUES, task if task >= 0 else 3 + task, [7, 8, 7, 9, 8, 9, 7], axis=1)
    out = TaskAware(PolynomialFeatures(2, include_bias=False), task=task).fit_transform(X)
    assert out.shape == (7, 6)
    np.testing.assert_array_equal(out[:, place], X[:, place])
    assert check_labels(out, task=task).tolist() == check_labels(X, task=task).tolist()


def test_a_position_that_is_not_there_any_more_is_an_error():
    with pytest.raises(InputError, match=r"leaves 1 column.*position 2"):
        TaskAware(PCA(1), task=2).fit_transform(np.column_stack([VALUES, np.arange(7)]))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_name_finds_the_task_column_again_whatever_the_transformer_makes(kind):
    X = make_table(kind)
    for inner in (
        PCA(1),
        PolynomialFeatures(3),
        FunctionTransformer(lambda Z: np.asarray(Z)[:, :1]),
        SelectKBest(f_regression, k=1),
    ):
        out = TaskAware(inner, task="shop").fit_transform(X, VALUES[:, 1])
        assert type(out) is type(X)
        assert check_labels(out, task="shop").tolist() == SHOP.tolist()


def test_names_out():
    X = make_table("pandas")
    aware = TaskAware(PolynomialFeatures(2, include_bias=False), task="shop").fit(X)
    expected = ["size", "shop", "age", "size^2", "size age", "age^2"]
    assert aware.get_feature_names_out().tolist() == expected == list(aware.transform(X).columns)
    assert aware.n_features_in_ == 3
    assert aware.feature_names_in_.tolist() == ["size", "shop", "age"]
    with pytest.raises(InputError, match="not equal to feature_names_in_"):
        aware.get_feature_names_out(["a", "b", "c"])
    with pytest.raises(InputError, match="should have length equal to 3"):
        aware.get_feature_names_out(["a"])
    array = TaskAware(StandardScaler(), task=0).fit(np.ones((3, 3)))
    assert array.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert array.get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["pandas", "polars", "array"])
@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_set_output(kind, output, everywhere):
    X = make_table(kind, np.array([3, 1, 3, 2, 1, 2, 3]))
    if kind == "array":
        X = X.astype(float)
    aware = TaskAware(StandardScaler(), task=1, per_task=True)
    if everywhere:
        with sklearn.config_context(transform_output=output):
            out = aware.fit_transform(X)
    else:
        out = aware.set_output(transform=output).fit_transform(X)
    assert isinstance(out, pd.DataFrame if output == "pandas" else pl.DataFrame)
    assert list(out.columns) == (["x0", "x1", "x2"] if kind == "array" else ["size", "shop", "age"])
    assert check_table(out, task=1).features.shape == (7, 2)


def test_clone_and_parameters_leave_the_transformer_unfitted():
    inner = StandardScaler()
    aware = TaskAware(inner, task="shop").set_params(transformer__with_mean=False, per_task=True)
    copy = clone(aware)
    copy.fit(make_table("pandas"))
    assert not hasattr(inner, "scale_")
    assert copy.get_params()["transformer__with_mean"] is False
    copy.set_params(per_task=False).fit(make_table("pandas"))
    assert hasattr(copy, "transformer_")
    assert not hasattr(copy, "transformers_")


def test_pipelines_of_transformers_and_suffixed_names():
    X = make_table("pandas").assign(city=["u", "v", "u", "w", "v", "u", "w"])
    encode = ColumnTransformer(
        [("hot", OneHotEncoder(sparse_output=False), ["city"])], remainder="passthrough"
    ).set_output(transform="pandas")
    steps = make_pipeline(
        encode,
        TaskAware(SimpleImputer(), task="shop"),
        TaskAware(make_pipeline(StandardScaler(), PCA(2)), task="shop"),
    )
    out = steps.fit_transform(X)
    assert list(out.columns) == ["pca0", "pca1", "remainder__shop"]
    assert check_table(out, task="shop").labels.tolist() == SHOP.tolist()


def test_missing_numbers_are_for_the_transformer_but_missing_labels_are_an_error():
    X = make_table("pandas")
    X.loc[2, "age"] = np.nan
    out = TaskAware(SimpleImputer(), task="shop").fit_transform(X)
    np.testing.assert_allclose(check_table(out, task="shop").features[2, 1], np.delete(VALUES[:, 1], 2).mean())
    X.loc[3, "shop"] = None
    with pytest.raises(InputError, match="'shop' has missing labels in row 3"):
        TaskAware(SimpleImputer(), task="shop").fit(X)


class CrossFitted(TransformerMixin, BaseEstimator):
    """Like a cross-fitted encoder: the training rows are not transformed as new rows are."""

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self

    def transform(self, X):
        return np.full((len(X), 1), self.mean_)

    def fit_transform(self, X, y):
        return self.fit(X, y).transform(X) + np.asarray(y)[:, None]


def test_fit_transform_is_the_transformers_own():
    X, y = make_table("pandas"), np.arange(7.0)
    aware = TaskAware(CrossFitted(), task="shop")
    np.testing.assert_allclose(aware.fit_transform(X, y)["crossfitted0"], 3 + y)
    np.testing.assert_allclose(aware.transform(X)["crossfitted0"], 3)
    within = aware.set_params(per_task=True).fit_transform(X, y)
    np.testing.assert_allclose(within["crossfitted0"], y + np.array([8 / 3, 2.5, 8 / 3, 4, 2.5, 4, 8 / 3]))
    np.testing.assert_allclose(aware.fit(X, pd.Series(y)).transform(X)["crossfitted0"], within["crossfitted0"] - y)


def test_bad_outputs_are_named():
    X = pd.DataFrame({"city": ["u", "v", "u", "w"], "shop": ["a", "a", "b", "b"]})
    with pytest.raises(
        InputError, match=r"\['city_u', 'city_w'\] for task 'b' but \['city_u', 'city_v'\] for task 'a'"
    ):
        TaskAware(OneHotEncoder(sparse_output=False), task="shop", per_task=True).fit_transform(X)
    with pytest.raises(InputError, match="OneHotEncoder gives a SciPy sparse matrix"):
        TaskAware(OneHotEncoder(), task=1).fit_transform(X.to_numpy(dtype=object))
    rename = FunctionTransformer(lambda Z: Z.set_axis(["shop"], axis=1))
    with pytest.raises(InputError, match="gives a column 'shop'"):
        TaskAware(rename, task="shop").fit_transform(X)


@pytest.mark.parametrize(
    ("X", "task", "message"),
    [
        (make_table("pandas"), "store", "There is no task column 'store'"),
        (make_table("array"), "shop", "7|without names"),
        (make_table("array"), 3, "no column at position task=3"),
        (make_table("pandas")[["shop"]], "shop", r"0 feature\(s\)"),
        (make_table("pandas").iloc[:0], "shop", r"0 sample\(s\)"),
    ],
)
def test_bad_tables(X, task, message):
    with pytest.raises(InputError, match=message):
        TaskAware(StandardScaler(), task=task).fit(X)


def test_other_columns_at_transform_are_an_error():
    aware = TaskAware(StandardScaler(), task="shop").fit(make_table("pandas"))
    with pytest.raises(ValueError, match="feature names should match"):
        aware.transform(make_table("pandas").rename(columns={"age": "years"}))
    with pytest.raises(ValueError, match="X has 2 features, but TaskAware is expecting 3 features"):
        TaskAware(StandardScaler(), task=0).fit(np.ones((3, 3))).transform(np.ones((3, 2)))


def test_a_name_is_remembered_by_position_for_arrays():
    aware = TaskAware(StandardScaler(), task="shop").fit(make_table("pandas"))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        out = aware.transform(make_table("array"))
    assert out[:, 1].tolist() == SHOP.tolist()


def test_frames_without_names_are_arrays():
    X = pd.DataFrame(np.column_stack([VALUES, np.arange(7)]))
    out = TaskAware(StandardScaler(), task=-1).fit_transform(X)
    assert isinstance(out, np.ndarray)
    np.testing.assert_array_equal(out[:, -1], np.arange(7))


def test_pyarrow_tables_come_back_as_pandas():
    table = pl.DataFrame(make_table("pandas")).to_arrow()
    out = TaskAware(StandardScaler(), task="shop").fit_transform(table)
    assert isinstance(out, pd.DataFrame)
    assert out["shop"].tolist() == SHOP.tolist()
