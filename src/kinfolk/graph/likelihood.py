r"""Likelihood of a task graph, and what its optimum is.

With edges :math:`e = (k, l)`, :math:`x_e = e_k - e_l`, weights :math:`a_e \ge 0`, a pull :math:`c \ge 0` of every task
towards the mean of all, and :math:`J = 1 1^\top / K`, the precision of the tasks' coefficients about their mean is

.. math:: P(a, c) = \sum_e a_e x_e x_e^\top + c (I - J) .

Given mean squared differences :math:`r_e` of the coordinates and their total :math:`r_c` about the mean, the negative
log likelihood of a coordinate (twice, without constants) is

.. math:: f(a, c) = \sum_e a_e r_e + c\, r_c - \log\det(P(a, c) + J) .

It is convex. With :math:`C = (P + J)^{-1}` its gradient is :math:`r_e - R_e`, where :math:`R_e = x_e^\top C x_e` is the
effective resistance, and :math:`r_c - (\operatorname{tr} C - 1)`: at the optimum :math:`R_e \le r_e`, with equality on
the edges in use. Without c this is the combinatorial graph Laplacian of Egilmez, Pavez and Ortega (2017), *IEEE J. Sel.
Top. Signal Process.* 11. An l1 penalty would make the graph denser (Ying, Cardoso and Palomar 2020); its sparsity comes
from the signs.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import csr_array

from kinfolk._typing import FloatArray, IntArray


@dataclass(frozen=True)
class Weights:
    """Weights of the edges and the common pull towards the mean.

    Attributes
    ----------
    edges : (m,) array
    population : float
    """

    edges: FloatArray
    population: float = 0.0


@dataclass(frozen=True)
class Gradient:
    """Value of the likelihood at some weights, and what its gradient is made of.

    Attributes
    ----------
    value : float
    inverse : (K, K) array
        C.
    resistances : (m,) array
    spread : float
        ``tr C - 1``, total variance about the mean.
    """

    value: float
    inverse: FloatArray
    resistances: FloatArray
    spread: float


@dataclass(frozen=True)
class Likelihood:
    """The function f for given distances.

    Attributes
    ----------
    n_tasks : int
        K.
    first, second : (m,) integers
        Ends of the edges that may have weight, ``first < second``.
    distances : (m,) array
        r, positive.
    total : float or None
        :math:`r_c`; None: c stays zero.
    """

    n_tasks: int
    first: IntArray
    second: IntArray
    distances: FloatArray
    total: float | None = None

    def precision(self, weights: Weights) -> FloatArray:
        """``P + J``, ``(K, K)``."""
        K, c = self.n_tasks, weights.population
        dense = np.full((K, K), (1.0 - c) / K)
        dense[self.first, self.second] -= weights.edges
        dense[self.second, self.first] -= weights.edges
        degree = np.bincount(self.first, weights.edges, K) + np.bincount(self.second, weights.edges, K)
        dense[np.arange(K), np.arange(K)] += degree + c
        return dense

    def at(self, weights: Weights) -> Gradient | None:
        """Value and gradient; None where P is not positive definite about the mean."""
        factor, failed = dpotrf(self.precision(weights), lower=1)
        diagonal = np.diag(factor)
        if failed or not diagonal.min() > 0.0:
            return None
        volume = 2.0 * float(np.log(diagonal).sum())
        lower = np.tril(dpotri(factor, lower=1)[0])
        inverse = np.ascontiguousarray(lower + np.tril(lower, -1).T)
        value = float(weights.edges @ self.distances) + weights.population * (self.total or 0.0) - volume
        return Gradient(value, inverse, self.resistances(inverse), float(np.trace(inverse)) - 1.0)

    def resistances(self, inverse: FloatArray) -> FloatArray:
        """R of every edge, ``(m,)``."""
        own = np.diag(inverse)
        found: FloatArray = own[self.first] + own[self.second] - 2.0 * inverse[self.first, self.second]
        return found

    def known(self, weights: Weights) -> Gradient:
        """Value and gradient at weights that connect all tasks."""
        found = self.at(weights)
        if found is None:
            raise ArithmeticError("The weights do not connect all tasks; the likelihood has no value there.")
        return found

    def residual(self, weights: Weights, resistances: FloatArray, spread: float) -> FloatArray:
        """How far each edge (and, last, the pull) is from its optimality condition, relative to its distance."""
        excess = resistances / self.distances - 1.0
        found = np.where(weights.edges > 0.0, np.abs(excess), np.maximum(excess, 0.0))
        if self.total is None:
            return found
        beyond = spread / self.total - 1.0
        return np.append(found, abs(beyond) if weights.population > 0.0 else max(beyond, 0.0))

    def rescaled(self, weights: Weights) -> Weights:
        """The best multiple of the weights: at the optimum ``sum a r + c r_c = K - 1``."""
        used = float(weights.edges @ self.distances) + weights.population * (self.total or 0.0)
        factor = (self.n_tasks - 1) / used
        return Weights(weights.edges * factor, weights.population * factor)

    def only(self, edges: IntArray) -> Self:
        """The same with only some of the edges."""
        return replace(self, first=self.first[edges], second=self.second[edges], distances=self.distances[edges])


def laplacian_matrix(n_tasks: int, first: IntArray, second: IntArray, weights: FloatArray) -> csr_array:
    """Sparse ``D - A``, ``(K, K)``, of weights of any sign; edges of weight zero are left out."""
    used = weights != 0.0
    i, j, a = first[used], second[used], weights[used]
    degree = np.bincount(i, a, minlength=n_tasks) + np.bincount(j, a, minlength=n_tasks)
    own = np.arange(n_tasks)
    entries = np.concatenate((degree, -a, -a)), (np.concatenate((own, i, j)), np.concatenate((own, j, i)))
    return csr_array(entries, shape=(n_tasks, n_tasks))


def incidence_matrix(n_tasks: int, first: IntArray, second: IntArray, weights: FloatArray) -> csr_array:
    """Sparse root B of the Laplacian, ``(K, m)``: ``B B' = D - A``."""
    root, edges = np.sqrt(weights), np.arange(len(weights))
    ends = np.concatenate((first, second)), np.concatenate((edges, edges))
    return csr_array((np.concatenate((root, -root)), ends), shape=(n_tasks, len(weights)))


def degree_laplacian(adjacency: csr_array) -> csr_array:
    """Sparse ``D - A`` of A, ``(K, K)``."""
    n_tasks, degree = adjacency.shape[0], np.asarray(adjacency.sum(axis=1)).ravel()
    diagonal = csr_array((degree, (np.arange(n_tasks), np.arange(n_tasks))), shape=(n_tasks, n_tasks))
    return csr_array(diagonal - adjacency)


def adjacency_matrix(n_tasks: int, first: IntArray, second: IntArray, weights: FloatArray) -> csr_array:
    """Sparse symmetric A, ``(K, K)``, without the edges of weight zero."""
    used = weights > 0.0
    i, j, a = first[used], second[used], weights[used]
    both = (np.concatenate((a, a)), (np.concatenate((i, j)), np.concatenate((j, i))))
    return csr_array(both, shape=(n_tasks, n_tasks))
