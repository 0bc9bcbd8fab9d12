r"""Three equations a task, for every loss: a fixed point, accelerated, and what is done when that fails.

Unknowns are :math:`(\log V, \log q, \operatorname{artanh}(m / (\tau \sqrt q)))`, for one task when all are
exchangeable. The map goes from fitted scores to moments of rows (`outputs`) and through the coupling (`channels`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import root

from kinfolk._typing import FloatArray
from kinfolk.theory.channels import Channel
from kinfolk.theory.losses import Loss
from kinfolk.theory.outputs import Moments, margin_moments, residual_moments
from kinfolk.theory.problem import Problem
from kinfolk.theory.squared import State

ACCEPTED = 1e-8
_STOP = 1e-10
_MAX_STEPS = 300
_MEMORY = 6
_RIDGE = 1e-14
_LARGEST_STEP = 3.0
_CONTINUATION = (1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0)
_DAMPING = 0.3
_NEAR_ONE = 1.0 - 1e-14

Map = Callable[[FloatArray], FloatArray]


def evolve(problem: Problem, loss: Loss, channel: Channel, weights: FloatArray) -> State:
    r"""Solve the scalar equations; `State.converged` is false when all of three ways failed.

    Anderson acceleration; then Powell's hybrid method from the best point; then a continuation in the strength of the
    ridge, K times 1e-4 to 1, damped. Accepted is a residual of 1e-8, the aim is 1e-10.

    Parameters
    ----------
    problem : Problem
    loss : Loss
        Any but the squared loss.
    channel : TwoModes or Coupled
    weights : (N,) array
        Loss weights.
    """
    equations = _Equations(problem, loss, channel, weights)
    with np.errstate(all="ignore"):  # a step too far overflows; it is seen as not finite, and taken back
        x, residual = _accelerated(equations, equations.start())
        if residual > ACCEPTED:
            x, residual = _hybrid(equations, x, residual)
        if residual > ACCEPTED:
            x, residual = _continued(equations, x, residual)
        return equations.state(x, residual)


@dataclass(frozen=True)
class _Equations:
    """The map whose fixed point is sought."""

    problem: Problem
    loss: Loss
    channel: Channel
    weights: FloatArray

    @property
    def N(self) -> int:
        return len(self.weights)

    @property
    def tau2(self) -> FloatArray:
        return self.problem.score_variance[: self.N]

    def start(self) -> FloatArray:
        """A point that every problem is solved from: half of the signal found, with a cosine of 0.42."""
        V = self.problem.eigenvalues.mean() / (1.0 / self.channel.diagonal + 0.5 * self.problem.alpha[: self.N])
        return self.encode(V, 0.5 * self.tau2, 0.3 * self.tau2)

    def encode(self, V: FloatArray, q: FloatArray, m: FloatArray) -> FloatArray:
        cosine = np.clip(m / np.sqrt(q * self.tau2), -_NEAR_ONE, _NEAR_ONE)
        return np.concatenate((np.log(V), np.log(q), np.arctanh(cosine)))

    def decode(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        V, q, z = x[: self.N], np.exp(x[self.N : 2 * self.N]), x[2 * self.N :]
        return np.exp(V), q, np.tanh(z) * np.sqrt(q * self.tau2)

    def conjugates(self, V: FloatArray, q: FloatArray, m: FloatArray) -> Moments:
        """Vh, qh, mh ``(N,)``: averages over classes of rows of r^2 times the moments at r^2 (V, q, m, tau^2)."""
        N, r2, kappa = self.N, self.problem.row_scales, self.weights
        classes = len(r2)
        V, q, m, tau2 = ((values[:, None] * r2).ravel() for values in (kappa * V, q, m, self.tau2))
        if self.problem.link == "linear":
            share, noise = (np.repeat(part[:N], classes, axis=0) for part in self.problem.noise_mixture)
            rest = np.maximum(tau2 - 2.0 * m + q, 1e-15 * tau2)
            found = residual_moments(self.loss, V, noise + rest[:, None], share)
        else:
            noise = np.repeat(self.problem.noise_variance[:N], classes)
            found = margin_moments(self.loss, self.problem.link, V, q, m, tau2, noise)
        power = self.problem.alpha[:N] * kappa
        Vh, qh, mh = (power * (r2 * moment.reshape(N, classes)).mean(axis=1) for moment in found)
        return Vh, kappa * qh, mh

    def __call__(self, x: FloatArray) -> FloatArray:
        Vh, qh, mh = self.conjugates(*self.decode(x))
        if not np.isfinite(Vh + qh + mh).all():
            return np.full_like(x, np.nan)
        seen = self.channel(Vh, mh)
        return self.encode(seen.V, seen.q + seen.squares @ qh, seen.m)

    def strengthened(self, factor: float) -> "_Equations":
        """The same with K times `factor`."""
        return replace(self, channel=replace(self.channel, coupling=factor * self.channel.coupling))

    def state(self, x: FloatArray, residual: float) -> State:
        V, q, m = self.decode(x)
        Vh, qh, mh = self.conjugates(V, q, m)
        return State(V, q, m, Vh, mh, qh, residual <= ACCEPTED, residual)


def _accelerated(equations: Map, start: FloatArray, damping: float = 1.0) -> tuple[FloatArray, float]:
    """Anderson acceleration from `start`: the best point met, and its residual."""
    x, best, least = start, start, np.inf
    points: list[FloatArray] = []
    moves: list[FloatArray] = []
    for step in range(_MAX_STEPS):
        move = equations(x) - x
        if not np.isfinite(move).all():
            x, points, moves = 0.5 * (x + start), [], []
            continue
        residual = float(np.abs(move).max())
        if residual < least:
            best, least = x, residual
        if residual <= _STOP:
            break
        points, moves = [*points[-_MEMORY:], x], [*moves[-_MEMORY:], move]
        new = x + damping * move
        if step >= _MEMORY and len(moves) > 1:
            dF, dX = np.diff(moves, axis=0), np.diff(points, axis=0)
            gram = dF @ dF.T
            gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)), 1e-300)
            mixed = new - np.linalg.solve(gram, dF @ move) @ (dX + damping * dF)
            if np.abs(mixed - x).max() <= _LARGEST_STEP:
                new = mixed
            else:
                points, moves = [], []
        x = new
    return best, least


def _hybrid(equations: Map, x: FloatArray, residual: float) -> tuple[FloatArray, float]:
    """Powell's method from the best point."""

    def move(at: FloatArray) -> FloatArray:
        found = equations(at) - at
        return found if np.isfinite(found).all() else np.full_like(at, 1e3)

    solved = np.asarray(root(move, x, method="hybr", options={"xtol": 1e-13}).x)
    reached = float(np.abs(move(solved)).max())
    return (solved, reached) if reached < residual else (x, residual)


def _continued(equations: _Equations, x: FloatArray, residual: float) -> tuple[FloatArray, float]:
    """Strong ridges are easy; weaken them step by step."""
    at = equations.start()
    for factor in _CONTINUATION:
        at, reached = _accelerated(equations.strengthened(factor), at, _DAMPING)
    return (at, reached) if reached < residual else (x, residual)
