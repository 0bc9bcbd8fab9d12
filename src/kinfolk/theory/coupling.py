r"""The best penalty, without cross-validation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.losses import LossName
from kinfolk.theory.problem import Problem
from kinfolk.theory.risk import Risk, predict_risk

_GRID = np.logspace(-5, 4, 19)
_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class OptimalCoupling:
    """A penalty, and what it promises.

    Attributes
    ----------
    coupling : (T, T) array
        K, for ``predict_risk(coupling=...)``.
    weights : (T,) array
        Loss weights; 1 unless tasks differ in noise.
    lam : float
        Ridge of a task of mean signal.
    c : float or None
        Coupling between any two tasks; None when pairs of tasks are not equally alike.
    risk : Risk
        Predicted with this penalty.
    exact : bool
        Whether no other K is better (squared loss, linear labels); else `lam` alone was searched.
    """

    coupling: FloatArray
    weights: FloatArray
    lam: float
    c: float | None
    risk: Risk
    exact: bool


def optimal_coupling(problem: Problem, loss: LossName = "squared", *, huber_delta: float = 1.0) -> OptimalCoupling:
    r"""Penalty with the smallest predicted error, averaged over tasks.

    Squared loss, linear labels: K proportional to G and loss weights to 1 / D_t are best among all penalties, for any
    numbers of rows (they make the estimate the posterior mean): ``c = similarity, lam = noise / signal``. The errors
    are D + epsilon with

    .. math:: \varepsilon_t = [(G^{-1} + \operatorname{diag}(\alpha_s / (D_s + \varepsilon_s)))^{-1}]_{tt} .

    Other losses: K proportional to G, and a search of `lam` alone. With c free as well, errors were at most 0.2%
    smaller in 35 cases (measured for this derivation).

    Parameters
    ----------
    problem : Problem
    loss : {"squared", "logistic", "hinge", "lad", "huber"}, default="squared"
    huber_delta : float, default=1.0

    Returns
    -------
    OptimalCoupling

    Raises
    ------
    InputError
        Squared loss, linear labels and no noise: the best ridge is zero.

    Notes
    -----
    Independent derivation; arXiv 2603.05060 for the model.

    Examples
    --------
    >>> best = optimal_coupling(Problem(100, 80, n_tasks=5, similarity=0.6, noise=0.5))
    >>> best.lam, best.c, best.risk.test[0].round(3)
    (0.5, 0.6, np.float64(0.906))
    """
    best = best_penalty(problem, loss, huber_delta)
    K = problem.inner_products / (best.lam * problem.strengths.mean())
    return OptimalCoupling(K, best.weights, best.lam, best.c, best.risk, best.exact)


@dataclass(frozen=True, eq=False)
class Penalty:
    """What `optimal_coupling` finds, before any matrix is made; exchangeable tasks may be a hundred thousand."""

    lam: float
    c: float | None
    weights: FloatArray
    risk: Risk
    exact: bool


def best_penalty(problem: Problem, loss: LossName, huber_delta: float = 1.0) -> Penalty:
    """Best `lam` for K proportional to G; with it `c` if tasks are exchangeable."""
    level, ones = float(problem.strengths.mean()), np.ones(problem.T)
    own, shared = problem.own_and_shared if problem.exchangeable else (1.0, 0.0)
    c = shared / own if problem.exchangeable else None

    def at(lam: float, weights: FloatArray) -> Risk:
        if c is not None:
            return predict_risk(problem, loss, lam=lam, c=c, weights=weights, huber_delta=huber_delta)
        K = problem.inner_products / (lam * level)
        return predict_risk(problem, loss, coupling=K, weights=weights, huber_delta=huber_delta)

    if loss == "squared" and problem.link == "linear":
        noise = problem.noise_variance
        if not (noise > 0).all():
            raise InputError("Without noise the best ridge is zero; give every task a noise larger than zero.")
        scale = float(noise.mean())
        lam, weights = scale / level, scale / noise
        return Penalty(lam, c, weights, at(lam, weights), exact=True)
    lam = best_ridge(lambda value: float(at(value, ones).test.mean()))
    return Penalty(lam, c, ones, at(lam, ones), exact=False)


def best_ridge(error: Callable[[float], float]) -> float:
    """Ridge with the smallest error: the best of a logarithmic grid, then Brent's method around it."""
    found = np.array([error(float(lam)) for lam in _GRID])
    if np.isnan(found).all():
        return float(_GRID[-1])
    best = int(np.nanargmin(found))
    low, high = np.log(_GRID[max(best - 1, 0)]), np.log(_GRID[min(best + 1, len(_GRID) - 1)])
    search = minimize_scalar(
        lambda t: np.nan_to_num(error(float(np.exp(t))), nan=np.inf),
        bounds=(low, high),
        method="bounded",
        options={"xatol": _TOLERANCE},
    )
    return float(np.exp(search.x)) if search.fun <= found[best] else float(_GRID[best])
