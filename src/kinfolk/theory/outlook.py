r"""What sharing will bring to tasks of different sizes: each alone, all pooled, coupled at its best.

With the best penalty the excess error of task t, for exchangeable tasks of :math:`\alpha_t = n_t / p` rows a feature,
is

.. math:: \varepsilon_t = [ ( G^{-1} + \operatorname{diag} (\alpha_s / (D + \varepsilon_s)) )^{-1} ]_{tt}, \qquad
          G = \tau^2 [(1 - \rho) I + \rho 1 1^\top],

a fixed point that costs O(T) a step, since G and its inverse are diagonal beside a constant. For a task alone G is
:math:`\tau^2`. All pooled: the deviations of tasks act as noise, for as many rows as there are in all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.estimate import Estimate

_TURNS = 2000
_SETTLED = 1e-9
_MOST = 1e5  # rows or tasks, as multiples of those at hand, that are looked at


@dataclass(frozen=True, eq=False)
class Outlook:
    """Predicted squared errors of new rows, in units of y squared, as means over the rows at hand.

    Attributes
    ----------
    alone, pooled, coupled : float
        With the best ridge of each.
    gain : float
        ``1 - coupled / alone``.
    intervals : (2, 4) array
        90% intervals of the four, from the uncertainty of noise, signal and similarity.
    per_task : (T,) array
        Predicted gain of each task, in the order of its label.
    lam, c : float
        The best penalty, ``noise / signal`` and the similarity.
    verdict : str
        In words.
    """

    alone: float
    pooled: float
    coupled: float
    gain: float
    intervals: FloatArray
    per_task: FloatArray
    lam: float
    c: float
    verdict: str


def outlook(estimate: Estimate) -> Outlook:
    """Predict what sharing brings.

    Examples
    --------
    >>> from kinfolk.theory import estimate_problem
    >>> generator = np.random.default_rng(0)
    >>> task = np.repeat(np.arange(20), 30)
    >>> W = np.sqrt(0.5 / 30) * (generator.normal(size=30) + generator.normal(size=(20, 30)))
    >>> X = generator.normal(size=(600, 30))
    >>> y = (X * W[task]).sum(axis=1) + 0.5 * generator.normal(size=600)
    >>> found = outlook(estimate_problem(X, y, task))
    >>> bool(0.1 < found.gain < 0.6), found.verdict.split(":")[0]
    (True, 'Couple the tasks')
    """
    alpha = estimate.problem.alpha
    point = np.array([estimate.noise, estimate.signal, estimate.similarity])
    alone, coupled = excess_alone(alpha, *point), excess_coupled(alpha, *point)
    means = _means(alpha, *point)
    drawn = np.array([_means(alpha, *draw) for draw in estimate.draws])
    intervals = np.percentile(drawn, [5.0, 95.0], axis=0)
    per_task = 1.0 - (estimate.noise + coupled) / (estimate.noise + alone)
    verdict = _verdict(means, intervals)
    lam = estimate.noise / estimate.signal
    return Outlook(*means, intervals, per_task, lam, estimate.similarity, verdict)


def _means(alpha: FloatArray, noise: float, signal: float, similarity: float) -> tuple[float, float, float, float]:
    alone = noise + float(np.average(excess_alone(alpha, noise, signal, similarity), weights=alpha))
    coupled = noise + float(np.average(excess_coupled(alpha, noise, signal, similarity), weights=alpha))
    return alone, error_pooled(alpha, noise, signal, similarity), coupled, 1.0 - coupled / alone


def excess_alone(alpha: FloatArray, noise: float, signal: float, similarity: float = 0.0) -> FloatArray:
    """Excess error of each task fitted alone; the positive root of a quadratic equation."""
    b = noise + (alpha - 1.0) * signal
    root: FloatArray = 0.5 * (np.sqrt(b * b + 4.0 * noise * signal) - b)
    return root


def error_pooled(alpha: FloatArray, noise: float, signal: float, similarity: float) -> float:
    """Error of one model for all tasks."""
    heard = noise + (1.0 - similarity) * signal
    shared = max(similarity * signal, 1e-300)
    return heard + float(excess_alone(np.array(alpha.sum()), heard, shared))


def excess_coupled(
    alpha: FloatArray, noise: float, signal: float, similarity: float, copies: float = 1.0
) -> FloatArray:
    """Excess error of each task at the best coupling, where there are ``copies`` times as many tasks of every size.

    Raises
    ------
    ArithmeticError
        The fixed point was not reached.
    """
    own = max((1.0 - similarity) * signal, 1e-12 * signal)
    shared = similarity * signal
    c = shared / (own * (own + copies * len(alpha) * shared))
    excess, moved = excess_alone(alpha, noise, signal), np.inf
    for _ in range(_TURNS):
        m = 1.0 / (1.0 / own + alpha / (noise + excess))
        after = m + c * m * m / (1.0 - c * copies * float(m.sum()))
        moved = float(np.abs(after - excess).max())
        excess = after
        if moved <= _SETTLED * signal:
            return excess
    raise ArithmeticError(f"The predicted error of coupled tasks did not settle (last change {moved:.2g}).")


def _verdict(means: tuple[float, float, float, float], intervals: FloatArray) -> str:
    alone, pooled, _, gain = means
    if gain < 0.01:
        return (
            f"Independent fits are enough: coupling is predicted to save {max(gain, 0.0):.1%}; a task's own rows say "
            "nearly all there is."
        )
    best = f"Couple the tasks: predicted to save {gain:.0%} ({intervals[0, 3]:.0%} to {intervals[1, 3]:.0%})"
    if pooled > alone:
        return f"{best}; one pooled model would be {pooled / alone - 1.0:.0%} worse than one each (negative transfer)."
    return f"{best}; one pooled model alone saves {1.0 - pooled / alone:.0%}."


def rows_for(estimate: Estimate, target: float) -> float:
    """Factor by which the rows of every task are to grow for this mean error; infinite below the noise.

    Raises
    ------
    InputError
        ``target`` is not larger than zero.
    """
    return _factor(estimate, target, rows=True)


def tasks_for(estimate: Estimate, target: float) -> float:
    """Factor by which the number of tasks (of the same sizes) is to grow; infinite below what any number leaves."""
    return _factor(estimate, target, rows=False)


def floor_of_tasks(estimate: Estimate) -> float:
    """Mean error with any number of such tasks: what they share is known, what is a task's own is not."""
    alpha, own = estimate.problem.alpha, (1.0 - estimate.similarity) * estimate.signal
    left = excess_alone(alpha, estimate.noise, max(own, 1e-300))
    return estimate.noise + float(np.average(left, weights=alpha))


def _factor(estimate: Estimate, target: float, *, rows: bool) -> float:
    if not 0.0 < target < np.inf:
        raise InputError(
            f"The wanted error has to be larger than zero, in units of the target squared; got {target!r}."
        )
    point = (estimate.noise, estimate.signal, estimate.similarity)
    alpha = estimate.problem.alpha
    if target <= (estimate.noise if rows else floor_of_tasks(estimate)):
        return float("inf")

    def missing(log_factor: float) -> float:
        factor = float(np.exp(log_factor))
        if rows:
            return _means(factor * alpha, *point)[2] - target
        return estimate.noise + float(np.average(excess_coupled(alpha, *point, copies=factor), weights=alpha)) - target

    low, high = np.log(1e-3), np.log(_MOST)
    if missing(low) <= 0.0:
        return float(np.exp(low))
    if missing(high) > 0.0:
        return float("inf")
    return float(np.exp(brentq(missing, low, high, xtol=1e-8)))
