r"""Mean-regularised tasks by marginal likelihood: where the task graph starts from, and what it falls back to.

.. math:: w_t \sim N(\mu, \sigma^2 o I), \qquad \mu \sim N(0, \sigma^2 q I), \qquad
          y_{ti} \sim N(a_t + x_{ti}^\top w_t, \sigma^2), \quad a_t \sim N(m, v) .

Evgeniou and Pontil (2004) with all strengths learned. In the orthogonal rows of `Factor` the marginal covariance of a
task is diagonal, so that a value costs one product of matrices. Given m and v the mean of a task is one more row,
:math:`h^{1/2} (\bar y_t - m) \sim N(h^{1/2} \bar x_t^\top w_t, \sigma^2)` with
:math:`h = n_t / (1 + n_t v / \sigma^2)`; m and v are those of the population of intercepts, in turns.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.tasks import Factor, Moments

NOISE = 1e-8  # smallest share of the target's variance that is taken as noise
_OWN = (-9.0, 18.0)  # of log (o times the information of a typical direction)
_MEAN = (-18.0, 9.0)  # of log q
_SETTLED = 1e-10  # gradient of the evidence at its maximum
_TURNS = 3  # between slopes and intercepts


@dataclass(frozen=True)
class MeanRegularised:
    r"""The fit, in standardised units.

    Attributes
    ----------
    noise : float
        :math:`\sigma^2`.
    own, ridge : float
        o and q.
    mean : (d,) array
        Posterior mean of mu.
    mean_covariance : (d, d) array
        Its posterior covariance, in units of ``noise``.
    slopes : (T, d) array
        Posterior means.
    value : float
        Log marginal likelihood, up to a constant.
    center, spread : float
        m and v.
    """

    noise: float
    own: float
    ridge: float
    mean: FloatArray
    mean_covariance: FloatArray
    slopes: FloatArray
    value: float
    center: float = 0.0
    spread: float = np.inf


def mean_regularised(moments: Moments) -> tuple[MeanRegularised, Moments, Factor]:
    """Maximise the marginal likelihood over o and q, with the noise profiled and mu integrated out.

    Returns
    -------
    fit : MeanRegularised
    joint : Moments
        With the means as rows: what tells the slopes once the intercepts are integrated out.
    factor : Factor
        Of ``joint``.
    """
    joint, factor = moments, moments.factor()
    fit = most_likely(factor, moments.degrees_of_freedom)
    for _ in range(_TURNS):
        _, center, spread = intercepts(fit.slopes, moments, fit.noise)
        joint = with_means(moments, center, spread / fit.noise)
        factor = joint.factor()
        fit = most_likely(factor, moments.degrees_of_freedom + max(moments.n_tasks - 1.0, 0.0), fit)
    return replace(fit, center=center, spread=spread), joint, factor


def with_means(moments: Moments, center: float, ratio: float) -> Moments:
    """Moments with the mean of every task as one more row; ``ratio`` is ``v / sigma^2``."""
    h = moments.n / (1.0 + moments.n * ratio)
    row, target = np.sqrt(h)[:, None] * moments.x_mean, np.sqrt(h) * (moments.y_mean - center)
    b, yy = moments.b + row * target[:, None], moments.yy + target**2
    if moments.gram is not None:
        return replace(moments, b=b, yy=yy, gram=moments.gram + row[:, :, None] * row[:, None, :])
    assert moments.rows is not None
    assert moments.targets is not None
    rows = np.concatenate((moments.rows, row[:, None]), axis=1)
    targets = np.concatenate((moments.targets, target[:, None]), axis=1)
    return replace(moments, b=b, yy=yy, rows=rows, targets=targets)


def most_likely(
    factor: Factor, freedom: float, last: MeanRegularised | None = None, *, largest: float = np.inf
) -> MeanRegularised:
    """The strengths of largest evidence.

    Parameters
    ----------
    factor : Factor
    freedom : float
        Degrees of freedom for the noise; 0: it is known to have variance one.
    last : MeanRegularised, optional
        One more start.
    largest : float
        Most that o and q may be.
    """
    evidence = _Evidence(factor, freedom)
    low, high = np.array([_OWN, _MEAN]).T - np.array([evidence.log_information, 0.0])
    high = np.minimum(high, np.log(largest))
    low = np.minimum(low, high)
    starts = [np.clip([at - evidence.log_information, -np.log(evidence.d)], low, high) for at in (0.0, 3.0)]
    if last is not None:
        starts.append(np.clip(np.log([last.own, last.ridge]), low, high))
    start = min(starts, key=lambda theta: evidence.loss(theta)[0])
    found, settled = _newton(evidence, start, low, high)
    if settled:
        return evidence.fit(found)
    end = minimize(
        evidence.loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"gtol": 1e-7},
    )
    return evidence.fit(_newton(evidence, end.x, low, high)[0])


class _Evidence:
    def __init__(self, factor: Factor, freedom: float) -> None:
        self.values, self.directions, self.targets = factor.values, factor.directions, factor.targets
        self.rest = float(factor.rest.sum())
        self.d = factor.directions.shape[2]
        self.freedom = freedom
        self.flat = factor.directions.reshape(-1, self.d)
        heard = factor.values[factor.values > 0.0]
        self.log_information = float(np.log(heard.mean())) if len(heard) else 0.0

    def _parts(self, theta: FloatArray) -> tuple[float, FloatArray, FloatArray, FloatArray, float]:
        own, ridge = np.exp(theta)
        share = 1.0 / (1.0 + own * self.values)
        precision = (self.flat.T * (self.values * share).ravel()) @ self.flat
        precision[np.diag_indices(self.d)] += 1.0 / ridge
        covariance = np.linalg.inv(precision)
        covariance = 0.5 * (covariance + covariance.T)
        pulls = (np.sqrt(self.values) * self.targets * share).ravel()
        mean = covariance @ (self.flat.T @ pulls)
        residual = self.targets - np.sqrt(self.values) * (self.directions @ mean)
        quad = self.rest + float((residual**2 * share).sum()) + float(mean @ mean) / ridge
        return quad, share, covariance, mean, own

    def noise(self, quad: float) -> float:
        """Profiled noise; one where it is known, or where no task has two rows."""
        return max(quad / self.freedom, NOISE) if self.freedom > 0 else 1.0

    def loss(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Minus the log marginal likelihood for each row, and its gradient."""
        quad, share, covariance, mean, own = self._parts(theta)
        ridge, noise = float(np.exp(theta[1])), self.noise(quad)
        residual = self.targets - np.sqrt(self.values) * (self.directions @ mean)
        weights = self.values * share
        bent = (self.flat.T * (weights**2).ravel()) @ self.flat
        by_own = float((weights * (residual**2 * share / noise - 1.0)).sum()) + float((covariance * bent).sum())
        by_ridge = float(mean @ mean) / (ridge * noise) + float(np.trace(covariance)) / ridge - self.d
        volume = -float(np.log(share).sum()) - float(np.linalg.slogdet(covariance)[1]) + self.d * float(theta[1])
        scale = 0.5 / max(self.freedom, 1.0)
        value = self.freedom * np.log(noise) + volume + (quad if self.freedom <= 0 else 0.0)
        return scale * float(value), -scale * np.array([own * by_own, by_ridge])

    def fit(self, theta: FloatArray) -> MeanRegularised:
        quad, share, covariance, mean, own = self._parts(theta)
        residual = self.targets - np.sqrt(self.values) * (self.directions @ mean)
        head = own * np.sqrt(self.values) * share * residual
        slopes = mean + (head[:, None, :] @ self.directions)[:, 0]
        value = -max(self.freedom, 1.0) * self.loss(theta)[0]
        return MeanRegularised(self.noise(quad), float(own), float(np.exp(theta[1])), mean, covariance, slopes, value)


