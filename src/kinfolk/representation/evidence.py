r"""Marginal likelihood of the shared linear representation, and the steps that climb it.

Coefficients are :math:`w_t \sim N(\mu, \sigma^2 (F F^\top + \rho I))` with loadings F of shape (d, k), so that
:math:`B \Gamma B^\top = \sigma^2 F F^\top` and :math:`\tau^2 = \sigma^2 \rho`; the intercept of each task is free.

What a task has of its own is integrated out first: with :math:`V_\rho = I + \rho X_t X_t^\top`, the rows
:math:`V_\rho^{-1/2} X_t` and targets :math:`V_\rho^{-1/2} y_t` follow the model with :math:`\rho = 0`. In the spectral
form of `Factor` that is an elementwise product, so one eigendecomposition serves every rank and every :math:`\rho`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from kinfolk._typing import FloatArray
from kinfolk.tasks import NOISE_FLOOR, Factor, Moments

_RIDGE_BOUNDS = (1e-8, 1e4)  # of g


@dataclass(frozen=True)
class State:
    """The model at given loadings, and where the next step leads.

    Attributes
    ----------
    loadings : (d, k) array
        F.
    own : float
        rho, variance of what each task has of its own, relative to the noise.
    ridge : float
        g, variance of what the population coefficients have outside the loadings, relative to the noise.
    mean : (d,) array
        Population coefficients.
    noise : float
        Variance of the observations.
    value : float
        Log marginal likelihood up to a constant (for projection steps: minus half the sum of squares).
    heads : (T, k) array
        Posterior means along the loadings.
    move : (d, k) array
        The full step.
    position : (d + k,) array
        v, where ``mean = R v``.
    inner : (d + k, d + k) array
        Posterior precision of v, in units of 1 / noise (all eigenvalues are at least 1).
    n_steps : int
        Steps taken to get here.
    """

    loadings: FloatArray
    own: float
    ridge: float
    mean: FloatArray
    noise: float
    value: float
    heads: FloatArray
    move: FloatArray
    position: FloatArray
    inner: FloatArray
    n_steps: int = 0


class SharedModel:
    """The centred data of all tasks with one ``rho`` integrated out."""

    def __init__(self, factor: Factor, moments: Moments, own: float = 0.0) -> None:
        self.own = own
        damping = 1.0 / (1.0 + own * factor.values)
        self.rows = np.sqrt(factor.values * damping)[:, :, None] * factor.directions
        self.targets = np.sqrt(damping) * factor.targets
        self.rest = float(factor.rest.sum())
        self.log_volume = -float(np.log(damping).sum())
        self.freedom = max(moments.degrees_of_freedom, 1.0)
        flat = self.rows.reshape(-1, moments.n_features)
        self.total = flat.T @ flat
        self.pull = flat.T @ self.targets.ravel()
        self.strength = (self.rows**2).sum(axis=(1, 2))  # trace of each task's information
        floor = 1e-3 * max(float(np.trace(self.total)) / len(self.total), 1e-300)
        self.preconditioner = np.linalg.inv(self.total + floor * np.eye(len(self.total))) * self.strength.sum()

    def climb(self, loadings: FloatArray, ridge: float, *, steps: int, tol: float, projection: bool = False) -> State:
        """Step until a step gains less than ``tol``; the length is halved while steps lose."""
        state, length, n_steps = self.weigh(loadings, ridge, projection=projection), 1.0, 0
        while n_steps < steps and loadings.shape[1]:
            moved = self.weigh(state.loadings + length * state.move, ridge, projection=projection)
            n_steps += 1
            gain = moved.value - state.value
            if gain > 0:
                state, length = moved, min(1.0, 2.0 * length)
                if gain < tol:
                    break
            elif length < 0.1:
                break
            else:
                length *= 0.5
        return replace(state, n_steps=n_steps)

    def weigh(self, loadings: FloatArray, ridge: float, *, projection: bool = False) -> State:
        """Heads, population, noise and value at the given loadings, and the next step from there.

        ``projection=True`` weighs least-squares heads (a flat prior), as variable projection does.
        """
        k = loadings.shape[1]
        Z = self.rows @ loadings
        gram = Z.transpose(0, 2, 1) @ Z
        # a flat prior still needs a little weight where a task has fewer rows than directions
        weight = 1e-6 * np.maximum(np.trace(gram, axis1=1, axis2=2), 1e-300) if projection else np.ones(len(Z))
        inner = gram + weight[:, None, None] * np.eye(k)
        cross = self.rows.transpose(0, 2, 1) @ Z
        covariance = np.linalg.inv(inner)
        to_heads = covariance @ Z.transpose(0, 2, 1)
        explained = (cross @ (to_heads @ self.targets[:, :, None]))[:, :, 0].sum(axis=0)
        precision = self.total - np.tensordot(cross @ covariance, cross, axes=((0, 2), (0, 2)))
        root = _population_root(loadings, ridge)
        inside = np.eye(len(root.T)) + root.T @ precision @ root
        position = np.linalg.solve(inside, root.T @ (self.pull - explained))
        mean = root @ position
        residual = self.targets - self.rows @ mean
        heads = (to_heads @ residual[:, :, None])[:, :, 0]
        left = residual - (Z @ heads[:, :, None])[:, :, 0]
        if projection:
            quad = self.rest + float((left**2).sum())
            value = -0.5 * quad
        else:
            quad = self.rest + float((residual * left).sum()) + float(position @ position)
            value = -0.5 * float(np.linalg.slogdet(inner)[1].sum()) - 0.5 * self.log_volume
            value -= 0.5 * self.freedom * np.log(max(quad / self.freedom, NOISE_FLOOR))
        noise = max(quad / self.freedom, NOISE_FLOOR)
        second = heads[:, :, None] * heads[:, None, :]
        if not projection:
            second += noise * covariance
        pulled = np.tensordot(self.rows, residual[:, :, None] * heads[:, None, :], axes=((0, 1), (0, 1)))
        gradient = np.tensordot(cross, second, axes=((0, 2), (0, 1))) - pulled
        weighted = np.tensordot(self.strength, second, axes=1)
        target = loadings - self.preconditioner @ np.linalg.solve(weighted + _tiny(weighted), gradient.T).T
        if not projection:  # the heads' own spread goes into the loadings (parameter expansion)
            spread = second.mean(axis=0) / noise
            target = target @ np.linalg.cholesky(spread + _tiny(spread))
        return State(loadings, self.own, ridge, mean, noise, value, heads, target - loadings, position, inside)


def _population_root(loadings: FloatArray, ridge: float) -> FloatArray:
    """``R = [sqrt(g) I, F]``, ``(d, d + k)``: the population coefficients are ``R v`` with v standard normal."""
    root: FloatArray = np.concatenate((np.sqrt(ridge) * np.eye(len(loadings)), loadings), axis=1)
    return root


def best_ridge(state: State) -> float:
    """One step of MacKay's fixed point for g.

    With v the position outside the loadings, ``g <- g |v|^2 / (noise gamma)``, gamma the number of its coordinates
    that the data determine.
    """
    d = len(state.loadings)
    outside = state.position[:d]
    determined = d - float(np.trace(np.linalg.inv(state.inner)[:d, :d]))
    ratio = float(outside @ outside) / (state.noise * max(determined, 1e-300))
    return float(np.clip(state.ridge * ratio, *_RIDGE_BOUNDS))


def mean_root(state: State) -> FloatArray:
    """``(d, d + k)`` square root of the posterior covariance of the population coefficients, in units of the noise."""
    root: FloatArray = _population_root(state.loadings, state.ridge) @ np.linalg.cholesky(np.linalg.inv(state.inner))
    return root


def _tiny(matrix: FloatArray) -> FloatArray:
    size: FloatArray = 1e-10 * max(float(np.trace(matrix)), 1e-200) * np.eye(len(matrix))
    return size


def best_own(factor: Factor, moments: Moments, state: State) -> float:
    """The ``rho`` with the largest evidence, everything else but the noise held where it is."""
    projected = factor.directions @ state.loadings
    root = np.sqrt(factor.values)
    residual = factor.targets - root * (factor.directions @ state.mean)
    freedom = max(moments.degrees_of_freedom, 1.0)
    k = state.loadings.shape[1]
    population = float(state.position @ state.position)
    rest = float(factor.rest.sum()) + population

    def loss(own: float) -> float:
        damping = 1.0 / (1.0 + own * factor.values)
        Z = (root * np.sqrt(damping))[:, :, None] * projected
        target = np.sqrt(damping) * residual
        transposed = Z.transpose(0, 2, 1)
        inner = np.eye(k) + transposed @ Z
        pull = transposed @ target[:, :, None]
        explained = float((pull * np.linalg.solve(inner, pull)).sum())
        quad = rest + float((target**2).sum()) - explained
        volume = float(np.linalg.slogdet(inner)[1].sum()) - float(np.log(damping).sum())
        return float(freedom * np.log(max(quad / freedom, NOISE_FLOOR)) + volume)

    typical = len(factor.values) * factor.values.shape[1] / max(float(factor.values.sum()), 1e-300)
    small = 1e-4 * typical  # a variance that changes nothing: a task's rows weigh 10,000 times more
    if loss(small) >= loss(0.0):
        return 0.0
    low, high = np.log(small), np.log(1e8 * typical)
    if state.own > 0.0:  # it is usually near where it was
        near = max(low, np.log(state.own) - 2.0), min(high, np.log(state.own) + 2.0)
        found = _bounded(loss, *near)
        if near[0] + 0.1 < found < near[1] - 0.1:
            return float(np.exp(found))
    return float(np.exp(_bounded(loss, low, high)))


def _bounded(loss: Callable[[float], float], low: float, high: float) -> float:
    """Log of the smallest ``loss`` between exp(low) and exp(high)."""
    found = minimize_scalar(
        lambda at: loss(float(np.exp(at))), bounds=(low, high), method="bounded", options={"xatol": 0.03}
    )
    return float(found.x)


def coefficients(factor: Factor, state: State) -> FloatArray:
    """Posterior mean slopes ``(T, d)``: population, shared directions, and what each task has of its own."""
    shared = state.mean + state.heads @ state.loadings.T
    root = np.sqrt(factor.values)
    left = factor.targets - root * (factor.directions @ shared[:, :, None])[:, :, 0]
    weight = state.own * root / (1.0 + state.own * factor.values)
    own: FloatArray = ((weight * left)[:, None, :] @ factor.directions)[:, 0]
    return shared + own


def extend(model: SharedModel, state: State) -> FloatArray:
    """Loadings with one direction more: the strongest one in what the tasks' residuals still pull at."""
    fitted = state.mean + state.heads @ state.loadings.T
    left = model.targets - (model.rows @ fitted[:, :, None])[:, :, 0]
    pulls = (left[:, None, :] @ model.rows)[:, 0] / np.sqrt(np.maximum(model.strength, 1e-300))[:, None]
    direction = np.linalg.svd(model.preconditioner @ pulls.T, full_matrices=False)[0][:, 0]
    information = ((model.rows @ direction) ** 2).sum(axis=1)
    heard = information > 1e-12 * max(float(information.max()), 1e-300)
    heads = (left * (model.rows @ direction)).sum(axis=1)[heard] / information[heard]
    spread = float(np.mean(heads**2) - state.noise * np.mean(1.0 / information[heard])) / state.noise
    size = np.sqrt(max(spread, 0.1 * float(np.mean(1.0 / information[heard]))))
    return np.concatenate((state.loadings, size * direction[:, None]), axis=1)
