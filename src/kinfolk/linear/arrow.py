r"""Quadratic tasks that lean on a common mean: one Cholesky-sized system a task, and one Schur complement.

.. math:: \min_{m, u_t} \; \tfrac12 \sum_t (u_t^\top G_t u_t - 2 g_t^\top u_t)
          + \tfrac12 \sum_{tj} (u_{tj} - m_j)^2 / o_j + \tfrac12 \sum_j m_j^2 / q_j .

Written in variances o and q, so that zero (no part of its own, no common part) and infinity (a free mean) are allowed.
Eliminating the tasks leaves a system for m: the Hessian is an arrow. Problem (1) of `kinfolk.linear.mean_regularized`
has ``o = (1 - c) / (p lam)`` and ``q = c / (p lam)``.
"""

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from kinfolk._typing import FloatArray, IntArray
from kinfolk.linear.evidence import square_root

State = tuple[FloatArray, ...]
_SMALL = 20  # coefficients up to which a batched inverse is faster than a loop of Cholesky factors


class Arrow:
    """The factorised system; solve it for as many right-hand sides as needed.

    Parameters
    ----------
    gram : (T, D, D) array
        G.
    own : (D,) array
        o, the variance of each coefficient about its mean.
    ridge : (D,) array
        q, the variance of each mean; infinity leaves a mean free.

    Attributes
    ----------
    mean_covariance : (D, D) array
        Inverse of the Schur complement: the covariance of m.
    """

    def __init__(self, gram: FloatArray, own: FloatArray, ridge: FloatArray) -> None:
        n_coef = len(own)
        self.own, self.ridge = own, ridge
        root = np.sqrt(own)
        inner = root[:, None] * gram * root
        diagonal = np.arange(n_coef)
        inner[:, diagonal, diagonal] += 1.0
        # o^1/2 (I + o^1/2 G o^1/2)^-1 o^1/2: the covariance of a task given the mean
        self.inner = root[:, None] * symmetric_inverse(inner)[0] * root
        self.keeps = np.eye(n_coef) - self.inner @ gram  # how a task follows the mean
        free = ridge > 0
        precision = (gram @ self.keeps).sum(axis=0)[np.ix_(free, free)]
        precision[np.diag_indices(len(precision))] += 1.0 / ridge[free]
        self.mean_covariance: FloatArray = np.zeros((n_coef, n_coef))
        inverse = np.linalg.pinv(0.5 * (precision + precision.T), hermitian=True)
        self.mean_covariance[np.ix_(free, free)] = inverse

    def solve(self, pull: FloatArray) -> State:
        """Mean ``(D,)`` and coefficients ``(T, D)`` for the right-hand sides g ``(T, D)``."""
        mean = self.mean_covariance @ np.einsum("tij,ti->j", self.keeps, pull)
        return mean, self.keeps @ mean + (self.inner @ pull[:, :, None])[:, :, 0]

    def coef(self, state: State) -> FloatArray:
        """Coefficients ``(T, D)``."""
        return state[1]

    def size(self, state: State) -> float:
        """Penalty of a state, times two."""
        mean, coef = state
        varied = self.own > 0
        size = float(((coef - mean)[:, varied] ** 2 / self.own[varied]).sum())
        held = self.ridge > 0
        return size + float((mean[held] ** 2 / self.ridge[held]).sum())

    def leverage(self, rows: FloatArray, offsets: IntArray) -> FloatArray:
        """``x' M_tt x`` (n,) with M the inverse of the whole Hessian; rows ``(n, D)`` sorted by task."""
        along = self.keeps @ square_root(self.mean_covariance)
        return squared_norms(rows, offsets, self.inner + along @ along.transpose(0, 2, 1))

    def between(self) -> FloatArray:
        """``sum_j M_(tj)(sj)`` (T, T): covariance between tasks, summed over coefficients."""
        along = (self.keeps @ square_root(self.mean_covariance)).reshape(len(self.keeps), -1)
        summed: FloatArray = along @ along.T
        summed[np.diag_indices(len(summed))] += np.einsum("tjj->t", self.inner)
        return summed


def symmetric_inverse(matrices: FloatArray) -> tuple[FloatArray, float]:
    """Inverses of positive definite matrices (T, D, D), and the sum of the logarithms of their determinants."""
    if matrices.shape[1] <= _SMALL:
        inverse = np.linalg.inv(matrices)
        return 0.5 * (inverse + inverse.transpose(0, 2, 1)), float(np.linalg.slogdet(matrices)[1].sum())
    inverse, volume = np.empty(matrices.shape), 0.0
    for matrix, place in zip(matrices, inverse, strict=True):
        factor, failed = dpotrf(matrix, lower=1)
        if failed:
            raise np.linalg.LinAlgError("A matrix that is positive definite by its form is not, to rounding.")
        volume += 2.0 * float(np.log(np.diagonal(factor)).sum())
        lower = np.tril(dpotri(factor, lower=1)[0])
        np.add(lower, np.tril(lower, -1).T, out=place)
    return inverse, volume


def squared_norms(rows: FloatArray, offsets: IntArray, blocks: FloatArray) -> FloatArray:
    """``x' M_t x`` (n,) for rows ``(n, D)`` sorted by task and a matrix for each task."""
    turned = np.empty(rows.shape)
    for t in range(len(blocks)):  # a plain loop of BLAS calls
        task = slice(offsets[t], offsets[t + 1])
        np.dot(rows[task], blocks[t], out=turned[task])
    norms: FloatArray = np.einsum("nd,nd->n", turned, rows)
    return norms
