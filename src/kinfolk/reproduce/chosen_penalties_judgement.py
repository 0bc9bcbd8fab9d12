"""What the measurements of `kinfolk.reproduce.chosen_penalties` say of each claim."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from scipy.stats import binom, norm

from kinfolk.reproduce.chosen_penalties import GRID_FITS
from kinfolk.reproduce.claims import Claim, at_least, at_most
from kinfolk.reproduce.deviations import FAMILY, exceeds, not_above, z_score
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error

_CHANCE = float(norm.isf(FAMILY))
_RIGHT = 143 / 150  # of the derivation's own measurement


def _below(title: str, cells: list[list[Row]], name: str, bound: float) -> Claim:
    """Mean over cells of a number, at most a bound but for chance."""
    found = float(np.mean([mean(cell, name) for cell in cells]))
    error = float(np.sqrt(np.sum([standard_error(cell, name) ** 2 for cell in cells]))) / len(cells)
    return at_most(title, found, bound, _CHANCE * error)


def _squared(rows: list[Row]) -> Iterator[Claim]:
    rows = [row | {"regret": row["auto"] - 1.0, "plugged": row["evidence"] - 1.0} for row in rows]
    cells = [cell for _, cell in gathered(rows, "alpha", "rho", "p")]
    yield _below("mean regret of the chosen strengths", cells, "regret", 0.01)
    yield _below("mean regret of the strengths of largest evidence", cells, "plugged", 0.01)
    for cell in cells:
        cell[:] = [row | {"allowed": 1.02 * row["grid"]} for row in cell]
    yield not_above("error above 1.02 of a grid search's", [z_score(cell, "auto", "allowed") for cell in cells])
    most = float(max(row["fits"] for row in rows))
    yield at_most(f"fits, a tenth of the grid's {GRID_FITS}", most, GRID_FITS / 10.0)
    for name, words in (("single", "a ridge for each task"), ("pooled", "one ridge for all")):
        yield exceeds(f"{words}: error above the chosen coupling's", [z_score(cell, name, "auto") for cell in cells])


def _logistic(rows: list[Row]) -> Iterator[Claim]:
    rows = [row | {"excess": row["auto"] - row["best"]} for row in rows]
    cells = [cell for _, cell in gathered(rows, "alpha", "rho", "p")]
    yield _below("logistic: share of wrong labels above the best penalty's", cells, "excess", 0.0012)
    alike = [cell for cell in cells if cell[0]["rho"] >= 0.5]
    if alike:
        scores = [z_score(cell, "single", "auto") for cell in alike]
        yield exceeds("logistic, similarity .5 and more: error alone above the chosen coupling's", scores)


def _pooling(rows: list[Row]) -> Iterator[Claim]:
    n, right = len(rows), float(np.mean([row["right"] for row in rows]))
    least = float(binom.ppf(FAMILY, n, _RIGHT)) / n
    yield at_least(f"pooled or single: share of {n} decisions that are right", right, least)


JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {
    "tuned": _squared,
    "tuned_classes": _logistic,
    "pooling": _pooling,
}
