r"""New tasks on a fitted graph: their neighbours and their coefficients from their few rows.

Given known tasks, a newcomer is :math:`w \sim N(\sum_s a_s w_s / p, I / p)`, :math:`p = \sum_s a_s`. EM alternates its
posterior and the weights of `kinfolk.graph.neighbourhood` for the expected differences; the mean of all tasks is one
of the candidates. The neighbours are used where they raise the marginal likelihood of the newcomer's rows over that of
the population by more than their number (Akaike); else the population is its prior. Known tasks stay as they are.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.graph.coupled import Blocks
from kinfolk.graph.neighbourhood import nonnegative_rows
from kinfolk.posterior import Posterior
from kinfolk.tasks import Factor, Moments

_CANDIDATES = 12
_TURNS = 10
_USED = 0.02  # share of the weight from which on a neighbour is one


@dataclass(frozen=True)
class Newcomers:
    """New tasks and their edges.

    Attributes
    ----------
    posterior : Posterior
    task, neighbour : (m,) integers
        Edges from new tasks (by their own number) to known ones.
    weights : (m,) array
    """

    posterior: Posterior
    task: IntArray
    neighbour: IntArray
    weights: FloatArray


def newcomers(known: Posterior, moments: Moments, noise: float, alpha: float) -> Newcomers:
    """Learn new tasks beside known ones.

    Parameters
    ----------
    known : Posterior
        Of all tasks that the model knows; its prior is the population.
    moments : Moments
        Of the new tasks.
    noise : float
    alpha : float
        Shrinkage of distances towards their mean, as in the fit.
    """
    prior = known.prior
    alone = prior.condition(moments, noise)
    d, factor = moments.n_features, moments.factor()
    blocks = Blocks(moments, factor)
    population = float((prior.scale[1:] ** 2).mean())
    slopes, spread = known.mean[:, 1:], np.trace(known.covariance[:, 1:, 1:], axis1=1, axis2=2) / d
    members = _best_fitting(slopes, moments, min(_CANDIDATES, len(slopes)))
    n_new, k = members.shape
    centers = np.concatenate((slopes[members], np.broadcast_to(prior.mean[1:], (n_new, 1, d))), axis=1)
    error = np.concatenate((spread[members], np.zeros((n_new, 1))), axis=1)
    there = np.ones((n_new, k + 1), dtype=bool)
    mean, variance = np.tile(prior.mean[1:], (n_new, 1)), np.full(n_new, population)
    own = np.arange(k + 1)
    for _ in range(_TURNS):
        w, uncertainty = _posterior(blocks, mean, variance, noise)
        apart = centers - w[:, None]
        gram = apart @ apart.transpose(0, 2, 1) / d + uncertainty[:, None, None]
        gram[:, own, own] += error
        gram = (1.0 - alpha) * gram + alpha * population * (1.0 + np.eye(k + 1))
        weights = nonnegative_rows(gram, there)
        p = weights.sum(axis=1)
        share = weights / p[:, None]
        mean = (share[:, None, :] @ centers)[:, 0]
        variance = 1.0 / p + (share**2 * error).sum(axis=1)
    used = share[:, :k] > _USED
    gain = _evidence(factor, mean, variance, noise) - _evidence(
        factor, np.tile(prior.mean[1:], (n_new, 1)), np.full(n_new, population), noise
    )
    joined = (gain > used.sum(axis=1)) & used.any(axis=1)
    w, _ = _posterior(blocks, mean, variance, noise)
    each = np.full(n_new, noise)
    covariance = noise * blocks.inverses(noise / variance)
    found = Posterior(
        np.where(joined[:, None], prior.with_intercepts(w, moments, each), alone.mean),
        each,
        prior,
        given_covariance=np.where(
            joined[:, None, None],
            prior.with_intercept_covariance(covariance, moments, each),
            alone.covariance,
        ),
    )
    task, slot = np.nonzero(used & joined[:, None])
    return Newcomers(found, task, members[task, slot], weights[task, slot])


def _best_fitting(slopes: FloatArray, moments: Moments, k: int) -> IntArray:
    """The k known tasks whose slopes leave the smallest sum of squares of each new task's rows, ``(N, k)``."""
    fit = moments.b @ slopes.T
    size = np.stack(
        [(moments.take(slice(t, t + 1)).times(slopes.T)[0] * slopes.T).sum(axis=0) for t in range(len(fit))]
    )
    near: IntArray = np.argsort(size - 2.0 * fit, axis=1, kind="stable")[:, :k]
    return near


def _posterior(blocks: Blocks, mean: FloatArray, variance: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """Posterior means ``(N, d)`` under ``N(mean, variance I)``, and mean variances of a coefficient ``(N,)``."""
    v, V, p = blocks.factor.values, blocks.factor.directions, (noise / variance)[:, None]
    pull = np.sqrt(v) * blocks.factor.targets - v * (V @ mean[:, :, None])[:, :, 0]
    w = mean + ((pull / (v + p))[:, None, :] @ V)[:, 0]
    share = (v / (v + p)).sum(axis=1) / blocks.d
    return w, variance * (1.0 - share)


def _evidence(factor: Factor, mean: FloatArray, variance: FloatArray, noise: float) -> FloatArray:
    """Log marginal likelihood of each task's rows under ``w ~ N(mean, variance I)``, up to a constant."""
    v = factor.values
    residual = factor.targets - np.sqrt(v) * (factor.directions @ mean[:, :, None])[:, :, 0]
    total = noise + variance[:, None] * v
    evidence: FloatArray = -0.5 * (np.log(total) + residual**2 / total).sum(axis=1)
    return evidence
