"""Model files of classifiers: what comes back is what went in, with its class labels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import kinfolk
from kinfolk import load_model, save_model
from kinfolk.datasets import make_shared_classification


@pytest.fixture(scope="module")
def data():
    return make_shared_classification(n_tasks=8, n_samples=20, n_features=3, rank=1, random_state=0)


@pytest.mark.parametrize("method", kinfolk.all_estimators("classifier"), ids=lambda method: method.__name__)
@pytest.mark.parametrize(
    "names", [(0, 1), ("no", "yes"), (False, True), (0.0, 2.0), ("a", "b", "c"), (3, 1, 2)], ids=str
)
def test_what_comes_back_is_what_went_in(method, names, data, tmp_path):
    y = np.array(names)[np.arange(len(data.y)) % 3 if len(names) == 3 else data.y]
    X = data.X if names[0] == 0 else data.X.assign(task="t" + data.X["task"].astype(str))
    model = method(task="task").fit(X, y)
    save_model(model, tmp_path / "m.kin")
    again = load_model(tmp_path / "m.kin")
    assert type(again) is method
    assert again.get_params() == model.get_params()
    assert again.classes_.dtype == model.classes_.dtype
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert {name for name in vars(again) if name.endswith("_")} == {name for name in vars(model) if name.endswith("_")}
    own = {
        "MeanRegularizedClassifier": ["lam_", "c_", "coupling_", "expected_error_"],
        "SharedRepresentationClassifier": ["heads_", "representation_", "rank_"],
        "TaskGraphClassifier": ["pull_", "shrinkage_", "inflation_", "coupling_strength_"],
    }.get(method.__name__, [])
    for name in ["coef_", "intercept_", "population_coef_", "classes_", "tasks_", *own]:
        assert_array_equal(getattr(again, name), getattr(model, name))
    if "pull_" in own:
        one = len(names) == 2
        for graph, before in zip(*(([each.graph_] if one else each.graph_) for each in (again, model)), strict=True):
            assert_array_equal(graph.toarray(), before.toarray())
    elif "heads_" in own:
        assert_array_equal(again.transform(X), model.transform(X))
    new = X[X["task"] == X["task"].iloc[0]].assign(task=99 if names[0] == 0 else "new")
    assert_array_equal(again.adapt(new, y[: len(new)]).coef_, model.adapt(new, y[: len(new)]).coef_)
