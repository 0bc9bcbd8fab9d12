"""What each task has of its own beside the shared representation: the variance rho, by evidence."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.representation.evidence import SharedModel, State
from kinfolk.representation.spectrum import Spectrum
from kinfolk.tasks import NOISE_FLOOR

WORTH = 3.0  # log likelihood that a variance must promise before it is looked for: 2.4 standard errors


def worth_looking(model: SharedModel, state: State) -> bool:
    r"""Whether a task's own variance may raise the evidence by more than three units, judged at :math:`\rho = 0`.

    With :math:`M_t = S_t - S_t F C_t F^\top S_t`, the score is :math:`s = \frac12 \sum_t |l_t|^2 / \sigma^2 -
    \mathrm{tr} M_t` and its information, noise profiled, :math:`i = \frac12 (\sum_t \|M_t\|_F^2 - (\sum_t \mathrm{tr}
    M_t)^2 / \nu)`; the gain is about :math:`s^2 / 2 i` where s is positive.
    """
    moments, weights, F = model.moments, model.weights, state.loadings
    cross = moments.times(F)
    root = np.linalg.cholesky(np.linalg.inv(F.T @ cross + np.eye(F.shape[1])))
    half = cross @ root  # S F C F' S = half half'
    trace = model.strength - np.einsum("tdk,tdk->t", half, half)
    score = 0.5 * float(weights @ ((state.left**2).sum(axis=1) / state.noise - trace))
    if score <= 0.0:
        return False
    if moments.gram is not None:
        size = np.einsum("tij,tij->t", moments.gram, moments.gram)
    else:
        assert moments.rows is not None
        small = moments.rows @ moments.rows.transpose(0, 2, 1)
        size = np.einsum("tij,tij->t", small, small)
    through = half.transpose(0, 2, 1) @ moments.times(half)
    inside = half.transpose(0, 2, 1) @ half
    size = size - 2.0 * np.trace(through, axis1=1, axis2=2) + np.einsum("tij,tij->t", inside, inside)
    information = 0.5 * (float(weights @ size) - float(weights @ trace) ** 2 / model.freedom)
    return score**2 > 2.0 * WORTH * information


def best_own(model: SharedModel, spectrum: Spectrum, state: State) -> tuple[float, float]:
    """The ``rho`` with the largest evidence, and its gain, everything else but the noise held where it is."""
    weights = model.weights
    projected = spectrum.rows @ state.loadings
    residual = spectrum.targets - spectrum.rows @ state.mean
    k = state.loadings.shape[1]
    rest = float(weights @ spectrum.rest) + float(state.position @ state.position)

    def loss(own: float) -> float:
        damping = 1.0 / (1.0 + own * spectrum.values)
        Z = np.sqrt(damping)[:, :, None] * projected
        target = np.sqrt(damping) * residual
        transposed = Z.transpose(0, 2, 1)
        inner = np.eye(k) + transposed @ Z
        pull = transposed @ target[:, :, None]
        explained = (pull * np.linalg.solve(inner, pull)).sum(axis=(1, 2))
        quad = rest + float(weights @ ((target**2).sum(axis=1) - explained))
        volume = float(weights @ (np.linalg.slogdet(inner)[1] - np.log(damping).sum(axis=1)))
        return float(model.freedom * np.log(max(quad / model.freedom, NOISE_FLOOR)) + volume)

    typical = spectrum.values.size / max(float(spectrum.values.sum()), 1e-300)
    small = 1e-4 * typical  # a variance that changes nothing: a task's rows weigh 10,000 times more
    here = loss(state.own)
    if loss(small) >= loss(0.0):
        return 0.0, 0.5 * (here - loss(0.0))
    low, high = np.log(small), np.log(1e8 * typical)
    if state.own > 0.0:  # it is usually near where it was
        near = max(low, np.log(state.own) - 2.0), min(high, np.log(state.own) + 2.0)
        found = _bounded(loss, *near)
        if near[0] + 0.1 < found < near[1] - 0.1:
            low = high = found
    found = low if low == high else _bounded(loss, low, high)
    better = float(np.exp(found))
    gain = 0.5 * (here - loss(better))
    # the search is not exact: where it was may be better still, and then nothing moves
    return (better, gain) if gain > 0.0 else (state.own, 0.0)


def _bounded(loss: Callable[[float], float], low: float, high: float) -> float:
    """Log of the place of the smallest ``loss`` between exp(low) and exp(high)."""
    found = minimize_scalar(
        lambda at: loss(float(np.exp(at))), bounds=(low, high), method="bounded", options={"xatol": 0.03}
    )
    return float(found.x)


def own_profile(model: SharedModel, state: State, profile: FloatArray) -> FloatArray:
    r"""One turn of MacKay's fixed point for the variance of each coefficient's own part, times rho.

    With :math:`l_t` what the residuals pull at and :math:`H_t = R_t^\top \mathrm{Cov}(y_t)^{-1} R_t \sigma^2`,

    .. math:: \rho \delta_j \leftarrow \rho \delta_j \frac{\sum_t l_{tj}^2 / \sigma^2}{\sum_t H_{t,jj}} .
    """
    assert model.rows is not None
    weights, F = model.weights, state.loadings
    Z = model.rows @ F
    root = np.linalg.cholesky(np.linalg.inv(Z.transpose(0, 2, 1) @ Z + np.eye(F.shape[1])))
    through = model.rows.transpose(0, 2, 1) @ (Z @ root)
    told = np.einsum("t,trd,trd->d", weights, model.rows, model.rows)
    told -= np.einsum("t,tdk,tdk->d", weights, through, through)
    found = weights @ state.left**2 / state.noise
    ratio = np.divide(found, told, out=np.ones(len(F)), where=told > 1e-12 * max(float(told.max()), 1e-300))
    turned: FloatArray = state.own * profile * np.clip(ratio, 1e-3, 1e3)
    return turned


def coefficients(state: State, spectrum: Spectrum | None) -> FloatArray:
    """Posterior mean slopes ``(T, d)``: population, shared directions, and what each task has of its own."""
    shared: FloatArray = state.mean + state.heads @ state.loadings.T
    if spectrum is None:
        return shared
    left = spectrum.targets - (spectrum.rows @ shared[:, :, None])[:, :, 0]
    weight = state.own / (1.0 + state.own * spectrum.values)
    own: FloatArray = spectrum.profile * ((weight * left)[:, None, :] @ spectrum.rows)[:, 0]
    return shared + own


def leverage(model: SharedModel, state: State, spectrum: Spectrum | None) -> FloatArray:
    """Trace of each task's hat matrix ``(T,)``: rows less the trace of the inverse of their relative covariance."""
    F = state.loadings
    if spectrum is None:
        gram = F.T @ model.moments.times(F)
        inverse = np.linalg.inv(gram + np.eye(F.shape[1]))
        used: FloatArray = F.shape[1] - np.trace(inverse, axis1=1, axis2=2)
        return used
    damping = 1.0 / (1.0 + state.own * spectrum.values)
    Z = np.sqrt(damping)[:, :, None] * (spectrum.rows @ F)
    inverse = np.linalg.inv(Z.transpose(0, 2, 1) @ Z + np.eye(F.shape[1]))
    through = np.einsum("trk,tkl,trl->tr", Z, inverse, Z)
    rows_used: FloatArray = (1.0 - damping * (1.0 - through)).sum(axis=1)
    return rows_used
