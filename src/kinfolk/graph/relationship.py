r"""Multi-task relationship learning (MTRL) of Zhang and Yeung (2010), UAI, for comparison.

.. math:: \min_{W, \Omega} \sum_t \|y_t - X_t w_t\|^2 + \lambda \operatorname{tr}(\tilde W^\top \Omega^{-1} \tilde W),
          \qquad \operatorname{tr} \Omega = 1, \quad \tilde W = (I - J) W ,

alternating the coupled solve and :math:`\Omega = (\tilde W \tilde W^\top)^{1/2} / \operatorname{tr}(\cdot)`. Rows are
centred first: without that all tasks are shrunken towards zero and not towards their mean. The trace keeps the joint
mode bounded, and :math:`\lambda` is chosen by held-out rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.intercepts import intercepts
from kinfolk.graph.blocks import Blocks
from kinfolk.graph.coupled import DENSE, Coupling, expect, solve
from kinfolk.graph.mean_regularised import MeanRegularised, mean_regularised
from kinfolk.tasks import Moments, TaskData

_STRENGTHS: FloatArray = 10.0 ** np.linspace(1.0, -2.0, 10)  # of the mean-regularised pull
_SMALLEST = 1e-3  # eigenvalue of Omega, in units of 1 / T


@dataclass(frozen=True)
class Relationship:
    """The fit.

    Attributes
    ----------
    slopes : (T, d) array
    coupling : Coupling
    omega : (T, T) array
    strength : float
        In units of the mean-regularised pull.
    table : (strengths, 2) array
        Strength and mean squared error of held-out rows.
    n_iter : int
    settled : bool
    """

    slopes: FloatArray
    coupling: Coupling
    omega: FloatArray
    strength: float
    table: FloatArray
    n_iter: int
    settled: bool


def relate(
    data: TaskData, blocks: Blocks, base: MeanRegularised, *, max_iter: int, tol: float, seed: Any
) -> Relationship:
    """Choose the strength on a held-out quarter of the rows of every task, and fit all rows with it."""
    fold = data.deal(4, np.random.default_rng(seed))
    table, strength = np.zeros((0, 2)), 1.0
    if (fold == 0).any():
        train, test = data.take(np.flatnonzero(fold != 0)), data.take(np.flatnonzero(fold == 0))
        moments = train.moments()
        start, joint, factor = mean_regularised(moments)
        part = Blocks(joint, factor)
        errors = []
        for candidate in _STRENGTHS:
            slopes = _alternate(part, start, candidate, max_iter=5, tol=tol).slopes
            errors.append(_error(moments, test, slopes, start.noise))
        table = np.column_stack((_STRENGTHS, errors))
        strength = float(table[int(table[:, 1].argmin()), 0])
    found = _alternate(blocks, base, strength, max_iter=max_iter, tol=tol)
    return Relationship(found.slopes, found.coupling, found.omega, strength, table, found.n_iter, found.settled)


def _error(moments: Moments, test: TaskData, slopes: FloatArray, noise: float) -> float:
    codes = test.codes
    weights = np.ones(len(codes)) if test.weights is None else test.weights
    intercept, _, _ = intercepts(slopes, moments, noise)
    residual = test.y - intercept[codes] - (test.X * slopes[codes]).sum(axis=1)
    return float(np.average(residual**2, weights=weights))


def _alternate(blocks: Blocks, base: MeanRegularised, strength: float, *, max_iter: int, tol: float) -> Relationship:
    T = blocks.n_tasks
    slopes, move, n_iter = base.slopes, np.inf, 0
    level = 1.0 / (T * base.ridge + base.own)
    while True:
        centred = slopes - slopes.mean(axis=0)
        vectors, values, _ = np.linalg.svd(centred, full_matrices=False)
        values = values / max(float(values.sum()), 1e-300)
        floor = _SMALLEST / T
        # K = scale (Omega + floor)^-1 on the space of differences: scale for a flat Omega is the mean-regularised pull
        scale = strength / (base.own * T)
        root = vectors * np.sqrt(1.0 / floor - 1.0 / (values + floor))
        matrix = scale * ((np.eye(T) - 1.0 / T) / floor - root @ root.T)
        lam, U = np.linalg.eigh(matrix)
        coupling = Coupling(matrix, U * np.sqrt(np.maximum(lam, 0.0)), 0.0, level)
        before, slopes = slopes, _means(blocks, coupling, slopes, base.noise)
        move = float(np.linalg.norm(slopes - before)) / max(float(np.linalg.norm(centred)), 1e-300)
        n_iter += 1
        if move <= tol or n_iter >= max_iter:
            omega = (vectors * values) @ vectors.T
            return Relationship(slopes, coupling, omega, strength, np.zeros((0, 2)), n_iter, move <= tol)


def _means(blocks: Blocks, coupling: Coupling, start: FloatArray, noise: float) -> FloatArray:
    if blocks.n_tasks * blocks.d <= DENSE or blocks.shared:
        return expect(blocks, coupling, noise, n_probes=0, seed=0).slopes
    return solve(blocks, coupling, blocks.b[:, :, None], start=start[:, :, None], tol=1e-6)[0][:, :, 0]
