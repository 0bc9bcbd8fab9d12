r"""Noise that differs from task to task: tasks in units in which it does not.

With loss weights :math:`\kappa_t \propto 1 / \sigma_t^2` a task of free intercept is the task whose rows and targets
are multiplied by :math:`\kappa_t^{1/2}`: coefficients stay, and everything else (evidence, leave-one-out errors, a
coupling of any form) is that of common noise. :math:`\sigma_t^2` is the residual sum of squares over the rows less an
intercept and the leverages, at the strengths of largest evidence, squeezed towards the others'
(`kinfolk.base.task_noise`), in turns until it settles.
"""

from dataclasses import replace

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.base.task_noise import task_precision
from kinfolk.linear.mean_line import CommonMoments, largest_evidence
from kinfolk.linear.minimum import quadratic
from kinfolk.linear.rows import Rows
from kinfolk.linear.strengths import CommonMean
from kinfolk.tasks import TaskData

_TURNS = 6
_SETTLED = 0.05


def task_scales(data: TaskData) -> tuple[FloatArray, int]:
    """Scales ``kappa_t^(1/2)`` (T,), of geometric mean one, and the fits that they took."""
    scales, n_fits = np.ones(data.n_tasks), 0
    for _ in range(_TURNS):
        there = scaled(data, scales)
        rows = Rows.of(there, joint=False)
        line, ridge, n_lines = largest_evidence(CommonMoments(rows, there.y))
        found = quadratic(rows, there.y, CommonMean(line.own, ridge))
        leverage = found.system.leverage(rows.X, rows.offsets)
        freedom = rows.sums(rows.weights * (1.0 - leverage)) - 1.0
        last, n_fits = scales, n_fits + n_lines + 1
        scales = np.sqrt(task_precision(rows.sums(rows.weights * found.dual**2) / last**2, freedom))
        if float(np.abs(np.log(scales / last)).max()) < 0.5 * _SETTLED:
            break
    return scales, n_fits


def scaled(data: TaskData, scales: FloatArray) -> TaskData:
    """The tasks in their new units."""
    each = scales[data.codes]
    return replace(data, X=data.X * each[:, None], y=data.y * each)
