r"""Noise, signal and similarity from rows: what a prediction needs to know of a table.

Features are centred within tasks and whitened (`kinfolk.theory.whitening`); then the likelihood of tasks that are
equally alike has three parameters (`kinfolk.theory.likelihood`). Labels of two classes are -1 and +1, and what the
linear model finds of them is carried back: the best linear prediction of a label has the coefficients :math:`c \xi_t`,
so that similarities are those of the scores, and the share of the variance of labels that it explains (by the
posterior second moment of its scores) is

.. math:: c(\tau)^2 \tau^2, \qquad c = \frac{E[y s]}{\tau^2} = E_r[r^2 c_0(r^2 \tau^2)] ,

from which :math:`\tau` is read; :math:`c_0` the slope for rows of length one, averaged over those of the table.

Where pairs of tasks are alike to different degrees (`kinfolk.theory.alike`) their whole Gram matrix is estimated
(`kinfolk.theory.gram`).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.theory.alike import inequality
from kinfolk.theory.doubts import Signs, imbalance, lengths, participation, warnings_of
from kinfolk.theory.excess import error_pooled, errors_coupled, excess_alone, excess_of, pooled_parts
from kinfolk.theory.gram import Exchangeable, Sums, TaskGram, em_of, exchangeable_start
from kinfolk.theory.information import Teller
from kinfolk.theory.labels import strength_of
from kinfolk.theory.left_out import LeftOut, leave_one_out
from kinfolk.theory.likelihood import Likelihood, natural
from kinfolk.theory.moments import Moments, moments_of
from kinfolk.theory.problem import Link, Problem
from kinfolk.theory.table import Table
from kinfolk.theory.whitening import Rows, Whitening, whiten

Structure = Literal["exchangeable", "general"]
Units = Literal["features", "whitened"]
_UNEQUAL = 5.0  # standard deviations, beyond which a Gram matrix is tried
_MANY = 64  # tasks, beyond which a Gram matrix takes minutes and has to be asked for
_PAYS = 1.0  # standard errors of the paired gain of rows that are left out


@dataclass(frozen=True, eq=False)
class Estimate:
    """What rows say of the model.

    Attributes
    ----------
    problem : Problem
        With one number of rows a task, the row norms of the whitened features where these are unequal as far as scores
        show it, and the spectrum of the features if coefficients have one variance in their units.
    noise, signal, similarity : float
        D and tau^2, in units of y squared for measured values, and rho. Logistic labels have no noise; sign labels
        ``noise + signal = 1``.
    draws : (m, 3) array
        Noise, signal and similarity, drawn from their likelihood, flat in the logarithms of the variances.
    n_features : int
        Directions of features that vary.
    condition : float
        Condition number of their covariance.
    n_rows : int
    warnings : tuple of str
        What makes predictions doubtful.
    tasks : (T,) array
        Labels of tasks, in the order of every array over tasks.
    whitening : Whitening
        Spectrum of the features, and how well it is known.
    moments : Moments
        The same by the method of moments, pair by pair, with standard errors.
    structure : {"exchangeable", "general"}
        Whether `problem` has one similarity, or a Gram matrix and noise of tasks of their own; then `noise`, `signal`
        and `similarity` are means over tasks and pairs, and `draws` are those of equally alike tasks.
    units : {"features", "whitened"}
        In which coefficients have one variance; of features with standard deviation one `problem` has a spectrum.
    inequality : float
        By how many standard deviations pairs or levels of tasks differ more than those of equally alike tasks do; NaN
        where it was not looked at (fewer than three tasks of three rows, more than 64, or no more features than
        tasks).
    similarity_se : (T, T) array or None
        Standard errors of the similarities of pairs, before these are shrunken; None for equally alike tasks.
    corrections : (3, T) array
        Excess errors that the rows at hand promise over those of the limit of many features, of tasks alone, coupled
        and (one number) pooled: predictions are multiplied by them. They are for rows that tasks share and
        features that vary differently in every task, and contain the errors of intercepts of measured values.
    loo, loo_se : float
        Leave-one-out error of the fit with the estimated penalty, intercepts included, and its standard error:
        measured. Mean squared error; for two classes the rate of errors (of a squared loss on labels -1, +1).
    """

    problem: Problem
    noise: float
    signal: float
    similarity: float
    draws: FloatArray
    n_features: int
    condition: float
    n_rows: int
    warnings: tuple[str, ...]
    tasks: LabelArray
    whitening: Whitening
    moments: Moments
    structure: Structure
    units: Units
    inequality: float
    similarity_se: FloatArray | None
    corrections: FloatArray
    loo: float
    loo_se: float

    def interval(self, level: float = 0.9) -> FloatArray:
        """Interval of noise, signal and similarity, ``(2, 3)``."""
        tail = 50.0 * (1.0 - level)
        return np.asarray(np.percentile(self.draws, [tail, 100.0 - tail], axis=0))


def estimate_problem(
    X: FloatArray,
    y: LabelArray,
    task: object,
    *,
    link: Literal["auto", "linear", "logistic", "sign"] = "auto",
    structure: Literal["auto", "exchangeable", "general"] = "auto",
    units: Literal["auto", "features", "whitened"] = "auto",
    n_draws: int = 200,
    seed: int = 0,
) -> Estimate:
    """Estimate noise, signal and similarity of tasks, for predictions of what sharing brings.

    Parameters
    ----------
    X : (n, d) array
        Features, without the task.
    y : (n,) array
        Measured values, or two classes of any kind.
    task : (n,) array of labels
    link : {"auto", "linear", "logistic", "sign"}, default="auto"
        How y arises from scores. Auto: logistic for two distinct values, else linear.
    structure : {"auto", "exchangeable", "general"}, default="auto"
        One similarity for all pairs, or a Gram matrix and a noise of every task. Auto: general where there are more
        features than tasks, at most 64 tasks, pairs differ by more than five standard deviations of what equally alike
        tasks show (`inequality`), and rows that are left out gain by it, paired, more than one standard error.
    units : {"auto", "features", "whitened"}, default="auto"
        In which coefficients have one variance: of features with standard deviation one, or of whitened ones. Auto: the
        larger likelihood, but not units in which the signal is half or twice the variance of scores.
    n_draws : int, default=200
        For intervals.
    seed : int, default=0

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        Shapes disagree, something is not finite, there is one task, no task has two rows, a link for two classes is
        asked for other values, or a Gram matrix for two tasks.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> task = np.repeat(np.arange(20), 30)
    >>> W = np.sqrt(0.5 / 30) * (generator.normal(size=30) + generator.normal(size=(20, 30)))
    >>> X = generator.normal(size=(600, 30))
    >>> y = (X * W[task]).sum(axis=1) + 0.5 * generator.normal(size=600)
    >>> found = estimate_problem(X, y, task)
    >>> bool(abs(found.noise - 0.25) < 0.1), bool(abs(found.similarity - 0.5) < 0.2)
    (True, True)
    """
    if structure not in ("auto", "exchangeable", "general"):
        raise InputError(f"structure={structure!r} is not known; choose 'auto', 'exchangeable' or 'general'.")
    if units not in ("auto", "features", "whitened"):
        raise InputError(f"units={units!r} is not known; choose 'auto', 'features' or 'whitened'.")
    table = Table.of(X, y, task, link)
    white, whitening = whiten(table)
    fits = {
        name: _Fit(rows, Likelihood(rows))
        for name, rows in {"whitened": white, "features": white.in_features(whitening)}.items()
        if units in ("auto", name)
    }
    best = _best(fits)
    rows, likelihood, theta, parts = best.rows, best.likelihood, best.theta, best.parts
    left_out = leave_one_out(rows, likelihood, theta, intercepts=table.link == "linear")
    kurtosis, seen = left_out.score_kurtosis, left_out.score_variance / parts[1]
    plain = _exchangeable(rows, parts, lengths(rows.norms, whitening, kurtosis))
    corrections = _corrections(plain, left_out.promised)
    start = fits["whitened"].parts if "whitened" in fits else None
    found, unequal = _general(best, white, start, structure)
    if found is not None:
        plain = replace(plain, similarity=0.0, signal=1.0, gram=found.gram, noise=found.noise)
        left_out = _left_out(rows, found)
    problem = _of_scores(plain, table.link, seen)
    drawn = natural(likelihood.draws(theta, n_draws, np.random.default_rng(seed)).T)
    losses = _losses(table, left_out.residuals)
    noise, signal, similarity = _means(problem)
    draws = _draws(drawn, table.link, plain.row_scales, seen)
    signs = Signs(
        p=whitening.kept,
        counts=table.counts,
        whitening=whitening,
        score_kurtosis=kurtosis,
        binary=table.link != "linear",
        signal=signal,
        participation=participation((left_out.coef * rows.spread) @ rows.axes.T, whitening.kept),
        similarity_se=float(draws[:, 2].std()),
        imbalance=imbalance(table.y, table.codes, table.counts) if table.link != "linear" else 0.0,
        different=len(np.unique(table.X, axis=0)),
        left_out=float(np.nanmean(losses)),
        left_out_se=_standard_error(losses),
        predicted=float(errors_coupled(problem, corrections[1])[table.codes[np.isfinite(losses)]].mean()),
    )
    return Estimate(
        problem=problem,
        noise=noise,
        signal=signal,
        similarity=similarity,
        draws=draws,
        n_features=whitening.kept,
        condition=whitening.condition,
        n_rows=len(table.y),
        warnings=warnings_of(signs),
        tasks=table.tasks,
        whitening=whitening,
        moments=moments_of(rows),
        structure="exchangeable" if found is None else "general",
        units="whitened" if rows is white else "features",
        inequality=unequal,
        similarity_se=None if found is None else found.correlation_se,
        corrections=corrections,
        loo=signs.left_out,
        loo_se=signs.left_out_se,
    )


@dataclass(frozen=True)
class _Fit:
    """The exchangeable model of rows in some units."""

    rows: Rows
    likelihood: Likelihood

    @cached_property
    def theta(self) -> FloatArray:
        return self.likelihood.maximum()

    @cached_property
    def parts(self) -> Exchangeable:
        noise, signal, similarity = map(float, natural(self.theta))
        return noise, signal, similarity


def _best(fits: dict[str, _Fit]) -> _Fit:
    """The units that describe y better.

    Units of the features have to have the larger likelihood, and the variance of scores that they suppose may not be
    half or twice of what is found.
    """
    if len(fits) == 1:
        return next(iter(fits.values()))
    white, features = fits["whitened"], fits["features"]
    if features.likelihood.value(features.theta) > white.likelihood.value(white.theta):
        return white
    found = leave_one_out(features.rows, features.likelihood, features.theta).score_variance
    return features if 0.5 < features.parts[1] / found < 2.0 else white


def _exchangeable(rows: Rows, parts: Exchangeable, row_norms: FloatArray | None) -> Problem:
    noise, signal, similarity = parts
    return Problem(
        rows.X.shape[1],
        np.maximum(rows.counts - 1.0, 0.5),
        similarity=similarity,
        signal=signal,
        noise=noise,
        row_norms=row_norms,
        spectrum=rows.spectrum,
    )


def _general(best: "_Fit", white: Rows, start: Exchangeable | None, structure: str) -> tuple[TaskGram | None, float]:
    """Gram matrix of tasks where it is wanted or found to pay, and how unequally alike they are."""
    rows, parts = best.rows, best.parts
    T, p = len(rows.counts), rows.X.shape[1]
    if T < 3:
        if structure == "general":
            raise InputError("A Gram matrix needs at least three tasks; leave out structure='general'.")
        return None, float("nan")
    if structure == "general":
        return em_of(rows, parts), inequality(white, start)
    if structure == "exchangeable" or p <= T or T > _MANY:
        return None, float("nan")
    unequal = inequality(white, start)
    if not unequal > _UNEQUAL:
        return None, unequal
    found, tasks = em_of(rows, parts), Sums(rows)
    before, after = (tasks.left_out(*each)[1] for each in (exchangeable_start(rows, parts), (found.gram, found.noise)))
    saved = before**2 - after**2
    pays = bool(np.nanmean(saved) > _PAYS * _standard_error(saved))
    return (found if pays else None), unequal


def _left_out(rows: Rows, found: TaskGram) -> LeftOut:
    """The fit with a Gram matrix, rows left out by formula."""
    coef, residuals = Sums(rows).left_out(found.gram, found.noise)
    back = np.empty_like(residuals)
    back[rows.order[0]] = residuals
    return LeftOut(coef, back, np.full((3, len(coef)), np.nan), float("nan"), float("nan"))


def _losses(table: Table, residuals: FloatArray) -> FloatArray:
    """Squared errors, or wrong signs, of rows that are left out; NaN for the only row of a task."""
    if table.link == "linear":
        return np.asarray(residuals**2)
    wrong = (table.y * (table.y - residuals) <= 0.0).astype(float)
    return np.where(np.isfinite(residuals), wrong, np.nan)


def _corrections(plain: Problem, promised: FloatArray) -> FloatArray:
    """Excess errors of the rows at hand over those of the limit, ``(3, T)``; one for tasks of one row."""
    teller, noise, total, alpha = Teller(plain), plain.noise_variance, plain.strengths, plain.alpha
    limit = np.stack((excess_alone(teller, alpha, noise, total), excess_of(plain))) * plain.row_scales.mean()
    parts = np.where(np.isfinite(promised[:2]), promised[:2] * noise / limit, 1.0)
    pooled = pooled_parts(plain)
    heard = float(pooled[1] + pooled[3])
    known = np.isfinite(promised[2])
    excess = heard * float(np.average(promised[2, known], weights=alpha[known]))
    ratio = excess / (float(error_pooled(teller, *pooled)) - heard)
    return np.vstack((parts, np.full(plain.T, ratio)))


def _of_scores(plain: Problem, link: Link, seen: float) -> Problem:
    """The problem of scores from that of a linear model of labels, whose scores have `seen` times the signal."""
    if link == "linear":
        return plain
    signal, noise = plain.strengths, plain.noise_variance
    if plain.gram is None:
        signal, noise = signal[:1], noise[:1]
    strength = strength_of(link, seen * signal / (seen * signal + noise), plain.row_scales)
    rest = np.zeros_like(strength) if link == "logistic" else 1.0 - strength
    if plain.gram is None:
        return replace(plain, link=link, noise=float(rest[0]), signal=float(strength[0]))
    size = np.sqrt(strength / signal)
    return replace(plain, link=link, noise=rest, gram=plain.inner_products * np.outer(size, size))


def _means(problem: Problem) -> Exchangeable:
    """Noise, signal and similarity; means over tasks and pairs of a general problem."""
    if problem.gram is None:
        return float(problem.noise_variance[0]), float(problem.strengths[0]), float(problem.similarity)
    size = np.sqrt(problem.strengths)
    cosines = problem.inner_products / np.outer(size, size)
    pairs = problem.T * (problem.T - 1.0)
    similarity = float((cosines.sum() - problem.T) / pairs)
    return float(problem.noise_variance.mean()), float(problem.strengths.mean()), similarity


def _draws(parts: tuple[FloatArray, FloatArray, FloatArray], link: Link, scales: FloatArray, seen: float) -> FloatArray:
    """Noise, signal and similarity of scores, ``(m, 3)``."""
    noise, signal, similarity = parts
    if link == "linear":
        return np.column_stack(parts)
    strength = strength_of(link, seen * signal / (seen * signal + noise), scales)
    rest = np.zeros_like(strength) if link == "logistic" else 1.0 - strength
    return np.column_stack((rest, strength, similarity))


def _standard_error(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")
