"""What sharing will bring to tasks of different sizes: each alone, all pooled, coupled at its best.

Errors are those of the best penalty of each (`kinfolk.theory.excess`), their excess over the noise corrected by what
the rows at hand promise (`kinfolk.theory.left_out`), intercepts included.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import brentq

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.coupling import best_ridge
from kinfolk.theory.estimate import Estimate
from kinfolk.theory.excess import error_pooled, errors_coupled, excess_alone, excess_coupled, smallest_errors
from kinfolk.theory.information import Teller
from kinfolk.theory.problem import Problem, equal_mass
from kinfolk.theory.risk import predict_risk

_MOST = 1e5  # rows or tasks, as multiples of those at hand, that are looked at
_SIZES = 12  # groups of tasks of about the same number of rows, in intervals
_UNLIKE, _NAMED = 0.25, 5  # share of the median similarity, names in a verdict
_UNSOLVED = "No prediction: the equations could not be solved."
_NINETY = 1.645
_LENGTHS = 3  # groups of rows, where the ridge of the logistic loss is searched


@dataclass(frozen=True, eq=False)
class Outlook:
    """Predicted errors of new rows, intercepts estimated, as means over the rows at hand; NaN where not solved.

    Attributes
    ----------
    alone, pooled, coupled : float
        With the best ridge of each.
    gain : float
        ``1 - coupled / alone``.
    intervals : (2, 4) array
        90% intervals of the four, from the uncertainty of noise, signal and similarity; those of errors also from the
        scatter of one table around the mean of all.
    per_task : (T,) array
        Predicted gain of each task, in the order of its label.
    lam, c : float
        The best penalty: ``noise / signal`` and the similarity for the squared loss; for two classes the ridge of the
        logistic loss, of a task of mean size.
    verdict : str
        In words.
    metric : {"squared error", "error rate"}
        What errors are: in units of y squared, or the share of new rows whose class is not found.
    floor : float
        Error of the true coefficients.
    converged : bool
        Whether all equations were solved.
    alikeness : (T,) array
        Mean similarity of every task with the others.
    outliers : (T,) array of bool
        Tasks whose mean similarity is less than a quarter of the median of all; none where tasks are equally alike.
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
    metric: Literal["squared error", "error rate"]
    floor: float
    converged: bool
    alikeness: FloatArray
    outliers: BoolArray


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
    >>> bool(0.1 < found.gain < 0.6), found.verdict.split(":")[0], found.metric
    (True, 'Couple the tasks', 'squared error')
    """
    problem = estimate.problem
    alone, pooled, coupled = smallest_errors(problem, estimate.corrections)
    weights = problem.alpha / problem.alpha.sum()
    means = float(weights @ alone), pooled, float(weights @ coupled)
    gain = 1.0 - means[2] / means[0]
    drawn = errors_of(estimate, estimate.draws)
    if problem.gram is not None:  # errors differ by factors from those of equally alike tasks
        drawn = drawn * (np.array(means) / np.median(drawn, axis=0))
    drawn = np.column_stack((drawn, 1.0 - drawn[:, 2] / drawn[:, 0]))
    alikeness, outliers = _alikeness(problem)
    intervals = _widened(np.percentile(drawn, [5.0, 95.0], axis=0), np.array(means), problem)
    converged = bool(np.isfinite([*means]).all() and np.isfinite(drawn).all())
    return Outlook(
        *means,
        gain,
        intervals,
        1.0 - coupled / alone,
        _ridge(estimate) if problem.link != "linear" else estimate.noise / estimate.signal,
        estimate.similarity,
        _verdict(*means, intervals) + _unlike(estimate, alikeness, outliers) if converged else _UNSOLVED,
        _metric(problem),
        floor(problem),
        converged,
        alikeness,
        outliers,
    )


def _widened(intervals: FloatArray, means: FloatArray, problem: Problem) -> FloatArray:
    """Intervals of the three errors with what one table scatters: excess errors are sums of some p T squares."""
    scatter = _NINETY * np.sqrt(2.0 / (problem.n_features * problem.T)) * (means - floor(problem))
    wide = intervals.copy()
    wide[0, :3] = means - np.hypot(np.maximum(means - intervals[0, :3], 0.0), scatter)
    wide[1, :3] = means + np.hypot(np.maximum(intervals[1, :3] - means, 0.0), scatter)
    return wide


def _metric(problem: Problem) -> Literal["squared error", "error rate"]:
    return "squared error" if problem.link == "linear" else "error rate"


def floor(problem: Problem) -> float:
    """Mean error of the true coefficients."""
    perfect = Teller(problem).error(problem.noise_variance, np.zeros(problem.T), problem.strengths)
    return float(np.average(perfect, weights=problem.alpha))


def errors_of(estimate: Estimate, points: FloatArray, *, rows: float = 1.0, tasks: float = 1.0) -> FloatArray:
    """Mean errors alone, pooled and coupled ``(m, 3)`` of equally alike tasks; tasks in groups of one size.

    Parameters
    ----------
    estimate : Estimate
    points : (m, 3) array
        Noise, signal and similarity.
    rows, tasks : float
        Factors of the rows of every task, and of the number of tasks.
    """
    problem, (noise, signal, similarity) = estimate.problem, points.T
    teller = Teller(problem)
    alpha, count, factors = _sizes(rows * problem.alpha, estimate.corrections)
    weights = alpha * count / (alpha @ count)
    concentration = float((problem.alpha**2).sum() / problem.alpha.sum() ** 2) / tasks
    shared = np.maximum(signal * (similarity + (1.0 - similarity) * concentration), 1e-300)
    noises, totals = (np.broadcast_to(value[:, None], (len(value), len(alpha))) for value in (noise, signal))
    each = alpha * problem.n_features
    alone = teller.error(noises, factors[0] * excess_alone(teller, alpha, noises, totals), totals, each) @ weights
    rest = excess_coupled(teller, alpha, tasks * count, noise, signal, similarity)
    coupled = teller.error(noises, factors[1] * rest, totals, each) @ weights
    parts = np.full(len(noise), rows * tasks * problem.alpha.sum()), noise, shared, np.maximum(signal - shared, 0.0)
    mean_rows = np.full(len(noise), rows * problem.alpha.mean() * problem.n_features)
    pooled = error_pooled(teller, *parts, float(estimate.corrections[2, 0]), mean_rows)
    return np.column_stack((alone, pooled, coupled))


def _sizes(alpha: FloatArray, corrections: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean sizes, numbers and mean corrections of at most twelve groups of tasks, neighbours in size."""
    parts = [part for part in np.array_split(np.argsort(alpha, kind="stable"), _SIZES) if len(part)]
    sizes = np.array([alpha[part].mean() for part in parts])
    factors = np.stack([np.average(corrections[:, part], axis=1, weights=alpha[part]) for part in parts], axis=1)
    return sizes, np.array([float(len(part)) for part in parts]), factors


