r"""The models that tasks serve: what they learn alone, leaning on their neighbours.

With own iterates :math:`w_k`, errors of variance :math:`s_k` and a graph a, the served models are those of the filter

.. math:: X = (I + \operatorname{diag}(s) L)^{-1} W ,

the posterior means given the iterates. One step of Jacobi a round comes to it,

.. math:: x_k \leftarrow \frac{w_k + s_k \sum_l a_{kl} x_l}{1 + s_k \sum_l a_{kl}} :

a contraction in the largest norm by the factor :math:`\max_k s_k d_k / (1 + s_k d_k) < 1`, so that it converges
whatever messages are lost or late, and whatever the scale of L. Differences longer than a cap count as long as it.

Diffusion (arXiv 2608.26989, algorithm 1) adapts the served models themselves and combines,

.. math:: \psi_k = x_k - \mu_k e_k u_k, \qquad x_k = \psi_k - \mu_k \eta \sum_l L_{kl} \psi_l .
"""

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu

from kinfolk._typing import FloatArray, IntArray

CAP = 5.0  # times the median difference between neighbours
_STIFF = 0.9  # of mu eta lambda_max, from which on the implicit step is taken
_GRID = 240


def lean(
    own: FloatArray,
    noise: FloatArray,
    served: FloatArray,
    differences: FloatArray,
    weights: FloatArray,
    bounds: IntArray,
    cap: FloatArray | float = np.inf,
) -> FloatArray:
    """One Jacobi step of some tasks.

    Parameters
    ----------
    own, served : (m, M) arrays
    noise : (m,) array
    differences : (E, M) array
        ``x_l - x_k`` for the neighbours l of task 0, then of task 1, ...
    weights : (E,) array
    bounds : (m + 1,) integers
        Where the neighbours of each task begin.
    cap : (E,) array or float
        Longest difference that counts.

    Returns
    -------
    (m, M) array
        The new served models.
    """
    length = np.sqrt((differences**2).sum(axis=1))
    share = np.minimum(1.0, np.divide(cap, length, out=np.full(len(length), np.inf), where=length > 0.0))
    edges = np.arange(len(weights))
    pull = csr_array((weights * share, edges, bounds), shape=(len(own), len(weights))) @ differences
    degree = csr_array((weights, edges, bounds), shape=(len(own), len(weights))).sum(axis=1)
    moved: FloatArray = served + (own - served + noise[:, None] * pull) / (1.0 + noise * degree)[:, None]
    return moved


def track(
    own: FloatArray, noise: FloatArray, served: FloatArray, adjacency: csr_array, tasks: IntArray | slice
) -> FloatArray:
    """The step of `lean` for some tasks of a graph ``(K, K)``, with a cap at five times the median difference."""
    part = adjacency if isinstance(tasks, slice) else adjacency[tasks]
    place = np.arange(len(own))[tasks]
    owner = np.repeat(place, np.diff(part.indptr))
    differences = served[part.indices] - served[owner]
    cap = CAP * float(np.median(np.sqrt((differences**2).sum(axis=1)))) if len(differences) else np.inf
    return lean(
        own[tasks], noise[tasks], served[tasks], differences, part.data, part.indptr, cap if cap > 0.0 else np.inf
    )


def filtered(own: FloatArray, noise: FloatArray, laplacian: csr_array) -> FloatArray:
    """Where the steps of `track` go to without a cap, ``(I + diag(s) L)^-1 W``."""
    system = eye_array(len(own)) + laplacian.multiply(noise[:, None])
    exact: FloatArray = splu(system.tocsc()).solve(own)
    return exact


def combine(psi: FloatArray, pace: FloatArray, strength: float, laplacian: csr_array) -> FloatArray:
    """The combination step of diffusion; implicit, ``(I + mu eta L)^-1 psi``, where the explicit one is not stable."""
    rate = strength * pace
    stiff = float((rate * laplacian.diagonal()).max(initial=0.0)) * 2.0 > _STIFF  # lambda_max <= 2 max degree
    if not stiff:
        moved: FloatArray = psi - rate[:, None] * (laplacian @ psi)
        return moved
    return filtered(psi, rate, laplacian)


def diffusion_strength(laplacian: csr_array, noise: float, curvature: float) -> float:
    r"""The strength :math:`\eta` of diffusion with the smallest mean squared deviation.

    .. math:: \min_\eta \sum_{\lambda > 0} \Bigl( \frac{q}{1 + q} \Bigr)^2 \frac1\lambda + \frac{s}{1 + q}, \qquad
              q = \frac{\eta \lambda}{h} ,

    over 240 points of a logarithmic grid: bias and variance of the modes of L, for the noise s of a lone task and the
    mean curvature h of its loss.
    """
    values = np.linalg.eigvalsh(laplacian.toarray())
    values = values[values > 1e-10 * values.max(initial=0.0)]
    if not len(values):
        return 0.0
    reach = np.log(curvature / np.array([values.max(), values.min()]))
    grid = np.exp(np.linspace(reach[0] - 9.0, reach[1] + 9.0, _GRID))
    q = grid[:, None] * values / curvature
    total = ((q / (1.0 + q)) ** 2 / values + noise / (1.0 + q)).sum(axis=1)
    return float(grid[int(total.argmin())])


def metropolis(adjacency: csr_array) -> csr_array:
    r"""Averaging weights of a graph, :math:`1 / (1 + \max(n_k, n_l))`, with rows and columns that sum to one."""
    degree = np.diff(adjacency.indptr)
    table = adjacency.tocoo()
    i, j = table.coords
    weights = 1.0 / (1.0 + np.maximum(degree[i], degree[j]))
    off = csr_array((weights, (i, j)), shape=adjacency.shape)
    rest = 1.0 - np.asarray(off.sum(axis=1)).ravel()
    diagonal = csr_array((rest, (np.arange(len(rest)), np.arange(len(rest)))), shape=adjacency.shape)
    return csr_array(off + diagonal)
