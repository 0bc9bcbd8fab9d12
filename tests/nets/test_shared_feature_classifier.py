"""The classifier keeps what every classifier of kinfolk keeps, as far as a net has it."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, make_moons
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import kinfolk
from kinfolk import InputError, SharedFeatureClassifier, TaskAware, TaskKFold, UnseenTaskError
from kinfolk.datasets import make_shared_classification
from kinfolk.nets import make_shared_feature_tasks

FAST = {"max_iter": 80, "n_filters": 12}


def net(**parameters):
    return SharedFeatureClassifier(**{"task": "task"} | FAST | parameters)


def close(one, other, tolerance=1e-6):
    assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(other).max())


@parametrize_with_checks(
    [SharedFeatureClassifier(**FAST), SharedFeatureClassifier(activation_power=3, early_stopping=True, **FAST)]
)
def test_scikit_learn_check_estimator(estimator, check):
    if estimator.early_stopping and "sample_weight_equivalence" in str(check):
        pytest.skip("held-out rows are drawn: a row of weight two is not two rows")
    check(estimator)


@pytest.fixture(scope="module")
def data():
    return make_shared_classification(n_tasks=12, n_samples=25, n_features=4, rank=1, random_state=0)


@pytest.fixture(scope="module")
def three(data):
    """Three classes, by the terciles of a noisy linear score."""
    score = data.log_odds(data.X) + np.random.default_rng(0).normal(size=len(data.y))
    return np.array(["low", "mid", "top"], dtype=object)[np.digitize(score, np.quantile(score, [1 / 3, 2 / 3]))]


@pytest.mark.parametrize("head", ["auto", "shared", "per_task", "shared+specific"])
def test_shapes_and_names(head, data, three):
    model = net(head=head).fit(data.X, data.y)
    assert model.head_kind_ == ("shared+specific" if head == "auto" else head)
    assert model.filters_.shape == (12, 5)
    assert model.heads_.shape == (12, 1, 13)
    assert list(model.tasks_) == list(range(12))
    assert model.feature_names_ == ["x0", "x1", "x2", "x3"]
    assert model.transform(data.X).shape == (300, 12)
    assert model.history_["loss"].iloc[-1] < 0.9 * model.history_["loss"].iloc[0]
    assert_allclose(model.history_["accuracy"].iloc[-1], model.score(data.X, data.y))
    many = net(head=head).fit(data.X, three)
    assert many.heads_.shape == (12, 3, 13)
    assert list(many.classes_) == ["low", "mid", "top"]
    proba = many.predict_proba(data.X)
    assert_allclose(proba.sum(axis=1), 1.0)
    assert_array_equal(many.predict(data.X), many.classes_[proba.argmax(axis=1)])
    assert many.score(data.X, three) > 0.4
    if head == "shared":
        assert (np.ptp(model.heads_, axis=0) == 0).all()
    else:
        assert (np.ptp(model.heads_, axis=0) > 0).any()
        assert model.score(data.X, data.y) > 0.7


def test_filters_have_intercepts():
    X, y = make_moons(300, noise=0.15, random_state=0)
    assert SharedFeatureClassifier(learning_rate=0.03).fit(X, y).score(X, y) > 0.95
    assert SharedFeatureClassifier(learning_rate=0.03, fit_intercept=False).fit(X, y).score(X, y) < 0.9


@pytest.mark.parametrize("names", [("no", "yes"), (False, True), (-1, 1), (2.0, 7.0)], ids=str)
def test_labels_may_be_text_booleans_and_numbers(names, data):
    expected = net().fit(data.X, data.y)
    named = np.array(names)[data.y]
    for y in (named, pd.Series(named, dtype="category"), pl.Series(named.tolist())):
        model = net().fit(data.X, y)
        assert model.classes_.tolist() == list(names)
        assert_array_equal(model.heads_, expected.heads_)
        assert_array_equal(model.predict(data.X), model.classes_[expected.predict(data.X)])


def test_units_and_origins_of_a_table_change_nothing(data):
    X = data.X.copy()
    X[["x0", "x1", "x2", "x3"]] = X[["x0", "x1", "x2", "x3"]] * [10.0, 0.1, 1000.0, 1.0] + [100.0, 0.0, -5.0, 3.0]
    close(net().fit(X, data.y).predict_proba(X), net().fit(data.X, data.y).predict_proba(data.X))


def test_one_unit_of_all_patches_changes_nothing(data):
    X = data.X.assign(**{name: 10 * data.X[name] + 7 for name in ("x0", "x1", "x2", "x3")})
    model = net(n_patches=2)
    close(model.fit(X, data.y).predict_proba(X), clone(model).fit(data.X, data.y).predict_proba(data.X))


def test_names_and_order_of_tasks_change_nothing(data):
    shuffled = np.random.default_rng(0).permutation(len(data.y))
    X = data.X.iloc[shuffled].assign(task=lambda frame: "school " + (50 - frame["task"]).astype(str))
    model, other = net().fit(data.X, data.y), net().fit(X, data.y[shuffled])
    close(other.heads_[::-1], model.heads_)


def test_weights_count_rows(data):
    weights = np.where(data.X["task"] == 5, 0.0, np.where(data.X["x0"] > 0, 2.0, 1.0))
    weighted = net().fit(data.X, data.y, sample_weight=weights)
    copies = np.repeat(np.arange(len(data.y)), weights.astype(int))
    repeated = net().fit(data.X.iloc[copies], data.y[copies])
    assert list(weighted.tasks_) == [t for t in range(12) if t != 5]
    close(weighted.predict_proba(data.X[weights > 0]), repeated.predict_proba(data.X[weights > 0]))


def test_an_unseen_task_raises_or_gets_the_common_head(data):
    strict = net().fit(data.X, data.y)
    new = data.X.iloc[:4].assign(task=[0, 99, 98, 0])
    with pytest.raises(UnseenTaskError, match=r"2 task label\(s\) never seen in fit: '99', '98'.*adapt"):
        strict.predict(new)
    lenient = net(unseen="population").fit(data.X, data.y)
    odds = lenient.transform(new) @ lenient.population_head_[0, :-1] + lenient.population_head_[0, -1]
    assert_allclose(lenient.decision_function(new)[1:3], odds[1:3])
    assert_allclose(lenient.decision_function(new)[[0, 3]], strict.decision_function(new.iloc[[0, 3]]))
    with pytest.raises(InputError, match="heads of their own have no population prediction"):
        net(unseen="population", head="per_task").fit(data.X, data.y)


@pytest.mark.parametrize("head", ["shared", "per_task", "shared+specific"])
def test_adapt_learns_new_tasks_and_leaves_known_ones(head, data, three):
    known = (data.X["task"] < 9).to_numpy()
    for y in (data.y, three):
        model = net(head=head).fit(data.X[known], y[known])
        adapted = model.adapt(data.X[~known], y[~known])
        assert list(model.tasks_) == list(range(9))
        assert list(adapted.tasks_) == list(range(12))
        assert_array_equal(adapted.predict_proba(data.X[known]), model.predict_proba(data.X[known]))
        assert adapted.score(data.X[~known], y[~known]) > 0.5
        again = model.adapt(data.X[known][:5].assign(task=-77), y[known][:5])
        assert_array_equal(again.predict_proba(data.X[known]), model.predict_proba(data.X[known]))
        tuned = model.adapt(data.X[~known], y[~known], mode="finetune")
        assert tuned.score(data.X[~known], y[~known]) > adapted.score(data.X[~known], y[~known])
        assert_array_equal(model.predict(data.X[known]), again.predict(data.X[known]))
    one_class = model.adapt(data.X[known][:1].assign(task=77), three[known][:1])
    assert np.isfinite(one_class.heads_).all()
    with pytest.raises(InputError, match="knows already: 3"):
        model.adapt(data.X[data.X["task"] == 3], three[data.X["task"] == 3])
    with pytest.raises(InputError, match="classes that the model does not know: 'new'"):
        model.adapt(data.X[:5].assign(task=77), ["new"] * 5)
    with pytest.raises(InputError, match="mode must be 'head' or 'finetune'"):
        model.adapt(data.X[:5].assign(task=77), three[:5], mode="all")


def test_finetuning_goes_on_from_the_heads_of_all_new_tasks():
    tasks = make_shared_feature_tasks(6, 20, 40, noise=2.0, random_state=0)
    model = SharedFeatureClassifier.theory(task="task", unseen="population", max_iter=100).fit(tasks.X, tasks.y)
    new = make_shared_feature_tasks(3, 20, 40, noise=2.0, random_state=1)
    X = new.X.assign(task=new.X["task"] + 50)
    plain = model.adapt(X, new.y)
    tuned = model.set_params(max_iter=1, learning_rate=1e-9).adapt(X, new.y, mode="finetune")
    assert np.ptp(plain.heads_[6:], axis=0).max() > 0.01
    assert_allclose(tuned.heads_, plain.heads_, rtol=1e-5, atol=1e-7)
    assert_array_equal(tuned.population_head_, model.population_head_)
    assert np.isfinite(tuned.predict_proba(X.assign(task=99))).all()


def test_tasks_may_have_classes_of_their_own(data):
    names = np.array([["cat", "dog"], ["car", "ship"]])[data.X["task"] % 2, data.y]
    model = net(max_iter=300).fit(data.X, names)
    assert model.head_kind_ == "per_task"
    animals = np.isin(model.predict(data.X), ["cat", "dog"])
    assert (animals == (data.X["task"] % 2 == 0)).mean() > 0.95
    assert model.score(data.X, names) > 0.7


def test_awkward_tasks_work(data):
    """Tasks of one row and of one class, constant and duplicated columns, more features than rows."""
    X = data.X.assign(constant=3.0, twin=data.X["x0"], only_between=data.X["task"] * 0.5)
    y = np.where(X["task"] == 2, 1, np.where(X["task"] == 3, 0, data.y))
    keep = (X["task"] > 1) | (X.groupby("task").cumcount() < 1)
    for early in (False, True):
        model = net(early_stopping=early).fit(X[keep], y[keep])
        assert np.isfinite(model.predict_proba(X)).all()
        odds = pd.Series(model.decision_function(X)).groupby(X["task"].to_numpy()).mean()
        assert odds[2] > odds[4:].median() > odds[3]
    wide = X[keep].assign(**{f"z{j}": np.sin((j + 1) * np.arange(keep.sum())) for j in range(40)})
    assert np.isfinite(net().fit(wide, y[keep]).predict_proba(wide)).all()


def test_degenerate_tables_give_finite_models():
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0], "task": ["a", "b", "c"]})
    for frame, y in ((X, [0, 1, 1]), (X, [0, 1, 2]), (X.assign(task="a"), [0, 1, 1]), (X.assign(x=1.0), [0, 1, 1])):
        assert np.isfinite(net(early_stopping=False).fit(frame, y).predict_proba(frame)).all()


def test_any_frame_will_do(data):
    expected = net().fit(data.X, data.y).predict_proba(data.X)
    frame = pl.DataFrame({name: data.X[name].to_numpy() for name in data.X})
    assert_allclose(net().fit(frame, pl.Series(data.y)).predict_proba(frame), expected)
    array = data.X.to_numpy()
    assert_allclose(net(task=-1).fit(array, data.y).predict_proba(array), expected)


def test_the_same_seed_gives_the_same_bits_and_files_keep_them(data, three, tmp_path):
    for y, parameters in ((data.y, {}), (three, {"batch_size": 50, "early_stopping": True, "dtype": "float32"})):
        model = net(**parameters).fit(data.X, y)
        kinfolk.save_model(model.adapt(data.X[:20].assign(task=50), y[:20]), tmp_path / "net.kin")
        for again in (
            clone(model).fit(data.X, y),
            pickle.loads(pickle.dumps(model)),
            kinfolk.load_model(tmp_path / "net.kin"),
        ):
            assert_array_equal(again.predict_proba(data.X), model.predict_proba(data.X))
            assert_array_equal(again.transform(data.X), model.transform(data.X))
        assert again.history_.equals(model.history_)
        assert again.adapt(data.X[:5].assign(task=77), y[:5]).tasks_.tolist() == [*range(12), 50, 77]
        assert net(random_state=1, **parameters).fit(data.X, y).filters_[0, 0] != model.filters_[0, 0]


def test_a_file_that_does_not_fit_together_is_refused(data, tmp_path):
    model = net().fit(data.X, data.y)
    model.heads_ = model.heads_[:, :, 1:]
    kinfolk.save_model(model, tmp_path / "net.kin")
    with pytest.raises(kinfolk.ModelFileError, match="heads of 11 filters, of which there are 12"):
        kinfolk.load_model(tmp_path / "net.kin")


def test_held_out_rows_end_the_fit_before_it_memorises(data):
    free = net(max_iter=600).fit(data.X, data.y)
    stopped = net(max_iter=600, early_stopping=True).fit(data.X, data.y)
    assert stopped.n_iter_ < 400
    held_out = stopped.history_["held_out_loss"]
    assert held_out.iloc[-1] > held_out.min()
    assert_allclose(stopped.history_[["loss", "held_out_loss"]].iloc[0], np.log(2), rtol=0.3)
    test, y = data.sample(100, 1)
    losses = [-np.log(model.predict_proba(test)[np.arange(len(y)), y]).mean() for model in (free, stopped)]
    assert losses[1] < losses[0]


def test_batches_learn_too(data):
    model = net(batch_size=32, max_iter=300).fit(data.X, data.y)
    assert model.score(data.X, data.y) > 0.7


def test_patches_need_no_table():
    tasks = make_shared_feature_tasks(1, 60, 30, random_state=0)
    model = SharedFeatureClassifier(**FAST).fit(tasks.patches, tasks.y)
    assert model.filters_.shape == (12, 31)
    assert_array_equal(model.predict(tasks.patches), model.predict(tasks.patches.reshape(60, -1)))


def test_images_are_told_apart_by_their_patches():
    digits = load_digits()
    X = kinfolk.patches_to_frame(digits.images[:600], np.arange(600) % 3)
    model = net(image_shape=(1, 8, 8), patch_size=4, stride=2, n_filters=40, max_iter=150).fit(X, digits.target[:600])
    assert model.filters_.shape == (40, 17)
    assert model.score(X, digits.target[:600]) > 0.9


def test_it_goes_through_scikit_learn_and_compare(data):
    folds = TaskKFold(3, task="task", random_state=0)
    assert cross_val_score(net(), data.X, data.y, cv=folds, scoring="roc_auc").mean() > 0.55
    search = GridSearchCV(net(), {"n_filters": [4, 8]}, cv=folds).fit(data.X, data.y)
    assert search.best_score_ > 0.5
    pipeline = make_pipeline(TaskAware(StandardScaler(), task="task"), net()).fit(data.X, data.y)
    close(pipeline.predict_proba(data.X), net().fit(data.X, data.y).predict_proba(data.X))
    found = kinfolk.compare(data.X, data.y, task="task", methods=["PooledLogistic", net()], cv=3)
    assert "SharedFeatureClassifier" in set(found.methods["method"])
    assert not found.failures


def test_what_cannot_be_fitted_is_refused(data):
    wrong = [
        ({"encoder": "resnet"}, "encoder must be"),
        ({"head": "hydra"}, "head must be one of 'auto', 'shared', 'per_task', 'shared.specific'; got 'hydra'"),
        ({"optimizer": "newton"}, "optimizer must be one of"),
        ({"n_patches": 3}, "n_patches=3 does not divide the 4 columns of X beside the task"),
        ({"patch_size": 2}, "give image_shape"),
        ({"image_shape": (1, 3, 3)}, r"image_shape=\(1, 3, 3\) takes 9 columns beside the task; X has 4"),
        ({"image_shape": (1, 2, 2), "patch_size": 3}, "larger than the images, 2 x 2"),
        ({"stride": 2}, "stride is the step of the squares of patch_size"),
        ({"image_shape": (1, 2, 2), "patch_size": 2, "n_patches": 2}, "leave n_patches and other encoders out"),
        ({"image_shape": 4}, "must be .channels, height, width."),
        ({"n_filters": 0}, "n_filters must be a whole number of at least 1"),
        ({"activation_power": 0.5}, "activation_power must be at least 1"),
        ({"learning_rate": -1.0}, "learning_rate must be a number > 0 or 'auto'"),
        ({"tol": float("nan")}, "tol must be zero or positive"),
        ({"validation_fraction": 0.9}, "validation_fraction must be above 0, at most 0.5"),
        ({"monitor": 3}, "monitor must be a function"),
        ({"train_head": False, "n_filters": 1}, "at least 2 filters"),
    ]
    for parameters, message in wrong:
        with pytest.raises(InputError, match=message):
            net(**parameters).fit(data.X, data.y)
    with pytest.raises(InputError, match="holds rows out of tasks that have several; here no task has"):
        net(early_stopping=True).fit(data.X.groupby("task").head(1), data.y[:: len(data.y) // 12])
    with pytest.raises(InputError, match="NaN"):
        net().fit(data.X.assign(x0=np.nan), data.y)
    with pytest.raises(InputError, match="at least two classes; y holds one class, 1"):
        net().fit(data.X, np.ones(len(data.y)))
    with pytest.raises(InputError, match="0 sample"):
        net().fit(data.X.iloc[:0], data.y[:0])


def test_images_are_compared_with_a_net_among_all_methods(monkeypatch):
    digits = load_digits()
    zero_or_one = np.flatnonzero(digits.target < 2)[:120]
    X = kinfolk.patches_to_frame(digits.images[zero_or_one], np.arange(120) % 3)
    monkeypatch.setattr(kinfolk, "all_estimators", lambda kind: [kinfolk.PooledLogistic, kinfolk.IndependentLogistic])
    found = kinfolk.compare(X, digits.target[zero_or_one], task="task", image_shape=(1, 8, 8), cv=3)
    scores = found.methods.set_index("method")
    methods = {"PooledLogistic", "IndependentLogistic", "SharedFeatureClassifier", "GuardedClassifier"}
    assert set(scores.index) == methods
    assert scores.loc["SharedFeatureClassifier", "accuracy"] > 0.95
    assert found.estimators["SharedFeatureClassifier"].image_shape == (1, 8, 8)
    wrong = kinfolk.compare(X, digits.target[zero_or_one], task="task", image_shape=(1, 7, 7), cv=2)
    assert "takes 49 columns beside the task; X has 64" in wrong.failures["SharedFeatureClassifier"]
