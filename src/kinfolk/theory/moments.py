r"""Inner products of tasks from products of rows: unbiased, without a model of the coefficients.

With whitened rows :math:`c_t = \frac 1{n_t - 1} \sum_i (x_{ti} - \bar x_t) (y_{ti} - \bar y_t)` has the mean
:math:`w_t`, so that for two tasks :math:`c_s^\top c_t` has the mean :math:`G_{st} = w_s^\top w_t`. Of one task the
terms of a row with itself are taken out; with centred rows, the U-statistic of :math:`|\operatorname{Cov}(x, y)|^2` is

.. math:: \hat G_{tt} = \frac 1{n (n - 3)} \Bigl[ \big|\sum_i x_i y_i\big|^2 - \frac n{n - 2} \sum_i |x_i|^2 y_i^2
          + \frac{\sum_i |x_i|^2 \sum_i y_i^2}{(n - 1)(n - 2)} \Bigr], \qquad
          \hat D_t = \frac{\sum_i y_i^2}{n - 1} - \hat G_{tt} .

Standard errors are those of Gaussian rows, at the estimates.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.theory.table import Table
from kinfolk.theory.whitening import Rows, whiten, within

_ROWS = 4  # that the U-statistic of a task takes


@dataclass(frozen=True, eq=False)
class Moments:
    """Method-of-moments estimates; of tasks with fewer than four rows `noise` and the diagonal are NaN.

    For labels -1, +1 the products are :math:`c_s c_t G_{st}`, c the slopes of labels on scores, and cosines are free
    of c.

    Attributes
    ----------
    gram, gram_se : (T, T) arrays
        G, unbiased (it need not be positive semidefinite), and standard errors.
    noise, noise_se : (T,) arrays
        D, unbiased (it may be negative), and standard errors.
    level, level_se : float
        Mean of the diagonal, tasks weighted by ``(n / (n + p))^2``.
    similarity, similarity_se : float
        Mean of the other entries, so weighted, over that; NaN where the level is not positive.
    """

    gram: FloatArray
    gram_se: FloatArray
    noise: FloatArray
    noise_se: FloatArray
    level: float
    level_se: float
    similarity: float
    similarity_se: float


def estimate_moments(
    X: FloatArray, y: LabelArray, task: object, *, link: str = "auto", whitened: bool = False
) -> Moments:
    """Estimate inner products of tasks by the method of moments.

    Parameters
    ----------
    X : (n, d) array
        Features, without the task.
    y : (n,) array
        Measured values, or two classes of any kind.
    task : (n,) array of labels
    link : {"auto", "linear", "logistic", "sign"}, default="auto"
        As in `estimate_problem`; y is taken as it is, or as labels -1, +1.
    whitened : bool, default=False
        Whether features have the covariance I already; else they are whitened by their covariance within tasks.

    Returns
    -------
    Moments

    Raises
    ------
    InputError
        As `estimate_problem`.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> X, task = generator.normal(size=(900, 10)), np.repeat([0, 1, 2], 300)
    >>> y = X[:, 0] + np.where(task == 2, -0.5, 1.0) * X[:, 1] + 0.5 * generator.normal(size=900)
    >>> found = estimate_moments(X, y, task, whitened=True)
    >>> truth = np.array([[2.0, 2.0, 0.5], [2.0, 2.0, 0.5], [0.5, 0.5, 1.25]])
    >>> bool((np.abs(found.gram - truth) < 3 * found.gram_se).all())
    True
    """
    table = Table.of(X, y, task, link)
    if not whitened:
        return moments_of(whiten(table)[0])
    centred = within(np.column_stack((table.X, table.y)), table.codes, table.counts)
    return moments_of(
        Rows(
            centred[:, :-1],
            centred[:, -1],
            table.codes,
            table.counts,
            np.eye(table.X.shape[1]),
            np.ones(table.X.shape[1]),
        )
    )


def moments_of(rows: Rows) -> Moments:
    """Moments of whitened rows."""
    p, n = rows.X.shape[1], rows.counts.astype(float)
    order, bounds = rows.order
    X, y = rows.X[order], rows.y[order]
    squares = (X**2).sum(axis=1)
    sums = np.add.reduceat(X * y[:, None], bounds[:-1], axis=0)
    y2, x2, both = (np.add.reduceat(each, bounds[:-1]) for each in (y * y, squares, squares * y * y))
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = sums / (n - 1.0)[:, None]
        own = ((sums**2).sum(axis=1) - n / (n - 2) * both + x2 * y2 / ((n - 1) * (n - 2))) / (n * (n - 3))
        variance = y2 / (n - 1.0)
    gram = slopes @ slopes.T
    np.fill_diagonal(gram, np.where(n < _ROWS, np.nan, own))
    return _with_errors(gram, variance, n - 1.0, p)


def _with_errors(gram: FloatArray, variance: FloatArray, m: FloatArray, p: int) -> Moments:
    r"""Standard errors from the covariances of slopes, :math:`C_t = (Y_t I + w_t w_t^\top) / m_t`, Y the variance of y.

    Of two tasks :math:`\operatorname{var} = w_s^\top C_t w_s + w_t^\top C_s w_t + \operatorname{tr} C_s C_t`, of one
    :math:`4 w^\top C w + 2 \operatorname{tr} C^2`.
    """
    own = np.diag(gram)
    usable = np.isfinite(own)
    weights = np.where(usable, (m + 1.0) / (m + 1.0 + p), 0.0)
    pairs = np.outer(weights, weights) - np.diag(weights**2)
    known = bool(usable.any()) and bool(pairs.any())
    level = float(np.average(own[usable], weights=weights[usable] ** 2)) if known else np.nan
    beside = float(np.average(gram[pairs > 0], weights=pairs[pairs > 0])) if known else np.nan
    rho = beside / level if level > 0.0 else np.nan

    tau2 = np.maximum(np.nan_to_num(own), 0.0)
    first, second = _spreads(np.where(np.eye(len(m), dtype=bool), tau2, gram), tau2, variance, m, p)
    gram_se = np.sqrt(first + first.T + second)
    np.fill_diagonal(gram_se, np.sqrt(4.0 * np.diag(first) + 2.0 * np.diag(second)))
    noise_se = np.sqrt(np.maximum(np.diag(gram_se) ** 2 + (2.0 * variance - 8.0 * tau2) * variance / m, 0.0))
    level_se, rho_se = _summary_errors(level, rho, weights, variance, m, p) if level > 0.0 else (np.nan, np.nan)
    return Moments(gram, gram_se, variance - own, noise_se, level, level_se, rho, rho_se)


def _spreads(gram: FloatArray, tau2: FloatArray, Y: FloatArray, m: FloatArray, p: int) -> tuple[FloatArray, FloatArray]:
    """``w_s' C_t w_s`` at ``[t, s]``, and ``tr C_s C_t``."""
    first = (np.outer(Y, tau2) + gram**2) / m[:, None]
    mixed = np.outer(Y, tau2)
    return first, (p * np.outer(Y, Y) + mixed + mixed.T + gram**2) / np.outer(m, m)


