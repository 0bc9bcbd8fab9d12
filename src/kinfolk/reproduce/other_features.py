"""Errors predicted for Gaussian features beside those of fits on features that are not.

- ``laws``: independent features of other laws, from -1 and 1 to a t law without kurtosis; ``spread`` is the number of
  features that the coefficients are on (all of them but for the counter-example);
- ``images``: features of real images (scikit-learn's two sample images and its digits) with synthetic labels, beside
  predictions that know of the rows' norms, and plain ones;
- ``spectra``: Gaussian features with a covariance that tasks share, beside predictions that know its spectrum.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from scipy.linalg import toeplitz
from scipy.special import expit, ndtr
from sklearn.datasets import load_digits, load_sample_images

from kinfolk._typing import FloatArray
from kinfolk.reproduce.coupled_fits import fit, label
from kinfolk.reproduce.gaussian_tasks import GIVEN
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row
from kinfolk.theory import Problem, predict_risk
from kinfolk.theory.errors import new_row_error
from kinfolk.theory.squared import State

T, SIMILARITY, LAM, C = 3, 0.5, 0.1, 0.5
_FRESH = 4000  # new rows of a task, where the error on them has no closed form
_PATCHES = 20_000

Shape = tuple[int, int]


def _student(freedom: int, generator: np.random.Generator, shape: Shape) -> FloatArray:
    return np.asarray(generator.standard_t(freedom, size=shape) * np.sqrt((freedom - 2.0) / freedom))


def _sparse(generator: np.random.Generator, shape: Shape) -> FloatArray:
    return np.asarray(np.where(generator.random(shape) < 0.1, np.sqrt(10.0) * generator.normal(size=shape), 0.0))


LAWS: dict[str, Callable[[np.random.Generator, Shape], FloatArray]] = {
    "Gaussian": lambda generator, shape: generator.normal(size=shape),
    "-1 or 1": lambda generator, shape: generator.choice([-1.0, 1.0], size=shape),
    "uniform": lambda generator, shape: np.sqrt(3.0) * generator.uniform(-1.0, 1.0, size=shape),
    "t_6": partial(_student, 6),
    "t_5": partial(_student, 5),
    "t_3": partial(_student, 3),
    "a tenth is not 0": _sparse,
}
IMAGES = ("patches", "normalised", "projected", "rectified", "digits")
_DECAY = 1.0 / np.arange(1, 241)
SPECTRA: dict[str, FloatArray] = {
    "power law": _DECAY / _DECAY.mean(),
    "autoregressive": np.linalg.eigvalsh(toeplitz(0.7 ** np.arange(240))),
    "two levels": np.repeat([0.2, 1.8], 120),
}


def laws(cell: Cell, generator: np.random.Generator) -> Row:
    """Error of a fit on new rows of the same law, mean over tasks; ``plain`` is predicted without the rows' norms."""
    p, n_tasks, given = cell["p"], cell["T"], _given(cell)
    problem = Problem(p, cell["alpha"] * p, n_tasks=n_tasks, similarity=SIMILARITY, **given)
    basis = np.zeros((n_tasks, p))
    basis[:, : cell["spread"]] = np.linalg.qr(generator.normal(size=(cell["spread"], n_tasks)))[0].T
    truth = np.linalg.cholesky(problem.inner_products) @ basis
    law, n = LAWS[cell["law"]], round(cell["alpha"] * p)
    X = [law(generator, (n, p)) for _ in range(n_tasks)]
    y = [label(problem, t, X[t] @ truth[t], generator) for t in range(n_tasks)]
    W = fit(X, y, cell["loss"], LAM, C)
    if problem.link == "linear":
        found = float(problem.noise_variance[0] + ((W - truth) ** 2).sum(axis=1).mean())
    else:
        new = [law(generator, (_FRESH, p)) for _ in range(n_tasks)]
        found = _mean_wrong(problem, [(rows @ w, rows @ xi) for rows, w, xi in zip(new, W, truth, strict=True)])
    predicted, plain = _predicted_for_law(cell["law"], cell["loss"], cell["labels"], cell["alpha"], n_tasks, p)
    return {"found": found, "predicted": predicted, "plain": plain}


