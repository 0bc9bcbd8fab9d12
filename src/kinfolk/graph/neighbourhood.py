r"""Laplacians that every task estimates from its own neighbourhood: least squares, and marginal likelihood.

Both need only distances among the candidates of a task, so that agents can use them, and both are batched over tasks.
They are consistent, and not the maximum of the joint likelihood.
"""

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.graph.candidates import Points

_SWEEPS = 300
_SETTLED = 1e-6


def neighbourhood_least_squares(
    points: Points, first: IntArray, second: IntArray, alpha: float, floor: float
) -> FloatArray:
    r"""Weights ``(m,)`` of the edges from non-negative regressions of each task on its candidates.

    Given its neighbours, task k is :math:`N(\sum_l a_l w_l / p, 1 / p)` with :math:`p = \sum_l a_l`. With
    :math:`G_{lm}` the mean product of :math:`w_l - w_k` and :math:`w_m - w_k`, the conditional likelihood is largest at

    .. math:: a = \arg\min_{a \ge 0} \tfrac12 a^\top G a - 1^\top a .

    The two ends of an edge average what they found.

    Parameters
    ----------
    points : Points
    first, second : (m,) integer arrays
    alpha : float
        Shrinkage of all distances towards their mean, which is 1.
    floor : float
        Added to the squared distances from a task, so that duplicates have finite weight.
    """
    members, there = _neighbours(points.n_tasks, first, second)
    gram = _products(points, members, there, alpha, floor)
    weights = nonnegative_rows(gram, there)
    return _averaged(points.n_tasks, members, there, weights, first, second)


def nonnegative_rows(gram: FloatArray, there: BoolArray) -> FloatArray:
    """``argmin a' G a / 2 - 1' a`` over ``a >= 0`` for every task, ``(K, k)``: coordinate descent, all at once."""
    pull, slots = there.astype(float), np.arange(gram.shape[1])
    diagonal = gram[:, slots, slots]
    weights: FloatArray = pull / (diagonal * np.maximum(there.sum(axis=1), 1)[:, None])
    product = (gram @ weights[:, :, None])[:, :, 0]
    for _ in range(_SWEEPS):
        largest = 0.0
        for slot in slots:
            old = weights[:, slot]
            new = np.maximum(old + (pull[:, slot] - product[:, slot]) / diagonal[:, slot], 0.0)
            moved = new - old
            weights[:, slot] = new
            product += moved[:, None] * gram[:, :, slot]
            largest = max(largest, float(np.abs(moved * diagonal[:, slot]).max()))
        if largest < _SETTLED:
            break
    return weights


def marginal_likelihood(points: Points, first: IntArray, second: IntArray, alpha: float, floor: float) -> FloatArray:
    r"""Weights ``(m,)`` from inverse covariances of neighbourhoods.

    The row of task k in the inverse of the covariance of k and all its neighbours is the row of L (Schur complement):
    arXiv 2608.26989, the marginal estimator. With a free common level (its variance goes to infinity) that row is
    :math:`-G^{-1} 1`, which is `neighbourhood_least_squares` without its constraint; negative weights are then set to
    zero. It needs more coordinates than neighbours.

    Parameters
    ----------
    points, first, second, alpha, floor
        As in `neighbourhood_least_squares`; ``first, second`` are the true neighbours, or few candidates.
    """
    members, there = _neighbours(points.n_tasks, first, second)
    gram = _products(points, members, there, alpha, floor)
    rows = np.linalg.solve(gram, there.astype(float)[:, :, None])[:, :, 0]
    return _averaged(points.n_tasks, members, there, np.asarray(np.maximum(rows, 0.0)), first, second)


def _neighbours(n_tasks: int, first: IntArray, second: IntArray) -> tuple[IntArray, BoolArray]:
    """Candidates of every task ``(K, k)``, padded with the task itself, and which are real."""
    ends = np.concatenate((first, second))
    others = np.concatenate((second, first))
    order = np.argsort(ends, kind="stable")
    ends, others = ends[order], others[order]
    counts = np.bincount(ends, minlength=n_tasks)
    place = np.arange(len(ends)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = int(counts.max(initial=0))
    members = np.repeat(np.arange(n_tasks)[:, None], width, axis=1)
    members[ends, place] = others
    return members, np.arange(width) < counts[:, None]


def _products(points: Points, members: IntArray, there: BoolArray, alpha: float, floor: float) -> FloatArray:
    """Mean products of ``w_l - w_k`` and ``w_m - w_k`` over the members l, m of every task k, ``(K, k, k)``.

    Padding is the identity; shrunken distances have products shrunken towards ``(1 + 1[l = m]) / 2``.
    """
    if points.coordinates is not None:
        centred = points.coordinates[members] - points.coordinates[:, None]
        products: FloatArray = centred @ centred.transpose(0, 2, 1) / points.coordinates.shape[1]
    else:
        assert points.table is not None
        own = points.table[np.arange(len(members))[:, None], members]
        among = points.table[members[:, :, None], members[:, None, :]]
        products = 0.5 * (own[:, :, None] + own[:, None, :] - among)
    shrunk = ((1.0 - alpha) * products + 0.5 * alpha) * (there[:, :, None] & there[:, None, :])
    slots = np.arange(members.shape[1])
    shrunk[:, slots, slots] = np.where(there, shrunk[:, slots, slots] + 0.5 * alpha + floor, 1.0)
    return shrunk


def _averaged(
    n_tasks: int, members: IntArray, there: BoolArray, weights: FloatArray, first: IntArray, second: IntArray
) -> FloatArray:
    """Mean of what the two ends of each edge found."""
    ends = np.repeat(np.arange(n_tasks)[:, None], members.shape[1], axis=1)
    code = np.minimum(ends, members)[there] * n_tasks + np.maximum(ends, members)[there]
    place = np.searchsorted(first * n_tasks + second, code)
    return np.bincount(place, 0.5 * weights[there], minlength=len(first)).astype(np.float64)
