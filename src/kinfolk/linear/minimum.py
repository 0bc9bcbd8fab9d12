"""The minimum of a regularised multi-task problem, by the solver that its loss calls for."""

from kinfolk._typing import FloatArray
from kinfolk.linear.losses import Loss
from kinfolk.linear.multipliers import hinge
from kinfolk.linear.newton import newton
from kinfolk.linear.proximal import proximal
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import Strengths


def minimum(
    rows: Rows,
    y: FloatArray,
    loss: Loss,
    strengths: Strengths,
    spread: float | None,
    *,
    max_iter: int,
    tol: float,
    start: Solution | None = None,
) -> Solution:
    """Solve the problem.

    Parameters
    ----------
    rows : Rows
        With the intercept as a coefficient for classes, centred for regression (intercepts are free).
    y : (n,) array
    loss : Loss
    strengths : CommonMean or AnyCoupling
    spread : float or None
        Variance of the intercepts about their mean, None where they are free.
    max_iter : int
    tol : float
    start : Solution, optional
        Of a similar problem.
    """
    if loss.name == "squared":
        return quadratic(rows, y, strengths)
    if loss.name == "logistic":
        assert spread is not None
        at = None if start is None else start.z
        return newton(rows, y, strengths, spread, max_iter=max_iter, tol=tol, start=at)
    if loss.name == "hinge":
        assert spread is not None
        return hinge(rows, y, strengths, spread, max_iter=max_iter, tol=tol, start=start)
    return proximal(rows, y, loss, strengths, spread, max_iter=max_iter, tol=tol, start=start)


def quadratic(rows: Rows, y: FloatArray, strengths: Strengths) -> Solution:
    """Squared loss with free intercepts, in closed form."""
    system = strengths.system(rows.own_gram)
    level = rows.means(y)
    centred = y - level[rows.codes]
    state = system.solve(rows.pull(rows.weights * centred))
    slopes = system.coef(state)
    fitted = rows.predict(slopes)
    residual = fitted - centred
    value = 0.5 * float(rows.weights @ residual**2) + 0.5 * system.size(state)
    return Solution(
        slopes, rows.intercept(level, slopes), state, system, y + residual, residual, value, 1, settled=True
    )
