"""Carrying out a plan of measurements: what all papers share.

A measurement is a function of a cell (its sizes) and a generator; a plan is, for each measurement, a list of cells and
the number of seeds.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

Cell = dict[str, Any]
Row = dict[str, Any]
Plan = dict[str, tuple[list[Cell], int]]
Progress = Callable[[int, int, str], None]
Measurements = Mapping[str, Callable[[Cell, np.random.Generator], Row]]


def carry_out(
    measurements: Measurements, plan: Plan, *, seed: int = 0, progress: Progress | None = None
) -> dict[str, list[Row]]:
    """Carry out a plan.

    Parameters
    ----------
    measurements : mapping
        Name of the measurement -> function of a cell and a generator.
    plan : dict
        Name of the measurement -> (cells, number of seeds).
    seed : int, default=0
        The same seed, the same numbers.
    progress : callable, optional
        Called as ``progress(done, total, what)``.

    Returns
    -------
    dict of list of dict
        For every measurement one row a cell and seed: the sizes, and what was found.
    """
    total = sum(len(cells) * seeds for cells, seeds in plan.values())
    done, found = 0, {name: list[Row]() for name in plan}
    for name, (cells, seeds) in plan.items():
        for place, cell in enumerate(cells):
            for repeat in range(seeds):
                if progress is not None:
                    progress(done, total, name.replace("_", " "))
                generator = np.random.default_rng([seed, repeat, place])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    found[name].append({**cell, "seed": repeat, **measurements[name](cell, generator)})
                done += 1
    if progress is not None:
        progress(total, total, "done")
    return found


def gathered(rows: list[Row], *keys: str) -> Iterator[tuple[tuple[Any, ...], list[Row]]]:
    """Rows of the same sizes, in order of appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    yield from groups.items()


def mean(rows: list[Row], name: str) -> float:
    """Mean over seeds."""
    return float(np.mean([row[name] for row in rows]))


def standard_error(rows: list[Row], name: str) -> float:
    """Standard error of the mean over seeds; 0 for a single one."""
    values = [row[name] for row in rows]
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
