r"""Variance of scores that the best penalty leaves unknown: fixed points of what rows tell.

With :math:`I_t(\varepsilon)` what a row of task t tells of its score while a variance :math:`\varepsilon` of it is
unknown (`kinfolk.theory.information`), and :math:`\alpha_t = n_t / p`,

.. math:: \varepsilon_t = \langle s R_{tt}(s) \rangle, \qquad
          R(s) = ( G^{-1} + s \operatorname{diag} (\alpha_t I_t(\varepsilon_t)) )^{-1} ,

the errors of the posterior mean; :math:`\langle \cdot \rangle` is the mean over the spectrum s of the features.
Linear labels have :math:`I = E_r[r^2 / (D + r^2 \varepsilon)]`, and the ridge with ``K = G / D`` has exactly these
errors. The logistic loss with its best ridge comes within 2e-4 of these error rates (2e-3 for rows of unequal length;
measured in the tests), without a search of the ridge. For a task alone G is :math:`\tau^2`. For one pooled model, with
:math:`\pi_t` the shares of rows, the target is :math:`\sum_t \pi_t \xi_t` of squared length :math:`g = \pi^\top G
\pi`, and the rest of the scores, :math:`h = \sum_t \pi_t G_{tt} - g`, stays unknown whatever the number of rows.

Where a fixed point is not reached the result is NaN.
"""

from collections.abc import Callable

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.theory.information import Teller
from kinfolk.theory.problem import Problem

_TURNS = 2000
_SETTLED = 1e-9
_RIDGES = np.linspace(-4.0, 4.0, 41)  # logarithms, around the ridge of rows of equal length
_NEWTON = 12


def excess_alone(
    teller: Teller, alpha: FloatArray, noise: FloatArray, total: FloatArray, own: FloatArray | None = None
) -> FloatArray:
    """A task fitted alone, elementwise; of the variance of its scores all but `own` (default: nothing) is known."""
    alpha, noise, total = np.broadcast_arrays(alpha, noise, total)
    own = total if own is None else np.broadcast_to(own, total.shape)
    return _settle(lambda rest: _single(teller, own, alpha * teller.information(noise, rest, total)), own)


def excess_coupled(
    teller: Teller,
    alpha: FloatArray,
    count: FloatArray,
    noise: FloatArray,
    signal: FloatArray,
    similarity: FloatArray,
) -> FloatArray:
    """Equally alike tasks, ``(m, K)``: `count` ``(K,)`` tasks of `alpha` ``(K,)`` rows a feature, m sets of the rest.

    G and its inverse are diagonal beside a constant, so that a step is O(K).
    """
    s = teller.spectrum[:, None, None]
    noise, signal = (np.broadcast_to(value[:, None], (len(value), len(alpha))) for value in (noise, signal))
    own = np.maximum(1.0 - similarity[:, None], 1e-12) * signal
    shared = similarity[:, None] * signal
    c = shared / (own * (own + count.sum() * shared))

    def step(rest: FloatArray) -> FloatArray:
        m = 1.0 / (1.0 / own + s * (alpha * teller.information(noise, rest, signal)))
        return np.asarray((s * (m + c * m * m / (1.0 - c * (m @ count)[:, :, None]))).mean(axis=0))

    return _settle(step, excess_alone(teller, alpha[None], noise, signal))


def excess_general(teller: Teller, alpha: FloatArray, noise: FloatArray, gram: FloatArray) -> FloatArray:
    """Tasks of any Gram matrix, ``(T,)``."""
    total = np.diag(gram)

    def step(rest: FloatArray) -> FloatArray:
        R = response(teller, alpha * teller.information(noise, rest, total), gram)
        return np.asarray((teller.spectrum[:, None] * np.diagonal(R, axis1=1, axis2=2)).mean(axis=0))

    return _settle(step, excess_alone(teller, alpha, noise, total))


def response(teller: Teller, told: FloatArray, gram: FloatArray) -> FloatArray:
    """R for every eigenvalue ``(S, T, T)``, for singular G too: G - G t (I + t G t)^-1 t G, t^2 what rows tell."""
    t = np.sqrt(teller.spectrum[:, None] * told)
    seen = t[:, :, None] * gram
    inner = seen * t[:, None, :]
    slots = np.arange(len(gram))
    inner[:, slots, slots] += 1.0
    return np.asarray(gram - seen.transpose(0, 2, 1) @ np.linalg.solve(inner, seen))


def _single(teller: Teller, own: FloatArray, told: FloatArray) -> FloatArray:
    """The map of a single task, elementwise."""
    s = teller.spectrum
    return np.asarray((s / (1.0 / own[..., None] + s * told[..., None])).mean(axis=-1))


def error_pooled(
    teller: Teller,
    alpha: FloatArray,
    noise: FloatArray,
    shared: FloatArray,
    heard: FloatArray,
    correction: float = 1.0,
    rows: FloatArray | None = None,
) -> FloatArray:
    """Error of one model with `alpha` rows a feature in all, elementwise; `shared` is g, `heard` is h."""
    total = shared + heard
    alpha, noise, shared, heard, total = np.broadcast_arrays(alpha, noise, shared, heard, total)

    def step(rest: FloatArray) -> FloatArray:
        return _single(teller, shared, alpha * teller.information(noise, rest + heard, total))

    rest = _settle(step, shared)
    if teller.link == "linear" and len(teller.scales) > 1:
        rest = _ridge(teller, alpha, noise, shared, heard)
    return teller.error(noise, correction * rest + heard, total, rows)


