r"""Alternating minimisation and its relatives: heads by least squares, then a step of the basis.

.. math:: w_t = (B^\top S_t B)^{-1} B^\top b_t, \qquad
          B \leftarrow \mathrm{qr}\Bigl(B - \eta \sum_t (S_t B w_t - b_t) w_t^\top\Bigr) .
"""

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.representation.least_squares import (
    Profile,
    SubspaceFit,
    Watch,
    check_rank,
    full_step,
    least_squares_heads,
    pooled_precision,
    profile,
    residual_pull,
    rounding_scale,
    statistical_scale,
)
from kinfolk.representation.starts import moment_matrix, spectral_start
from kinfolk.representation.subspace import orthonormal
from kinfolk.tasks import Moments

_RULES = ("heads", "start", "fixed", "exact")


def alternating_descent(
    moments: Moments,
    rank: int,
    *,
    start: str | FloatArray = "spectral",
    rule: str = "heads",
    step: float = 0.5,
    orthonormalize: bool = True,
    share: float = 1.0,
    max_iter: int = 500,
    tol: float = 1e-4,
    generator: np.random.Generator | None = None,
    watch: Watch | None = None,
) -> SubspaceFit:
    r"""Least-squares heads given the basis, and a gradient (or exact) step of the basis given the heads, in turn.

    ======================================================  =======================================================
    paper                                                   parameters
    ======================================================  =======================================================
    AltMinGD (Thekumparampil, Jain, Netrapalli and Oh       defaults
    2021)
    FedRep (Collins, Hassani, Mokhtari and Shakkottai       ``start="random", rule="fixed", step=eta, share=r``;
    2021)                                                   their programme has ``orthonormalize=False``
    AltGDmin (Nayer and Vaswani 2023)                       ``rule="start"``, and as ``start``
                                                            ``spectral_start(truncate_targets(data).moments(), k)``
    AltMin (Jain, Netrapalli and Sanghavi 2013)             ``rule="exact"``
    ======================================================  =======================================================

    The theory of these papers draws fresh rows for every half-step; here, as in their programmes, all rows are used
    every time. All converge to stationary points of the least-squares loss, the same as those of
    `two_phase_descent` and `variable_projection`; the gradient versions slow down with the condition of the heads and
    of the features.

    Parameters
    ----------
    moments : Moments
    rank : int
        k, from 1 to min(d, T).
    start : "spectral", "random" or (d, k) array, default="spectral"
        ``"spectral"``: `spectral_start`. ``"random"``: standard normal, orthonormalised.
    rule : {"heads", "start", "fixed", "exact"}, default="heads"
        :math:`\eta` = ``step`` divided by ``"heads"``: the largest eigenvalue of :math:`\sum_t n_t w_t w_t^\top`, in
        every iteration; ``"start"``: :math:`\bar n s_1(M)^2`, once, with M = [b_t / n_t]; ``"fixed"``: the number of
        rows. ``"exact"``: no step, but the minimiser of the loss over B given the heads, by conjugate gradients.
    step : float, default=0.5
    orthonormalize : bool, default=True
        Whether the basis is orthonormalised in every iteration (the result always is).
    share : float, default=1.0
        Share of the tasks, at least one, drawn anew in every iteration, that the step of the basis hears.
    max_iter : int, default=500
    tol : float, default=1e-4
        The iteration ends when a preconditioned step would lower twice the loss by less than this share of
        :math:`s^2 k (d + T - k)`.
    generator : numpy.random.Generator, optional
        For the random start and the draws; default: seed 0.
    watch : callable, optional
        Called with the coefficients (T, d) after every iteration.

    Returns
    -------
    SubspaceFit

    Raises
    ------
    InputError
        For parameters out of range, and for a step that is too large.
    """
    rank = check_rank(moments, rank)
    _check(rule, step, share)
    generator = np.random.default_rng(0) if generator is None else generator
    basis = orthonormal(_start(moments, rank, start, generator))
    precision, ones = pooled_precision(moments), np.ones(moments.n_tasks)
    first_scale = float(moments.n.mean() * np.linalg.norm(moment_matrix(moments), 2) ** 2)
    state = profile(moments, basis, ones)
    history, moves, settled = [state.loss], list[float](), False
    for _ in range(max_iter):
        # the promise is a number of the subspace, but its formula is for an orthonormal basis
        plain = state if orthonormalize else profile(moments, orthonormal(basis), ones)
        promise = full_step(plain, orthonormal(basis), moments, precision, ones)[1]
        settled = promise < max(tol * statistical_scale(moments, state.loss, rank), rounding_scale(moments))
        if settled:
            break
        heard, at = moments, state
        if share < 1.0:
            heard, at = _draw(moments, state, basis, share, generator)
        if rule == "exact":
            moved = _exact_basis(heard, at.heads, basis, precision)
        else:
            if rule == "heads":
                scale = float(np.linalg.norm(at.heads.T @ (heard.n[:, None] * at.heads), 2))
            else:
                scale = first_scale if rule == "start" else float(heard.n.sum())
            with np.errstate(over="ignore", invalid="ignore"):
                moved = basis - step / max(scale, 1e-300) * at.gradient
        if not np.isfinite(moved).all():
            raise InputError(f"step={step!r} is too large for rule={rule!r}: the basis is no longer finite.")
        old, new = orthonormal(basis), orthonormal(moved)
        moves.append(float(np.linalg.norm(new - old @ (old.T @ new))))
        basis = new if orthonormalize else moved
        state = profile(moments, basis, ones)
        history.append(state.loss)
        if watch is not None:
            watch(state.heads @ basis.T)
    found = orthonormal(basis)
    heads = least_squares_heads(moments, found)
    return SubspaceFit(found, heads, len(moves), settled, tuple(history), tuple(moves))


