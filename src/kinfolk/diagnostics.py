"""What fitted models say about their tasks: how far they were shrunken, and how many directions they differ in."""

import numpy as np

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
