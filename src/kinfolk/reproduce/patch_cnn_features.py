"""What a two-layer net over patches learns of features that tasks share, alone and together.

- ``tasks``: accuracy along the number of tasks, in three sizes of problem (``SIZES``);
- ``curves``: inner products of the filters with both features and the noise, along the iterations;
- ``controls``: what changes when the problem or the net does (``CONTROLS``), one task beside many;
- ``phases``: accuracy on rows with the shared feature, against the benefit ratio R, for several strengths of noise;
- ``few_shot``: a task never seen, from 10 or 40 labels on frozen filters;
- ``weightings``: ways to weigh tasks.
"""

import time
from functools import partial
from typing import Any

import numpy as np

from kinfolk.nets import (
    SharedFeatureClassifier,
    SharedFeatureTasks,
    benefit_ratio,
    feature_learning,
    make_shared_feature_tasks,
)
from kinfolk.nets.weighting import WEIGHTINGS
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row, carry_out

SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # of the data and of the net
    "small": ({"n_samples": 30, "patch_dim": 400, "noise": 3.5}, {}),
    "full": (
        {"n_samples": 50, "patch_dim": 1000, "noise": 4.5},
        {"n_filters": 20, "learning_rate": 0.25, "max_iter": 1500, "log_every": 50},
    ),
    "noisy": (
        {"n_samples": 50, "patch_dim": 1000, "noise": 5.0},
        {"n_filters": 20, "learning_rate": 0.25, "max_iter": 1000, "log_every": 50},
    ),
}
CONTROLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # changes of the data and of the net
    "no shared feature": ({"shared_probability": 0.0}, {}),
    "only the shared feature": ({"shared_probability": 1.0}, {}),
    "shared in 3 of 10 rows": ({"shared_probability": 0.3}, {}),
    "four patches": ({"n_patches": 4}, {"n_patches": 4}),
    "larger start": ({}, {"init_scale": 0.1}),
    "equal strengths": ({"specific_strength": 1.0}, {}),
    "labels turned in half of the tasks": ({"label_polarity": "half"}, {}),
    "plain ReLU": ({}, {"activation_power": 1}),
    "squares": ({}, {"activation_power": 2}),
    "rows of all tasks of its own": ({"n_samples": "all"}, {}),
    "rows of five tasks dealt over all": ({"n_samples": "dealt"}, {}),
}
_BOTH = ["no shared feature", "only the shared feature", "shared in 3 of 10 rows", "four patches", "larger start"]
_ALONE = ["plain ReLU", "squares", "rows of all tasks of its own"]
_UNDECIDED = ["shared in 3 of 10 rows", "rows of five tasks dealt over all"]  # in the small size: it turns on the seed
_TOGETHER = ["labels turned in half of the tasks", "rows of five tasks dealt over all"]


def _controls(size: str, many: int) -> list[Cell]:
    return [
        {"control": name, "size": size, "K": K, "many": many}
        for names, counts in (
            (_BOTH, (1, many)),
            (["equal strengths"], (1, many)),
            (_ALONE, (1,)),
            (_TOGETHER, (many,)),
        )
        for name in names
        for K in counts
    ]


def _tasks(size: str, counts: tuple[int, ...]) -> list[Cell]:
    return [{"size": size, "K": K} for K in counts]


def _phases(noises: tuple[float, ...], counts: tuple[int, ...]) -> list[Cell]:
    return [{"noise": noise, "K": K} for noise in noises for K in counts]


FULL: Plan = {
    "tasks": (
        _tasks("small", (1, 8, 16))
        + _tasks("full", (1, 5, 10, 15, 20))
        + _tasks("noisy", (1, 2, 3, 5, 8, 10, 15, 20, 30)),
        10,
    ),
    "curves": (_tasks("full", (1, 20)), 1),
    "controls": (_controls("noisy", 20), 5),
    "phases": (_phases((3.5, 4.0, 4.5, 5.0), (1, 2, 4, 8, 16, 32)), 3),
    "few_shot": ([{"size": "small", "K": 16, "labels": labels} for labels in (10, 40)], 10),
    "weightings": ([{"size": "small", "K": 16}], 5),
}
QUICK: Plan = {
    "tasks": (_tasks("small", (1, 8, 16)), 5),
    "curves": (_tasks("small", (1, 16)), 1),
    "controls": ([cell for cell in _controls("small", 16) if cell["control"] not in _UNDECIDED], 3),
    "phases": (_phases((3.5, 4.5), (1, 8, 24)), 3),
    "few_shot": ([{"size": "small", "K": 16, "labels": 10}], 8),
    "weightings": ([{"size": "small", "K": 16}], 1),
}


def tasks(cell: Cell, generator: np.random.Generator) -> Row:
    """Accuracy on new rows, and what was learned, at the end."""
    return _end(*_fit(cell["size"], cell["K"], generator)) | {"R": _ratio(cell["size"], cell["K"])}


