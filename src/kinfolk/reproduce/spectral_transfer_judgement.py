"""What the measurements of spectral transfer say of each claim; all errors are in units of 0.01.

``PAPER_...`` are means over the paper's 100 data sets, read from its figures. ``MONTE_CARLO`` and ``DESIGNS`` were
measured with another implementation of the same rule, on 3 to 20 data sets.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from kinfolk.reproduce.claims import Claim, at_least, at_most, judge_by, near
from kinfolk.reproduce.plan import Row, gathered, mean, standard_error
from kinfolk.reproduce.spectral_transfer import NOISES, ROWS

PAPER_TARGET = {  # reduced-rank regression of the target alone, by number of rows
    "I": (2.208, 1.303, 1.016, 0.863, 0.758),
    "II": (1.307, 0.874, 0.705, 0.571, 0.517),
    "III": (0.781, 0.569, 0.438, 0.389, 0.340),
}
PAPER_TRANSFER = {  # the paper's method with everything chosen by cross-validation
    "I": (0.715, 0.644, 0.617, 0.602, 0.574),
    "II": (0.474, 0.455, 0.453, 0.445, 0.431),
    "III": (0.328, 0.312, 0.322, 0.300, 0.294),
}
PAPER_NOISE = {  # the same, at the smallest number of rows, by noise of the source
    "I": (0.448, 0.715, 1.084, 1.918, 2.214, 2.169),
    "II": (0.221, 0.474, 0.767, 1.265, 1.321, 1.315),
    "III": (0.097, 0.328, 0.550, 0.787, 0.784, 0.792),
}
MONTE_CARLO = {  # model, rows, noise of the source: mean and its standard error
    ("I", 200, 0.01): (0.575, 0.029),
    ("I", 400, 0.01): (0.494, 0.022),
    ("I", 1000, 0.01): (0.437, 0.011),
    ("I", 200, 0.0): (0.127, 0.020),
    ("I", 200, 0.02): (0.948, 0.048),
    ("I", 200, 0.05): (1.480, 0.045),
    ("I", 200, 0.1): (1.810, 0.037),
    ("I", 200, 0.5): (2.196, 0.029),
    ("II", 300, 0.01): (0.456, 0.014),
    ("II", 300, 0.1): (1.162, 0.024),
    ("III", 500, 0.01): (0.260, 0.041),
}
DESIGNS = {  # design, noise of the source: mean and number of data sets
    ("unrelated", 0.01): (2.145, 20),
    ("half", 0.01): (1.749, 10),
    ("dense", 0.01): (0.721, 10),
    ("leftonly", 0.01): (1.130, 10),
    ("paper", 0.5): (2.108, 20),
}
SECONDS = {"I": 3.0, "III": 10.0}  # of a whole fit


def _sample_size(rows: list[Row]) -> Iterator[Claim]:
    for (model, n, noise), group in gathered(rows, "model", "n", "source_noise"):
        title = f"Model {model}, n={n}"
        for name, paper in (("target", PAPER_TARGET), ("transfer", PAPER_TRANSFER)):
            expected = dict(zip(ROWS.get(model, ()), paper.get(model, ()), strict=True)).get(n)
            if expected is None:
                continue
            if name == "target":
                margin = 0.03 * expected + 200.0 * standard_error(group, name)
                yield near(f"{title}: target alone, paper", _percent(group, name), expected, margin)
            else:
                yield _not_worse(f"{title}: transfer, paper", group, expected)
        yield from _monte_carlo(title, (model, n, noise), group)


def _source_noise(rows: list[Row]) -> Iterator[Claim]:
    for (model, n, noise), group in gathered(rows, "model", "n", "source_noise"):
        title = f"Model {model}, source noise {noise:g}"
        if n == ROWS.get(model, (None,))[0] and noise in NOISES:
            yield _not_worse(f"{title}: transfer, paper", group, PAPER_NOISE[model][NOISES.index(noise)])
        yield from _monte_carlo(title, (model, n, noise), group)
        yield at_most(f"{title}: transfer / target alone", _ratio(group), 1.01)


def _designs(rows: list[Row]) -> Iterator[Claim]:
    for (design, noise), group in gathered(rows, "design", "source_noise"):
        title = f"Design {design}" + ("" if noise == 0.01 else f", source noise {noise:g}")
        if (design, noise) in DESIGNS:
            expected, count = DESIGNS[design, noise]
            error = 100.0 * standard_error(group, "transfer") * float(np.sqrt(len(group) / count))
            yield _not_worse(f"{title}: transfer, second implementation", group, expected, error)
        yield at_most(f"{title}: transfer / target alone", _ratio(group), 1.01)


def _speed(rows: list[Row]) -> Iterator[Claim]:
    for (model, n), group in gathered(rows, "model", "n"):
        title = f"Model {model}, n={n}"
        for name, tol, least in (("reference", "1e-3", 5.0), ("tight", "1e-4", 50.0)):
            excess = max(float(np.max(np.divide(row["path"], row[name]))) for row in group)
            ratio = mean(group, f"{name}_seconds") / mean(group, "path_seconds")
            yield at_most(f"{title}: objective, path / alternating to {tol}, largest", excess, 1.0001)
            yield at_least(f"{title}: CPU seconds, alternating to {tol} / path", ratio, least)
        if model in SECONDS:
            yield at_most(f"{title}: CPU seconds of a whole fit", mean(group, "fit_seconds"), SECONDS[model])


def _monte_carlo(title: str, key: tuple[str, int, float], group: list[Row]) -> Iterator[Claim]:
    """The table of the second implementation, where it has the cell."""
    if key in MONTE_CARLO:
        yield _not_worse(f"{title}: transfer, second implementation", group, *MONTE_CARLO[key])


def _not_worse(name: str, rows: list[Row], expected: float, error: float = 0.0) -> Claim:
    """Our mean is at most the expected one, up to two standard errors of the difference (``error`` that of theirs)."""
    margin = 2.0 * float(np.hypot(100.0 * standard_error(rows, "transfer"), error))
    return at_most(name, _percent(rows, "transfer"), expected, margin)


def _percent(rows: list[Row], name: str) -> float:
    return 100.0 * mean(rows, name)


def _ratio(rows: list[Row]) -> float:
    return mean(rows, "transfer") / mean(rows, "target")


judge = partial(
    judge_by, {"sample_size": _sample_size, "source_noise": _source_noise, "designs": _designs, "speed": _speed}
)
