r"""Simulated tasks of `kinfolk.theory.Problem`, and exact fits of the estimator that it speaks of, at finite sizes.

.. math::

    \min_W \sum_{t,i} \ell(y_{ti}, x_{ti}^\top w_t) + \tfrac p2 \operatorname{tr}(W Q W^\top) - p \sum_t b_t^\top w_t,
    \qquad Q^{-1} = \frac{1}{\lambda} [(1 - c) I + c\, 1 1^\top], \quad c < 1 .

Squared loss: one linear system. Logistic loss: Newton's method. The others: the alternating direction method of
multipliers on the fitted scores. All systems have one block a task and one that tasks share.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.special import expit

from kinfolk._typing import FloatArray
from kinfolk.theory import Problem

_NEWTON_STEPS = 50
_ROUNDS = 3000
_TOLERANCE = 1e-6
_RELAXATION = 1.7
_BALANCE_EVERY = 40


@dataclass(frozen=True)
class Drawn:
    """One data set: rows ``(n_t, p)`` and labels ``(n_t,)`` of every task, and true coefficients ``(T, p)``."""

    X: list[FloatArray]
    y: list[FloatArray]
    truth: FloatArray


def draw(problem: Problem, generator: np.random.Generator) -> Drawn:
    """Draw Gaussian rows (of the problem's row norms) and labels; coefficients have its Gram matrix exactly.

    A problem with a spectrum is not drawn here.
    """
    p, T = int(problem.n_features), problem.T
    values, vectors = np.linalg.eigh(problem.inner_products)
    basis = np.linalg.qr(generator.normal(size=(p, T)))[0]
    truth = (vectors * np.sqrt(np.maximum(values, 0.0))) @ basis.T
    X, y = [], []
    for t in range(T):
        n = round(problem.alpha[t] * p)
        rows = generator.normal(size=(n, p)) * np.sqrt(generator.choice(problem.row_scales, size=n))[:, None]
        X.append(rows)
        y.append(label(problem, t, rows @ truth[t], generator))
    return Drawn(X, y, truth)


def label(problem: Problem, task: int, scores: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Labels (n,) of rows of a task with these scores."""
    weights, variances = (values[task] for values in problem.noise_mixture)
    noise = np.sqrt(generator.choice(variances, size=len(scores), p=weights)) * generator.normal(size=len(scores))
    if problem.link == "logistic":
        return np.where(generator.random(len(scores)) < expit(scores), 1.0, -1.0)
    return np.asarray(scores + noise if problem.link == "linear" else np.sign(scores + noise))


def fit(
    X: list[FloatArray],
    y: list[FloatArray],
    loss: str,
    lam: float,
    c: float,
    *,
    pull: FloatArray | None = None,
    delta: float = 1.0,
) -> FloatArray:
    """Coefficients ``(T, p)`` of the minimum; `pull` is b ``(T, p)``.

    Raises
    ------
    RuntimeError
        When the iteration did not reach its tolerance.
    """
    T, p = len(X), X[0].shape[1]
    b = np.zeros((T, p)) if pull is None else p * pull
    if loss == "squared":
        return System(X, [np.ones(len(rows)) for rows in X], lam, c).solve(
            b + np.stack([rows.T @ labels for rows, labels in zip(X, y, strict=True)])
        )
    if loss == "logistic":
        return _newton(X, y, lam, c, b)
    return _multipliers(X, y, loss, lam, c, b, delta)


class System:
    """X_t' diag(d_t) X_t + p Q, factored: a block a task, and what they share by Woodbury's identity."""

    def __init__(self, X: list[FloatArray], weights: list[FloatArray], lam: float, c: float) -> None:
        T, p = len(X), X[0].shape[1]
        self.own = p * lam / (1.0 - c)
        self.shared = self.own * c / (1.0 - c + c * T)
        grams = [(rows.T * d) @ rows + self.own * np.eye(p) for rows, d in zip(X, weights, strict=True)]
        self.inverses = np.stack([_inverse(gram) for gram in grams])
        self.schur = _inverse(np.eye(p) - self.shared * self.inverses.sum(axis=0))

    def solve(self, right: FloatArray) -> FloatArray:
        """Solution ``(T, p)``."""
        alone = np.einsum("tij,tj->ti", self.inverses, right)
        common = self.schur @ alone.sum(axis=0)
        return np.asarray(alone + self.shared * self.inverses @ common)

    def penalty(self, W: FloatArray) -> FloatArray:
        """Gradient of the penalty, p Q W."""
        return np.asarray(self.own * W - self.shared * W.sum(axis=0))


def _inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a positive definite matrix, from its Cholesky factor: half of the time of the general one."""
    factor, failed = dpotrf(matrix, lower=1)
    if failed:
        raise RuntimeError("A matrix that has to be positive definite is not, to rounding.")
    lower, _ = dpotri(factor, lower=1)
    inverse = lower + lower.T  # the other triangle is zero
    inverse[np.diag_indices_from(inverse)] *= 0.5
    return np.asarray(inverse)


def _newton(X: list[FloatArray], y: list[FloatArray], lam: float, c: float, b: FloatArray) -> FloatArray:
    """Damped Newton steps on the logistic loss."""
    W = np.zeros_like(b)
    penalty = System([rows[:1] for rows in X], [np.zeros(1)] * len(X), lam, c).penalty

    def objective(at: FloatArray) -> float:
        losses = sum(np.logaddexp(0.0, -labels * (rows @ w)).sum() for rows, labels, w in zip(X, y, at, strict=True))
        return float(losses + 0.5 * (at * penalty(at)).sum() - (b * at).sum())

    value = objective(W)
    for _ in range(_NEWTON_STEPS):
        wrong = [expit(-labels * (rows @ w)) for rows, labels, w in zip(X, y, W, strict=True)]
        pulls = np.stack([rows.T @ (f * labels) for rows, f, labels in zip(X, wrong, y, strict=True)])
        gradient = penalty(W) - b - pulls
        step = System(X, [f * (1.0 - f) for f in wrong], lam, c).solve(gradient)
        decrease = float((gradient * step).sum())
        if decrease <= 1e-10 * (1.0 + abs(value)):
            return W - step
        size = 1.0
        while (new := objective(W - size * step)) > value - 1e-4 * size * decrease:
            size *= 0.5
        W, value = W - size * step, new
    raise RuntimeError("Newton's method on the logistic loss did not converge.")


def _multipliers(
    X: list[FloatArray], y: list[FloatArray], loss: str, lam: float, c: float, b: FloatArray, delta: float
) -> FloatArray:
    """Scores z = X w split off; over-relaxed, the step balanced between primal and dual residuals."""
    starts = np.cumsum([0, *(len(rows) for rows in X)])
    labels = np.concatenate(y)

    def scores(W: FloatArray) -> FloatArray:
        return np.concatenate([rows @ w for rows, w in zip(X, W, strict=True)])

    def back(z: FloatArray) -> FloatArray:
        return np.stack([rows.T @ z[i:j] for rows, i, j in zip(X, starts[:-1], starts[1:], strict=True)])

    ones: list[FloatArray] = [np.ones(len(rows)) for rows in X]
    step = lam + 0.5 * len(labels) / (len(X) * X[0].shape[1])
    system = System(X, ones, lam / step, c)
    z: FloatArray = np.zeros(len(labels))
    u: FloatArray = np.zeros(len(labels))
    for round_ in range(_ROUNDS):
        W = system.solve(back(z - u) + b / step)
        at = scores(W)
        relaxed = _RELAXATION * at + (1.0 - _RELAXATION) * z
        new = proximal(loss, relaxed + u, labels, 1.0 / step, delta)
        u = u + relaxed - new
        primal = _size(at - new) / max(_size(at), _size(new), 1e-12)
        dual = _size(new - z) / max(_size(u), 1e-12)
        z = new
        if max(primal, dual) < _TOLERANCE:
            return W
        if round_ % _BALANCE_EVERY == _BALANCE_EVERY - 1 and not 0.2 * dual < primal < 5.0 * dual:
            factor = float(np.clip(np.sqrt(primal / max(dual, 1e-12)), 0.1, 10.0))
            step, u = step * factor, u / factor
            system = System(X, ones, lam / step, c)
    raise RuntimeError(f"Multipliers for the {loss} loss did not converge.")


def _size(vector: FloatArray) -> float:
    return float(np.linalg.norm(vector))


def proximal(loss: str, at: FloatArray, y: FloatArray, V: float, delta: float) -> FloatArray:
    """Minimum over z of V l(y, z) + (z - at)^2 / 2."""
    if loss == "hinge":
        margin = y * at
        return np.asarray(at + y * np.clip(1.0 - margin, 0.0, V))
    residual = y - at
    if loss == "lad":
        return np.asarray(at + np.clip(residual, -V, V))
    return np.asarray(at + np.clip(residual * V / (1.0 + V), -V * delta, V * delta))
