r"""Edge coordinate descent for the likelihood of a graph.

Along one edge the likelihood is :math:`d\, r - \log(1 + d R)`, whose minimum over :math:`d \ge -a` is

.. math:: d = \max(1 / r - 1 / R,\; -a) ,

and the step changes C by a multiple of :math:`(C x_e)(C x_e)^\top`. Edges that would move are taken in blocks: inside
a block only the resistances among its own edges are kept up to date, and C is brought up to date once a block, by one
product of matrices (Woodbury). Sweeps go down fast and end slowly; Newton steps on the edges in use finish. Their
Hessian, :math:`H_{ef} = (x_e^\top C x_f)^2`, is only multiplied, never formed:
:math:`(H v)_e = x_e^\top C P(v) C x_e` (conjugate gradients).

There is no step size; every step lowers the likelihood, and edges become exactly zero.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg.blas import dger

from kinfolk._typing import FloatArray, IntArray
from kinfolk.graph.likelihood import Gradient, Likelihood, Weights, laplacian_matrix

_BLOCK = 64  # edges
_PASSES = 2  # over the edges of a block
_NEAR = 0.05  # residual from which on Newton steps are better than sweeps
_SWEEPS = 5  # most of them before Newton's turn


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes
    ----------
    weights : Weights
    value : float
        f.
    residual : float
        Largest of ``Likelihood.residual``.
    n_iter : int
    settled : bool
    """

    weights: Weights
    value: float
    residual: float
    n_iter: int
    settled: bool


def edge_descent(problem: Likelihood, start: Weights, *, tol: float, max_iter: int) -> Minimum:
    """Minimise f from weights that connect all tasks, in units of the mean distance: f has no scale of its own.

    Parameters
    ----------
    problem : Likelihood
    start : Weights
    tol : float
        Largest residual of the optimality conditions, relative to the distances.
    max_iter : int
        Most sweeps and Newton steps.
    """
    unit = float(problem.distances.mean()) if len(problem.distances) else problem.total or 1.0
    total = None if problem.total is None else problem.total / unit
    problem = replace(problem, distances=problem.distances / unit, total=total)  # in units of the mean
    weights, n_iter = Weights(start.edges * unit, start.population * unit), 0
    found = problem.known(weights)
    worst = float(problem.residual(weights, found.resistances, found.spread).max(initial=0.0))
    while worst > tol and n_iter < max_iter:
        if n_iter < _SWEEPS and worst > _NEAR:
            weights = sweep(problem, weights, found)
            found = problem.known(weights)
        else:
            stepped = _newton(problem, weights, found, worst)
            if stepped is None:  # rounding: the value no longer falls
                break
            weights, found = stepped
        worst = float(problem.residual(weights, found.resistances, found.spread).max(initial=0.0))
        n_iter += 1
    value = found.value + (problem.n_tasks - 1) * float(np.log(unit))
    return Minimum(Weights(weights.edges / unit, weights.population / unit), value, worst, n_iter, worst <= tol)


def sweep(problem: Likelihood, weights: Weights, found: Gradient) -> Weights:
    """Take every edge that would move to its optimum, once, and then the pull towards the mean."""
    edges, C = weights.edges.copy(), found.inverse.copy()
    steps = np.maximum(1.0 / problem.distances - 1.0 / found.resistances, -edges)
    moving = np.flatnonzero(np.abs(steps) * problem.distances > 1e-4)
    block = _BLOCK if problem.n_tasks <= 500 else 2 * _BLOCK
    for begin in range(0, len(moving), block):
        members = moving[begin : begin + block]
        i, j = problem.first[members], problem.second[members]
        columns = C[:, i] - C[:, j]
        among = columns[i] - columns[j]
        change = _within_block(among, problem.distances[members], edges[members])
        edges[members] = np.maximum(edges[members] + change, 0.0)
        moved = np.flatnonzero(change)
        if len(moved):
            d, columns = change[moved], columns[:, moved]
            inner = np.eye(len(moved)) + among[np.ix_(moved, moved)] * d
            C -= (columns * d) @ np.linalg.solve(inner, columns.T)
    if problem.total is None:
        return Weights(edges)
    slope = problem.total - (float(np.trace(C)) - 1.0)
    # Newton's step along c; never more than half of c downwards
    return Weights(edges, weights.population + max(-slope / _bend(C), -0.5 * weights.population))


