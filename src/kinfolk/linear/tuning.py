r"""Strengths without cross-validation: a reference by evidence, and challengers that leave-one-out errors must prefer.

Squared loss: the reference has the (o, q) of largest marginal likelihood, where EM
(:math:`G \leftarrow W^\top W + R`) of an exchangeable G ends; freely minimised leave-one-out errors overfit, and
evidence alone errs where the model is wrong, so that a challenger is taken only if its paired leave-one-out gain is
more than one standard error. Challengers are other (o, q), and, where there are at least three tasks, three
times as many features and at most 1,600 coefficients, a coupling of any form by EM (`kinfolk.linear.coupling_em`; two
standard errors). A factorisation of all tasks tells the evidence and the leave-one-out errors of all q at one o
(`kinfolk.linear.mean_line`), so that ten to fifteen do; each counts as a fit, as does each solution.

Other losses: c is that of the squared loss on the same targets (moving it costs at most 0.2% of the
risk), lam has the smallest leave-one-out loss, or that of
five folds for the absolute and the hinge loss.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.base.laplace import linear_predictor
from kinfolk.linear.coupled import DENSE
from kinfolk.linear.coupling_em import coupling_by_em
from kinfolk.linear.held_out import gain, leave_one_out, mean_error
from kinfolk.linear.losses import Loss
from kinfolk.linear.mean_line import CommonMoments, MeanLine, largest_evidence, smallest_left_out
from kinfolk.linear.minimum import minimum
from kinfolk.linear.rows import Rows
from kinfolk.linear.solution import Solution
from kinfolk.linear.strengths import AnyCoupling, CommonMean, Strengths
from kinfolk.tasks import TaskData

_FEATURES_A_TASK = 3  # fewer do not tell correlations between tasks
_WORTH = 1e-3  # share of the error that a challenger has to gain beyond the standard error: less is rounding
_FACTORS = np.array([0.1, 10.0**-0.5, 10.0**0.5, 10.0])
_RIDGES = np.logspace(-1.5, 1.5, 13)
_FOLDS = 5
_ROUGH = 1e-4  # tolerance of ADMM in folds and while strengths are being compared
_LOG_STRENGTHS = np.arange(-2.0, 4.1, 1.0)  # of p lam


@dataclass(frozen=True)
class Problem:
    """What a fit minimises, but for its strengths."""

    data: TaskData
    loss: Loss
    spread: float | None
    max_iter: int
    tol: float

    @cached_property
    def rows(self) -> Rows:
        """The rows; intercepts are coefficients where they have a spread."""
        return Rows.of(self.data, joint=self.spread is not None)

    @property
    def y(self) -> FloatArray:
        """Targets (n,)."""
        return self.data.y

    def solve(self, strengths: Strengths, start: Solution | None = None) -> Solution:
        """The minimum at these strengths."""
        return minimum(
            self.rows, self.y, self.loss, strengths, self.spread, max_iter=self.max_iter, tol=self.tol, start=start
        )

    def judge(self, strengths: Strengths, start: Solution | None = None) -> "Judged":
        """Fit and its leave-one-out losses; those of five folds where the loss has kinks."""
        found = self.solve(strengths, start)
        if self.loss.name in ("lad", "hinge"):
            z, judged = self._by_folds(strengths, found)
        else:
            z, judged = leave_one_out(self.rows, self.y, self.loss, found, strengths, self.spread)
        errors = self.loss.value(self.y, z)
        return Judged(strengths, found, z, errors, judged, mean_error(self.rows, errors, judged))

    def _by_folds(self, strengths: Strengths, found: Solution) -> tuple[FloatArray, BoolArray]:
        """Predictions of rows held out in folds within the tasks; a task's only row is in none."""
        fold, z = self.data.deal(_FOLDS, np.random.default_rng(0)), found.z.copy()
        codes = self.data.codes
        for k in range(_FOLDS):
            kept, out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            part = replace(self, data=self.data.take(kept), tol=max(self.tol, _ROUGH))
            near = replace(found, z=found.z[kept], dual=found.dual[kept])
            without = part.solve(strengths, near)
            z[out] = linear_predictor(without.slopes, without.intercept, self.data.X[out], codes[out])
        judged: BoolArray = fold >= 0
        return z, judged


@dataclass(frozen=True)
class Judged:
    """A fit with its predictions of rows left out, losses (n,), which rows count, and their mean error."""

    strengths: Strengths
    found: Solution
    z: FloatArray
    errors: FloatArray
    judged: BoolArray
    mean: float
    n_fits: int = 1


