r"""Squared loss when features are distributed differently in every task."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.channels import coupling_matrix
from kinfolk.theory.problem import Problem
from kinfolk.theory.risk import Risk
from kinfolk.theory.squared import SETTLED

_MAX_STEPS = 100


def predict_risk_of_covariances(
    problem: Problem,
    covariances: Sequence[npt.NDArray[Any]] | npt.NDArray[Any],
    *,
    lam: float | None = None,
    c: float | None = None,
    coupling: object = None,
) -> Risk:
    r"""Predict the error of coupled ridge regression with rows from :math:`N(0, \Sigma_t)`.

    Coefficients are drawn from N(0, G / p), feature by feature. With :math:`\bar Q = (Q \otimes I +
    \operatorname{blockdiag}(\alpha_t / (1 + \delta_t)\, \Sigma_t))^{-1}` and :math:`\delta_t =
    \operatorname{tr}(\Sigma_t \bar Q_{tt}) / p`,

    .. math::

        (I - A \operatorname{diag} \beta)\, \varepsilon = b + A\, (\beta D), \quad
        A_{st} = \operatorname{tr}(\Sigma_s \bar Q_{st} \Sigma_t \bar Q_{ts}) / p, \quad
        \beta = \frac{\alpha}{(1 + \delta)^2}, \quad
        b_t = \operatorname{tr}(\Sigma_t [\bar Q (Q G Q \otimes I) \bar Q]_{tt}) / p,

    and the test error is :math:`D + \varepsilon`.

    Parameters
    ----------
    problem : Problem
        Linear labels, `n_features` a whole number p, neither `row_norms` nor `spectrum`.
    covariances : (T, p, p) array
        Positive semidefinite.
    lam, c, coupling
        As in `predict_risk`.

    Returns
    -------
    Risk

    Raises
    ------
    InputError
        For other problems, or covariances of a wrong shape, or that are not positive semidefinite.

    Notes
    -----
    Independent derivation, verified by simulation; arXiv 2603.05060 for the model with equal covariances. The time is
    that of some ten inverses of (T p, T p) matrices.

    Examples
    --------
    >>> import numpy
    >>> problem = Problem(20, 30, n_tasks=2, similarity=0.5, noise=0.25)
    >>> wide = numpy.diag(numpy.linspace(0.1, 1.9, 20))
    >>> predict_risk_of_covariances(problem, [numpy.eye(20), wide], lam=0.1, c=0.5).test.round(3)
    array([0.512, 0.476])
    """
    T, p = problem.T, int(problem.n_features)
    if problem.link != "linear" or problem.row_norms is not None or problem.spectrum is not None:
        raise InputError("Covariances of tasks need link='linear' and neither row_norms nor spectrum.")
    sigma = np.array(covariances, dtype=np.float64)
    if sigma.shape != (T, p, p) or p != problem.n_features or not np.isfinite(sigma).all():
        raise InputError(
            f"covariances have to be {T} finite matrices of {problem.n_features} features, found shape {sigma.shape}."
        )
    least = np.linalg.eigvalsh(sigma)[:, 0]
    if not np.allclose(sigma, sigma.transpose(0, 2, 1)) or (least < -1e-9 * np.abs(sigma).max()).any():
        raise InputError("covariances have to be symmetric and positive semidefinite.")
    K, G = coupling_matrix(T, lam, c, coupling), problem.inner_products
    alpha, noise = problem.alpha, problem.noise_variance
    values, vectors = np.linalg.eigh(K)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    variance = np.trace(sigma, axis1=1, axis2=2) / p
    delta, residual = np.diag(K) * variance, np.inf
    for _ in range(_MAX_STEPS):
        U = _resolvent(root, sigma, alpha / (1.0 + delta))
        A = np.einsum("satb,tbsa->st", U, U) / p
        step = np.linalg.solve(np.eye(T) - A * (alpha / (1.0 + delta) ** 2), np.einsum("tata->t", U) / p - delta)
        last, residual = residual, float(np.abs(step / delta).max())
        delta = delta + step
        if residual <= 1e-14 or last <= 1e-10:
            break
    if residual > SETTLED:
        unknown = np.full(T, np.nan)
        return Risk(unknown, unknown, unknown, unknown, unknown, False, residual)
    U = _resolvent(root, sigma, alpha / (1.0 + delta))
    A, beta = np.einsum("satb,tbsa->st", U, U) / p, alpha / (1.0 + delta) ** 2
    learned = U.transpose(2, 3, 0, 1) * (alpha / (1.0 + delta))[:, None]
    missed = np.eye(T * p).reshape(T, p, T, p) - learned
    weighed = (sigma @ missed.reshape(T, p, T * p)).reshape(T, p, T, p)
    bias = (weighed * np.einsum("tbuc,us->tbsc", missed, G)).sum(axis=(1, 2, 3)) / p
    excess = np.linalg.solve(np.eye(T) - A * beta, bias + A @ (beta * noise))
    overlap = np.einsum("tab,tbua,ut->t", sigma, learned, G, optimize=True) / p
    norm = excess + 2.0 * overlap - problem.strengths * variance
    test = noise + excess
    return Risk(test, test / (1.0 + delta) ** 2, delta, norm, overlap, True, residual)


def _resolvent(root: FloatArray, sigma: FloatArray, h: FloatArray) -> FloatArray:
    """Sigma_t [(Q x I + blockdiag(h Sigma))^-1]_tu, ``(T, p, T, p)``, from a root of K = Q^-1."""
    T, p = sigma.shape[:2]
    inner = np.einsum("ut,uab,us->tasb", root, h[:, None, None] * sigma, root, optimize=True).reshape(T * p, T * p)
    inverse = np.linalg.inv(np.eye(T * p) + inner).reshape(T, p, T, p)
    resolvent = np.einsum("ut,tasb,vs->uavb", root, inverse, root, optimize=True)
    return np.asarray((sigma @ resolvent.reshape(T, p, T * p)).reshape(T, p, T, p))
