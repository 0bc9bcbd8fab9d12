r"""Two-phase gradient descent from a small unbalanced random start, with gradients from the moments of each task.

Algorithm 1 of Ding, Du and Fang (2026), *Near-optimal and efficient first-order algorithm for multi-task learning with
shared linear representation*, arXiv 2605.00473. With W the (k, T) matrix of heads and N rows a task,

.. math:: L(B, W) = \frac{1}{2N} \sum_t \lVert X_t B w_t - y_t \rVert^2, \qquad
          L_{reg}(B, W) = L(B, W) + \tfrac18 \lVert B^\top B - W W^\top \rVert_F^2 ,

their equations (1) and (5). Phase I descends on L, phase II on L_reg.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.representation.least_squares import (
    SubspaceFit,
    Watch,
    check_rank,
    full_step,
    least_squares_heads,
    pooled_precision,
    profile,
    residual_pull,
    rounding_scale,
    statistical_scale,
)
from kinfolk.representation.starts import moment_matrix
from kinfolk.representation.subspace import orthonormal
from kinfolk.tasks import Moments

PENALTY = 1.0 / 8.0
_CALM = 5  # iterations in a row that must hardly move
_MOST = 5000  # iterations of a phase under the stopping rule
_SHRINK = 0.5


def gradients(
    moments: Moments, basis: FloatArray, heads: FloatArray, penalty: float = PENALTY
) -> tuple[float, FloatArray, FloatArray]:
    r"""Value and gradients of the loss, equation (5); equation (1) with ``penalty=0``.

    With the rows :math:`r_t = (S_t B w_t - b_t) / N` of R, heads H = W' of shape (T, k) and Q = B'B - H'H:

    .. math:: \nabla_B = R^\top H + 4 c\, B Q, \qquad \nabla_H = R B - 4 c\, H Q, \qquad c = penalty .

    N is the mean number of rows, so that tasks weigh by their rows when they differ in size.

    Parameters
    ----------
    moments : Moments
    basis : (d, k) array
        Any matrix, orthonormal or not.
    heads : (T, k) array
    penalty : float, default=1/8

    Returns
    -------
    value : float
    basis_gradient : (d, k) array
    heads_gradient : (T, k) array
    """
    rows = max(float(moments.n.mean()), 1e-300)
    coef = heads @ basis.T
    pull = residual_pull(moments, coef)
    squares = float(moments.yy.sum() + (coef * (pull - moments.b)).sum())
    pull /= rows
    imbalance = basis.T @ basis - heads.T @ heads
    value = squares / (2.0 * rows) + penalty * float((imbalance**2).sum())
    to_basis = pull.T @ heads + (4.0 * penalty) * (basis @ imbalance)
    to_heads = pull @ basis - (4.0 * penalty) * (heads @ imbalance)
    return value, to_basis, to_heads


@dataclass(frozen=True)
class _Point:
    """An iterate in whitened units, and the gradients there."""

    basis: FloatArray
    heads: FloatArray
    value: float
    to_basis: FloatArray
    to_heads: FloatArray


def two_phase_descent(
    moments: Moments,
    rank: int,
    *,
    step: str | float | tuple[float, float] = "auto",
    init_scale: str | float = "auto",
    n_iter: str | int = "auto",
    whiten: bool = True,
    penalty: float = PENALTY,
    tol: float = 1e-3,
    generator: np.random.Generator | None = None,
    watch: Watch | None = None,
) -> SubspaceFit:
    r"""Descend on basis and heads together: phase I on L, phase II on L_reg, from a small unbalanced random start.

    :math:`B_0 = \alpha N(0, 1/d)^{d \times k}` and :math:`W_0 = (\alpha / 3) N(0, 1/d)^{k \times T}`; K/2 steps
    :math:`(B, W) \leftarrow (B, W) - \eta_1 \nabla L`, then K/2 steps with :math:`\eta_2 \nabla L_{reg}`, both moved at
    once; from the last iterate the basis is ``qr(B)`` and the heads are refitted.

    With numbers for ``step``, ``init_scale`` and ``n_iter``, ``whiten=False`` and tasks of equal size this is the
    published algorithm, without any early stop. The paper proves a rate of order :math:`\sigma^2 d k / (N T)` for the
    subspace, in a number of iterations that does not grow with d and T, for isotropic features and known k.

    Parameters
    ----------
    moments : Moments
    rank : int
        k, from 1 to min(d, T).
    step : "auto", float or (float, float), default="auto"
        :math:`\eta_1` and :math:`\eta_2`. ``"auto"``: both :math:`0.5 / \hat\sigma_1`, with
        :math:`\hat\sigma_1^2 = \max(s_1(M)^2 - v (d + T), s_1(M)^2 / 4)` and v the variance of an entry of
        M = [b_t / n_t]; halved, from the last good iterate, whenever the loss rises. Either is divided by
        ``max(n) / mean(n)`` when tasks differ in size.
    init_scale : "auto" or float, default="auto"
        :math:`\alpha`; ``"auto"`` is :math:`10^{-2} \sqrt{\hat\sigma_1}`.
    n_iter : "auto" or int, default="auto"
        K, an even number. ``"auto"``: each phase ends after five iterations in a row with
        :math:`\lVert \Delta\Theta \rVert_F^2 / T` below ``tol`` times the statistical error
        :math:`s^2 k (d + T - k) / (N T)`, unless a preconditioned step would still gain more than that.
    whiten : bool, default=True
        Descend in :math:`X P^{1/2}`, with P the inverse of the pooled covariance, and map back. False: in X.
    penalty : float, default=1/8
        Of phase II. It changes how basis and heads share their scale, not the solution.
    tol : float, default=1e-3
        For ``n_iter="auto"``.
    generator : numpy.random.Generator, optional
        Draws the start; default: seed 0.
    watch : callable, optional
        Called with the coefficients (T, d) after every iteration.

    Returns
    -------
    SubspaceFit

    Raises
    ------
    InputError
        For parameters out of range, and for a step that is too large: the iterates are no longer finite.
    """
    rank = check_rank(moments, rank)
    steps, alpha, half = _check(step, init_scale, n_iter)
    root = _root(pooled_precision(moments)) if whiten else np.eye(moments.n_features)
    unequal = max(float(moments.n.max()) / max(float(moments.n.mean()), 1e-300), 1.0)
    sigma = leading_size(moments, root)
    eta = [value / unequal for value in (steps or (0.5 / sigma, 0.5 / sigma))]
    alpha = 1e-2 * np.sqrt(sigma) if alpha is None else alpha
    generator = np.random.default_rng(0) if generator is None else generator
    spread = alpha / np.sqrt(moments.n_features)
    basis = spread * generator.standard_normal((moments.n_features, rank))
    heads = spread / 3.0 * generator.standard_normal((rank, moments.n_tasks)).T
    run = _Run(moments, root, tol, watch, halve=steps is None)
    settled = True
    for size, weight in zip(eta, (0.0, penalty), strict=True):
        basis, heads, settled = run.phase(basis, heads, size, weight, half)
    found = orthonormal(root @ basis)
    refitted = least_squares_heads(moments, found)
    return SubspaceFit(found, refitted, len(run.moves), settled, tuple(run.history), tuple(run.moves))


def leading_size(moments: Moments, root: FloatArray) -> float:
    """Largest singular value of the coefficients in units of ``X root``, the noise of the moments taken off."""
    matrix = root @ moment_matrix(moments)
    top = float(np.linalg.norm(matrix, 2)) ** 2
    rows = np.maximum(moments.n, 1.0)
    entry = float(np.mean(moments.yy / rows**2))
    size = max(top - entry * (moments.n_features + moments.n_tasks), top / 4.0)
    return float(np.sqrt(size)) if size > 0.0 else 1.0


class _Run:
    """The iterations of both phases, with what they leave behind."""

    def __init__(self, moments: Moments, root: FloatArray, tol: float, watch: Watch | None, *, halve: bool) -> None:
        self.moments, self.root, self.tol, self.watch, self.halve = moments, root, tol, watch, halve
        self.precision = pooled_precision(moments)
        self.history: list[float] = []
        self.moves: list[float] = []

    def phase(
        self, basis: FloatArray, heads: FloatArray, size: float, penalty: float, n_iter: int | None
    ) -> tuple[FloatArray, FloatArray, bool]:
        """Descend with one step and one penalty, ``n_iter`` times or until the stopping rule is met."""
        now = self._at(basis, heads, penalty)
        if not self.history:
            self.history.append(self._loss(now, penalty))
        slack = 1e-12 * float(self.moments.yy.sum()) / max(float(self.moments.n.mean()), 1e-300)
        calm, last = 0, np.inf
        for _ in range(_MOST if n_iter is None else n_iter):
            new = self._at(now.basis - size * now.to_basis, now.heads - size * now.to_heads, penalty)
            fine = np.isfinite(new.value)
            if self.halve and not (fine and new.value <= now.value + slack):
                size *= _SHRINK
                self._note(now, now, penalty)
                continue
            if not fine:
                raise InputError(
                    f"step={size:.3g} is too large: the iterates were no longer finite after {len(self.moves)} "
                    'iterations. Use a smaller step, or step="auto".'
                )
            moved = self._note(now, new, penalty)
            now = new
            scale = statistical_scale(self.moments, self.history[-1], now.basis.shape[1])
            bar = max(self.tol * scale, rounding_scale(self.moments))
            calm = calm + 1 if moved <= last and moved * self.moments.n.mean() < bar else 0
            last = moved
            if n_iter is None and calm >= _CALM and calm % _CALM == 0 and self._promise(now) < bar:
                return now.basis, now.heads, True
        return now.basis, now.heads, n_iter is not None

    def _at(self, basis: FloatArray, heads: FloatArray, penalty: float) -> _Point:
        with np.errstate(over="ignore", invalid="ignore"):
            value, to_basis, to_heads = gradients(self.moments, self.root @ basis, heads, penalty=0.0)
            to_basis = self.root @ to_basis
            if penalty:
                imbalance = basis.T @ basis - heads.T @ heads
                value += penalty * float((imbalance**2).sum())
                to_basis += (4.0 * penalty) * (basis @ imbalance)
                to_heads -= (4.0 * penalty) * (heads @ imbalance)
        return _Point(basis, heads, value, to_basis, to_heads)

    def _loss(self, point: _Point, penalty: float) -> float:
        imbalance = point.basis.T @ point.basis - point.heads.T @ point.heads
        value = point.value - penalty * float((imbalance**2).sum())
        return max(value, 0.0) * float(self.moments.n.mean())

    def _note(self, old: _Point, new: _Point, penalty: float) -> float:
        """Write down loss and move; gives ``||delta Theta||_F^2`` in the whitened units."""
        before, after = orthonormal(self.root @ old.basis), orthonormal(self.root @ new.basis)
        self.moves.append(float(np.linalg.norm(after - before @ (before.T @ after))))
        self.history.append(self._loss(new, penalty))
        if self.watch is not None:
            self.watch(new.heads @ (self.root @ new.basis).T)
        change = new.basis - old.basis, new.heads - old.heads
        # Theta_new - Theta_old = [B_new, dB] [dH, H_old]', without a (T, d) matrix
        left = np.concatenate((new.basis, change[0]), axis=1)
        right = np.concatenate((change[1], old.heads), axis=1)
        return float(((left.T @ left) * (right.T @ right)).sum())

    def _promise(self, point: _Point) -> float:
        """What a full step from ``qr(B)`` would still take off twice the loss: large in a slow stretch at a saddle."""
        basis = orthonormal(self.root @ point.basis)
        ones = np.ones(self.moments.n_tasks)
        state = profile(self.moments, basis, ones)
        return full_step(state, basis, self.moments, self.precision, ones)[1]


def _root(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    root: FloatArray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _check(
    step: str | float | tuple[float, float], init_scale: str | float, n_iter: str | int
) -> tuple[tuple[float, float] | None, float | None, int | None]:
    steps = None
    if step != "auto":
        pair = step if isinstance(step, tuple | list) else (step, step)
        if len(pair) != 2 or not all(isinstance(value, Real) and 0.0 < float(value) < np.inf for value in pair):
            raise InputError(f'step must be "auto", a positive number, or two of them; got {step!r}.')
        steps = float(pair[0]), float(pair[1])
    if init_scale != "auto" and not (isinstance(init_scale, Real) and 0.0 < float(init_scale) < np.inf):
        raise InputError(f'init_scale must be "auto" or a positive number; got {init_scale!r}.')
    if n_iter != "auto" and (not isinstance(n_iter, Integral) or int(n_iter) < 2 or int(n_iter) % 2):
        raise InputError(
            f'n_iter must be "auto" or an even number of at least 2 (half of it for each phase); got {n_iter!r}.'
        )
    return steps, None if init_scale == "auto" else float(init_scale), None if n_iter == "auto" else int(n_iter) // 2
