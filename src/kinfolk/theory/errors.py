"""Errors of fitted tasks, from the three numbers that describe each."""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.theory.labels import positive_rate
from kinfolk.theory.losses import Loss
from kinfolk.theory.outputs import residual_error, wrong_side
from kinfolk.theory.problem import Problem
from kinfolk.theory.squared import State

_HALF, _MASS = np.polynomial.legendre.leggauss(200)
_U = 4.25 * (_HALF + 1.0)
_MASS = 4.25 * _MASS * np.exp(-0.5 * _U * _U) / np.sqrt(2.0 * np.pi)


def new_row_error(problem: Problem, state: State) -> FloatArray:
    r"""Error on new rows ``(N,)``, averaged over row norms.

    Linear: :math:`E e^2 + \tau^2 - 2 m + q`. Sign: :math:`\arccos(m / \sqrt{q (\tau^2 + D)}) / \pi`. Logistic:
    :math:`2 \int_0^\infty \varphi(u) (1 - Z(\sqrt q u)) du`.
    """
    N = len(state.V)
    tau2, noise, r2 = problem.score_variance[:N], problem.noise_variance[:N], problem.row_scales
    if problem.link == "linear":
        excess = tau2 - 2.0 * state.m + state.q if state.excess is None else state.excess
        return np.asarray(noise + r2.mean() * excess)
    if problem.link == "sign":
        cosine = np.sqrt(r2) * (state.m / np.sqrt(state.q))[:, None] / np.sqrt(r2 * tau2[:, None] + noise[:, None])
        return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)).mean(axis=1) / np.pi)
    _V, q, m, tau2, noise = _rows(problem, state.V, state.q, state.m)
    Z, _slope = positive_rate("logistic", np.sqrt(q)[:, None] * _U, q, m, tau2, noise)
    return np.asarray(2.0 * ((1.0 - Z) @ _MASS).reshape(N, -1).mean(axis=1))


def fitted_row_error(problem: Problem, loss: Loss, weights: FloatArray, state: State) -> FloatArray:
    """The same error on the rows that were fitted, ``(N,)``."""
    N = len(state.V)
    V, q, m, tau2, noise = _rows(problem, weights * state.V, state.q, state.m)
    if problem.link == "linear":
        share, variances = problem.noise_mixture
        excess = state.q - 2.0 * state.m + problem.score_variance[:N] if state.excess is None else state.excess
        own = (problem.row_scales * excess[:, None]).reshape(-1, 1)
        repeats = len(problem.row_scales)
        E = np.repeat(variances[:N], repeats, axis=0) + own
        error = residual_error(loss, V, E, np.repeat(share[:N], repeats, axis=0))
    else:
        error = wrong_side(loss, problem.link, V, q, m, tau2, noise)
    return np.asarray(error.reshape(N, -1).mean(axis=1))


def _rows(problem: Problem, V: FloatArray, q: FloatArray, m: FloatArray) -> tuple[FloatArray, ...]:
    """V, q, m, tau2 and noise of every task and class of rows, ``(N R,)``."""
    N, r2 = len(V), problem.row_scales
    tau2 = problem.score_variance[:N]
    scaled = [(values[:, None] * r2).ravel() for values in (V, q, m, tau2)]
    return (*scaled, np.repeat(problem.noise_variance[:N], len(r2)))