def _bend(C: FloatArray) -> float:
    """Second derivative along the pull, ``tr (C - J)^2``, at least what its trace implies: C is known to rounding."""
    about = C - 1.0 / len(C)
    least = float(np.trace(about)) ** 2 / max(len(C) - 1, 1)
    return max(float((about**2).sum()), least, 1e-300)


def _within_block(among: FloatArray, distances: FloatArray, weights: FloatArray) -> FloatArray:
    """Changes ``(b,)`` of the edges of a block, from their resistances among each other ``(b, b)``."""
    inner = np.array(among, order="F")
    change = np.zeros(len(distances))
    best = 1.0 / distances
    for _ in range(_PASSES):
        for e in range(len(distances)):
            own = inner[e, e]
            d = max(best[e] - 1.0 / own, -(weights[e] + change[e]))
            if d != 0.0:
                column = inner[:, e].copy()
                inner = dger(-d / (1.0 + d * own), column, column, a=inner, overwrite_a=1)
                change[e] += d
    return change


def _newton(problem: Likelihood, weights: Weights, here: Gradient, worst: float) -> tuple[Weights, Gradient] | None:
    """One projected Newton step on the edges that are in use or want to be; None when nothing is gained."""
    slope = problem.distances - here.resistances
    free = np.flatnonzero((weights.edges > 0.0) | (slope < 0.0))
    part = problem.only(free)
    pulled = problem.total is not None and (weights.population > 0.0 or here.spread > problem.total)
    gradient, diagonal = slope[free], here.resistances[free] ** 2
    if pulled:
        gradient = np.append(gradient, (problem.total or 0.0) - here.spread)
        diagonal = np.append(diagonal, _bend(here.inverse))
    direction = _solve_newton(part, here.inverse, gradient, diagonal, pulled, worst)
    share = 1.0
    while share > 1e-6:
        edges = weights.edges.copy()
        edges[free] = np.maximum(edges[free] + share * direction[: len(free)], 0.0)
        pull = max(weights.population + share * direction[-1], 0.0) if pulled else weights.population
        there = problem.at(Weights(edges, pull))
        moved = edges[free] - weights.edges[free]
        if pulled:
            moved = np.append(moved, pull - weights.population)
        if there is not None and there.value <= here.value + 1e-4 * float(gradient @ moved) and np.any(moved):
            return Weights(edges, pull), there
        share *= 0.5
    return None


def _solve_newton(
    part: Likelihood, C: FloatArray, gradient: FloatArray, diagonal: FloatArray, pulled: bool, worst: float
) -> FloatArray:
    """``-H^-1 gradient`` by conjugate gradients, the more exactly the nearer the optimum is."""
    step, rest = np.zeros(len(gradient)), -gradient
    z = rest / diagonal
    p, size = z, float(rest @ z)
    goal = size * min(0.01, worst)
    for _ in range(60):
        if size <= goal:
            break
        q = _times_hessian(part, C, p, pulled)
        rate = size / float(p @ q)
        step, rest = step + rate * p, rest - rate * q
        z = rest / diagonal
        size, last = float(rest @ z), size
        p = z + (size / last) * p
    return step


def _times_hessian(part: Likelihood, C: FloatArray, v: FloatArray, pulled: bool) -> FloatArray:
    """``x_e' C P(v) C x_e`` of every edge (and the trace of ``C P(v) C``), v one number an edge (and one for c)."""
    K, m = part.n_tasks, len(part.first)
    inner: FloatArray = laplacian_matrix(K, part.first, part.second, v[:m]) @ C
    if pulled:
        inner += v[-1] * (C - 1.0 / K)
    if 16 * m > K * K:  # most pairs: one product of matrices
        both = C @ inner
        found = part.resistances(0.5 * (both + both.T))
    else:
        found = _row_products(C, np.ascontiguousarray(inner.T), part.first, part.second)
    return np.append(found, float((C * inner.T).sum())) if pulled else found


def _row_products(A: FloatArray, B: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    """``(A_k - A_l) . (B_k - B_l)`` for every pair, in pieces that stay in cache."""
    found = np.empty(len(first))
    for begin in range(0, len(first), 256):
        i, j = first[begin : begin + 256], second[begin : begin + 256]
        found[begin : begin + 256] = ((A[i] - A[j]) * (B[i] - B[j])).sum(axis=1)
    return found
