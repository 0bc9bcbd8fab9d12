r"""Test and training errors of coupled, regularised tasks, before any data are seen."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.channels import channel_of
from kinfolk.theory.errors import fitted_row_error, new_row_error
from kinfolk.theory.evolution import evolve
from kinfolk.theory.losses import Loss, LossName
from kinfolk.theory.problem import Numbers, Problem
from kinfolk.theory.squared import State, squared_state


@dataclass(frozen=True, eq=False)
class Risk:
    """What is predicted for every task; all arrays ``(T,)`` are NaN when the equations were not solved.

    Attributes
    ----------
    test : (T,) array
        Error on new rows: E (y - x'w)^2 of linear labels, P(y x'w < 0) of signs.
    train : (T,) array
        The same error on the rows that were fitted.
    V : (T,) array
        Curvature: how far a task's own fit moves with one of its rows (leverage x / (1 + x), x = V l'').
    norm : (T,) array
        E (x'w_t)^2 on new rows, which is ``|w_t|^2`` for features without `spectrum`.
    overlap : (T,) array
        E (x'w_t)(x'xi_t) on new rows, w_t'xi_t without `spectrum`.
    converged : bool
        Whether the equations were solved to 1e-8.
    residual : float
        Largest change in another step of the iteration (logarithms of V and norm, Fisher's z of the overlap).
    """

    test: FloatArray
    train: FloatArray
    V: FloatArray
    norm: FloatArray
    overlap: FloatArray
    converged: bool
    residual: float


def predict_risk(
    problem: Problem,
    loss: LossName = "squared",
    *,
    lam: float | None = None,
    c: float | None = None,
    coupling: object = None,
    weights: Numbers | None = None,
    huber_delta: float = 1.0,
) -> Risk:
    r"""Predict the error of multi-task learning in the limit of many features and rows.

    The estimator is that of a shared and an own part of every task, with the shared part eliminated,

    .. math::

        \min_W \sum_{t,i} \kappa_t\, \ell(y_{ti}, x_{ti}^\top w_t) + \tfrac p2 \operatorname{tr}(W Q W^\top), \qquad
        K = Q^{-1} = \frac{1}{\lambda} [(1 - c) I + c\, 1 1^\top] .

    Losses: squared (y - z)^2 / 2, LAD abs(y - z), Huber, logistic log(1 + e^(-yz)), hinge max(0, 1 - yz).

    Parameters
    ----------
    problem : Problem
    loss : {"squared", "logistic", "hinge", "lad", "huber"}, default="squared"
        Any loss for labels -1, +1; squared, LAD and Huber for linear labels.
    lam : float, optional
        Ridge, larger than zero: losses are summed, the penalty is p lam / 2 a task, features have variance 1.
    c : float, optional
        Coupling in [-1 / (T - 1), 1]: 0 alone, 1 pooled. It may be left out for one task.
    coupling : (T, T) array, optional
        K in place of `lam` and `c`; positive semidefinite. For ridges of a shared part and of every task,
        ``numpy.diag(1 / lam_t) + 1 / lam_0``.
    weights : float or (T,) array, optional
        Loss weights kappa, larger than zero. Default: 1.
    huber_delta : float, default=1.0
        Where Huber's loss becomes linear, in units of y.

    Returns
    -------
    Risk

    Raises
    ------
    InputError
        When parameters are out of their ranges, or a margin loss is asked for linear labels.

    Notes
    -----
    Independent derivation of the limit, verified by simulation; arXiv 2603.05060 for the model. Squared loss is a
    closed form, others are a fixed point of three numbers a task.

    Examples
    --------
    >>> problem = Problem(200, 200, n_tasks=2, similarity=0.5, noise=0.25)
    >>> predict_risk(problem, lam=0.1, c=0.5).test.round(4)
    array([0.6455, 0.6455])
    >>> votes = Problem(200, 400, n_tasks=2, similarity=0.5, signal=4, link="logistic")
    >>> predict_risk(votes, "logistic", lam=0.1, c=0.5).test.round(4)
    array([0.3197, 0.3197])
    """
    state, kind, kappa = solve_state(problem, loss, lam, c, coupling, weights, huber_delta)
    if not state.converged:
        unknown = np.full(problem.T, np.nan)
        return Risk(unknown, unknown, unknown, unknown, unknown, False, state.residual)
    test, train = new_row_error(problem, state), fitted_row_error(problem, kind, kappa, state)
    found = (test, train, state.V, state.q, state.m)
    test, train, V, norm, overlap = (np.broadcast_to(values, (problem.T,)).copy() for values in found)
    return Risk(test, train, V, norm, overlap, True, state.residual)


def solve_state(
    problem: Problem,
    loss: LossName,
    lam: float | None,
    c: float | None,
    coupling: object,
    weights: Numbers | None = None,
    huber_delta: float = 1.0,
) -> tuple[State, Loss, FloatArray]:
    """State of the scalar equations, the loss and its weights ``(N,)``."""
    kind = Loss.of(loss, huber_delta, problem.link)
    kappa = np.ones(1) if weights is None else np.atleast_1d(np.array(weights, dtype=np.float64))
    if kappa.shape not in ((1,), (problem.T,)) or not ((kappa > 0) & np.isfinite(kappa)).all():
        raise InputError(f"weights have to be larger than zero, one number or {problem.T} of them, found {weights!r}.")
    channel = channel_of(problem, lam, c, coupling, kappa)
    N = len(channel.diagonal)
    kappa = np.broadcast_to(kappa, (problem.T,))[:N]
    if kind.name == "squared":
        return squared_state(problem, channel, kappa), kind, kappa
    return evolve(problem, kind, channel, kappa), kind, kappa