def curves(cell: Cell, generator: np.random.Generator) -> Row:
    """Everything that was observed, along the iterations."""
    history = _fit(cell["size"], cell["K"], generator, observed=True)[0].history_
    names = ("iteration", "loss", "shared", "specific_mean", "noise_shared_rows", "test_accuracy")
    return {name: history[name].tolist() for name in names}


def controls(cell: Cell, generator: np.random.Generator) -> Row:
    """As `tasks`, after a change."""
    data, net = (dict(part) for part in CONTROLS[cell["control"]])
    n = SIZES[cell["size"]][0]["n_samples"]
    if data.get("label_polarity") == "half":
        data["label_polarity"] = np.where(np.arange(cell["K"]) % 2, -1, 1)
    if data.get("n_samples") == "all":  # a task that has the rows of all: a step that is as large in sum
        data["n_samples"] = n * cell["many"]
        rate = SIZES[cell["size"]][1].get("learning_rate", 0.4)
        net |= {"learning_rate": cell["many"] * rate}
    if data.get("n_samples") == "dealt":
        data["n_samples"] = max(2, round(n * 5 / cell["many"]))
    return _end(*_fit(cell["size"], cell["K"], generator, data, net))


def phases(cell: Cell, generator: np.random.Generator) -> Row:
    """Accuracy on rows with the shared feature."""
    end = _end(*_fit("small", cell["K"], generator, {"noise": cell["noise"]}))
    return {"R": _ratio("small", cell["K"], noise=cell["noise"]), "shared_rows": end["shared_rows"]}


def few_shot(cell: Cell, generator: np.random.Generator) -> Row:
    """Accuracy on a task never seen, from few labels: on the filters of many tasks, and on those of one of them."""
    many, data = _fit(cell["size"], cell["K"], generator)
    first = (data.X["task"] == 0).to_numpy()
    alone = SharedFeatureClassifier.theory(task="task", random_state=0).set_params(**SIZES[cell["size"]][1])
    alone.fit(data.X[first], data.y[first])
    new = data.unseen_task(cell["labels"] + 1000, generator)
    learned = np.arange(len(new.y)) < cell["labels"]
    found: Row = {}
    for name, net in (("many", many), ("one", alone)):
        adapted = net.adapt(new.X[learned], new.y[learned])
        right = adapted.predict(new.X[~learned]) == new.y[~learned]
        found[name] = float(right.mean())
        found[f"{name}_shared_rows"] = float(right[new.is_shared[~learned]].mean())
    return found


def weightings(cell: Cell, generator: np.random.Generator) -> Row:
    """Accuracy on new rows, and milliseconds a step, of all rules on the same tasks from the same start."""
    found: Row = {}
    seed = int(generator.integers(2**31))
    for weighting in WEIGHTINGS:
        start = time.process_time()
        net, data = _fit(cell["size"], cell["K"], np.random.default_rng(seed), net={"weighting": weighting})
        milliseconds = 1e3 * (time.process_time() - start) / net.n_iter_
        found[weighting] = {"accuracy": _end(net, data)["accuracy"], "milliseconds": milliseconds}
    return found


def _fit(
    size: str,
    K: int,
    generator: np.random.Generator,
    data: dict[str, Any] | None = None,
    net: dict[str, Any] | None = None,
    observed: bool = False,
) -> tuple[SharedFeatureClassifier, SharedFeatureTasks]:
    """A theory network on K tasks of a size, with changes of the data and of the net."""
    drawn = make_shared_feature_tasks(K, **SIZES[size][0] | (data or {}), random_state=generator)
    monitor = feature_learning(drawn, drawn.sample(_new_rows(K), generator)) if observed else None
    parameters = SIZES[size][1] | (net or {})
    model = SharedFeatureClassifier.theory(task="task", random_state=int(generator.integers(2**31)), monitor=monitor)
    return model.set_params(**parameters).fit(drawn.X, drawn.y), drawn


def _end(net: SharedFeatureClassifier, data: SharedFeatureTasks) -> Row:
    """What the net has learned, on its rows and on 1,000 new ones."""
    test = data.sample(_new_rows(len(data.specific)), np.random.default_rng(len(data.y)))
    found = feature_learning(data, test)(net)
    return {
        "accuracy": found["test_accuracy"],
        "shared_rows": found["test_accuracy_shared"] if test.is_shared.any() else None,
        "specific_rows": found["test_accuracy_specific"] if (~test.is_shared).any() else None,
        "trained": float(net.history_["accuracy"].iloc[-1]),
        "shared": found["shared"],
        "specific": found["specific_mean"],
        "noise": found["noise_shared_rows"],
    }


def _new_rows(K: int) -> int:
    return max(40, 1000 // K)


def _ratio(size: str, K: int, **changes: float) -> float:
    data = SIZES[size][0]
    return benefit_ratio(K, data["n_samples"], noise=changes.get("noise", data["noise"])).shared


MEASUREMENTS: Measurements = {
    "tasks": tasks,
    "curves": curves,
    "controls": controls,
    "phases": phases,
    "few_shot": few_shot,
    "weightings": weightings,
}
measure = partial(carry_out, MEASUREMENTS)
