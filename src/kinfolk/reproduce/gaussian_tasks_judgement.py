"""What the measurements of `kinfolk.reproduce.gaussian_tasks` say of each claim."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from kinfolk.reproduce.claims import Claim, near
from kinfolk.reproduce.deviations import FAMILY, agree, agrees, exceeds, not_above, together, z_score
from kinfolk.reproduce.plan import Row, gathered, mean

CELL = ("loss", "T", "alpha", "rho", "lam", "p")


def _grid(rows: list[Row]) -> Iterator[Claim]:
    yield from agree("all losses", [cell for _, cell in gathered(rows, *CELL)])
    losses = list(gathered(rows, "loss"))
    bound = float(norm.isf(0.5 * FAMILY / len(losses)))
    for (loss,), group in losses:
        found = together([z_score(cell) for sizes, cell in gathered(group, *CELL) if not _peaked(sizes)])
        yield near(f"{loss}: z of all deviations together", found, 0.0, bound)


def _large(rows: list[Row]) -> Iterator[Claim]:
    for sizes, group in gathered(rows, "p", "T"):
        title = "p = {}, T = {}".format(*sizes)
        yield from agree(title, [cell for _, cell in gathered(group, *CELL)])


def _peaked(sizes: tuple[object, ...]) -> bool:
    """Where errors of data sets are heavy-tailed: n = p and hardly a ridge."""
    return sizes[2] == 1.0 and sizes[4] == 1e-4


def _peaks(rows: list[Row]) -> Iterator[Claim]:
    at_peak = {}
    for (curve,), group in gathered(rows, "curve"):
        along = {alpha: part for (alpha,), part in gathered(group, "alpha")}
        found = {alpha: mean(part, "found") for alpha, part in along.items()}
        predicted = {alpha: mean(part, "predicted") for alpha, part in along.items()}
        inner = list(found)[1:-1]
        if curve == "best penalty" and len(found) > 1:
            parts = list(along.values())
            rises = [_difference(more, less) for less, more in pairwise(parts)]
            yield not_above("best penalty: rise of the error with more rows", rises)
            continue
        if not inner:
            continue
        at = max(inner, key=found.__getitem__)
        expected = max(inner, key=predicted.__getitem__)
        yield near(f"{curve}: n / p of the peak", at, expected, 1e-9)
        yield agrees(f"{curve}: height of the peak, {mean(along[expected], 'predicted'):.3g}", along[expected])
        at_peak[curve] = along[expected]
    if {"one task", "coupled weakly"} <= set(at_peak):
        lower = _difference(at_peak["one task"], at_peak["coupled weakly"])
        yield exceeds("softened: peak of one task above that of five", [lower])


def _difference(one: list[Row], other: list[Row]) -> float:
    """Normal score of the difference of two independent means."""
    values = [np.array([row["found"] for row in part]) for part in (one, other)]
    error = np.sqrt(sum(float(value.var(ddof=1)) / len(value) for value in values))
    return float((values[0].mean() - values[1].mean()) / max(error, 1e-300))


def _equivalence(rows: list[Row]) -> Iterator[Claim]:
    for (loss, T, alpha, rho), cell in gathered(rows, "loss", "T", "alpha", "rho"):
        title = f"{loss}, T = {T}, n / p = {alpha:g}, similarity {rho:g}"
        for name, words in (("coupled", "coupled tasks"), ("single", "the equivalent single task")):
            yield agrees(f"{title}: {words}, {mean(cell, 'predicted'):.3g}", cell, name)
        yield exceeds(f"{title}: error alone above coupled", [z_score(cell, "alone", "coupled")])


def known_and_not(rows: list[Row], keys: tuple[str, ...], known: str) -> Iterator[Claim]:
    """Predictions that know what the features are like hold, and those that do not are off."""
    cells = [cell for _, cell in gathered(rows, *keys)]
    yield from agree(f"{known} known", cells)
    off = [abs(z_score(cell, predicted="plain")) for cell in cells]
    yield exceeds(f"{known} not known: off", off)


def _rows(rows: list[Row]) -> Iterator[Claim]:
    yield from known_and_not(rows, ("loss", "alpha"), "row norms")


def _covariances(rows: list[Row]) -> Iterator[Claim]:
    yield from known_and_not(rows, ("shape",), "covariances of tasks")


JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {
    "grid": _grid,
    "large": _large,
    "peaks": _peaks,
    "equivalence": _equivalence,
    "rows": _rows,
    "covariances": _covariances,
}
