"""Choose the rank: by cross-validation inside the tasks, or by the Bayesian information criterion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, Self, TypeVar

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.representation.fit import Fit
from kinfolk.tasks import Moments

_PATIENCE = 2  # ranks that may fail to improve before the path ends


class Ranked(Protocol):
    """A fit of one rank."""

    @property
    def slopes(self) -> FloatArray:
        """Coefficients ``(T, d)``."""

    @property
    def noise(self) -> float:
        """Variance of the observations."""


R = TypeVar("R", bound=Ranked)


@dataclass(frozen=True)
class Folds:
    """Moments of the rows that each fold holds out, and of those that it is trained on."""

    held_out: Sequence[Moments]
    training: Sequence[Moments]

    @classmethod
    def of(cls, parts: Sequence[Moments], always: Moments | None = None) -> Self:
        """Folds from the moments of disjoint sets of rows; the rows of ``always`` are in every training part."""
        training = []
        for left_out in range(len(parts)):
            rest = [part for i, part in enumerate(parts) if i != left_out]
            union = rest.pop() if always is None else always
            for part in rest:
                union = union.merge(part)
            training.append(union)
        return cls(parts, training)


def cross_validate(
    paths: Sequence[Iterator[R]],
    folds: Folds,
    max_rank: int,
    *,
    precision: FloatArray | None = None,
    capped: bool = False,
) -> tuple[FloatArray, list[R]]:
    """Mean squared error of each rank from 0 on, over held-out rows of all tasks, and each fold's fit of the best.

    The paths end when ``_PATIENCE`` ranks in a row have not improved.

    Parameters
    ----------
    paths : fits of rank 0, 1, ... to the training part of each fold
    folds : Folds
    max_rank : int
    precision : (T,) array, optional
        Weight of a task's squared errors (default: 1).
    capped : bool, default=False
        A task's mean error counts as at most five times the median one, so that outlier tasks have no say.
    """
    max_rank = min(identified_rank(part, max_rank) for part in folds.training)
    n_rows = np.sum([rows.n for rows in folds.held_out], axis=0)
    best: list[R] = []
    scores: list[float] = []
    while len(scores) <= max_rank and len(scores) - 1 - int(np.argmin(scores or [0.0])) < _PATIENCE:
        fits = [next(path) for path in paths]
        errors = np.zeros(len(n_rows))
        for fit, seen, rows in zip(fits, folds.training, folds.held_out, strict=True):
            offsets, *_ = intercepts(fit.slopes, seen, fit.noise)
            errors += squared_error(rows, fit.slopes, offsets)
        scores.append(_mean_error(errors, n_rows, precision, capped))
        if scores[-1] == min(scores):
            best = fits
    return np.array(scores), best


def _mean_error(errors: FloatArray, n_rows: FloatArray, precision: FloatArray | None, capped: bool) -> float:
    each = np.ones(len(n_rows)) if precision is None else precision
    errors = errors * each
    if capped:
        tested = n_rows > 0
        errors = np.minimum(errors, 5.0 * n_rows * float(np.median(errors[tested] / n_rows[tested])))
    return float(errors.sum() / (each * n_rows).sum())


def squared_error(rows: Moments, slopes: FloatArray, offsets: FloatArray) -> FloatArray:
    """Sum of squared errors ``(T,)`` of each task's rows, from their moments alone."""
    if rows.rows is not None and rows.targets is not None:
        within = ((rows.targets - (rows.rows @ slopes[:, :, None])[:, :, 0]) ** 2).sum(axis=1)
    else:
        moved = rows.times(slopes[:, :, None])[:, :, 0]
        within = np.maximum(rows.yy + ((moved - 2.0 * rows.b) * slopes).sum(axis=1), 0.0)
    between: FloatArray = rows.y_mean - offsets - (rows.x_mean * slopes).sum(axis=1)
    total: FloatArray = within + rows.n * between**2
    return total


def criterion(fit: Fit) -> float:
    r"""Bayesian information criterion with the heads integrated out.

    .. math:: -2 \log L + (k (d - k) + k (k + 1) / 2 + 1) \log T

    Never that of the least-squares fit, whose likelihood always grows with k.
    """
    d, k = fit.state.loadings.shape
    n_parameters = k * (d - k) + k * (k + 1) / 2 + 1
    return float(-2.0 * fit.state.value + n_parameters * np.log(fit.study.moments.n_tasks))


def identified_rank(moments: Moments, max_rank: int) -> int:
    """The largest rank, at most ``max_rank``, whose ``k (d + T - k)`` free numbers are no more than the rows.

    Beyond it the likelihood grows without bound: loadings can be found that explain every row.
    """
    d, n_tasks = moments.n_features, int((moments.n > 0).sum())
    ranks = np.arange(max_rank + 1)
    fits = ranks * (d + n_tasks - ranks) <= moments.degrees_of_freedom
    return int(ranks[fits].max(initial=0))


def marginal_bic(path: Iterator[Fit], max_rank: int) -> tuple[FloatArray, Fit]:
    """Information criterion of each rank from 0 on, and the fit of the smallest.

    The path ends when ``_PATIENCE`` ranks in a row have not improved.
    """
    fits: list[Fit] = []
    scores: list[float] = []
    for fit in islice(path, max_rank + 1):
        fits.append(fit)
        scores.append(criterion(fit))
        if len(scores) - 1 - int(np.argmin(scores)) >= _PATIENCE:
            break
    return np.array(scores), fits[int(np.argmin(scores))]
