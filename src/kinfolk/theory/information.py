r"""What a row tells about coefficients, and the error of predictions that know all but a part of a score.

Of a score s of variance `total` all but a normal part of variance `rest` is known, :math:`s \mid \mu \sim N(\mu,
\text{rest})`. A label then tells about s

.. math:: I = E_\mu \Bigl[ \frac{Z'(\mu)^2}{Z (1 - Z)} \Bigr], \quad Z(\mu) = P(y = 1 \mid \mu), \qquad
          I = \frac 1{D + \text{rest}} \ (\text{linear}).

Rows of squared length :math:`r^2 p` tell :math:`r^2 I(r^2\, \text{rest}, r^2\, \text{total})`.
"""

from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.special import expit, ndtr

from kinfolk._typing import FloatArray
from kinfolk.theory.labels import LIKELY, LOGISTIC, panels
from kinfolk.theory.problem import Problem

_GROUND = np.sqrt(2.0 * np.pi)


_U, _MASS = panels(np.array([0.0, 0.1, 0.3, 1.0, 2.0, 4.0, 8.5]), 24)  # half of a normal variable
_MASS = 2.0 * _MASS * np.exp(-0.5 * _U * _U) / _GROUND
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(50)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_TOTALS = np.linspace(np.log(1e-6), np.log(1e5), 50)
_SHARES = np.linspace(0.0, 1.0, 41)
_LEAST = 1e-6


class Teller:
    """Information and errors of rows of one problem, averaged over their lengths.

    Parameters
    ----------
    problem : Problem
        Its link, row norms and spectrum (which must have the mean one).
    """

    def __init__(self, problem: Problem) -> None:
        self.link, self.scales, self.spectrum = problem.link, problem.row_scales, problem.eigenvalues

    def information(self, noise: FloatArray, rest: FloatArray, total: FloatArray) -> FloatArray:
        """I, elementwise over arrays of one shape."""
        r2 = self.scales
        if self.link == "linear":
            return np.asarray((r2 / (noise[..., None] + r2 * rest[..., None])).mean(axis=-1))
        told = _told(self.link, noise[..., None], r2 * rest[..., None], r2 * total[..., None])[0]
        return np.asarray((r2 * told).mean(axis=-1))

    def error(
        self, noise: FloatArray, rest: FloatArray, total: FloatArray, rows: FloatArray | None = None
    ) -> FloatArray:
        r"""Squared error D + rest of linear labels, rate of wrong signs of others, elementwise.

        With `rows`, intercepts of the others are estimated from so many, with the variance :math:`u = 1 / (n I)`: a
        known part :math:`k` of the score that is seen with it tells as much as :math:`k^2 / (k + u)` without.
        """
        if self.link == "linear":
            return np.asarray(noise + self.scales.mean() * rest)
        r2, rest = self.scales, np.minimum(rest, (1.0 - 1e-9) * total)
        if rows is not None:
            noise, rest, total, rows = np.broadcast_arrays(noise, rest, total, rows)
            told = _told(self.link, noise[..., None], r2 * rest[..., None], r2 * total[..., None])[0].mean(axis=-1)
            known = total - rest
            rest = total - known**2 / (known + 1.0 / (rows * told))
        wrong = _told(self.link, noise[..., None], r2 * rest[..., None], r2 * total[..., None])[1]
        return np.asarray(wrong.mean(axis=-1))


def _told(link: str, noise: FloatArray, rest: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Information and rate of errors of labels."""
    known = np.maximum(total - rest, 0.0)
    if link == "sign":
        width = rest + np.broadcast_to(noise, rest.shape)
        ratio = np.sqrt(known / np.maximum(width, _LEAST * total))
        z = ratio[..., None] * _U
        density = np.exp(-z * z) / (2.0 * np.pi)
        told = ((density / np.maximum(ndtr(z) * ndtr(-z), 1e-300)) @ _MASS) / np.maximum(width, _LEAST * total)
        return told, np.arctan2(1.0, ratio) / np.pi
    information, sense = _tables()
    share = np.clip(np.log1p(rest) / np.log1p(total), 0.0, 1.0)
    at = np.clip(np.log(total), _TOTALS[0], _TOTALS[-1])
    return np.exp(information.ev(at, share)), 0.5 - np.sqrt(known) * np.exp(sense.ev(at, share))


@lru_cache(maxsize=1)
def _tables() -> tuple[RectBivariateSpline, RectBivariateSpline]:
    """Logistic labels: logarithms of I and (1/2 - error) / sqrt(total - rest), which are smooth.

    Over log(total) and log(1 + rest) / log(1 + total); half of the axis of mu is enough, by symmetry. Z averages the
    logistic function over a narrow normal variable, or the normal distribution over a logistic variable when the former
    is wide.
    """
    information = np.empty((len(_TOTALS), len(_SHARES)))
    sense = np.empty_like(information)
    for row, total in enumerate(np.exp(_TOTALS)):
        rest = np.minimum(np.expm1(_SHARES * np.log1p(total)), (1.0 - 1e-12) * total)
        known = np.sqrt(total - rest)
        miss, slope = _labels(known[:, None] * _U, rest)
        information[row] = np.log((slope**2 / np.maximum((1.0 - miss) * miss, 1e-300)) @ _MASS)
        sense[row] = np.log((0.5 - miss) @ _MASS / known)
    return RectBivariateSpline(_TOTALS, _SHARES, information), RectBivariateSpline(_TOTALS, _SHARES, sense)


def _labels(mu: FloatArray, rest: FloatArray) -> tuple[FloatArray, FloatArray]:
    """1 - Z and its slope at ``mu (k, n)`` for the variances ``rest (k,)``."""
    miss, slope = np.empty_like(mu), np.empty_like(mu)
    wide, width = rest > 1.0, np.sqrt(rest)[:, None, None]
    unlikely = expit(-mu[~wide, :, None] - width[~wide] * _NODES)
    miss[~wide] = unlikely @ _WEIGHTS
    slope[~wide] = miss[~wide] - (unlikely * unlikely) @ _WEIGHTS
    z = (LOGISTIC - mu[wide, :, None]) / width[wide]
    miss[wide] = ndtr(z) @ LIKELY
    slope[wide] = (np.exp(-0.5 * z * z) / width[wide]) @ (LIKELY / _GROUND)
    return miss, slope