def _alikeness(problem: Problem) -> tuple[FloatArray, BoolArray]:
    """Mean similarity of every task with the others, and which ones are unlike them."""
    if problem.gram is None:
        return np.full(problem.T, problem.similarity), np.zeros(problem.T, dtype=bool)
    size = np.sqrt(problem.strengths)
    mean = ((problem.inner_products / np.outer(size, size)).sum(axis=1) - 1.0) / (problem.T - 1.0)
    return mean, mean < _UNLIKE * max(float(np.median(mean)), 0.0)


def _unlike(estimate: Estimate, alikeness: FloatArray, outliers: BoolArray) -> str:
    """Names of outliers, the least alike first."""
    worst = [index for index in np.argsort(alikeness) if outliers[index]]
    if not worst:
        return ""
    named = ", ".join(f"{estimate.tasks[index]} ({alikeness[index]:.2f})" for index in worst[:_NAMED])
    more = f" and {len(worst) - _NAMED} more" if len(worst) > _NAMED else ""
    return f" Unlike the others, by their mean similarity: {named}{more}."


def _ridge(estimate: Estimate) -> float:
    """Best ridge of the logistic loss for equally alike tasks of mean size."""
    problem, c = estimate.problem, min(max(estimate.similarity, 0.0), 1.0)
    typical = replace(
        problem,
        n_samples=float(problem.alpha.mean() * problem.n_features),
        gram=None,
        similarity=c,
        signal=estimate.signal,
        noise=estimate.noise,
        row_norms=None if problem.row_norms is None else equal_mass(problem.row_norms, _LENGTHS),
    )
    return best_ridge(lambda lam: float(predict_risk(typical, "logistic", lam=lam, c=c).test[0]))


