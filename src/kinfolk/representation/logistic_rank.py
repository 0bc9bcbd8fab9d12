"""Fit logistic tasks at one rank, and choose the rank by log-loss inside the tasks or by the evidence."""

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.representation.logistic import Design, Prior, State, climb, find_mode, pooled_inverse
from kinfolk.tasks import TaskData

_PATIENCE = 2  # ranks that may fail to improve before the path ends
_PATH_STEPS = 6  # of each rank on the path


def first_fit(design: Design, *, tol: float, steps: int = 30) -> State:
    """Rank 0: a population, and what each task has of its own."""
    d = design.rows.shape[1] - 1
    share = float(design.weights @ design.y) / max(float(design.weights.sum()), 1e-300)
    share = min(max(share, 1e-3), 1.0 - 1e-3)
    mean = np.zeros(d + 1)
    mean[0] = np.log(share / (1.0 - share))
    own = np.full(d + 1, 1.0 / d if design.n_tasks > 1 else 0.0)  # a single task is its own population
    own[0] = 1.0 if design.n_tasks > 1 else 0.0
    prior = Prior(mean, np.zeros((d + 1, 0)), own, 1.0 / d)
    return climb(design, prior, np.full(len(design.y), mean[0]), steps=steps, tol=tol)


def extend(state: State, n_directions: int = 1) -> Prior:
    """Loadings with more directions: the strongest ones in what the tasks still pull at.

    The directions are leading left singular vectors of ``P [X_t' (y_t - p_t)]_t``, each task by the root of its
    information; by Stein's identity they point along the representation whatever the link.
    """
    prior, W = state.prior, state.whitened[:, :, 1:]
    inverse, strength = pooled_inverse(state)
    pulls = (state.left[:, None, :] @ W)[:, 0] / np.sqrt(np.maximum(strength, 1e-300))[:, None]
    directions = np.linalg.svd(inverse @ pulls.T, full_matrices=False)[0][:, :n_directions]
    Z = W @ directions
    information = (Z**2).sum(axis=1)
    scores = (state.left[:, :, None] * Z).sum(axis=1)
    heads = (scores**2).sum(axis=0) - information.sum(axis=0)  # sum of I_t^2 var + I_t, less I_t
    spread = np.maximum(heads, 0.1 * information.sum(axis=0)) / np.maximum((information**2).sum(axis=0), 1e-300)
    added = np.concatenate((np.zeros((1, directions.shape[1])), directions * np.sqrt(np.minimum(spread, 100.0))))
    return Prior(prior.mean, np.concatenate((prior.loadings, added), axis=1), prior.own, prior.ridge)


def fit_rank(design: Design, rank: int, *, steps: int, tol: float) -> State:
    """Fit a given rank from its spectral start."""
    state = first_fit(design, tol=tol if rank == 0 else 1.0, steps=steps)
    if rank == 0:
        return state
    return climb(design, extend(state, rank), state.eta, steps=steps, tol=tol)


def choose_rank(
    data: TaskData, *, max_rank: int, n_splits: int, tol: float, generator: np.random.Generator
) -> tuple[FloatArray, Prior | None]:
    """Mean log-loss of each rank from 0 on, over held-out rows of all tasks; and a fold's prior of the best rank.

    Rows of a fold are held out by a weight of zero. The path ends when ``_PATIENCE`` ranks in a row have not improved.
    The scores are empty, and there is no prior, when there are too few rows to test any.
    """
    fold = data.deal(n_splits, generator)
    used = [k for k in range(n_splits) if (fold == k).any()]
    if len(used) < 2:
        return np.zeros(0), None
    whole = Design(data)
    folds = [whole.with_weights((fold != k).astype(float)) for k in used]
    states = [_light(first_fit(part, tol=tol)) for part in folds]
    best, scores = states[0][0], [_log_loss(whole, fold, used, states)]
    while len(scores) <= max_rank and len(scores) - 1 - int(np.argmin(scores)) < _PATIENCE:
        for i, part in enumerate(folds):
            before = find_mode(part, *states[i], tol=tol)
            states[i] = _light(climb(part, extend(before), before.eta, steps=_PATH_STEPS, tol=tol))
        scores.append(_log_loss(whole, fold, used, states))
        if scores[-1] == min(scores):
            best = states[0][0]
    return np.array(scores), best


def evidence_rank(data: TaskData, *, max_rank: int, tol: float) -> tuple[FloatArray, Prior]:
    """``-2 log L + [k (d - k) + k (k + 1) / 2 + 1] log T`` of each rank from 0 on, and the prior of the best rank."""
    design = Design(data)
    d = data.n_features
    state = first_fit(design, tol=tol)
    best, scores = state, [-2.0 * state.value + np.log(data.n_tasks)]
    while len(scores) <= max_rank and len(scores) - 1 - int(np.argmin(scores)) < _PATIENCE:
        k = len(scores)
        state = climb(design, extend(state), state.eta, steps=100, tol=tol)
        freedom = k * (d - k) + k * (k + 1) / 2 + 1
        scores.append(-2.0 * state.value + freedom * np.log(data.n_tasks))
        if scores[-1] == min(scores):
            best = state
    return np.array(scores), best.prior


def _light(state: State) -> tuple[Prior, FloatArray]:
    return state.prior, state.eta


def _log_loss(design: Design, fold: IntArray, used: list[int], states: list[tuple[Prior, FloatArray]]) -> float:
    total = weight = 0.0
    for k, (_, eta) in zip(used, states, strict=True):
        rows = fold == k
        loss = np.logaddexp(0.0, (1.0 - 2.0 * design.y[rows]) * eta[rows])
        total, weight = total + float(design.weights[rows] @ loss), weight + float(design.weights[rows].sum())
    return total / weight
