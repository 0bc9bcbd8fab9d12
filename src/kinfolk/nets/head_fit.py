r"""The head of a new task over features that stay as they are.

.. math:: \min_{A}\; C \sum_i w_i\, \ell(A [\phi(x_i) / \rho, 1], y_i) + \tfrac12 \|A - A_0\|_F^2

with one scale :math:`\rho` for all features, since a scale for each would blow up filters that have learned nothing.
"""

import numpy as np
from scipy.optimize import minimize

from kinfolk._typing import FloatArray
from kinfolk.nets.losses import LOSSES

_INTERCEPT = 2.5  # prior standard deviation of an intercept: a task of one class has a finite one


def fit_head(
    features: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    center: FloatArray,
    scale: float,
    loss: str,
    C: float,
) -> FloatArray:
    """Head ``(O, R + 1)`` of one task.

    Parameters
    ----------
    features : (n, R) array
    y : (n,) array
    weights : (n,) array
        How often each row counts.
    center : (O, R + 1) array
        A_0 in the units of the features: what the head is drawn to.
    scale : float
        rho.
    loss : {"logistic", "cross_entropy", "squared"}
    C : float
        Inverse strength of the penalty.
    """
    units = np.append(np.full(features.shape[1], scale), 1.0)
    design = np.column_stack((features, np.ones(len(features)))) / units
    precision = np.append(np.ones(features.shape[1]), _INTERCEPT**-2)
    middle = center.astype(np.float64) * units

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        head = flat.reshape(middle.shape)
        value, outward = LOSSES[loss](design @ head.T, y)
        away = head - middle
        gradient = C * (outward * weights[:, None]).T @ design + precision * away
        return float(C * (weights @ value) + 0.5 * np.sum(precision * away**2)), gradient.ravel()

    found = minimize(objective, middle.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 1000, "gtol": 1e-7})
    head: FloatArray = found.x.reshape(middle.shape) / units
    return head
