"""The prior of a task under a fitted shared representation, with what is not known of the population and loadings."""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.posterior import GaussianPrior
from kinfolk.representation.evidence import mean_root
from kinfolk.representation.fit import Fit


def prior_of(fit: Fit, loadings: FloatArray, noise: float, center: float, variance: float) -> GaussianPrior:
    """Prior of a task in standardised units, intercept first.

    Parameters
    ----------
    fit : Fit
    loadings : (d, k) array
        Orthogonal directions, each times the standard deviation of the heads along it.
    noise : float
        Variance of the observations.
    center, variance : float
        Of the population of intercepts.
    """
    state, model, moments = fit.state, fit.model, fit.study.moments
    d, k = loadings.shape
    scale = np.full(d + 1, np.sqrt(noise * state.own))
    scale[0] = 0.0
    if fit.study.profile is not None:
        scale[1:] *= np.sqrt(fit.study.profile)
    mean_factor = np.zeros((d + 1, d + k + 1))
    heard = max(float((moments.n > 0).sum()), 1.0)
    mean_factor[0, 0] = np.sqrt((variance + noise * float(np.mean(1.0 / np.maximum(moments.n, 1.0)))) / heard)
    mean_factor[1:, 1:] = np.sqrt(noise) * mean_root(state)
    padded = np.zeros((d + 1, k))
    padded[1:] = loadings
    loading_factor = loading_weight = None
    if k:
        values, vectors = np.linalg.eigh(model.preconditioner)
        outside = vectors * np.sqrt(noise * np.maximum(values, 0.0))
        basis = np.linalg.qr(loadings)[0]
        outside -= basis @ (basis.T @ outside)
        loading_factor = np.concatenate((np.zeros((1, d)), outside))
        # heads in units of their prior standard deviation, along the columns of `loadings`
        positions = state.heads @ (np.linalg.pinv(loadings) @ state.loadings).T
        # a task's rows tell of the loadings only what its own head has not used up
        rows = np.maximum(moments.n - 1.0, 1.0)
        strength = model.weights * model.strength * np.maximum(1.0 - k / rows, 0.0)
        second = (positions * strength[:, None]).T @ positions
        # the mean of an inverse is more than the inverse of a mean: for k heads by a factor T / (T - k - 1)
        heard_tasks = float((moments.n > 1).sum())
        loading_weight = np.linalg.pinv(second) * heard_tasks / max(heard_tasks - k - 1.0, 1.0)
    return GaussianPrior(
        np.concatenate(([center], state.mean)),
        padded,
        scale,
        mean_factor,
        intercept_variance=variance,
        loading_factor=loading_factor,
        loading_weight=loading_weight,
    )
