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
from kinfolk.theory.outlook import errors_of, outlook

_FACTORS = np.geomspace(0.125, 8.0, 25)
_DRAWS = 60
_FACTOR = {"n": "rows", "T": "tasks"}
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
    if over not in _FACTOR:
        raise InputError(f"over={over!r} is not known: choose 'n' (rows of every task) or 'T' (tasks).")
    grid = _FACTORS if factors is None else np.asarray(factors, dtype=float)
    if grid.ndim != 1 or not len(grid) or not (np.isfinite(grid) & (grid > 0.0)).all():
        raise InputError(f"factors have to be positive numbers, found {factors!r}.")
    told = outlook(estimate)
    point = np.array([[estimate.noise, estimate.signal, min(max(estimate.similarity, 0.0), 1.0)]])
    points = np.concatenate((point, estimate.draws[:_DRAWS]))
    here = np.stack([errors_of(estimate, points, **{_FACTOR[over]: float(factor)}) for factor in grid], axis=1)
    # through the outlook, which knows the size of every task and a Gram matrix
    here = here * (np.array([told.alone, told.pooled, told.coupled]) / errors_of(estimate, point))
    return OutlookCurve(over, grid, here[0], np.percentile(here[1:], [5.0, 95.0], axis=0))


def descent(estimate: Estimate) -> Descent:
    """Predict double descent: the error along rows of tasks of the typical size, with hardly any ridge.

    Parameters
    ----------
    estimate : Estimate
        From `estimate_problem`.

    Returns
    -------
    Descent

    Raises
    ------
    InputError
        The target has two classes.

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
    problem = estimate.problem
    if problem.link != "linear":
        raise InputError("Double descent is predicted for measured values; the target has two classes.")
    typical = float(np.median(np.asarray(problem.n_samples)))
    c = min(max(estimate.similarity, 0.0), 1.0)
    alike = replace(problem, n_samples=typical, gram=None, signal=estimate.signal, similarity=c, noise=estimate.noise)
    rows = problem.n_features * ratios(problem.T, max(10.0, 2.0 * typical / problem.n_features))
    lam, couplings = estimate.noise / estimate.signal, {"alone": 0.0, "pooled": 1.0, "coupled": c}
    curves = {name: learning_curve(alike, values=rows, lam=_WEAK * lam, c=share) for name, share in couplings.items()}
    best = learning_curve(alike, values=rows, lam=lam, c=c)
    return Descent(
        best.values,
        np.column_stack([curve.test for curve in curves.values()]),
        best.test,
        typical,
        {name: curve.peaks for name, curve in curves.items()},
    )
