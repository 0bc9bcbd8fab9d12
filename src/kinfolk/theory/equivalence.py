r"""Learning together is learning alone with a stronger ridge, a pull towards the truth, and some noise."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.channels import coupled_channel
from kinfolk.theory.losses import LossName
from kinfolk.theory.problem import Numbers, Problem
from kinfolk.theory.risk import solve_state


@dataclass(frozen=True, eq=False)
class EquivalentTask:
    """What coupling amounts to for each task; arrays ``(T,)``, NaN when the equations were not solved.

    Attributes
    ----------
    ridge : (T,) array
        The ridge that acts, at least a task's own 1 / K_tt.
    pull : (T,) array
        a: how far the penalty's centre, ``pull / ridge`` times the true coefficients, follows the truth.
    noise : (T,) array
        Squared length of the centre's random part, times `ridge` squared.
    converged : bool
    residual : float
    """

    ridge: FloatArray
    pull: FloatArray
    noise: FloatArray
    converged: bool
    residual: float


def equivalent_single_task(
    problem: Problem,
    loss: LossName = "squared",
    *,
    lam: float | None = None,
    c: float | None = None,
    coupling: object = None,
    weights: Numbers | None = None,
    huber_delta: float = 1.0,
) -> EquivalentTask:
    r"""The single-task problem that a coupled task is, in the limit.

    .. math::

        \min_w \sum_i \kappa_t\, \ell(y_{ti}, x_{ti}^\top w) + \tfrac p2 \lambda_{\text{eff}} |w|^2 - p\, b^\top w,
        \qquad b = a\, \xi_t + \sqrt{\gamma^2}\, g, \quad g \sim N(0, I / p),

    with :math:`\lambda_{\text{eff}} = 1 / V_t - \hat V_t`, :math:`\rho_s = R_{ts} / R_{tt}`,
    :math:`a = \sum_{s \ne t} \rho_s \hat m_s G_{st} / \tau_t^2` and
    :math:`\gamma^2 = \sum_{s, s' \ne t} \rho_s \rho_{s'} \hat m_s \hat m_{s'} G_{ss'} + \sum_{s \ne t} \rho_s^2
    \hat q_s - a^2 \tau_t^2`.

    Parameters
    ----------
    problem : Problem
        Without `spectrum`.
    loss, lam, c, coupling, weights, huber_delta
        As in `predict_risk`.

    Returns
    -------
    EquivalentTask

    Raises
    ------
    InputError
        For a problem with `spectrum`, and as `predict_risk`.

    Notes
    -----
    That such an equivalence exists is the theorem of arXiv 2603.05060; the constants are an independent derivation,
    verified by simulation.

    Examples
    --------
    >>> problem = Problem(300, 240, n_tasks=5, similarity=0.9, noise=0.25)
    >>> float(equivalent_single_task(problem, lam=0.1, c=0.9).ridge[0].round(4))
    0.5511
    """
    if problem.spectrum is not None:
        raise InputError("The equivalence holds for features without spectrum; whiten them, and leave it out.")
    state, _kind, _kappa = solve_state(problem, loss, lam, c, coupling, weights, huber_delta)
    T = problem.T
    if not state.converged:
        unknown = np.full(T, np.nan)
        return EquivalentTask(unknown, unknown, unknown, False, state.residual)
    V, Vh, mh, qh = (np.broadcast_to(values, (T,)) for values in (state.V, state.Vh, state.mh, state.qh))
    R = coupled_channel(problem, lam, c, coupling).response(Vh)[0]
    others = R / np.diag(R)[:, None]
    np.fill_diagonal(others, 0.0)
    G, tau2 = problem.inner_products, problem.strengths
    pulls = others * mh
    pull = (pulls * G).sum(axis=1) / tau2
    noise = np.einsum("ts,su,tu->t", pulls, G, pulls) + others**2 @ qh - pull**2 * tau2
    return EquivalentTask(1.0 / V - Vh, pull, np.maximum(noise, 0.0), True, state.residual)
