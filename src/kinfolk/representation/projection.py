r"""Variable projection: the heads are minimised out, and the basis takes a preconditioned step.

.. math:: \min_{B^\top B = I} f(B), \qquad f(B) = \sum_t q_t \min_w \tfrac12 \lVert y_t - X_t B w \rVert^2 .
"""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.representation.least_squares import (
    SubspaceFit,
    Watch,
    check_rank,
    full_step,
    pooled_precision,
    profile,
    rounding_scale,
    statistical_scale,
)
from kinfolk.representation.starts import spectral_start
from kinfolk.representation.subspace import orthonormal
from kinfolk.tasks import Moments

_SHORTEST = 1e-6  # a step below this share of the full one gains nothing but rounding
_SUFFICIENT = 1e-4  # share of the promised decrease that a step has to keep


def variable_projection(
    moments: Moments,
    rank: int,
    *,
    task_weights: FloatArray | None = None,
    start: FloatArray | None = None,
    max_iter: int = 100,
    tol: float = 1e-4,
    watch: Watch | None = None,
) -> SubspaceFit:
    r"""Least squares over all shared bases of a given rank, by full steps that are shortened until they gain.

    .. math:: A_t = S_t B, \quad w_t = (B^\top A_t)^{-1} B^\top b_t, \quad
              G = \sum_t q_t (A_t w_t - b_t) w_t^\top, \quad
              B \leftarrow \mathrm{qr}\bigl(B - \eta (I - B B^\top) P G H^{-1}\bigr), \quad
              H = \sum_t q_t n_t w_t w_t^\top ,

    P the inverse of the pooled covariance. :math:`P \otimes H^{-1}` stands for the inverse of the Hessian
    :math:`\sum_t q_t w_t w_t^\top \otimes S_t`; so the unit step needs no estimate of any scale, and neither the
    spread of the heads' variances nor correlated features slow it down. :math:`\eta` is 1, halved until
    :math:`f` falls by :math:`10^{-4}` of what the step promises, and doubled again after.

    The loss falls in every iteration. The fixed points are the stationary points of f, which are those of two-phase
    descent and of alternating minimisation too. With few rows a task (less than three a direction) least squares
    overfits; the marginal likelihood of `SharedRepresentationRegressor` does not.

    Parameters
    ----------
    moments : Moments
    rank : int
        k, from 1 to min(d, T).
    task_weights : (T,) array, optional
        q_t, one over the noise variance of each task when it differs; default 1.
    start : (d, k) array, optional
        Default: ``spectral_start(moments, rank, whiten=True, truncate=0.95)``.
    max_iter : int, default=100
    tol : float, default=1e-4
        The iteration ends when a full step promises to lower twice the loss by less than this share of
        :math:`s^2 k (d + T - k)`, the part of it that is noise fitted.
    watch : callable, optional
        Called with the coefficients (T, d) after every iteration.

    Returns
    -------
    SubspaceFit

    Raises
    ------
    InputError
        For a rank, start or weights that do not fit the data.
    """
    rank = check_rank(moments, rank)
    weights = _weights(task_weights, moments.n_tasks)
    if start is None:
        start = spectral_start(moments, rank, whiten=True, truncate=0.95)
    elif start.shape != (moments.n_features, rank):
        raise InputError(f"start must have shape {(moments.n_features, rank)}, got {start.shape}.")
    basis = orthonormal(start)
    precision = pooled_precision(moments)
    state = profile(moments, basis, weights)
    history, moves, length, settled = [state.loss], list[float](), 1.0, False
    while True:
        step, promise = full_step(state, basis, moments, precision, weights)
        bar = max(tol * statistical_scale(moments, state.loss, rank), rounding_scale(moments))
        settled = promise < bar
        if settled or len(moves) >= max_iter:
            break
        while length >= _SHORTEST:
            moved = orthonormal(basis - length * step)
            there = profile(moments, moved, weights)
            if there.loss <= state.loss - _SUFFICIENT * length * promise:
                break
            length *= 0.5
        else:  # the loss cannot tell the rest from rounding
            settled = promise < 1e-12 * max(float(weights @ moments.yy), 1e-200)
            break
        moves.append(float(np.linalg.norm(moved - basis @ (basis.T @ moved))))
        history.append(there.loss)
        basis, state, length = moved, there, min(1.0, 2.0 * length)
        if watch is not None:
            watch(state.heads @ basis.T)
    return SubspaceFit(basis, state.heads, len(moves), settled, tuple(history), tuple(moves))


def _weights(task_weights: FloatArray | None, n_tasks: int) -> FloatArray:
    if task_weights is None:
        return np.ones(n_tasks)
    weights = np.asarray(task_weights, dtype=float)
    if weights.shape != (n_tasks,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError(
            f"task_weights must be {n_tasks} finite numbers of at least 0, not all 0; got shape {weights.shape}."
        )
    return weights
