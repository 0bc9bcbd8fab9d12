"""The task graph of maximum likelihood: one function for all ways to it."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.graph.candidates import FLOOR, Points, all_pairs, given_pairs, nearest_pairs
from kinfolk.graph.descent import Minimum, edge_descent
from kinfolk.graph.gradient import projected_gradient
from kinfolk.graph.likelihood import Likelihood, Weights, adjacency_matrix, laplacian_matrix
from kinfolk.graph.multiplicative import multiplicative_descent, sketched_descent
from kinfolk.graph.neighbourhood import marginal_likelihood, neighbourhood_least_squares
from kinfolk.graph.noisy import denoised_graph
from kinfolk.result import Status

NEIGHBOURS = 12  # of each task among the candidates
PRIOR_COORDINATES = 5.0  # coordinates that the shrinkage of distances is worth
_FULL = 500  # tasks up to which all pairs are candidates
_DENSE = 2000  # tasks up to which arrays of K x K are made
_START = 6  # neighbours that the descent starts from

_METHODS = ("edge", "multiplicative", "gradient", "neighbourhood", "marginal")
_MOST: dict[str, int] = {"edge": 200, "multiplicative": 100, "gradient": 5000}


@dataclass(frozen=True)
class GraphEstimate:
    """An estimated task graph.

    Attributes
    ----------
    laplacian : (K, K) sparse array
        ``D - A``: precision of a coordinate over tasks, in inverse squared units of the coefficients.
    status : Status
    kkt_residual : float
        Largest violation of the optimality conditions ``R_e <= r_e`` (equality on edges in use), relative to ``r_e``.
        Multiplicative steps: largest step still to take in units of ``1 / r_e``, so that vanishing edges do not count.
    objective : float
        ``sum_e a_e r_e - log det(L + J)`` for the (shrunken) distances; infinity where L leaves tasks apart.
    n_iter : int
    smoothed : (K, M) array or None
        Posterior means of the coefficients, where their noise was given.
    """

    laplacian: csr_array
    status: Status
    kkt_residual: float
    objective: float
    n_iter: int
    smoothed: FloatArray | None = None

    @property
    def adjacency(self) -> csr_array:
        """Weights of the edges, sparse and symmetric."""
        upper = self.laplacian.tocoo()
        i, j = upper.coords
        off = i < j
        return adjacency_matrix(upper.shape[0], i[off].astype(np.int64), j[off].astype(np.int64), -upper.data[off])


def estimate_laplacian(
    distances_or_W: Any,
    method: str = "edge",
    *,
    mask: Any = "auto",
    shrinkage: str | float = "auto",
    n_coordinates: int | None = None,
    noise: Any = None,
    tol: float = 1e-3,
    max_iter: int | None = None,
    random_state: Any = 0,
) -> GraphEstimate:
    r"""Estimate the Laplacian of the Gaussian Markov random field that coefficients of tasks are drawn from.

    .. math:: \min_{a \ge 0} \sum_{k < l} a_{kl} r_{kl} - \log\det(L(a) + 11^\top / K), \qquad
              r_{kl} = \tfrac1M \|w_k - w_l\|^2, \quad L(a) = \sum_{k < l} a_{kl} (e_k - e_l)(e_k - e_l)^\top :

    the columns of W are independent :math:`N(0, L^+)`, with a free common level. Fewer coordinates than tasks will do.

    Parameters
    ----------
    distances_or_W : (K, K) or (K, M) array
        Mean squared differences r (square, symmetric, zero diagonal), or the coefficients themselves, a row a task.
    method : {"edge", "multiplicative", "gradient", "neighbourhood", "marginal"}, default="edge"
        ``"edge"``: exact coordinate descent, finished by Newton steps (`kinfolk.graph.descent`).
        ``"multiplicative"``: `kinfolk.graph.multiplicative`; from W of more than 2,000 tasks with sketched resistances,
        without any K x K array. ``"gradient"``: projected gradient, for comparison. ``"neighbourhood"``,
        ``"marginal"``: every task by itself (`kinfolk.graph.neighbourhood`), consistent and not optimal.
    mask : "auto", "all", int or (K, K) array, default="auto"
        Pairs that may be joined. A number k: each task's k nearest ones and the spanning tree between what these leave
        apart. ``"auto"``: all pairs up to 500 tasks (12 neighbours for the two local methods), 12 neighbours above.
    shrinkage : "auto" or float in [0, 1], default="auto"
        Share :math:`\alpha` of the mean distance, ``r <- (1 - alpha) r + alpha mean(r)``; ``"auto"``:
        ``5 / (5 + M)``, for distances of few coordinates are extreme by chance.
    n_coordinates : int, optional
        M, where distances are given and ``shrinkage="auto"``.
    noise : float or (K,) array, optional
        Variance of the errors of each task's coefficients: then EM (`kinfolk.graph.noisy`), for W only and the methods
        ``"edge"`` and ``"multiplicative"``.
    tol : float, default=1e-3
        KKT residual to reach (sketches: relative change of the weights).
    max_iter : int, optional
        Default 200 sweeps and Newton steps, 100 multiplicative (30 sketched), 5000 gradient steps; 15 turns of EM.
    random_state : int, Generator or None, default=0
        Signs of the sketch.

    Returns
    -------
    GraphEstimate

    Raises
    ------
    InputError
        Something is not finite, of the wrong shape, negative or out of range, or the mask leaves tasks apart.

    Notes
    -----
    Model: arXiv 2510.10570 and arXiv 2608.26989. Distances below 1e-10 of their mean are raised to it, so that
    duplicate tasks have a large and finite weight.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.graph import estimate_laplacian
    >>> W = np.repeat([[0.0], [5.0]], 3, axis=0) + np.random.default_rng(0).normal(size=(6, 40))
    >>> found = estimate_laplacian(W)
    >>> found.status.value, found.kkt_residual < 1e-3
    ('converged', True)
    >>> weights = found.adjacency.toarray()
    >>> bool(weights[0, 1:3].min() > weights[0, 3:].max())
    True
    """
    points, n_known = _points(distances_or_W)
    _check(method, tol, max_iter, noise, points)
    K = points.n_tasks
    sketched = method == "multiplicative" and K > _DENSE and points.coordinates is not None and noise is None
    local = method in ("neighbourhood", "marginal")
    first, second = _pairs(points, mask, NEIGHBOURS if local or sketched or K > _FULL else None)
    alpha = _alpha(shrinkage, n_known or n_coordinates)
    mean = points.mean_distance()
    if not mean > 0.0:
        raise InputError("All tasks have the same coefficients: the distances are zero and have no graph.")
    r = (1.0 - alpha) * np.maximum(points.distances(first, second) / mean, 0.0) + alpha
    problem = Likelihood(K, first, second, np.maximum(r, FLOOR))
    smoothed = None
    if local:
        rule = neighbourhood_least_squares if method == "neighbourhood" else marginal_likelihood
        unit = Points(
            None if points.coordinates is None else points.coordinates / np.sqrt(mean),
            None if points.table is None else points.table / mean,
        )
        end = _judged(problem, Weights(rule(unit, first, second, alpha, FLOOR)))
        status = Status.CLOSED_FORM
    else:
        start = problem.rescaled(_start(problem, points, everywhere=method == "multiplicative"))
        if noise is not None:
            s = np.broadcast_to(np.asarray(noise, dtype=float), (K,)) / mean
            assert points.coordinates is not None
            weights, smoothed, problem, n_iter = denoised_graph(
                points.coordinates / np.sqrt(mean),
                s,
                problem,
                start,
                alpha=alpha,
                floor=FLOOR,
                multiplicative=method == "multiplicative",
                max_iter=max_iter or 15,
            )
            end = _judged(problem, weights, n_iter)
            smoothed = smoothed * np.sqrt(mean)
            status = Status.CONVERGED if n_iter < (max_iter or 15) else Status.MAX_ITER
        else:
            if sketched:
                generator = np.random.default_rng(random_state)
                end = sketched_descent(problem, start, generator, tol=tol, max_iter=max_iter or 30)
            else:
                end = _DESCENTS[method](problem, start, tol=tol, max_iter=max_iter or _MOST[method])
            status = Status.CONVERGED if end.settled else Status.MAX_ITER
    return GraphEstimate(
        laplacian_matrix(K, first, second, end.weights.edges / mean),
        status,
        end.residual,
        end.value + (K - 1) * float(np.log(mean)),
        end.n_iter,
        smoothed,
    )


_DESCENTS: dict[str, Callable[..., Minimum]] = {
    "edge": edge_descent,
    "multiplicative": multiplicative_descent,
    "gradient": projected_gradient,
}


def _points(given: Any) -> tuple[Points, int | None]:
    """The tasks as points, and the number of coordinates where it is known."""
    array = np.asarray(given, dtype=float)
    if array.ndim != 2 or len(array) < 2 or array.shape[1] < 1:
        raise InputError(
            f"Give (K, M) coefficients or (K, K) distances of at least two tasks; got shape {array.shape}."
        )
    if not np.isfinite(array).all():
        rows = np.flatnonzero(~np.isfinite(array).all(axis=1))
        raise InputError(f"Coefficients or distances must be finite; those of tasks {rows[:5].tolist()} are not.")
    square = array.shape[0] == array.shape[1]
    if square and not np.diag(array).any() and np.allclose(array, array.T, rtol=1e-8, atol=0.0):
        if (array < 0.0).any():
            raise InputError("Distances are mean squared differences: they must not be negative.")
        return Points(table=0.5 * (array + array.T)), None
    return Points(coordinates=array), array.shape[1]


def _check(method: str, tol: float, max_iter: int | None, noise: Any, points: Points) -> None:
    if method not in _METHODS:
        raise InputError(f"method must be one of {', '.join(map(repr, _METHODS))}; got {method!r}.")
    if not (isinstance(tol, Real) and 0.0 < float(tol) < np.inf):
        raise InputError(f"tol must be a number > 0; got {tol!r}.")
    if max_iter is not None and (isinstance(max_iter, bool) or not isinstance(max_iter, Integral) or max_iter < 1):
        raise InputError(f"max_iter must be a whole number >= 1; got {max_iter!r}.")
    if noise is None:
        return
    if points.coordinates is None or method not in ("edge", "multiplicative"):
        raise InputError("noise needs the coefficients themselves, and method='edge' or 'multiplicative'.")
    variances = np.asarray(noise, dtype=float)
    if variances.shape not in ((), (points.n_tasks,)) or not (np.isfinite(variances) & (variances > 0.0)).all():
        raise InputError(f"noise must be one variance > 0, or {points.n_tasks} of them; got shape {variances.shape}.")


def _pairs(points: Points, mask: Any, neighbours: int | None) -> tuple[IntArray, IntArray]:
    if isinstance(mask, str):
        if mask not in ("auto", "all"):
            raise InputError(f"mask must be 'auto', 'all', a number of neighbours or a (K, K) table; got {mask!r}.")
        everything = mask == "all" or neighbours is None
        return all_pairs(points.n_tasks) if everything else nearest_pairs(points, neighbours or NEIGHBOURS)
    if isinstance(mask, Integral) and not isinstance(mask, bool):
        if mask < 1:
            raise InputError(f"mask as a number of neighbours must be at least 1; got {mask}.")
        return nearest_pairs(points, int(mask))
    return given_pairs(mask, points.n_tasks)


def _alpha(shrinkage: str | float, n_coordinates: int | None) -> float:
    if isinstance(shrinkage, str):
        if shrinkage != "auto":
            raise InputError(f"shrinkage must be 'auto' or a number from 0 to 1; got {shrinkage!r}.")
        if n_coordinates is None:
            raise InputError(
                "shrinkage='auto' needs to know how many coordinates the distances are means of: give "
                "n_coordinates, or a number as shrinkage."
            )
        if n_coordinates < 1:
            raise InputError(f"n_coordinates must be at least 1; got {n_coordinates!r}.")
        return default_shrinkage(n_coordinates)
    if not (isinstance(shrinkage, Real) and 0.0 <= float(shrinkage) <= 1.0):
        raise InputError(f"shrinkage must be 'auto' or a number from 0 to 1; got {shrinkage!r}.")
    return float(shrinkage)


def default_shrinkage(n_coordinates: int) -> float:
    """``5 / (5 + M)``."""
    return PRIOR_COORDINATES / (PRIOR_COORDINATES + n_coordinates)


def _start(problem: Likelihood, points: Points, *, everywhere: bool) -> Weights:
    """Weights ``1 / r`` on the nearest pairs (on all where steps cannot leave zero)."""
    weights = 1.0 / problem.distances
    if not everywhere and len(problem.first) > 2 * _START * problem.n_tasks:
        near = nearest_pairs(points, _START)
        code = problem.first * problem.n_tasks + problem.second
        weights[~np.isin(code, near[0] * problem.n_tasks + near[1])] = 0.0
        if problem.at(Weights(weights)) is None:  # the mask lacks what would connect them
            weights = 1.0 / problem.distances
    return Weights(weights)


def _judged(problem: Likelihood, weights: Weights, n_iter: int = 1) -> Minimum:
    """Value and residual of weights that were not found by descent."""
    found = problem.at(weights)
    if found is None:
        return Minimum(weights, np.inf, np.inf, n_iter, True)
    worst = float(problem.residual(weights, found.resistances, found.spread).max(initial=0.0))
    return Minimum(weights, found.value, worst, n_iter, True)