def tuned(problem: Problem, data: TaskData, lam: float | None, c: float | None) -> Judged:
    """The strengths that are not given, chosen; see the module."""
    d = data.n_features
    if lam is not None and c is not None:
        return problem.judge(CommonMean.of(lam, c, d))
    line, ridge, n_lines = evidence(data)
    lam_reference, c_reference = CommonMean(line.own, ridge).parameters(d)
    share = c_reference if c is None else c
    if lam is not None:
        return problem.judge(CommonMean.of(lam, share, d))
    if problem.loss.name != "squared":
        found = _along(problem, share, d)
        return replace(found, n_fits=found.n_fits + n_lines)
    start = problem.judge(CommonMean(line.own, ridge) if c is None else CommonMean.of(lam_reference, c, d))
    if data.samples is not None:  # the errors of one sample are shared by its responses: leaving out a row leaks
        return replace(start, n_fits=n_lines + 1)
    found = _refined(problem, start, line, c)
    if c is None and 3 <= data.n_tasks <= d / _FEATURES_A_TASK and data.n_tasks * d <= DENSE:
        found = _coupled(problem, found, data)
    return replace(found, n_fits=found.n_fits + n_lines)


def evidence(data: TaskData) -> tuple[MeanLine, float, int]:
    """Variances (o, q) of largest evidence for the squared loss, as a line and its ridge, and the lines that took."""
    return largest_evidence(CommonMoments(Rows.of(data, joint=False), data.y))


def _refined(problem: Problem, start: Judged, line: MeanLine, c: float | None) -> Judged:
    """Leave-one-out search around the reference; kept only if it gains more than a standard error."""
    strengths = start.strengths
    assert isinstance(strengths, CommonMean)
    total = strengths.own + strengths.ridge

    def ridges(own: float) -> FloatArray:
        if c is not None and c < 1.0:
            return np.array([own * c / (1.0 - c)])
        return np.append(0.0 if own > 0.0 else 1e-3 * total, max(strengths.ridge, 0.1 * total) * _RIDGES)

    if c == 1.0 or (c is None and problem.data.n_tasks == 1):
        owns = np.zeros(0)
    elif c is not None:
        owns = strengths.own * _FACTORS
    else:
        owns = np.append(0.0 if line.own > 0.0 else 1e-2 * total, max(strengths.own, 0.1 * total) * _FACTORS)
    at = line if c is None else MeanLine(line.moments, strengths.own)
    own, ridge, n_lines = smallest_left_out(at, owns, ridges)
    best = problem.judge(CommonMean(own, ridge))
    better, error = gain(problem.rows, start.errors, best.errors, start.judged & best.judged)
    n_fits = 2 + n_lines + (c is not None)
    return replace(best if better > error + _WORTH * start.mean else start, n_fits=n_fits)


def _coupled(problem: Problem, best: Judged, data: TaskData) -> Judged:
    """A coupling of any form by EM, where pairs of tasks differ; it has seen the rows, so it has to gain twice that."""
    shared = best.strengths.per_feature(data.n_tasks)
    k, n_fits = coupling_by_em(problem.rows, problem.y, shared, best.found, data.moments().degrees_of_freedom)
    if k is None:
        return best
    found = problem.judge(AnyCoupling(k))
    better, error = gain(problem.rows, best.errors, found.errors, best.judged & found.judged)
    kept = found if better > 2.0 * error + _WORTH * best.mean else best
    return replace(kept, n_fits=best.n_fits + n_fits + 1)


def _along(problem: Problem, c: float, d: int) -> Judged:
    """The strength with the smallest leave-one-out error at a given c: a grid, halved once, and a parabola."""
    found: dict[float, Judged] = {}
    last: Judged | None = None
    rough = problem if problem.loss.name == "logistic" else replace(problem, tol=max(problem.tol, _ROUGH))

    def judge(at: float) -> Judged:
        nonlocal last
        if at not in found:
            last = found[at] = rough.judge(CommonMean.of(10.0**at / d, c, d), None if last is None else last.found)
        return found[at]

    grid = [float(at) for at in _LOG_STRENGTHS[::-1]]
    center = min(grid, key=lambda at: judge(at).mean)
    center = min((center - 0.5, center, center + 0.5), key=lambda at: judge(at).mean)
    left, middle, right = (judge(center + step).mean for step in (-0.5, 0.0, 0.5))
    bend = left - 2.0 * middle + right
    shift = float(np.clip(0.25 * (left - right) / bend, -0.25, 0.25)) if bend > 0 and np.isfinite(bend) else 0.0
    final = problem.judge(CommonMean.of(10.0 ** (center + shift) / d, c, d), found[center].found)
    return replace(final, n_fits=len(found) + 1)
