"""Synthetic linear and logistic tasks whose coefficients are known."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError

Seed = int | np.random.Generator | None
Counts = int | Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True)
class SyntheticTasks:
    """Rows of linear tasks ``y = x @ coef[t] + intercept[t] + noise * e``, with the truth that made them.

    Features of task t are standard normal around ``feature_means[t]``; e is standard normal.

    Attributes
    ----------
    X : pandas.DataFrame of shape (n_rows, n_features + 1)
        Columns ``x0, x1, ...`` and, last, ``task`` (labels 0 .. n_tasks - 1, rows in the order of tasks).
    y : ndarray of shape (n_rows,)
    coef : ndarray of shape (n_tasks, n_features)
    intercept : ndarray of shape (n_tasks,)
    noise : float
        Standard deviation of the noise.
    feature_means : ndarray of shape (n_tasks, n_features)
    representation : ndarray of shape (n_features, rank) or None
        Orthonormal basis B with ``coef = heads @ B.T``; only of `make_shared_representation`.
    clusters : ndarray of shape (n_tasks,) or None
        Cluster of every task; only of `make_clustered_tasks`.
    """

    X: pd.DataFrame
    y: FloatArray
    coef: FloatArray
    intercept: FloatArray
    noise: float
    feature_means: FloatArray
    representation: FloatArray | None = None
    clusters: IntArray | None = None

    def sample(self, n_samples: Counts, random_state: Seed = None) -> tuple[pd.DataFrame, FloatArray]:
        """Draw new rows of the same tasks, for testing.

        Parameters
        ----------
        n_samples : int or array of int of shape (n_tasks,)
            Rows of every task.
        random_state : int, Generator or None, default=None
        """
        counts = _counts(n_samples, len(self.coef))
        generator = np.random.default_rng(random_state)
        return _draw_rows(self.coef, self.intercept, self.noise, self.feature_means, counts, generator)

    def excess_error(self, coef: FloatArray, intercept: FloatArray | float = 0.0) -> float:
        """Mean over tasks of the expected squared error of a fit on noise-free new rows.

        With differences D = coef - truth and c = intercept - truth this is exactly
        ``mean_t(|D_t|^2 + (D_t . feature_means_t + c_t)^2)``: 0 for the truth.

        Parameters
        ----------
        coef : array of shape (n_tasks, n_features)
        intercept : array of shape (n_tasks,) or float, default=0.0
        """
        difference = np.asarray(coef) - self.coef
        shift = np.einsum("td,td->t", difference, self.feature_means) + np.asarray(intercept) - self.intercept
        return float(np.mean(np.sum(difference**2, axis=1) + shift**2))


@dataclass(frozen=True)
class SyntheticClassification:
    """Rows of logistic tasks ``P(y = 1) = sigmoid(x @ coef[t] + intercept[t])``, with the truth that made them.

    Features are standard normal.

    Attributes
    ----------
    X : pandas.DataFrame of shape (n_rows, n_features + 1)
        Columns ``x0, x1, ...`` and, last, ``task`` (labels 0 .. n_tasks - 1, rows in the order of tasks).
    y : integer ndarray of shape (n_rows,)
        Classes 0 and 1.
    coef : ndarray of shape (n_tasks, n_features)
    intercept : ndarray of shape (n_tasks,)
    representation : ndarray of shape (n_features, rank)
        Orthonormal basis B with ``coef = heads @ B.T``.
    """

    X: pd.DataFrame
    y: IntArray
    coef: FloatArray
    intercept: FloatArray
    representation: FloatArray

    def sample(self, n_samples: Counts, random_state: Seed = None) -> tuple[pd.DataFrame, IntArray]:
        """Draw new rows of the same tasks, for testing.

        Parameters
        ----------
        n_samples : int or array of int of shape (n_tasks,)
            Rows of every task.
        random_state : int, Generator or None, default=None
        """
        counts = _counts(n_samples, len(self.coef))
        return _draw_classes(self.coef, self.intercept, counts, np.random.default_rng(random_state))

    def log_odds(self, X: pd.DataFrame) -> FloatArray:
        """True log-odds ``(n,)`` of class 1 for rows like those of ``X``."""
        task = X["task"].to_numpy()
        features = X.drop(columns="task").to_numpy()
        odds: FloatArray = np.einsum("nd,nd->n", features, self.coef[task]) + self.intercept[task]
        return odds


def make_shared_representation(
    n_tasks: int = 100,
    n_samples: Counts = 50,
    n_features: int = 100,
    rank: int = 5,
    *,
    noise: float = 1.0,
    intercept: float = 0.0,
    task_mean: bool = False,
    random_state: Seed = None,
) -> SyntheticTasks:
    """Tasks whose coefficients lie in one subspace: ``coef[t] = B a_t``.

    B has ``rank`` orthonormal columns in a random direction, a_t is standard normal, so ``|coef[t]|^2`` is
    ``rank`` on average. The defaults are the workload W1.

    Parameters
    ----------
    n_tasks : int, default=100
    n_samples : int or array of int of shape (n_tasks,), default=50
        Rows of every task.
    n_features : int, default=100
    rank : int, default=5
        Dimension of the subspace, 0 to ``n_features``.
    noise : float, default=1.0
        Standard deviation of the noise.
    intercept : float, default=0.0
        Standard deviation of the task intercepts.
    task_mean : bool, default=False
        Whether the features of every task have a mean of their own (standard normal) instead of 0.
    random_state : int, Generator or None, default=None

    Returns
    -------
    SyntheticTasks

    Examples
    --------
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=4, n_samples=10, n_features=6, rank=2, random_state=0)
    >>> tasks.X.shape, tasks.coef.shape, tasks.representation.shape
    ((40, 7), (4, 6), (6, 2))
    """
    counts = _counts(n_samples, _at_least("n_tasks", n_tasks, 1))
    if _at_least("rank", rank, 0) > _at_least("n_features", n_features, 1):
        raise InputError(f"rank must be at most n_features={n_features}, got {rank}.")
    generator = np.random.default_rng(random_state)
    basis = np.linalg.qr(generator.standard_normal((n_features, rank)))[0]
    coef = generator.standard_normal((n_tasks, rank)) @ basis.T
    return _make(coef, counts, noise, intercept, task_mean, generator, representation=basis)


def make_shared_classification(
    n_tasks: int = 100,
    n_samples: Counts = 40,
    n_features: int = 40,
    rank: int = 3,
    *,
    signal: float = 1.5,
    intercept: float = 0.5,
    random_state: Seed = None,
) -> SyntheticClassification:
    """Logistic tasks whose coefficients lie in one subspace: ``coef[t] = signal * B a_t``.

    B has ``rank`` orthonormal columns in a random direction, a_t is standard normal.

    Parameters
    ----------
    n_tasks : int, default=100
    n_samples : int or array of int of shape (n_tasks,), default=40
        Rows of every task.
    n_features : int, default=40
    rank : int, default=3
        Dimension of the subspace, 0 to ``n_features``.
    signal : float, default=1.5
        Standard deviation of a task's coefficients along B.
    intercept : float, default=0.5
        Standard deviation of the task intercepts.
    random_state : int, Generator or None, default=None

    Returns
    -------
    SyntheticClassification

    Examples
    --------
    >>> from kinfolk.datasets import make_shared_classification
    >>> tasks = make_shared_classification(n_tasks=4, n_samples=10, n_features=6, rank=2, random_state=0)
    >>> tasks.X.shape, tasks.coef.shape, sorted(set(tasks.y.tolist()))
    ((40, 7), (4, 6), [0, 1])
    """
    counts = _counts(n_samples, _at_least("n_tasks", n_tasks, 1))
    if _at_least("rank", rank, 0) > _at_least("n_features", n_features, 1):
        raise InputError(f"rank must be at most n_features={n_features}, got {rank}.")
    for name, value in (("signal", signal), ("intercept", intercept)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{name} is a standard deviation: it must be zero or positive, got {value!r}.")
    generator = np.random.default_rng(random_state)
    basis = np.linalg.qr(generator.standard_normal((n_features, rank)))[0]
    coef = signal * generator.standard_normal((n_tasks, rank)) @ basis.T
    intercepts = intercept * generator.standard_normal(n_tasks)
    X, y = _draw_classes(coef, intercepts, counts, generator)
    return SyntheticClassification(X, y, coef, intercepts, basis)


def make_unrelated_tasks(
    n_tasks: int = 100,
    n_samples: Counts = 50,
    n_features: int = 100,
    *,
    signal: float = 5.0,
    noise: float = 1.0,
    intercept: float = 0.0,
    task_mean: bool = False,
    random_state: Seed = None,
) -> SyntheticTasks:
    """Tasks that have nothing in common: the entries of ``coef`` are independent normal.

    Sharing strength cannot help here, and a good method does no harm.

    Parameters
    ----------
    n_tasks, n_samples, n_features, noise, intercept, task_mean, random_state
        As in `make_shared_representation`.
    signal : float, default=5.0
        Expected ``|coef[t]|^2``: the variance that the features explain.

    Returns
    -------
    SyntheticTasks

    Examples
    --------
    >>> from kinfolk.datasets import make_unrelated_tasks
    >>> make_unrelated_tasks(n_tasks=3, n_samples=[5, 1, 2], n_features=4, random_state=0).X["task"].tolist()
    [0, 0, 0, 0, 0, 1, 2, 2]
    """
    counts = _counts(n_samples, _at_least("n_tasks", n_tasks, 1))
    generator = np.random.default_rng(random_state)
    coef = _directions(n_tasks, _at_least("n_features", n_features, 1), signal, generator)
    return _make(coef, counts, noise, intercept, task_mean, generator)


def make_clustered_tasks(
    n_clusters: int = 5,
    n_tasks: int = 100,
    n_samples: Counts = 50,
    n_features: int = 100,
    *,
    spread: float = 0.1,
    signal: float = 5.0,
    noise: float = 1.0,
    intercept: float = 0.0,
    task_mean: bool = False,
    random_state: Seed = None,
) -> SyntheticTasks:
    """Tasks in clusters: ``coef[t]`` is the centre of its cluster plus a small deviation of its own.

    Centres are independent normal with ``|centre|^2 = signal`` on average, deviations with ``spread**2 *
    signal``. Task t is in cluster ``t % n_clusters``.

    Parameters
    ----------
    n_clusters : int, default=5
        Number of clusters, at most ``n_tasks``; 1 gives tasks around one common centre.
    n_tasks, n_samples, n_features, noise, intercept, task_mean, random_state
        As in `make_shared_representation`.
    spread : float, default=0.1
        Size of the deviations relative to the centres.
    signal : float, default=5.0
        Expected squared norm of a centre.

    Returns
    -------
    SyntheticTasks

    Examples
    --------
    >>> from kinfolk.datasets import make_clustered_tasks
    >>> make_clustered_tasks(2, n_tasks=5, n_samples=3, n_features=4, random_state=0).clusters.tolist()
    [0, 1, 0, 1, 0]
    """
    counts = _counts(n_samples, _at_least("n_tasks", n_tasks, 1))
    if _at_least("n_clusters", n_clusters, 1) > n_tasks:
        raise InputError(f"n_clusters must be at most n_tasks={n_tasks}, got {n_clusters}.")
    if spread < 0:
        raise InputError(f"spread must be zero or positive, got {spread!r}.")
    generator = np.random.default_rng(random_state)
    centres = _directions(n_clusters, _at_least("n_features", n_features, 1), signal, generator)
    clusters = np.arange(n_tasks) % n_clusters
    coef = centres[clusters] + spread * _directions(n_tasks, n_features, signal, generator)
    return _make(coef, counts, noise, intercept, task_mean, generator, clusters=clusters)


def _make(
    coef: FloatArray,
    counts: IntArray,
    noise: float,
    intercept: float,
    task_mean: bool,
    generator: np.random.Generator,
    *,
    representation: FloatArray | None = None,
    clusters: IntArray | None = None,
) -> SyntheticTasks:
    """Draw the intercepts, feature means and rows of tasks with the given coefficients."""
    for name, value in (("noise", noise), ("intercept", intercept)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{name} is a standard deviation: it must be zero or positive, got {value!r}.")
    intercepts = intercept * generator.standard_normal(len(coef))
    means = generator.standard_normal(coef.shape) if task_mean else np.zeros_like(coef)
    X, y = _draw_rows(coef, intercepts, noise, means, counts, generator)
    return SyntheticTasks(X, y, coef, intercepts, float(noise), means, representation, clusters)


def _draw_rows(
    coef: FloatArray,
    intercept: FloatArray,
    noise: float,
    means: FloatArray,
    counts: IntArray,
    generator: np.random.Generator,
) -> tuple[pd.DataFrame, FloatArray]:
    task = np.repeat(np.arange(len(coef)), counts)
    features = means[task] + generator.standard_normal((len(task), coef.shape[1]))
    error = noise * generator.standard_normal(len(task))
    y: FloatArray = np.einsum("nd,nd->n", features, coef[task]) + intercept[task] + error
    X = pd.DataFrame(features, columns=[f"x{j}" for j in range(coef.shape[1])])
    X["task"] = task
    return X, y


def _draw_classes(
    coef: FloatArray, intercept: FloatArray, counts: IntArray, generator: np.random.Generator
) -> tuple[pd.DataFrame, IntArray]:
    X, odds = _draw_rows(coef, intercept, 0.0, np.zeros_like(coef), counts, generator)
    y = (generator.logistic(size=len(odds)) < odds).astype(np.int64)
    return X, y


def _directions(n: int, n_features: int, signal: float, generator: np.random.Generator) -> FloatArray:
    """Draw n independent normal vectors with expected squared norm ``signal``."""
    if not (np.isfinite(signal) and signal >= 0):
        raise InputError(f"signal must be zero or positive, got {signal!r}.")
    return float(np.sqrt(signal / n_features)) * generator.standard_normal((n, n_features))


def _counts(n_samples: Counts, n_tasks: int) -> IntArray:
    counts = np.asarray(n_samples)
    if counts.dtype.kind not in "iu" or counts.shape not in ((), (n_tasks,)) or (counts < 1).any():
        raise InputError(
            f"n_samples must be a whole number of at least 1, or {n_tasks} such numbers (one per task), got "
            f"{n_samples!r}."
        )
    return np.broadcast_to(counts, (n_tasks,)).astype(np.int64)


def _at_least(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(value)
