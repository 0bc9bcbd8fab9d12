"""What the measurements of `kinfolk.reproduce.laplacian_error` say of each claim.

``TABLE`` and ``SMALL_STEPS`` are mean squared errors that a second implementation measured on a graph of its own, 60
runs a number; ``DEBIASED`` the same with the noise subtracted first; ``LIKELIHOOD`` without self-loops.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from kinfolk.reproduce.claims import Claim, at_least, at_most, near, within
from kinfolk.reproduce.laplacian_error import MANY
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error

TABLE = {  # step size: by number of coordinates
    0.2: {50: 453.0, 200: 466.0, 800: 472.0, 3200: 472.0, 12800: 476.0},
    0.1: {50: 255.0, 200: 285.0, 800: 296.0, 3200: 293.0, 12800: 293.0},
    0.05: {50: 160.0, 200: 148.0, 800: 143.0, 3200: 147.0, 12800: 144.0},
    0.01: {50: 162.0, 200: 32.5, 800: 17.9, 3200: 13.5, 12800: 13.5},
    0.0: {50: 225.0, 200: 35.6, 800: 6.8, 3200: 1.57, 12800: 0.40},
}
DEBIASED = {
    0.2: {800: 128.0, 12800: 3.8},
    0.1: {800: 36.0, 12800: 1.6},
    0.05: {800: 20.0, 12800: 0.97},
    0.01: {800: 8.7, 12800: 0.52},
}
SMALL_STEPS = {0.04: 109.0, 0.02: 40.7, 0.01: 12.5, 0.005: 3.3}  # with 200,000 coordinates
REAL = {0.005: (63.0, 58.0, 0.00324), 0.0025: (75.0, 77.0, 0.00141)}  # learners, normal law, mean squared deviation
LIKELIHOOD = {50: 84.0, 400: 15.9, 12800: 7.7}  # on the true mask, mu = 0.01, by number of coordinates
_GRAPH = 10  # the one whose errors are comparable to those of the second implementation


def _table(rows: list[Row]) -> Iterator[Claim]:
    for (graph, mu, M), group in gathered(rows, "graph", "mu", "M"):
        title = f"mu = {mu:g}, M = {M:,}" if mu else f"exact coefficients, M = {M:,}"
        if graph == _GRAPH and M in TABLE.get(mu, {}):
            yield _alike(f"{title}: squared error, second implementation", group, "squared", TABLE[mu][M])
        if graph == _GRAPH and M in DEBIASED.get(mu, {}):
            yield _alike(f"{title}: noise subtracted, second implementation", group, "debiased", DEBIASED[mu][M])
        if M == 50 and mu >= 0.1:
            ratio = mean(group, "debiased") / mean(group, "squared")
            yield at_least(f"{title}: noise subtracted / not, few coordinates", ratio, 10.0)
    for (graph, M), group in gathered(rows, "graph", "M"):
        by_step = {mu: mean(part, "squared") for (mu,), part in gathered(group, "mu")}
        for large, small, ratio in ((0.2, 0.1, 0.63), (0.1, 0.05, 0.48)):
            if graph == _GRAPH and M == 800 and large in by_step and small in by_step:
                name = f"mu {large:g} to {small:g}, M = {M}: ratio of squared errors"
                yield within(name, by_step[small] / by_step[large], ratio, 0.15)


def _coordinates(rows: list[Row]) -> Iterator[Claim]:
    for (graph,), group in gathered(rows, "graph"):
        sizes = {M: mean(part, "squared") for (M,), part in gathered(group, "M")}
        for M in sizes:
            if M >= 400 and 2 * M in sizes:
                name = f"exact coefficients, graph {graph}, M {M:,} to {2 * M:,}: ratio of squared errors"
                yield within(name, sizes[2 * M] / sizes[M], 0.5, 0.25)
        yield near(f"exact coefficients, graph {graph}: slope of the squared error in M", slope(sizes), -1.0, 0.15)


def _steps(rows: list[Row]) -> Iterator[Claim]:
    for (graph, M), group in gathered(rows, "graph", "M"):
        parts = {mu: part for (mu,), part in gathered(group, "mu")}
        title = f"graph {graph}, M = {M:,}"
        small = sorted(mu for mu in parts if mu <= 0.02)
        norms, limits, squares = ({mu: mean(parts[mu], name) for mu in small} for name in ("norm", "limit", "squared"))
        yield near(f"{title}, mu <= 0.02: slope of the error in mu", slope(norms), 1.0, 0.2)
        if len(small) > 1:
            least = {mu: limits[mu] for mu in small[:2]}
            name = f"graph {graph}, mu {small[0]:g} to {small[1]:g}, M without end: slope of the error in mu"
            yield near(name, slope(least), 1.0, 0.15)
        yield within(
            f"{title}, mu <= 0.02: slope of the squared error, above the bound's 1", slope(squares), 1.75, 0.15
        )
        for mu, part in parts.items():
            found = mean(part, "norm") / mean(part, "limit")
            yield within(f"{title}, mu = {mu:g}: error / that of M without end", found, 1.0, 0.1)
        for mu, expected in SMALL_STEPS.items():
            if graph == _GRAPH and mu in parts:
                name = f"{title}, mu = {mu:g}: squared error, second implementation"
                yield _alike(name, parts[mu], "squared", expected)


def _topology(rows: list[Row]) -> Iterator[Claim]:
    found = {kind: part for (kind,), part in gathered(rows, "kind")}
    for less, more in (("regular", "random"), ("random", "hub")):
        if less in found and more in found:
            for name, words in (("sensitivity", "sensitivity index"), ("squared", "squared error")):
                ratio = mean(found[more], name) / mean(found[less], name)
                yield at_least(f"{words}, {more} / {less} graphs of as many edges", ratio, 1.1)
    index, squared = (np.log([row[name] for row in rows]) for name in ("sensitivity", "squared"))
    if len(rows) > 2:
        together = float(np.corrcoef(index, squared)[0, 1])
        yield at_least("correlation of the logs of index and squared error over graphs", together, 0.8)


def _learned(rows: list[Row]) -> Iterator[Claim]:
    for (mu, M), group in gathered(rows, "mu", "M"):
        title = f"real learners, mu = {mu:g}, M = {M}"
        theory = mu / (2.0 * (1.0 - mu * (M + 2) / 2.0))
        yield within(f"{title}: mean squared deviation, theory", mean(group, "deviation"), theory, 0.08)
        typical = float(np.exp(np.mean([np.log(row["real"] / row["normal"]) for row in group])))
        yield within(f"{title}: squared error / that of the normal law, typical", typical, 1.0, 0.25)
        if mu in REAL:
            real, normal, deviation = REAL[mu]
            for name, expected in (("real", real), ("normal", normal)):
                words = "squared error" if name == "real" else "squared error of the normal law"
                yield _alike(f"{title}: {words}, second implementation", group, name, expected)
            yield within(f"{title}: deviation, second implementation", mean(group, "deviation"), deviation, 0.08)


def _noise_aware(rows: list[Row]) -> Iterator[Claim]:
    for (mu, M), group in gathered(rows, "mu", "M"):
        title = f"no self-loops, mu = {mu:g}, M = {M:,}"
        if mu == 0.01 and M in LIKELIHOOD:
            name = f"{title}: squared error of the likelihood, second implementation"
            yield within(name, mean(group, "likelihood"), LIKELIHOOD[M], 0.4)  # its data were others
        yield at_most(f"{title}: noise-aware / marginal, squared errors", _ratio(group, "noise_aware", "marginal"), 1.0)
        if M == MANY:
            ratio = _ratio(group, "noise_aware", "likelihood")
            yield at_most(f"{title}: noise-aware / likelihood, squared errors", ratio, 0.1)


def _alike(name: str, rows: list[Row], column: str, expected: float) -> Claim:
    """Ours is the other's up to a tenth (another graph) and three standard errors of the difference."""
    count = np.sqrt(len(rows) / 60.0)  # its runs
    error = float(np.hypot(1.0, count)) * standard_error(rows, column)
    return near(name, mean(rows, column), expected, 0.1 * expected + 3.0 * error)


def _ratio(rows: list[Row], above: str, below: str) -> float:
    return mean(rows, above) / mean(rows, below)


def slope(values: Mapping[float, float]) -> float | None:
    """Of the logs, by least squares; None for fewer than two sizes."""
    if len(values) < 2:
        return None
    return float(np.polyfit(np.log(list(values)), np.log(list(values.values())), 1)[0])


JUDGES: Mapping[str, Callable[[list[Row]], Iterator[Claim]]] = {
    "table": _table,
    "coordinates": _coordinates,
    "steps": _steps,
    "topology": _topology,
    "learned": _learned,
    "noise_aware": _noise_aware,
}
