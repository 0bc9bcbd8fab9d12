"""Mean-regularised classification: scikit-learn on augmented features, optimality, leaving out, and tuning."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from kinfolk import IndependentLogistic, InputError, MeanRegularizedClassifier, PooledLogistic
from kinfolk.linear.intercept_prior import intercept_spread
from kinfolk.linear.losses import Loss
from kinfolk.linear.strengths import AnyCoupling, CommonMean
from kinfolk.linear.tuning import Problem
from kinfolk.tasks import TaskData

T, D, N = 5, 6, 40
LAM, C = 0.7, 0.4
K = ((1.0 - C) * np.eye(T) + C) / LAM
SINGULAR = np.kron(np.array([[2.0, 0.0], [0.0, 1.0]]), np.ones((3, 3)))[:T, :T]
EXACT = {"standardize": False, "tol": 1e-9, "max_iter": 100_000, "task": "task"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(T), N)
    X = rng.normal(size=(T * N, D))
    W = rng.normal(size=D) + 0.5 * rng.normal(size=(T, D))
    odds = (X * W[task]).sum(axis=1) + 0.5 * task - 1.0
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(D)]).assign(task=task), (
        rng.random(T * N) < expit(odds)
    ).astype(int)


def augmented(X, model, coupling):
    """Features with which the problem is one ordinary ridge-penalised problem: (p/2) |u|^2, intercept m free."""
    task, features = X["task"].to_numpy(), X.drop(columns="task").to_numpy()
    values, vectors = np.linalg.eigh(coupling)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    own = model.result_.posterior.prior.scale[0] * np.sqrt(D) * np.eye(T)[task]
    slopes = np.einsum("nt,nd->ntd", root[task], features - features.mean(axis=0)).reshape(len(X), -1)
    return np.column_stack((slopes, own)), root


@pytest.mark.parametrize("coupling", [K, SINGULAR], ids=["regular", "singular"])
def test_it_is_logistic_regression_on_augmented_features(coupling, data):
    X, y = data
    model = MeanRegularizedClassifier(coupling, **EXACT).fit(X, y)
    features, root = augmented(X, model, coupling)
    rival = LogisticRegression(C=1.0 / D, tol=1e-10, max_iter=10_000).fit(features, y)
    expected = root @ rival.coef_[0, : T * D].reshape(T, D)
    assert_allclose(model.coef_, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("coupling", [K, SINGULAR], ids=["regular", "singular"])
def test_it_is_a_support_vector_machine_on_augmented_features(coupling, data):
    X, y = data
    model = MeanRegularizedClassifier(coupling, loss="hinge", **EXACT).fit(X, y)
    features, root = augmented(X, model, coupling)
    # a large scaling leaves the rival's intercept nearly free
    rival = LinearSVC(C=1.0 / D, loss="hinge", tol=1e-8, max_iter=1_000_000, intercept_scaling=100.0, random_state=0)
    expected = root @ rival.fit(features, y).coef_[0, : T * D].reshape(T, D)
    assert_allclose(model.coef_, expected, atol=1e-4 * np.abs(expected).max())
    assert not hasattr(model, "predict_proba")
    plain = model.intercept_[X["task"]] + (X.drop(columns="task").to_numpy() * model.coef_[X["task"]]).sum(axis=1)
    assert_allclose(model.decision_function(X), plain, atol=1e-8)
    assert model.score(X, y) > 0.75


def problem(X, y, loss, spread=0.8):
    rows = TaskData.build(X.iloc[:, :-1].to_numpy(), y, X["task"].to_numpy(), T, standardize=False)
    rows = replace(rows, y=y.astype(float))
    return Problem(rows, Loss(loss), spread, 50_000, 1e-9), rows


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize(
    "strengths", [CommonMean.of(LAM, C, D), AnyCoupling(K / D), AnyCoupling(SINGULAR / D)], ids=["two", "K", "singular"]
)
def test_optimality(loss, strengths, data):
    """W = -K (sum_i l'_i x_i) / p; a_t - m = -v sum_i l'_i; the l' of all rows sum to zero, for m is free."""
    this, rows = problem(*data, loss)
    found = this.solve(strengths)
    if loss == "logistic":
        assert_allclose(found.dual, expit(found.z) - rows.y, atol=1e-8)
    else:
        steep = (1.0 - 2.0 * rows.y) * found.dual
        assert ((steep > -1e-6) & (steep < 1.0 + 1e-6)).all()
        margin = (2.0 * rows.y - 1.0) * found.z
        assert_allclose(steep[margin > 1.0 + 1e-4], 0.0, atol=1e-5)
        assert_allclose(steep[margin < 1.0 - 1e-4], 1.0, atol=1e-5)
    pulls = this.rows.pull(found.dual)
    assert_allclose(found.slopes, -strengths.per_feature(T) @ pulls[:, 1:], atol=1e-5)
    assert_allclose(pulls[:, 0].sum(), 0.0, atol=1e-4)
    middle = found.intercept + this.spread * pulls[:, 0]
    assert_allclose(middle, middle.mean(), atol=1e-4)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_left_out_rows_are_predicted_nearly(loss, data):
    """The mean leave-one-out loss is that of brute force within 5% (logistic, one fit) and 15% (hinge, folds)."""
    this, rows = problem(*data, loss)
    strengths = CommonMean.of(0.3, C, D)
    judged, places = this.judge(strengths), np.arange(0, T * N, 3)
    truth = []
    for i in places:
        part = rows.take(np.delete(np.arange(T * N), i))
        found = Problem(part, Loss(loss), this.spread, 20_000, 1e-7).solve(strengths)
        t = rows.codes[i]
        truth.append(found.intercept[t] + rows.X[i] @ found.slopes[t])
    errors, exact = judged.errors[places], Loss(loss).value(rows.y[places], np.array(truth))
    assert_allclose(errors.mean(), exact.mean(), rtol=0.05 if loss == "logistic" else 0.15)
    assert np.corrcoef(errors, exact)[0, 1] > (0.999 if loss == "logistic" else 0.7)


def test_the_limits_are_tasks_alone_and_one_model(data):
    X, y = data
    one = MeanRegularizedClassifier(lam=LAM, c=1.0, **EXACT).fit(X, y)
    assert_allclose(one.coef_, one.population_coef_ + np.zeros((T, D)), atol=1e-8)
    alone = MeanRegularizedClassifier(lam=LAM, c=0.0, **EXACT).fit(X, y)
    assert_allclose(alone.population_coef_, 0.0)
    part = MeanRegularizedClassifier(np.eye(T) / LAM, **EXACT).fit(X, y)
    assert_allclose(alone.coef_, part.coef_, atol=1e-7)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_new_tasks_are_learned_by_the_models_own_loss(loss, data):
    X, y = data
    rows = (X["task"] == 3).to_numpy()
    model = MeanRegularizedClassifier(task="task", loss=loss).fit(X, y)
    again = model.adapt(X[rows].assign(task=30), y[rows])
    assert_allclose(again.coef_[T], model.coef_[3], atol=1e-4)
    assert_allclose(again.intercept_[T], model.intercept_[3], atol=1e-4)
    assert np.isnan(again.expected_error_[T])
    assert again.coupling_.shape == (T + 1, T + 1)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_the_strengths_chosen_are_nearly_the_best(rho):
    """Mean test error of three draws within 0.01 of the best (lam, c) of a grid on the test rows."""
    p, ours, best = 30, [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        W = 2.0 * np.linalg.cholesky((1.0 - rho) * np.eye(5) + rho) @ rng.normal(size=(5, p)) / np.sqrt(p)
        task = np.repeat(np.arange(5), 1060)
        X = rng.normal(size=(len(task), p))
        y = (rng.random(len(task)) < expit((X * W[task]).sum(axis=1))).astype(int)
        table = np.column_stack((X, task))
        train = np.arange(len(task)) % 1060 < 60

        def error(model, table=table, y=y, train=train):
            return 1.0 - model.fit(table[train], y[train]).score(table[~train], y[~train])

        ours.append(error(MeanRegularizedClassifier(task=-1)))
        grid = [(lam, c) for lam in (0.03, 0.1, 0.3, 1.0) for c in (0.0, 0.3, 0.6, 0.9)]
        best.append([error(MeanRegularizedClassifier(task=-1, lam=lam, c=c)) for lam, c in grid])
    assert np.mean(ours) < np.mean(best, axis=0).min() + 0.01


def test_expected_errors_are_those_of_new_rows():
    rng = np.random.default_rng(0)
    W = rng.normal(size=20) + 0.5 * rng.normal(size=(5, 20))
    task = np.repeat(np.arange(5), 1080)
    X = rng.normal(size=(len(task), 20))
    y = (rng.random(len(task)) < expit(0.4 * (X * W[task]).sum(axis=1))).astype(int)
    table, train = np.column_stack((X, task)), np.arange(len(task)) % 1080 < 80
    for loss in ("logistic", "hinge"):
        model = MeanRegularizedClassifier(task=-1, loss=loss).fit(table[train], y[train])
        z = model.intercept_[task] + (X * model.coef_[task]).sum(axis=1)
        errors = np.logaddexp(0.0, (1 - 2 * y) * z) if loss == "logistic" else ((z > 0) != y).astype(float)
        assert_allclose(model.expected_error_.mean(), errors[~train].mean(), rtol=0.12)


def test_spread_of_intercepts_is_recovered():
    rng = np.random.default_rng(0)
    a = 0.5 + 0.8 * rng.normal(size=400)
    positive = rng.binomial(200, expit(a)).astype(float)
    assert_allclose(intercept_spread(positive, np.full(400, 200.0)), 0.64, rtol=0.15)
    assert intercept_spread(np.array([0.0, 3.0, 5.0]), np.array([3.0, 3.0, 9.0])) < 10.0


def test_bad_parameters_are_refused(data):
    for arguments, message in (({"loss": "squared"}, "'logistic', 'hinge'"), ({"c": "half"}, "c must be")):
        with pytest.raises(InputError, match=message):
            MeanRegularizedClassifier(task="task", **arguments).fit(*data)


@pytest.mark.parametrize("method", [MeanRegularizedClassifier, IndependentLogistic, PooledLogistic])
def test_probabilities_of_classes_that_are_nearly_separated_are_those_of_the_mode(method):
    """Averaged over a posterior as wide as that they are near one half; with overlapping classes averages stay."""
    generator = np.random.default_rng(0)
    task = np.repeat(np.arange(4), 200)
    X = pd.DataFrame(generator.normal(size=(800, 6)), columns=[f"x{j}" for j in range(6)]).assign(task=task)
    score = X[["x0", "x1"]].to_numpy() @ [3.0, -2.0]
    apart = method(task="task").fit(X, score > 0.0)
    assert apart.result_.details["averaging"] == 0.0
    overlapping = score + 6.0 * generator.logistic(size=800) > 0.0
    assert method(task="task").fit(X, overlapping).result_.details["averaging"] == 1.0