def images(cell: Cell, generator: np.random.Generator) -> Row:
    """Error of a fit on rows of a pool, on its other rows; ``plain`` is predicted without the rows' norms."""
    pool = features(cell["features"])
    p, given = pool.shape[1], _given(cell)
    n = round(cell["alpha"] * p)
    problem = Problem(p, n, n_tasks=T, similarity=SIMILARITY, **given)
    basis = np.linalg.qr(generator.normal(size=(p, T)))[0].T
    truth = np.linalg.cholesky(problem.inner_products) @ basis
    order = generator.permutation(len(pool))
    X = [pool[order[t * n : (t + 1) * n]] for t in range(T)]
    y = [label(problem, t, X[t] @ truth[t], generator) for t in range(T)]
    W = fit(X, y, cell["loss"], LAM, C)
    new = pool[order[T * n :][: 2 * _FRESH]]
    if problem.link == "linear":
        found = float(problem.noise_variance[0] + ((new @ (W - truth).T) ** 2).mean())
    else:
        found = _mean_wrong(problem, [(new @ w, new @ xi) for w, xi in zip(W, truth, strict=True)])
    predicted, plain = _predicted_for_images(cell["features"], cell["loss"], cell["alpha"])
    return {"found": found, "predicted": predicted, "plain": plain}


def spectra(cell: Cell, generator: np.random.Generator) -> Row:
    """As `laws` with a covariance, for coefficients that are drawn; ``plain`` is predicted for white features."""
    spectrum, given = SPECTRA[cell["spectrum"]], _given(cell)
    p = len(spectrum)
    problem = Problem(p, cell["alpha"] * p, n_tasks=T, similarity=SIMILARITY, spectrum=spectrum, **given)
    truth = np.linalg.cholesky(problem.inner_products) @ generator.normal(size=(T, p)) / np.sqrt(p)
    n = round(cell["alpha"] * p)
    X: list[FloatArray] = [generator.normal(size=(n, p)) * np.sqrt(spectrum) for _ in range(T)]
    y = [label(problem, t, X[t] @ truth[t], generator) for t in range(T)]
    W = fit(X, y, cell["loss"], LAM, C)
    # with the score variance of these coefficients
    drawn = Problem(p, n, n_tasks=T, **(given | {"signal": (truth**2) @ spectrum}))
    norm, overlap, unused = (W**2) @ spectrum, (W * truth) @ spectrum, np.full(T, np.nan)
    error = new_row_error(drawn, State(unused, norm, overlap, unused, unused, unused, True, 0.0))
    predicted, plain = _predicted_for_spectrum(cell["spectrum"], cell["loss"], cell["alpha"])
    return {"found": float(error.mean()), "predicted": predicted, "plain": plain}


