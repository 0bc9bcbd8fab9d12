r"""Quadratic tasks under any coupling K between their slopes (positive semi-definite, singular allowed).

.. math:: \min_W \; \tfrac12 \sum_t (w_t^\top G_t w_t - 2 g_t^\top w_t) + \tfrac p2 \operatorname{tr}(W^\top K^{-1} W)

in the factored form :math:`W = L B`, :math:`L L^\top = K / p`, with penalty :math:`\tfrac12 \|B\|^2`: only K is needed,
and what it excludes is excluded exactly. Where the intercept is a coefficient, :math:`a_t = m + v^{1/2} \alpha_t` with
m free and penalty :math:`\tfrac12 \|\alpha\|^2`. Dense for up to 1,600 unknowns, else conjugate gradients.
"""

from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kinfolk._typing import FloatArray, IntArray
from kinfolk.linear.arrow import State, squared_norms

DENSE = 1600  # unknowns that are solved for by a Cholesky factor
_STEPS = 2000
_ACCURACY = 1e-11


def coupling_root(coupling: FloatArray) -> FloatArray:
    """``L`` (T, rank) with ``L L' = K``."""
    values, vectors = np.linalg.eigh(coupling)
    kept = values > 1e-12 * max(float(values[-1]), 0.0)
    root: FloatArray = vectors[:, kept] * np.sqrt(values[kept])
    return root


class Coupled:
    """The system; the same face as `kinfolk.linear.arrow.Arrow`.

    Parameters
    ----------
    gram : (T, D, D) array
        D is d, or d + 1 with the intercept first.
    root : (T, r) array
        L.
    spread : float or None
        v, where the intercept is a coefficient.
    """

    def __init__(self, gram: FloatArray, root: FloatArray, spread: float | None) -> None:
        self.gram, self.root, self.spread = gram, root, spread
        self.n_tasks, self.n_coef = gram.shape[:2]
        self.first = 0 if spread is None else 1
        self.d = self.n_coef - self.first
        self.n_free = 0 if spread is None else 1 + self.n_tasks
        self.n_unknown = self.n_free + root.shape[1] * self.d
        self.factor = cho_factor(self._dense()) if self.n_unknown <= DENSE else None

    def _unpack(self, theta: FloatArray) -> State:
        B = theta[self.n_free :].reshape(self.root.shape[1], self.d)
        return theta[: self.n_free], B

    def coef(self, state: State) -> FloatArray:
        """Coefficients ``(T, D)``."""
        free, B = state
        slopes: FloatArray = self.root @ B
        if self.spread is None:
            return slopes
        return np.column_stack((free[0] + np.sqrt(self.spread) * free[1:], slopes))

    def size(self, state: State) -> float:
        """Penalty of a state, times two."""
        free, B = state
        return float((free[1:] ** 2).sum() + (B**2).sum())

    def _back(self, pull: FloatArray) -> FloatArray:
        """The transposed map, from ``(T, D)`` to the unknowns."""
        slopes = (self.root.T @ pull[:, self.first :]).ravel()
        if self.spread is None:
            return slopes
        return np.concatenate(([pull[:, 0].sum()], np.sqrt(self.spread) * pull[:, 0], slopes))

    def _penalty(self) -> FloatArray:
        ones = np.ones(self.n_unknown)
        ones[: min(self.n_free, 1)] = 0.0  # m is free
        return ones

    def _dense(self) -> FloatArray:
        hessian = np.diag(self._penalty())
        r, d, first = self.root.shape[1], self.d, self.first
        pairs = (self.root[:, :, None] * self.root[:, None, :]).reshape(self.n_tasks, -1)
        inner = pairs.T @ self.gram[:, first:, first:].reshape(self.n_tasks, -1)
        inner = inner.reshape(r, r, d, d).transpose(0, 2, 1, 3).reshape(r * d, r * d)
        hessian[self.n_free :, self.n_free :] += inner
        if self.spread is not None:
            ones = np.column_stack((np.ones(self.n_tasks), np.sqrt(self.spread) * np.eye(self.n_tasks)))  # of a_t
            sums = self.gram[:, 0, 0]
            cross = ones.T @ (self.root[:, :, None] * self.gram[:, 0, None, 1:]).reshape(self.n_tasks, -1)
            hessian[: self.n_free, : self.n_free] += (ones.T * sums) @ ones
            hessian[: self.n_free, self.n_free :] = cross
            hessian[self.n_free :, : self.n_free] = cross.T
        return hessian

    @cached_property
    def _inverse(self) -> FloatArray:
        assert self.factor is not None
        inverse: FloatArray = cho_solve(self.factor, np.eye(self.n_unknown))
        return inverse

    def _slopes_inverse(self) -> FloatArray:
        """``(r, d, r, d)`` part of the inverse."""
        r = self.root.shape[1]
        return self._inverse[self.n_free :, self.n_free :].reshape(r, self.d, r, self.d)

    def solve(self, pull: FloatArray) -> State:
        """Unknowns for the right-hand sides g ``(T, D)``."""
        right = self._back(pull)
        if self.factor is not None:
            return self._unpack(cho_solve(self.factor, right))
        return self._unpack(self._descend(right))

    def _descend(self, right: FloatArray) -> FloatArray:
        penalty = self._penalty()
        squares = np.einsum("tjj->tj", self.gram)
        scale = self._diagonal(squares) + penalty
        theta = np.zeros(self.n_unknown)
        residual, size = right.copy(), float(np.linalg.norm(right))
        step = residual / scale
        fall = float(residual @ step)
        for _ in range(_STEPS):
            if np.linalg.norm(residual) <= _ACCURACY * size:
                break
            moved = self._back((self.gram @ self.coef(self._unpack(step))[:, :, None])[:, :, 0]) + penalty * step
            share = fall / float(step @ moved)
            theta += share * step
            residual -= share * moved
            steep = residual / scale
            fall, last = float(residual @ steep), fall
            step = steep + (fall / last) * step
        return theta

    def _diagonal(self, squares: FloatArray) -> FloatArray:
        slopes = ((self.root**2).T @ squares[:, self.first :]).ravel()
        if self.spread is None:
            return slopes
        return np.concatenate(([squares[:, 0].sum()], self.spread * squares[:, 0], slopes))

    def leverage(self, rows: FloatArray, offsets: IntArray) -> FloatArray:
        """``x' M_tt x`` (n,): exact where the system is dense, else from row norms (`row_norm_leverage`)."""
        if self.factor is None:
            squares = (rows[:, self.first :] ** 2).sum(axis=1)
            total = np.einsum("tjj->t", self.gram[:, self.first :, self.first :])
            return row_norm_leverage(self.root @ self.root.T, squares, total, offsets, self.d)
        return squared_norms(rows, offsets, self.blocks())

    def blocks(self) -> FloatArray:
        """``M_tt`` (T, D, D), where the system is dense."""
        n_tasks, r, d = self.n_tasks, self.root.shape[1], self.d
        pairs = (self.root[:, :, None] * self.root[:, None, :]).reshape(n_tasks, -1)
        slopes = pairs @ self._slopes_inverse().transpose(0, 2, 1, 3).reshape(r * r, d * d)
        found = np.empty((n_tasks, self.n_coef, self.n_coef))
        found[:, self.first :, self.first :] = slopes.reshape(n_tasks, d, d)
        if self.spread is not None:
            ones = np.column_stack((np.ones(n_tasks), np.sqrt(self.spread) * np.eye(n_tasks)))
            found[:, 0, 0] = ((ones @ self._inverse[: self.n_free, : self.n_free]) * ones).sum(axis=1)
            cross = (ones @ self._inverse[: self.n_free, self.n_free :]).reshape(n_tasks, r, d)
            found[:, 0, 1:] = found[:, 1:, 0] = np.einsum("tr,trd->td", self.root, cross)
        return found

    def between(self) -> FloatArray:
        """``sum_j M_(tj)(sj)`` (T, T): covariance between tasks, summed over features; where the system is dense."""
        summed = np.einsum("rjsj->rs", self._slopes_inverse())
        covariance: FloatArray = self.root @ summed @ self.root.T
        return covariance

    def of_the_sum(self, weight: float) -> FloatArray:
        """Covariance (D, D) of ``weight`` times the sum of all slopes, beside m; zero where the system is not dense."""
        found = np.zeros((self.n_coef, self.n_coef))
        if self.factor is None:
            return found
        total = weight * self.root.sum(axis=0)
        found[self.first :, self.first :] = np.einsum("r,risj,s->ij", total, self._slopes_inverse(), total)
        if self.spread is not None:
            found[0, 0] = self._inverse[0, 0]
            cross = self._inverse[0, self.n_free :].reshape(-1, self.d)
            found[0, 1:] = found[1:, 0] = total @ cross
        return found


