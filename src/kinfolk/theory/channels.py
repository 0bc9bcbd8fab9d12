r"""What the penalty does: each task is seen through a Gaussian channel, and coupling is a T x T linear filter.

With the penalty :math:`Q = K^{-1}`, the spectrum s of the features, :math:`R = (Q + s \operatorname{diag} \hat V)^{-1}`
and means :math:`\langle \cdot \rangle` over s,

.. math::

    V_t = \langle s R_{tt} \rangle, \qquad m_t = \langle s^2 [R \operatorname{diag}(\hat m) G]_{tt} \rangle, \qquad
    q_t = \langle s [R (s^2 \operatorname{diag}(\hat m) G \operatorname{diag}(\hat m)
        + s \operatorname{diag} \hat q) R]_{tt} \rangle .
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.problem import Problem, is_exchangeable

_TINY = 1e-200


@dataclass(frozen=True)
class Filter:
    r"""What a filter gives for curvatures ``Vh`` and overlaps ``mh`` when ``qh`` is zero, and what ``qh`` adds.

    Attributes
    ----------
    V, m, q : (N,) arrays
    squares : (N, N) array
        :math:`B_{ts} = \langle s^2 R_{ts}^2 \rangle`: q grows by ``B @ qh``, and ``dV / dVh = -B``.
    """

    V: FloatArray
    m: FloatArray
    q: FloatArray
    squares: FloatArray


@dataclass(frozen=True)
class TwoModes:
    """Exchangeable tasks: the mean of all, with weight 1 / T, and deviations from it; N = 1 stands for every task."""

    coupling: FloatArray
    gram: FloatArray
    weights: FloatArray
    spectrum: FloatArray

    @property
    def diagonal(self) -> FloatArray:
        """K_tt."""
        return np.atleast_1d(self.weights @ self.coupling)

    def __call__(self, Vh: FloatArray, mh: FloatArray) -> Filter:
        """Filter at ``(1,)`` arrays."""
        s = self.spectrum[:, None]
        R = self.coupling / (1.0 + s * (self.coupling * Vh[0]))
        w, size = self.weights, len(self.spectrum)
        V = (s * R).sum(axis=0) @ w / size
        seen = s * s * R * (self.gram * mh[0])
        m = seen.sum(axis=0) @ w / size
        q = (s * R * mh[0] * seen).sum(axis=0) @ w / size
        B = (s * s * R * R).sum(axis=0) @ w / size
        return Filter(np.array([V]), np.array([m]), np.array([q]), np.array([[B]]))


@dataclass(frozen=True)
class Coupled:
    """Tasks of their own kind each, any K and G; N = T."""

    coupling: FloatArray
    gram: FloatArray
    spectrum: FloatArray

    @property
    def diagonal(self) -> FloatArray:
        """K_tt."""
        return np.diag(self.coupling)

    def response(self, Vh: FloatArray) -> FloatArray:
        r"""R for every eigenvalue, ``(S, T, T)``; any K, also a singular one.

        With :math:`S = \sqrt{s \hat V}`, R solves (I + S K S) S R = S K, here scaled to a diagonal of ones: curvatures
        of tasks may differ by any factor, and none loses digits to another's.
        """
        K, size = self.coupling, np.sqrt(np.maximum(self.spectrum[:, None] * Vh, _TINY))
        scale = np.sqrt(1.0 + size**2 * np.diag(K))
        seen = (size / scale)[:, :, None] * K
        inner = seen * (size / scale)[:, None, :]
        slots = np.arange(len(K))
        inner[:, slots, slots] += scale**-2
        R = np.linalg.solve(inner, seen) / (scale * size)[:, :, None]
        return np.asarray(0.5 * (R + R.transpose(0, 2, 1)))

    def __call__(self, Vh: FloatArray, mh: FloatArray) -> Filter:
        """Filter at ``(T,)`` arrays."""
        s, R = self.spectrum[:, None], self.response(Vh)
        seen = (R * mh) @ self.gram
        return Filter(
            (s * np.diagonal(R, axis1=1, axis2=2)).mean(axis=0),
            (s**2 * np.diagonal(seen, axis1=1, axis2=2)).mean(axis=0),
            (s**3 * np.einsum("jts,jts->jt", seen, R * mh)).mean(axis=0),
            (s[:, :, None] ** 2 * R**2).mean(axis=0),
        )


Channel = TwoModes | Coupled


def exchangeable_coupling(n_tasks: int, lam: float, c: float) -> FloatArray:
    r"""Coupling matrix ``(T, T)`` of a shared and own parts, :math:`K = ((1 - c) I + c\, 1 1^\top) / \lambda`.

    c = 0 are independent ridges, c = 1 is one pooled model; the diagonal does not depend on c. The two ridges are
    :math:`\lambda_0 = \lambda / c` of the shared part and :math:`\lambda_v = \lambda / (1 - c)` of the own ones.

    Parameters
    ----------
    n_tasks : int
    lam : float
        Ridge of every task, larger than zero; its unit is (noise variance) / (signal variance).
    c : float
        Share of the coupling, in [-1 / (T - 1), 1].

    Raises
    ------
    InputError
        When `lam` or `c` is out of its range.
    """
    _check_pair(n_tasks, lam, c)
    coupling = np.full((n_tasks, n_tasks), c / lam)
    np.fill_diagonal(coupling, 1.0 / lam)
    return coupling


def coupling_matrix(n_tasks: int, lam: float | None, c: float | None, coupling: object) -> FloatArray:
    """K ``(T, T)`` from what the user gives: either `lam` and `c`, or `coupling`."""
    if coupling is None:
        return exchangeable_coupling(n_tasks, *_pair(n_tasks, lam, c))
    if lam is not None or c is not None:
        raise InputError("coupling already says how strongly tasks are penalised: leave lam and c out.")
    matrix = np.array(coupling, dtype=np.float64)
    if matrix.shape != (n_tasks, n_tasks) or not np.isfinite(matrix).all():
        raise InputError(f"coupling has to be a finite ({n_tasks}, {n_tasks}) matrix, found shape {matrix.shape}.")
    if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=1e-12 * np.abs(matrix).max()):
        raise InputError("coupling has to be symmetric.")
    if not (np.diag(matrix) > 0).all():
        raise InputError("coupling has to have a diagonal larger than zero: a task without one is never fitted.")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -1e-10 * float(np.trace(matrix)):
        raise InputError(f"coupling has to be positive semidefinite, its smallest eigenvalue is {least:.3g}.")
    return matrix


def channel_of(
    problem: Problem, lam: float | None, c: float | None, coupling: object, weights: FloatArray | None = None
) -> Channel:
    """Two modes when everything is exchangeable (no matrix is made), else the general filter."""
    T, s = problem.T, problem.eigenvalues
    alike = problem.exchangeable and (weights is None or bool((weights == weights[0]).all()))
    if alike and coupling is None:
        lam, c = _pair(T, lam, c)
        return _two_modes(T, 1.0 / lam, c / lam, problem, s)
    if coupling is not None and alike:
        K = coupling_matrix(T, lam, c, coupling)
        if is_exchangeable(K):
            return _two_modes(T, K[0, 0], K[0, -1] if T > 1 else 0.0, problem, s)
    return coupled_channel(problem, lam, c, coupling)


def coupled_channel(problem: Problem, lam: float | None, c: float | None, coupling: object) -> Coupled:
    """The general filter, of exchangeable tasks too."""
    K = coupling_matrix(problem.T, lam, c, coupling)
    return Coupled(K, problem.inner_products, problem.eigenvalues)


def _two_modes(T: int, own: float, shared: float, problem: Problem, s: FloatArray) -> TwoModes:
    share = np.array([1.0 / T, 1.0 - 1.0 / T])
    return TwoModes(modes(T, own, shared), modes(T, *problem.own_and_shared), share, s)


def modes(n_tasks: int, diagonal: float, beside: float) -> FloatArray:
    """Eigenvalues of an exchangeable matrix: of the mean of all tasks, and of deviations from it."""
    own = diagonal - beside
    both: FloatArray = np.maximum(np.array([own + n_tasks * beside, own]), 0.0)
    return both


def _pair(n_tasks: int, lam: float | None, c: float | None) -> tuple[float, float]:
    if lam is None or (c is None and n_tasks > 1):
        raise InputError("Give lam and c, or coupling; optimal_coupling(problem) finds good ones.")
    _check_pair(n_tasks, lam, 0.0 if c is None else c)
    return lam, 0.0 if c is None or n_tasks == 1 else c


def _check_pair(n_tasks: int, lam: float, c: float) -> None:
    lowest = -1.0 / (n_tasks - 1) if n_tasks > 1 else -1.0
    if not 0 < lam < np.inf:
        raise InputError(f"lam has to be larger than zero and finite, found {lam!r}.")
    if not lowest - 1e-12 <= c <= 1:
        raise InputError(f"c of {n_tasks} tasks has to lie in [{lowest:.3g}, 1], found {c!r}.")