@cache
def features(name: str) -> FloatArray:
    """Pool of rows, white as a whole: patches of images, or what is made of them."""
    generator = np.random.default_rng(0)
    if name == "digits":
        rows = load_digits().data / 16.0
        rows = np.maximum((rows - rows.mean(axis=0)) @ generator.normal(size=(64, 100)) - 4.5, 0.0)
        return _whitened(rows)
    side = 9 if name in ("patches", "normalised") else 12
    cuts = []
    for image in load_sample_images().images:
        grey = image.mean(axis=2) / 255.0
        corners = (generator.integers(0, size - side + 1, _PATCHES // 2) for size in grey.shape)
        windows = np.lib.stride_tricks.sliding_window_view(grey, (side, side))
        cuts.append(windows[tuple(corners)].reshape(-1, side * side))
    rows = np.concatenate(cuts)
    rows = rows - rows.mean(axis=1, keepdims=True)
    if name != "patches":
        rows = rows / (rows.std(axis=1, keepdims=True) + 0.02)
    if name == "projected":
        rows = rows @ generator.normal(size=(side * side, 120))
    if name == "rectified":
        rows = np.maximum(_whitened(rows) @ generator.normal(size=(side * side - 1, 200)) / side, 0.0)
    return _whitened(rows)


def _whitened(rows: FloatArray) -> FloatArray:
    centred = rows - rows.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = values > 1e-6 * values[-1]
    white: FloatArray = centred @ (vectors[:, kept] / np.sqrt(values[kept]))
    return white


def _given(cell: Cell) -> dict[str, Any]:
    """Labels: those of the loss, or ``sign`` for any."""
    return {"noise": 0.1, "link": "sign"} if cell.get("labels") == "sign" else GIVEN[cell["loss"]]


def _mean_wrong(problem: Problem, scores: list[tuple[FloatArray, FloatArray]]) -> float:
    """Probability of a wrong label, given fitted and true scores of new rows, mean over rows and tasks."""
    agree = np.concatenate([np.sign(fitted) * true for fitted, true in scores])
    wrong = expit(-agree) if problem.link == "logistic" else ndtr(-agree / np.sqrt(problem.noise_variance[0]))
    return float(wrong.mean())


def _predict(problem: Problem, loss: Any) -> float:
    return float(predict_risk(problem, loss, lam=LAM, c=C).test.mean())


@cache
def _predicted_for_law(law: str, loss: str, labels: str, alpha: float, n_tasks: int, p: int) -> tuple[float, float]:
    norms = (LAWS[law](np.random.default_rng(0), (_FRESH, p)) ** 2).mean(axis=1)
    given = {"n_tasks": n_tasks, "similarity": SIMILARITY, **_given({"loss": loss, "labels": labels})}
    return _predict(Problem(1, alpha, row_norms=norms, **given), loss), _predict(Problem(1, alpha, **given), loss)


@cache
def _predicted_for_images(name: str, loss: str, alpha: float) -> tuple[float, float]:
    pool = features(name)
    p = pool.shape[1]
    given = {"n_tasks": T, "similarity": SIMILARITY, **GIVEN[loss]}
    n, norms = round(alpha * p), (pool**2).mean(axis=1)
    return _predict(Problem(p, n, row_norms=norms, **given), loss), _predict(Problem(p, n, **given), loss)


@cache
def _predicted_for_spectrum(name: str, loss: str, alpha: float) -> tuple[float, float]:
    given = {"n_tasks": T, "similarity": SIMILARITY, **GIVEN[loss]}
    return _predict(Problem(1, alpha, spectrum=SPECTRA[name], **given), loss), _predict(
        Problem(1, alpha, **given), loss
    )


def _laws(losses: dict[str, tuple[float, ...]], names: tuple[str, ...]) -> list[Cell]:
    return [
        {"law": law, "loss": loss, "labels": "own", "alpha": alpha, "spread": 200, "T": T, "p": 200}
        for loss, alphas in losses.items()
        for law in names
        for alpha in alphas
    ]


def _on_few(spreads: tuple[int, ...]) -> list[Cell]:
    """The counter-example: signs as labels, coefficients on few features that are -1 or 1."""
    common = {"law": "-1 or 1", "alpha": 2.0, "T": 2, "p": 200}
    signs = [common | {"loss": "hinge", "labels": "sign", "spread": spread} for spread in spreads]
    return [*signs, common | {"loss": "squared", "labels": "own", "spread": 2}]


def _images(names: tuple[str, ...], alphas: tuple[float, ...]) -> list[Cell]:
    return [
        {"features": name, "loss": loss, "alpha": min(alpha, 4.0) if name == "digits" else alpha}
        for name in names
        for loss in ("squared", "logistic")
        for alpha in alphas
    ]


def _spectra(names: tuple[str, ...], losses: tuple[str, ...]) -> list[Cell]:
    return [
        {"spectrum": name, "loss": loss, "alpha": alpha} for name in names for loss in losses for alpha in (0.5, 2.0)
    ]


FULL: Plan = {
    "laws": (
        [
            *_laws({"squared": (0.5, 1.5, 3.0), "logistic": (0.5, 2.0), "hinge": (2.0,)}, tuple(LAWS)),
            *_on_few((2, 20, 200)),
        ],
        24,
    ),
    "images": (_images(IMAGES, (0.5, 1.5, 5.0)), 24),
    "spectra": (_spectra(tuple(SPECTRA), ("squared", "logistic", "huber")), 24),
}
QUICK: Plan = {
    "laws": (
        [*_laws({"squared": (0.5, 1.5), "logistic": (2.0,)}, ("-1 or 1", "t_3")), *_on_few((2, 200))],
        10,
    ),
    "images": (_images(("patches", "rectified", "digits"), (1.5,)), 10),
    "spectra": (_spectra(("power law",), ("squared", "huber")), 10),
}
MEASUREMENTS: Measurements = {"laws": laws, "images": images, "spectra": spectra}
