r"""How many rows, or how many tasks, a wanted error takes."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import brentq

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.coupling import best_penalty
from kinfolk.theory.errors import new_row_error
from kinfolk.theory.losses import LossName
from kinfolk.theory.problem import Problem
from kinfolk.theory.squared import State

_LARGEST = 1e4
_SMALLEST = 1e-3
_MANY_TASKS = 100_000


@dataclass(frozen=True, eq=False)
class Plan:
    """What reaches the wanted error with the best penalty.

    Attributes
    ----------
    n_samples : (T,) array
        Rows of every task; infinite when the error is out of reach, NaN when a prediction did not converge.
    n_tasks : float
        Tasks; infinite when the error is out of reach, NaN when a prediction did not converge.
    reachable : bool
    floor : float
        What any number of rows (or tasks) would leave.
    converged : bool
    """

    n_samples: FloatArray
    n_tasks: float
    reachable: bool
    floor: float
    converged: bool


def plan(
    problem: Problem,
    *,
    target_risk: float,
    over: Literal["n_samples", "n_tasks"] = "n_samples",
    loss: LossName = "squared",
    huber_delta: float = 1.0,
) -> Plan:
    r"""Rows per task, or tasks, that bring the mean error to `target_risk` with the best penalty.

    For exchangeable tasks, squared loss and linear labels the number of rows is explicit: with the wanted excess
    :math:`\varepsilon`, :math:`w = 1 / T` and the eigenvalues :math:`g_1, g_2` of G,

    .. math::

        n = p\, h\, (D + \varepsilon), \qquad
        \varepsilon g_1 g_2 h^2 + [\varepsilon (g_1 + g_2) - g_1 g_2] h + \varepsilon - w g_1 - (1 - w) g_2 = 0 .

    Else rows of all tasks are multiplied by one factor, which is found by bisection; tasks are counted up.

    Parameters
    ----------
    problem : Problem
        Its `n_samples` (only their proportions) or its `n_tasks` are what is asked for.
    target_risk : float
        Mean error of all tasks: in units of y squared for linear labels, a rate else.
    over : {"n_samples", "n_tasks"}, default="n_samples"
        More tasks need exchangeable ones.
    loss, huber_delta
        As in `optimal_coupling`.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        When `target_risk` is not larger than zero, or tasks are counted that are not exchangeable.

    Notes
    -----
    Independent derivation; arXiv 2603.05060 for the model. What needs fewer than a thousandth or more than ten
    thousand rows a feature is searched no further.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from kinfolk.theory import optimal_coupling
    >>> problem = Problem(100, 50, n_tasks=5, similarity=0.8, noise=0.5)
    >>> found = plan(problem, target_risk=0.75)
    >>> found.n_samples.round(1), optimal_coupling(replace(problem, n_samples=found.n_samples)).risk.test.round(6)
    (array([102.7, 102.7, 102.7, 102.7, 102.7]), array([0.75, 0.75, 0.75, 0.75, 0.75]))
    >>> plan(problem, target_risk=0.6, over="n_tasks")
    Plan(n_samples=array([50., ...]), n_tasks=inf, reachable=False, floor=0.6..., converged=True)
    """
    if not 0 < target_risk < np.inf:
        raise InputError(f"target_risk has to be larger than zero, found {target_risk!r}.")
    if over == "n_tasks":
        return _count_tasks(problem, target_risk, loss, huber_delta)
    if over != "n_samples":
        raise InputError(f"over={over!r} cannot be planned; choose 'n_samples' or 'n_tasks'.")
    floor = _irreducible(problem)
    rows = problem.alpha * problem.n_features
    if target_risk <= floor:
        return Plan(np.full(problem.T, np.inf), float(problem.T), False, floor, True)
    if _explicit(problem, loss) and problem.exchangeable:
        needed = rows_needed(problem, target_risk)
        return Plan(np.full(problem.T, needed), float(problem.T), True, floor, True)
    factor = _factor(problem, target_risk, loss, huber_delta)
    reachable = bool(np.isfinite(factor))
    return Plan(rows * factor, float(problem.T), reachable, floor, not np.isnan(factor))


def rows_needed(problem: Problem, target_risk: float) -> float:
    """Rows of each of the exchangeable tasks, squared loss and linear labels; 0 when no row is needed."""
    own, shared = problem.own_and_shared
    w, g1, g2 = 1.0 / problem.T, own + (problem.T - 1) * shared, own - shared
    eps = target_risk - float(problem.noise_variance[0])
    a, b, rest = eps * g1 * g2, eps * (g1 + g2) - g1 * g2, eps - w * g1 - (1.0 - w) * g2
    if rest >= 0:
        return 0.0
    root = np.sqrt(b * b - 4.0 * a * rest)
    h = -2.0 * rest / (b + root) if b > 0 else (root - b) / (2.0 * a)
    return float(problem.n_features * h * (eps + problem.noise_variance[0]))


def _explicit(problem: Problem, loss: str) -> bool:
    plain = problem.row_norms is None and problem.spectrum is None
    return loss == "squared" and problem.link == "linear" and plain


def _irreducible(problem: Problem) -> float:
    """Mean error of the true coefficients."""
    if problem.link == "linear":
        return float(problem.noise_variance.mean())
    perfect = State(*(problem.score_variance,) * 3, *(problem.score_variance,) * 3, True, 0.0)
    return float(new_row_error(problem, perfect).mean())


def _mean_error(problem: Problem, loss: LossName, huber_delta: float) -> float:
    return float(best_penalty(problem, loss, huber_delta).risk.test.mean())


def _factor(problem: Problem, target: float, loss: LossName, huber_delta: float) -> float:
    """What all numbers of rows are to be multiplied with; 0 when nothing is needed, infinity when nothing helps."""
    base = np.log(float(problem.alpha.mean()))

    def missing(log_alpha: float) -> float:
        more = replace(problem, n_samples=problem.alpha * problem.n_features * np.exp(log_alpha - base))
        return _mean_error(more, loss, huber_delta) - target

    low, high = np.log(_SMALLEST), np.log(_LARGEST)
    ends = missing(low), missing(high)
    if np.isnan(ends).any():
        return float("nan")
    if ends[0] <= 0:
        return 0.0
    if ends[1] > 0:
        return float("inf")
    return float(np.exp(brentq(missing, low, high, xtol=1e-10) - base))


def _count_tasks(problem: Problem, target: float, loss: LossName, huber_delta: float) -> Plan:
    if not problem.exchangeable or problem.gram is not None or problem.similarity < 0:
        raise InputError(
            "Tasks can be counted when all are alike: give single numbers and a similarity of at least zero, no gram."
        )
    rows_each, strength = float(problem.alpha[0] * problem.n_features), float(problem.strengths[0])
    pairs = np.stack(problem.noise_mixture, axis=-1)[0]
    noise = pairs if len(pairs) > 1 else float(pairs[0, 1])

    def missing(n_tasks: int) -> float:
        same = replace(problem, n_tasks=n_tasks, n_samples=rows_each, signal=strength, noise=noise)
        return _mean_error(same, loss, huber_delta) - target

    rows = np.full(problem.T, rows_each)
    most = missing(_MANY_TASKS)
    if np.isnan(most):
        return Plan(rows, float("nan"), False, float("nan"), False)
    if most > 0:
        return Plan(rows, float("inf"), False, most + target, True)
    few, many = 0, 1
    while missing(many) > 0:
        few, many = many, min(2 * many, _MANY_TASKS)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if missing(middle) <= 0 else (middle, many)
    return Plan(rows, float(many), True, most + target, True)
