"""The guard: exact where it should be, harmless where nothing is shared, and an estimator like any other."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_predict

from kinfolk import (
    GuardedClassifier,
    GuardedRegressor,
    InputError,
    PartialPoolingRegressor,
    TaskKFold,
    UnseenTaskError,
    compare,
    load_model,
    save_model,
)
from kinfolk.datasets import make_shared_classification, make_shared_representation
from kinfolk.selection.gate import shrunken_gains
from kinfolk.selection.guarded_folds import add_guarded
from kinfolk.selection.held_out import HeldOut
from kinfolk.selection.simplex import simplex_minimum
from kinfolk.selection.stacked import STRENGTH, stack_log, stack_squared

FEW = ["PooledRidge", "PartialPoolingRegressor"]


def tables(own, n_tasks=30, p=6, seed=0):
    """Tasks whose coefficients differ from their mean by ``own`` (T,) or a number."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(8, 40, size=n_tasks)
    W = generator.normal(size=p) + np.reshape(own, (-1, 1)) * generator.normal(size=(n_tasks, p))

    def draw(counts):
        codes = np.repeat(np.arange(n_tasks), counts)
        X = generator.normal(size=(len(codes), p))
        frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(p)]).assign(task=codes)
        return frame, (X * W[codes]).sum(axis=1) + generator.normal(size=len(codes))

    return draw(sizes), draw(np.full(n_tasks, 200))


@pytest.fixture(scope="module")
def data():
    return make_shared_representation(n_tasks=14, n_samples=16, n_features=4, rank=1, random_state=0)


@pytest.fixture(scope="module")
def model(data):
    return GuardedRegressor(FEW, task="task").fit(data.X, data.y)


def test_weights_on_the_simplex_fulfil_the_conditions_of_karush_kuhn_and_tucker():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(200, 7, 5))
    rows[:, :, 1] = rows[:, :, 0] + 1e-3 * rows[:, :, 1]  # nearly the same model twice
    Q = np.swapaxes(rows, 1, 2) @ rows
    w = simplex_minimum(Q)
    gradient = (Q @ w[:, :, None])[:, :, 0]
    level = (gradient * w).sum(axis=1)
    assert_allclose(w.sum(axis=1), 1.0)
    assert (w >= 0.0).all()
    assert (level - gradient.min(axis=1) <= 1e-6 * np.trace(Q, axis1=1, axis2=2)).all()
    assert_allclose(simplex_minimum(1e6 * Q), w, atol=1e-9)


def test_squared_weights_are_least_squares_with_pseudo_rows_of_all_tasks():
    generator = np.random.default_rng(1)
    residuals, codes = generator.normal(size=(300, 3)) * [1.0, 1.2, 1.5], generator.integers(0, 5, size=300)
    found = stack_squared(residuals, codes, generator.integers(0, 4, size=300), np.ones(6, dtype=bool))
    mean = residuals.T @ residuals / 300
    for t in range(5):
        own = residuals[codes == t].T @ residuals[codes == t]
        assert_allclose(found.weights[t], simplex_minimum((own + STRENGTH * mean)[None])[0], atol=1e-9)
    assert_allclose(found.weights[5], found.shared, atol=1e-6)  # no rows: the weights of all


def test_log_weights_are_the_mode_under_the_prior():
    generator = np.random.default_rng(2)
    probability, codes = generator.uniform(0.05, 0.95, size=(400, 4)), generator.integers(0, 3, size=400)
    found = stack_log(probability, codes, generator.integers(0, 4, size=400), np.ones(3, dtype=bool))
    for t in range(3):
        here = probability[codes == t]
        pull = (here / (here @ found.weights[t])[:, None]).sum(axis=0) + STRENGTH * found.shared / found.weights[t]
        assert_allclose(pull, pull.mean(), rtol=1e-6)  # the gradient is constant on the simplex


