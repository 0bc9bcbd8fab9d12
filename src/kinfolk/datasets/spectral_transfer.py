"""Many responses of the same rows, and a source study whose singular vectors are partly theirs."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError

Seed = int | np.random.Generator | np.random.RandomState | None

MODELS = {"I": (100, 50), "II": (150, 100), "III": (300, 200)}
DESIGNS = ("paper", "unrelated", "half", "dense", "leftonly")
_ROWS = {"I": 200, "II": 300, "III": 500}
_SOURCE_RANK, _RANK, _OUTSIDE = 10, 5, 2


@dataclass(frozen=True)
class SpectralTransferTasks:
    """Rows of ``Y = X coef.T + noise * E`` with the truth that made them, and the coefficients of a source study.

    Rows of X are normal with covariance ``0.5 ** |i - j|``; entries of E are standard normal.

    Attributes
    ----------
    X : ndarray of shape (n, p)
    Y : ndarray of shape (n, q)
    coef : ndarray of shape (q, p)
        Responses by features, of rank 5.
    source : ndarray of shape (q, p)
        What the source study found: a matrix of rank 10 plus noise.
    noise : float
        Standard deviation of the noise.
    """

    X: FloatArray
    Y: FloatArray
    coef: FloatArray
    source: FloatArray
    noise: float

    def error(self, coef: FloatArray) -> float:
        """Root mean squared error of an estimate ``(q, p)``: ``|coef - truth|_F / sqrt(p q)``."""
        found = np.asarray(coef)
        if found.shape != self.coef.shape:
            raise InputError(f"coef must be (responses, features) = {self.coef.shape}, got {found.shape}.")
        return float(np.sqrt(np.mean((found - self.coef) ** 2)))

    def sample(self, n: int, random_state: Seed = None) -> tuple[FloatArray, FloatArray]:
        """Draw new rows X ``(n, p)`` and Y ``(n, q)`` of the same tasks, for testing.

        Parameters
        ----------
        n : int
        random_state : int, Generator, RandomState or None, default=None
        """
        generator = _generator(random_state)
        X = _features(generator, _at_least("n", n, 1), self.coef.shape[1])
        return X, X @ self.coef.T + self.noise * generator.randn(n, len(self.coef))


def make_spectral_transfer(
    model: str | tuple[int, int] = "I",
    n_samples: int | None = None,
    *,
    source_noise: float = 0.01,
    design: str = "paper",
    noise: float = 0.5,
    random_state: Seed = None,
) -> SpectralTransferTasks:
    r"""Simulated target and source of Zhao, Kolar and Lv (2026), arXiv 2604.20161, numerical studies.

    The source is :math:`C_0 = U_0 \mathrm{diag}(1, ..., 10) V_0^\top + \sigma_0 E_0` with random orthonormal
    :math:`U_0` (p, 10) and :math:`V_0` (q, 10). The target is :math:`C = U \mathrm{diag}(3, 3.5, ..., 5) V^\top`:
    five columns of :math:`U_0`, and five of :math:`V_0` chosen independently, so that the directions are the source's
    but their pairs and strengths are not.

    Parameters
    ----------
    model : {"I", "II", "III"} or (int, int), default="I"
        Numbers of features p and responses q, each at least 12: (100, 50), (150, 100), (300, 200), or a pair.
    n_samples : int, optional
        Rows; 200, 300 and 500 for the three models, else 2 p.
    source_noise : float, default=0.01
        :math:`\sigma_0`.
    design : {"paper", "unrelated", "half", "dense", "leftonly"}, default="paper"
        Where the target's directions are: as above; ``"unrelated"``: the source has directions of its own;
        ``"half"``: two of the five pairs are orthogonal to the source's directions; ``"dense"``: random ones in the
        span of the source's, none of them a column; ``"leftonly"``: the responses' directions V are random.
    noise : float, default=0.5
        Standard deviation of the noise of Y.
    random_state : int, Generator, RandomState or None, default=None
        An int gives, for the design ``"paper"``, the draws of the authors' program (numpy's legacy generator, in
        their order). The multivariate normal rests on a singular value decomposition, so that X may depend on LAPACK.

    Returns
    -------
    SpectralTransferTasks

    Raises
    ------
    InputError
        For a model, a design or a number that cannot be used.

    Examples
    --------
    >>> from kinfolk.datasets import make_spectral_transfer
    >>> tasks = make_spectral_transfer((20, 15), n_samples=30, random_state=0)
    >>> tasks.X.shape, tasks.Y.shape, tasks.coef.shape, tasks.source.shape
    ((30, 20), (30, 15), (15, 20), (15, 20))
    >>> tasks.error(tasks.coef)
    0.0
    """
    p, q = _sizes(model)
    named = isinstance(model, str)
    n = _at_least("n_samples", (_ROWS[str(model)] if named else 2 * p) if n_samples is None else n_samples, 1)
    for name, value in (("source_noise", source_noise), ("noise", noise)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{name} is a standard deviation: it must be zero or positive, got {value!r}.")
    if design not in DESIGNS:
        raise InputError(f"design must be one of {', '.join(DESIGNS)}; got {design!r}.")
    generator = _generator(random_state)
    left, right, source = _source(generator, p, q, source_noise)
    X = _features(generator, n, p)
    U = left[:, generator.choice(_SOURCE_RANK, _RANK, replace=False)]
    V = right[:, generator.choice(_SOURCE_RANK, _RANK, replace=False)]
    if design == "unrelated":
        source = _source(generator, p, q, source_noise)[2]
    elif design == "half":
        U[:, :_OUTSIDE], V[:, :_OUTSIDE] = _outside(generator, left), _outside(generator, right)
    elif design == "dense":
        U = left @ _orthonormal(generator, _SOURCE_RANK, _RANK)
        V = right @ _orthonormal(generator, _SOURCE_RANK, _RANK)
    elif design == "leftonly":
        V = _orthonormal(generator, q, _RANK)
    coef: FloatArray = (V * np.linspace(3.0, 5.0, _RANK)) @ U.T
    Y = X @ coef.T + noise * generator.randn(n, q)
    return SpectralTransferTasks(X, Y, coef, source, float(noise))


def _source(
    generator: np.random.RandomState, p: int, q: int, noise: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Directions (p, 10) and (q, 10) of a source, and its coefficients (q, p)."""
    left, right = _orthonormal(generator, p, _SOURCE_RANK), _orthonormal(generator, q, _SOURCE_RANK)
    strengths = np.linspace(1.0, 10.0, _SOURCE_RANK)
    return left, right, (right * strengths) @ left.T + noise * generator.randn(p, q).T


