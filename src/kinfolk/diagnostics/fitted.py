"""What fitted models say about their tasks: how far they were shrunken, how widely they differ, who helps whom."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from kinfolk._typing import FloatArray


def shrinkage(coef: FloatArray, alone: FloatArray, population: FloatArray) -> FloatArray:
    r"""How far each task was pulled from its own fit to the population.

    .. math:: s_t = 1 - \frac{(w_t - \mu)^\top (w_t^{alone} - \mu)}{\|w_t^{alone} - \mu\|^2}

    0: the coefficients are those of the task alone; 1: nothing of the task's own direction is left. Values outside
    [0, 1] occur when what is borrowed points another way.

    Parameters
    ----------
    coef, alone : (T, d) arrays
        Coefficients with and without sharing, in standardised units.
    population : (d,) array

    Returns
    -------
    (T,) array
        NaN where the task alone gives the population itself.

    Examples
    --------
    >>> import numpy as np
    >>> shrinkage(np.array([[1.0, 0.0]]), np.array([[4.0, 0.0]]), np.zeros(2)).tolist()
    [0.75]
    """
    own = alone - population
    size: FloatArray = (own**2).sum(axis=1)
    kept = ((coef - population) * own).sum(axis=1)
    share: FloatArray = np.full(len(size), np.nan)
    np.divide(kept, size, out=share, where=size > 0)
    return 1.0 - share


def singular_values(coef: FloatArray) -> FloatArray:
    """Singular values of the coefficients ``(T, d)`` about their mean, largest first, over ``sqrt(T)``.

    Examples
    --------
    >>> import numpy as np
    >>> singular_values(np.array([[1.0, 0.0], [-1.0, 0.0]])).round(12).tolist()
    [1.0, 0.0]
    """
    values: FloatArray = np.linalg.svd(coef - coef.mean(axis=0), compute_uv=False) / np.sqrt(len(coef))
    return values


def effective_rank(values: FloatArray) -> float:
    """Exponential of the entropy of the singular values (Roy and Vetterli 2007, EUSIPCO); 0 when all are zero.

    Examples
    --------
    >>> import numpy as np
    >>> round(effective_rank(np.array([2.0, 2.0, 0.0])), 6)
    2.0
    """
    total = float(values.sum())
    if not total > 0:
        return 0.0
    shares = values[values > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


@dataclass(frozen=True)
class Helpers:
    """On whose rows the estimate of each task leans, as shares that add to 1 for every task.

    Attributes
    ----------
    own : (T,) array
        Share of the task's own rows.
    others : (T, T) sparse array
        Row t: shares of the tasks that t is joined to.
    pull : (T,) array
        Share of the mean of all other tasks.
    """

    own: FloatArray
    others: csr_array
    pull: FloatArray

    @property
    def given(self) -> FloatArray:
        """What each task gives to the others over the graph, ``(T,)``: the sum of its shares in their estimates."""
        total: FloatArray = np.asarray(self.others.sum(axis=0)).ravel()
        return total

    def of(self, task: int, most: int | None = None) -> list[tuple[int, float]]:
        """Tasks that a task leans on, with their shares, the largest first."""
        row = self.others[[task]].tocoo()
        pairs = sorted(zip(row.coords[1].tolist(), row.data.tolist(), strict=True), key=lambda pair: -pair[1])
        return pairs[:most]


def helpers(adjacency: Any, pull: float, information: FloatArray) -> Helpers:
    r"""Who helps whom on a task graph: the weights that make up each task's estimate.

    With weights :math:`a_{ts}` between tasks, a pull c towards their mean, and the information
    :math:`S_t / \sigma^2` of its own rows, the posterior mean of task t, given the coefficients of the others, is the
    weighted mean

    .. math:: M_t\, w_t^{own} + (I - M_t) \frac{\sum_s a_{ts} w_s + c' \bar w_{-t}}{p_t}, \quad
              M_t = S_t (S_t + \sigma^2 p_t I)^{-1}, \quad p_t = \sum_s a_{ts} + c', \quad c' = c (1 - 1/T),

    where :math:`\bar w_{-t}` is the mean of the other tasks. Averaged over the d directions, with eigenvalues
    :math:`v_{tj}` of :math:`S_t / \sigma^2`, the weights are the shares

    .. math:: u_t = \frac1d \sum_j \frac{v_{tj}}{v_{tj} + p_t} \ \text{(own)}, \qquad
              (1 - u_t) \frac{a_{ts}}{p_t} \ \text{(task s)}, \qquad (1 - u_t) \frac{c'}{p_t} \ \text{(pull)} .

    They add to 1, and the mean of :math:`u_t` is :math:`1 / (1 + \kappa)`, with the coupling strength
    :math:`\kappa` of `TaskGraphRegressor`.

    Parameters
    ----------
    adjacency : (T, T) array or sparse array
        a: symmetric, non-negative, zero on the diagonal; in inverse squared units of the coefficients.
    pull : float
        c, in the same units.
    information : (T, d) array
        v, in the same units; zero for directions of which a task's rows say nothing.

    Returns
    -------
    Helpers
        A task that is joined to nothing, without a pull, has a share of 1 of its own.

    Examples
    --------
    >>> import numpy as np
    >>> found = helpers(np.array([[0.0, 3.0], [3.0, 0.0]]), 2.0, np.array([[4.0], [12.0]]))
    >>> found.own.tolist(), found.others.toarray()[0].tolist(), found.pull.tolist()
    ([0.5, 0.75], [0.0, 0.375], [0.125, 0.0625])
    """
    weights = csr_array(adjacency, dtype=float)
    to_mean = pull * (1.0 - 1.0 / weights.shape[0])
    total = np.asarray(weights.sum(axis=1)).ravel() + to_mean
    told = total > 0.0
    share = np.divide(information, information + total[:, None], where=told[:, None], out=np.ones(information.shape))
    own: FloatArray = share.mean(axis=1)
    each = np.divide(1.0 - own, total, out=np.zeros_like(total), where=told)
    tasks = np.arange(len(total))
    scale = csr_array((each, (tasks, tasks)), shape=weights.shape)
    return Helpers(own, csr_array(scale @ weights), each * to_mean)