def test_gains_are_shrunk_to_those_of_all_tasks():
    generator = np.random.default_rng(3)
    codes = np.repeat(np.arange(40), 12)
    same = shrunken_gains(0.5 + generator.normal(size=480), codes, np.full(41, 12.0))
    spread = np.nanstd(same.mean)
    assert np.std(same.shrunk[:40]) < 0.5 * spread
    assert same.leaves(1.0).all()  # also the one that had no row held out
    none = shrunken_gains(generator.normal(size=480), codes, np.full(41, 12.0))
    assert none.leaves(1.0).mean() < 0.1
    mixed = np.where(np.arange(40) % 2, 3.0, 0.0)[codes] + generator.normal(size=480)
    leaves = shrunken_gains(mixed, codes, np.full(40, 12.0)).leaves(1.0)
    assert leaves[1::2].all()
    assert leaves[::2].mean() < 0.4


def test_unrelated_tasks_are_left_alone():
    (X, y), (new, truth) = tables(own=2.0)
    model = GuardedRegressor(["PooledRidge"], task="task").fit(X, y)
    assert (model.weights_[:, model.candidates_.index("IndependentRidge")] == 1.0).mean() > 0.8
    alone = model.estimators_["IndependentRidge"].predict(new)
    assert np.mean((model.predict(new) - truth) ** 2) < 1.02 * np.mean((alone - truth) ** 2)


def test_tasks_that_cannot_speak_for_themselves_go_with_their_kin():
    generator = np.random.default_rng(4)
    codes = np.repeat(np.arange(30), 2)  # two rows a task, and ten tasks without any
    skewed = np.where(generator.random(60) < 0.2, 3.0, 0.0) + 0.01 * generator.normal(size=60)  # the median sees none
    found = shrunken_gains(skewed, codes, np.full(40, 2.0))
    assert found.leaves(0.8)[30:].all()
    lost = shrunken_gains(-skewed, codes, np.full(40, 2.0))
    assert not lost.leaves(0.8).any()
    small = shrunken_gains(np.full(60, 0.004), codes, np.full(40, 2.0))
    assert not small.leaves(0.8).any()  # certain, and not worth it
    spoken = np.concatenate((np.repeat(codes, 30), np.full(900, 30)))  # a task of 900 rows that loses, sixty that gain
    gains = np.concatenate((np.repeat(skewed, 30), generator.normal(-1.0, 1.0, size=900)))
    assert not shrunken_gains(gains, spoken, np.append(np.full(30, 60.0), 900.0)).leaves(0.8)[30]


def test_half_related_tasks_take_what_helps_and_harm_few():
    (X, y), (new, truth) = tables(own=np.where(np.arange(30) % 2, 0.1, 2.0))
    model = GuardedRegressor(["PooledRidge"], task="task").fit(X, y)
    task = new["task"].to_numpy()
    loss, alone, pooled = (
        np.bincount(task, (predicted - truth) ** 2) / 200
        for predicted in (model.predict(new), *(one.predict(new) for one in reversed(model.estimators_.values())))
    )
    assert loss.mean() < min(alone.mean(), pooled.mean())
    assert_allclose(loss[::2], alone[::2])  # those that share nothing keep their own fit
    assert loss[1::2].mean() < 0.98 * alone[1::2].mean()
    assert (loss > 1.05 * alone).mean() < 0.1
    assert set(model.harmed_tasks_) <= set(range(0, 30, 2))


def test_predictions_are_the_mixture(data, model):
    parts = np.stack([one.predict(data.X) for one in model.estimators_.values()], axis=1)
    weights = model.weights_[data.X["task"].to_numpy()]
    assert_allclose(model.predict(data.X), (weights * parts).sum(axis=1))
    stds = np.stack([one.predict(data.X, return_std=True)[1] for one in model.estimators_.values()], axis=1)
    mean, std = model.predict(data.X, return_std=True)
    assert_allclose(std**2, (weights * (stds**2 + (parts - mean[:, None]) ** 2)).sum(axis=1))
    assert (model.predict(data.X, return_std=True, observation_noise=True)[1] > std).all()
    assert_allclose(model.weights_.sum(axis=1), 1.0)
    assert (model.transfer_gain_se_ >= 0.0).all()


def test_units_and_labels_change_nothing(data, model):
    X = data.X.assign(x0=100.0 * data.X["x0"], task="school " + data.X["task"].astype(str).str.zfill(2))
    other = GuardedRegressor(FEW, task="task").fit(X, 10.0 * data.y)
    assert_allclose(other.weights_, model.weights_, atol=1e-5)
    assert_allclose(other.predict(X), 10.0 * model.predict(data.X), rtol=1e-4, atol=1e-4)