def _ridge(teller: Teller, alpha: FloatArray, noise: FloatArray, shared: FloatArray, heard: FloatArray) -> FloatArray:
    r"""Best ridge of rows of unequal length, whose noise :math:`D + r^2 h` is unequal too and not weighted for.

    With :math:`a_{jk} = E[r^{2 j} / (1 + r^2 V)^k]`, :math:`\hat V = \alpha a_{11}`, the curvature
    :math:`V = \langle s / (\lambda + s \hat V) \rangle` by Newton steps from above,

    .. math:: \varepsilon = \frac{\lambda^2 b_1 g + \alpha b_2 (D a_{12} + h a_{22})}{1 - \alpha b_2 a_{22}}, \qquad
              b_k = \Bigl\langle \frac{s^k}{(\lambda + s \hat V)^2} \Bigr\rangle ,

    smallest over the ridge: the least of a grid, and the parabola through it and its neighbours.
    """
    r2, s = teller.scales, teller.spectrum
    alpha, noise, shared, heard = (np.asarray(value)[..., None] for value in (alpha, noise, shared, heard))
    lam = (noise + heard) / shared * np.exp(_RIDGES)
    V = s.mean() / lam
    for _ in range(_NEWTON):
        at = 1.0 + r2 * V[..., None]
        Vh, a22 = alpha * (r2 / at).mean(axis=-1), (r2**2 / at**2).mean(axis=-1)
        R = 1.0 / (lam[..., None] + s * Vh[..., None])
        b1, b2 = ((s**k * R * R).mean(axis=-1) for k in (1, 2))
        V = V + ((s * R).mean(axis=-1) - V) / (1.0 - alpha * b2 * a22)
    a12 = (r2 / at**2).mean(axis=-1)
    error = (lam**2 * b1 * shared + alpha * b2 * (noise * a12 + heard * a22)) / (1.0 - alpha * b2 * a22)
    best = np.clip(error.argmin(axis=-1), 1, len(_RIDGES) - 2)[..., None]
    below, least, above = (np.take_along_axis(error, best + k, axis=-1)[..., 0] for k in (-1, 0, 1))
    bend = np.maximum(below - 2.0 * least + above, 1e-300)
    return np.asarray(np.minimum(least - (above - below) ** 2 / (8.0 * bend), error.min(axis=-1)))


def smallest_errors(problem: Problem, corrections: FloatArray | None = None) -> tuple[FloatArray, float, FloatArray]:
    """Errors of tasks alone ``(T,)``, of one pooled model (mean over rows) and of coupled tasks ``(T,)``.

    `corrections` ``(3, T)`` multiply the excess errors of tasks alone, coupled and (one number) pooled; with them
    errors of intercepts are contained.
    """
    teller, noise, total = Teller(problem), problem.noise_variance, problem.strengths
    rest = excess_alone(teller, problem.alpha, noise, total)
    if corrections is None:
        pooled = float(error_pooled(teller, *pooled_parts(problem)))
        return teller.error(noise, rest, total), pooled, teller.error(noise, excess_of(problem), total)
    rows = problem.alpha * problem.n_features
    pooled = float(error_pooled(teller, *pooled_parts(problem), corrections[2, 0], rows.mean()))
    return teller.error(noise, corrections[0] * rest, total, rows), pooled, errors_coupled(problem, corrections[1])


def pooled_parts(problem: Problem) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Rows a feature of all tasks, their noise, g and h."""
    G, shares = problem.inner_products, problem.alpha / problem.alpha.sum()
    shared = max(float(shares @ G @ shares), 1e-300)
    heard = max(float(shares @ problem.strengths) - shared, 0.0)
    return problem.alpha.sum(), shares @ problem.noise_variance, np.asarray(shared), np.asarray(heard)


def errors_coupled(problem: Problem, corrections: FloatArray) -> FloatArray:
    """Errors of coupled tasks ``(T,)``, their excess multiplied by corrections, intercepts estimated."""
    rest, rows = corrections * excess_of(problem), problem.alpha * problem.n_features
    return Teller(problem).error(problem.noise_variance, rest, problem.strengths, rows)


def excess_of(problem: Problem) -> FloatArray:
    """Excess of coupled tasks, ``(T,)``."""
    teller, alpha, noise = Teller(problem), problem.alpha, problem.noise_variance
    alike = problem.gram is None and bool((problem.strengths == problem.strengths[0]).all())
    if not alike or not bool((noise == noise[0]).all()):
        return excess_general(teller, alpha, noise, problem.inner_products)
    same = (noise[:1], problem.strengths[:1], np.array([problem.similarity]))
    return np.asarray(excess_coupled(teller, alpha, np.ones(problem.T), *same)[0])


def _settle(step: Callable[[FloatArray], FloatArray], start: FloatArray) -> FloatArray:
    """Fixed point, from above; NaN in rows (of the first axis, if there are two) that do not settle."""
    at = np.asarray(start, dtype=float)
    for _ in range(_TURNS):
        after = step(at)
        moved = np.abs(after - at)
        at = after
        if (moved <= _SETTLED * start).all():
            return at
    return np.where(moved <= _SETTLED * start, at, np.nan)
