r"""The random-matrix route to the squared loss: derivatives of one deterministic equivalent, and no scalar equations.

An independent check of `kinfolk.theory.squared`: the two agree to rounding.
"""

import numpy as np
import numpy.typing as npt

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.channels import coupling_matrix
from kinfolk.theory.problem import Problem

ComplexArray = npt.NDArray[np.complexfloating]
_STEP = 1e-30
_MAX_STEPS = 200


def random_matrix_risk(
    problem: Problem, *, lam: float | None = None, c: float | None = None, coupling: object = None
) -> FloatArray:
    r"""Test error of coupled ridge regression from the deterministic equivalent of its resolvent.

    The resolvent of :math:`\sum_t \theta_t e_t e_t^\top \otimes X_t^\top X_t / p + (Q + z e_t e_t^\top) \otimes I` is
    equivalent to :math:`R \otimes I`, :math:`R = (Q + z e_t e_t^\top + \operatorname{diag}(\alpha \theta /
    (1 + \theta \operatorname{diag} R)))^{-1}`; then

    .. math::

        \text{bias}_t = -\frac{d}{dz} \operatorname{tr}(Q R Q G), \qquad
        \text{variance}_t = -\sum_s D_s \frac{d}{d\theta_s} R_{tt},

    both by complex steps, without differences.

    Parameters
    ----------
    problem : Problem
        Linear labels, Gaussian features without `row_norms` and `spectrum`.
    lam, c, coupling
        As in `predict_risk`; the coupling has to be positive definite (c below 1).

    Returns
    -------
    (T,) array
        E (y - x'w_t)^2 on new rows.

    Raises
    ------
    InputError
        For other problems, or a singular coupling.

    Notes
    -----
    Independent derivation, in the model of arXiv 2603.05060.
    """
    if problem.link != "linear" or problem.row_norms is not None or problem.spectrum is not None:
        raise InputError("The random-matrix route needs link='linear' and neither row_norms nor spectrum.")
    K = coupling_matrix(problem.T, lam, c, coupling)
    if np.linalg.eigvalsh(K)[0] <= 1e-13 * np.trace(K):
        raise InputError("The random-matrix route needs a positive definite coupling (c below 1); use predict_risk.")
    T, alpha, G, noise = problem.T, problem.alpha, problem.inner_products, problem.noise_variance
    Q = np.linalg.inv(K)
    ones = np.ones(T)
    resolvent = _settle(Q, alpha, ones, np.diag(K).astype(complex))
    risk = noise.copy()
    for t in range(T):
        tilted = Q.astype(complex)
        tilted[t, t] += 1j * _STEP
        risk[t] -= np.trace(Q @ _settle(tilted, alpha, ones, np.diag(resolvent)).imag @ Q @ G) / _STEP
        weighted = ones.astype(complex)
        weighted[t] += 1j * _STEP
        risk -= noise[t] * np.diag(_settle(Q, alpha, weighted, np.diag(resolvent))).imag / _STEP
    return risk


def _settle(
    Q: FloatArray | ComplexArray, alpha: FloatArray, theta: npt.ArrayLike, start: npt.ArrayLike
) -> ComplexArray:
    """R at the fixed point of its diagonal, by Newton steps in complex numbers."""
    V, weights = np.array(start, dtype=complex), np.asarray(theta, dtype=complex)
    last = np.inf
    for _ in range(_MAX_STEPS):
        R = np.linalg.inv(Q + np.diag(alpha * weights / (1.0 + weights * V)))
        slope = R * R.T * (alpha * weights**2 / (1.0 + weights * V) ** 2)
        step = np.linalg.solve(np.eye(len(V)) - slope, np.diag(R) - V)
        V = V + step
        size = float(np.abs(step / V).max())
        if last <= 1e-12:
            break
        last = size
    return np.linalg.inv(Q + np.diag(alpha * weights / (1.0 + weights * V)))