def _features(generator: np.random.RandomState, n: int, p: int) -> FloatArray:
    covariance = 0.5 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    return generator.multivariate_normal(np.zeros(p), covariance, n)


def _orthonormal(generator: np.random.RandomState, size: int, rank: int) -> FloatArray:
    return np.linalg.qr(generator.randn(size, rank))[0]


def _outside(generator: np.random.RandomState, basis: FloatArray) -> FloatArray:
    """Random orthonormal directions (size, 2) orthogonal to a basis."""
    drawn = generator.randn(len(basis), _OUTSIDE)
    return np.linalg.qr(drawn - basis @ (basis.T @ drawn))[0]


def _sizes(model: str | tuple[int, int]) -> tuple[int, int]:
    if isinstance(model, str):
        if model not in MODELS:
            raise InputError(f"model must be one of {', '.join(MODELS)}, or (features, responses); got {model!r}.")
        return MODELS[model]
    if len(model) != 2:
        raise InputError(f"model must be (features, responses), got {model!r}.")
    least = _SOURCE_RANK + _OUTSIDE
    return _at_least("the number of features", model[0], least), _at_least("the number of responses", model[1], least)


def _generator(random_state: Seed) -> np.random.RandomState:
    """The legacy generator, whose stream the authors' draws are; a Generator lends its bits."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    bits = random_state.bit_generator if isinstance(random_state, np.random.Generator) else random_state
    return np.random.RandomState(bits)


def _at_least(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(value)
