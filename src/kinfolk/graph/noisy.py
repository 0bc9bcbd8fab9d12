r"""A task graph from coefficients that are only estimated.

With :math:`\hat W = W + E`, the errors of task k of variance :math:`s_k` in each coordinate, EM alternates

.. math:: C = (L + \operatorname{diag}(1 / s))^{-1}, \quad W^+ = C \operatorname{diag}(1 / s) \hat W, \quad
          r_{kl} = \tfrac1M \|W^+_k - W^+_l\|^2 + (e_k - e_l)^\top C (e_k - e_l)

and steps that raise the likelihood of the graph. It is the maximum of the likelihood with W integrated out; taking
:math:`r` from :math:`W^+` alone would join tasks ever more strongly. Subtracting the noise from the distances instead
fails for few coordinates.
"""

from dataclasses import replace

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.candidates import Points
from kinfolk.graph.descent import sweep
from kinfolk.graph.likelihood import Likelihood, Weights
from kinfolk.graph.multiplicative import multiplied

_SWEEPS = 2
_STEPS = 6


def denoised_graph(
    estimates: FloatArray,
    variances: FloatArray,
    problem: Likelihood,
    start: Weights,
    *,
    alpha: float,
    floor: float,
    multiplicative: bool,
    max_iter: int,
    tol: float = 2e-3,
) -> tuple[Weights, FloatArray, Likelihood, int]:
    """Weights of the graph and the smoothed coefficients, by EM.

    Parameters
    ----------
    estimates : (K, M) array
    variances : (K,) array
        Of the errors, positive.
    problem : Likelihood
        Its pairs are the candidates; its distances are not read.
    start : Weights
    alpha : float
        Shrinkage of the distances towards their mean.
    floor : float
        Smallest distance.
    multiplicative : bool
        How a step raises the likelihood: six multiplicative steps, or two sweeps of coordinate descent.
    max_iter : int
    tol : float
        EM ends when the weights change by less than this, relatively.

    Returns
    -------
    weights : Weights
    smoothed : (K, M) array
    problem : Likelihood
        With the distances of the last E-step.
    n_iter : int
    """
    weights, n_iter, move = start, 0, np.inf
    while move > tol and n_iter < max_iter:
        smoothed, C = smooth(estimates, variances, problem, weights)
        r = Points(smoothed).distances(problem.first, problem.second) + problem.resistances(C)
        mean = Points(smoothed).mean_distance() + mean_resistance(C)
        problem = replace(problem, distances=np.maximum((1.0 - alpha) * r + alpha * mean, floor))
        before = weights
        for _ in range(_STEPS if multiplicative else _SWEEPS):
            found = problem.known(weights)
            if multiplicative:
                weights = multiplied(problem, weights, found.resistances, found.spread)
            else:
                weights = sweep(problem, weights, found)
        move = float(np.linalg.norm(weights.edges - before.edges) / np.linalg.norm(weights.edges))
        n_iter += 1
    return weights, smooth(estimates, variances, problem, weights)[0], problem, n_iter


def smooth(
    estimates: FloatArray, variances: FloatArray, problem: Likelihood, weights: Weights
) -> tuple[FloatArray, FloatArray]:
    """Posterior mean ``(K, M)`` of the coefficients and covariance ``(K, K)`` of a coordinate (the Wiener filter)."""
    precision = problem.precision(weights) - 1.0 / problem.n_tasks
    diagonal = np.arange(problem.n_tasks)
    precision[diagonal, diagonal] += 1.0 / variances
    C = np.linalg.inv(precision)
    C = 0.5 * (C + C.T)
    return C @ (estimates / variances[:, None]), C


def mean_resistance(C: FloatArray) -> float:
    """Mean of ``(e_k - e_l)' C (e_k - e_l)`` over all pairs."""
    K = len(C)
    return 2.0 * float(K * np.trace(C) - C.sum()) / (K * (K - 1))
