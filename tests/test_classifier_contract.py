"""What every exported classifier keeps, whatever it is: parametrised over the public list."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import kinfolk
from kinfolk import InputError, TaskKFold, UnseenTaskError
from kinfolk.datasets import make_shared_classification

METHODS = kinfolk.all_estimators("classifier")
POOLED = kinfolk.PooledLogistic  # cannot follow tasks that differ: scores are not asked of it
every_classifier = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
FIXED = {  # no folds, so that the order of rows cannot matter; and tasks lean on their population alone
    "MeanRegularizedClassifier": {},
    "SharedRepresentationClassifier": {"rank": 1},
    "TaskGraphClassifier": {"shrinkage": 1.0, "covariance": "scalar"},
    "IndependentLogistic": {},
    "PooledLogistic": {},
}


@parametrize_with_checks([method() for method in METHODS])
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    return make_shared_classification(n_tasks=12, n_samples=25, n_features=4, rank=1, random_state=0)


@pytest.fixture(scope="module")
def three(data):
    """Three classes, by the terciles of a noisy linear score."""
    score = data.log_odds(data.X) + np.random.default_rng(0).normal(size=len(data.y))
    return np.array(["low", "mid", "top"], dtype=object)[np.digitize(score, np.quantile(score, [1 / 3, 2 / 3]))]


_fits = {}


def fixed(method, task="task"):
    """The method with nothing left to choose, where only what goes in and comes out is looked at."""
    return method(task=task, **FIXED[method.__name__])


def fitted(method, data, make=lambda method: method(task="task")):
    """The default fit to ``data``, or that of ``make``; made once."""
    if (method, make) not in _fits:
        _fits[method, make] = make(method).fit(data.X, data.y)
    return _fits[method, make]


def close(one, other, tolerance=1e-6):
    assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())


@every_classifier
def test_shapes_and_names(method, data, three):
    model = fitted(method, data)
    assert model.coef_.shape == (12, 4)
    assert model.intercept_.shape == (12,)
    assert model.population_coef_.shape == (4,)
    assert list(model.tasks_) == list(range(12))
    assert model.feature_names_ == ["x0", "x1", "x2", "x3"]
    assert model.result_.status.ok
    proba = model.predict_proba(data.X)
    assert_allclose(proba.sum(axis=1), 1.0)
    assert_allclose(proba[:, 1], expit(model.decision_function(data.X)))
    assert_array_equal(model.predict(data.X), proba.argmax(axis=1))
    assert model.score(data.X, data.y) == np.mean(model.predict(data.X) == data.y) > (0.6 if method is POOLED else 0.7)
    many = method(task="task").fit(data.X, three)
    assert many.coef_.shape == (3, 12, 4)
    assert many.intercept_.shape == (3, 12)
    assert list(many.classes_) == ["low", "mid", "top"]
    assert len(many.result_) == 3
    proba = many.predict_proba(data.X)
    assert_allclose(proba.sum(axis=1), 1.0)
    assert_array_equal(many.predict(data.X), many.classes_[proba.argmax(axis=1)])
    assert many.score(data.X, three) > (0.3 if method is POOLED else 0.5)


@every_classifier
@pytest.mark.parametrize("names", [("no", "yes"), (False, True), (-1, 1), (2.0, 7.0)], ids=str)
def test_labels_may_be_text_booleans_and_numbers(method, names, data):
    expected = fitted(method, data, fixed)
    named = np.array(names)[data.y]
    for y in (named, pd.Series(named), pd.Series(named, dtype="category"), pl.Series(named.tolist())):
        model = fixed(method).fit(data.X, y)
        assert model.classes_.tolist() == list(names)
        assert_array_equal(model.coef_, expected.coef_)
        assert_array_equal(model.predict(data.X), model.classes_[expected.predict(data.X)])


@every_classifier
def test_exchanging_the_classes_changes_nothing_but_the_sign(method, data):
    model = fitted(method, data)
    other = method(task="task").fit(data.X, 1 - data.y)
    close(other.coef_, -model.coef_)
    close(other.intercept_, -model.intercept_)
    close(other.predict_proba(data.X)[:, ::-1], model.predict_proba(data.X))


@every_classifier
def test_units_and_origins_change_nothing_but_the_coefficients(method, data):
    model = fitted(method, data)
    factors = np.array([10.0, 0.1, 1000.0, 1.0])
    X = data.X.copy()
    X[["x0", "x1", "x2", "x3"]] = X[["x0", "x1", "x2", "x3"]] * factors + [100.0, 0.0, -5.0, 3.0]
    other = method(task="task").fit(X, data.y)
    close(other.coef_ * factors, model.coef_)
    close(other.predict_proba(X), model.predict_proba(data.X))


@every_classifier
def test_names_and_order_of_tasks_change_nothing(method, data):
    model = fixed(method).fit(data.X, data.y)
    shuffled = np.random.default_rng(0).permutation(len(data.y))
    X = data.X.iloc[shuffled].assign(task=lambda frame: "school " + (50 - frame["task"]).astype(str))
    other = fixed(method).fit(X, data.y[shuffled])
    close(other.coef_[::-1], model.coef_)


@every_classifier
def test_weights_count_rows(method, data):
    weights = np.where(data.X["task"] == 5, 0.0, np.where(data.X["task"] == 3, 2.0, 1.0))
    weighted = fixed(method).fit(data.X, data.y, sample_weight=weights)
    copies = np.repeat(np.arange(len(data.y)), weights.astype(int))
    repeated = fixed(method).fit(data.X.iloc[copies], data.y[copies])
    assert list(weighted.tasks_) == [t for t in range(12) if t != 5]
    close(weighted.coef_, repeated.coef_)
    close(weighted.predict_proba(data.X[weights > 0]), repeated.predict_proba(data.X[weights > 0]))


@pytest.mark.parametrize(
    "method", [method for method in METHODS if method.has_population], ids=lambda method: method.__name__
)
def test_an_unseen_task_raises_or_gets_the_population(method, data):
    strict = fitted(method, data)
    new = data.X.iloc[:4].assign(task=[0, 99, 98, 0])
    with pytest.raises(UnseenTaskError, match=r"2 task label\(s\) never seen in fit: '99', '98'.*adapt"):
        strict.predict(new)
    lenient = method(task="task", unseen="population").fit(data.X, data.y)
    odds = lenient.decision_function(new)
    plain = lenient.population_intercept_ + new.drop(columns="task").to_numpy() @ lenient.population_coef_
    assert_allclose(np.sign(odds[1:3]), np.sign(plain[1:3]))
    assert (np.abs(odds[1:3]) < np.abs(plain[1:3])).all()  # what is not known of the task moderates
    assert_allclose(odds[[0, 3]], strict.decision_function(new.iloc[[0, 3]]))
    with pytest.raises(InputError, match="unseen must be"):
        method(task="task", unseen="guess").fit(data.X, data.y)


@every_classifier
def test_adapt_learns_new_tasks_and_leaves_known_ones(method, data, three):
    known = (data.X["task"] < 9).to_numpy()
    for y in (data.y, three):
        model = method(task="task").fit(data.X[known], y[known])
        adapted = model.adapt(data.X[~known], y[~known])
        assert list(model.tasks_) == list(range(9))
        assert list(adapted.tasks_) == list(range(12))
        assert_array_equal(adapted.coef_[..., :9, :], model.coef_)
        assert_array_equal(adapted.predict_proba(data.X[known]), model.predict_proba(data.X[known]))
        assert adapted.score(data.X[~known], y[~known]) > (0.3 if method is POOLED else 0.5)
        again = model.adapt(data.X[known][:5].assign(task=77), y[known][:5])
        assert np.isfinite(again.coef_).all()
    with pytest.raises(InputError, match="knows already: 3"):
        model.adapt(data.X[data.X["task"] == 3], three[data.X["task"] == 3])
    with pytest.raises(InputError, match=r"classes that the model does not know: 'new'. It knows 'low', 'mid', 'top'"):
        model.adapt(data.X[:5].assign(task=77), ["new"] * 5)


@every_classifier
def test_the_training_rows_of_a_task_adapt_to_its_own_fit(method, data):
    """Adapting is the same posterior as fitting, given the population."""
    model = fixed(method).fit(data.X, data.y)
    rows = (data.X["task"] == 4).to_numpy()
    adapted = model.adapt(data.X[rows].assign(task=40), data.y[rows])
    close(adapted.coef_[12], model.coef_[4])
    close(adapted.intercept_[[12]], model.intercept_[[4]])


@every_classifier
def test_awkward_tasks_work(method, data):
    """Tasks of one row and of one class, constant and duplicated columns, more features than rows."""
    X = data.X.assign(constant=3.0, twin=data.X["x0"], only_between=data.X["task"] * 0.5)
    y = np.where(X["task"] == 2, 1, np.where(X["task"] == 3, 0, data.y))
    keep = (X["task"] > 1) | (X.groupby("task").cumcount() < 1)
    model = method(task="task").fit(X[keep], y[keep])
    assert np.isfinite(model.predict_proba(X)).all()
    assert np.abs(model.intercept_).max() < 50
    odds = pd.Series(model.decision_function(X)).groupby(X["task"].to_numpy()).mean()
    assert odds[2] > odds[4:].median() > odds[3]
    wide = X[keep].assign(**{f"z{j}": np.sin((j + 1) * np.arange(keep.sum())) for j in range(40)})
    assert np.isfinite(method(task="task").fit(wide, y[keep]).predict_proba(wide)).all()


@every_classifier
def test_degenerate_tables_give_finite_models(method):
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0], "task": ["a", "b", "c"]})
    assert np.isfinite(method(task="task").fit(X, [0, 1, 1]).predict_proba(X)).all()
    assert np.isfinite(method(task="task").fit(X, [0, 1, 2]).predict_proba(X)).all()
    one = X.assign(task="a")
    assert np.isfinite(method(task="task").fit(one, [0, 1, 1]).predict_proba(one)).all()
    flat = X.assign(x=1.0)
    assert np.isfinite(method(task="task").fit(flat, [0, 1, 1]).predict_proba(flat)).all()


@every_classifier
def test_separated_classes_give_finite_models(method, data):
    y = (data.log_odds(data.X) > 0).astype(int)
    model = method(task="task").fit(data.X, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(data.X, y) > (0.7 if method is POOLED else 0.95)
    pooled = (data.X["x0"] > 0).astype(int)
    assert method(task="task").fit(data.X, pooled).score(data.X, pooled) > 0.97


@every_classifier
def test_any_frame_will_do(method, data):
    expected = fitted(method, data, fixed).predict_proba(data.X)
    frame = pl.DataFrame({name: data.X[name].to_numpy() for name in data.X})
    assert_allclose(fixed(method).fit(frame, pl.Series(data.y)).predict_proba(frame), expected)
    array = data.X.to_numpy()
    assert_allclose(fixed(method, -1).fit(array, data.y).predict_proba(array), expected)
    text = data.X.assign(task=pd.Categorical("t" + data.X["task"].astype(str).str.zfill(2)))
    assert_allclose(fixed(method).fit(text, data.y).predict_proba(text), expected, atol=1e-8)


@every_classifier
def test_cloning_and_refitting_give_the_same_bits(method, data):
    model = fitted(method, data)
    again = clone(model).fit(data.X, data.y)
    assert_array_equal(again.coef_, model.coef_)


@every_classifier
def test_what_is_no_class_is_refused(method, data):
    with pytest.raises(InputError, match=r"continuous.*fractions.*regressor"):
        method(task="task").fit(data.X, data.log_odds(data.X))
    with pytest.raises(InputError, match="at least two classes; y holds one class, 1"):
        method(task="task").fit(data.X, np.ones(len(data.y)))
    with pytest.raises(InputError, match=r"missing classes in row"):
        method(task="task").fit(data.X, [None, *data.y[1:]])
    with pytest.raises(InputError, match="one class per row"):
        method(task="task").fit(data.X, np.column_stack((data.y, data.y)))


@every_classifier
def test_it_goes_through_scikit_learn(method, data):
    scores = cross_val_score(
        fixed(method), data.X, data.y, cv=TaskKFold(3, task="task", random_state=0), scoring="roc_auc"
    )
    assert scores.mean() > 0.6
