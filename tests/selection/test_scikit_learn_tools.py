"""The table of docs/passing-tasks.md: what is not tried on the page itself."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingRegressor, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    HalvingGridSearchCV,
    KFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
    permutation_test_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from kinfolk import (
    IndependentRidge,
    InputError,
    MeanRegularizedClassifier,
    PooledLogistic,
    PooledRidge,
    TaskAware,
    TaskKFold,
)
from kinfolk.datasets import make_clustered_tasks

TASKS = make_clustered_tasks(3, n_tasks=6, n_samples=20, n_features=4, random_state=0)
X, y = TASKS.X, TASKS.y
FOLDS = TaskKFold(3, task="task", random_state=0)
RIDGE = IndependentRidge(task="task")
VOTES, POOLED_VOTES = MeanRegularizedClassifier(task="task", lam=1.0, c=0.5), PooledLogistic(task="task")


def test_clones_and_pickles_predict_alike():
    model = RIDGE.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X) == model.predict(X)).all()
    assert clone(model).get_params() == model.get_params()


def test_several_scores_at_once():
    scores = cross_validate(RIDGE, X, y, cv=FOLDS, scoring=["r2", "neg_mean_absolute_error"])
    assert (scores["test_r2"] > 0.0).all()


def test_halving():
    search = HalvingGridSearchCV(RIDGE, {"alpha": [1e-3, 1.0, 1e6]}, cv=FOLDS, random_state=0).fit(X, y)
    assert search.best_params_["alpha"] < 1e6


def test_permuted_targets_score_worse():
    score, permuted, _ = permutation_test_score(RIDGE, X, y, cv=FOLDS, n_permutations=5, random_state=0)
    assert score > permuted.max()


def test_shuffled_folds():
    assert (cross_val_score(RIDGE, X, y, cv=KFold(3, shuffle=True, random_state=0)) > 0.0).all()
    stratified = StratifiedKFold(3, shuffle=True, random_state=0).split(X, X["task"])
    assert (cross_val_score(RIDGE, X, y, cv=stratified) > 0.0).all()


def test_more_features_and_the_whole_output_setting():
    more = TaskAware(PolynomialFeatures(2, include_bias=False), task="task").set_output(transform="pandas")
    assert make_pipeline(more, RIDGE).fit(X, y)[-1].coef_.shape == (6, 14)


def test_two_columns_of_labels_are_refused():
    parts = [(name, TaskAware(StandardScaler(), task="task")) for name in ("one", "two")]
    union = FeatureUnion(parts).set_output(transform="pandas")
    with pytest.raises(InputError, match="'one__task', 'two__task'"):
        make_pipeline(union, RIDGE).fit(X, y)


def test_calibration_and_thresholds():
    for tool in (CalibratedClassifierCV(VOTES, cv=FOLDS), TunedThresholdClassifierCV(VOTES, cv=FOLDS)):
        assert tool.fit(X, y > 0).score(X, y > 0) > 0.7


def test_mixed_classifiers():
    methods = [("mean", VOTES), ("pooled", POOLED_VOTES)]
    for tool in (VotingClassifier(methods, voting="soft"), StackingClassifier(methods, cv=FOLDS)):
        assert tool.fit(X, y > 0).predict_proba(X).shape == (120, 2)


def test_bagging_passes_arrays():
    with pytest.raises(InputError, match="task=-1"):
        BaggingRegressor(PooledRidge(task="task"), n_estimators=2, random_state=0).fit(X, y)


def test_several_targets_and_classes():
    assert MultiOutputRegressor(RIDGE).fit(X, np.column_stack([y, -y])).predict(X).shape == (120, 2)
    thirds = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    assert OneVsRestClassifier(POOLED_VOTES).fit(X, thirds).score(X, thirds) > 0.4


@pytest.mark.parametrize("selector", [RFE, SequentialFeatureSelector])
def test_selection_of_features(selector):
    with pytest.raises(ValueError, match="'task' cannot be found"):
        selector(RIDGE, n_features_to_select=2).fit(X, y)
    inside = TaskAware(selector(Ridge(), n_features_to_select=2), task="task").set_output(transform="pandas")
    assert make_pipeline(inside, RIDGE).fit(X, y)[-1].coef_.shape == (6, 2)
