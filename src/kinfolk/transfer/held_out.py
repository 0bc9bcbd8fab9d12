"""Reduced-rank ridge regression of one study: errors of held-out rows for all strengths and ranks, and the fit."""

from collections.abc import Sequence

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.transfer.reduced_rank import Spectral, held_out_error
from kinfolk.transfer.responses import Responses

Folds = Sequence[tuple[IntArray, IntArray]]


def cross_validate(
    study: Responses, Z: FloatArray, folds: Folds, alphas: FloatArray, shares: Sequence[float] = (1.0,)
) -> FloatArray:
    """Sums of squared errors of the held-out responses that were seen, ``(folds, alphas, shares, ranks)``.

    Parameters
    ----------
    study : Responses
    Z : (n, k) array
        Its features, in any basis of the space that its rows span.
    folds : sequence of (train, test)
    alphas : (A,) array
    shares : sequence of float, default=(1.0,)
        Which part of the fitted coefficients is used.
    """
    most = min(Z.shape[1], study.Y.shape[1])
    whole = study.grams(Z, study.Y) if study.complete else None
    errors = np.empty((len(folds), len(alphas), len(shares), most + 1))
    for f, (train, test) in enumerate(folds):
        if whole is None:
            errors[f] = [_by_rows(study, Z, train, test, alpha, shares)[:, : most + 1] for alpha in alphas]
            continue
        part = study.grams(Z, study.Y, test)
        rest = len(train) + len(test) == len(Z)
        training = whole.without(part) if rest else study.grams(Z, study.Y, train)
        path = Spectral(training)
        for i, alpha in enumerate(alphas):
            loaded, V, _ = path.fit(alpha)
            errors[f, i] = [held_out_error(part, training, share * loaded, V)[: most + 1] for share in shares]
    return errors


def cells(study: Responses, folds: Folds) -> FloatArray:
    """Weight of the held-out responses that were seen, of each fold."""
    return np.array([float((study.weights[test, None] * study.seen[test]).sum()) for _, test in folds])


def fit_all(
    study: Responses, Z: FloatArray, alpha: float, rank: int, max_iter: int, *, share: float = 1.0
) -> tuple[FloatArray, FloatArray, FloatArray, int, bool]:
    """Coefficients ``(k, q)``, intercepts, singular values, turns of EM, and whether they settled."""
    target, turns, settled = study.Y, 1, True
    if not study.complete:
        target, turns, settled = study.filled(Z, alpha, rank, max_iter=max_iter, tol=1e-4)
    grams = study.grams(Z, target)
    loaded, V, sizes = Spectral(grams).fit(alpha)
    coef = share * loaded[:, :rank] @ V[:, :rank].T
    return coef, grams.y_mean - grams.x_mean @ coef, sizes[:rank], turns, settled


def _by_rows(
    study: Responses, Z: FloatArray, train: IntArray, test: IntArray, alpha: float, shares: Sequence[float]
) -> FloatArray:
    """Errors of one fold, ``(shares, q + 1)``, where some responses are missing."""
    seen, weights = study.seen, study.weights
    target, *_ = study.filled(Z, alpha, study.Y.shape[1], train, max_iter=30, tol=1e-2)
    grams = study.grams(Z, target, train)
    loaded, V, _ = Spectral(grams).fit(alpha)
    scores = (Z[test] - grams.x_mean) @ loaded
    sums = np.empty((len(shares), V.shape[1] + 1))
    for row, share in zip(sums, shares, strict=True):
        residual = np.where(seen[test], study.Y[test] - grams.y_mean, 0.0)
        row[0] = (weights[test] @ residual**2).sum()
        for r in range(V.shape[1]):
            residual = np.where(seen[test], residual - np.outer(share * scores[:, r], V[:, r]), 0.0)
            row[r + 1] = (weights[test] @ residual**2).sum()
    return sums
