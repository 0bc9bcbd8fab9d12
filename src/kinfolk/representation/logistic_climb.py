"""Climb the evidence of logistic tasks: from the modes of the tasks, one step in their population, and back.

The step in the loadings F is expectation maximisation with expanded parameters, preconditioned by the pooled
information; that in the population mean m is Newton's; the variances s and g follow MacKay's fixed points. A step is
halved while it lowers the objective of `logistic`.
"""

from dataclasses import replace

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.representation.logistic import Design, Prior, State, find_mode, total

LARGEST = 100.0  # variance of the linear predictor beyond which classes are separated anyway
_FAINT = 0.01  # share of a head that a task determines, below which its direction gets no fainter
_NEGLIGIBLE = 1e-2  # coefficients' worth of freedom in all tasks together below which an own variance is none


def climb(design: Design, prior: Prior, eta: FloatArray, *, steps: int, tol: float) -> State:
    """Turn between the modes of the tasks and a step in the population, until a step gains less than ``tol``."""
    state, length, n_steps, settled = find_mode(design, prior, eta, tol=0.1 * tol), 1.0, 0, False
    target, history = _step(state), [state.objective]
    while n_steps < steps:
        moved = find_mode(design, _between(state.prior, target, length), state.eta, tol=0.1 * tol)
        n_steps += 1
        gain = moved.objective - state.objective
        if gain >= 0.0:
            state, length = moved, min(1.0, 2.0 * length)
            history.append(state.objective)
            settled = gain < tol
            target = _step(state)
        else:
            length *= 0.5
            settled = length < 0.05
        if settled:
            break
    return replace(state, n_steps=n_steps, settled=settled, history=tuple(history))


def _between(old: Prior, new: Prior, length: float) -> Prior:
    if length == 1.0:
        return new
    return Prior(
        old.mean + length * (new.mean - old.mean),
        old.loadings + length * (new.loadings - old.loadings),
        np.where(new.own > 0.0, old.own ** (1.0 - length) * new.own**length, 0.0),
        old.ridge ** (1.0 - length) * new.ridge**length,
        old.held,
    )


def pooled_inverse(state: State) -> tuple[FloatArray, FloatArray]:
    """Inverse ``P`` (d, d) of the tasks' mean information on the slopes, and each task's size of it (T,)."""
    slopes = state.whitened[:, :, 1:]
    pooled, strength = total(slopes), (slopes**2).sum(axis=(1, 2))
    floor = 1e-3 * max(float(np.trace(pooled)) / len(pooled), 1e-300)
    return np.linalg.inv(pooled + floor * np.eye(len(pooled))) * strength.sum(), strength


def _step(state: State) -> Prior:
    """The whole step from the modes of the tasks: population, loadings, own variances, ridge."""
    prior, W = state.prior, state.whitened
    d = len(prior.mean) - 1
    # population: a Newton step
    information, shrink = state.information, prior.mean_precision()
    pulls = (state.left[:, None, :] @ W)[:, 0]
    both = information + shrink
    mean = prior.mean + np.linalg.solve(both, pulls.sum(axis=0) - shrink @ prior.mean)
    # its ridge: MacKay's fixed point, |outside|^2 over the number of coefficients that the data determine
    outside = shrink[1:, 1:] @ mean[1:]
    determined = np.trace((shrink - shrink @ np.linalg.solve(both, shrink))[1:, 1:])
    ridge = prior.ridge * float(outside @ outside) / max(float(determined), 1e-300)
    ridge = float(np.clip(ridge, 1e-6, LARGEST))
    return Prior(mean, _loadings(state), _own(state, pulls), ridge, prior.held) if d else prior


def _own(state: State, pulls: FloatArray) -> FloatArray:
    """MacKay's fixed point for the variances of intercepts and of what slopes have of their own.

    It is slow where the data determine few of the coefficients, a share c of them: the ratio is taken to the power
    3 - 2c.
    """
    W, own = state.whitened, state.prior.own
    cross = W.transpose(0, 2, 1) @ (W @ state.prior.loadings)
    information = (W**2).sum(axis=1) - ((cross @ state.covariance) * cross).sum(axis=2)
    found, known = (pulls**2).sum(axis=0), np.maximum(information, 0.0).sum(axis=0)
    new = own.copy()
    for part in (slice(0, 1), slice(1, None))[: 1 if state.prior.held else 2]:
        used = float(own[part] @ known[part])  # number of coefficients that the data determine
        if used < _NEGLIGIBLE:
            new[part] = 0.0
        else:
            ratio = float(found[part].sum()) / max(float(known[part].sum()), 1e-300)
            share = min(used / (len(W) * len(own[part])), 1.0)
            new[part] = np.clip(own[part] * np.clip(ratio ** (3.0 - 2.0 * share), 0.01, 100.0), 1e-6, LARGEST)
    return new


def _loadings(state: State) -> FloatArray:
    """Preconditioned step in F, and the heads' spread taken into it (parameter expansion).

    Under the prior of F the second moment of the heads is ``1 + (d - k) / T``, not one, at the maximum.
    """
    F = state.prior.loadings
    if not F.shape[1]:
        return F
    W = state.whitened
    second = state.heads[:, :, None] * state.heads[:, None, :] + state.covariance
    cross = W.transpose(0, 2, 1) @ (W @ F)
    pulled = ((state.pulled[:, None, :] @ W)[:, 0]).T @ state.heads
    gradient = (np.tensordot(cross, second, axes=((0, 2), (0, 1))) - pulled)[1:]
    preconditioner, strength = pooled_inverse(state)
    weighted = np.tensordot(strength, second, axes=1)
    target = F[1:] - preconditioner @ np.linalg.solve(weighted + _tiny(weighted), gradient.T).T
    d, k = F[1:].shape
    spread = second.mean(axis=0) / (1.0 + (d - k) / len(second))
    left, values, right = np.linalg.svd(target @ np.linalg.cholesky(spread + _tiny(spread)), full_matrices=False)
    faint = np.sqrt(_FAINT * d / max(float(strength.mean()), 1e-300))
    bounded = (left * np.clip(values, min(faint, np.sqrt(LARGEST)), np.sqrt(LARGEST))) @ right
    return np.concatenate((np.zeros((1, F.shape[1])), bounded))


def _tiny(matrix: FloatArray) -> FloatArray:
    size: FloatArray = 1e-10 * max(float(np.trace(matrix)), 1e-200) * np.eye(len(matrix))
    return size
