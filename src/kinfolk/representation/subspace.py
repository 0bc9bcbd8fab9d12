"""Comparing subspaces of R^d: angles, the error of an estimate, and turning one basis onto another."""

import numpy as np
from scipy.linalg import subspace_angles

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError


def orthonormal(basis: FloatArray) -> FloatArray:
    """Orthonormal columns (d, k) that span the same subspace, by QR."""
    columns: FloatArray = np.linalg.qr(basis)[0]
    return columns


def principal_angles(first: FloatArray, second: FloatArray) -> FloatArray:
    """Principal angles between two subspaces.

    Cosines are the singular values of ``Q_1' Q_2``; small angles are taken from the sines instead, where the arc
    cosine would lose half of the digits (Björck and Golub 1973; Knyazev and Argentati 2002).

    Parameters
    ----------
    first : (d, k) array
    second : (d, l) array
        Columns span the subspaces; they need not be orthonormal.

    Returns
    -------
    (min(k, l),) array
        Radians in [0, pi / 2], ascending.

    Raises
    ------
    InputError
        When the two do not live in the same space.
    """
    _same_space(first, second)
    angles: FloatArray = subspace_angles(first, second)[::-1]
    return angles


def subspace_error(estimate: FloatArray, truth: FloatArray) -> float:
    """Share of the true subspace that the estimate misses: ``||(I - P_estimate) Q_truth||_F^2``.

    The sum of squared sines of the principal angles when both have the same dimension: 0 when the estimate contains
    the truth, and the true dimension when they are orthogonal.

    Parameters
    ----------
    estimate, truth : (d, k) and (d, l) arrays
        Columns span the subspaces; they need not be orthonormal.

    Raises
    ------
    InputError
        When the two do not live in the same space.
    """
    _same_space(estimate, truth)
    found, true = orthonormal(estimate), orthonormal(truth)
    return float(((true - found @ (found.T @ true)) ** 2).sum())


def align(basis: FloatArray, reference: FloatArray) -> FloatArray:
    """The same subspace in the basis closest to ``reference``: ``basis @ R``, orthogonal R (Procrustes).

    R minimises ``||basis R - reference||_F``: with the decomposition ``basis' reference = U S V'`` it is ``U V'``.

    Parameters
    ----------
    basis, reference : (d, k) arrays

    Raises
    ------
    InputError
        When the shapes differ.
    """
    if basis.shape != reference.shape:
        raise InputError(
            f"align turns one basis onto another of the same shape; got {basis.shape} and {reference.shape}. "
            "Compare subspaces of different dimension with principal_angles or subspace_error."
        )
    left, _, right = np.linalg.svd(basis.T @ reference)
    turned: FloatArray = basis @ (left @ right)
    return turned


def _same_space(first: FloatArray, second: FloatArray) -> None:
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise InputError(
            f"Bases of subspaces are arrays (d, k) and (d, l) with the same d; got {first.shape} and {second.shape}."
        )