def effective_variance(coupling: FloatArray, information: FloatArray) -> FloatArray:
    r"""Prior variance (T,) of a coefficient that makes a task alone as uncertain as it is among the others.

    With ``k`` the coupling per feature and ``eta`` (T,) what each task's rows tell of a coefficient,
    :math:`\kappa_t = [(k^{-1} + \operatorname{diag} \eta)^{-1}]_{tt}` and the variance is
    :math:`1 / (1 / \kappa_t - \eta_t)`.
    """
    kappa = _filtered(coupling, information)
    effective: FloatArray = 1.0 / np.maximum(1.0 / np.maximum(kappa, 1e-300) - information, 1e-300)
    return effective


def _filtered(coupling: FloatArray, information: FloatArray) -> FloatArray:
    """Diagonal of ``(I + k diag eta)^-1 k``."""
    solved = np.linalg.solve(np.eye(len(coupling)) + coupling * information, coupling)
    return np.maximum(np.diagonal(solved), 0.0)


def row_norm_leverage(
    coupling: FloatArray, squares: FloatArray, total: FloatArray, offsets: IntArray, d: int
) -> FloatArray:
    r"""Leverages from row norms and the coupling alone.

    .. math:: h_i = \|x_i\|^2 \kappa_t, \quad \kappa_t = [(k^{-1} + \operatorname{diag} \eta)^{-1}]_{tt}, \quad
              \eta_t = \tfrac1d \sum_i \|x_i\|^2 l''_i / (1 + \|x_i\|^2 \kappa_t l''_i) .

    Valid where features are nearly white. ``total`` (T,) is ``sum_i |x_i|^2 l''_i``; curvatures are taken as equal
    within a task.
    """
    codes = np.repeat(np.arange(len(total)), np.diff(offsets))
    sums = np.bincount(codes, squares, minlength=len(total))
    curvature = np.divide(total, sums, out=np.zeros_like(total), where=sums > 0)[codes]
    kappa = np.diagonal(coupling).copy()
    for _ in range(100):
        each = squares * curvature / (1.0 + squares * kappa[codes] * curvature)
        there = _filtered(coupling, np.bincount(codes, each, minlength=len(total)) / d)
        settled = np.abs(there - kappa).max() <= 1e-10 * np.abs(there).max()
        kappa = there
        if settled:
            break
    # with row i: h / (1 + h l''), the leave-one-out variance is |x|^2 kappa
    alone: FloatArray = squares * kappa[codes]
    return alone / (1.0 + alone * curvature)
