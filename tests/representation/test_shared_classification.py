"""Logistic tasks with a shared representation: recovery, safety where nothing is shared, and the steps themselves."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import cross_val_score

from kinfolk import InputError, SharedRepresentationClassifier, TaskKFold
from kinfolk.base.laplace import laplace_posterior
from kinfolk.datasets import load_watch, make_shared_classification
from kinfolk.posterior import GaussianPrior
from kinfolk.representation.logistic import Design, Prior, find_mode
from kinfolk.representation.logistic_climb import climb
from kinfolk.representation.logistic_rank import extend, first_fit
from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData


def classification_data(tasks, *, weights=None):
    X, codes = tasks.X.drop(columns="task").to_numpy(), tasks.X["task"].to_numpy()
    scaling = replace(Scaling.fit(X, tasks.y, weights, standardize=True), y_center=0.0, y_scale=1.0)
    return TaskData.build(X, tasks.y.astype(float), codes, len(tasks.coef), weights=weights, scaling=scaling)


def task_auc(y, odds, task):
    return np.mean([roc_auc_score(y[task == t], odds[task == t]) for t in np.unique(task)])


# AUC on new rows, mean over tasks, of the method and with the true log-odds; benchmarks/classification.py
REFERENCE = [(100, 40, 0.841, 0.870), (100, 80, 0.857, 0.871), (300, 40, 0.847, 0.871)]


@pytest.mark.parametrize(("n_tasks", "n_samples", "reached", "best"), REFERENCE)
def test_the_auc_of_the_reference_designs_is_reached(n_tasks, n_samples, reached, best):
    found, truth, losses = [], [], []
    for seed in range(3):
        data = make_shared_classification(n_tasks, n_samples, random_state=seed)
        new, y = data.sample(100, random_state=1000 + seed)
        task = new["task"].to_numpy()
        model = SharedRepresentationClassifier(3, task="task").fit(data.X, data.y)
        odds = model.decision_function(new)
        assert model.n_iter_ <= 25
        found.append(task_auc(y, odds, task))
        truth.append(task_auc(y, data.log_odds(new), task))
        losses.append(log_loss(y, expit(odds)))
    assert abs(np.mean(found) - reached) <= 0.01
    assert abs(np.mean(truth) - best) <= 0.01
    if (n_tasks, n_samples) == (100, 40):
        assert abs(np.mean(losses) - 0.491) <= 0.01


@pytest.mark.parametrize("rule", ["auto", "bic"])
def test_the_rank_and_the_subspace_are_found(rule):
    data = make_shared_classification(100, 40, n_features=15, rank=2, random_state=0)
    model = SharedRepresentationClassifier(rule, task="task").fit(data.X, data.y)
    assert model.rank_ == 2
    assert model.rank_scores_.argmin() == 2
    assert model.representation_.shape == (15, 2)
    assert model.heads_.shape == (100, 2)
    assert_allclose(model.representation_.T @ model.representation_, np.eye(2), atol=1e-10)
    overlap = np.linalg.svd(model.representation_.T @ data.representation)[1]
    assert overlap.min() > 0.95
    assert_allclose(model.singular_values_, 1.5, rtol=0.3)
    shared = model.transform(data.X)
    assert shared.shape == (4000, 2)
    assert_allclose(shared.std(axis=0), 1.0, rtol=0.1)


def test_where_tasks_share_nothing_the_rank_is_zero_and_the_population_is_pooled():
    same = make_shared_classification(30, 30, n_features=5, rank=0, random_state=0)
    y = (np.random.default_rng(0).random(len(same.y)) < expit(same.X["x0"] - 1.0)).astype(int)
    model = SharedRepresentationClassifier(task="task").fit(same.X, y)
    assert model.rank_ <= 1
    assert_allclose(model.population_coef_, [1.0, 0.0, 0.0, 0.0, 0.0], atol=0.35)
    assert_allclose(model.population_intercept_, -1.0, atol=0.35)
    assert np.abs(model.coef_ - model.population_coef_).max() < 0.5


def test_few_rows_for_many_features_do_not_make_it_too_sure():
    """30 rows a task in 150 features: sharing is found by "auto", and sureness is that of new rows."""
    data = make_shared_classification(100, 30, n_features=150, rank=2, random_state=0)
    new, y = data.sample(50, random_state=1)
    model = SharedRepresentationClassifier(task="task").fit(data.X, data.y)
    alone = SharedRepresentationClassifier(0, task="task").fit(data.X, data.y)
    odds = model.decision_function(new)
    assert model.rank_ >= 2
    assert roc_auc_score(y, odds) > roc_auc_score(y, alone.decision_function(new)) + 0.1
    slopes = np.linspace(0.5, 1.5, 21)
    best = slopes[np.argmin([log_loss(y, expit(slope * odds)) for slope in slopes])]
    assert 0.8 <= best <= 1.3  # the slope of a calibrated model is one


def test_nearly_separated_tasks_keep_what_they_have_of_their_own():
    """Exercises seen by a watch: the evidence takes the subjects for alike, held-out rows do not."""
    watch = load_watch()
    y = watch.y == sorted(watch.y.unique())[0]
    folds = TaskKFold(3, task=watch.task, random_state=0)
    losses = []
    for rank in ("auto", 0):
        model = SharedRepresentationClassifier(rank, task=watch.task)
        losses.append(-cross_val_score(model, watch.X, y, cv=folds, scoring="neg_log_loss").mean())
    assert losses[0] < 0.85 * losses[1]


def test_the_evidence_never_falls():
    data = make_shared_classification(40, 30, n_features=8, rank=2, random_state=0)
    model = SharedRepresentationClassifier(2, task="task").fit(data.X, data.y)
    assert (np.diff(model.history_) >= 0).all()
    assert model.history_[-1] == model.result_.objective


@pytest.mark.parametrize("n_samples", [12, 60])  # both forms of the working rows: the rows themselves, and a factor
def test_the_mode_has_no_gradient(n_samples):
    """X' (y - p) = S^-1 (u - m) in every task."""
    data = classification_data(make_shared_classification(9, n_samples, n_features=15, rank=2, random_state=0))
    generator = np.random.default_rng(0)
    loadings = np.concatenate((np.zeros((1, 2)), generator.normal(size=(15, 2))))
    prior = Prior(0.3 * generator.normal(size=16), loadings, np.full(16, 0.4), 1.0)
    design = Design(data)
    state = find_mode(design, prior, np.zeros(len(data.y)), tol=1e-12)
    S = loadings @ loadings.T + np.diag(prior.own)
    left = data.y - expit(state.eta)
    for t in range(9):
        rows = slice(data.offsets[t], data.offsets[t + 1])
        assert_allclose(S @ (design.rows[rows].T @ left[rows]), state.coef[t] - prior.mean, atol=1e-4)
    posterior = laplace_posterior(GaussianPrior(prior.mean, loadings, np.sqrt(prior.own), np.zeros((16, 0))), data)
    assert_allclose(posterior.mean, state.coef, atol=1e-4)
    curvature = expit(state.eta) * expit(-state.eta)
    rows = slice(data.offsets[3], data.offsets[4])
    information = (design.rows[rows] * curvature[rows, None]).T @ design.rows[rows]
    assert_allclose(posterior.covariance[3], np.linalg.inv(information + np.linalg.inv(S)), atol=1e-4)


