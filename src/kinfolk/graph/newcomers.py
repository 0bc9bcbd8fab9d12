r"""New tasks on a fitted graph: their neighbours and their coefficients from their few rows.

A newcomer is either like the population, or joined to one of the known tasks s by an edge of weight a:

.. math:: w \sim \tfrac12 N(\bar w, \tau^2 I) + \tfrac1{2 T G} \sum_{s, a} N(m_s, (v_s + 1 / a) I) ,

with :math:`m_s, v_s` the posterior of task s, :math:`\tau^2` the variance about the mean of all tasks and G weights
from :math:`1 / \tau^2` to fifty times that. Its posterior is the mixture of the posteriors, weighted by the
marginal likelihoods of its rows: no choice has to be right, and with no rows it is half the population and half a task
drawn at random. Known tasks stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.base.laplace import laplace_posterior, linear_predictor
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.features import in_units
from kinfolk.graph.logistic import working_moments
from kinfolk.graph.mean_regularised import with_means
from kinfolk.posterior import Posterior
from kinfolk.tasks import Moments, TaskData

_CANDIDATES = 12  # known tasks that fit the newcomer's rows best
_LENGTHS: FloatArray = np.array([1.0, 0.5, 0.2, 0.1, 0.05, 0.02])  # of 1 / a, in units of tau^2
_USED = 0.02  # probability from which on a neighbour is one


@dataclass(frozen=True)
class Newcomers:
    """New tasks and their edges.

    Attributes
    ----------
    posterior : Posterior
    task, neighbour : (m,) integers
        Edges from new tasks (by their own number) to known ones.
    weights : (m,) array
        Expected weight.
    """

    posterior: Posterior
    task: IntArray
    neighbour: IntArray
    weights: FloatArray


def newcomers(known: Posterior, moments: Moments, noise: float, root: FloatArray | None = None) -> Newcomers:
    """Learn new tasks beside known ones.

    Parameters
    ----------
    known : Posterior
        Of all tasks that the model knows; its prior is the population.
    moments : Moments
        Of the new tasks.
    noise : float
    root : (d, d) array, optional
        Units of the features in which coefficients vary alike (`kinfolk.graph.features`).
    """
    return mixture(known, moments, moments, known.prior.condition(moments, noise), noise, root)


def logistic_newcomers(known: Posterior, data: TaskData, root: FloatArray | None = None) -> Newcomers:
    """The same for logistic tasks, at the Gaussian model of their mode under the population, then of the mixture.

    Parameters
    ----------
    known : Posterior
        Its prior has the intercept among the coefficients.
    data : TaskData
        Rows of the new tasks, targets 0 and 1.
    root : (d, d) array, optional
    """
    prior = known.prior
    spread = float(prior.scale[0]) ** 2
    given = replace(known, prior=replace(prior, intercept_variance=spread), given_covariance=known.covariance)
    alone = laplace_posterior(prior, data)
    mean = alone.mean
    for _ in range(2):
        moments = working_moments(data, linear_predictor(mean[:, 1:], mean[:, 0], data.X, data.codes))
        found = mixture(given, moments, with_means(moments, float(prior.mean[0]), spread), alone, 1.0, root)
        mean = found.posterior.mean
    return replace(found, posterior=replace(found.posterior, prior=prior))


def mixture(
    known: Posterior, moments: Moments, rows: Moments, alone: Posterior, noise: float, root: FloatArray | None
) -> Newcomers:
    """The mixture over the population and the known tasks.

    Parameters
    ----------
    known : Posterior
        Its prior says what intercepts are given the slopes.
    moments : Moments
        Of the new tasks.
    rows : Moments
        What tells their slopes.
    alone : Posterior
        Of the new tasks under the population.
    noise : float
    root : (d, d) array or None
    """
    prior, d = known.prior, moments.n_features
    root = np.eye(d) if root is None else root
    back = np.linalg.inv(root)  # from coefficients to those in these units
    turned = in_units(rows, root)
    factor, center = turned.factor(), back @ prior.mean[1:]
    v, V = factor.values, factor.directions
    tau2 = float(((back @ prior.root[1:]) ** 2).sum()) / d
    slopes = known.mean[:, 1:] @ back.T
    spread = np.trace(back @ known.covariance[:, 1:, 1:] @ back.T, axis1=1, axis2=2) / d
    members = _best_fitting(slopes, turned, min(_CANDIDATES, len(slopes)))
    centers = slopes[members]  # (N, k, d)
    variance = spread[members][:, :, None] + tau2 * _LENGTHS  # (N, k, G)
    residual = factor.targets[:, None] - np.sqrt(v)[:, None] * (centers @ V.transpose(0, 2, 1))  # (N, k, r)
    total = noise + variance[..., None] * v[:, None, None]  # (N, k, G, r)
    evidence = -0.5 * (np.log(total) + residual[:, :, None] ** 2 / total).sum(axis=3)
    offset = factor.targets - np.sqrt(v) * (V @ center)
    own = noise + tau2 * v
    population = -0.5 * (np.log(own) + offset**2 / own).sum(axis=1)
    n_new, k, lengths = evidence.shape
    odds = np.concatenate((population[:, None], evidence.reshape(n_new, -1) - np.log(len(slopes) * lengths)), axis=1)
    weights = softmax(odds, axis=1)
    share = weights[:, 1:].reshape(n_new, k, lengths)
    pull = variance[..., None] * np.sqrt(v)[:, None, None] * residual[:, :, None] / total  # (N, k, G, r)
    found = centers[:, :, None] + pull @ V[:, None]  # posterior means of the components, (N, k, G, d)
    alone_mean, alone_covariance = alone.mean[:, 1:] @ back.T, back @ alone.covariance[:, 1:, 1:] @ back.T
    mean = weights[:, :1] * alone_mean + np.einsum("nkg,nkgd->nd", share, found)
    covariance = weights[:, :1, None] * alone_covariance
    blocks = Blocks(turned, factor)
    for slot in range(k):
        for g in range(lengths):
            inside = noise * blocks.shifted(noise / variance[:, slot, g]).inverse
            covariance = covariance + share[:, slot, g, None, None] * inside
    apart = np.concatenate((alone_mean[:, None], found.reshape(n_new, -1, d)), axis=1) - mean[:, None]
    covariance = covariance + apart.transpose(0, 2, 1) @ (weights[:, :, None] * apart)
    each = np.full(n_new, noise)
    posterior = Posterior(
        prior.with_intercepts(mean @ root.T, moments, each),
        each,
        prior,
        given_covariance=prior.with_intercept_covariance(root @ covariance @ root.T, moments, each),
    )
    task, place = np.nonzero(share.sum(axis=2) > _USED)
    strength = (share / _LENGTHS).sum(axis=2) / tau2
    return Newcomers(posterior, task, members[task, place], strength[task, place])


def joined(
    details: Mapping[str, FloatArray], found: Newcomers, known: LabelArray, tasks: LabelArray
) -> dict[str, FloatArray]:
    """Details of a fit with the newcomers' edges beside the old ones, all ends by their places in ``tasks``.

    Parameters
    ----------
    details : mapping
    found : Newcomers
    known, tasks : (K,) and (T,) arrays
        Sorted labels of the tasks before and after.
    """
    labels = np.concatenate((known, tasks[~np.isin(tasks, known)]))
    place = np.argsort(np.argsort(labels, kind="stable"), kind="stable")
    more = np.stack((found.neighbour, len(known) + found.task))
    edges = np.sort(place[np.concatenate((details["edges"], more), axis=1)], axis=0)
    weights = np.concatenate((details["edge_weights"], found.weights))
    return {**details, "edges": edges, "edge_weights": weights}


def _best_fitting(slopes: FloatArray, moments: Moments, k: int) -> IntArray:
    """The k known tasks whose slopes leave the smallest sum of squares of each new task's rows, ``(N, k)``."""
    fit = moments.b @ slopes.T
    size = np.stack(
        [(moments.take(slice(t, t + 1)).times(slopes.T)[0] * slopes.T).sum(axis=0) for t in range(len(fit))]
    )
    near: IntArray = np.argsort(size - 2.0 * fit, axis=1, kind="stable")[:, :k]
    return near
