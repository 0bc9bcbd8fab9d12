r"""Tasks about a common mean, for one variance o about the mean and *all* variances q of it, from one factorisation.

With centred moments :math:`G_t, g_t` of each task and :math:`E_t = (I + o G_t)^{-1}`, let

.. math:: h_t = E_t g_t, \quad H_t = E_t G_t, \quad \sum_t H_t = U \operatorname{diag}(a) U^\top, \quad
          \hat h = U^\top \sum_t h_t .

Given q, the mean is :math:`m = U (q \hat h / (1 + q a))`, the tasks are :math:`w_t = o h_t + E_t m`, and with f the
rows less the tasks

.. math:: -2 \log L = f \log \Bigl( \sum_t (y_t^\top y_t - o\, g_t^\top h_t)
          - \sum_j \frac{q \hat h_j^2}{1 + q a_j} \Bigr) + \sum_t \log\det(I + o G_t) + \sum_j \log(1 + q a_j),

up to a constant; variances are in units of the noise, intercepts are free. Leave-one-out predictions need the leverages
:math:`o\, x^\top E_t x + \sum_j (U^\top E_t x)_j^2\, q / (1 + q a_j)`.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from kinfolk._typing import FloatArray
from kinfolk.linear.arrow import symmetric_inverse
from kinfolk.linear.held_out import WHOLE
from kinfolk.linear.rows import Rows

_WEAKEST, _STRONGEST, _POINTS = -3.0, 6.0, 91  # log10 of q times the largest a
_MOST, _SETTLED, _LEAST = 8, 0.02, 0.002
_START = (0.05, 0.95)
_LEAST_NOISE = 0.2  # share of the variance that is noise at least, where a climb starts


class CommonMoments:
    """Centred moments of all tasks, weighed once for every line."""

    def __init__(self, rows: Rows, y: FloatArray) -> None:
        self.rows = rows
        self.centred = y - rows.means(y)[rows.codes]
        self.gram = rows.own_gram
        self.pull = rows.pull(rows.weights * self.centred)
        self.total = float(rows.weights @ self.centred**2)
        counts = rows.sums(rows.weights)
        self.counts = np.maximum(counts, 1e-300)
        self.freedom = max(float(np.maximum(counts - 1.0, 0.0).sum()), 1.0)
        # what the rows of a typical task tell of a coefficient
        self.typical = float(np.einsum("tjj->", self.gram)) / self.pull.size or 1.0

    def told(self, own: float) -> float:
        """Share of a typical coefficient's variance that its rows tell."""
        return own * self.typical / (1.0 + own * self.typical)

    def own(self, told: float) -> float:
        """The inverse of `told`."""
        return told / (1.0 - told) / self.typical

    def guess(self) -> float:
        r"""``told`` by the method of moments, for features of any covariance.

        .. math:: E g_s^\top g_t = q \sigma^2 \operatorname{tr} G_s G_t, \quad
                  E |g_t|^2 = (o + q) \sigma^2 \operatorname{tr} G_t^2 + \sigma^2 \operatorname{tr} G_t, \quad
                  E |y_t|^2 = (o + q) \sigma^2 \operatorname{tr} G_t + \sigma^2 f_t .
        """
        squares, pulls = float((self.gram**2).sum()), float((self.pull**2).sum())
        between = float((self.gram.sum(axis=0) ** 2).sum()) - squares
        alike = (float((self.pull.sum(axis=0) ** 2).sum()) - pulls) / between if between > 0 else 0.0
        trace = float(np.einsum("tjj->", self.gram))
        system = np.array([[squares, trace], [trace, self.freedom]])
        signal, noise = np.linalg.lstsq(system, np.array([pulls, self.total]), rcond=None)[0]
        noise = max(float(noise), _LEAST_NOISE * self.total / self.freedom, 1e-300)
        own = max(float(signal) - max(alike, 0.0), 0.0) / noise
        return float(np.clip(self.told(own), *_START))


