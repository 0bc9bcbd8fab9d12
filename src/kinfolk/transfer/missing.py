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
    centred: bool = True,
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
    centred : bool, default=True
        Whether the fit has intercepts.
    max_iter : int, default=200
    tol : float, default=1e-4
        It ends when the filled-in responses change by less than this share of their spread.
    """
    filled = Y.copy()
    share = weights / max(float(weights.sum()), 1e-300) * float(centred)
    Xc = X - share @ X
    Xw = Xc * weights[:, None]
    moments = Xw.T @ Xc, Xw.T @ filled, weights @ filled**2
    path = Spectral(Grams(float(weights.sum()), share @ X, share @ filled, *moments))
    spread = max(float(np.sqrt((weights @ np.where(seen, Y, 0.0) ** 2).sum() / max(weights.sum(), 1e-300))), 1e-300)
    missing = ~seen
    for turn in range(1, max_iter + 1):
        y_mean = share @ filled
        path.pulled = path.vectors.T @ (Xw.T @ (filled - y_mean))
        loaded, V, _ = path.fit(alpha)
        predicted = y_mean + Xc @ (loaded[:, :rank] @ V[:, :rank].T)
        change = float(np.abs(predicted[missing] - filled[missing]).max(initial=0.0))
        filled[missing] = predicted[missing]
        if change < tol * spread:
            return filled, turn, True
    return filled, max_iter, False


class Accelerated:
    """Steps of a fixed-point iteration, each extrapolated from the last few (Anderson 1965, *J. ACM* 12).

    EM is slow in proportion to what is missing; with the extrapolation it takes tens of turns where it took hundreds.
    """

    def __init__(self, memory: int = 5) -> None:
        self.memory = memory
        self.images: list[FloatArray] = []
        self.steps: list[FloatArray] = []

    def __call__(self, point: FloatArray, image: FloatArray) -> FloatArray:
        """Where to go from a point and its image: the image itself after a step that made things worse."""
        step = image - point
        if self.steps and np.linalg.norm(step) > 2.0 * np.linalg.norm(self.steps[-1]):
            self.images, self.steps = [], []
        self.images, self.steps = [*self.images, image][-self.memory :], [*self.steps, step][-self.memory :]
        if len(self.steps) == 1:
            return image
        steps, images = np.diff(self.steps, axis=0), np.diff(self.images, axis=0)
        mix = np.linalg.lstsq(steps.T, step, rcond=1e-8)[0]
        found: FloatArray = image - mix @ images
        return found
