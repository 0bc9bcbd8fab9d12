r"""Any coupling between the tasks, by EM: which tasks resemble which, and which resemble none.

.. math:: w_{\cdot j} \sim N(0, \sigma^2 k), \qquad
          k \leftarrow \frac1d \sum_j \Big( \frac{w_{\cdot j} w_{\cdot j}^\top}{\sigma^2} + R_j \Big), \qquad k = K / p,

with w the posterior means of the coefficients of feature j in all tasks, R their posterior covariance in units of the
noise, and :math:`\sigma^2` that of restricted maximum likelihood. It starts from a common mean, and stays positive
semi-definite. Afterwards it is shrunken towards a common mean, as far as its differences are those of chance.
"""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.linear.coupled import Coupled
from kinfolk.linear.minimum import quadratic
from kinfolk.linear.rows import Rows
from kinfolk.linear.strengths import AnyCoupling
from kinfolk.tasks import NOISE_FLOOR

_TURNS = 40
_SETTLED = 0.01


def coupling_by_em(rows: Rows, y: FloatArray, start: FloatArray, freedom: float) -> tuple[FloatArray, int, bool]:
    """Learn the coupling.

    Parameters
    ----------
    rows : Rows
        Centred.
    y : (n,) array
    start : (T, T) array
        Of a common mean.
    freedom : float
        Rows less tasks.

    Returns
    -------
    k : (T, T) array
        Shrunken (`shrunken`).
    turns : int
    differs : bool
        Whether some pairs of tasks are more alike than others by more than chance.
    """
    k = start
    for turn in range(1, _TURNS + 1):  # noqa: B007
        found = quadratic(rows, y, AnyCoupling(k))
        assert isinstance(found.system, Coupled)
        noise = max(2.0 * found.value / freedom, NOISE_FLOOR)
        d = found.slopes.shape[1]
        unknown = found.system.between() / d
        there = found.slopes @ found.slopes.T / (noise * d) + unknown
        change = float(np.abs(there - k).max() / np.abs(there).max())
        k = 0.5 * (there + there.T)
        if change < _SETTLED:
            break
    told = np.clip(1.0 - np.diagonal(unknown) / np.diagonal(k), 1e-3, 1.0)
    k, kept = shrunken(k, told, d)
    return k, turn, kept > 0.0


def shrunken(k: FloatArray, told: FloatArray, d: int) -> tuple[FloatArray, float]:
    r"""James and Stein's shrinkage: of the levels to their mean, and of the correlations to theirs.

    A correlation of two tasks over d coefficients has sampling variance :math:`1 / (d r_t r_s)`, a level
    :math:`2 k^2 / (d r_t^2)`, with r (T,) the share of a task's variance that its rows tell (``told``).

    Returns
    -------
    k : (T, T) array
    kept : float
        Share of the differences between correlations that is kept; 0: all pairs are taken as equally alike.
    """
    level = np.diagonal(k)
    correlation = k / np.sqrt(np.outer(level, level))
    pairs = np.triu_indices(len(k), 1)
    middle = float(correlation[pairs].mean())
    kept = _kept(correlation[pairs] - middle, (1.0 / (d * np.outer(told, told)))[pairs])
    typical = float(level.mean())
    levels = typical + _kept(level - typical, 2.0 * typical**2 / (d * told**2)) * (level - typical)
    closer = middle + kept * (correlation - middle)
    closer[np.diag_indices(len(k))] = 1.0
    return closer * np.sqrt(np.outer(levels, levels)), kept


def _kept(differences: FloatArray, variances: FloatArray) -> float:
    """Share of differences about a mean that is more than their sampling variances."""
    freedom = 1.0 - 1.0 / len(differences)
    total = float((differences**2).sum())
    return max(0.0, 1.0 - freedom * float(variances.sum()) / total) if total > 0.0 else 0.0
