r"""Any coupling between the tasks, by EM: which tasks resemble which, and which resemble none.

.. math:: w_{\cdot j} \sim N(0, \sigma^2 k), \qquad
          k \leftarrow \frac1d \sum_j \Bigl( \frac{w_{\cdot j} w_{\cdot j}^\top}{\sigma^2} + R_j \Bigr), \quad k = K/p,

with w the posterior means of the coefficients of feature j in all tasks, R their posterior covariance in units of the
noise, and :math:`\sigma^2` that of restricted maximum likelihood. Of the way to its maximum EM goes the share
:math:`r_t r_s` in a turn, r being how much of a task's variance its rows tell, :math:`1 - R_{tt} / k_{tt}`; steps are
stretched by its inverse. The first turn, from a common mean, needs no more than the fit at hand: it says whether pairs
of tasks differ at all. The end is shrunken towards a common mean, as far as its differences are those of chance.
"""

import numpy as np
from scipy.stats import chi2

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.linear.arrow import Arrow
from kinfolk.linear.evidence import square_root
from kinfolk.linear.minimum import quadratic
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import AnyCoupling
from kinfolk.tasks import NOISE_FLOOR

_TURNS = 6
_SETTLED = 0.03
_LEAST_TOLD = 0.2  # bounds the stretch of a step
_LEVEL = 0.01  # of the score test; chance alone passes it three times as often


def coupling_by_em(
    rows: Rows, y: FloatArray, start: FloatArray, found: Solution, freedom: float
) -> tuple[FloatArray | None, int]:
    """Learn the coupling.

    Parameters
    ----------
    rows : Rows
        Centred.
    y : (n,) array
    start : (T, T) array
        Of a common mean.
    found : Solution
        The fit at ``start``.
    freedom : float
        Rows less tasks.

    Returns
    -------
    k : (T, T) array or None
        Shrunken (`shrunken`); None where no pairs of tasks are more alike than others by more than chance.
    n_fits : int
        Further fits that it took.
    """
    if pairs_differ(rows, found, max(2.0 * found.value / freedom, NOISE_FLOOR)) > _LEVEL:
        return None, 0
    d = found.slopes.shape[1]
    k, _ = _turn(start, found, freedom)
    for turn in range(1, _TURNS + 1):  # noqa: B007
        last = k
        k, told = _turn(k, quadratic(rows, y, AnyCoupling(k)), freedom)
        if float(np.abs(k - last).max() / np.abs(k).max()) < _SETTLED:
            break
    return shrunken(k, told, d), turn


def _turn(k: FloatArray, found: Solution, freedom: float) -> tuple[FloatArray, FloatArray]:
    """A stretched step of EM, and r."""
    d = found.slopes.shape[1]
    noise = max(2.0 * found.value / freedom, NOISE_FLOOR)
    unknown = found.system.between() / d
    there = found.slopes @ found.slopes.T / (noise * d) + unknown
    told = np.clip(1.0 - np.diagonal(unknown) / np.maximum(np.diagonal(k), 1e-300), 1e-3, 1.0)
    reached = np.maximum(told, _LEAST_TOLD)
    stretched = k + (there - k) / np.outer(reached, reached)
    values, vectors = np.linalg.eigh(0.5 * (stretched + stretched.T))
    floor = 1e-3 * float(np.trace(there)) / len(k)
    return (vectors * np.maximum(values, floor)) @ vectors.T, told


def pairs_differ(rows: Rows, found: Solution, noise: float) -> float:
    r"""p-value of the score test that all pairs of tasks are equally alike, at the fit of a common mean.

    With :math:`P = V^{-1}` less what the intercepts take, the score of :math:`k_{ts}` is
    :math:`y^\top P X_t X_s^\top P y / \sigma^2 - \operatorname{tr} X_s^\top P X_t` and its variance
    :math:`\operatorname{tr} X_t^\top P X_t X_s^\top P X_s`, to the squares of what two tasks share.
    """
    system, gram = found.system, rows.own_gram
    assert isinstance(system, Arrow)
    pulls = rows.pull(rows.weights * found.dual)
    shared = gram @ system.keeps @ square_root(system.mean_covariance)
    own = (gram @ system.keeps - shared @ shared.transpose(0, 2, 1)).reshape(rows.n_tasks, -1)
    along = shared.reshape(rows.n_tasks, -1)
    pairs = np.triu_indices(rows.n_tasks, 1)
    scores, variances = (pulls @ pulls.T / noise + along @ along.T)[pairs], (own @ own.T)[pairs]
    heard = variances > 0
    if heard.sum() < 2:
        return 1.0
    scores, variances = scores[heard], variances[heard]
    scores = scores - (scores / variances).sum() / (1.0 / variances).sum()
    return float(chi2.sf(float((scores**2 / variances).sum()), len(scores) - 1))


def _correlations(k: FloatArray, told: FloatArray, d: int) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Correlations (T, T), sampling variances of those of pairs, and the pairs' places (T, T)."""
    level = np.diagonal(k)
    pairs: BoolArray = np.triu(np.ones(k.shape, dtype=bool), 1)
    return k / np.sqrt(np.outer(level, level)), (1.0 / (d * np.outer(told, told)))[pairs], pairs


def shrunken(k: FloatArray, told: FloatArray, d: int) -> FloatArray:
    r"""James and Stein's shrinkage: of the levels to their mean, and of the correlations to theirs.

    A correlation of two tasks over d coefficients has sampling variance :math:`1 / (d r_t r_s)`, a level
    :math:`2 k^2 / (d r_t^2)`, with r (T,) the share of a task's variance that its rows tell (``told``).

    Returns
    -------
    (T, T) array
    """
    correlation, variances, pairs = _correlations(k, told, d)
    middle, level = float(correlation[pairs].mean()), np.diagonal(k)
    kept = _kept(correlation[pairs] - middle, variances)
    typical = float(level.mean())
    levels = typical + _kept(level - typical, 2.0 * typical**2 / (d * told**2)) * (level - typical)
    closer = middle + kept * (correlation - middle)
    closer[np.diag_indices(len(k))] = 1.0
    shrunk: FloatArray = closer * np.sqrt(np.outer(levels, levels))
    return shrunk


def _kept(differences: FloatArray, variances: FloatArray) -> float:
    """Share of differences about a mean that is more than their sampling variances."""
    freedom = 1.0 - 1.0 / len(differences)
    total = float((differences**2).sum())
    return max(0.0, 1.0 - freedom * float(variances.sum()) / total) if total > 0.0 else 0.0