def _summary_errors(
    level: float, rho: float, weights: FloatArray, variance: FloatArray, m: FloatArray, p: int
) -> tuple[float, float]:
    """Standard errors of the level and, by the delta method, of the similarity; for equally alike tasks."""
    used = weights > 0.0
    a, Y, m = weights[used], variance[used], m[used]
    similarity = min(max(rho, 0.0), 1.0)
    gram = level * (similarity + (1.0 - similarity) * np.eye(len(a)))
    first, second = _spreads(gram, np.diag(gram), Y, m, p)
    pairs = np.outer(a, a) - np.diag(a**2)
    A, B = pairs.sum(), (a**2).sum()
    others = a.sum() - a
    seen = level * similarity * others  # u'w of u the sum of the others
    length = level * ((1.0 - similarity) * (B - a**2) + similarity * others**2)
    beside_var = 4.0 * ((a**2) * (Y * length + seen**2) / m).sum() + 2.0 * (pairs**2 * second).sum()
    level_var = (a**4 * (4.0 * np.diag(first) + 2.0 * np.diag(second))).sum() / B**2
    both = 4.0 * (a**3 * seen * (Y + level) / m).sum() / (A * B)
    rho_var = (beside_var / A**2 - 2.0 * rho * both + rho**2 * level_var) / level**2
    return float(np.sqrt(level_var)), float(np.sqrt(max(rho_var, 0.0)))
