"""What an agent knows of another one that it may lean on."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.agents.message import ABSURD, Means, Model

_CLOCKS = 86_400.0  # seconds that clocks may differ by
_WORD = 5.0  # times the weight estimated here: the most that the other end's word counts


@dataclass
class Candidate:
    """Another agent, as it is known here.

    Attributes
    ----------
    agent : int
    here : float
        Weight of the edge, as estimated at this end (or as given).
    there : float or None
        The same, as estimated at the other end; None: not heard yet.
    model : (M,) array or None
        The newest model heard; None: silent for too long.
    mean : (M,) array or None
        The running mean told last, of variance ``noise``.
    noise : float
    heard : float
        When the newest model came, by the clock of this end.
    stamps : dict
        When the newest message of each kind was sent, by the clock of the other end.
    bad : Counter
        Messages ignored, by reason.
    """

    agent: int
    here: float = 0.0
    there: float | None = None
    model: FloatArray | None = None
    mean: FloatArray | None = None
    noise: float = 0.0
    heard: float = -np.inf
    stamps: dict[type, float] = field(default_factory=dict)
    bad: Counter[str] = field(default_factory=Counter)

    def hear(self, message: Model | Means, now: float, longest: float, reader: int) -> str | None:
        """Take in a message, unless it is older than one heard before.

        Parameters
        ----------
        message : Model or Means
        now : float
            Clock of this end.
        longest : float
            Norm of coefficients above which they are absurd.
        reader : int
            The agent of this end.

        Returns
        -------
        str or None
            Why it is not believed.
        """
        absurd = float(np.linalg.norm(message.values)) > longest or abs(message.time - now) > _CLOCKS
        if isinstance(message, Means):
            absurd |= message.noise * len(message.values) > longest**2
        if absurd:
            return ABSURD
        if message.time < self.stamps.get(type(message), -np.inf):
            return None
        self.stamps[type(message)] = message.time
        if isinstance(message, Model):
            self.model, self.heard = message.values, now
        else:
            self.mean, self.noise = message.values, message.noise
            self.there = message.weights.get(reader)
        return None

    def forget(self) -> None:
        """It is silent: what it said counts no more, and its clock may start anew. Its weight stays."""
        self.model, self.mean = None, None
        self.stamps.clear()

    @property
    def weight(self) -> float:
        """Weight of the edge: the mean of what both ends estimate, the other end's up to five times the one here."""
        return self.here if self.there is None else 0.5 * (self.here + min(self.there, _WORD * self.here))
