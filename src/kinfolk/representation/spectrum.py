"""Rows of every task in the frame in which what the task has of its own is diagonal."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.tasks import Factor


@dataclass(frozen=True)
class Spectrum:
    r"""Rows of every task, rotated so that what a task has of its own only rescales them.

    With :math:`\Delta` the diagonal matrix of ``profile``: :math:`R_t \Delta R_t^\top = \mathrm{diag}(values_t)`, so
    that :math:`V_\rho = I + \rho R_t \Delta R_t^\top` is diagonal for every rho.

    Attributes
    ----------
    profile : (d,) array
        Variance of what tasks have of their own, coefficient by coefficient, relative to rho.
    values : (T, r) array
    rows : (T, r, d) array
        R_t, with ``R_t' R_t = S_t``.
    targets : (T, r) array
    rest : (T,) array
        The part of ``yy`` that no coefficient can explain.
    """

    profile: FloatArray
    values: FloatArray
    rows: FloatArray
    targets: FloatArray
    rest: FloatArray

    @classmethod
    def of(cls, factor: Factor, profile: FloatArray | None) -> Self:
        """From the spectral square root of the moments; None: the same variance for every coefficient."""
        rows = factor.rows
        if profile is None:
            return cls(np.ones(rows.shape[2]), factor.values, rows, factor.targets, factor.rest)
        values, vectors = np.linalg.eigh((rows * profile) @ rows.transpose(0, 2, 1))
        turned = vectors.transpose(0, 2, 1)
        targets = (turned @ factor.targets[:, :, None])[:, :, 0]
        return cls(profile, np.maximum(values, 0.0), turned @ rows, targets, factor.rest)