def test_the_value_is_the_laplace_evidence():
    """Against the formula of one task at a time, with D x D determinants."""
    tasks = make_shared_classification(6, 12, n_features=4, rank=2, random_state=1)
    data = classification_data(tasks)
    loadings = np.concatenate((np.zeros((1, 1)), np.ones((4, 1))))
    prior = Prior(np.full(5, 0.2), loadings, np.full(5, 0.5), 0.7)
    design = Design(data)
    state = find_mode(design, prior, np.zeros(len(data.y)), tol=1e-12)
    S = loadings @ loadings.T + np.diag(prior.own)
    value, total = 0.0, np.zeros((5, 5))
    for t in range(6):
        rows = slice(data.offsets[t], data.offsets[t + 1])
        p, u = expit(state.eta[rows]), state.coef[t] - prior.mean
        y = data.y[rows]
        H = (design.rows[rows] * (p * (1 - p))[:, None]).T @ design.rows[rows]
        value += float(np.sum(np.log(np.where(y == 1, p, 1 - p)))) - 0.5 * u @ np.linalg.solve(S, u)
        value -= 0.5 * np.linalg.slogdet(np.eye(5) + S @ H)[1]
        total += np.linalg.inv(np.linalg.inv(H) + S)
    M = loadings[1:] @ loadings[1:].T + 0.7 * np.eye(4)
    precision = np.zeros((5, 5))
    precision[1:, 1:] = np.linalg.inv(M)
    value -= 0.5 * (prior.mean[1:] @ np.linalg.solve(M, prior.mean[1:]) + np.linalg.slogdet(M)[1])
    value -= 0.5 * np.linalg.slogdet(total + precision)[1]
    assert_allclose(state.value, value, rtol=1e-6)


def test_one_more_direction_raises_the_evidence_when_there_is_one():
    data = classification_data(make_shared_classification(60, 30, n_features=10, rank=2, random_state=2))
    design = Design(data)
    zero = first_fit(design, tol=0.1)
    one = climb(design, extend(zero), zero.eta, steps=30, tol=0.1)
    two = climb(design, extend(one), one.eta, steps=30, tol=0.1)
    three = climb(design, extend(two), two.eta, steps=30, tol=0.1)
    assert one.value > zero.value + 50
    assert two.value > one.value + 50
    assert abs(three.value - two.value) < 50


def test_ranks_that_cannot_be_are_refused():
    data = make_shared_classification(4, 20, n_features=6, rank=2, random_state=0)
    with pytest.raises(InputError, match=r"rank=4 is more than min\(features, tasks - 1\) = 3"):
        SharedRepresentationClassifier(4, task="task").fit(data.X, data.y)
    for wrong in ({"rank": "best"}, {"rank": -1}, {"n_splits": 1}, {"max_iter": 0}, {"max_rank": -1}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} must be a whole number"):
            SharedRepresentationClassifier(task="task", **wrong).fit(data.X, data.y)