class MeanLine:
    """All variances of the mean at one variance of the tasks about it."""

    def __init__(self, moments: CommonMoments, own: float) -> None:
        self.moments, self.own = moments, own
        inner = np.eye(moments.gram.shape[1]) + own * moments.gram
        self.keeps, volume = symmetric_inverse(inner)
        self.told = moments.gram @ self.keeps  # H_t
        self.pulled: FloatArray = (self.keeps @ moments.pull[:, :, None])[:, :, 0]
        values, self.vectors = np.linalg.eigh(self.told.sum(axis=0))
        self.values = np.maximum(values, 0.0)
        self.turned = self.vectors.T @ self.pulled.sum(axis=0)
        self.volume = volume
        self.rest = moments.total - own * float((moments.pull * self.pulled).sum())

    def _shares(self, ridge: FloatArray | float) -> FloatArray:
        """``q / (1 + q a)``, the covariance of the mean along its axes; a further axis for several q."""
        q = np.asarray(ridge)[..., None]
        return np.asarray(q / (1.0 + q * self.values))

    def quadratic(self, ridge: FloatArray | float) -> FloatArray:
        """The sum in the logarithm, which is f times the noise variance."""
        explained = self._shares(ridge) @ self.turned**2
        left: FloatArray = np.maximum(self.rest - explained, 1e-12 * self.moments.total + 1e-300)
        return left

    def criterion(self, ridge: FloatArray | float) -> FloatArray:
        """``-2 log L``."""
        spread = np.log1p(np.asarray(ridge)[..., None] * self.values).sum(axis=-1)
        return np.asarray(self.moments.freedom * np.log(self.quadratic(ridge)) + self.volume + spread)

    def ridge(self) -> float:
        """The variance of the mean of largest evidence; zero where the smallest that matters is the best."""
        largest = float(self.values[-1])
        if largest <= 0.0:
            return 0.0
        grid = np.linspace(_WEAKEST, _STRONGEST, _POINTS) - np.log10(largest)
        best = int(np.argmin(self.criterion(10.0**grid)))
        if best in (0, _POINTS - 1):
            return 0.0 if best == 0 and self.own > 0.0 else float(10.0 ** grid[best])

        def slope(at: float) -> float:
            share = self._shares(10.0**at)
            told = 10.0**at * self.values / (1.0 + 10.0**at * self.values)
            pulled = share / (1.0 + 10.0**at * self.values) @ self.turned**2
            return float(told.sum() - self.moments.freedom * pulled / self.quadratic(10.0**at))

        low, high = grid[best - 1], grid[best + 1]
        if slope(low) * slope(high) >= 0.0:
            return float(10.0 ** grid[best])
        return float(10.0 ** brentq(slope, low, high, xtol=1e-10))

    def score(self, ridge: float) -> tuple[float, float]:
        """Derivative of ``log L`` by o, and nearly its Fisher information (less what the unknown noise takes)."""
        share = self._shares(ridge)
        mean = self.vectors @ (share * self.turned)
        pulls = self.pulled - self.told @ mean
        noise = float(self.quadratic(ridge)) / self.moments.freedom
        corrected = ((self.vectors * share) @ self.vectors.T) @ self.told
        level = float(np.einsum("tjj->", self.told) - (corrected * self.told).sum())
        squares = float((self.told**2).sum())
        information = max(squares - level**2 / self.moments.freedom, 0.02 * squares)
        return 0.5 * (float((pulls**2).sum()) / noise - level), 0.5 * information

    def left_out(self, ridges: FloatArray) -> FloatArray:
        """Mean squared leave-one-out errors of all rows that can be judged, for each of the variances of the mean."""
        moments, rows = self.moments, self.moments.rows
        turned = self.keeps @ self.vectors
        own, along = np.empty(len(moments.centred)), np.empty(rows.X.shape)
        for t in range(rows.n_tasks):
            task = slice(rows.offsets[t], rows.offsets[t + 1])
            own[task] = np.einsum("nd,nd->n", rows.X[task] @ self.keeps[t], rows.X[task])
            np.dot(rows.X[task], turned[t], out=along[task])
        shares = self._shares(ridges).T  # (p, m)
        fitted = (self.own * rows.predict(self.pulled))[:, None] + along @ (shares * self.turned[:, None])
        leverage = (self.own * own + 1.0 / moments.counts[rows.codes])[:, None] + along**2 @ shares
        judged = (leverage < WHOLE) & (rows.weights > 0)[:, None]
        residual = (moments.centred[:, None] - fitted) / np.where(judged, 1.0 - leverage, 1.0)
        weights = rows.weights[:, None] * judged
        total = weights.sum(axis=0)
        summed = (weights * residual**2).sum(axis=0)
        mean: FloatArray = np.divide(summed, total, out=np.full(len(ridges), np.inf), where=total > 0)
        return mean


