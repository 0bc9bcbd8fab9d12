"""Mean-regularised regression: scikit-learn on augmented features, optimality conditions, limits, and leaving out."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from kinfolk import IndependentRidge, InputError, MeanRegularizedRegressor, PartialPoolingRegressor
from kinfolk.datasets import make_clustered_tasks, make_unrelated_tasks
from kinfolk.linear.held_out import robust_scale
from kinfolk.linear.losses import Loss
from kinfolk.linear.strengths import AnyCoupling, CommonMean
from kinfolk.linear.tuning import Problem
from kinfolk.tasks import TaskData

T, D, N = 5, 6, 25
LAM, C = 0.7, 0.4
K = ((1.0 - C) * np.eye(T) + C) / LAM
SINGULAR = np.kron(np.array([[2.0, 0.0], [0.0, 1.0]]), np.ones((3, 3)))[:T, :T]  # two clusters of equal tasks
LOSSES = ("squared", "huber", "lad")
EXACT = {"standardize": False, "tol": 1e-9, "max_iter": 100_000, "task": "task"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(T), N)
    X = rng.normal(size=(T * N, D))
    W = rng.normal(size=D) + 0.5 * rng.normal(size=(T, D))
    y = (X * W[task]).sum(axis=1) + rng.standard_t(3, size=T * N) + task
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(D)]).assign(task=task), y


def problem(X, y, loss):
    rows = TaskData.build(X.iloc[:, :-1].to_numpy(), y, X["task"].to_numpy(), T, standardize=False)
    return Problem(rows, loss, None, 100_000, 1e-10), rows


def test_squares_are_ridge_regression_on_augmented_features(data):
    X, y = data
    task, features = X["task"].to_numpy(), X.drop(columns="task").to_numpy()
    centred = features - np.array([features[task == t].mean(axis=0) for t in range(T)])[task]
    target = y - np.array([y[task == t].mean() for t in range(T)])[task]
    for coupling in (K, SINGULAR):
        values, vectors = np.linalg.eigh(coupling)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        augmented = np.einsum("nt,nd->ntd", root[task], centred).reshape(len(y), -1)
        rival = Ridge(alpha=D, fit_intercept=False, solver="cholesky").fit(augmented, target)
        model = MeanRegularizedRegressor(coupling, **EXACT).fit(X, y)
        assert_allclose(model.coef_, root @ rival.coef_.reshape(T, D), rtol=1e-8, atol=1e-9)
        assert_allclose(model.coupling_, coupling)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_two_strengths_are_a_coupling(loss, data):
    X, y = data
    one = MeanRegularizedRegressor(lam=LAM, c=C, loss=loss, **EXACT).fit(X, y)
    other = MeanRegularizedRegressor(K, loss=loss, **EXACT).fit(X, y)
    assert_allclose(one.coef_, other.coef_, atol=1e-6)
    assert_allclose(one.population_coef_, other.population_coef_, atol=1e-6)
    assert_allclose(one.coupling_, K)
    assert_allclose(one.expected_error_, other.expected_error_, rtol=1e-4)
    if loss == "squared":
        for have, want in zip(one.predict(X, return_std=True), other.predict(X, return_std=True), strict=True):
            assert_allclose(have, want, rtol=1e-8)


@pytest.mark.parametrize("loss", [Loss("squared"), Loss("huber", 0.4), Loss("lad")], ids=lambda loss: loss.name)
@pytest.mark.parametrize("coupling", [K, SINGULAR], ids=["regular", "singular"])
def test_optimality(loss, coupling, data):
    """With dual l'_i in the subdifferential: sum over a task of l' is 0, and W = -K (sum_i l'_i x_i) / p."""
    this, rows = problem(*data, loss)
    found = this.solve(AnyCoupling(coupling / D))
    z = found.intercept[rows.codes] + (rows.X * found.slopes[rows.codes]).sum(axis=1)
    assert_allclose(found.z, z, atol=1e-7)
    if loss.name == "lad":
        assert (np.abs(found.dual) <= 1.0 + 1e-6).all()
        off = np.abs(z - rows.y) > 1e-4
        assert_allclose(found.dual[off], np.sign(z - rows.y)[off], atol=1e-5)
    else:
        assert_allclose(found.dual, loss.slope(rows.y, z), atol=1e-6)
    pulls = this.rows.sums(found.dual[:, None] * rows.X)
    assert_allclose(this.rows.sums(found.dual), 0.0, atol=1e-5)
    assert_allclose(found.slopes, -coupling @ pulls / D, atol=1e-5)


def test_the_common_model_is_what_the_problem_says(data):
    """w_0 is the weighted mean of the tasks, lam_t w_t / (lam_0 + sum lam_s)."""
    X, y = data
    model = MeanRegularizedRegressor(lam=LAM, c=C, **EXACT).fit(X, y)
    own, shared = LAM / (1 - C), LAM / C
    assert_allclose(model.population_coef_, own * model.coef_.sum(axis=0) / (shared + T * own))


def test_without_a_common_mean_tasks_are_alone_and_with_nothing_else_they_are_one(data):
    X, y = data
    alone = MeanRegularizedRegressor(lam=LAM, c=0.0, **EXACT).fit(X, y)
    ridge = IndependentRidge(alpha=D * LAM, task="task", standardize=False).fit(X, y)
    assert_allclose(alone.coef_, ridge.coef_)
    assert_allclose(alone.intercept_, ridge.intercept_)
    assert_allclose(alone.population_coef_, 0.0)
    for loss in LOSSES:
        one = MeanRegularizedRegressor(lam=LAM, c=1.0, loss=loss, **EXACT).fit(X, y)
        assert_allclose(one.coef_, one.population_coef_ + np.zeros((T, D)), atol=1e-8)
    near = MeanRegularizedRegressor(lam=LAM, c=1.0 - 1e-9, **EXACT).fit(X, y)
    assert_allclose(near.coef_, MeanRegularizedRegressor(lam=LAM, c=1.0, **EXACT).fit(X, y).coef_, atol=1e-6)


@pytest.mark.parametrize("coupling", [CommonMean.of(LAM, C, D), AnyCoupling(SINGULAR / D)], ids=["common", "singular"])
def test_left_out_rows_are_predicted_exactly(coupling, data):
    """Leave-one-out of squares by brute force, to 1e-8, with features that are far from white."""
    X, y = data
    X = X.assign(x0=5.0 * X["x0"] + 3.0 * X["x1"])
    this, rows = problem(X, y, Loss("squared"))
    judged = this.judge(coupling)
    for i in range(0, len(y), 9):
        kept = np.delete(np.arange(len(y)), i)
        part = rows.take(kept)
        found = Problem(part, Loss("squared"), None, 1, 1.0).solve(coupling)
        t = rows.codes[i]
        assert_allclose(judged.z[i], found.intercept[t] + rows.X[i] @ found.slopes[t], atol=1e-8)
    model = MeanRegularizedRegressor(lam=LAM, c=C, **EXACT).fit(X, y)
    if isinstance(coupling, CommonMean):
        errors = (judged.z - rows.y) ** 2 * rows.scaling.y_scale**2
        assert_allclose(model.expected_error_, [errors[rows.codes == t].mean() for t in range(T)])


@pytest.mark.parametrize("loss", [Loss("huber", 0.4), Loss("lad")], ids=lambda loss: loss.name)
def test_left_out_rows_of_robust_losses_are_predicted_nearly(loss, data):
    """From one fit (Huber) and by five folds (absolute), beside leaving out each row."""
    this, rows = problem(*data, loss)
    strengths = CommonMean.of(LAM, C, D)
    judged = this.judge(strengths)
    truth = []
    places = np.arange(0, len(rows.y), 3)
    for i in places:
        part = rows.take(np.delete(np.arange(len(rows.y)), i))
        found = Problem(part, loss, None, 20_000, 1e-8).solve(strengths)
        t = rows.codes[i]
        truth.append(found.intercept[t] + rows.X[i] @ found.slopes[t])
    errors, exact = loss.value(rows.y, judged.z)[places], loss.value(rows.y[places], np.array(truth))
    assert_allclose(errors.mean(), exact.mean(), rtol=0.15 if loss.name == "lad" else 0.05)
    assert np.corrcoef(errors, exact)[0, 1] > (0.7 if loss.name == "lad" else 0.98)


def test_a_large_coupling_is_solved_by_conjugate_gradients_and_judged_by_row_norms(data, monkeypatch):
    X, y = data
    dense = MeanRegularizedRegressor(SINGULAR, **EXACT).fit(X, y)
    monkeypatch.setattr("kinfolk.linear.coupled.DENSE", 0)
    sparse = MeanRegularizedRegressor(SINGULAR, **EXACT).fit(X, y)
    assert_allclose(sparse.coef_, dense.coef_, atol=1e-8)
    assert_allclose(sparse.expected_error_, dense.expected_error_, rtol=0.15)
    one, other = (model.predict(X, return_std=True)[1] for model in (sparse, dense))
    assert_allclose(np.mean(one), np.mean(other), rtol=0.1)


@pytest.mark.parametrize("loss", LOSSES)
def test_units_change_nothing_but_the_units(loss, data):
    X, y = data
    model = MeanRegularizedRegressor(task="task", loss=loss).fit(X, y)
    other = MeanRegularizedRegressor(task="task", loss=loss).fit(X.assign(x1=1000.0 * X["x1"]), 10.0 * y)
    scale = np.array([1.0, 1e-3, *np.ones(D - 2)])
    assert_allclose(other.coef_, 10.0 * model.coef_ * scale, rtol=1e-6, atol=1e-6 * np.abs(model.coef_).max())
    unit = 10.0 if loss == "lad" else 100.0
    assert_allclose(other.expected_error_, unit * model.expected_error_, rtol=1e-6)
    assert_allclose(other.lam_, model.lam_, rtol=1e-6)


def test_unrelated_tasks_are_no_worse_than_alone():
    """Excess error within 2% of the total error of IndependentRidge."""
    for seed in range(3):
        tasks = make_unrelated_tasks(30, 40, 10, random_state=seed)
        error = {}
        for method in (IndependentRidge, MeanRegularizedRegressor):
            model = method(task="task").fit(tasks.X, tasks.y)
            error[method] = tasks.excess_error(model.coef_, model.intercept_) + model.noise_variance_
        assert error[MeanRegularizedRegressor] < 1.02 * error[IndependentRidge]


def test_tasks_with_a_common_part_gain():
    tasks = make_clustered_tasks(1, n_tasks=30, n_samples=12, n_features=10, random_state=0)
    methods = (MeanRegularizedRegressor, IndependentRidge)
    model, alone = (method(task="task").fit(tasks.X, tasks.y) for method in methods)
    assert model.c_ > 0.5
    gained = tasks.excess_error(model.coef_, model.intercept_), tasks.excess_error(alone.coef_, alone.intercept_)
    assert gained[0] < 0.5 * gained[1]
    partial = PartialPoolingRegressor("scalar", task="task").fit(tasks.X, tasks.y)
    assert gained[0] < 1.5 * tasks.excess_error(partial.coef_, partial.intercept_)


def draw(correlation, n, p, seed, noise=0.25):
    rng = np.random.default_rng(seed)
    n_tasks = len(correlation)
    W = np.linalg.cholesky(correlation) @ rng.normal(size=(n_tasks, p)) / np.sqrt(p)
    task = np.repeat(np.arange(n_tasks), n)
    X = rng.normal(size=(len(task), p))
    y = (X * W[task]).sum(axis=1) + np.sqrt(noise) * rng.normal(size=len(task))
    return np.column_stack((X, task)), y, W


def test_clusters_of_tasks_are_found_by_the_coupling():
    correlation = 0.2 * np.eye(6) + 0.8 * np.kron(np.eye(2), np.ones((3, 3)))
    X, y, W = draw(correlation, 100, 60, 0)
    model = MeanRegularizedRegressor(task=-1, standardize=False).fit(X, y)
    family = MeanRegularizedRegressor(lam=0.25, c=0.4, task=-1, standardize=False).fit(X, y)
    assert np.isnan(model.c_)
    size = np.sqrt(np.diag(model.coupling_))
    assert_allclose(model.coupling_ / np.outer(size, size), correlation, atol=0.3)
    assert ((model.coef_ - W) ** 2).sum() < 0.85 * ((family.coef_ - W) ** 2).sum()
    adapted = model.adapt(np.column_stack((X[:30, :-1], np.full(30, 9.0))), y[:30])
    assert adapted.coupling_.shape == (7, 7)
    assert np.linalg.eigvalsh(adapted.coupling_)[0] > 0
    assert np.isnan(adapted.expected_error_[6])
    assert_allclose(adapted.coupling_[:6, :6], model.coupling_)


@pytest.mark.parametrize(("n", "rho"), [(20, 0.6), (50, 0.9), (125, 0.0)])
def test_strengths_are_as_good_as_those_of_a_grid_search(n, rho):
    """Mean test error within 2% of that of 5-fold cross-validation on a 7 x 5 grid; benchmarks/mean_regularized.py."""
    p, ours, theirs = 50, [], []
    for seed in range(3):
        X, y, W = draw((1.0 - rho) * np.eye(5) + rho, n, p, seed)
        rows = TaskData.build(X[:, :-1], y, X[:, -1].astype(int), 5, standardize=False)
        fold, scale = rows.deal(5, np.random.default_rng(0)), rows.scaling.y_scale
        grid = [CommonMean.of(lam, c, p) for lam in np.logspace(-2, 1, 7) for c in (0.0, 0.25, 0.5, 0.75, 0.95)]
        errors = np.zeros(len(grid))
        for k in range(5):
            train, test = rows.take(np.flatnonzero(fold != k)), rows.take(np.flatnonzero(fold == k))
            part = Problem(train, Loss("squared"), None, 1, 1.0)
            for i, strengths in enumerate(grid):
                found = part.solve(strengths)
                fitted = found.intercept[test.codes] + (test.X * found.slopes[test.codes]).sum(axis=1)
                errors[i] += ((test.y - fitted) ** 2).sum()
        all_rows = Problem(rows, Loss("squared"), None, 1, 1.0)
        searched = scale * all_rows.solve(grid[int(np.argmin(errors))]).slopes
        chosen = MeanRegularizedRegressor(task=-1, standardize=False).fit(X, y)
        ours.append(0.25 + ((chosen.coef_ - W) ** 2).sum(axis=1).mean())
        theirs.append(0.25 + ((searched - W) ** 2).sum(axis=1).mean())
    assert np.mean(ours) < 1.02 * np.mean(theirs)


@pytest.mark.parametrize("loss", LOSSES)
def test_awkward_tables(loss, data):
    """A task of one row, constant columns, more features than rows; new tasks by the model's own loss."""
    X, y = data
    kept = ((X["task"] > 0) | (np.arange(len(y)) < 1)).to_numpy() & (np.arange(len(y)) % 3 == 0)
    wide = X.assign(flat=2.0, own=X["task"] * 1.0, **{f"z{j}": np.sin((j + 1) * np.arange(len(y))) for j in range(40)})
    model = MeanRegularizedRegressor(task="task", loss=loss).fit(wide[kept], y[kept])
    mean, std = model.predict(wide, return_std=True)
    assert np.isfinite(mean).all()
    assert (std > 0).all()
    assert np.isfinite(std).all()
    assert np.isnan(model.expected_error_[0])
    assert np.isfinite(model.expected_error_[1:]).all()
    rows = (X["task"] == 3).to_numpy()
    fitted = MeanRegularizedRegressor(task="task", loss=loss).fit(X, y)
    again = fitted.adapt(X[rows].assign(task=30), y[rows])
    assert_allclose(again.coef_[T], fitted.coef_[3], atol=1e-4)  # the posterior given the population is the same
    assert_allclose(again.intercept_[T], fitted.intercept_[3], atol=1e-4)


def test_outliers_do_less_harm_to_the_robust_losses():
    X, y, W = draw(0.3 * np.eye(5) + 0.7, 60, 10, 0)
    rng = np.random.default_rng(1)
    y = y + np.where(rng.random(len(y)) < 0.1, 5.0 * rng.normal(size=len(y)), 0.0)
    error = {}
    for loss in LOSSES:
        model = MeanRegularizedRegressor(loss=loss, task=-1).fit(X, y)
        error[loss] = ((model.coef_ - W) ** 2).sum()
        covered = (
            np.abs(model.coef_ - W)
            < 3.0
            * np.sqrt(np.einsum("tjj->tj", model.result_.posterior.covariance))[:, 1:]
            * model._scaling.y_scale
            / model._scaling.x_scale
        )
        assert covered.mean() > 0.9
    assert max(error["huber"], error["lad"]) < 0.7 * error["squared"]


def test_a_robust_scale_is_the_standard_deviation_of_a_normal_law():
    values = np.random.default_rng(0).normal(scale=3.0, size=100_000)
    assert_allclose(robust_scale(values, np.ones(len(values))), 3.0, rtol=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lam": 0.0}, "lam must be None .chosen. or a number > 0"),
        ({"c": 1.5}, "c must be None .chosen. or from 0 to 1"),
        ({"loss": "cubic"}, "loss must be one of 'squared', 'huber', 'lad'"),
        ({"delta": -1.0}, "delta must be"),
        ({"coupling": "guess"}, "coupling must be 'auto' or"),
        ({"coupling": K, "lam": 1.0}, "leave lam and c out"),
        ({"coupling": np.eye(3)}, r"must be \(5, 5\)"),
        ({"coupling": -np.eye(T)}, "positive semi-definite"),
        ({"coupling": pd.DataFrame(np.eye(2))}, r"no row or column for tasks \[2, 3, 4\]"),
        ({"max_iter": 0}, "max_iter"),
        ({"tol": 0.0}, "tol"),
    ],
)
def test_bad_parameters_are_refused(arguments, message, data):
    with pytest.raises(InputError, match=message):
        MeanRegularizedRegressor(task="task", **arguments).fit(*data)


def test_a_labelled_coupling_is_read_by_its_labels(data):
    X, y = data
    order = [3, 1, 0, 4, 2]
    frame = pd.DataFrame(SINGULAR, index=range(T), columns=range(T)).loc[order, order]
    assert_allclose(
        MeanRegularizedRegressor(frame, task="task").fit(X, y).coef_,
        MeanRegularizedRegressor(SINGULAR, task="task").fit(X, y).coef_,
    )
