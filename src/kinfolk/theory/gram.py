r"""Tasks that are not equally alike: their Gram matrix and noise, by empirical Bayes.

Coefficients of a feature are drawn from N(0, G / p) over tasks. Given G and the noise D the posterior mean is one
linear system, solved by conjugate gradients, and in the limit of many features

.. math:: R = (G^{-1} + \operatorname{diag} \hat V / D)^{-1}, \quad v = \operatorname{diag} R, \qquad
          \hat V_t = \alpha_t E_r[r^2 / (1 + r^2 v_t / D_t)]

is its covariance. Two ways to G and D, none of which inverts a matrix larger than T:

`em_multitask`
    :math:`G \leftarrow W W^\top + R` and :math:`D_t \leftarrow \frac 1{n_t} (|e_t|^2 + \sum_i r_i^2 v_t / (1 + r_i^2
    v_t / D_t))`, expectation maximisation; always positive semidefinite.
`eb_auto`
    :math:`d_t = w_t + X_t^\top e_t / (p \hat V_t)` is :math:`\xi_t` plus noise of length :math:`\nu_t = \sum_i |x_i|^2
    e_i^2 / (p \hat V_t)^2`, so that :math:`d d^\top - \operatorname{diag} \nu` is unbiased for G.

Both end with James-Stein shrinkage: levels towards their mean, correlations towards theirs, by their own variances. Of
tasks that are equally alike nothing but the two means is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinfolk._typing import FloatArray, LabelArray
from kinfolk.theory.excess import excess_general, response
from kinfolk.theory.information import Teller
from kinfolk.theory.likelihood import Likelihood, natural
from kinfolk.theory.problem import Problem, equal_mass
from kinfolk.theory.table import Table
from kinfolk.theory.whitening import Rows, whiten, within

Exchangeable = tuple[float, float, float]  # noise, signal and similarity

_ROUNDS, _SETTLED = 60, 2e-3  # of EM
_DEBIASED, _DAMPING = 12, 0.7
_STEPS, _SOLVED = 200, 1e-8
_CLASSES = 12
_LEAST = 1e-8  # eigenvalue of correlations


@dataclass(frozen=True, eq=False)
class TaskGram:
    """Gram matrix and noise of tasks.

    Attributes
    ----------
    gram : (T, T) array
        G, positive definite.
    noise : (T,) array
        D.
    correlation_se : (T, T) array
        Standard errors of correlations before they are shrunken, zero on the diagonal.
    spread : float
        Standard deviation of the correlations of pairs that their standard errors do not explain; zero for tasks that
        are equally alike.
    rounds : int
    converged : bool
    """

    gram: FloatArray
    noise: FloatArray
    correlation_se: FloatArray
    spread: float
    rounds: int
    converged: bool


class Sums:
    """Sums of the rows of every task, and fits to them with any G and D."""

    def __init__(self, rows: Rows) -> None:
        order, bounds = rows.order
        X, y = rows.X[order], rows.y[order]
        cuts = [slice(a, b) for a, b in pairwise(bounds)]
        self.X, self.y, self.starts = X, y, bounds[:-1]
        self.p, self.m = X.shape[1], np.maximum(rows.counts - 1.0, 0.5)
        self.task = rows.codes[order]
        self.scales = rows.norms[order]
        self.grams = np.stack([X[cut].T @ X[cut] for cut in cuts])
        self.products = np.stack([X[cut].T @ y[cut] for cut in cuts])
        seen = self.scales[self.scales > 0.0]
        self.teller = Teller(Problem(1, 1, row_norms=equal_mass(seen, _CLASSES), spectrum=rows.spectrum))
        self.alpha = self.m / self.p

    def fit(self, gram: FloatArray, noise: FloatArray) -> FloatArray:
        r"""Posterior means ``(T, p)``, :math:`(G^{-1} p + \operatorname{blockdiag} S_t / D_t) w = b / D`."""
        values, vectors = np.linalg.eigh(gram / self.p)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        weighted = self.grams / noise[:, None, None]

        def apply(u: FloatArray) -> FloatArray:
            return np.asarray(u + root.T @ (weighted @ (root @ u)[:, :, None])[:, :, 0])

        return np.asarray(root @ _conjugate_gradients(apply, root.T @ (self.products / noise[:, None])))

    def residuals(self, W: FloatArray) -> FloatArray:
        """Residuals of rows, in the order of tasks."""
        return np.asarray(self.y - (self.X * W[self.task]).sum(axis=1))

    def per_task(self, values: FloatArray) -> FloatArray:
        """Sums over the rows of every task."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def unknown(self, gram: FloatArray, noise: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """R ``(T, T)``, v ``(T,)``, and for every row the factor of its residual when it is left out, 1 + r^2 v / D."""
        rest = excess_general(self.teller, self.alpha, noise, gram)
        told = self.alpha * self.teller.information(noise, rest, np.diag(gram))
        R = response(self.teller, told, gram).mean(axis=0)
        return R, rest, 1.0 + self.scales * (rest / noise)[self.task]

    def debiased(self, W: FloatArray, residuals: FloatArray, factor: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Debiased coefficients ``(T, p)``, and nu ``(T,)``; a task of one row has the noise of half a row."""
        passed = self.per_task(self.scales / factor)  # p Vh
        known = passed > 0.0
        passed = np.where(known, passed, 0.5)
        pushed = self.products - (self.grams @ W[:, :, None])[:, :, 0]
        power = np.where(known, self.per_task(self.scales * residuals**2), 0.5 * (residuals * factor).var())
        return W + pushed / passed[:, None], self.p * power / passed**2

    def left_out(self, gram: FloatArray, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients, and residuals of rows that are left out, intercepts included, from one fit.

        Rows are in the order of tasks; the only row of a task has none.
        """
        factor = self.unknown(gram, noise)[2]
        W = self.fit(gram, noise)
        counts = np.diff(np.append(self.starts, len(self.y)))[self.task]
        share = np.where(counts > 1, 1.0 / factor - 1.0 / counts, np.nan)
        return W, self.residuals(W) / share


def em_multitask(X: FloatArray, y: LabelArray, task: object, *, whitened: bool = False) -> TaskGram:
    """Estimate G and D by expectation maximisation.

    Parameters
    ----------
    X, y, task, whitened
        As in `estimate_moments`; two classes are taken as labels -1, +1.

    Returns
    -------
    TaskGram

    Raises
    ------
    InputError
        As `estimate_problem`.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> task, X = np.repeat(np.arange(3), 80), generator.normal(size=(240, 40))
    >>> w, own = generator.normal(size=(2, 40)) / np.sqrt(40)
    >>> y = X @ w * np.array([1.0, 1.0, 0.0])[task] + X @ own * (task == 2) + 0.5 * generator.normal(size=240)
    >>> G = em_multitask(X, y, task, whitened=True).gram
    >>> bool(G[0, 1] > 0.6), bool(abs(G[0, 2]) < 0.4)
    (True, True)
    """
    return em_of(_rows(X, y, task, whitened))


def eb_auto(X: FloatArray, y: LabelArray, task: object, *, whitened: bool = False) -> TaskGram:
    """Estimate G and D from debiased coefficients; faster than `em_multitask`, and noisier for unequal pairs.

    Parameters
    ----------
    X, y, task, whitened
        As in `estimate_moments`; two classes are taken as labels -1, +1.

    Returns
    -------
    TaskGram

    Raises
    ------
    InputError
        As `estimate_problem`.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> task, X = np.repeat(np.arange(3), 80), generator.normal(size=(240, 40))
    >>> w, own = generator.normal(size=(2, 40)) / np.sqrt(40)
    >>> y = X @ w * np.array([1.0, 1.0, 0.0])[task] + X @ own * (task == 2) + 0.5 * generator.normal(size=240)
    >>> G = eb_auto(X, y, task, whitened=True).gram
    >>> bool(G[0, 1] > 0.6), bool(abs(G[0, 2]) < 0.4)
    (True, True)
    """
    return debiased_of(_rows(X, y, task, whitened))


def em_of(rows: Rows, start: Exchangeable | None = None) -> TaskGram:
    """EM from the exchangeable estimate (noise, signal, similarity)."""
    tasks = Sums(rows)
    gram, noise = exchangeable_start(rows, start)
    moved, turn = np.inf, 0
    while moved >= _SETTLED and turn < _ROUNDS:
        turn += 1
        R, rest, factor = tasks.unknown(gram, noise)
        W = tasks.fit(gram, noise)
        after = W @ W.T + R
        residuals = tasks.residuals(W)
        found = _shrunk_noise(tasks.per_task(residuals**2 + tasks.scales * rest[tasks.task] / factor), tasks.m)
        moved = float(max(np.abs(after - gram).max() / np.diag(gram).mean(), np.abs(np.log(found / noise)).max()))
        gram, noise = after, found
    return _shrunken(tasks, gram, noise, turn, moved < _SETTLED)


def debiased_of(rows: Rows, start: Exchangeable | None = None) -> TaskGram:
    """Debiased coefficients from the exchangeable estimate, in rounds."""
    tasks = Sums(rows)
    gram, noise = exchangeable_start(rows, start)
    found = TaskGram(gram, noise, np.zeros_like(gram), 0.0, 0, False)
    for turn in range(1, _DEBIASED + 1):
        _, rest, factor = tasks.unknown(gram, noise)
        W = tasks.fit(gram, noise)
        residuals = tasks.residuals(W)
        debiased, nu = tasks.debiased(W, residuals, factor)
        noise = _shrunk_noise(tasks.per_task((residuals * factor) ** 2) * noise / (noise + rest), tasks.m)
        after = debiased @ debiased.T - np.diag(nu)
        found = _shrunk(after, nu, noise, tasks.p, turn, False)
        step = _DAMPING * (found.gram - gram)
        gram = gram + step
        if np.abs(step).max() < _SETTLED * np.trace(gram) / len(gram):
            return TaskGram(gram, noise, found.correlation_se, found.spread, turn, True)
    return TaskGram(gram, noise, found.correlation_se, found.spread, _DEBIASED, False)


def _shrunken(tasks: Sums, gram: FloatArray, noise: FloatArray, rounds: int, converged: bool) -> TaskGram:
    r"""The result of EM, shrunken by the variances of what rows tell.

    Along a direction of variance s the noise is :math:`\nu_t / s`; what all directions tell together,
    :math:`\langle s / (s + \nu / G) \rangle`, is that of one noise.
    """
    rest = tasks.unknown(gram, noise)[1]
    nu, level = (noise + rest) / tasks.alpha, np.diag(gram)
    s = tasks.teller.spectrum
    told = (s / (s + (nu / level)[:, None])).mean(axis=1)
    return _shrunk(gram, level * (1.0 / told - 1.0), noise, tasks.p, rounds, converged)


def _shrunk(gram: FloatArray, nu: FloatArray, noise: FloatArray, p: int, rounds: int, converged: bool) -> TaskGram:
    r"""James-Stein estimates of levels and correlations.

    Of p draws from N(0, G), seen with noise of variance nu: with :math:`a_t = \nu_t / G_{tt}` the variance of a level
    is :math:`2 (1 + a)^2 G^2 / p`, of a correlation :math:`[(1 - r^2 + a_s + a_t)(1 - r^2) + a_s a_t
    + r^2 (a_s^2 + a_t^2) / 2] / p`.
    """
    T = len(gram)
    mean = max(float(np.average(np.diag(gram), weights=1.0 / (nu + 1e-300))), 1e-6 * float(np.abs(gram).max()))
    a = nu / mean
    level, _ = _james_stein(np.diag(gram), 2.0 * (1.0 + a) ** 2 * mean**2 / p)
    level = np.maximum(level, 0.05 * mean)
    size = np.sqrt(level)
    raw = np.clip(gram / np.outer(size, size), -1.0, 1.0)
    a = nu / level
    pairs = np.triu_indices(T, 1)
    r = float(np.clip(np.average(raw[pairs], weights=1.0 / np.outer(1.0 + a, 1.0 + a)[pairs]), -1.0, 1.0))
    both, sums = np.outer(a, a), np.add.outer(a, a)
    variance = ((1.0 - r * r + sums) * (1.0 - r * r) + both + r * r * 0.5 * np.add.outer(a * a, a * a)) / p
    values, spread = _james_stein(raw[pairs], variance[pairs])
    cosines = np.eye(T)
    cosines[pairs] = values
    cosines = cosines + cosines.T - np.eye(T)
    roots, vectors = np.linalg.eigh(cosines)
    cosines = (vectors * np.maximum(roots, _LEAST)) @ vectors.T
    scale = np.sqrt(np.diag(cosines))
    cosines = cosines / np.outer(scale, scale)
    se = np.sqrt(variance)
    np.fill_diagonal(se, 0.0)
    return TaskGram(cosines * np.outer(size, size), noise, se, spread, rounds, converged)


def _james_stein(values: FloatArray, variances: FloatArray) -> tuple[FloatArray, float]:
    """Values shrunken towards their mean by their variances, and the standard deviation beside these.

    The variance between is that of the method of moments (DerSimonian and Laird), zero if nothing is left.
    """
    if len(values) < 2:
        return values.copy(), 0.0
    weights = 1.0 / variances
    mean = float(np.average(values, weights=weights))
    excess = float((weights * (values - mean) ** 2).sum()) - (len(values) - 1.0)
    between = max(excess / float(weights.sum() - (weights**2).sum() / weights.sum()), 0.0)
    if between > 0.0:
        mean = float(np.average(values, weights=1.0 / (variances + between)))
    return mean + (values - mean) * between / (between + variances), float(np.sqrt(between))


def _shrunk_noise(sums: FloatArray, m: FloatArray) -> FloatArray:
    """Variances ``sums / m``, their logarithms shrunken by 2 / m towards the mean."""
    pooled = float(sums.sum() / m.sum())
    logs, _ = _james_stein(np.log(np.maximum(sums / m, 1e-3 * pooled)), 2.0 / m)
    found = np.exp(logs)
    return np.asarray(found * (pooled / np.average(found, weights=m)))


def exchangeable_start(rows: Rows, start: Exchangeable | None) -> tuple[FloatArray, FloatArray]:
    """Equally alike tasks: G and D of (noise, signal, similarity), estimated if they are not given."""
    if start is None:
        noise, signal, similarity = map(float, natural(Likelihood(rows).maximum()))
    else:
        noise, signal, similarity = start
    T = len(rows.counts)
    similarity = min(similarity, 0.98)
    return signal * (similarity + (1.0 - similarity) * np.eye(T)), np.full(T, noise)


def _conjugate_gradients(apply: Callable[[FloatArray], FloatArray], right: FloatArray) -> FloatArray:
    """Solution of a positive definite system."""
    x, left = np.zeros_like(right), right.copy()
    direction, power = left.copy(), float((left**2).sum())
    wanted = _SOLVED**2 * power
    for _ in range(_STEPS):
        if power <= wanted:
            break
        image = apply(direction)
        step = power / float((direction * image).sum())
        x += step * direction
        left -= step * image
        last, power = power, float((left**2).sum())
        direction = left + power / last * direction
    return x


def _rows(X: FloatArray, y: LabelArray, task: object, whitened: bool) -> Rows:
    table = Table.of(X, y, task, "auto")
    if not whitened:
        return whiten(table)[0]
    centred = within(np.column_stack((table.X, table.y)), table.codes, table.counts)
    d = table.X.shape[1]
    return Rows(centred[:, :-1], centred[:, -1], table.codes, table.counts, np.eye(d), np.ones(d))
