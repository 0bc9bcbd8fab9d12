r"""Noise, signal and similarity from rows: what a prediction needs to know of a table.

Features are centred within tasks and whitened (`kinfolk.theory.whitening`); then the likelihood of tasks that are
equally alike has three parameters (`kinfolk.theory.likelihood`). Labels of two classes are -1 and +1, and what the
linear model finds of them is carried back: the best linear prediction of a label has the coefficients :math:`c \xi_t`,
so that similarities are those of the scores, and the share of the variance of labels that it explains is

.. math:: c(\tau)^2 \tau^2, \qquad c = \frac{E[y s]}{\tau^2} = E_r[r^2 c_0(r^2 \tau^2)] ,

from which :math:`\tau` is read; :math:`c_0` the slope for rows of length one, averaged over those of the table.
"""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.theory.doubts import Signs, imbalance, participation, unequal_rows, warnings_of
from kinfolk.theory.excess import excess_of
from kinfolk.theory.labels import strength_of
from kinfolk.theory.left_out import leave_one_out
from kinfolk.theory.likelihood import Likelihood, natural
from kinfolk.theory.moments import Moments, moments_of
from kinfolk.theory.problem import Link, Problem
from kinfolk.theory.risk import predict_risk
from kinfolk.theory.table import Table
from kinfolk.theory.whitening import Rows, Whitening, whiten


@dataclass(frozen=True, eq=False)
class Estimate:
    """What rows say of the model.

    Attributes
    ----------
    problem : Problem
        With one number of rows a task and the row norms of the whitened features where these are unequal.
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
    link: Link | str = "auto",
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
    n_draws : int, default=200
        For intervals.
    seed : int, default=0

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        Shapes disagree, something is not finite, there is one task, no task has two rows, or a link for two classes is
        asked for other values.

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
    table = Table.of(X, y, task, link)
    link, codes, counts = table.link, table.codes, table.counts
    rows, whitening = whiten(table)
    likelihood = Likelihood(rows)
    theta = likelihood.maximum()
    drawn = likelihood.draws(theta, n_draws, np.random.default_rng(seed))
    plain = _problem(rows, whitening, "linear", natural(theta))
    left_out = leave_one_out(rows, likelihood, theta[1], theta[2])
    noise, signal, similarity = _of_scores(natural(theta), link, plain.row_scales)
    draws = np.column_stack(np.broadcast_arrays(*_of_scores(natural(drawn.T), link, plain.row_scales)))
    known, binary = np.isfinite(left_out.residuals), link != "linear"
    losses = left_out.residuals[known] ** 2
    if binary:
        losses = (table.y[known] * (table.y[known] - left_out.residuals[known]) <= 0.0).astype(float)
    problem = _problem(rows, whitening, link, (noise, signal, similarity))
    signs = Signs(
        p=whitening.kept,
        counts=counts,
        whitening=whitening,
        binary=binary,
        signal=float(signal),
        participation=participation(left_out.coef @ rows.axes.T, whitening.kept),
        similarity_se=float(draws[:, 2].std()),
        imbalance=imbalance(table.y, codes, counts) if binary else 0.0,
        different=len(np.unique(table.X, axis=0)),
        left_out=float(losses.mean()),
        left_out_se=_standard_error(losses),
        predicted=float(_errors_there(problem, plain, counts)[codes[known]].mean()),
    )
    return Estimate(
        problem,
        float(noise),
        float(signal),
        float(similarity),
        draws,
        whitening.kept,
        whitening.condition,
        len(table.y),
        warnings_of(signs),
        table.tasks,
        whitening,
        moments_of(rows),
        float(losses.mean()),
        _standard_error(losses),
    )


def _problem(
    rows: Rows,
    whitening: Whitening,
    link: Link,
    parts: tuple[float | FloatArray, float | FloatArray, float | FloatArray],
) -> Problem:
    noise, signal, similarity = map(float, parts)
    return Problem(
        whitening.kept,
        np.maximum(rows.counts - 1.0, 0.5),
        similarity=similarity,
        signal=signal,
        noise=noise,
        link=link,
        row_norms=rows.norms[rows.norms > 0.0] if unequal_rows(whitening) else None,
    )


def _errors_there(problem: Problem, plain: Problem, counts: IntArray) -> FloatArray:
    """Predicted errors ``(T,)`` of the fit that rows are left out of: the squared loss at the estimated penalty.

    Means of tasks are estimated too, which makes squared errors larger by n / (n - 1).
    """
    if problem.link == "linear":
        best = plain.noise_variance + plain.row_scales.mean() * excess_of(plain)
        return np.asarray(counts / np.maximum(counts - 1.0, 1.0) * best)
    lam = float(plain.noise_variance[0] / plain.strengths[0])
    return predict_risk(problem, "squared", lam=lam, c=problem.similarity).test


def _of_scores(
    parts: tuple[FloatArray, FloatArray, FloatArray], link: Link, scales: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Noise, signal and similarity of scores from those of a linear model of labels."""
    noise, signal, similarity = parts
    if link == "linear":
        return parts
    strength = strength_of(link, signal / (signal + noise), scales)
    return np.zeros_like(strength) if link == "logistic" else 1.0 - strength, strength, similarity


def _standard_error(values: FloatArray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
