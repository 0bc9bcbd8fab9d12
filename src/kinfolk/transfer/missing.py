"""Responses that are missing for some rows, filled in by EM."""

import numpy as np

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.transfer.reduced_rank import Grams, Spectral


def fill_in(
    X: FloatArray,
    Y: FloatArray,
    seen: BoolArray,
    weights: FloatArray,
    alpha: float,
    rank: int,
    *,
    max_iter: int = 200,
    tol: float = 1e-4,
) -> tuple[FloatArray, int, bool]:
    r"""Responses with the missing ones at their expectation under the fit to all, turns taken, whether it settled.

    EM for :math:`Y = 1 a^\top + X C + E` with equal independent errors: the E-step puts the prediction in the place of
    a missing response, the M-step fits the completed table (Dempster, Laird and Rubin 1977, *J. R. Statist. Soc. B*
    39).

    Parameters
    ----------
    X : (n, p) array
    Y : (n, q) array
        What stands where ``seen`` is False is where it starts from.
    seen : (n, q) booleans
    weights : (n,) array
    alpha : float
    rank : int
    max_iter : int, default=200
    tol : float, default=1e-4
        It ends when the filled-in responses change by less than this share of their spread.
    """
    filled = Y.copy()
    grams = Grams.of(X, filled, weights)
    path = Spectral(grams)
    Xw = (X - grams.x_mean) * weights[:, None]
    spread = max(float(np.sqrt((weights @ np.where(seen, Y, 0.0) ** 2).sum() / max(grams.n, 1e-300))), 1e-300)
    missing = ~seen
    for turn in range(1, max_iter + 1):
        y_mean = weights @ filled / grams.n
        path.pulled = path.vectors.T @ (Xw.T @ (filled - y_mean))
        loaded, V, _ = path.fit(alpha)
        predicted = y_mean + (X - grams.x_mean) @ (loaded[:, :rank] @ V[:, :rank].T)
        change = float(np.abs(predicted[missing] - filled[missing]).max(initial=0.0))
        filled[missing] = predicted[missing]
        if change < tol * spread:
            return filled, turn, True
    return filled, max_iter, False
