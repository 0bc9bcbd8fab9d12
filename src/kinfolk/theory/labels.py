r"""How labels depend on scores: probabilities given a fitted score, and errors of its sign."""

import numpy as np
from scipy.special import expit, ndtr

from kinfolk._typing import FloatArray

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_TINY = 1e-14


def panels(cuts: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gauss-Legendre rules of n nodes between the cuts."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = 0.5 * np.diff(cuts)[:, None]
    return (cuts[:-1, None] + half * (1.0 + nodes)).ravel(), (half * weights).ravel()


# A logistic variable L: E sigma(mu + sqrt(v) N) = E Phi((mu + L) / sqrt(v)), smooth where the normal one is wide.
LOGISTIC, LIKELY = panels(np.array([-36.0, -12.0, -5.0, -2.0, 0.0, 2.0, 5.0, 12.0, 36.0]), 10)
LIKELY = LIKELY * expit(LOGISTIC) * expit(-LOGISTIC)


def label_slope(link: str, tau2: FloatArray, noise: FloatArray) -> FloatArray:
    r"""Slope of labels on scores, :math:`c = E[y s] / \tau^2`, elementwise."""
    if link == "linear":
        return np.ones(np.broadcast(tau2, noise).shape)
    if link == "sign":
        return np.asarray(np.sqrt(2.0 / np.pi / (tau2 + noise)))
    rate = expit(np.sqrt(np.minimum(tau2, 1.0))[..., None] * _NODES)
    narrow = 2.0 * (rate * (1.0 - rate)) @ _WEIGHTS
    width = np.sqrt(np.maximum(tau2, 1.0))[..., None]
    wide = 2.0 * (np.exp(-0.5 * (LOGISTIC / width) ** 2) / width) @ (LIKELY / np.sqrt(2.0 * np.pi))
    return np.asarray(np.where(tau2 > 1.0, wide, narrow) * np.ones_like(noise))


def strength_of(link: str, share: FloatArray, scales: FloatArray) -> FloatArray:
    r"""Signal of scores whose best linear predictor explains this share of the variance of labels, elementwise.

    The share is :math:`(E_r[r^2 c(r^2 \tau^2)])^2 \tau^2`, which rises with the signal: looked up in a table. Logistic
    signals end at 1000, close to the limit of the share, :math:`2 / \pi`; the unit of scores of sign labels is
    that of signal and noise together.
    """
    signal = np.logspace(-6.0, 3.0, 1000) if link == "logistic" else np.logspace(-6.0, 0.0, 1000)
    noise = np.zeros_like(signal) if link == "logistic" else 1.0 - signal
    slope = (scales * label_slope(link, scales * signal[:, None], noise[:, None])).mean(axis=1)
    return np.asarray(np.exp(np.interp(np.log(share), np.log(slope**2 * signal), np.log(signal))))


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
