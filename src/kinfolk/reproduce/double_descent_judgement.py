"""What the measurements of `kinfolk.reproduce.double_descent` say of each claim."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
from scipy.stats import ttest_1samp

from kinfolk.reproduce.claims import Claim, at_least, at_most, judge_by, near
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error

LEVEL = 0.05


def deviations(rows: list[Row], *keys: str) -> Iterator[tuple[tuple[object, ...], float, float, float]]:
    """For every cell its sizes, the p-value of its data sets, their relative deviation and its standard error."""
    for sizes, group in gathered(rows, *keys):
        predicted = mean(group, "predicted")
        found = [row["found"] for row in group]
        p_value = float(ttest_1samp(found, predicted).pvalue) if len(group) > 1 else float("nan")
        yield sizes, p_value, float(np.mean(found)) / predicted - 1.0, standard_error(group, "found") / predicted


def _grid(rows: list[Row]) -> Iterator[Claim]:
    found = list(deviations(rows, "loss", "T", "alpha", "rho", "lam", "p"))
    p_values = np.array([p_value for _, p_value, _, _ in found])
    yield at_least(f"share of {len(found)} cells with p > .05", float((p_values > LEVEL).mean()), 0.93)
    yield at_least("smallest p-value of a cell", float(p_values.min()), 1e-4)
    for loss in dict.fromkeys(row["loss"] for row in rows):
        own = np.array([cell[2:] for cell in found if cell[0][0] == loss and not _peaked(cell[0])])
        off, chance = own.T
        margin = 0.003 + 3.0 * float(np.sqrt((chance**2).sum())) / len(own)
        yield near(f"{loss}: mean relative deviation", float(off.mean()), 0.0, margin)
        yield at_most(
            f"{loss}: mean absolute relative deviation", float(np.abs(off).mean()), 0.005, 1.5 * float(chance.mean())
        )


def _peaked(sizes: tuple[object, ...]) -> bool:
    """Where errors of data sets are heavy-tailed: n = p and hardly a ridge."""
    return sizes[2] == 1.0 and sizes[4] == 1e-4


def _peaks(rows: list[Row]) -> Iterator[Claim]:
    heights = {}
    for (curve,), group in gathered(rows, "curve"):
        along = {alpha: part for (alpha,), part in gathered(group, "alpha")}
        found = {alpha: mean(part, "found") for alpha, part in along.items()}
        predicted = {alpha: mean(part, "predicted") for alpha, part in along.items()}
        inner = list(found)[1:-1]
        if curve == "best penalty" and len(found) > 1:
            largest = float(np.diff(list(found.values())).max())
            yield at_most("best penalty: largest rise of the error with more rows", largest, 0.0)
            continue
        if not inner:
            continue
        at = max(inner, key=found.__getitem__)
        expected = max(inner, key=predicted.__getitem__)
        yield near(f"{curve}: n / p of the peak", at, expected, 1e-9)
        margin = 0.05 * predicted[expected] + 3.0 * standard_error(along[expected], "found")
        yield near(f"{curve}: height of the peak", found[expected], predicted[expected], margin)
        heights[curve] = found[at]
    if {"one task", "coupled weakly"} <= set(heights):
        ratio = heights["coupled weakly"] / heights["one task"]
        yield at_most("softened: peak of five tasks / of one", ratio, 1.0)


def _equivalence(rows: list[Row]) -> Iterator[Claim]:
    for (loss, T, alpha, rho), group in gathered(rows, "loss", "T", "alpha", "rho"):
        title, predicted = f"{loss}, T = {T}, n / p = {alpha:g}, similarity {rho:g}", mean(group, "predicted")
        for name, words in (("coupled", "coupled tasks"), ("single", "the equivalent single task")):
            margin = 0.01 * predicted + 3.0 * standard_error(group, name)
            yield near(f"{title}: {words}", mean(group, name), predicted, margin)
        yield at_least(f"{title}: alone / coupled", mean(group, "alone") / mean(group, "coupled"), 1.02)


def _known_and_not(rows: list[Row], keys: tuple[str, ...], known: str) -> Iterator[Claim]:
    """Predictions that know what the features are like hold, and are nearer than those that do not."""
    for sizes, group in gathered(rows, *keys):
        title = ", ".join(f"{key} {size}" for key, size in zip(keys, sizes, strict=True))
        found, predicted = mean(group, "found"), mean(group, "predicted")
        margin = 0.015 * predicted + 3.0 * standard_error(group, "found")
        yield near(f"{title}: error, {known} known", found, predicted, margin)
    cells = [group for _, group in gathered(rows, *keys)]
    off, plain = (
        float(np.mean([abs(mean(group, "found") / mean(group, name) - 1.0) for group in cells]))
        for name in ("predicted", "plain")
    )
    yield at_most(f"{known} known: deviation, at most 0.6 of that when they are not", off, 0.6 * plain)


def _rows(rows: list[Row]) -> Iterator[Claim]:
    yield from _known_and_not(rows, ("loss", "alpha"), "row norms")


def _covariances(rows: list[Row]) -> Iterator[Claim]:
    yield from _known_and_not(rows, ("shape",), "covariances")


JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {
    "grid": _grid,
    "peaks": _peaks,
    "equivalence": _equivalence,
    "rows": _rows,
    "covariances": _covariances,
}
judge = partial(judge_by, JUDGES)
