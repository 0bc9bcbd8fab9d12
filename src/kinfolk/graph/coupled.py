r"""Tasks coupled by a precision: their joint posterior, its means and its covariances.

In units of the noise the posterior precision of all coefficients is

.. math:: A = \operatorname{blkdiag}(S_t) + Q \otimes I_d, \qquad Q = K + c (I - J) + g J, \quad K 1 = 0 ,

and the means solve :math:`A W = b`. Four ways: in closed form, where K = 0 (`kinfolk.graph.unjoined`); dense, for few
numbers; by two eigendecompositions, where all tasks have the same rows (wide data); else conjugate gradients,
preconditioned by the diagonal blocks and by an exact solve for shifts that all tasks share. Their number of steps does
not grow with the number of tasks.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from kinfolk._typing import FloatArray, IntArray
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.conjugate import conjugate_gradients
from kinfolk.graph.unjoined import Unjoined

DENSE = 200  # numbers T d up to which A is inverted
_STEPS = 1000
_TASKS = 2000  # tasks up to which arrays of T x T are made


@dataclass(frozen=True)
class Coupling:
    """The prior precision Q of a coordinate over tasks, in units of the inverse noise.

    Attributes
    ----------
    matrix : (T, T) sparse or dense array
        K, with rows that sum to zero.
    root : (T, m) sparse or dense array
        ``root root' = K``.
    pull : float
        c.
    level : float
        g, precision of the common mean (times T).
    """

    matrix: Any
    root: Any
    pull: float
    level: float

    def times(self, x: FloatArray) -> FloatArray:
        """``Q x`` over the first axis of ``(T, ...)``."""
        flat = x.reshape(len(x), -1)
        product: FloatArray = self.matrix @ flat + self.pull * flat + (self.level - self.pull) * flat.mean(axis=0)
        return product.reshape(x.shape)

    @cached_property
    def joined(self) -> bool:
        """Whether there is an edge."""
        return bool((self.matrix if isinstance(self.matrix, np.ndarray) else self.matrix.data).any())

    @cached_property
    def diagonal(self) -> FloatArray:
        """Of Q, ``(T,)``."""
        own: FloatArray = self.matrix.diagonal() + self.pull + (self.level - self.pull) / self.matrix.shape[0]
        return own

    def dense(self) -> FloatArray:
        """Q, ``(T, T)``."""
        K = self.matrix if isinstance(self.matrix, np.ndarray) else self.matrix.toarray()
        dense: FloatArray = K + self.pull * np.eye(len(K)) + (self.level - self.pull) / len(K)
        return dense

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> FloatArray:
        """Fields ``(T, *shape)`` of covariance Q."""
        n_tasks, m = self.root.shape
        size = int(np.prod(shape))
        flat = self.root @ generator.normal(size=(m, size))
        own = generator.normal(size=(n_tasks, size))
        mean = own.mean(axis=0)
        flat = flat + np.sqrt(self.pull) * (own - mean) + np.sqrt(self.level) * mean
        return np.asarray(flat).reshape(n_tasks, *shape)


def solve(
    blocks: Blocks, coupling: Coupling, rhs: FloatArray, *, start: FloatArray | None = None, tol: float = 1e-4
) -> tuple[FloatArray, int]:
    """``A^-1 rhs`` for right-hand sides ``(T, d, B)`` by conjugate gradients, and the number of steps."""
    if not coupling.joined:
        return Unjoined(blocks, coupling.pull, coupling.level).solve(rhs), 0
    coarse = np.linalg.pinv(blocks.common + blocks.n_tasks * coupling.level * np.eye(blocks.d), hermitian=True)
    own = blocks.shifted(coupling.diagonal)

    def precondition(x: FloatArray) -> FloatArray:
        both: FloatArray = own.times(x) + coarse @ x.sum(axis=0)
        return both

    def apply(x: FloatArray) -> FloatArray:
        return blocks.times(x) + coupling.times(x)

    return conjugate_gradients(apply, precondition, rhs, start=start, tol=tol, max_iter=_STEPS)


def draws(blocks: Blocks, coupling: Coupling, n: int, seed: Any) -> FloatArray:
    """Right-hand sides ``(T, d, n)`` whose solutions are draws of N(0, A^-1)."""
    generator = np.random.default_rng(seed)
    return blocks.draw(n, generator) + coupling.draw((blocks.d, n), generator)


@dataclass(frozen=True)
class Expectation:
    """Posterior means, and second moments of the coefficients summed over coordinates, in units of the noise.

    Attributes
    ----------
    slopes : (T, d) array
        In standardised units.
    noise : float
    covariance : (T, T) array or None
        Traces of the blocks of ``A^-1``; None where draws stand for them.
    drawn : (T, d, B) array or None
        Draws of N(0, A^-1).
    """

    slopes: FloatArray
    noise: float
    covariance: FloatArray | None = None
    drawn: FloatArray | None = None

    def distances(self, first: IntArray, second: IntArray) -> FloatArray:
        """Expected mean squared differences of pairs of tasks, ``(m,)``."""
        d = self.slopes.shape[1]
        found = np.empty(len(first))
        for begin in range(0, len(first), 4096):
            part = slice(begin, begin + 4096)
            i, j = first[part], second[part]
            found[part] = ((self.slopes[i] - self.slopes[j]) ** 2).sum(axis=1) / self.noise
            if self.drawn is not None:
                found[part] += ((self.drawn[i] - self.drawn[j]) ** 2).sum(axis=(1, 2)) / self.drawn.shape[2]
        if self.covariance is not None:
            own = np.diag(self.covariance)
            found += own[first] + own[second] - 2.0 * self.covariance[first, second]
        found /= d
        return found

    def total(self) -> float:
        """Expected sum of squares about the mean of all tasks, for a coordinate."""
        total = float(((self.slopes - self.slopes.mean(axis=0)) ** 2).sum()) / self.noise
        if self.covariance is not None:
            total += float(np.trace(self.covariance)) - float(self.covariance.sum()) / len(self.covariance)
        if self.drawn is not None:
            total += float(((self.drawn - self.drawn.mean(axis=0)) ** 2).sum()) / self.drawn.shape[2]
        return total / float(self.slopes.shape[1])


def expect(
    blocks: Blocks,
    coupling: Coupling,
    noise: float,
    *,
    n_probes: int,
    seed: Any,
    last: Expectation | None = None,
    dense: int | None = None,
) -> Expectation:
    """The E-step: exact up to ``dense`` coefficients (None: 200), else by draws (the same random numbers each time)."""
    if not coupling.joined and blocks.explicit and blocks.n_tasks <= _TASKS:
        free = Unjoined(blocks, coupling.pull, coupling.level)
        return Expectation(free.solve(blocks.b[:, :, None])[:, :, 0], noise, covariance=free.traces())
    if blocks.n_tasks * blocks.d <= (DENSE if dense is None else dense):
        inverse = _dense_inverse(blocks, coupling)
        slopes = np.einsum("tisj,sj->ti", inverse, blocks.b)
        return Expectation(slopes, noise, covariance=np.einsum("tisi->ts", inverse))
    if blocks.shared and blocks.n_tasks <= _TASKS:
        lam, U, v, V = _two_spectra(blocks, coupling)
        total = lam[:, None] + v
        slopes = U @ ((U.T @ blocks.b @ V.T) / total) @ V
        rest = (blocks.d - len(v)) / lam
        return Expectation(slopes, noise, covariance=(U * ((1.0 / total).sum(axis=1) + rest)) @ U.T)
    rhs = np.concatenate((blocks.b[:, :, None], draws(blocks, coupling, n_probes, seed)), axis=2)
    start = None
    if last is not None and last.drawn is not None:
        start = np.concatenate((last.slopes[:, :, None], last.drawn), axis=2)
    found, _ = solve(blocks, coupling, rhs, start=start)
    return Expectation(found[:, :, 0], noise, drawn=found[:, :, 1:])


def covariances(blocks: Blocks, coupling: Coupling, *, n_draws: int, seed: Any) -> FloatArray:
    r"""Diagonal blocks ``(T, d, d)`` of :math:`A^{-1}`.

    Exact without edges, where A is inverted, or where all tasks have the same rows. Else, with
    :math:`B_t = (S_t + Q_{tt} I)^{-1}` and draws x of :math:`N(0, A^{-1})`,

    .. math:: (A^{-1})_{tt} = B_t + B_t \operatorname{Cov}\Bigl(\sum_{s \ne t} Q_{ts} x_s\Bigr) B_t ,

    where only the second term is estimated: Siden, Lindgren, Bolin and Villani (2018), *J. Comput. Graph. Stat.* 27.
    """
    if not coupling.joined:
        return Unjoined(blocks, coupling.pull, coupling.level).diagonal()
    if blocks.n_tasks * blocks.d <= 8 * DENSE:
        own = np.arange(blocks.n_tasks)
        inverse: FloatArray = _dense_inverse(blocks, coupling)[own, :, own, :]
        return inverse
    if blocks.shared and blocks.n_tasks <= _TASKS:
        lam, U, v, V = _two_spectra(blocks, coupling)
        each = U**2 @ (1.0 / (lam[:, None] + v))
        outside = (U**2 @ (1.0 / lam))[:, None, None]
        blockwise: FloatArray = (V.T * each[:, None, :]) @ V + outside * (np.eye(blocks.d) - V.T @ V)
        return blockwise
    x, _ = solve(blocks, coupling, draws(blocks, coupling, n_draws, seed), tol=1e-3)
    p = coupling.diagonal
    others = coupling.times(x) - p[:, None, None] * x
    B = blocks.shifted(p).inverse
    spread = B @ others
    found: FloatArray = B + spread @ spread.transpose(0, 2, 1) / n_draws
    return found


def _dense_inverse(blocks: Blocks, coupling: Coupling) -> FloatArray:
    """``A^-1`` as ``(T, d, T, d)``."""
    T, d = blocks.n_tasks, blocks.d
    A = np.kron(coupling.dense(), np.eye(d)).reshape(T, d, T, d)
    own = np.arange(T)
    A[own, :, own, :] += blocks.moments.primal()
    factor, failed = dpotrf(A.reshape(T * d, T * d), lower=1)
    if failed:
        raise ArithmeticError("The posterior precision of the tasks is not positive definite.")
    lower = np.tril(dpotri(factor, lower=1)[0])
    inverse: FloatArray = (lower + np.tril(lower, -1).T).reshape(T, d, T, d)
    return inverse


def _two_spectra(blocks: Blocks, coupling: Coupling) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Eigenvalues and vectors (columns) of Q, and those (rows) of the common S."""
    lam, U = np.linalg.eigh(coupling.dense())
    return np.maximum(lam, 1e-300), U, blocks.factor.values[0], blocks.factor.directions[0]
