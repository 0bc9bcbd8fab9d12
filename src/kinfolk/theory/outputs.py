r"""Moments of what rows say: how strongly, how noisily, and how much about the truth.

With :math:`z = \operatorname{prox}_{V \ell}(\omega)` and :math:`f = (z - \omega) / V`, for a row of norm 1,

.. math::

    \hat V / \alpha = -E\, \partial_\omega f, \qquad \hat q / \alpha = E f^2, \qquad
    \hat m / \alpha = E\, \partial_s f .
"""

import numpy as np
from scipy.special import erf, erfc, gammainc, ndtr

from kinfolk._typing import FloatArray
from kinfolk.theory.labels import positive_rate, width_of_change
from kinfolk.theory.losses import Loss

Moments = tuple[FloatArray, FloatArray, FloatArray]

_PANELS = np.array([-8.5, -4.0, -2.0, -1.0, -0.3, 0.0, 0.3, 1.0, 2.0, 4.0, 8.5])
_FAR = 8.5
_SMOOTH = np.polynomial.legendre.leggauss(30)
_FINE = np.polynomial.legendre.leggauss(120)


def residual_moments(loss: Loss, V: FloatArray, E: FloatArray, share: FloatArray) -> Moments:
    r"""Moments of LAD and Huber with linear labels, whose residual is a mixture of N(0, E_k).

    Huber, with x = delta (1 + V) / sqrt(E): :math:`\hat V = \operatorname{erf}(x / \sqrt 2) / (1 + V)` and
    :math:`\hat q = E / (1 + V)^2\, P(\chi^2_3 < x^2) + \delta^2 \operatorname{erfc}(x / \sqrt 2)`; LAD has V in place
    of 1 + V and delta = 1. The third moment equals the first.

    Parameters
    ----------
    loss : Loss
    V : (N,) array
    E, share : (N, k) arrays
        Variances and weights of the residual's mixture.
    """
    V = V[:, None]
    reach, scale = (1.0, V) if loss.name == "lad" else (loss.delta, 1.0 + V)
    x = reach * scale / np.sqrt(E)
    curvature = (share * erf(x / np.sqrt(2.0)) / scale).sum(axis=1)
    inside = E / scale**2 * gammainc(1.5, 0.5 * x * x)
    power = (share * (inside + reach**2 * erfc(x / np.sqrt(2.0)))).sum(axis=1)
    return curvature, power, curvature


def residual_error(loss: Loss, V: FloatArray, E: FloatArray, share: FloatArray) -> FloatArray:
    """Mean squared residual of the fitted rows, arguments as in `residual_moments`."""
    V = V[:, None]
    if loss.name == "squared":
        return np.asarray((share * E).sum(axis=1) / (1.0 + V[:, 0]) ** 2)
    reach, scale, shrunk = (1.0, V, 0.0) if loss.name == "lad" else (loss.delta, 1.0 + V, 1.0 / (1.0 + V) ** 2)
    x, off, size = reach * scale / np.sqrt(E), V * reach, np.sqrt(E)
    density = np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
    tail = 2.0 * (E * (x * density + ndtr(-x)) - 2.0 * off * size * density + off**2 * ndtr(-x))
    return np.asarray((share * (shrunk * E * gammainc(1.5, 0.5 * x * x) + tail)).sum(axis=1))


def margin_moments(
    loss: Loss, link: str, V: FloatArray, q: FloatArray, m: FloatArray, tau2: FloatArray, noise: FloatArray
) -> Moments:
    """Moments for labels -1, +1, all arguments ``(N,)``: quadrature over the fitted score.

    Both labels give the same by symmetry. The logistic loss has nodes that are fixed in omega / sqrt(q), so that the
    iteration stays smooth; losses with kinks have panels cut there and where labels become certain.
    """
    omega, mass = _nodes(loss, link, V, q, m, tau2, noise)
    f, slope = loss.pull(omega, V[:, None])
    Z, dZ = positive_rate(link, omega, q, m, tau2, noise)
    return (
        2.0 * (mass * Z * slope).sum(axis=1),
        2.0 * (mass * Z * f * f).sum(axis=1),
        2.0 * (mass * dZ * f).sum(axis=1),
    )


def wrong_side(
    loss: Loss, link: str, V: FloatArray, q: FloatArray, m: FloatArray, tau2: FloatArray, noise: FloatArray
) -> FloatArray:
    """Share of fitted rows whose score has the wrong sign: those with omega below -V |l'(1, 0)|."""
    size = np.sqrt(q)
    edge = -V * loss.pull_at_zero / size
    change = -width_of_change(link, q, m, tau2, noise) / size
    cuts = np.stack([np.full_like(edge, -_FAR), 0.5 * (edge - _FAR), np.maximum(change, -_FAR), edge], axis=1)
    omega, mass = _panels(np.minimum(cuts, edge[:, None]), size, _FINE)
    Z, _slope = positive_rate(link, omega, q, m, tau2, noise)
    return np.where(edge > -_FAR, 2.0 * (mass * Z).sum(axis=1), 0.0)


def _nodes(
    loss: Loss, link: str, V: FloatArray, q: FloatArray, m: FloatArray, tau2: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray]:
    size = np.sqrt(q)
    if loss.name == "logistic":
        return _panels(np.broadcast_to(_PANELS, (len(V), len(_PANELS))), size, _SMOOTH)
    change = width_of_change(link, q, m, tau2, noise)[:, None]
    ends = np.array([-_FAR, 0.0, _FAR]) * size[:, None]
    return _panels(np.concatenate((ends, loss.kinks(V), -change, change), axis=1) / size[:, None], size, _FINE)


def _panels(cuts: FloatArray, size: FloatArray, rule: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Nodes omega and probabilities ``(N, n)`` of Gauss-Legendre rules between cuts of omega / size."""
    cuts = np.sort(np.clip(cuts, -_FAR, _FAR), axis=1)
    half = 0.5 * np.diff(cuts, axis=1)
    u = (cuts[:, :-1] + half)[:, :, None] + half[:, :, None] * rule[0]
    mass = half[:, :, None] * rule[1] * np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)
    n = len(cuts)
    return (u * size[:, None, None]).reshape(n, -1), mass.reshape(n, -1)
