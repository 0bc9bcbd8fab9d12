r"""Multiplicative steps for the likelihood of a graph: exact, or with sketched resistances for thousands of tasks.

The volume term is concave in the weights, so that :math:`f(a') \le f(a) + \sum_e a'_e r_e + \sum_e (a_e^2 / a'_e) R_e +
\dots`, with equality at :math:`a' = a`; its minimum is

.. math:: a_e \leftarrow a_e \sqrt{R_e / r_e} .

No step raises f. Weights go to zero without arriving there, and stopping early regularises.

The resistances of a sparse graph need no inverse: with random signs :math:`z`, the columns of
:math:`P^+ \sum_e \sqrt{a_e} x_e z_e` have covariance :math:`P^+`, so that their mean squared differences along an edge
estimate its resistance (Spielman and Srivastava 2011, *SIAM J. Comput.* 40, after Johnson and Lindenstrauss).
"""

import numpy as np
from scipy.sparse.linalg import splu

from kinfolk._typing import FloatArray
from kinfolk.graph.conjugate import conjugate_gradients
from kinfolk.graph.descent import Minimum
from kinfolk.graph.likelihood import Likelihood, Weights, incidence_matrix, laplacian_matrix

_SIGNS = 96  # columns of the sketch: resistances to about 1 / sqrt(48)


def multiplicative_descent(problem: Likelihood, start: Weights, *, tol: float, max_iter: int) -> Minimum:
    """Minimise f by multiplicative steps with exact resistances; one inverse a step.

    Parameters
    ----------
    problem, start
        As in `edge_descent`; edges of weight zero stay there.
    tol : float
        Largest residual, where a weight that is on its way to zero counts with its size.
    max_iter : int
    """
    weights, n_iter = problem.rescaled(start), 0
    found = problem.known(weights)
    worst = _step_size(problem, weights, found.resistances, found.spread)
    while worst > tol and n_iter < max_iter:
        weights = multiplied(problem, weights, found.resistances, found.spread)
        found = problem.known(weights)
        worst = _step_size(problem, weights, found.resistances, found.spread)
        n_iter += 1
    return Minimum(weights, found.value, worst, n_iter, worst <= tol)


def multiplied(problem: Likelihood, weights: Weights, resistances: FloatArray, spread: float) -> Weights:
    """One multiplicative step."""
    edges = weights.edges * np.sqrt(np.maximum(resistances, 0.0) / problem.distances)
    pull = 0.0 if problem.total is None else weights.population * float(np.sqrt(spread / problem.total))
    return Weights(edges, pull)


def sketched_descent(
    problem: Likelihood, start: Weights, generator: np.random.Generator, *, tol: float, max_iter: int
) -> Minimum:
    """The same with sketched resistances: no array of K x K is made.

    The value is exact (sparse LU); the residual is that of the last sketch and contains its noise, so that it ends when
    the weights move by less than ``tol`` or after ``max_iter`` steps.
    """
    weights, move, worst, n_iter = problem.rescaled(start), np.inf, np.inf, 0
    while n_iter < max_iter and move > tol:
        resistances, spread = sketched_resistances(problem, weights, generator)
        worst = _step_size(problem, weights, resistances, spread)
        stepped = multiplied(problem, weights, resistances, spread)
        move = float(np.linalg.norm(stepped.edges - weights.edges) / np.linalg.norm(weights.edges))
        weights, n_iter = problem.rescaled(stepped), n_iter + 1
    return Minimum(weights, sparse_value(problem, weights), worst, n_iter, move <= tol)


def sketched_resistances(
    problem: Likelihood, weights: Weights, generator: np.random.Generator, n_signs: int = _SIGNS
) -> tuple[FloatArray, float]:
    """Estimates of the resistances ``(m,)`` and of the total variance about the mean."""
    K, m = problem.n_tasks, len(problem.first)
    edges = problem.first, problem.second, weights.edges
    laplacian, incidence = laplacian_matrix(K, *edges), incidence_matrix(K, *edges)
    noise = incidence @ generator.choice((-1.0, 1.0), size=(m, n_signs))
    if weights.population > 0.0:
        noise += np.sqrt(weights.population) * generator.choice((-1.0, 1.0), size=(K, n_signs))
    noise -= noise.mean(axis=0)
    diagonal = (laplacian.diagonal() + weights.population)[:, None]

    def apply(x: FloatArray) -> FloatArray:
        product: FloatArray = laplacian @ x + weights.population * x
        return product

    fields, _ = conjugate_gradients(apply, lambda x: x / diagonal, noise, tol=1e-3, max_iter=1000)
    fields -= fields.mean(axis=0)
    found = np.empty(m)
    for begin in range(0, m, 4096):
        part = slice(begin, begin + 4096)
        found[part] = ((fields[problem.first[part]] - fields[problem.second[part]]) ** 2).mean(axis=1)
    return found, float((fields**2).sum()) / n_signs


def sparse_value(problem: Likelihood, weights: Weights) -> float:
    """F by sparse LU: ``det(P + J) = K det(P without a row and its column)`` where c is zero (matrix-tree theorem)."""
    K, c = problem.n_tasks, weights.population
    reduced = laplacian_matrix(K, problem.first, problem.second, weights.edges).tocsc()
    if c > 0.0:  # det(L + c I) = c det(P + J)
        shifted = reduced.copy()
        shifted.setdiag(shifted.diagonal() + c)
        volume = float(np.log(np.abs(splu(shifted).U.diagonal())).sum()) - float(np.log(c))
    else:
        volume = float(np.log(np.abs(splu(reduced[1:, 1:]).U.diagonal())).sum()) + float(np.log(K))
    return float(weights.edges @ problem.distances) + c * (problem.total or 0.0) - volume


def _step_size(problem: Likelihood, weights: Weights, resistances: FloatArray, spread: float) -> float:
    """Largest step that coordinate descent would take, in units of ``1 / r``."""
    resistances = np.maximum(resistances, 1e-300)
    steps = np.maximum(1.0 - problem.distances / resistances, -weights.edges * problem.distances)
    worst = float(np.abs(steps).max(initial=0.0))
    if problem.total is None:
        return worst
    return max(worst, min(abs(spread / problem.total - 1.0), weights.population * problem.total))