def test_a_missing_gain_is_waited_for_longer_with_more_safety(data):
    weights = [GuardedRegressor(FEW, task="task", safe=c).fit(data.X, data.y).weights_ for c in (0.0, 0.8, 1e9)]
    alone = GuardedRegressor(FEW, task="task").fit(data.X, data.y).candidates_.index("IndependentRidge")
    kept = [(w[:, alone] == 1.0).sum() for w in weights]
    assert kept[0] <= kept[1] <= kept[2] == 14


def test_it_composes_with_scikit_learn(data):
    guarded = GuardedRegressor(["PooledRidge"], task="task")
    predicted = cross_val_predict(guarded, data.X, data.y, cv=TaskKFold(3, task="task"))
    assert predicted.shape == data.y.shape
    assert clone(guarded).get_params()["candidates"] == ["PooledRidge"]
    assert guarded.fit(data.X, data.y).score(data.X, data.y) > 0.0


def test_any_regressor_may_be_a_candidate(data, tmp_path):
    forest = RandomForestRegressor(10, random_state=0)
    model = GuardedRegressor({"forest": forest, "pp": PartialPoolingRegressor()}, task="task").fit(data.X, data.y)
    assert set(model.candidates_) == {"IndependentRidge", "forest", "pp"}
    assert np.isfinite(model.predict(data.X)).all()
    with pytest.raises(InputError, match="forest is not one"):
        save_model(model, tmp_path / "m.kin")


def test_unseen_tasks_raise_or_get_the_population(data):
    new = data.X.iloc[:4].assign(task=[0, 99, 99, 1])
    strict = GuardedRegressor(FEW, task="task").fit(data.X, data.y)
    with pytest.raises(UnseenTaskError, match="99"):
        strict.predict(new)
    lenient = GuardedRegressor(FEW, task="task", unseen="population").fit(data.X, data.y)
    predicted = lenient.predict(new)
    assert_allclose(predicted[[0, 3]], strict.predict(new.iloc[[0, 3]]))
    able = {name: one for name, one in lenient.estimators_.items() if name != "IndependentRidge"}
    lowest, highest = (np.min, np.max)
    parts = np.stack([one.predict(new.iloc[1:3]) for one in able.values()])
    assert (predicted[1:3] >= lowest(parts, axis=0) - 1e-9).all()
    assert (predicted[1:3] <= highest(parts, axis=0) + 1e-9).all()


def test_adapt_learns_new_tasks_and_leaves_known_ones(data):
    known = (data.X["task"] < 11).to_numpy()
    model = GuardedRegressor(FEW, task="task").fit(data.X[known], data.y[known])
    adapted = model.adapt(data.X[~known], data.y[~known])
    assert list(adapted.tasks_) == list(range(14))
    assert_allclose(adapted.predict(data.X[known]), model.predict(data.X[known]))
    assert np.mean((adapted.predict(data.X[~known]) - data.y[~known]) ** 2) < np.var(data.y[~known])
    with pytest.raises(InputError, match="knows already"):
        model.adapt(data.X[known], data.y[known])


def test_a_file_holds_the_candidates(data, model, tmp_path):
    save_model(model, tmp_path / "m.kin")
    again = load_model(tmp_path / "m.kin")
    assert_allclose(again.predict(data.X, return_std=True), model.predict(data.X, return_std=True))
    assert (again.weights_ == model.weights_).all()
    assert again.candidates_ == model.candidates_
    text = data.X.assign(task="t" + data.X["task"].astype(str))
    labels = (data.y > np.median(data.y)).astype(int)
    classifier = GuardedClassifier(["PooledLogistic"], task="task").fit(text, labels)
    save_model(classifier, tmp_path / "c.kin")
    assert_allclose(load_model(tmp_path / "c.kin").predict_proba(text), classifier.predict_proba(text))


def test_classes_are_mixed_by_their_probabilities():
    data = make_shared_classification(n_tasks=10, n_samples=30, n_features=4, rank=1, random_state=0)
    names = np.array(["no", "yes"])[np.asarray(data.y).astype(int)]
    model = GuardedClassifier(["PooledLogistic"], task="task").fit(data.X, names)
    probability = model.predict_proba(data.X)
    assert_allclose(probability.sum(axis=1), 1.0)
    assert set(model.predict(data.X)) <= {"no", "yes"}
    parts = np.stack([one.predict_proba(data.X) for one in model.estimators_.values()], axis=1)
    assert_allclose(probability, np.einsum("nk,nkc->nc", model.weights_[data.X["task"].to_numpy()], parts))
    assert model.score(data.X, names) > 0.6


