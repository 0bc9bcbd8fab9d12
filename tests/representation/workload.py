"""Linear tasks in a shared subspace, in the units that they are drawn in."""

import numpy as np

from kinfolk.scaling import Scaling
from kinfolk.tasks import TaskData


def draw(n_tasks, n, d, rank, *, noise=1.0, kappa=1.0, seed=0, features=None):
    """Rows of tasks, their true slopes (T, d), and the basis (d, k); singular values spread over a ratio ``kappa``."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((d, rank)))[0]
    heads = rng.standard_normal((n_tasks, rank))
    if kappa != 1.0:
        heads = np.sqrt(n_tasks) * np.linalg.qr(heads)[0] * np.geomspace(kappa**0.5, kappa**-0.5, rank)
    coef = heads @ basis.T
    counts = np.broadcast_to(n, n_tasks)
    codes = np.repeat(np.arange(n_tasks), counts)
    X = rng.standard_normal((len(codes), d))
    X = X if features is None else X @ features
    y = (X * coef[codes]).sum(axis=1) + noise * rng.standard_normal(len(codes))
    return build(X, y, codes), coef, basis


def build(X, y, codes, weights=None):
    """Rows as they are, without standardising."""
    units = Scaling(np.zeros(X.shape[1]), np.ones(X.shape[1]), 0.0, 1.0)
    return TaskData.build(X, y, codes, int(codes.max()) + 1, scaling=units, weights=weights)


def mean_square(fit, coef):
    """Mean over tasks of the squared distance to the true slopes."""
    return float(((fit.coef - coef) ** 2).sum(axis=1).mean())
