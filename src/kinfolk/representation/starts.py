"""Where to start: estimates of the shared subspace from moments, without any iteration."""

from dataclasses import replace

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.representation.least_squares import check_rank, pooled_precision
from kinfolk.tasks import Moments, TaskData


def _leading(symmetric: FloatArray, rank: int) -> FloatArray:
    vectors: FloatArray = np.linalg.eigh(symmetric)[1][:, ::-1][:, :rank]
    return vectors


def moment_matrix(moments: Moments) -> FloatArray:
    """``M = [b_t / n_t]``, (d, T): for isotropic features an unbiased estimate of the coefficients."""
    matrix: FloatArray = (moments.b / np.maximum(moments.n, 1e-300)[:, None]).T
    return matrix


def spectral_start(moments: Moments, rank: int, *, whiten: bool = False, truncate: float | None = None) -> FloatArray:
    """Leading left singular vectors of a matrix with one column a task.

    ==================  =====================================  ===============================================
    parameters          matrix                                 used by
    ==================  =====================================  ===============================================
    (default)           ``M = [b_t / n_t]``                    the spectral start of alternating descent
    ``whiten=True``     ``P M diag(sqrt n_t)``                 variable projection, with ``truncate=0.95``
    ==================  =====================================  ===============================================

    P is the inverse of the pooled covariance; the second form is right for correlated features, and a task of few rows
    does not shout.

    Parameters
    ----------
    moments : Moments
    rank : int
    whiten : bool, default=False
    truncate : float, optional
        Columns longer than this quantile of all column lengths are shortened to it (0.95 for outlying tasks).

    Returns
    -------
    (d, rank) array
        Orthonormal columns.

    Raises
    ------
    InputError
        For a rank beyond min(d, T), or ``truncate`` outside (0, 1].
    """
    rank = check_rank(moments, rank)
    if truncate is not None and not 0.0 < truncate <= 1.0:
        raise InputError(f"truncate is a quantile: it must be above 0 and at most 1; got {truncate!r}.")
    matrix = moment_matrix(moments)
    if whiten:
        matrix = pooled_precision(moments) @ (matrix * np.sqrt(moments.n))
    if truncate is not None:
        lengths = np.linalg.norm(matrix, axis=0)
        limit = float(np.quantile(lengths, truncate))
        matrix = matrix * np.minimum(1.0, limit / np.maximum(lengths, 1e-300))
    return _leading(matrix @ matrix.T, rank)


def replica_start(data: TaskData, rank: int, generator: np.random.Generator) -> FloatArray:
    """Leading eigenvectors of two independent halves multiplied with each other, which carry no noise in common.

    The rows of every task are dealt into halves with moments ``m_1t = b_1t / n_1t`` and ``m_2t``; the matrix is the
    symmetric part of ``sum_t n_t m_1t m_2t'``, in expectation free of the noise's own contribution. The idea of
    splitting is that of Niu, Su, Xu and Yang (2024).

    Parameters
    ----------
    data : TaskData
    rank : int
    generator : numpy.random.Generator
        Deals the rows.

    Returns
    -------
    (d, rank) array
        Orthonormal columns.
    """
    fold = data.deal(2, generator)
    first, second = (data.take(np.flatnonzero(fold == half)).moments() for half in (0, 1))
    rank = check_rank(first, rank)
    cross = (moment_matrix(first) * (first.n + second.n)) @ moment_matrix(second).T
    return _leading(cross + cross.T, rank)


def method_of_moments(data: TaskData, rank: int) -> FloatArray:
    """Leading eigenvectors of ``1/n sum_i y_i^2 x_i x_i'`` over the rows of all tasks.

    Algorithm 1 of Tripuraneni, Jin and Jordan (2021), *Provable meta-learning of linear representations*. Needs the
    rows themselves and isotropic features around zero; its error in the number of directions grows like k^2.

    Parameters
    ----------
    data : TaskData
    rank : int

    Returns
    -------
    (d, rank) array
        Orthonormal columns.
    """
    if not 1 <= rank <= data.n_features:
        raise InputError(f"rank must be a whole number from 1 to features = {data.n_features}; got {rank!r}.")
    scale = data.y**2 if data.weights is None else data.weights * data.y**2
    return _leading(data.X.T @ (scale[:, None] * data.X), rank)


def truncate_targets(data: TaskData, factor: float = 9.0) -> TaskData:
    """The same rows with targets beyond ``y^2 <= factor * mean(y^2)`` set to zero.

    The truncation in the spectral start of AltGDmin (Nayer and Vaswani 2023): few rows with a large target would turn
    the singular vectors. Use ``spectral_start(truncate_targets(data).moments(), rank)``.
    """
    squares = data.y**2
    mean = float(np.average(squares, weights=data.weights))
    return replace(data, y=np.where(squares <= factor * mean, data.y, 0.0))
