r"""Laplacians with self-loops from covariances of neighbourhoods: the published marginal estimator.

For :math:`w \sim N(0, L^{-1})` with :math:`L = D - A + V` positive definite, let :math:`N_k` be task k and the tasks
that it is joined to, k first. The first row of the inverse of their covariance is row k of L (Schur complement: every
task outside :math:`N_k` is independent of k given them). With an estimated covariance S,

.. math:: L'_{k, N_k} = e_1^\top \big( S_{N_k, N_k} \big)^{-1}, \qquad \hat L = \tfrac12 (L' + L'^\top) .

Algorithm 1 of arXiv 2608.26989; agents need only what their neighbours know. kinfolk's own estimates have no self-loops
(`kinfolk.graph.laplacian`): the common mean of tasks is not shrunken, and signs are kept.
"""

import numpy as np

from kinfolk._typing import BoolArray, FloatArray


def marginal_laplacian(covariance: FloatArray, joined: BoolArray) -> FloatArray:
    """Estimate L from covariances of tasks whose neighbours are known.

    Parameters
    ----------
    covariance : (..., K, K) array
        S: mean products ``W W' / M`` of the coefficients of tasks; one, or several at once.
    joined : (K, K) boolean array
        Symmetric: which tasks are neighbours. The diagonal is not read.

    Returns
    -------
    (..., K, K) array
        Symmetric, zero outside of ``joined`` and the diagonal; neither signs nor definiteness are imposed.

    Raises
    ------
    numpy.linalg.LinAlgError
        A neighbourhood's covariance is singular: fewer coordinates than a task and its neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[2.0, -1.0, 0.0], [-1.0, 3.0, -1.0], [0.0, -1.0, 2.0]])
    >>> bool(np.allclose(marginal_laplacian(np.linalg.inv(L), L != 0.0), L))
    True
    """
    K = len(joined)
    own = np.eye(K, dtype=bool)
    counts = 1 + (joined & ~own).sum(axis=1)
    members = np.argsort(np.where(own, 0, np.where(joined, 1, 2)), axis=1, kind="stable")[:, : counts.max(initial=1)]
    width = members.shape[1]
    there = np.arange(width) < counts[:, None]
    both = there[:, :, None] & there[:, None, :]
    local = np.where(both, covariance[..., members[:, :, None], members[:, None, :]], np.eye(width))
    first = np.linalg.solve(local, np.eye(width)[:, :1])[..., 0]
    rows = np.zeros(covariance.shape)
    rows[..., np.arange(K)[:, None], members] = np.where(there, first, 0.0)
    symmetric: FloatArray = 0.5 * (rows + np.swapaxes(rows, -1, -2))
    return symmetric
