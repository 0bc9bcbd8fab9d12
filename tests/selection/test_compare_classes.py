"""Comparisons of classifiers: one log loss for all, against each task alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.svm import LinearSVC

import kinfolk
from kinfolk import IndependentLogistic, InputError, LeaveTasksOut, PooledLogistic, compare
from kinfolk.datasets import make_shared_classification

FAST = ["PooledLogistic", "IndependentLogistic"]


@pytest.fixture(scope="module")
def data():
    return make_shared_classification(n_tasks=30, n_samples=40, n_features=8, rank=2, random_state=0)


@pytest.fixture(scope="module")
def comparison(data):
    return compare(data.X, data.y, task="task", methods=[*FAST, "SharedRepresentationClassifier"])


def test_scores_are_those_of_scikit_learn_on_the_held_out_rows(comparison, data):
    truth, task = data.y[comparison.rows], data.X["task"].to_numpy()[comparison.rows]
    for row in comparison.methods.to_dict("records"):
        probability = comparison.predictions[row["method"]]
        assert_allclose(probability.sum(axis=1), 1.0)
        assert_allclose(row["loss"], log_loss(truth, probability))
        shares = np.tile(np.bincount(truth) / len(truth), (len(truth), 1))
        assert_allclose(row["d2"], 1.0 - log_loss(truth, probability) / log_loss(truth, shares))
        assert_allclose(row["accuracy"], np.mean(probability.argmax(axis=1) == truth))
        within = [
            roc_auc_score(truth[task == t], probability[task == t, 1])
            for t in np.unique(task)
            if 0 < truth[task == t].mean() < 1
        ]
        assert_allclose(row["auc"], np.mean(within))


def test_a_shared_representation_is_found_and_recommended(comparison):
    assert comparison.baseline == "IndependentLogistic"
    assert comparison.recommended == "SharedRepresentationClassifier"
    assert "below fitting each task alone" in comparison.reason
    assert type(comparison.best_estimator(refit=False)).__name__ == comparison.recommended


def test_all_means_every_classifier_and_numbers_still_mean_regressors(data):
    found = compare(data.X[:400], data.y[:400], task="task", cv=2)
    methods = {method.__name__ for method in kinfolk.all_estimators("classifier")} | {"GuardedClassifier"}
    assert set(found.methods["method"]) == methods


def test_more_classes_text_and_a_class_that_a_fold_lacks(data):
    score = data.log_odds(data.X)
    y = np.array(["low", "mid", "top"], dtype=object)[np.digitize(score, np.quantile(score, [0.4, 0.8]))]
    y[7] = "rare"
    found = compare(data.X, y, task="task", methods=FAST)
    assert found.predictions["PooledLogistic"].shape[1] == 4
    assert list(found.measures) == ["loss", "d2", "accuracy"]
    assert np.isfinite(found.methods["loss"]).all()
    assert sum(found.data_summary["classes"].values()) == pytest.approx(1.0)


def test_whole_tasks_held_out_are_compared_by_the_population(data):
    found = compare(data.X, data.y, task="task", methods=FAST, cv=LeaveTasksOut(5, task="task"))
    assert found.baseline == "PooledLogistic"
    assert "IndependentLogistic" in found.failures


def test_methods_of_others_take_part_and_those_without_probabilities_say_so(data):
    methods = {"logistic": LogisticRegression(), "svm": LinearSVC()}
    found = compare(data.X, data.y, task="task", methods=methods)
    assert "no predict_proba" in found.failures["svm"]
    assert "logistic" in set(found.methods["method"])


def test_scoring_decides_what_whole_numbers_are(data):
    y = np.arange(len(data.y)) % 3
    assert compare(data.X, y, task="task", methods=FAST, scoring="log_loss").baseline == "IndependentLogistic"
    assert compare(data.X, y, task="task", methods=["PooledRidge"]).baseline == "IndependentRidge"
    with pytest.raises(InputError, match="classification"):
        compare(data.X, data.y, task="task", scoring="squared_error")
    with pytest.raises(InputError, match="for classes"):
        compare(data.X, data.y, task="task", methods=["PooledRidge"])


# --- the two baselines


def test_pooled_coefficients_are_those_of_scikit_learn_where_tasks_are_one():
    """No task column, and rows that overrule the ridge: the plain logistic regression of all rows."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(2000, 3))
    y = generator.random(2000) < 1.0 / (1.0 + np.exp(-(0.5 + X @ [1.0, -2.0, 0.5])))
    ours = PooledLogistic().fit(X, y)
    plain = LogisticRegression(C=1e6, max_iter=1000).fit(X, y)
    assert_allclose(ours.coef_[0], plain.coef_[0], rtol=0.02)
    assert_allclose(ours.intercept_, plain.intercept_, rtol=0.02)


def test_the_strength_of_lone_tasks_is_at_the_maximum_of_their_evidence(data):
    from kinfolk.base.laplace import laplace_posterior
    from kinfolk.linear.logistic import _lone, evidence
    from kinfolk.scaling import Scaling
    from kinfolk.tasks import TaskData

    X, codes = data.X.drop(columns="task").to_numpy(), data.X["task"].to_numpy()
    scaling = Scaling(X.mean(axis=0), X.std(axis=0), 0.0, 1.0)
    rows = TaskData.build(X, data.y.astype(float), codes, 30, weights=None, scaling=scaling)
    model = IndependentLogistic(task="task").fit(data.X, data.y)
    chosen = 2.0 * np.log(model.result_.posterior.prior.scale[1])

    def total(log_variance):
        prior = _lone(8, log_variance)
        return float(evidence(rows, laplace_posterior(prior, rows), prior).sum())

    assert_allclose(total(chosen), model.result_.objective, rtol=1e-6)
    assert total(chosen) > max(total(chosen - 0.3), total(chosen + 0.3))


def test_random_intercepts_are_those_of_the_tasks():
    """Tasks that differ in their log-odds only: intercepts are found, and shrunken where rows are few."""
    generator = np.random.default_rng(0)
    level = np.repeat([-2.0, 0.0, 2.0], 10)
    codes = np.repeat(np.arange(30), 60)
    x = generator.normal(size=len(codes))
    y = (generator.random(len(codes)) < 1.0 / (1.0 + np.exp(-(level[codes] + x)))).astype(int)
    model = PooledLogistic(task=0).fit(np.column_stack((codes, x)), y)
    assert np.corrcoef(model.intercept_, level)[0, 1] > 0.95
    assert_allclose(model.coef_, 1.0, atol=0.15)
    assert_allclose(np.sqrt(model.result_.posterior.prior.scale[0] ** 2), level.std(), rtol=0.3)
