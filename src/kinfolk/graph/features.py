r"""Units of the features in which coefficients vary alike, so that one graph serves all of them.

The graph says how tasks differ, the same for every coordinate: :math:`\operatorname{Cov}(W) = Q^{-1} \otimes I`. Where
some coefficients vary more than others, or together, it holds for :math:`w = R w'` with
:math:`R R^\top \propto \Sigma`, the covariance of the random-coefficient model without a graph, learned by EM:

.. math:: V_t = (S_t + \Sigma^{-1})^{-1}, \quad m_t = \mu + V_t (b_t - S_t \mu), \quad
          \mu \leftarrow \tfrac1T \sum_t m_t, \quad
          \Sigma \leftarrow \tfrac1T \sum_t (m_t - \mu)(m_t - \mu)^\top + V_t

(in units of the noise). Then features are replaced by :math:`R^\top x`. Held-out rows say whether that is any better.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.graph.mean_regularised import MeanRegularised, mean_regularised
from kinfolk.tasks import Moments, TaskData

_TURNS = 100
_SETTLED = 1e-3
_ENOUGH = 500  # tasks that tell a covariance
_SMALLEST = 1e-3  # eigenvalue of Sigma, in units of the mean one
_MOST = 5e7  # T d^3 beyond which nothing is tried


def feature_root(moments: Moments, base: MeanRegularised, form: str) -> FloatArray:
    """R, ``(d, d)``, with mean square of its singular values one.

    Parameters
    ----------
    moments : Moments
        With the means of the tasks as rows (`kinfolk.graph.mean_regularised.with_means`).
    base : MeanRegularised
        Where EM starts.
    form : {"diagonal", "full"}
    """
    moments = moments.take(slice(None, None, max(moments.n_tasks // _ENOUGH, 1)))
    d, gram = moments.n_features, moments.primal()
    mean, sigma = base.mean, base.own * np.eye(d)
    for _ in range(_TURNS):
        before = sigma
        inner = np.linalg.inv(gram + np.linalg.inv(sigma))
        heads = mean + (inner @ (moments.b - gram @ mean)[:, :, None])[:, :, 0]
        mean = heads.mean(axis=0)
        centred = heads - mean
        sigma = centred.T @ centred / (base.noise * len(heads)) + inner.mean(axis=0)
        if form == "diagonal":
            sigma = np.diag(np.diag(sigma))
        values, vectors = np.linalg.eigh(0.5 * (sigma + sigma.T))
        values = np.maximum(values, _SMALLEST * float(values.mean()))
        sigma = (vectors * values) @ vectors.T
        if np.linalg.norm(sigma - before) < _SETTLED * np.linalg.norm(sigma):
            break
    root: FloatArray = (vectors * np.sqrt(values / values.mean())) @ vectors.T
    return root


def in_units(moments: Moments, root: FloatArray) -> Moments:
    """Moments of the same rows with features ``R' x``."""
    return replace(
        moments,
        x_mean=moments.x_mean @ root,
        b=moments.b @ root,
        gram=None if moments.gram is None else root.T @ moments.gram @ root,
        rows=None if moments.rows is None else moments.rows @ root,
    )


def forms(data: TaskData) -> tuple[str, ...]:
    """What can be tried: a full covariance needs more tasks than coefficients, and rows beyond one coefficient each."""
    T, d = data.n_tasks, data.n_features
    if T < 5 or d < 2 or T * d**3 > _MOST:
        return ("scalar",)
    left = float(np.maximum(np.diff(data.offsets) - d - 1, 0).sum())
    return ("scalar", "diagonal", "full") if d + 1 < T and left >= d * (d + 1) / 2 else ("scalar", "diagonal")


def choose_form(data: TaskData, *, seed: Any) -> tuple[str, float]:
    """Form whose held-out error is smaller than that of simpler ones by a standard error, and its error over theirs.

    Without a graph, on one quarter of the rows of every task.
    """
    tried = forms(data)
    fold = data.deal(4, np.random.default_rng(seed))
    if len(tried) == 1 or not (fold == 0).any():
        return "scalar", 1.0
    train, test = data.take(np.flatnonzero(fold != 0)), data.take(np.flatnonzero(fold == 0))
    moments = train.moments()
    base, joint, _ = mean_regularised(moments)
    weights = np.ones(len(test.y)) if test.weights is None else test.weights
    best, loss = "scalar", _losses(test, moments, base.slopes, base.noise)
    plain = float(weights @ loss)
    for form in tried[1:]:
        root = feature_root(joint, base, form)
        other = mean_regularised(in_units(moments, root))[0]
        found = _losses(test, moments, other.slopes @ root.T, other.noise)
        gain = weights * (loss - found)
        if float(gain.sum()) > float(np.sqrt((gain**2).sum())):
            best, loss = form, found
    return best, float(weights @ loss) / max(plain, 1e-300)


def _losses(test: TaskData, moments: Moments, slopes: FloatArray, noise: float) -> FloatArray:
    codes = test.codes
    intercept, _, _ = intercepts(slopes, moments, noise)
    losses: FloatArray = (test.y - intercept[codes] - (test.X * slopes[codes]).sum(axis=1)) ** 2
    return losses