def _verdict(alone: float, pooled: float, coupled: float, intervals: FloatArray) -> str:
    gain = 1.0 - coupled / alone
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
    """Factor by which the rows of every task are to grow for this mean error, coupled; infinite below the floor.

    Raises
    ------
    InputError
        ``target`` is not larger than zero.
    """
    problem = estimate.problem
    alpha = problem.alpha

    def error(factor: float) -> float:
        more = replace(problem, n_samples=factor * np.asarray(problem.n_samples))
        return float(np.average(errors_coupled(more, estimate.corrections[1]), weights=alpha))

    return _factor(error, target, floor(problem))


def tasks_for(estimate: Estimate, target: float) -> float:
    """Factor by which the number of tasks (of the same sizes) is to grow; infinite below what any number leaves.

    Tasks are taken as equally alike; of a Gram matrix the mean similarity counts.
    """
    teller, alpha = Teller(estimate.problem), estimate.problem.alpha
    similarity = min(max(estimate.similarity, 0.0), 1.0)
    point = [np.array([value]) for value in (estimate.noise, estimate.signal, similarity)]
    noise, total = np.full(len(alpha), estimate.noise), np.full(len(alpha), estimate.signal)
    rows = alpha * estimate.problem.n_features

    def error(factor: float) -> float:
        rest = excess_coupled(teller, alpha, np.full(len(alpha), factor), *point)[0]
        return float(np.average(teller.error(noise, estimate.corrections[1] * rest, total, rows), weights=alpha))

    return _factor(error, target, floor_of_tasks(estimate))


def floor_of_tasks(estimate: Estimate) -> float:
    """Mean error with any number of such tasks: what they share is known, what is a task's own is not."""
    teller, alpha = Teller(estimate.problem), estimate.problem.alpha
    noise, total = np.full(len(alpha), estimate.noise), np.full(len(alpha), estimate.signal)
    own = np.maximum(1.0 - estimate.similarity, 1e-12) * total
    rest = excess_alone(teller, alpha, noise, total, own)
    rows = alpha * estimate.problem.n_features
    errors = teller.error(noise, estimate.corrections[1] * rest, total, rows)
    return float(np.average(errors, weights=alpha))


def _factor(error: Callable[[float], float], target: float, floor: float) -> float:
    """Factor at which the falling error meets the target."""
    if not 0.0 < target < np.inf:
        raise InputError(f"The wanted error has to be larger than zero, in units of the target; got {target!r}.")
    if target <= floor:
        return float("inf")

    def missing(log_factor: float) -> float:
        return error(float(np.exp(log_factor))) - target

    low, high = np.log(1e-3), np.log(_MOST)
    ends = missing(low), missing(high)
    if np.isnan(ends).any():
        return float("nan")
    if ends[0] <= 0.0:
        return float(np.exp(low))
    if ends[1] > 0.0:
        return float("inf")
    return float(np.exp(brentq(missing, low, high, xtol=1e-8)))
