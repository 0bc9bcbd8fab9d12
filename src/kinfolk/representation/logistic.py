r"""Laplace evidence of logistic tasks with a shared linear representation, and the steps that climb it.

.. math:: P(y_{ti} = 1) = \operatorname{sigmoid}(a_t + x_{ti}^\top w_t), \qquad
          u_t = (a_t, w_t) \sim N\bigl(m,\; F F^\top + \operatorname{diag}(s)\bigr) ,

with loadings F of shape (D, k), D = d + 1, whose first row is zero (:math:`B \Gamma B^\top = F F^\top`), and own
variances :math:`s = (v, \tau^2, \ldots, \tau^2)`: intercepts are shrunken towards their population, since the free
intercept of a task with one class is infinite. The population slopes have the prior :math:`N(0, F F^\top + g I)`.

At the mode of the tasks' coefficients the model is, to second order, a Gaussian one: rows :math:`\sqrt{h_i} x_i`,
:math:`h = p (1 - p)`, working responses :math:`\sqrt{h_i} (\eta_i + (y_i - p_i) / h_i)` and noise of variance one.
What a task has of its own is integrated out of these rows,
:math:`R_t \to (I + R_t \operatorname{diag}(s) R_t^\top)^{-1/2} R_t`. What is maximised (`logistic_climb`) is

.. math:: \sum_t \bigl[\log p(y_t | \hat u_t) + \log N(\hat u_t; m, S) - \tfrac12 \log|H_t| \bigr]
          + \log N(m; 0, M) - \tfrac12 \log|H| , \qquad M = F F^\top + g I ,

the Laplace approximation of the log marginal likelihood (Rasmussen and Williams 2006, section 3.4), with
:math:`H_t` the information on :math:`u_t` and H that on m once every task's own is integrated out, and the log prior
:math:`-\tfrac12 (d - k) \log|F^\top F|` of the loadings: all subspaces alike, and all logarithms of the scale. Without
it the scale is too large, and predictions are too sure, where rows are few: heads of tasks that have helped to choose
F are larger than those of new rows would be, their second moments by a factor of :math:`1 + (d - k) / T`.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray
from kinfolk.tasks import TaskData, sum_by_task


@dataclass(frozen=True)
class Prior:
    """The population that tasks are drawn from, in standardised units, intercept first.

    Attributes
    ----------
    mean : (D,) array, m
    loadings : (D, k) array, F; the first row is zero
    own : (D,) array, s
    ridge : float, g
    held : bool, whether the own variance of the slopes is given, not learned
    """

    mean: FloatArray
    loadings: FloatArray
    own: FloatArray
    ridge: float
    held: bool = False

    def mean_precision(self) -> FloatArray:
        """Prior precision ``(D, D)`` of m: zero for the intercept."""
        precision = np.zeros((len(self.mean), len(self.mean)))
        slopes = self.loadings[1:]
        precision[1:, 1:] = np.linalg.inv(slopes @ slopes.T + self.ridge * np.eye(len(slopes)))
        return precision


class Design:
    """Rows of all tasks with a leading one, and their classes as 0 and 1; a row of weight 0 is only predicted."""

    def __init__(self, data: TaskData) -> None:
        self.rows = np.concatenate((np.ones((len(data.X), 1)), data.X), axis=1)
        self.y = data.y
        self.weights = np.ones(len(data.y)) if data.weights is None else data.weights
        self.codes, self.offsets, self.n_tasks = data.codes, data.offsets, data.n_tasks
        self.counts = np.diff(data.offsets)
        self.longest = int(self.counts.max(initial=0))
        self.position = np.arange(len(data.y)) - data.offsets[self.codes]

    def with_weights(self, keep: FloatArray) -> "Design":
        """The same rows, weighted by ``keep`` besides."""
        other = copy(self)
        other.weights = self.weights * keep
        return other

    def linear(self, coef: FloatArray) -> FloatArray:
        """``eta`` (n,) for coefficients (T, D)."""
        eta: FloatArray = np.einsum("nd,nd->n", self.rows, coef[self.codes])
        return eta

    def log_likelihood(self, eta: FloatArray) -> FloatArray:
        """Weighted log-likelihood of each task, ``(T,)``."""
        return sum_by_task(self.weights * -np.logaddexp(0.0, (1.0 - 2.0 * self.y) * eta), self.codes, self.n_tasks)

    def working(self, eta: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Rows ``(T, r, D)`` and targets ``(T, r)`` of the Gaussian model at ``eta``, the population taken out.

        They are the rows themselves, padded, when no task has more than D, and otherwise a Cholesky factor of their
        Gram matrix.
        """
        p = expit(np.clip(eta, -30.0, 30.0))
        curvature = p * (1.0 - p)
        left = eta - self.rows @ mean
        D = self.rows.shape[1]
        if self.longest <= D:
            root = np.sqrt(self.weights * curvature)
            rows, targets = np.zeros((self.n_tasks, self.longest, D)), np.zeros((self.n_tasks, self.longest))
            rows[self.codes, self.position] = root[:, None] * self.rows
            targets[self.codes, self.position] = root * (left + (self.y - p) / curvature)
            return rows, targets
        gram, pull = np.zeros((self.n_tasks, D, D)), np.zeros((self.n_tasks, D))
        weighted = self.rows * (self.weights * curvature)[:, None]
        target = self.weights * (curvature * left + self.y - p)
        for t in np.flatnonzero(self.counts):  # a plain loop of BLAS calls
            task = slice(self.offsets[t], self.offsets[t + 1])
            np.dot(self.rows[task].T, weighted[task], out=gram[t])
            np.dot(target[task], self.rows[task], out=pull[t])
        size = np.trace(gram, axis1=1, axis2=2)
        gram += (1e-10 * np.maximum(size, 1e-200))[:, None, None] * np.eye(D)
        lower = np.linalg.cholesky(gram)
        return lower.transpose(0, 2, 1), np.linalg.solve(lower, pull[:, :, None])[:, :, 0]


