"""What the measurements of `kinfolk.reproduce.patch_cnn_features` say of each claim.

``EXPECTED`` are mean accuracies that a second implementation measured on data of the same law (5 seeds a number).
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from kinfolk.reproduce.claims import Claim, at_least, at_most, near
from kinfolk.reproduce.plan import Row, gathered, mean

EXPECTED = {
    ("small", 1): 0.645,
    ("small", 8): 0.961,
    ("small", 16): 0.991,
    ("full", 1): 0.667,
    ("full", 5): 0.831,
    ("full", 10): 0.991,
    ("full", 15): 0.998,
    ("full", 20): 1.0,
    ("noisy", 1): 0.661,
    ("noisy", 2): 0.651,
    ("noisy", 3): 0.655,
    ("noisy", 5): 0.654,
    ("noisy", 8): 0.690,
    ("noisy", 10): 0.888,
    ("noisy", 15): 0.996,
    ("noisy", 20): 0.997,
    ("noisy", 30): 1.0,
}
_STEADY = 0.04  # half-width about accuracies that hardly vary from seed to seed
_TURNING = 0.15  # and where the shared feature is learned by some seeds only
BOUNDS: dict[tuple[str, bool], tuple[str, float]] = {  # control and whether with many tasks: rule and accuracy
    ("no shared feature", False): ("least", 0.99),
    ("no shared feature", True): ("least", 0.99),
    ("only the shared feature", False): ("most", 0.6),
    ("only the shared feature", True): ("least", 0.9),
    ("shared in 3 of 10 rows", False): ("most", 0.9),
    ("shared in 3 of 10 rows", True): ("least", 0.88),
    ("four patches", False): ("most", 0.7),
    ("four patches", True): ("least", 0.85),
    ("larger start", False): ("most", 0.76),
    ("larger start", True): ("least", 0.9),
    ("equal strengths", False): ("most", 0.6),
    ("equal strengths", True): ("least", 0.75),
    ("labels turned in half of the tasks", True): ("most", 0.72),
    ("plain ReLU", False): ("least", 0.95),
    ("squares", False): ("least", 0.66),
    ("rows of all tasks of its own", False): ("least", 0.97),
    ("rows of five tasks dealt over all", True): ("most", 0.75),
}


def _tasks(rows: list[Row]) -> Iterator[Claim]:
    for (size, K), group in gathered(rows, "size", "K"):
        title = f"{size} size, {K} task{'s' if K > 1 else ''}"
        accuracy = mean(group, "accuracy")
        turning = 1.0 < group[0]["R"] < 4.5
        expected = EXPECTED[size, K]
        yield near(f"{title}: accuracy, second implementation", accuracy, expected, _TURNING if turning else _STEADY)
        if K == 1:
            yield at_most(f"{title}: accuracy, most of any seed", max(row["accuracy"] for row in group), 0.7)
            yield at_most(f"{title}: shared feature learned", mean(group, "shared"), 0.3)
            yield at_least(f"{title}: training accuracy, noise memorised", mean(group, "trained"), 0.95)
            yield at_least(f"{title}: noise learned of rows with the shared feature", mean(group, "noise"), 1.5)
        if group[0]["R"] > 7:
            yield at_least(f"{title}: accuracy", accuracy, 0.95)
            yield at_least(f"{title}: shared feature learned", mean(group, "shared"), 3.0)


def _curves(rows: list[Row]) -> Iterator[Claim]:
    for row in rows:
        iterations = np.array(row["iteration"])
        specific, shared = (np.array(row[name]) for name in ("specific_mean", "shared"))
        title = f"{row['size']} size, {row['K']} task{'s' if row['K'] > 1 else ''}"
        first = _reached(iterations, specific, 0.5)
        yield at_most(f"{title}: iterations to half of the specific feature", first, 250.0)
        if row["K"] > 1:
            second = _reached(iterations, shared, 0.5)
            yield at_least(f"{title}: iterations from there to half of the shared one", second - first, 10.0)


def _reached(iterations: np.ndarray, values: np.ndarray, share: float) -> float:
    """First iteration at which a curve has a share of its end."""
    return float(iterations[np.argmax(values >= share * values[-1])])


def _controls(rows: list[Row]) -> Iterator[Claim]:
    for (control, K), group in gathered(rows, "control", "K"):
        rule, bound = BOUNDS[control, K > 1]
        name = f"{control}, {K} task{'s' if K > 1 else ''}: median accuracy"
        median = float(np.median([row["accuracy"] for row in group]))
        yield (at_least if rule == "least" else at_most)(name, median, bound)


def _phases(rows: list[Row]) -> Iterator[Claim]:
    """Cells below and above the transition, and where R is when half of the accuracy is gained."""
    cells = [(mean(group, "R"), mean(group, "shared_rows")) for _, group in gathered(rows, "noise", "K")]
    below, above = ([accuracy for R, accuracy in cells if low <= R < high] for low, high in ((0.0, 1.0), (7.0, 1e9)))
    if below:
        yield at_most("R < 1: mean accuracy on rows with the shared feature", float(np.mean(below)), 0.6)
    if above:
        yield at_least("R > 7: mean accuracy on rows with the shared feature", float(np.mean(above)), 0.9)
    cells.sort()
    first = next((R for R, accuracy in cells if accuracy > 0.75), None)
    yield at_least("smallest R of an accuracy above 0.75", first, 1.0)
    yield at_most("smallest R of an accuracy above 0.75", first, 6.0)


def _few_shot(rows: list[Row]) -> Iterator[Claim]:
    for (labels,), group in gathered(rows, "labels"):
        title = f"a task never seen, {labels} labels: median accuracy"  # one net in fifty learns nothing shared
        many, one = (float(np.median([row[name] for row in group])) for name in ("many", "one"))
        yield at_least(f"{title} on filters of many tasks", many, 0.8)
        yield at_most(f"{title} on filters of one task", one, 0.6)


def _weightings(rows: list[Row]) -> Iterator[Claim]:
    names = [name for name in rows[0] if isinstance(rows[0][name], dict)]
    for name in names:
        found = float(np.mean([row[name]["accuracy"] for row in rows]))
        yield at_least(f"weighting {name}: accuracy", found, 0.9)


JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {
    "tasks": _tasks,
    "curves": _curves,
    "controls": _controls,
    "phases": _phases,
    "few_shot": _few_shot,
    "weightings": _weightings,
}