def largest_evidence(moments: CommonMoments) -> tuple[MeanLine, float, int]:
    """The line and its ridge of largest evidence, and how many lines that took.

    The variance of the tasks about their mean is found by Fisher scoring, then secants, on the share that rows tell of
    it (`CommonMoments.told`), from the method of moments. A single task is its population.
    """
    if moments.rows.n_tasks == 1:
        line = MeanLine(moments, 0.0)
        return line, line.ridge(), 1
    low, high, told, sides = 0.0, 1.0, moments.guess(), 0
    last: tuple[float, float] | None = None
    for n_lines in range(1, _MOST + 1):  # noqa: B007
        line = MeanLine(moments, moments.own(told))
        ridge = line.ridge()
        score, information = line.score(ridge)
        stretch = 1.0 / moments.typical / (1.0 - told) ** 2
        score, information = score * stretch, information * stretch**2
        if told == 0.0 and score <= 0.0:
            break
        low, high = (told, high) if score > 0.0 else (low, told)
        slope = -information if last is None else min((score - last[1]) / (told - last[0]), -0.1 * information)
        sides = sides + 1 if last is not None and last[1] * score > 0.0 else 0
        there = told - 2.0 ** max(sides - 1, 0) * score / min(slope, -1e-300)
        if not low < there < high:
            there = 0.0 if there <= 0.0 == low and told > 0.0 else 0.5 * (low + high)
        step = max(_SETTLED * told * (1.0 - told), _LEAST)
        if last is not None and abs(there - told) < step:
            break
        if abs(there - told) < step:  # scoring steps are short: one secant at least
            there = told + np.copysign(step, score)
        last = told, score
        told = there
    return line, ridge, n_lines


def smallest_left_out(
    line: MeanLine,
    owns: FloatArray,
    ridges: Callable[[float], FloatArray],
) -> tuple[float, float, int]:
    """Variances ``(o, q)`` of smallest leave-one-out error, and how many further lines that took.

    Parameters
    ----------
    line : MeanLine
        Judged first.
    owns : array
        Other variances of the tasks about their mean; the best is then moved by a quarter of a decade.
    ridges : callable
        From o to the variances of the mean that are tried.
    """
    found: dict[float, tuple[float, float]] = {}

    def judge(at: MeanLine) -> None:
        tried = ridges(at.own)
        errors = at.left_out(tried)
        best = int(np.argmin(errors))
        found[at.own] = float(errors[best]), float(tried[best])

    judge(line)
    for own in owns:
        judge(MeanLine(line.moments, float(own)))
    nearest = min(found, key=found.__getitem__)
    if nearest > 0.0:
        for factor in (10.0**-0.25, 10.0**0.25):
            judge(MeanLine(line.moments, nearest * factor))
    own = min(found, key=found.__getitem__)
    return own, found[own][1], len(found) - 1
