"""Gaussian prior over a task's intercept and coefficients, and its posterior given the task's moments.

Every method of the evidence family ends here: it learns a prior from all tasks, and the estimate of one task, the
uncertainty of its predictions, the fit of a new task and the population prediction are all this one computation.

Notation: ``u = (a, w)`` holds a task's intercept and its d coefficients, ``D = d + 1``. Standardised units throughout.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.tasks import Moments


@dataclass(frozen=True)
class GaussianPrior:
    """Prior of one task: ``u ~ N(mean, L L' + diag(scale^2))``, with ``mean`` itself known up to ``N(0, M M')``.

    Attributes
    ----------
    mean : (D,) array
        Population intercept and coefficients.
    loadings : (D, k) array
        L, the shared directions (k may be 0).
    scale : (D,) array
        Standard deviation of what each coefficient has of its own.
    mean_factor : (D, p) array
        M, how well the population is known (p may be 0).
    intercept_variance : float or None
        None: the intercept is a coefficient like the others (its variance stands in ``loadings`` and ``scale``), and
        differences between task means inform the coefficients. A number (or infinity): coefficients are learned from
        the variation within tasks only, and then ``a | w ~ N(mean[0], intercept_variance)``; infinity leaves the
        intercept free, and the spread that a new task's intercept is expected to have stands in ``mean_factor``.
    loading_factor : (D, p) array or None
        G, see ``loading_weight``.
    loading_weight : (k, k) array or None
        Uncertainty of the shared directions: given the task's position z along them, it adds ``(z' K z) G G'`` to the
        covariance, with K this matrix.
    """

    mean: FloatArray
    loadings: FloatArray
    scale: FloatArray
    mean_factor: FloatArray
    intercept_variance: float | None = None
    loading_factor: FloatArray | None = None
    loading_weight: FloatArray | None = None

    @cached_property
    def root(self) -> FloatArray:
        """``(D, q)`` matrix with ``root root' = L L' + diag(scale^2)`` and no zero columns from ``scale``."""
        own = np.flatnonzero(self.scale)
        diagonal = np.zeros((len(self.mean), len(own)))
        diagonal[own, np.arange(len(own))] = self.scale[own]
        root: FloatArray = np.concatenate((self.loadings, diagonal), axis=1)
        return root

    def predict(self, X: FloatArray) -> FloatArray:
        """Population prediction ``(n,)`` for standardised features ``(n, d)``."""
        prediction: FloatArray = self.mean[0] + X @ self.mean[1:]
        return prediction

    def predictive_variance(self, X: FloatArray) -> FloatArray:
        """Variance ``(n,)`` of an unseen task's regression function at ``X`` (without observation noise)."""
        U = np.concatenate((np.ones((len(X), 1)), X), axis=1)
        variance: FloatArray = ((U @ self.root) ** 2).sum(axis=1) + ((U @ self.mean_factor) ** 2).sum(axis=1)
        spread = self.intercept_variance or 0.0
        return variance if np.isinf(spread) else variance + spread

    def condition(self, moments: Moments, noise_variance: FloatArray | float) -> "Posterior":
        """Posterior of the tasks whose rows sum to ``moments``; ``noise_variance`` a number or one per task."""
        noise = np.broadcast_to(np.asarray(noise_variance, dtype=float), (moments.n_tasks,)).copy()
        if self.intercept_variance is not None and moments.gram is not None:
            slopes = self._slopes_from_sums(moments, noise)
            return Posterior(self.with_intercepts(slopes, moments, noise), noise, self, moments)
        rows, targets, coordinates = self._rows(moments)
        root = self.root[coordinates]
        residual = targets - rows @ self.mean[coordinates]
        position = (_gain(rows @ root, noise) @ residual[:, :, None])[:, :, 0]
        mean: FloatArray = self.mean[coordinates] + position @ root.T
        if self.intercept_variance is not None:
            mean = self.with_intercepts(mean, moments, noise)
        return Posterior(mean, noise, self, moments)

    def _slopes_from_sums(self, moments: Moments, noise: FloatArray) -> FloatArray:
        """Posterior mean slopes ``(T, d)`` from Gram matrices, without decomposing them."""
        root, mean = self.root[1:], self.mean[1:]
        if not root.shape[1]:
            return np.tile(mean, (moments.n_tasks, 1))
        pull = (moments.b - moments.times(mean[:, None])[:, :, 0]) @ root
        inner = root.T @ moments.times(root) + noise[:, None, None] * np.eye(root.shape[1])
        slopes: FloatArray = mean + np.linalg.solve(inner, pull[:, :, None])[:, :, 0] @ root.T
        return slopes

    def _rows(self, moments: Moments) -> tuple[FloatArray, FloatArray, slice]:
        """Rows and targets that carry the tasks' information, and the coordinates of u that they speak of."""
        if self.intercept_variance is None:
            return *joint_rows(moments), slice(None)
        factor = moments.factor()
        return factor.rows, factor.targets, slice(1, None)

    def with_intercepts(self, slopes: FloatArray, moments: Moments, noise: FloatArray) -> FloatArray:
        """``(T, D)``: the slopes ``(T, d)`` with each task's intercept given them."""
        offset = moments.y_mean - (moments.x_mean * slopes).sum(axis=1)
        intercept = self.mean[0] + self._trust(moments, noise) * (offset - self.mean[0])
        both: FloatArray = np.concatenate((intercept[:, None], slopes), axis=1)
        return both

    def _trust(self, moments: Moments, noise: FloatArray) -> FloatArray:
        """Weight of a task's own mean in its intercept, ``v / (v + noise / n)``."""
        assert self.intercept_variance is not None
        if np.isinf(self.intercept_variance):
            return np.ones(moments.n_tasks)
        total = moments.n * self.intercept_variance + noise
        trust: FloatArray = moments.n * self.intercept_variance / total
        return trust

    def covariance(self, moments: Moments, noise: FloatArray, task_scale: FloatArray | None = None) -> FloatArray:
        """Posterior covariances ``(T, D, D)``; ``task_scale`` multiplies the prior's root, task by task."""
        rows, targets, coordinates = self._rows(moments)
        root, mean_factor = self.root[coordinates], self.mean_factor[coordinates]
        stretch = np.ones((len(noise), 1, 1)) if task_scale is None else task_scale[:, None, None]
        projected = stretch * (rows @ root)
        gain = _gain(projected, noise)
        inner = stretch**2 * (np.eye(root.shape[1]) - gain @ projected)
        covariance = root @ inner @ root.T
        # the part of the population's error that the task's own rows do not correct
        left_over = mean_factor - root @ (stretch * (gain @ (rows @ mean_factor)))
        covariance += left_over @ left_over.transpose(0, 2, 1)
        if self.loading_factor is not None and self.loading_weight is not None:
            residual = targets - rows @ self.mean[coordinates]
            position = (gain[:, : len(self.loading_weight)] @ residual[:, :, None])[:, :, 0]
            size = ((position @ self.loading_weight) * position).sum(axis=1)
            direction = self.loading_factor[coordinates]
            covariance += size[:, None, None] * (direction @ direction.T)
        return (
            covariance
            if self.intercept_variance is None
            else self.with_intercept_covariance(covariance, moments, noise)
        )

    def with_intercept_covariance(self, slopes: FloatArray, moments: Moments, noise: FloatArray) -> FloatArray:
        """Covariances ``(T, D, D)`` from those of the slopes ``(T, d, d)``."""
        trust = self._trust(moments, noise)
        pull = -trust[:, None] * (slopes @ moments.x_mean[:, :, None])[:, :, 0]
        full = np.empty((moments.n_tasks, len(self.mean), len(self.mean)))
        full[:, 1:, 1:] = slopes
        full[:, 0, 1:] = full[:, 1:, 0] = pull
        full[:, 0, 0] = (
            trust * noise / np.maximum(moments.n, 1e-300)
            - trust * (pull * moments.x_mean).sum(axis=1)
            + (1.0 - trust) ** 2 * (self.mean_factor[0] ** 2).sum()
        )
        return full


