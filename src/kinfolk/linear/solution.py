"""What a solver returns."""

from dataclasses import dataclass

from kinfolk._typing import FloatArray
from kinfolk.linear.arrow import State
from kinfolk.linear.strengths import System


@dataclass(frozen=True)
class Solution:
    """Minimum of a regularised multi-task problem.

    Attributes
    ----------
    slopes : (T, d) array
    intercept : (T,) array
    state : tuple of arrays
        The unknowns of ``system``.
    system : Arrow or Coupled
        The quadratic problem at the minimum.
    z : (n,) array
        Predictions of the rows.
    dual : (n,) array
        Derivative of each row's loss by its prediction, without the row's weight.
    value : float
        The objective.
    n_iter : int
    settled : bool
    """

    slopes: FloatArray
    intercept: FloatArray
    state: State
    system: System
    z: FloatArray
    dual: FloatArray
    value: float
    n_iter: int
    settled: bool
