"""A task column in X goes through every scikit-learn tool with nothing else to pass (the probes of the field study)."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import StackingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneGroupOut,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kinfolk import PartialPoolingRegressor, TaskAware, TaskKFold
from kinfolk.datasets import make_unrelated_tasks

MODEL = PartialPoolingRegressor("scalar", task="shop")


@pytest.fixture(scope="module")
def shops():
    data = make_unrelated_tasks(n_tasks=8, n_samples=30, n_features=3, noise=0.3, random_state=0)
    X = data.X.rename(columns={"task": "shop"}).assign(shop=lambda frame: "shop " + frame["shop"].astype(str))
    return X, data.y


def test_scorers_see_the_task(shops):
    X, y = shops
    own = cross_val_score(MODEL, X, y, cv=TaskKFold(4, task="shop", random_state=0))
    by_name = cross_val_score(MODEL, X, y, cv=TaskKFold(4, task="shop", random_state=0), scoring="r2")
    assert own.min() > 0.9
    assert_allclose(own, by_name)


def test_cross_val_predict(shops):
    X, y = shops
    predicted = cross_val_predict(MODEL, X, y, cv=TaskKFold(4, task="shop", random_state=0))
    assert np.corrcoef(predicted, y)[0, 1] > 0.95


def test_grid_search_fits_and_predicts(shops):
    X, y = shops
    search = GridSearchCV(MODEL, {"covariance": ["scalar", "diagonal"]}, cv=TaskKFold(3, task="shop", random_state=0))
    assert search.fit(X, y).predict(X).shape == y.shape
    assert search.best_score_ > 0.9


def test_scalers_inside_a_pipeline(shops):
    X, y = shops
    plain = MODEL.fit(X, y).predict(X)
    for frame in (X, pl.DataFrame({name: X[name].to_numpy() for name in X})):
        pipeline = make_pipeline(TaskAware(StandardScaler(), task="shop"), MODEL)
        assert_allclose(pipeline.fit(frame, y).predict(frame), plain, atol=1e-6)


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize("verbose", [True, False])
def test_column_transformer(shops, output, verbose):
    X, y = shops
    columns = ColumnTransformer(
        [("scaled", StandardScaler(), ["x0", "x1", "x2"])], remainder="passthrough", verbose_feature_names_out=verbose
    ).set_output(transform=output)
    task = -1 if output == "default" else "shop"  # a bare array has no names; else remainder__shop is found
    pipeline = make_pipeline(columns, PartialPoolingRegressor("scalar", task=task))
    assert_allclose(pipeline.fit(X, y).predict(X), MODEL.fit(X, y).predict(X), atol=1e-6)


def test_a_name_is_resolved_by_position_when_the_names_are_gone(shops):
    X, y = shops
    codes = X.assign(shop=X["shop"].str[5:].astype(int))
    model = PartialPoolingRegressor("scalar", task="shop").fit(codes, y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert_allclose(model.predict(codes.to_numpy()), model.predict(codes))


def test_stacking_and_transformed_targets(shops):
    X, y = shops
    stack = StackingRegressor([("kin", MODEL)], LinearRegression(), cv=StratifiedOnShop())
    assert stack.fit(X, y).score(X, y) > 0.9
    logged = TransformedTargetRegressor(MODEL, func=np.sinh, inverse_func=np.arcsinh)
    assert logged.fit(X, y).predict(X).shape == y.shape


class StratifiedOnShop:
    """StratifiedKFold on the task column: every shop in every fold."""

    def split(self, X, y=None, groups=None):
        return StratifiedKFold(3).split(X, X["shop"])

    def get_n_splits(self, X=None, y=None, groups=None):
        return 3


def test_permutation_importance(shops):
    X, y = shops
    importance = permutation_importance(MODEL.fit(X, y), X, y, n_repeats=3, random_state=0)
    assert (importance.importances_mean > 0.05).all()


def test_leaving_shops_out_scores_the_population_model(shops):
    X, y = shops
    model = PartialPoolingRegressor("scalar", task="shop", unseen="population")
    scores = cross_val_score(model, X, y, cv=LeaveOneGroupOut(), groups=X["shop"])
    assert scores.shape == (8,)
    assert np.isfinite(scores).all()


def test_feature_names_in_a_different_order_are_refused(shops):
    X, y = shops
    model = MODEL.fit(X, y)
    with pytest.raises(ValueError, match="same order"):
        model.predict(X[["x1", "x0", "x2", "shop"]])
    assert isinstance(model.predict(pd.DataFrame(X)), np.ndarray)
