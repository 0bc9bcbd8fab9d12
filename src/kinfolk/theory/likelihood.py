r"""The likelihood of tasks that are equally alike: noise, signal and similarity as variances of random effects.

With whitened rows, coefficients :math:`w_t = \mu + v_t` drawn from

.. math:: \mu \sim N(0, \tfrac{\rho \tau^2}p I), \quad v_t \sim N(0, \tfrac{(1 - \rho) \tau^2}p I), \qquad
          y_{ti} = a_t + x_{ti}^\top w_t + e_{ti}, \quad e_{ti} \sim N(0, D),

and free intercepts: with :math:`o, q` the variances of v and :math:`\mu` in units of D, :math:`S_t, b_t` the centred
moments of task t and :math:`M_t = (I + o S_t)^{-1}`,

.. math:: -2 \log L = (N - T) \log \Bigl( \sum_t (y_t^\top y_t - o\, b_t^\top M_t b_t) - h^\top P^{-1} h \Bigr)
          + \sum_t \log\det(I + o S_t) + \log\det(q P), \qquad
          h = \sum_t M_t b_t, \quad P = \sum_t M_t S_t + I / q .

For each o one eigendecomposition of :math:`\sum_t M_t S_t` gives all q.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.theory.whitening import Rows

_BOUNDS = (-14.0, 10.0)  # of the logarithms of p o and p q
_COARSE = np.linspace(*_BOUNDS, 25)
_SEEN = (-7.0, 7.0)  # the same, in intervals
_RISE, _WIDEST, _POINTS = 9.0, 16.0, 15  # of the criterion, of a logarithm, of the grid
_FINE = 1e-5


def natural(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Noise, signal and similarity of ``(log D, log p o, log p q)``."""
    noise, own, shared = np.exp(theta)
    return noise, noise * (own + shared), shared / (own + shared)


@dataclass(frozen=True)
class _Own:
    """Everything that one own variance leaves to do, for all shared ones."""

    p: int
    total: float
    volume: float
    values: FloatArray
    pull: FloatArray

    def parts(self, shared: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Quadratic form and log determinants at logarithms ``(k,)`` of p q."""
        inverse = self.p * np.exp(-shared)[:, None]
        left = self.total - (self.pull**2 / (self.values + inverse)).sum(axis=1)
        volume = self.volume + np.log1p(self.values / inverse).sum(axis=1)
        return left, volume


class Likelihood:
    """Minus twice the log likelihood over ``(log p o, log p q)``, the noise profiled out."""

    def __init__(self, rows: Rows) -> None:
        self.p, self.freedom = rows.X.shape[1], rows.freedom
        order, bounds = rows.order
        X, y = rows.X[order], rows.y[order]
        grams = np.stack([X[a:b].T @ X[a:b] for a, b in pairwise(bounds)])
        self.products = np.stack([X[a:b].T @ y[a:b] for a, b in pairwise(bounds)])
        values, self.vectors = np.linalg.eigh(grams)
        self.values = np.maximum(values, 0.0)
        self.pulls = (self.products[:, None, :] @ self.vectors)[:, 0]
        self.total = float(y @ y)

    def at(self, own: float) -> _Own:
        """The criterion along q, for the logarithm of p o."""
        variance = float(np.exp(own)) / self.p
        share = 1.0 / (1.0 + variance * self.values)
        flat = self.vectors.transpose(0, 2, 1).reshape(-1, self.p)
        values, vectors = np.linalg.eigh((flat.T * (self.values * share).ravel()) @ flat)
        pull = vectors.T @ (flat.T @ (self.pulls * share).ravel())
        left = self.total - variance * float((self.pulls**2 * share).sum())
        return _Own(self.p, left, -float(np.log(share).sum()), np.maximum(values, 0.0), pull)

    def criterion(self, at: _Own, shared: FloatArray) -> FloatArray:
        """The profiled criterion ``(k,)``."""
        left, volume = at.parts(shared)
        return np.asarray(self.freedom * np.log(np.maximum(left, 1e-12 * self.total)) + volume)

    def best_shared(self, own: float) -> tuple[float, float]:
        """Logarithm of p q with the smallest criterion, and that."""
        at = self.at(own)
        return _smallest(
            lambda shared: float(self.criterion(at, np.array([shared]))[0]), _COARSE, self.criterion(at, _COARSE)
        )

    def value(self, theta: FloatArray) -> float:
        """The criterion at ``(log D, log p o, log p q)``."""
        return float(self.criterion(self.at(theta[1]), theta[2:])[0])

    def maximum(self) -> FloatArray:
        """``(log D, log p o, log p q)``."""
        places = _COARSE[::2]
        rough = np.array([self.criterion(self.at(own), _COARSE).min() for own in places])
        own, _ = _smallest(lambda value: self.best_shared(value)[1], places, rough)
        shared, _ = self.best_shared(own)
        left = float(self.at(own).parts(np.array([shared]))[0][0])
        return np.array([np.log(max(left, 1e-12 * self.total) / self.freedom), own, shared])

    def draws(self, theta: FloatArray, n: int, generator: np.random.Generator) -> FloatArray:
        """Draws ``(n, 3)`` of ``(log D, log p o, log p q)`` from the likelihood over a grid, flat in logarithms.

        The grid is as wide as the likelihood; towards zero, where it is flat, it ends at a thousandth of the noise.
        """
        least = self.value(theta)
        here = self.at(theta[1])
        axes = [
            _axis(theta[1], least, lambda value: float(self.criterion(self.at(value), theta[2:])[0])),
            _axis(theta[2], least, lambda value: float(self.criterion(here, np.array([value]))[0])),
        ]
        parts = [self.at(own).parts(axes[1]) for own in axes[0]]
        left = np.log(np.maximum(np.stack([part[0] for part in parts]), 1e-12 * self.total))
        table = self.freedom * left + np.stack([part[1] for part in parts])
        weights = np.exp(-0.5 * (table - table.min())).ravel()
        nodes = np.unravel_index(generator.choice(len(weights), size=n, p=weights / weights.sum()), table.shape)
        at = np.column_stack([axis[index] for axis, index in zip(axes, nodes, strict=True)])
        widths = np.array([axis[1] - axis[0] for axis in axes])
        at += widths * generator.uniform(-0.5, 0.5, size=(n, 2))
        at = np.clip(at, [axis[0] for axis in axes], [axis[-1] for axis in axes])
        noise = RegularGridInterpolator(axes, left)(at) - np.log(generator.chisquare(self.freedom, size=n))
        return np.column_stack((noise, at))


def _smallest(function: Callable[[float], float], places: FloatArray, rough: FloatArray) -> tuple[float, float]:
    """Place and value of the minimum, near the smallest of the coarse grid."""
    best = int(rough.argmin())
    low, high = places[max(best - 1, 0)], places[min(best + 1, len(places) - 1)]
    found = minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": _FINE})
    if found.fun <= rough[best]:
        return float(found.x), float(found.fun)
    return float(places[best]), float(rough[best])


def _axis(best: float, least: float, criterion: Callable[[float], float]) -> FloatArray:
    """Points over which the criterion of one variance, the other at its best, rises by nine."""
    ends = []
    for sign in (-1.0, 1.0):
        step = 0.1
        while step < _WIDEST and criterion(best + sign * step) < least + _RISE:
            step *= 1.5
        ends.append(best + sign * step)
    low, high = np.clip(ends, *_SEEN)
    return np.linspace(low, max(high, low + 0.1), _POINTS)