@dataclass(frozen=True)
class Posterior:
    """Posterior ``N(mean_t, covariance_t)`` of each task's ``u = (a, w)``, in standardised units.

    Attributes
    ----------
    mean : (T, D) array
        Intercept first.
    noise_variance : (T,) array
    prior : GaussianPrior
    moments : Moments or None
        Where the covariances come from when they are first asked for; None when they were given (``given_covariance``).
    given_covariance : (T, D, D) array or None
    task_scale : (T,) array or None
        Factor on the prior's root, for methods whose strength differs from task to task.
    """

    mean: FloatArray
    noise_variance: FloatArray
    prior: GaussianPrior
    moments: Moments | None = None
    given_covariance: FloatArray | None = None
    task_scale: FloatArray | None = None

    @cached_property
    def covariance(self) -> FloatArray:
        """Posterior covariances ``(T, D, D)``; made when first asked for."""
        if self.given_covariance is not None:
            return self.given_covariance
        assert self.moments is not None
        return self.prior.covariance(self.moments, self.noise_variance, self.task_scale)

    def predictive_variance(self, X: FloatArray, codes: IntArray) -> FloatArray:
        """Variance ``(n,)`` of the regression function of task ``codes[i]`` at ``X[i]`` (without observation noise)."""
        U = np.concatenate((np.ones((len(X), 1)), X), axis=1)
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(len(self.mean)), side="right")
        variance = np.empty(len(X))
        for t in np.unique(codes):
            rows = order[ends[t - 1] if t else 0 : ends[t]]
            variance[rows] = ((U[rows] @ self.covariance[t]) * U[rows]).sum(axis=1)
        return np.maximum(variance, 0.0)

    def take(self, tasks: IntArray) -> "Posterior":
        """Some of the tasks, in the order given."""
        return Posterior(
            self.mean[tasks], self.noise_variance[tasks], self.prior, given_covariance=self.covariance[tasks]
        )

    def extend(self, other: "Posterior") -> "Posterior":
        """These tasks followed by those of ``other`` (the same prior)."""
        return Posterior(
            np.concatenate((self.mean, other.mean)),
            np.concatenate((self.noise_variance, other.noise_variance)),
            self.prior,
            given_covariance=np.concatenate((self.covariance, other.covariance)),
        )


