"""The head of a new task from a stream of its rows."""

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError


def streaming_head(Z: FloatArray, y: FloatArray, *, first_step: float | None = None, burn_in: int = 0) -> FloatArray:
    r"""Head of a new task by one pass of stochastic gradient descent, its step halved again and again.

    Algorithm 2 of Ding, Du and Fang (2026), arXiv 2605.00473: from w = 0, for row i of n

    .. math:: w \leftarrow w - \eta_i (z_i^\top w - y_i) z_i, \qquad
              \eta_i = \eta_0 2^{-\lfloor (i - h)_+ / m \rfloor}, \quad m = \lfloor (n - h) / \log(n - h) \rfloor ,

    and the last iterate is returned. It keeps k numbers and reads every row once, for rows that cannot be kept. Where
    they can, the closed form is better for every n: this one converges to the truth at the same rate
    :math:`\sigma^2 k / n` with a larger constant, and starts slowly.

    Parameters
    ----------
    Z : (n, k) array
        Features in the shared basis, ``Z = X B``, in the order of arrival.
    y : (n,) array
    first_step : float, optional
        :math:`\eta_0`; default one over three times the mean of ``|z|^2``, which for isotropic x is
        :math:`1 / (3\, \mathrm{tr}\, B^\top B)`.
    burn_in : int, default=0
        h, rows taken at the full step before the halving starts.

    Returns
    -------
    (k,) array

    Raises
    ------
    InputError
        When the shapes do not fit, or the step or burn-in is out of range.
    """
    if Z.ndim != 2 or y.shape != (len(Z),) or not len(Z):
        raise InputError(f"Z must be (n, k) and y (n,) with n of at least 1; got {Z.shape} and {y.shape}.")
    if first_step is not None and not 0.0 < first_step < np.inf:
        raise InputError(f"first_step must be a positive number; got {first_step!r}.")
    if not 0 <= burn_in < len(Z):
        raise InputError(f"burn_in must be from 0 to n - 1 = {len(Z) - 1}; got {burn_in!r}.")
    if first_step is None:
        first_step = 1.0 / max(3.0 * float((Z**2).sum(axis=1).mean()), 1e-300)
    halving = len(Z) - burn_in
    block = max(int(halving / np.log(halving)), 1) if halving > 1 else 1
    rounds = np.maximum(np.arange(len(Z)) - burn_in, 0) // block
    head: FloatArray = np.zeros(Z.shape[1])
    for z, target, step in zip(Z, y, first_step * 0.5**rounds, strict=True):
        head = head - step * (z @ head - target) * z
    return head
