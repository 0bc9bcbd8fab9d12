r"""Convex weights of several models for each task, from their held-out predictions.

Each task has :math:`\tau = 300` pseudo-observations that look like those of its kin: with losses in the task's unit,

.. math:: w_t = \arg\min_{w \in \Delta} \; L_t(w) + \tau \bar L(w), \qquad
          L_t(w) = \sum_{i \in t} \ell(y_i, \textstyle\sum_k w_k p_{ik}), \quad
          \bar L = \frac1{n_S} \sum_{s \in S} L_s .

:math:`\tau = 0` is stacking (Wolpert 1992; Breiman 1996) in each task, :math:`\tau \to \infty` the same weights for
all that share, S. It is fixed: held-out rows of a small task cannot choose it, because the models that predicted its
other rows had seen them (with 3 to 12 rows a task they chose 1 to 3, and lost 2 to 10% of the error). For the squared
loss
:math:`L_t(w) = w^\top R_t w` with R the cross-products of residuals: a quadratic program. For the log loss of
probabilities the pseudo-observations are a Dirichlet prior at the weights of all, and w its mode.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.selection.simplex import simplex_minimum
from kinfolk.tasks import sum_by_task

STRENGTH = 300.0
_STEPS, _SETTLED = 100, 1e-6


@dataclass(frozen=True, eq=False)
class Stacked:
    """Weights of all tasks, and what they lose on rows they were made without.

    Attributes
    ----------
    weights : (T, K) array
    shared : (K,) array
        The weights that suit those tasks together.
    losses : (n,) array
        Loss of each observation, in its task's unit, with the weights that were made without its fold.
    """

    weights: FloatArray
    shared: FloatArray
    losses: FloatArray


def stack_squared(
    residuals: FloatArray,
    codes: IntArray,
    folds: IntArray,
    members: BoolArray,
    weights: FloatArray | None = None,
) -> Stacked:
    """Weights for the squared loss.

    Parameters
    ----------
    residuals : (n, K) array
        Held-out predictions less the truth.
    codes : (n,) array
        Task of each observation.
    folds : (n,) array
        Fold in which it was held out, from 0 without gaps.
    members : (T,) array of bool
        Tasks that the pseudo-observations look like.
    weights : (n,) array, optional
        Of the observations.
    """
    (n, K), n_tasks = residuals.shape, len(members)
    each = np.ones(n) if weights is None else weights
    n_folds = int(folds.max()) + 1
    cells = folds * n_tasks + codes
    products = np.empty((n_folds, n_tasks, K, K))
    for k in range(K):
        for m in range(k, K):
            summed = np.bincount(cells, each * residuals[:, k] * residuals[:, m], minlength=n_folds * n_tasks)
            products[:, :, k, m] = products[:, :, m, k] = summed.reshape(n_folds, n_tasks)
    total, rows = products.sum(axis=0), np.bincount(folds, each * members[codes], minlength=n_folds)
    mean = total[members].sum(axis=0) / rows.sum()
    without = total - products
    others = np.maximum(rows.sum() - rows, 1e-300)
    problems = without + STRENGTH * (without[:, members].sum(axis=1) / others[:, None, None])[:, None]
    made = simplex_minimum(problems.reshape(-1, K, K)).reshape(n_folds, n_tasks, K)[folds, codes]
    return Stacked(
        simplex_minimum(total + STRENGTH * mean),
        simplex_minimum(mean[None])[0],
        (made * residuals).sum(axis=1) ** 2,
    )


def stack_log(
    probability: FloatArray,
    codes: IntArray,
    folds: IntArray,
    members: BoolArray,
    weights: FloatArray | None = None,
) -> Stacked:
    """Weights for the log loss.

    Parameters
    ----------
    probability : (n, K) array
        Held-out probability that each model gives to the class that was observed, positive.
    codes, folds, members, weights
        As in `stack_squared`.
    """
    n_tasks, like = len(members), members[codes]
    each = np.ones(len(probability)) if weights is None else weights
    losses = np.empty(len(probability))
    for fold in range(int(folds.max()) + 1):
        rest, here = folds != fold, folds == fold
        shared = _shared(probability[rest & like], each[rest & like])
        made = _mode(probability[rest], codes[rest], each[rest], np.tile(shared, (n_tasks, 1)))
        losses[here] = -np.log((made[codes[here]] * probability[here]).sum(axis=1))
    shared = _shared(probability[like], each[like])
    return Stacked(_mode(probability, codes, each, np.tile(shared, (n_tasks, 1))), shared, losses)


def _shared(probability: FloatArray, each: FloatArray) -> FloatArray:
    """Weights of one mixture for all observations; one tenth of an observation speaks for each model."""
    K = probability.shape[1]
    one = np.zeros(len(probability), dtype=np.int64)
    shared: FloatArray = _mode(probability, one, each, np.full((1, K), 1.0 / K), strength=0.1 * K)[0]
    return shared


def _mode(
    probability: FloatArray, codes: IntArray, each: FloatArray, prior: FloatArray, strength: float = STRENGTH
) -> FloatArray:
    """Weights of the mixture in each task under a Dirichlet prior of ``strength`` at ``prior`` (T, K): Newton's steps.

    The log of the prior is a barrier, so that weights stay positive; both terms are self-concordant, so that steps are
    damped by 1 / (1 + decrement) (Nesterov and Nemirovskii 1994).
    """
    n_tasks, K = prior.shape
    w = prior
    for _ in range(_STEPS):
        share = probability / (w[codes] * probability).sum(axis=1, keepdims=True)
        pull = np.stack([sum_by_task(each * column, codes, n_tasks) for column in share.T], axis=1)
        pull = pull + strength * prior / w
        bend = np.empty((n_tasks, K, K))
        for k in range(K):
            for m in range(k, K):
                bend[:, k, m] = bend[:, m, k] = sum_by_task(each * share[:, k] * share[:, m], codes, n_tasks)
        bend = bend + (strength * prior / w**2)[:, :, None] * np.eye(K)
        ahead, flat = np.moveaxis(np.linalg.solve(bend, np.stack((pull, np.ones_like(pull)), axis=2)), 2, 0)
        step = ahead - (ahead.sum(axis=1) / flat.sum(axis=1))[:, None] * flat
        decrement = np.sqrt(np.maximum((step * (bend @ step[:, :, None])[:, :, 0]).sum(axis=1), 0.0))[:, None]
        inside = 0.9 / np.maximum(-step / w, 1e-300).max(axis=1, keepdims=True)
        w = w + step * np.minimum(np.where(decrement < 0.1, 1.0, 1.0 / (1.0 + decrement)), inside)
        if float(decrement.max()) < _SETTLED:
            break
    return w