def joint_rows(moments: Moments) -> tuple[FloatArray, FloatArray]:
    """Rows ``(T, r + 1, D)`` and targets ``(T, r + 1)`` of the model with the intercept as a coefficient."""
    factor = moments.factor()
    root = np.sqrt(moments.n)
    n_tasks, r, d = factor.directions.shape
    rows = np.zeros((n_tasks, r + 1, d + 1))
    rows[:, 0, 0] = root
    rows[:, 0, 1:] = root[:, None] * moments.x_mean
    rows[:, 1:, 1:] = factor.rows
    targets = np.concatenate(((root * moments.y_mean)[:, None], factor.targets), axis=1)
    return rows, targets


def _gain(projected: FloatArray, noise: FloatArray) -> FloatArray:
    """``Z' (Z Z' + s2 I)^-1`` for ``Z`` of shape ``(T, r, q)``, solved on the smaller side; ``(T, q, r)``."""
    transposed = projected.transpose(0, 2, 1)
    r, q = projected.shape[1:]
    shift = noise[:, None, None]
    if q == 0 or r == 0:
        return np.zeros((len(noise), q, r))
    if r <= q:
        solved: FloatArray = np.linalg.solve(projected @ transposed + shift * np.eye(r), projected)
        return solved.transpose(0, 2, 1)
    gain: FloatArray = np.linalg.solve(transposed @ projected + shift * np.eye(q), transposed)
    return gain
