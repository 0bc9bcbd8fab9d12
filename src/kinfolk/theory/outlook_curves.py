r"""Predicted errors along rows a task, or tasks, around an estimate; and where a weak ridge makes more rows worse."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.curves import Peak, learning_curve, ratios
from kinfolk.theory.estimate import Estimate
from kinfolk.theory.outlook import error_pooled, excess_alone, excess_coupled

_FACTORS = np.geomspace(0.125, 8.0, 25)
_DRAWS = 60
_WEAK = 1e-3  # of the best ridge


@dataclass(frozen=True, eq=False)
class OutlookCurve:
    """Predicted mean errors along the rows of every task, or the number of tasks.

    Attributes
    ----------
    over : {"n", "T"}
    factors : (k,) array
        Of the rows of every task, or of the tasks, at hand.
    errors : (k, 3) array
        Of each task alone, one pooled model, and coupled tasks, each with its best ridge.
    intervals : (2, k, 3) array
        90% intervals from the uncertainty of noise, signal and similarity.
    """

    over: Literal["n", "T"]
    factors: FloatArray
    errors: FloatArray
    intervals: FloatArray


@dataclass(frozen=True, eq=False)
class Descent:
    """Predicted errors of tasks of the typical size with hardly any ridge, along their rows.

    Attributes
    ----------
    rows : (k,) array
        Rows of every task.
    weak : (k, 3) array
        Each task alone, one pooled model, and tasks coupled by their similarity, with a thousandth of the best ridge.
    best : (k,) array
        Coupled with the best ridge.
    typical : float
        The median task's rows: where the table stands.
    peaks : dict of str to tuple of Peak
        Local maxima of ``"alone"``, ``"pooled"`` and ``"coupled"``.
    """

    rows: FloatArray
    weak: FloatArray
    best: FloatArray
    typical: float
    peaks: dict[str, tuple[Peak, ...]]


def outlook_curve(
    estimate: Estimate,
    over: Literal["n", "T"] = "n",
    factors: Sequence[float] | npt.NDArray[Any] | None = None,
) -> OutlookCurve:
    """Predict the mean errors for other numbers of rows in every task (``"n"``), or of tasks (``"T"``).

    Parameters
    ----------
    estimate : Estimate
        From `estimate_problem`.
    over : {"n", "T"}, default="n"
    factors : array, optional
        Positive; default: an eighth to eight times what is at hand.

    Returns
    -------
    OutlookCurve

    Raises
    ------
    InputError
        ``over`` is not known, or a factor is not positive.

    Examples
    --------
    >>> from kinfolk.theory import estimate_problem
    >>> generator = np.random.default_rng(0)
    >>> task = np.repeat(np.arange(20), 30)
    >>> W = np.sqrt(0.5 / 30) * (generator.normal(size=30) + generator.normal(size=(20, 30)))
    >>> X = generator.normal(size=(600, 30))
    >>> y = (X * W[task]).sum(axis=1) + 0.5 * generator.normal(size=600)
    >>> curve = outlook_curve(estimate_problem(X, y, task), factors=[0.5, 1.0, 2.0])
    >>> bool((np.diff(curve.errors, axis=0) < 0.0).all())
    True
    """
    if over not in ("n", "T"):
        raise InputError(f"over={over!r} is not known: choose 'n' (rows of every task) or 'T' (tasks).")
    grid = _FACTORS if factors is None else np.asarray(factors, dtype=float)
    if grid.ndim != 1 or not len(grid) or not (np.isfinite(grid) & (grid > 0.0)).all():
        raise InputError(f"factors have to be positive numbers, found {factors!r}.")
    alpha = estimate.problem.alpha
    point = np.array([estimate.noise, estimate.signal, estimate.similarity])
    drawn = np.stack([_errors(alpha, draw, over, grid) for draw in estimate.draws[:_DRAWS]])
    return OutlookCurve(over, grid, _errors(alpha, point, over, grid), np.percentile(drawn, [5.0, 95.0], axis=0))


def _errors(alpha: FloatArray, point: FloatArray, over: str, factors: FloatArray) -> FloatArray:
    noise, signal, similarity = map(float, point)
    found = np.empty((len(factors), 3))
    for place, factor in enumerate(factors):
        here, copies = (alpha * factor, 1.0) if over == "n" else (alpha, float(factor))
        coupled = excess_coupled(here, noise, signal, similarity, copies)
        found[place] = (
            noise + np.average(excess_alone(here, noise, signal), weights=here),
            error_pooled(here * copies, noise, signal, similarity),
            noise + np.average(coupled, weights=here),
        )
    return found


def descent(estimate: Estimate) -> Descent:
    """Predict double descent: the error along rows of tasks of the typical size, with hardly any ridge.

    Parameters
    ----------
    estimate : Estimate
        From `estimate_problem`.

    Returns
    -------
    Descent

    Examples
    --------
    >>> from kinfolk.theory import estimate_problem
    >>> generator = np.random.default_rng(0)
    >>> task = np.repeat(np.arange(20), 30)
    >>> W = np.sqrt(0.5 / 30) * (generator.normal(size=30) + generator.normal(size=(20, 30)))
    >>> X = generator.normal(size=(600, 30))
    >>> y = (X * W[task]).sum(axis=1) + 0.5 * generator.normal(size=600)
    >>> found = descent(estimate_problem(X, y, task))
    >>> [round(peak.at) for peak in found.peaks["alone"]]          # rows = features
    [30]
    """
    typical = float(np.median(np.asarray(estimate.problem.n_samples)))
    problem = replace(estimate.problem, n_samples=typical)
    lam = estimate.noise / estimate.signal
    couplings = {"alone": 0.0, "pooled": 1.0, "coupled": estimate.similarity}
    rows = problem.n_features * ratios(problem.T, max(10.0, 2.0 * typical / problem.n_features))
    curves = {name: learning_curve(problem, values=rows, lam=_WEAK * lam, c=c) for name, c in couplings.items()}
    best = learning_curve(problem, values=rows, lam=lam, c=estimate.similarity)
    return Descent(
        best.values,
        np.column_stack([curve.test for curve in curves.values()]),
        best.test,
        typical,
        {name: curve.peaks for name, curve in curves.items()},
    )
