"""The five losses by their proximal maps: what is fitted when a row pulls against V."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from scipy.special import expit

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError

LossName = Literal["squared", "logistic", "hinge", "lad", "huber"]
_MAX_STEPS = 100


@dataclass(frozen=True)
class Loss:
    """A loss; `delta` is Huber's (infinity for the squared loss, none for the others).

    Attributes
    ----------
    name : str
    delta : float
    """

    name: LossName
    delta: float = np.inf

    @classmethod
    def of(cls, name: str, delta: float, link: str) -> "Loss":
        """Loss of this name, if it can be asked for labels of this link."""
        if name not in get_args(LossName):
            raise InputError(f"loss={name!r} is not known; choose one of {', '.join(map(repr, get_args(LossName)))}.")
        if name in ("logistic", "hinge") and link == "linear":
            raise InputError(
                f"loss={name!r} needs labels -1 and +1, but the problem has link='linear'; use 'squared', 'lad' or "
                "'huber', or a problem with link='sign' or 'logistic'."
            )
        if name == "huber" and not 0 < delta < np.inf:
            raise InputError(f"huber_delta has to be larger than zero and finite, found {delta!r}.")
        return cls(cast(LossName, name), float(delta) if name == "huber" else np.inf)

    @property
    def pull_at_zero(self) -> float:
        """-l'(y = 1, z = 0)."""
        return {"logistic": 0.5, "huber": min(1.0, self.delta)}.get(self.name, 1.0)

    def kinks(self, V: FloatArray) -> FloatArray:
        """Fitted scores omega where the proximal map of the label +1 has kinks, ``(N, k)``."""
        if self.name == "logistic":
            return np.empty((len(V), 0))
        if self.name == "hinge":
            return np.stack((1.0 - V, np.ones_like(V)), axis=1)
        reach = V if self.name == "lad" else self.delta * (1.0 + V)
        return np.stack((1.0 - reach, 1.0 + reach), axis=1)

    def pull(self, omega: FloatArray, V: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pull f = (prox - omega) / V at the label +1, and -df / domega; omega ``(N, n)``, V ``(N, 1)``."""
        if self.name == "hinge":
            inside = (omega < 1.0) & (omega > 1.0 - V)
            return np.clip((1.0 - omega) / V, 0.0, 1.0), inside / V
        if self.name == "logistic":
            f = expit(-logistic_prox(omega, V))
            h = f * (1.0 - f)
            return f, h / (1.0 + V * h)
        reach, scale = (1.0, V) if self.name == "lad" else (self.delta, 1.0 + V)
        inside = np.abs(1.0 - omega) < reach * scale
        return np.clip((1.0 - omega) / scale, -reach, reach), inside / scale


def logistic_prox(omega: FloatArray, V: FloatArray) -> FloatArray:
    r"""Minimum z, which solves :math:`z = \omega + V \sigma(-z)`: Newton steps within a bracket.

    The bracket is :math:`[\omega, \omega + V]`. Start: the piecewise linear approximation (omega above log(1 + V),
    omega + V below -V, linear between). A step that leaves the bracket is a bisection.
    """
    V = np.broadcast_to(V, omega.shape)
    low, high = omega.copy(), omega + V
    top = np.log1p(V)
    share = np.clip((omega + V) / (top + V), 0.0, 1.0)
    z = np.where(omega > top, omega, np.where(omega < -V, high, share * top))
    for _ in range(_MAX_STEPS):
        f = expit(-z)
        excess = z - omega - V * f
        above = excess > 0.0
        high, low = np.where(above, z, high), np.where(above, low, z)
        step = excess / (1.0 + V * f * (1.0 - f))
        new = z - step
        new = np.where((new >= low) & (new <= high), new, 0.5 * (low + high))
        moved = np.abs(new - z)
        z = new
        if (moved <= 1e-14 * (1.0 + np.abs(z))).all():
            break
    return z
