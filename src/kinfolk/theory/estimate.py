r"""Noise, signal and similarity from rows: what a prediction needs to know of a table.

Features are centred within tasks, put into units of their standard deviation and whitened by their covariance. In these
units coefficients are drawn as

.. math:: w_t = \mu + v_t, \quad \mu \sim N(0, \tfrac{\rho \tau^2}p I), \quad
          v_t \sim N(0, \tfrac{(1 - \rho) \tau^2}p I), \qquad
          y_{ti} = a_t + x_{ti}^\top w_t + e_{ti}, \quad e_{ti} \sim N(0, D),

with free intercepts, and :math:`(D, \tau^2, \rho)` maximise the marginal likelihood. With :math:`o, q` the variances of
v and :math:`\mu` in units of D, and :math:`S_t, b_t` the centred moments of task t, :math:`M_t = (I + o S_t)^{-1}`,

.. math:: -2 \log L = N \log \Big( \sum_t (y_t^\top y_t - o\, b_t^\top M_t b_t) - h^\top P^{-1} h \Big)
          + \sum_t \log\det(I + o S_t) + \log\det(q P), \qquad
          h = \sum_t M_t b_t, \quad P = \sum_t M_t S_t + I / q .

It is the likelihood of exchangeable random effects; intervals are from L over a grid, flat in the logarithms.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.theory.problem import Problem

_KEPT = 1e-4  # eigenvalues of the covariance of features, relative to the largest
_BOUNDS = (-14.0, 10.0)  # of the logarithms of p o and p q
_SEEN = (-7.0, 7.0)  # the same, in intervals
_RISE, _WIDEST, _POINTS = 9.0, 16.0, 15  # of the criterion, of a logarithm, of the grid
_FEW_FEATURES, _FEW_ROWS = 20, 10
_VAGUE = 0.2  # standard error of the similarity


@dataclass(frozen=True, eq=False)
class Estimate:
    """What rows say of the model.

    Attributes
    ----------
    problem : Problem
        With one number of rows a task and the row norms of the whitened features where these are unequal.
    noise, signal, similarity : float
        D and tau^2 in units of y squared, and rho.
    draws : (m, 3) array
        Noise, signal and similarity, drawn from their likelihood, flat in the logarithms of the variances.
    n_features : int
        Directions of features that vary.
    condition : float
        Condition number of their covariance.
    n_rows : int
    warnings : tuple of str
        What makes predictions doubtful.
    """

    problem: Problem
    noise: float
    signal: float
    similarity: float
    draws: FloatArray
    n_features: int
    condition: float
    n_rows: int
    warnings: tuple[str, ...]

    def interval(self, level: float = 0.9) -> FloatArray:
        """Interval of noise, signal and similarity, ``(2, 3)``."""
        tail = 50.0 * (1.0 - level)
        return np.asarray(np.percentile(self.draws, [tail, 100.0 - tail], axis=0))


def estimate_problem(X: FloatArray, y: FloatArray, task: object, *, n_draws: int = 200, seed: int = 0) -> Estimate:
    """Estimate noise, signal and similarity of tasks, for predictions of what sharing brings.

    Parameters
    ----------
    X : (n, d) array
        Features, without the task.
    y : (n,) array
        Measured values; for classes the model does not hold.
    task : (n,) array of labels
    n_draws : int, default=200
        For intervals.
    seed : int, default=0

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        Shapes disagree, something is not finite, there is one task, or no task has two rows.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> task = np.repeat(np.arange(20), 30)
    >>> W = np.sqrt(0.5 / 30) * (generator.normal(size=30) + generator.normal(size=(20, 30)))
    >>> X = generator.normal(size=(600, 30))
    >>> y = (X * W[task]).sum(axis=1) + 0.5 * generator.normal(size=600)
    >>> found = estimate_problem(X, y, task)
    >>> bool(abs(found.noise - 0.25) < 0.1), bool(abs(found.similarity - 0.5) < 0.2)
    (True, True)
    """
    X, y, codes, counts = _checked(X, y, task)
    n_tasks, freedom = len(counts), float((counts - 1).sum())
    centred, target = _within(X, codes, counts), _within(y[:, None], codes, counts)[:, 0]
    spread = np.sqrt((centred**2).sum(axis=0) / freedom)
    centred = centred[:, spread > 1e-12 * np.abs(X).max(axis=0, initial=0.0)]
    centred = centred / np.sqrt((centred**2).sum(axis=0) / freedom)
    values, vectors = np.linalg.eigh(centred.T @ centred / freedom) if centred.shape[1] else (np.zeros(1), np.eye(1))
    kept = values > _KEPT * max(float(values[-1]), 1e-300)
    if not kept.any() or not float(target @ target) > 0.0:
        raise InputError("Nothing varies within tasks: there is no feature, or a target, to predict.")
    white = centred @ (vectors[:, kept] / np.sqrt(values[kept]))
    p = white.shape[1]
    likelihood = _Likelihood(white, target, codes, n_tasks, freedom)
    theta = likelihood.maximum()
    draws = np.column_stack(_natural(likelihood.draws(theta, n_draws, np.random.default_rng(seed)).T))
    noise, signal, similarity = map(float, _natural(theta))
    norms = (white**2).sum(axis=1) / p * (counts / np.maximum(counts - 1, 1))[codes]
    unequal = float(norms.std()) > 2.0 * np.sqrt(2.0 / p)
    rows = np.maximum(counts - 1.0, 0.5)
    problem = Problem(
        p,
        rows,
        similarity=similarity,
        signal=signal,
        noise=noise,
        row_norms=norms[norms > 0.0] if unequal else None,
    )
    condition = float(values[kept][-1] / values[kept][0])
    different = len(np.unique(X, axis=0))
    warnings = _warnings(p, counts, freedom, draws, unequal, different)
    return Estimate(problem, noise, signal, similarity, draws, p, condition, len(y), warnings)


def _natural(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Noise, signal and similarity of ``(log D, log p o, log p q)``."""
    noise, own, shared = np.exp(theta)
    return noise, noise * (own + shared), shared / (own + shared)


