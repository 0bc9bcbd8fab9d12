r"""How labels depend on scores: probabilities given a fitted score, and errors of its sign."""

import numpy as np
from scipy.special import expit, ndtr

from kinfolk._typing import FloatArray

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_TINY = 1e-14


def label_slope(link: str, tau2: FloatArray, noise: FloatArray) -> FloatArray:
    r"""Slope of labels on scores, :math:`c = E[y s] / \tau^2`, elementwise."""
    if link == "linear":
        return np.ones(np.broadcast(tau2, noise).shape)
    if link == "sign":
        return np.asarray(np.sqrt(2.0 / np.pi / (tau2 + noise)))
    rate = expit(np.sqrt(tau2)[..., None] * _NODES)
    return np.asarray(2.0 * (rate * (1.0 - rate)) @ _WEIGHTS) * np.ones_like(noise)


def positive_rate(
    link: str, omega: FloatArray, q: FloatArray, m: FloatArray, tau2: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Z = P(y = 1 | omega) and its derivative by the conditional mean of the score.

    With :math:`\mu = m \omega / q` and :math:`v = \tau^2 - m^2 / q`: sign labels :math:`\Phi(\mu / \sqrt{v + D})`,
    logistic ones :math:`E\, \sigma(\mu + \sqrt v\, N)` by Gauss-Hermite quadrature.

    Parameters
    ----------
    link : {"sign", "logistic"}
    omega : (N, n) array
        Fitted scores.
    q, m, tau2, noise : (N,) arrays

    Returns
    -------
    Z, dZ : (N, n) arrays
    """
    mu = (m / q)[:, None] * omega
    rest = np.maximum(tau2 - m * m / q, 0.0)
    if link == "sign":
        width = np.sqrt(np.maximum(rest + noise, _TINY * tau2))[:, None]
        scaled = mu / width
        return ndtr(scaled), np.exp(-0.5 * scaled**2) / (np.sqrt(2.0 * np.pi) * width)
    rate = expit(mu[:, :, None] + np.sqrt(rest)[:, None, None] * _NODES)
    Z = rate @ _WEIGHTS
    return Z, Z - (rate * rate) @ _WEIGHTS


def width_of_change(link: str, q: FloatArray, m: FloatArray, tau2: FloatArray, noise: FloatArray) -> FloatArray:
    """Fitted score at which labels are all but certain, ``(N,)``; where quadrature has to look closely."""
    rest = np.maximum(tau2 - m * m / q, 0.0) + (noise if link == "sign" else np.pi**2 / 3.0)
    return np.asarray(6.0 * np.sqrt(rest) * q / np.maximum(np.abs(m), 1e-300))