def _start(moments: Moments, rank: int, start: str | FloatArray, generator: np.random.Generator) -> FloatArray:
    if isinstance(start, str):
        if start == "spectral":
            return spectral_start(moments, rank)
        if start == "random":
            return generator.standard_normal((moments.n_features, rank))
        raise InputError(f'start must be "spectral", "random" or a basis; got {start!r}.')
    if start.shape != (moments.n_features, rank):
        raise InputError(f"start must have shape {(moments.n_features, rank)}, got {start.shape}.")
    return start


def _check(rule: str, step: float, share: float) -> None:
    if rule not in _RULES:
        raise InputError(f"rule must be one of {', '.join(_RULES)}; got {rule!r}.")
    if not 0.0 < step < np.inf:
        raise InputError(f"step must be a positive number; got {step!r}.")
    if not 0.0 < share <= 1.0:
        raise InputError(f"share must be above 0 and at most 1; got {share!r}.")


def _draw(
    moments: Moments, state: Profile, basis: FloatArray, share: float, generator: np.random.Generator
) -> tuple[Moments, Profile]:
    """Some of the tasks, with the heads they have, and the gradient of their part of the loss."""
    count = max(1, round(share * moments.n_tasks))
    tasks: IntArray = np.sort(generator.choice(moments.n_tasks, count, replace=False))
    heard, heads = moments.take(tasks), state.heads[tasks]
    pull = residual_pull(heard, heads @ basis.T)
    return heard, Profile(heads, state.loss, pull.T @ heads)


def _exact_basis(moments: Moments, heads: FloatArray, basis: FloatArray, precision: FloatArray) -> FloatArray:
    """Minimiser over B of the loss at given heads: ``sum_t S_t B w_t w_t' = sum_t b_t w_t'``.

    Conjugate gradients on the d k equations, preconditioned by the pooled covariance and the scatter of the heads.
    """
    scatter = heads.T @ (moments.n[:, None] * heads)
    inverse = np.linalg.inv(scatter + 1e-12 * max(float(np.trace(scatter)), 1e-200) * np.eye(len(scatter)))
    found = basis
    left = -residual_pull(moments, heads @ basis.T).T @ heads
    direction = precision @ left @ inverse
    gain = first = float((left * direction).sum())
    for _ in range(200):
        if not gain > 1e-20 * first or gain <= 0.0:
            break
        applied = (residual_pull(moments, heads @ direction.T) + moments.b).T @ heads
        curvature = float((direction * applied).sum())
        if curvature <= 1e-6 * gain:  # no row tells of this direction (a constant column): what is left is rounding
            break
        length = gain / curvature
        found = found + length * direction
        left = left - length * applied
        stepped = precision @ left @ inverse
        new = float((left * stepped).sum())
        direction = stepped + (new / gain) * direction
        gain = new
    return found
