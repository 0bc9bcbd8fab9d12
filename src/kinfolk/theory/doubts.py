"""What makes predictions doubtful, each with the threshold beyond which it is said."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.theory.whitening import Whitening

FEW_FEATURES, FEW_ROWS = 20, 10
ROWS_PER_DIRECTION, ROWS_WHEN_FEW = 5.0, 20.0
UNEQUAL = 2.0  # times sqrt(2 / p), the spread of the lengths of Gaussian rows
LOCALISED = 0.1  # participation ratio of coefficients over p
CONDITION = 1000.0  # the smallest direction has a thirtieth of the spread of the largest; beyond 1e4 it is left out
VAGUE = 0.2  # standard error of the similarity
IMBALANCE = 0.2  # of labels -1, +1
COPIES = 0.5  # share of rows that are copies, also by chance where features have few values
MISFIT = 2.0  # standard errors of the leave-one-out error
CERTAIN = 900.0  # signal of logistic labels


@dataclass(frozen=True, eq=False)
class Signs:
    """What was measured of a table; see the warnings for what each is about.

    Attributes
    ----------
    p : int
    counts : (T,) array of int
        Rows of tasks.
    whitening : Whitening
    score_kurtosis : float
        Of fitted scores.
    binary : bool
    signal : float
    participation : float
        Median over tasks of ``(sum w^2)^2 / (p sum w^4)``.
    similarity_se : float
    imbalance : float
        Root mean square of the means of labels of tasks, less what chance makes of it.
    different : int
        Rows of features that are no copies.
    left_out, left_out_se, predicted : float
        Mean leave-one-out error, its standard error, and what theory says at the same penalty.
    """

    p: int
    counts: IntArray
    whitening: Whitening
    score_kurtosis: float
    binary: bool
    signal: float
    participation: float
    similarity_se: float
    imbalance: float
    different: int
    left_out: float
    left_out_se: float
    predicted: float


def unequal_rows(whitening: Whitening) -> bool:
    """Whether rows differ in length by more than twice what Gaussian ones do."""
    return bool(whitening.spread > UNEQUAL * np.sqrt(2.0 / whitening.kept))


def lengths(norms: FloatArray, whitening: Whitening, kurtosis: float) -> FloatArray | None:
    r"""Squared lengths of rows that scores show; None where rows or scores differ no more than Gaussian ones.

    Of elliptical rows :math:`|x|^2 / p` varies as the square of scores does: kurtosis is :math:`3 (1 + v^2)`, v the
    coefficient of variation of :math:`r^2`. Rare categories make rows long without that; lengths are shrunken to v.
    """
    if not unequal_rows(whitening):
        return None
    seen = np.sqrt(max(kurtosis / 3.0 - 1.0, 0.0)) / whitening.spread
    if seen * whitening.spread <= UNEQUAL * np.sqrt(2.0 / whitening.kept):
        return None
    found = norms[norms > 0.0]
    return np.asarray(1.0 + min(seen, 1.0) * (found / found.mean() - 1.0))


def warnings_of(signs: Signs) -> tuple[str, ...]:
    """All that apply, the most basic first."""
    return tuple(text for text in (*_sizes(signs), *_features(signs), *_labels(signs), *_model(signs)) if text)


def _sizes(signs: Signs) -> tuple[str, ...]:
    p, counts = signs.p, signs.counts
    few = int((counts < FEW_ROWS).sum())
    each = signs.whitening.rows_per_direction
    short = counts.mean() < p
    wanted = ROWS_WHEN_FEW if short and each >= ROWS_PER_DIRECTION else ROWS_PER_DIRECTION
    return (
        f"{p} features: predictions are for many; a single table scatters around them by some "
        f"{1.0 / np.sqrt(p * len(counts)):.0%}."
        if p < FEW_FEATURES
        else "",
        f"{few} of {len(counts)} tasks have fewer than {FEW_ROWS} rows." if few else "",
        f"{each * p:.0f} rows tell the covariance of {p} features badly ({wanted:.0f} for each are needed"
        f"{', since tasks have fewer rows than features' if wanted == ROWS_WHEN_FEW else ''})."
        if each < wanted
        else "",
    )


def _features(signs: Signs) -> tuple[str, ...]:
    whitening, n = signs.whitening, int(signs.counts.sum())
    return (
        f"Rows differ in length more than Gaussian ones (coefficient of variation {whitening.spread:.2f}, Gaussian: "
        f"{np.sqrt(2.0 / whitening.kept):.2f}); predictions are corrected for it as far as scores show it, whose "
        f"kurtosis is {signs.score_kurtosis:.1f} (Gaussian: 3)."
        if unequal_rows(whitening)
        else "",
        f"Features are nearly dependent (condition number {whitening.condition:.0f}): coefficients along directions "
        "that hardly vary are guesses, and predictions suffer where new rows vary there; leave out what repeats others."
        if whitening.condition > CONDITION
        else "",
        f"Tasks share their rows ({signs.different} different ones): rows of their own are assumed."
        if signs.different < (1.0 - COPIES) * n
        else "",
    )


def _labels(signs: Signs) -> tuple[str, ...]:
    if not signs.binary:
        return ()
    return (
        f"Classes are not balanced (mean label of tasks {signs.imbalance:.2f} on the scale -1 to 1): theory has no "
        "intercepts, and error rates of rare classes are lower than predicted."
        if signs.imbalance > IMBALANCE
        else "",
        f"Coefficients are on few features (participation ratio {signs.participation * signs.p:.1f} of {signs.p}): "
        "for features that are far from Gaussian the predicted error rates are doubtful."
        if signs.participation < LOCALISED
        else "",
        "Labels are as good as certain: how strong the signal is cannot be told from them."
        if signs.signal > CERTAIN
        else "",
    )


def _model(signs: Signs) -> tuple[str, ...]:
    off = signs.left_out - signs.predicted
    return (
        f"The similarity is not identified (standard error {signs.similarity_se:.2f})."
        if signs.similarity_se > VAGUE
        else "",
        f"The model does not describe these rows (error left out {signs.left_out:.4g} ± "
        f"{signs.left_out_se:.2g}, theory at the same penalty {signs.predicted:.4g}): use the leave-one-out error."
        if abs(off) > MISFIT * signs.left_out_se
        else "",
    )


def participation(coef: FloatArray, p: int) -> float:
    """Median over tasks of the participation ratio of coefficients ``(T, d)``, over p."""
    squares = coef**2
    power = squares.sum(axis=1)
    seen = power > 0.0
    if not seen.any():
        return 1.0
    return float(np.median(power[seen] ** 2 / (squares[seen] ** 2).sum(axis=1)) / p)


def imbalance(y: FloatArray, codes: IntArray, counts: IntArray) -> float:
    """Root mean square over rows of the means of labels -1, +1 in tasks; unbiased before the root."""
    several = counts > 1
    means = np.bincount(codes, y)[several] / counts[several]
    squares = means**2 - (1.0 - means**2) / (counts[several] - 1.0)
    return float(np.sqrt(max(np.average(squares, weights=counts[several]), 0.0)))
