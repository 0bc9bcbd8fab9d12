r"""Squared loss in closed form: one Newton iteration for the curvatures, one linear system for the errors."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.theory.channels import Channel, TwoModes
from kinfolk.theory.labels import label_slope
from kinfolk.theory.problem import Problem

SETTLED = 1e-8
_MAX_STEPS = 200


@dataclass(frozen=True)
class State:
    """A solution of the scalar equations, one entry for each task (or one for all alike).

    Attributes
    ----------
    V, q, m : (N,) arrays
        Curvature, variance of the fitted score, covariance of the true and the fitted score.
    Vh, mh, qh : (N,) arrays
        Their conjugates: what the channel of a task passes.
    converged : bool
    residual : float
        Largest relative change of another step.
    excess : (N,) array or None
        Squared loss with linear labels: E (x'w - x'xi)^2, without cancellation.
    """

    V: FloatArray
    q: FloatArray
    m: FloatArray
    Vh: FloatArray
    mh: FloatArray
    qh: FloatArray
    converged: bool
    residual: float
    excess: FloatArray | None = None


def squared_state(problem: Problem, channel: Channel, weights: FloatArray) -> State:
    r"""Solve the scalar equations of the squared loss, for any labels.

    With loss weights :math:`\kappa_t` and all rows of norm 1,

    .. math::

        V_t = [(Q + \operatorname{diag}(\alpha_s \kappa_s / (1 + \kappa_s V_s)))^{-1}]_{tt}, \qquad
        (I - B \operatorname{diag} d)\, \varepsilon = q_0 - 2 c m + c^2 \tau^2 + B a,

    d = alpha kappa^2 / (1 + kappa V)^2, a = d times the part of y that scores do not explain, c the slope of labels on
    scores, q_0 and m the filter of c Vh. The first map is increasing and concave, so that Newton steps from above
    descend to its fixed point. Several row norms are averaged.

    Parameters
    ----------
    problem : Problem
    channel : TwoModes or Coupled
    weights : (N,) array
        Loss weights.
    """
    N = 1 if isinstance(channel, TwoModes) else problem.T
    alpha, tau2 = problem.alpha[:N], problem.score_variance[:N]
    r2, kappa = problem.row_scales, weights[:, None]
    linear = problem.link == "linear"

    def passes(V: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        seen = kappa / (1.0 + r2 * kappa * V[:, None])
        return alpha * (r2 * seen).mean(axis=1), alpha * ((r2 * seen) ** 2).mean(axis=1), seen

    V, zero = problem.eigenvalues.mean() * channel.diagonal, np.zeros(N)
    residual = np.inf
    for _ in range(_MAX_STEPS):
        Vh, d, _seen = passes(V)
        at = channel(Vh, zero)
        step = np.linalg.solve(np.eye(N) - at.squares * d, at.V - V)
        last, residual = residual, float(np.abs(step / V).max())
        V = np.maximum(V + step, 0.5 * at.V)
        if residual <= 1e-15 or last <= 1e-7:  # steps are squared from one to the next
            break
    Vh, d, seen = passes(V)
    slope = label_slope(problem.link, r2 * tau2[:, None], problem.noise_variance[:N, None])
    mh = alpha * (r2 * seen * slope).mean(axis=1)
    c = alpha * ((r2 * seen) ** 2 * slope).mean(axis=1) / d
    if linear:
        a = alpha * (r2 * seen**2).mean(axis=1) * problem.noise_variance[:N]
    else:
        a = alpha * (r2 * seen**2).mean(axis=1) - d * c**2 * tau2
    at = channel(Vh, mh)
    bias = at.q - 2.0 * c * at.m + c**2 * tau2
    excess = np.linalg.solve(np.eye(N) - at.squares * d, bias + at.squares @ a)
    q = excess + 2.0 * c * at.m - c**2 * tau2
    return State(V, q, at.m, Vh, mh, a + d * excess, residual <= SETTLED, residual, excess if linear else None)
