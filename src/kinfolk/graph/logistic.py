r"""Logistic tasks that lean on each other: their joint mode, and the Gaussian model there.

.. math:: \sum_{ti} \log \operatorname{sigmoid}\bigl(\pm (a_t + x_{ti}^\top w_t)\bigr) - \tfrac12 \operatorname{tr}
          (W^\top Q W) - \tfrac1{2v} \sum_t (a_t - m)^2

is concave; Q is the precision of the task graph (`kinfolk.graph.coupled`), the sign that of the row's class. At linear
predictors :math:`\eta` the likelihood is, to second order, that of working responses :math:`\eta + (y - p) / h` with
weights :math:`h = p (1 - p)` and noise of variance one. A Newton step is the posterior mean of that model, and its
joint posterior at the mode is Laplace's (Rasmussen and Williams 2006, section 3.4), so that EM of Gaussian tasks
(`kinfolk.graph.em`) is that of logistic ones. With intercepts integrated out, the mean of a task is a row too.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.base.laplace import linear_predictor
from kinfolk.graph.anderson import Anderson
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.coupled import DENSE, Coupling, expect, solve
from kinfolk.graph.em import without_edges
from kinfolk.graph.mean_regularised import MeanRegularised, most_likely, with_means
from kinfolk.tasks import Factor, Moments, TaskData

LARGEST = 100.0  # variance of the linear predictor beyond which classes are separated anyway
_CLIP = 30.0  # log-odds beyond which a row's curvature is no longer told from zero
_STEPS = 50
_TURNS = 40  # between mode and strengths
_FAR = 1.0  # most that a log strength or the log-odds of the center are led beyond a turn
_WORSE = 1.0  # loss of log evidence after which that is taken back


@dataclass(frozen=True)
class Mode:
    """Tasks at a mode, or on the way there.

    Attributes
    ----------
    slopes : (T, d) array
    intercept : (T,) array
    eta : (n,) array
        Linear predictors.
    """

    slopes: FloatArray
    intercept: FloatArray
    eta: FloatArray


def working_moments(data: TaskData, eta: FloatArray) -> Moments:
    """Moments of the working responses, rows weighted by their curvature."""
    p = expit(np.clip(eta, -_CLIP, _CLIP))
    curvature = p * (1.0 - p)
    weights = curvature if data.weights is None else curvature * data.weights
    return replace(data, y=eta + (data.y - p) / curvature, weights=weights).moments()


@dataclass(frozen=True)
class Working:
    """The Gaussian model at some linear predictors.

    Attributes
    ----------
    moments : Moments
    blocks : Blocks
        With the means of the tasks as rows.
    """

    moments: Moments
    blocks: Blocks

    @classmethod
    def at(cls, data: TaskData, eta: FloatArray, base: MeanRegularised) -> "Working":
        """Intercepts have the population of ``base``."""
        moments = working_moments(data, eta)
        return cls(moments, Blocks(with_means(moments, base.center, base.spread)))

    def means(self, coupling: Coupling, start: FloatArray, tol: float) -> FloatArray:
        """Posterior means of the slopes."""
        if coupling.joined and self.blocks.n_tasks * self.blocks.d <= DENSE:
            return expect(self.blocks, coupling, 1.0, n_probes=0, seed=0).slopes
        found, _ = solve(self.blocks, coupling, self.blocks.b[:, :, None], start=start[:, :, None], tol=tol)
        return found[:, :, 0]

    def intercept(self, slopes: FloatArray, base: MeanRegularised) -> FloatArray:
        """Posterior means of the intercepts given the slopes."""
        offset = self.moments.y_mean - (self.moments.x_mean * slopes).sum(axis=1)
        trust = self.moments.n * base.spread / (self.moments.n * base.spread + 1.0)
        found: FloatArray = base.center + trust * (offset - base.center)
        return found


def log_posterior(data: TaskData, at: Mode, coupling: Coupling, base: MeanRegularised) -> float:
    """What the mode maximises."""
    size = float((at.slopes * coupling.times(at.slopes)).sum())
    return (
        log_likelihood(data, at.eta) - 0.5 * size - 0.5 * float(((at.intercept - base.center) ** 2).sum()) / base.spread
    )


def log_likelihood(data: TaskData, eta: FloatArray) -> float:
    """Of all rows."""
    weights = np.ones(len(eta)) if data.weights is None else data.weights
    return -float(weights @ np.logaddexp(0.0, (1.0 - 2.0 * data.y) * eta))


def find_mode(data: TaskData, coupling: Coupling, base: MeanRegularised, at: Mode, *, tol: float = 1e-8) -> Mode:
    """Newton's method from ``at``, each step halved until it raises the log posterior.

    It ends when a step moves no linear predictor by ``tol``.
    """
    value = log_posterior(data, at, coupling, base)
    for _ in range(_STEPS):
        working = Working.at(data, at.eta, base)
        slopes = working.means(coupling, at.slopes, min(0.1 * tol, 1e-4))
        intercept = working.intercept(slopes, base)
        there = Mode(slopes, intercept, linear_predictor(slopes, intercept, data.X, data.codes))
        share, reached = 1.0, log_posterior(data, there, coupling, base)
        while reached < value - 1e-10 * (1.0 + abs(value)) and share > 1e-6:
            share *= 0.5
            there = Mode(*(old + 0.5 * (new - old) for old, new in zip(_parts(at), _parts(there), strict=True)))
            reached = log_posterior(data, there, coupling, base)
        move = float(np.abs(there.eta - at.eta).max(initial=0.0))
        at, value = there, reached
        if move < tol:
            break
    return at


def _parts(at: Mode) -> tuple[FloatArray, FloatArray, FloatArray]:
    return at.slopes, at.intercept, at.eta


Start = tuple[MeanRegularised, Mode]


def mean_regularised_logistic(data: TaskData, tol: float = 1e-5, near: MeanRegularised | None = None) -> Start:
    r"""Logistic tasks about a population, its strengths o and q and the population of intercepts by Laplace evidence.

    .. math:: w_t \sim N(\mu, o I), \quad \mu \sim N(0, q I), \quad a_t \sim N(m, v)

    In turns: the mode, and the strengths of largest evidence for the Gaussian model there. Turns are slow where classes
    are nearly separated; `Anderson` leads ahead of them, and they go back where the evidence falls.

    Parameters
    ----------
    data : TaskData
    tol : float
        Move of the linear predictors, root mean square, at which it ends.
    near : MeanRegularised, optional
        Of similar rows: where the strengths start.

    Returns
    -------
    base : MeanRegularised
        With noise one; ``value`` is the Laplace approximation of the log marginal likelihood.
    mode : Mode
    """
    T, d = data.n_tasks, data.n_features
    weights = np.ones(len(data.y)) if data.weights is None else data.weights
    share = float(np.clip(np.average(data.y, weights=weights), 1e-3, 1.0 - 1e-3))
    center = float(np.log(share / (1.0 - share)))
    mode = Mode(np.zeros((T, d)), np.full(T, center), np.full(len(data.y), center))
    base = near or MeanRegularised(1.0, 1.0 / d, 1.0 / d, np.zeros(d), np.eye(d) / d, mode.slopes, 0.0, center, 1.0)
    ahead, kept, led = Anderson(_FAR), (base, mode), False
    for _ in range(_TURNS):
        before, mode = mode, find_mode(data, without_edges(base, T), base, mode, tol=0.1 * tol)
        found = _strengths(data, mode, base)
        if float(np.sqrt(np.mean((mode.eta - before.eta) ** 2))) < tol:
            base = found
            break
        if led and found.value < kept[0].value - _WORSE:
            base, mode = kept
            ahead, led = Anderson(_FAR), False
            continue
        kept, turned = (found, mode), _parameters(found)
        there = ahead.after(_parameters(base), turned)
        led = bool((there != turned).any())
        base = _at(found, there)
    else:  # not where the last turn led to, which nobody has looked at
        base, mode = kept
    mode = find_mode(data, without_edges(base, T), base, mode)
    return base, mode


def _parameters(base: MeanRegularised) -> FloatArray:
    return np.array([np.log(base.own), np.log(base.ridge), base.center, np.log(base.spread)])


def _at(base: MeanRegularised, parameters: FloatArray) -> MeanRegularised:
    own, ridge, spread = np.minimum(np.exp(parameters[[0, 1, 3]]), LARGEST).tolist()
    return replace(base, own=own, ridge=ridge, center=float(parameters[2]), spread=spread)


def _strengths(data: TaskData, mode: Mode, last: MeanRegularised) -> MeanRegularised:
    moments = working_moments(data, mode.eta)
    _, center, spread = intercepts(mode.slopes, moments, 1.0)
    spread = min(spread, LARGEST)
    joint = with_means(moments, center, spread)
    factor: Factor = joint.factor()
    base = most_likely(factor, 0.0, last, largest=LARGEST)
    p = expit(np.clip(mode.eta, -_CLIP, _CLIP))
    weights = np.ones(len(p)) if data.weights is None else data.weights
    left = float(weights @ ((data.y - p) ** 2 / (p * (1.0 - p))))
    volume = float(np.log1p(moments.n * spread).sum())
    value = log_likelihood(data, mode.eta) + 0.5 * left + base.value - 0.5 * volume
    return replace(base, center=center, spread=spread, value=value)
