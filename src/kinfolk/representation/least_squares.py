r"""Least squares with a shared basis: what descent, alternating minimisation and variable projection have in common.

All of them look for the basis B (d, k) and the heads w_t that minimise, from centred sums per task alone,

.. math:: f(B, w) = \tfrac12 \sum_t q_t \lVert y_t - X_t B w_t \rVert^2
                  = \tfrac12 \sum_t q_t (yy_t - 2 w_t^\top B^\top b_t + w_t^\top B^\top S_t B w_t) .
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.tasks import Moments

Watch = Callable[[FloatArray], None]
TINY_RIDGE = 1e-10  # of the mean eigenvalue of a task's k x k system: where rows are too few, the shortest head
_ROUNDING = 1e-20  # a promised decrease below this share of the target's sum of squares is rounding


@dataclass(frozen=True)
class SubspaceFit:
    """A basis shared by all tasks, their least-squares heads, and how the method came there.

    Attributes
    ----------
    basis : (d, k) array
        Orthonormal columns.
    heads : (T, k) array
        Least squares of every task in this basis; ``coef`` is ``heads @ basis.T``.
    n_iter : int
        Iterations taken.
    settled : bool
        Whether the stopping rule was met.
    history : tuple of float
        Loss ``1/2 sum_t q_t ||y_t - X_t B w_t||^2`` of the start and after every iteration.
    moves : tuple of float
        Change of the subspace in every iteration, ``||(I - P_old) Q_new||_F``.
    """

    basis: FloatArray
    heads: FloatArray
    n_iter: int
    settled: bool
    history: tuple[float, ...]
    moves: tuple[float, ...]

    @property
    def coef(self) -> FloatArray:
        """Slopes of every task, ``(T, d)``."""
        slopes: FloatArray = self.heads @ self.basis.T
        return slopes


@dataclass(frozen=True)
class Profile:
    """The loss as a function of the basis alone, heads minimised out, at one basis.

    Attributes
    ----------
    heads : (T, k) array
    loss : float
    gradient : (d, k) array
        ``G = sum_t q_t (S_t B w_t - b_t) w_t'``; ``B' G = 0``.
    """

    heads: FloatArray
    loss: float
    gradient: FloatArray


def check_rank(moments: Moments, rank: int) -> int:
    """The rank as an int; `InputError` unless it is a whole number from 1 to min(d, T)."""
    most = min(moments.n_features, moments.n_tasks)
    if isinstance(rank, bool) or not isinstance(rank, Integral) or not 1 <= rank <= most:
        raise InputError(
            f"rank must be a whole number from 1 to min(features, tasks) = min({moments.n_features}, "
            f"{moments.n_tasks}) = {most}; got {rank!r}."
        )
    return int(rank)


def _solve_heads(product: FloatArray, moments: Moments, basis: FloatArray, ridge: float) -> FloatArray:
    inner = basis.T @ product
    k = basis.shape[1]
    size = np.maximum(np.trace(inner, axis1=1, axis2=2) / k, 1e-200)
    inner = inner + (ridge * size)[:, None, None] * np.eye(k)
    heads: FloatArray = np.linalg.solve(inner, (moments.b @ basis)[:, :, None])[:, :, 0]
    return heads


def least_squares_heads(moments: Moments, basis: FloatArray, ridge: float = TINY_RIDGE) -> FloatArray:
    """Least-squares heads of all tasks in a given basis: ``w_t = (B' S_t B + r_t I)^-1 B' b_t``.

    ``r_t = ridge * trace(B' S_t B) / k``. It is there for tasks with fewer rows than directions (or none), whose head
    is then, up to rounding, the shortest of all minimisers; elsewhere it changes the tenth digit.

    Parameters
    ----------
    moments : Moments
    basis : (d, k) array
    ridge : float, default=1e-10

    Returns
    -------
    (T, k) array
        Finite for every input.
    """
    return _solve_heads(moments.times(basis), moments, basis, ridge)


def task_losses(moments: Moments, basis: FloatArray, heads: FloatArray) -> FloatArray:
    """Sum of squared residuals of every task, ``||y_t - X_t B w_t||^2``, ``(T,)``."""
    coef = heads @ basis.T
    pull = residual_pull(moments, coef)
    squares: FloatArray = np.maximum(moments.yy + (coef * (pull - moments.b)).sum(axis=1), 0.0)
    return squares


def residual_pull(moments: Moments, coef: FloatArray) -> FloatArray:
    """``S_t theta_t - b_t = -X_t' (y_t - X_t theta_t)`` of all tasks, ``(T, d)``, from whichever form is stored."""
    if moments.gram is not None:
        product = (moments.gram @ coef[:, :, None])[:, :, 0]
    else:
        assert moments.rows is not None
        fitted = moments.rows @ coef[:, :, None]
        product = (fitted.transpose(0, 2, 1) @ moments.rows)[:, 0]
    pull: FloatArray = product - moments.b
    return pull


def profile(moments: Moments, basis: FloatArray, weights: FloatArray) -> Profile:
    """Least-squares heads, loss and gradient at a basis; ``weights`` (T,) are the q_t."""
    product = moments.times(basis)
    heads = _solve_heads(product, moments, basis, TINY_RIDGE)
    fitted = (product @ heads[:, :, None])[:, :, 0]
    pull = fitted - moments.b
    squares = moments.yy + ((heads @ basis.T) * (pull - moments.b)).sum(axis=1)
    gradient = pull.T @ (weights[:, None] * heads)
    return Profile(heads, 0.5 * float(weights @ np.maximum(squares, 0.0)), gradient)


def pooled_precision(moments: Moments) -> FloatArray:
    """``P = (sum_t S_t / sum_t n_t + 1e-3 m I)^-1`` with m the mean variance; defined for constant columns too."""
    d = moments.n_features
    pooled = moments.total() / max(float(moments.n.sum()), 1e-300)
    size = float(np.trace(pooled)) / d
    if size <= 0.0:  # nothing varies: there is nothing to whiten
        return np.eye(d)
    precision: FloatArray = np.linalg.inv(pooled + 1e-3 * size * np.eye(d))
    return precision


def full_step(
    state: Profile, basis: FloatArray, moments: Moments, precision: FloatArray, weights: FloatArray
) -> tuple[FloatArray, float]:
    """The preconditioned step from a basis, and the decrease of twice the loss that it promises.

    ``Z = (I - B B') P G H^-1`` with ``H = sum_t q_t n_t w_t w_t'``, and ``<G, Z>``. ``P x H^-1`` stands for the inverse
    of the Hessian ``sum_t q_t w_t w_t' x S_t`` and equals it when all ``S_t / n_t`` are the same; then one step is
    exact. The promise is what tells a solution from a slow stretch: it does not depend on the condition of the heads.
    """
    scatter = state.heads.T @ ((weights * moments.n)[:, None] * state.heads)
    floor = 1e-12 * max(float(np.trace(scatter)), 1e-200)
    step = precision @ np.linalg.solve(scatter + floor * np.eye(len(scatter)), state.gradient.T).T
    step -= basis @ (basis.T @ step)
    return step, float((state.gradient * step).sum())


def statistical_scale(moments: Moments, loss: float, rank: int) -> float:
    """``s^2 k (d + T - k)``: what fitting basis and heads to the noise takes off twice the loss.

    ``s^2`` is twice the loss over the degrees of freedom that are left. The stopping rules are shares of this.
    """
    used = rank * (moments.n_features + moments.n_tasks - rank)
    return 2.0 * loss / max(moments.degrees_of_freedom - used, 1.0) * used


def rounding_scale(moments: Moments) -> float:
    """Below this a promised decrease of twice the loss is rounding."""
    return _ROUNDING * max(float(moments.yy.sum()), 1e-200)