@dataclass(frozen=True)
class State:
    """The tasks at their mode under one prior.

    Attributes
    ----------
    prior : Prior
    eta : (n,) array, linear predictors
    coef : (T, D) array, modes of u
    heads : (T, k) array, their positions along the loadings
    covariance : (T, k, k) array, posterior covariances of the heads
    whitened : (T, r, D) array, working rows with what tasks have of their own integrated out
    pulled : (T, r) array, their targets less the population
    left : (T, r) array, and less the heads
    information : (D, D) array, what all tasks together tell of their population, heads integrated out
    value : float, the log evidence
    n_steps : int, steps of `climb` that led here
    settled : bool
    history : tuple of float, the objective after each of them
    """

    prior: Prior
    eta: FloatArray
    coef: FloatArray
    heads: FloatArray
    covariance: FloatArray
    whitened: FloatArray
    pulled: FloatArray
    left: FloatArray
    information: FloatArray
    value: float
    n_steps: int = 0
    settled: bool = False
    history: tuple[float, ...] = ()

    @property
    def objective(self) -> float:
        """What `climb` raises: the log evidence and the log prior of the loadings."""
        F = self.prior.loadings[1:]
        d, k = F.shape
        volume = float(np.linalg.slogdet(F.T @ F + 1e-12 * np.eye(k))[1])
        objective: float = self.value - 0.5 * (d - k) * volume
        return objective


def find_mode(design: Design, prior: Prior, eta: FloatArray, *, tol: float, steps: int = 25) -> State:
    """Newton's method for all tasks at once, from ``eta``; a task's step is halved while it lowers its posterior."""
    F, root = prior.loadings, np.sqrt(prior.own)
    k = F.shape[1]
    z: FloatArray | None = None
    objective: FloatArray | None = None
    for _ in range(steps):
        rows, targets = design.working(eta, prior.mean)
        scaled = rows * root
        inner = np.eye(rows.shape[1]) + scaled @ scaled.transpose(0, 2, 1)
        along = rows @ F
        solved = np.linalg.solve(inner, np.concatenate((along, targets[:, :, None]), axis=2))
        transposed = along.transpose(0, 2, 1)
        precision = np.eye(k) + transposed @ solved[:, :, :k]
        covariance = np.linalg.inv(precision)
        heads = (covariance @ (transposed @ solved[:, :, k:]))[:, :, 0]
        back = solved[:, :, k] - (solved[:, :, :k] @ heads[:, :, None])[:, :, 0]
        new = np.concatenate((heads, (back[:, None, :] @ scaled)[:, 0]), axis=1)
        eta, z_new, reached = _best_step(design, prior, z, new, objective)
        gain = np.inf if objective is None else float((reached - objective).sum())
        z, objective = z_new, reached
        if gain < tol:
            break
    assert z is not None
    lower = np.linalg.cholesky(inner)
    both = np.linalg.solve(lower, np.concatenate((rows, targets[:, :, None]), axis=2))
    whitened, pulled = both[:, :, :-1], both[:, :, -1]
    left = pulled - (whitened @ (F @ z[:, :k, None]))[:, :, 0]
    volume = 2.0 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
    volume += float(np.linalg.slogdet(precision)[1].sum())
    information = _information(whitened, F, covariance)
    value = float(reached.sum()) - 0.5 * volume + _log_population(prior, information)
    coef = prior.mean + z[:, :k] @ F.T + z[:, k:] * root
    return State(prior, eta, coef, z[:, :k], covariance, whitened, pulled, left, information, value)


def _best_step(
    design: Design, prior: Prior, old: FloatArray | None, new: FloatArray, objective: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Linear predictors, positions and log posteriors after a step that lowers no task's log posterior."""
    k, root = prior.loadings.shape[1], np.sqrt(prior.own)
    for halving in range(12):
        eta = design.linear(prior.mean + new[:, :k] @ prior.loadings.T + new[:, k:] * root)
        reached = design.log_likelihood(eta) - 0.5 * (new**2).sum(axis=1)
        if old is None or objective is None:
            break
        worse = reached < objective - 1e-10 * (1.0 + np.abs(objective))
        if not worse.any():
            break
        share = 0.5 if halving < 11 else 0.0
        new = np.where(worse[:, None], old + share * (new - old), new)
    return eta, new, reached


def _log_population(prior: Prior, information: FloatArray) -> float:
    """``log N(m; 0, M)`` and the volume of m's posterior: ``-1/2 (m' M^-1 m + log|M| + log|H + M^-1|)``."""
    slopes = prior.mean[1:]
    shrink = prior.mean_precision()
    size = float(slopes @ shrink[1:, 1:] @ slopes) - float(np.linalg.slogdet(shrink[1:, 1:])[1])
    return -0.5 * (size + float(np.linalg.slogdet(information + shrink)[1]))


def _information(W: FloatArray, loadings: FloatArray, covariance: FloatArray) -> FloatArray:
    cross = W.transpose(0, 2, 1) @ (W @ loadings)
    lost: FloatArray = np.tensordot(cross @ covariance, cross, axes=((0, 2), (0, 2)))
    return total(W) - lost


def total(rows: FloatArray) -> FloatArray:
    """Sum ``(D, D)`` of ``R_t' R_t`` over the tasks."""
    flat = rows.reshape(-1, rows.shape[2])
    summed: FloatArray = flat.T @ flat
    return summed
