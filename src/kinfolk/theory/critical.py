r"""How alike tasks have to be, and how strongly they may be coupled, before sharing hurts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from kinfolk.exceptions import InputError
from kinfolk.theory.coupling import best_ridge
from kinfolk.theory.losses import LossName
from kinfolk.theory.problem import Problem
from kinfolk.theory.risk import predict_risk

_TIE = 1e-9


@dataclass(frozen=True)
class Critical:
    """Where sharing begins to hurt.

    Attributes
    ----------
    value : float
        Similarity or coupling; NaN when a prediction did not converge.
    alone : float
        Test error of a single task with its best ridge; NaN when a prediction did not converge.
    converged : bool
    """

    value: float
    alone: float
    converged: bool


def critical_similarity(problem: Problem, loss: LossName = "squared", *, huber_delta: float = 1.0) -> Critical:
    r"""Similarity above which one pooled model beats a model for every task, both with their best ridge.

    More tasks make it smaller, more rows and less noise larger.

    Parameters
    ----------
    problem : Problem
        At least two exchangeable tasks, without `gram`; its `similarity` is not used.
    loss : {"squared", "logistic", "hinge", "lad", "huber"}, default="squared"
    huber_delta : float, default=1.0

    Returns
    -------
    Critical

    Raises
    ------
    InputError
        For one task, or tasks that are not exchangeable.

    Notes
    -----
    Independent derivation; arXiv 2603.05060 for the model.

    Examples
    --------
    >>> round(critical_similarity(Problem(100, 100, n_tasks=5, noise=0.25)).value, 3)
    0.648
    """
    _check_alike(problem)
    alone = _best(replace(problem, similarity=0.0), loss, 0.0, huber_delta)

    def loses(similarity: float) -> float:
        return _best(replace(problem, similarity=similarity), loss, 1.0, huber_delta) - alone

    return _crossing(loses, 0.0, 1.0, alone)


def harmless_coupling(problem: Problem, loss: LossName = "squared", *, huber_delta: float = 1.0) -> Critical:
    r"""Largest coupling c with which learning together is no worse than alone, both with their best ridge.

    The best one is close to the similarity; about twice of it is still harmless for two tasks, more for many.

    Parameters
    ----------
    problem : Problem
        At least two exchangeable tasks with a similarity larger than zero, without `gram`.
    loss : {"squared", "logistic", "hinge", "lad", "huber"}, default="squared"
    huber_delta : float, default=1.0

    Returns
    -------
    Critical
        Its `value` is 1 when even pooling is harmless, and just below when only pooling itself hurts.

    Raises
    ------
    InputError
        For one task, tasks that are not exchangeable, or a similarity that is not larger than zero.

    Notes
    -----
    Independent derivation; arXiv 2603.05060 for the model.

    Examples
    --------
    >>> round(harmless_coupling(Problem(100, 200, n_tasks=5, similarity=0.1, noise=0.25)).value, 2)
    0.26
    """
    _check_alike(problem)
    if not problem.similarity > 0:
        raise InputError(f"similarity has to be larger than zero, found {problem.similarity!r}: couple with c = 0.")
    alone = _best(problem, loss, 0.0, huber_delta)
    return _crossing(lambda c: alone - _best(problem, loss, c, huber_delta), problem.similarity, 1.0, alone)


def _check_alike(problem: Problem) -> None:
    if problem.T < 2 or not problem.exchangeable or problem.gram is not None:
        raise InputError(
            f"At least two tasks that are all alike are needed, without gram; found {problem.T} "
            f"{'exchangeable' if problem.exchangeable else 'different'} task(s)."
        )


def _best(problem: Problem, loss: LossName, c: float, huber_delta: float) -> float:
    """Test error with the best ridge for this coupling."""

    def error(lam: float) -> float:
        return float(predict_risk(problem, loss, lam=lam, c=c, huber_delta=huber_delta).test[0])

    return error(best_ridge(error))


def _crossing(falling: Callable[[float], float], low: float, high: float, alone: float) -> Critical:
    """Where a function that is positive before it changes its sign, or the end that it does not reach."""
    ends = falling(low), falling(high)
    if np.isnan([*ends, alone]).any():
        return Critical(float("nan"), float("nan"), False)
    if ends[0] <= _TIE:
        return Critical(low, alone, True)
    if ends[1] > -_TIE:
        return Critical(high, alone, True)
    value = float(brentq(falling, low, high, xtol=1e-8))
    return Critical(value, alone, True)