def _newton(evidence: _Evidence, theta: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, bool]:
    """Newton steps while they shorten the gradient, and whether they led to a minimum.

    They start near it, or where L-BFGS left half of the digits to rounding.
    """
    here, step, settled = evidence.loss(theta)[1], 1e-4, False
    for _ in range(8):
        free = np.flatnonzero((theta > low + 1e-3) & (theta < high - 1e-3))
        columns = [(evidence.loss(theta + step * np.eye(2)[j])[1] - here)[free] / step for j in free]
        hessian = np.reshape(columns, (len(free), len(free)))
        values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
        bent = values > 1e-7 * np.abs(values).max(initial=0.0)
        moved = theta.copy()
        moved[free] -= np.clip(vectors[:, bent] @ ((vectors[:, bent].T @ here[free]) / values[bent]), -0.5, 0.5)
        moved = np.clip(moved, low, high)
        there = evidence.loss(moved)[1]
        if not np.linalg.norm(there[free]) < 0.9 * np.linalg.norm(here[free]):
            break
        theta, here = moved, there
        pushed = np.where(theta <= low + 1e-3, np.maximum(-here, 0.0), np.abs(here))
        pushed = np.where(theta >= high - 1e-3, np.maximum(here, 0.0), pushed)
        settled = bool(bent.all()) and float(pushed.max()) < _SETTLED
        if settled:
            break
    return theta, settled
