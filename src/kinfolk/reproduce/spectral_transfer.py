"""Spectral transfer for multi-task regression: Zhao, Kolar and Lv (2026), arXiv 2604.20161.

What is measured, each on data drawn as the authors draw them (`kinfolk.datasets.make_spectral_transfer`):

- ``sample_size``: error against the number of rows, for Models I to III (the paper's experiment 1);
- ``source_noise``: error against the noise of the source (experiment 4);
- ``designs``: targets that share little, or nothing, with the source;
- ``speed``: the path over penalties by the solver and by the published alternating method, on the same problems.

The target has rank 5, which is given to all methods, as in the paper.
"""

from collections.abc import Callable, Mapping
from functools import partial
from time import process_time

import numpy as np
from sklearn.linear_model import RidgeCV

from kinfolk._typing import FloatArray
from kinfolk.datasets import SpectralTransferTasks, make_spectral_transfer
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row, carry_out
from kinfolk.transfer import ReducedRankRegressor, SpectralTransferRegressor
from kinfolk.transfer.factors import Sums
from kinfolk.transfer.path import follow
from kinfolk.transfer.reference import admm

RANK, _FREE = 5, 10
PENALTIES = (56.7, 21.4, 4.57, 3.47, 1.013, 0.985, 0.0746, 0.00603, 0.00602, 0.00195)  # what the authors' search tries
ROWS = {"I": (200, 400, 600, 800, 1000), "II": (300, 500, 700, 1000, 1200), "III": (500, 700, 1000, 1200, 1500)}
NOISES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.5)
_PAPER: Cell = {"model": "I", "n": 200, "source_noise": 0.01, "design": "paper"}
_STRESS: list[Cell] = [
    *(_PAPER | {"design": design} for design in ("unrelated", "half", "dense", "leftonly")),
    _PAPER | {"source_noise": 0.5},
]


def _cells(sizes: Mapping[str, tuple[int, ...]], noises: tuple[float, ...] = (0.01,)) -> list[Cell]:
    return [
        _PAPER | {"model": model, "n": n, "source_noise": noise}
        for model, rows in sizes.items()
        for n in rows
        for noise in noises
    ]


FULL: Plan = {
    "sample_size": (_cells(ROWS), 5),
    "source_noise": (_cells({model: rows[:1] for model, rows in ROWS.items()}, NOISES), 5),
    "designs": (_STRESS, 10),
    "speed": (_cells({"I": (200, 400), "II": (300,), "III": (500,)}), 1),
}
QUICK: Plan = {
    "sample_size": (_cells({"I": (200, 1000), "II": (300,)}), 3),
    "source_noise": (_cells({"I": (200,)}, (0.0, 0.05, 0.5)), 3),
    "designs": (_STRESS, 3),
    "speed": (_cells({"I": (200,)}), 1),
}


def errors(cell: Cell, generator: np.random.Generator) -> Row:
    """Root mean squared errors of the coefficients with the source and without it."""
    tasks = _draw(cell, generator)
    fit = _transfer(tasks)
    return {"target": tasks.error(_alone(tasks)), "transfer": tasks.error(fit.coef_)}


def speed(cell: Cell, generator: np.random.Generator) -> Row:
    """CPU seconds and objectives of ten penalties, by the solver and by the alternating method; seconds of a whole fit.

    The alternating method starts from the authors' ridge fit; its published tolerance is 1e-3, and with 1e-4 (where
    objectives agree) it is ``tight``.
    """
    tasks = _draw(cell, generator)
    sums, left, right = _source_sums(tasks)
    start = _ridge_start(tasks, left, right)
    ways: dict[str, Callable[[], list[float]]] = {
        "path": lambda: _by_path(sums),
        "reference": lambda: _by_admm(sums, start, 1e-3),
        "tight": lambda: _by_admm(sums, start, 1e-4),
        "fit": lambda: [tasks.error(_transfer(tasks).coef_)],
    }
    found: Row = {"penalties": list(PENALTIES)}
    for name, way in ways.items():
        before = process_time()
        found[name] = way()
        found[f"{name}_seconds"] = process_time() - before
    return found


MEASUREMENTS: Measurements = {"sample_size": errors, "source_noise": errors, "designs": errors, "speed": speed}
measure = partial(carry_out, MEASUREMENTS)


def _draw(cell: Cell, generator: np.random.Generator) -> SpectralTransferTasks:
    return make_spectral_transfer(
        cell["model"],
        int(cell["n"]),
        source_noise=cell["source_noise"],
        design=cell["design"],
        random_state=generator,
    )


def _transfer(tasks: SpectralTransferTasks) -> SpectralTransferRegressor:
    model = SpectralTransferRegressor(source=tasks.source, rank=RANK, standardize=False, fit_intercept=False)
    return model.fit(tasks.X, tasks.Y)


def _alone(tasks: SpectralTransferTasks) -> FloatArray:
    """Reduced-rank regression of the target alone."""
    model = ReducedRankRegressor(RANK, alpha=1e-8, standardize=False, fit_intercept=False)
    coef: FloatArray = model.fit(tasks.X, tasks.Y).coef_
    return coef


def _source_sums(tasks: SpectralTransferTasks) -> tuple[Sums, FloatArray, FloatArray]:
    """Sums in source coordinates, and the source's directions among features (p, p) and responses (q, q)."""
    left, _, right = np.linalg.svd(tasks.source.T)
    X, Y, n = tasks.X @ left, tasks.Y @ right.T, len(tasks.X)
    return Sums((X.T @ X / n)[None], (X.T @ Y / n)[None], np.array([(Y**2).sum() / n])), left, right.T


def _ridge_start(
    tasks: SpectralTransferTasks, left: FloatArray, right: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Leading part of ridge fits of each response, their strength by leave-one-out, in source coordinates."""
    alphas = np.logspace(-3.0, 2.0, 10)
    ridge = np.array([RidgeCV(alphas=alphas).fit(tasks.X, y).coef_ for y in tasks.Y.T]).T
    U, d, Vt = np.linalg.svd(left.T @ ridge @ right, full_matrices=False)
    return U[:, :RANK], d[:RANK], Vt[:RANK].T


def _by_path(sums: Sums) -> list[float]:
    """Objective of each penalty."""
    path = follow(sums, RANK, [(_FREE, _FREE)], np.array([PENALTIES]), tol=1e-5)
    return [float(point.value[0, 0]) for point in path.fits]


def _by_admm(sums: Sums, start: tuple[FloatArray, FloatArray, FloatArray], tol: float) -> list[float]:
    """The same, each penalty on its own, as in the paper."""
    S, M, yy = sums.S[0], sums.M[0], float(sums.yy[0])
    return [admm(S, M, yy, *start, _FREE, _FREE, penalty, tol=tol).objective for penalty in PENALTIES]
