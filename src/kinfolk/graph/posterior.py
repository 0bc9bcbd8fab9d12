"""The joint posterior of tasks on a graph, task by task, and what it says of a task never seen."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.coupled import Coupling, covariances
from kinfolk.graph.mean_regularised import MeanRegularised
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.tasks import Moments

_DRAWS = 64  # for the covariances of many tasks


@dataclass(frozen=True)
class JointPosterior(Posterior):
    """Marginals of the joint posterior; the covariances are made when they are first asked for.

    ``prior`` is that of a task never seen: a task of the graph has no prior of its own, since it leans on the others.

    Attributes
    ----------
    blocks : Blocks or None
    coupling : Coupling or None
    root : (d, d) array or None
        Coefficients are ``root`` times those that the blocks speak of.
    """

    blocks: Blocks | None = None
    coupling: Coupling | None = None
    root: FloatArray | None = None

    @cached_property
    def covariance(self) -> FloatArray:
        """Posterior covariances ``(T, D, D)``."""
        assert self.blocks is not None
        assert self.coupling is not None
        assert self.moments is not None
        noise = self.noise_variance
        slopes = noise[:, None, None] * covariances(self.blocks, self.coupling, n_draws=_DRAWS, seed=0)
        if self.root is not None:
            slopes = self.root @ slopes @ self.root.T
        return self.prior.with_intercept_covariance(slopes, self.moments, noise)


def joint_posterior(
    slopes: FloatArray,
    blocks: Blocks,
    coupling: Coupling,
    base: MeanRegularised,
    variance: float,
    moments: Moments,
    root: FloatArray | None = None,
) -> JointPosterior:
    """Posterior of all tasks, with intercepts shrunken towards the population that the slopes were learned with.

    Parameters
    ----------
    slopes : (T, d) array
        Posterior means.
    blocks, coupling
        See `kinfolk.graph.coupled`.
    base : MeanRegularised
        Its population says how well the mean of all tasks is known.
    variance : float
        Of a coefficient about the mean of all tasks.
    moments : Moments
        Of the rows as they are; slopes, blocks and base may be in other units of the features.
    root : (d, d) array, optional
        Those units (`kinfolk.graph.features`).
    """
    noise = base.noise
    T, d = slopes.shape
    center, spread = base.center, base.spread
    mean_factor = np.zeros((d + 1, d + 1))
    mean_factor[0, 0] = np.sqrt((spread + noise * float(np.mean(1.0 / np.maximum(moments.n, 1.0)))) / T)
    values, vectors = np.linalg.eigh(base.mean_covariance)
    mean_factor[1:, 1:] = np.sqrt(noise) * vectors * np.sqrt(np.maximum(values, 0.0))
    scale, loadings = np.zeros(d + 1), np.zeros((d + 1, 0 if root is None else d))
    if root is None:
        scale[1:] = np.sqrt(variance)
    else:
        loadings[1:] = np.sqrt(variance) * root
        mean_factor[1:, 1:], slopes = root @ mean_factor[1:, 1:], slopes @ root.T
    population = np.concatenate(([center], slopes.mean(axis=0)))
    prior = GaussianPrior(population, loadings, scale, mean_factor, intercept_variance=spread)
    each = np.full(T, noise)
    mean = prior.with_intercepts(slopes, moments, each)
    return JointPosterior(mean, each, prior, moments, blocks=blocks, coupling=coupling, root=root)
