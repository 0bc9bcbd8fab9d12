"""Fit logistic tasks at one rank, and choose the rank by log-loss inside the tasks or by the evidence."""

from dataclasses import dataclass, replace

import numpy as np

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.base.laplace import averaged, laplace_posterior
from kinfolk.posterior import GaussianPrior
from kinfolk.representation.logistic import Design, Prior, State, find_mode
from kinfolk.representation.logistic_climb import LARGEST, climb, pooled_inverse
from kinfolk.tasks import TaskData

_PATIENCE = 2  # ranks that may fail to improve before the path ends
_WORTH = 2e-4  # share of the log-loss that a rank has to save
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
    return replace(prior, loadings=np.concatenate((prior.loadings, added), axis=1))


def fit_rank(design: Design, rank: int, *, steps: int, tol: float) -> State:
    """Fit a given rank from its spectral start."""
    state = first_fit(design, tol=tol if rank == 0 else 1.0, steps=steps)
    if rank == 0:
        return state
    return climb(design, extend(state, rank), state.eta, steps=steps, tol=tol)


@dataclass(frozen=True)
class Choice:
    """What cross-validation inside the tasks chose.

    Attributes
    ----------
    scores : (ranks,) array
        Mean log-loss of each rank from 0 on, over held-out rows of all tasks; empty when no row could be tested.
    prior : Prior or None
        One fold's prior of the choice, to start from.
    averaging : bool
        Whether probabilities averaged over the posterior had the lower loss, or those at the mode.
    """

    scores: FloatArray
    prior: Prior | None
    averaging: bool


def choose_rank(data: TaskData, *, max_rank: int, n_splits: int, tol: float, generator: np.random.Generator) -> Choice:
    """Choose the rank by log-loss on held-out rows, which have a weight of zero while a fold is fitted.

    The path ends when ``_PATIENCE`` ranks in a row have not improved. At rank 0, own variances beyond the one of
    largest evidence are tried too: where classes are nearly separated, Laplace's method takes what each task has of its
    own for none.
    """
    fold = data.deal(n_splits, generator)
    used = [k for k in range(n_splits) if (fold == k).any()]
    if len(used) < 2:
        return Choice(np.zeros(0), None, True)
    whole = Design(data)
    folds = [whole.with_weights((fold != k).astype(float)) for k in used]
    held_out = [fold == k for k in used]
    alone = [_light(first_fit(part, tol=tol)) for part in folds]
    states = best = alone
    scores, rank = [_log_loss(whole, held_out, [eta for _, eta in states])], 0
    while len(scores) <= max_rank and len(scores) - 1 - rank < _PATIENCE:
        states = [_next_rank(part, *state, tol=tol) for part, state in zip(folds, states, strict=True)]
        scores.append(_log_loss(whole, held_out, [eta for _, eta in states]))
        if scores[-1] < scores[rank] * (1.0 - _WORTH):
            rank, best = len(scores) - 1, states
    lowest, last, states, d = scores[rank], scores[0], alone, data.n_features
    own = max(10.0 * float(np.mean([prior.own[1] for prior, _ in alone])), 1.0 / d)
    while own <= LARGEST / d:
        states = [_with_own(part, *state, own, tol=tol) for part, state in zip(folds, states, strict=True)]
        score = _log_loss(whole, held_out, [eta for _, eta in states])
        if score < lowest:
            lowest, best = score, states
        if score >= last:
            break
        last, own = score, 10.0 * own
    odds = []
    for part, rows, (prior, eta) in zip(folds, held_out, best, strict=True):
        posterior = laplace_posterior(gaussian(prior), replace(data, weights=part.weights), eta)
        odds.append(averaged(eta, np.where(rows, posterior.predictive_variance(data.X, data.codes), 0.0)))
    return Choice(np.array(scores), best[0][0], _log_loss(whole, held_out, odds) <= lowest)


def gaussian(prior: Prior) -> GaussianPrior:
    """The prior of a task, the population taken as known."""
    return GaussianPrior(prior.mean, prior.loadings, np.sqrt(prior.own), np.zeros((len(prior.mean), 0)))


def _next_rank(design: Design, prior: Prior, eta: FloatArray, *, tol: float) -> tuple[Prior, FloatArray]:
    before = find_mode(design, prior, eta, tol=tol)
    return _light(climb(design, extend(before), before.eta, steps=_PATH_STEPS, tol=tol))


def _with_own(design: Design, prior: Prior, eta: FloatArray, own: float, *, tol: float) -> tuple[Prior, FloatArray]:
    variances = np.concatenate((prior.own[:1], np.full(len(prior.own) - 1, own)))
    return _light(climb(design, replace(prior, own=variances, held=True), eta, steps=_PATH_STEPS, tol=tol))


def evidence_rank(data: TaskData, *, max_rank: int, tol: float) -> Choice:
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
    return Choice(np.array(scores), best.prior, True)


def _light(state: State) -> tuple[Prior, FloatArray]:
    return state.prior, state.eta


def _log_loss(design: Design, held_out: list[BoolArray], odds: list[FloatArray]) -> float:
    total = weight = 0.0
    for rows, each in zip(held_out, odds, strict=True):
        loss = np.logaddexp(0.0, (1.0 - 2.0 * design.y[rows]) * each[rows])
        total, weight = total + float(design.weights[rows] @ loss), weight + float(design.weights[rows].sum())
    return total / weight
