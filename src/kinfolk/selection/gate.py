r"""Which tasks leave their independent fit: gains on held-out rows, shrunk to what tasks gain in general.

Task t has a mean gain :math:`\hat g_t` over its held-out rows with standard error :math:`s_t`. True gains fall with
rows as the error of an independent fit does, :math:`u_t = \bar n / n_t`:

.. math:: \hat g_t \sim N(g_t, s_t^2), \qquad g_t \sim N(m u_t, v u_t^2) .

A random-effects meta-analysis (DerSimonian and Laird 1986; Morris 1983), by medians, for gains have heavy tails: m is
the median of :math:`\hat g_t / u_t` weighted by :math:`(s_t^2 / u_t^2 + v)^{-1}`, v the least for which the median of
the squared standardised deviations is that of a chi-square. A task leaves its independent fit when the posterior mean
of its gain exceeds ``safe`` posterior standard deviations: where all gain, a task of few rows does so on the word of
the others; where none does, chance takes no task away.

A task whose own rows weigh less than a third in that posterior cannot speak for itself. Where its posterior mean is not
against it, it leaves also if the mean gain of all held-out rows exceeds ``safe`` of its standard errors, clustered by
task (Liang and Zeger 1986): gains are skewed, and medians over a few small tasks miss what these gain on average. A
gain below 2% of the loss is not worth leaving for.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.metrics import clustered_error
from kinfolk.tasks import sum_by_task

_PSEUDO = 50.0  # rows at the common variance, in a task's variance of gains
_SPREADS = np.concatenate(([0.0], np.geomspace(1e-4, 30.0, 80)))  # of v, in units of the median squared error
_WORTH = 0.02
_SILENT = 1.0 / 3.0  # weight of its own rows, below which a task cannot speak for itself
_MEDIAN = 0.4549  # of a chi-square with one degree of freedom


@dataclass(frozen=True, eq=False)
class Gains:
    """Gains of tasks over their independent fits, in units of the mean loss of these.

    Attributes
    ----------
    mean, standard_error : (T,) array
        As measured; NaN and infinite for a task without held-out rows.
    shrunk, uncertainty : (T,) array
        Posterior mean and standard deviation.
    own : (T,) array
        Weight of the task's own rows in the posterior mean.
    kin, kin_standard_error : float
        Mean gain of all held-out rows.
    """

    mean: FloatArray
    standard_error: FloatArray
    shrunk: FloatArray
    uncertainty: FloatArray
    own: FloatArray
    kin: float
    kin_standard_error: float

    def leaves(self, safe: float) -> BoolArray:
        """Which tasks leave their independent fit."""
        by_own = self.shrunk > np.maximum(safe * self.uncertainty, _WORTH)
        by_kin = self.kin > max(safe * self.kin_standard_error, _WORTH)
        return np.asarray(by_own | (by_kin & (self.own < _SILENT) & (self.shrunk > 0.0)))


def shrunken_gains(gains: FloatArray, codes: IntArray, n_rows: FloatArray, weights: FloatArray | None = None) -> Gains:
    """Mean gain of each task, shrunk.

    Parameters
    ----------
    gains : (n,) array
        Loss of the independent fit less that of the other, of each held-out observation, over the mean of the former.
    codes : (n,) array
        Its task.
    n_rows : (T,) array
        Rows of each task, held out or not.
    weights : (n,) array, optional
        Of the observations.
    """
    n_tasks = len(n_rows)
    each = np.ones(len(gains)) if weights is None else weights
    n = sum_by_task(each, codes, n_tasks)
    heard = n > 0.0
    mean = np.divide(sum_by_task(each * gains, codes, n_tasks), n, out=np.full(n_tasks, np.nan), where=heard)
    squares = sum_by_task(each * (gains - mean[codes]) ** 2, codes, n_tasks)
    freedom = np.maximum(n - 1.0, 0.0)
    typical = squares.sum() / max(float(freedom.sum()), 1.0)
    variance = (squares + _PSEUDO * typical) / (freedom + _PSEUDO)
    squared_error = np.divide(variance, n, out=np.full(n_tasks, np.inf), where=heard)
    unit = np.exp(np.log(np.maximum(n_rows, 1.0)).mean()) / np.maximum(n_rows, 1.0)
    middle, spread, doubt = _population(mean[heard], squared_error[heard], unit[heard])
    prior = spread * unit**2
    kept = np.divide(prior, prior + squared_error, out=np.zeros(n_tasks), where=heard & (prior > 0.0))
    shrunk = middle * unit + kept * np.where(heard, mean - middle * unit, 0.0)
    uncertainty = np.sqrt(prior * (1.0 - kept) + ((1.0 - kept) * unit) ** 2 * doubt)
    kin, kin_error = float(np.average(gains, weights=weights)), clustered_error(gains, codes, n_tasks, weights)
    return Gains(mean, np.sqrt(squared_error), shrunk, uncertainty, kept, kin, kin_error)


def _population(mean: FloatArray, squared_error: FloatArray, unit: FloatArray) -> tuple[float, float, float]:
    """m, v and the variance of m."""
    if not len(mean):
        return 0.0, 0.0, 0.0
    gain, error = mean / unit, np.maximum(squared_error / unit**2, 1e-300)
    spread = middle = doubt = 0.0
    for spread in _SPREADS * float(np.median(error)):
        weight = 1.0 / (error + spread)
        middle, doubt = _weighted_median(gain, weight), 0.5 * np.pi / float(weight.sum())
        if float(np.median((gain - middle) ** 2 * weight)) <= _MEDIAN:
            break
    return middle, float(spread), doubt


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
