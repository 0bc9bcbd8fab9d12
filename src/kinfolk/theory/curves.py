r"""Learning curves, and where they peak (double descent)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.exceptions import InputError
from kinfolk.theory.coupling import best_penalty
from kinfolk.theory.losses import LossName
from kinfolk.theory.problem import Problem
from kinfolk.theory.risk import predict_risk

Axis = Literal["n_samples", "n_features", "n_tasks", "similarity", "lam", "c"]
_AXES = ("n_samples", "n_features", "n_tasks", "similarity", "lam", "c")
_PROMINENCE = 1e-6


@dataclass(frozen=True)
class Peak:
    """A local maximum inside a curve: an error that more of something makes worse.

    Attributes
    ----------
    at : float
        Where, in units of the curve's axis.
    height : float
        Mean error there.
    """

    at: float
    height: float


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean test error of all tasks along one axis.

    Attributes
    ----------
    over : str
    values : (k,) array
    test : (k,) array
        NaN where the equations were not solved.
    peaks : tuple of Peak
        Local maxima, located between grid points, those with NaN beside them left out.
    converged : (k,) array of bool
    """

    over: str
    values: FloatArray
    test: FloatArray
    peaks: tuple[Peak, ...]
    converged: BoolArray


def learning_curve(
    problem: Problem,
    loss: LossName = "squared",
    *,
    over: Axis = "n_samples",
    values: Sequence[float] | npt.NDArray[Any] | None = None,
    lam: float | None = None,
    c: float | None = None,
    coupling: object = None,
    huber_delta: float = 1.0,
) -> Curve:
    r"""Mean test error along rows, features, tasks, similarity or a penalty, with its peaks.

    With a weak ridge the error peaks where a task's own part interpolates (n = p) and where the shared part does
    (n = p / T): strong coupling moves the peak from the one to the other, in between there are both. With the best
    penalty of every point there is none.

    Parameters
    ----------
    problem : Problem
    loss : {"squared", "logistic", "hinge", "lad", "huber"}, default="squared"
    over : {"n_samples", "n_features", "n_tasks", "similarity", "lam", "c"}, default="n_samples"
        ``n_samples`` is the mean over tasks, whose proportions stay.
    values : array, optional
        Increasing. Default for rows and features: n / p from 0.02 to 10, finer around 1 and 1 / T.
    lam, c, coupling : optional
        The penalty, as in `predict_risk`; the axis itself is left out. Default: the best penalty of every point
        (not along ``lam`` and ``c``).
    huber_delta : float, default=1.0

    Returns
    -------
    Curve

    Raises
    ------
    InputError
        When `values` are missing or do not increase, or the axis is fixed by another argument.

    Notes
    -----
    Independent derivation; arXiv 2603.05060 for the model and for "combination postpones double descent".

    Examples
    --------
    >>> problem = Problem(100, 100, n_tasks=5, similarity=0.1, noise=0.25)
    >>> for peak in learning_curve(problem, lam=0.001, c=0.9).peaks:
    ...     print(round(peak.at), round(peak.height, 2))
    21 2.15
    99 1.61
    """
    if over not in _AXES:
        raise InputError(f"over={over!r} is not known; choose one of {', '.join(map(repr, _AXES))}.")
    given = {"lam": lam, "c": c, "coupling": coupling}
    if given.get(over) is not None:
        raise InputError(f"over={over!r} varies {over}: leave {over} out.")
    penalised = over in ("lam", "c") or any(value is not None for value in given.values())
    if values is None:
        grid = _grid(problem, over, fine=penalised or loss == "squared")
    else:
        grid = np.array(values, dtype=np.float64)
    if grid.ndim != 1 or len(grid) < 2 or not (np.diff(grid) > 0).all():
        raise InputError(f"values have to be at least two increasing numbers, found {values!r}.")

    def error(value: float) -> float:
        here, penalty = _moved(problem, over, value), dict(given)
        if over in ("lam", "c"):
            penalty[over] = value
        if not penalised:
            return float(best_penalty(here, loss, huber_delta).risk.test.mean())
        return float(predict_risk(here, loss, **penalty, huber_delta=huber_delta).test.mean())  # type: ignore[arg-type]

    test = np.array([error(float(value)) for value in grid])
    peaks = _peaks(grid, test, None if over == "n_tasks" else error)
    return Curve(over, grid, test, peaks, np.isfinite(test))


def _moved(problem: Problem, over: Axis, value: float) -> Problem:
    """The problem at a point of the axis."""
    if over == "n_samples":
        rows = problem.alpha * problem.n_features
        single = np.ndim(problem.n_samples) == 0
        return replace(problem, n_samples=value if single else rows * (value / rows.mean()))
    if over == "n_tasks":
        if value != int(value):
            raise InputError(f"Numbers of tasks have to be whole, found {value!r}.")
        return replace(problem, n_tasks=int(value))
    if over == "n_features":
        return replace(problem, n_features=value)
    return replace(problem, similarity=value) if over == "similarity" else problem


def ratios(n_tasks: int, most: float = 10.0, n_values: int = 120) -> FloatArray:
    """Values of n / p, finer around 1 and 1 / T, where errors may peak."""
    near = np.linspace(0.85, 1.15, 31)
    return np.union1d(np.geomspace(0.02, most, n_values), np.union1d(near, near / n_tasks))


def _grid(problem: Problem, over: Axis, *, fine: bool) -> FloatArray:
    if over not in ("n_samples", "n_features"):
        raise InputError(f"values are needed along {over!r}: give increasing numbers.")
    alpha = ratios(problem.T) if fine else np.geomspace(0.02, 10, 25)
    rows = float(problem.alpha.mean() * problem.n_features)
    return alpha * problem.n_features if over == "n_samples" else np.sort(rows / alpha)


def _peaks(grid: FloatArray, test: FloatArray, error: Callable[[float], float] | None) -> tuple[Peak, ...]:
    """Local maxima that stand out from the valleys beside them by more than rounding."""
    found = []
    for i in range(1, len(grid) - 1):
        if not test[i] > test[i - 1] or not test[i] >= test[i + 1]:
            continue
        left, right = _valley(test[i::-1]), _valley(test[i:])
        if test[i] - max(left, right) <= _PROMINENCE * test[i]:
            continue
        at, height = float(grid[i]), float(test[i])
        if error is not None:
            search = minimize_scalar(
                lambda value: -error(float(value)),
                bounds=(grid[i - 1], grid[i + 1]),
                method="bounded",
                options={"xatol": 1e-4 * grid[i]},
            )
            if -search.fun >= height:
                at, height = float(search.x), float(-search.fun)
        found.append(Peak(at, height))
    return tuple(found)


def _valley(downhill: FloatArray) -> float:
    """The lowest value before the curve rises above its beginning."""
    higher = np.flatnonzero(~(downhill <= downhill[0]))
    return float(downhill[: higher[0] if len(higher) else len(downhill)].min())
