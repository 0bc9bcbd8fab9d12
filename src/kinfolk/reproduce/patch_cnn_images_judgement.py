"""What the measurements of `kinfolk.reproduce.patch_cnn_images` say of each claim.

``ALONE`` and ``TOGETHER`` are accuracies that a second implementation measured with corruptions of its own.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from kinfolk.reproduce.claims import Claim, at_least, near
from kinfolk.reproduce.plan import Row, gathered, mean

ALONE = {"digits-C": 0.648, "MNIST5k-C": 0.594}
TOGETHER = {"digits-C": 0.793, "MNIST5k-C": 0.76}


def _images(rows: list[Row]) -> Iterator[Claim]:
    for (data,), group in gathered(rows, "data"):
        alone, shared, both = (mean(group, name) for name in ("single", "shared", "shared+specific"))
        yield near(f"{data}: accuracy of each task alone, second implementation", alone, ALONE[data], 0.08)
        best = max(shared, both)
        yield near(f"{data}: accuracy together, second implementation", best, TOGETHER[data], 0.08)
        yield at_least(f"{data}: accuracy with one shared head, above alone", shared - alone, 0.1)
        if data == "MNIST5k-C":
            yield at_least(f"{data}: accuracy together, the better of shared and shared+specific heads", best, 0.74)
            harmed = hurt(group, "shared")
            name = f"{data}: tasks that a shared head hurts ({', '.join(harmed) or 'none'})"
            yield at_least(name, float(len(harmed)), 1.0)
            harm = {head: task_gain(group, head, "invert") for head in ("shared", "shared+specific")}
            name = f"{data}, invert: gain of shared+specific heads above that of a shared one"
            yield at_least(name, harm["shared+specific"] - harm["shared"], 0.0)


def task_gain(rows: list[Row], method: str, task: str) -> float:
    """Mean accuracy of a task by a method, above that alone."""
    return float(np.mean([row["by_task"][method][task] - row["by_task"]["single"][task] for row in rows]))


def hurt(rows: list[Row], method: str) -> list[str]:
    """Tasks whose mean accuracy is lower than alone."""
    return [task for task in rows[0]["by_task"]["single"] if task_gain(rows, method, task) < 0]


JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {"images": _images}