def _checked(X: FloatArray, y: FloatArray, task: object) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    X, y, labels = np.asarray(X, dtype=float), np.asarray(y, dtype=float), np.asarray(task)
    if X.ndim != 2 or y.shape != (len(X),) or labels.shape != (len(X),):
        raise InputError(f"Give X (n, d), y (n,) and task (n,); got {X.shape}, {y.shape} and {labels.shape}.")
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise InputError("X and y must be finite: leave out rows with missing values, or fill them in.")
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        raise InputError(f"At least two tasks, and one with two rows, are needed; found {len(counts)} task(s).")
    return X, y, codes.astype(np.int64), counts.astype(np.int64)


def _within(values: FloatArray, codes: IntArray, counts: IntArray) -> FloatArray:
    """Columns less their mean in the task."""
    means = np.column_stack([np.bincount(codes, column) for column in values.T]) / counts[:, None]
    centred: FloatArray = values - means[codes]
    return centred


class _Likelihood:
    """Minus twice the log likelihood over ``(log p o, log p q)``, the noise profiled out."""

    def __init__(self, X: FloatArray, y: FloatArray, codes: IntArray, n_tasks: int, freedom: float) -> None:
        self.p, self.freedom = X.shape[1], freedom
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(n_tasks + 1))
        grams = np.stack([X[order[a:b]].T @ X[order[a:b]] for a, b in pairwise(bounds)])
        pulls = np.stack([X[order[a:b]].T @ y[order[a:b]] for a, b in pairwise(bounds)])
        values, self.vectors = np.linalg.eigh(grams)
        self.values = np.maximum(values, 0.0)
        self.pulls = (pulls[:, None, :] @ self.vectors)[:, 0]
        self.total = float(y @ y)

    def parts(self, theta: FloatArray) -> tuple[float, float]:
        """Quadratic form and log determinants."""
        own, shared = np.exp(theta) / self.p
        share = 1.0 / (1.0 + own * self.values)
        flat = self.vectors.transpose(0, 2, 1).reshape(-1, self.p)
        precision = (flat.T * (self.values * share).ravel()) @ flat + np.eye(self.p) / shared
        pull = flat.T @ (self.pulls * share).ravel()
        quadratic = self.total - own * float((self.pulls**2 * share).sum())
        quadratic -= float(pull @ np.linalg.solve(precision, pull))
        volume = -float(np.log(share).sum()) + float(np.linalg.slogdet(precision)[1]) + self.p * float(np.log(shared))
        return max(quadratic, 1e-12 * self.total), volume

    def profiled(self, theta: FloatArray) -> float:
        """The criterion at its best noise."""
        quadratic, volume = self.parts(theta)
        return self.freedom * float(np.log(quadratic)) + volume

    def maximum(self) -> FloatArray:
        """``(log D, log p o, log p q)``."""
        starts = [np.array([a, b]) for a in (-2.0, 1.0) for b in (-2.0, 1.0)]
        start = min(starts, key=self.profiled)
        end = minimize(self.profiled, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6})
        best = np.clip(end.x, *_BOUNDS)
        return np.append(np.log(self.parts(best)[0] / self.freedom), best)

    def draws(self, theta: FloatArray, n: int, generator: np.random.Generator) -> FloatArray:
        """Draws ``(n, 3)`` of ``(log D, log p o, log p q)`` from the likelihood over a grid, flat in logarithms.

        The grid is as wide as the likelihood; towards zero, where it is flat, it ends at a thousandth of the noise.
        """
        axes = [self._axis(theta[1:], place) for place in (0, 1)]
        table = np.array([[self.profiled(np.array([own, shared])) for shared in axes[1]] for own in axes[0]])
        weights = np.exp(-0.5 * (table - table.min())).ravel()
        nodes = generator.choice(len(weights), size=n, p=weights / weights.sum())
        widths = np.array([axis[1] - axis[0] for axis in axes])
        at = np.column_stack(
            [axis[index] for axis, index in zip(axes, np.unravel_index(nodes, table.shape), strict=True)]
        )
        at = at + widths * generator.uniform(-0.5, 0.5, size=(n, 2))
        quadratic = np.array([self.parts(point)[0] for point in at])
        noise = quadratic / generator.chisquare(self.freedom, size=n)
        return np.column_stack((np.log(noise), at))

    def _axis(self, best: FloatArray, place: int) -> FloatArray:
        """Points over which the criterion of one variance, the other at its best, rises by nine."""
        direction = np.eye(2)[place]
        least, ends = self.profiled(best), []
        for sign in (-1.0, 1.0):
            step = 0.1
            while step < _WIDEST and self.profiled(best + sign * step * direction) < least + _RISE:
                step *= 1.5
            ends.append(best[place] + sign * step)
        low, high = np.clip(ends, *_SEEN)
        return np.linspace(low, max(high, low + 0.1), _POINTS)


def _warnings(
    p: int, counts: IntArray, freedom: float, draws: FloatArray, unequal: bool, different: int
) -> tuple[str, ...]:
    found = []
    if p < _FEW_FEATURES:
        found.append(
            f"{p} features: predictions are for many; a single table scatters around them by some "
            f"{1.0 / np.sqrt(p * len(counts)):.0%}."
        )
    few = int((counts < _FEW_ROWS).sum())
    if few:
        found.append(f"{few} of {len(counts)} tasks have fewer than {_FEW_ROWS} rows.")
    if freedom < 5.0 * p:
        found.append(f"{freedom:.0f} rows tell the covariance of {p} features badly (5 for each are needed).")
    if unequal:
        found.append(
            "Rows differ in length more than the Gaussian ones that are assumed; predict_risk(problem) corrects for it."
        )
    if 2 * different < int(counts.sum()):
        found.append(f"Tasks share their rows ({different} different ones): rows of their own are assumed.")
    spread = float(draws[:, 2].std())
    if spread > _VAGUE:
        found.append(f"The similarity is not identified (standard error {spread:.2f}).")
    return tuple(found)