def test_wide_data_weighs_each_response_in_its_own_unit(data):
    X = data.X.drop(columns="task").to_numpy()[:60]
    Y = X @ data.coef[:4].T + 0.3 * np.random.default_rng(0).normal(size=(60, 4))
    Y[::7, 2] = np.nan
    model = GuardedRegressor(FEW).fit(X, Y)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == Y.shape
    units = np.array([1.0, 1e3, 1e-3, 1.0])
    other = GuardedRegressor(["PartialPoolingRegressor"]).fit(X, Y * units)
    assert other.score(X, Y * units) > 0.5
    weights = np.arange(60) % 2  # rows of weight zero do not count in a score
    assert_allclose(other.score(X, Y * units, sample_weight=weights), other.score(X[1::2], (Y * units)[1::2]))
    assert other.weights_.shape == (4, 2)


def test_awkward_tables(data):
    X = data.X.assign(
        task=np.where(data.X["task"] == 0, np.arange(len(data.X)) % 16 + 100, data.X["task"])
    )  # one row each
    model = GuardedRegressor(FEW, task="task").fit(X, data.y)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.weights_).all()
    tiny = pd.DataFrame({"x": [1.0, 2.0, 3.0], "task": ["a", "b", "c"]})
    with pytest.warns(UserWarning, match="can hold out no row of 3"):
        alone = GuardedRegressor(FEW, task="task").fit(tiny, [1.0, 2.0, 4.0])
    assert np.isfinite(alone.predict(tiny)).all()
    assert (alone.weights_[:, alone.candidates_.index("IndependentRidge")] == 1.0).all()
    weights = (data.X["task"] != 5).to_numpy().astype(float)
    weighted = GuardedRegressor(FEW, task="task").fit(data.X, data.y, sample_weight=weights)
    assert 5 not in weighted.tasks_


@pytest.mark.parametrize(
    ("given", "message"),
    [({"safe": -1.0}, "safe must be"), ({"cv": 1}, "cv must be"), ({"unseen": "guess"}, "unseen must be")],
)
def test_bad_parameters_are_refused(data, given, message):
    with pytest.raises(InputError, match=message):
        GuardedRegressor(FEW, task="task", **given).fit(data.X, data.y)


def test_compare_always_shows_it_and_judges_it_by_weights_of_other_folds(data):
    found = compare(data.X, data.y, task="task", methods=FEW)
    assert "GuardedRegressor" in set(found.methods["method"])
    names = ["PooledRidge", "IndependentRidge", "PartialPoolingRegressor"]
    codes = data.X["task"].to_numpy()[found.rows]

    def guarded(truth):
        parts = {name: found.predictions[name] for name in names}
        tested = HeldOut(truth, codes, found.folds, found.rows, None, parts)
        add_guarded(tested, "guard", names, n_rows=np.full(14, 16.0), alone=1, safe=0.8)
        return tested.predictions["guard"]

    expected = guarded(found.truth)
    assert_allclose(found.predictions["GuardedRegressor"], expected, atol=1e-6)
    moved = guarded(found.truth + 100.0 * (found.folds == 2))  # a fold's own truth does not move its predictions
    assert_allclose(moved[found.folds == 2], expected[found.folds == 2])
    refitted = found.refit("GuardedRegressor")
    assert set(refitted.candidates_) == set(names)
    assert_allclose(found.guard_weights[refitted.candidates_], refitted.weights_, atol=1e-6)


def test_a_guard_that_is_given_is_fitted_in_place_of_the_one_that_is_shown(data):
    given = {"GuardedRegressor": GuardedRegressor(["PooledRidge"], safe=0.0)}
    found = compare(data.X, data.y, task="task", methods=given, cv=3)
    assert found.estimators["GuardedRegressor"].safe == 0.0
    assert found.guard_weights is None
    assert "GuardedRegressor" in str(compare(data.X, data.y, task="task", methods=["PooledRidge"], cv=2))
