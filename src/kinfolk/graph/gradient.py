"""Projected gradient with Barzilai-Borwein steps for the likelihood of a graph: the reference to measure against.

Barzilai and Borwein (1988), *IMA J. Numer. Anal.* 8; the line search compares with the largest of the last ten values
(Birgin, Martinez and Raydan 2000, *SIAM J. Optim.* 10).
"""

from collections import deque

import numpy as np

from kinfolk.graph.descent import Minimum
from kinfolk.graph.likelihood import Likelihood, Weights

_MEMORY = 10


def projected_gradient(problem: Likelihood, start: Weights, *, tol: float, max_iter: int) -> Minimum:
    """Minimise f over the edges (the pull towards the mean stays as it is).

    Parameters
    ----------
    problem, start, tol
        As in `edge_descent`.
    max_iter : int
        Most steps; each takes one inverse or more.
    """
    pull = start.population
    here, found = start.edges, problem.known(start)
    values = deque([found.value], maxlen=_MEMORY)
    slope = problem.distances - found.resistances
    step = 1.0 / float((found.resistances**2).max())
    n_iter, stuck = 0, False
    while True:
        weights = Weights(here, pull)
        worst = float(problem.residual(weights, found.resistances, found.spread)[: len(here)].max(initial=0.0))
        if worst <= tol or n_iter == max_iter or stuck:
            return Minimum(weights, found.value, worst, n_iter, worst <= tol)
        while True:
            there = np.maximum(here - step * slope, 0.0)
            next_found = problem.at(Weights(there, pull))
            bound = max(values) + 1e-4 * float(slope @ (there - here))
            if next_found is not None and next_found.value <= bound:
                break
            step *= 0.5
            if step * float(np.abs(slope).max()) < 1e-14 * float(here.max()):  # rounding
                stuck, there, next_found = True, here, found
                break
        next_slope = problem.distances - next_found.resistances
        moved, bent = there - here, next_slope - slope
        step = float(moved @ moved) / max(float(moved @ bent), 1e-300)
        here, slope, found = there, next_slope, next_found
        values.append(found.value)
        n_iter += 1
