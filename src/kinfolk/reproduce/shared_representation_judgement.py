"""What the measurements of the shared representation say of each claim.

The expected numbers of accuracy, comparison, iterations and new tasks were measured with another implementation of
the same equations (2 to 4 seeds a cell); slopes and flat iteration counts are the paper's.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from kinfolk.reproduce.claims import Claim, at_most, judge_by, near, within
from kinfolk.reproduce.plan import Row, gathered, mean

SLOPES = {"d": 1.0, "k": 1.0, "T": -1.0, "N": -1.0}
FIGURE_1A = {0.1: 0.00236, 0.5: 0.0593, 1.0: 0.241}
CONDITION = {10: 150, 30: 418}  # iterations of descent
ACCURACY: dict[tuple[float, ...], tuple[float, float]] = {  # d, k, T, N: least squares, marginal likelihood
    (50, 3, 50, 25): (0.391, 0.354),
    (50, 3, 50, 50): (0.133, 0.129),
    (50, 3, 100, 25): (0.229, 0.211),
    (50, 3, 200, 25): (0.200, 0.184),
    (50, 3, 400, 25): (0.162, 0.153),
    (100, 5, 50, 50): (0.479, 0.480),
    (100, 5, 100, 50): (0.268, 0.256),
    (100, 5, 200, 50): (0.184, 0.177),
    (100, 5, 400, 50): (0.144, 0.140),
    (100, 5, 400, 25): (0.360, 0.330),
    (100, 5, 100, 100): (0.109, 0.108),
    (100, 5, 100, 200): (0.052, 0.052),
    (100, 5, 400, 100): (0.067, 0.066),
}
COMPARISON = {  # N: mean squared error of each method
    10: {"ridge": 4.61, "method of moments": 9.4, "replica": 5.10, "spectral": 4.52, "evidence": 1.54, "oracle": 1.21},
    15: {
        "ridge": 4.40, "method of moments": 5.6, "replica": 1.94, "spectral": 1.79, "descent": 0.81,
        "evidence": 0.659, "oracle": 0.513,
    },
    25: {
        "ridge": 4.01, "method of moments": 3.16, "replica": 0.852, "spectral": 0.808, "descent": 0.361,
        "evidence": 0.330, "oracle": 0.263,
    },
    50: {
        "ridge": 3.12, "method of moments": 1.70, "replica": 0.377, "spectral": 0.354, "descent": 0.147,
        "evidence": 0.142, "oracle": 0.115,
    },
    100: {
        "ridge": 1.80, "method of moments": 0.708, "replica": 0.169, "spectral": 0.166, "descent": 0.0655,
        "evidence": 0.0646, "oracle": 0.0515,
    },
    200: {
        "ridge": 0.752, "method of moments": 0.415, "replica": 0.077, "spectral": 0.076, "descent": 0.0313,
        "evidence": 0.0312, "oracle": 0.0248,
    },
}  # fmt: skip
NEW_TASK = {
    "evidence": {2: 3.23, 5: 1.95, 10: 0.81, 20: 0.38, 50: 0.172, 200: 0.085, 1000: 0.061},
    "least squares": {20: 0.43, 50: 0.177, 200: 0.085, 1000: 0.061},
    "ridge": {2: 4.2, 5: 4.6, 10: 4.5, 20: 4.1, 50: 3.2, 200: 0.76, 1000: 0.105},
    "streaming": {2: 3.7, 5: 3.3, 10: 2.5, 20: 1.6, 50: 0.55, 200: 0.095, 1000: 0.064},
}


def median(rows: list[Row], name: str) -> float | None:
    """Median over seeds; None when most of them have no number."""
    values = [np.inf if row[name] is None else float(row[name]) for row in rows]
    middle = float(np.median(values))
    return middle if np.isfinite(middle) else None


def varied(rows: list[Row], name: str) -> list[Row]:
    """The rows of the grid in which one size varies the most while all others stay, by that size; empty without one."""
    sizes = [key for key in ("d", "k", "T", "N", "noise", "kappa") if key in rows[0] and key != name]
    groups = [group for _, group in gathered(rows, *sizes)]
    widest = max(groups, key=lambda group: len({row[name] for row in group}))
    return sorted(widest, key=lambda row: float(row[name])) if len({row[name] for row in widest}) > 1 else []


def slope(rows: list[Row], name: str, of: str) -> float | None:
    """Least-squares slope of the log of the mean error in the log of a size."""
    points = [(size, mean(group, of)) for (size,), group in gathered(varied(rows, name) or rows, name)]
    if len(points) < 2:
        return None
    sizes, errors = np.log(np.array(points)).T
    return float(np.polyfit(sizes, errors, 1)[0])


def _figure_1a(rows: list[Row]) -> Iterator[Claim]:
    for (noise,), group in gathered(rows, "noise"):
        if noise in FIGURE_1A:
            yield within(
                f"Figure 1(a), noise {noise}: error of descent", mean(group, "descent"), FIGURE_1A[noise], 0.15
            )
    yield at_most("Figure 1(a): 120 large steps and 650 small ones differ by", _largest(rows, "difference"), 0.02)


def _iterations(rows: list[Row]) -> Iterator[Claim]:
    for name in ("d", "T"):
        grid = varied(rows, name)
        counts = [median(group, "descent") for _, group in gathered(grid, name)]
        numbers = [count for count in counts if count is not None]
        ratio = max(numbers) / min(numbers) if numbers and len(numbers) == len(counts) else None
        yield at_most(f"Iterations of descent over {name}: largest / smallest", ratio, 1.5)
    worst = [row for row in rows if row["kappa"] >= 30]
    if worst:
        yield at_most("Iterations of projection at condition 30", median(worst, "projection"), 15)
    for kappa, expected in CONDITION.items():
        cells = [row for row in rows if row["kappa"] == kappa]
        if cells:
            yield within(f"Iterations of descent at condition {kappa}", median(cells, "descent"), expected, 0.4)


def _slopes(rows: list[Row]) -> Iterator[Claim]:
    for name, expected in SLOPES.items():
        if varied(rows, name):
            yield near(f"Error of the subspace: slope in {name}", slope(rows, name, "sub"), expected, 0.15)


def _accuracy(rows: list[Row]) -> Iterator[Claim]:
    for cell, group in gathered(rows, "d", "k", "T", "N"):
        expected = ACCURACY.get(cell)
        if expected:
            title = "d={:g} k={:g} T={:g} N={:g}".format(*cell)
            yield within(f"{title}: least squares", mean(group, "least_squares"), expected[0], 0.15)
            yield within(f"{title}: marginal likelihood", mean(group, "evidence"), expected[1], 0.15)


def _comparison(rows: list[Row]) -> Iterator[Claim]:
    for (n,), group in gathered(rows, "N"):
        errors = {name: mean_of(group, name) for name in group[0] if isinstance(group[0][name], dict)}
        for name, expected in COMPARISON.get(int(n), {}).items():
            share = 0.25 if n < 25 or name in ("replica", "spectral", "method of moments") else 0.15
            yield within(f"N={n:g}: {name}", errors[name], expected, share)
        if n >= 25:
            same = [errors[name] for name in ("descent", "alternating", "projection")]
            yield at_most(f"N={n:g}: descent, alternating, projection: largest / smallest", max(same) / min(same), 1.05)
        yield at_most(f"N={n:g}: marginal likelihood / least squares", errors["evidence"] / errors["projection"], 1.02)


def _new_task(rows: list[Row]) -> Iterator[Claim]:
    curves = {name: np.mean([row[name] for row in rows], axis=0) for name in NEW_TASK}
    sizes = rows[0]["n"]
    for name, points in NEW_TASK.items():
        for n, expected in points.items():
            if n in sizes:
                yield within(f"New task of {n} rows: {name}", float(curves[name][sizes.index(n)]), expected, 0.25)
    ratio = float(np.max(curves["evidence"] / curves["streaming"]))
    yield at_most("New task: closed form / streaming, at the worst n", ratio, 1.0)


def mean_of(rows: list[Row], name: str, of: str = "mse") -> float:
    """Mean over seeds of one number of one method."""
    return float(np.mean([row[name][of] for row in rows]))


def _largest(rows: list[Row], name: str) -> Any:
    return max(float(row[name]) for row in rows)


judge = partial(
    judge_by,
    {
        "figure_1a": _figure_1a,
        "iterations": _iterations,
        "slopes": _slopes,
        "accuracy": _accuracy,
        "comparison": _comparison,
        "new_task": _new_task,
    },
)
