r"""Streams with their truth: models on a random graph, and rows that anyone can draw again.

Agents sit at random places of the unit square, the nearest pairs are joined, and the coordinates of their models are
independent :math:`N(0, L^+)` about a common model, L scaled so that their mean variance is given.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError

_BLOCK = 64  # rows drawn at once


@dataclass(frozen=True)
class Field:
    """Models of all agents.

    Attributes
    ----------
    W : (K, M) array
    adjacency : (K, K) array
    noise : float
        Standard deviation of the targets about their model.
    loss : {"squared", "logistic"}
    seed : int
    """

    W: FloatArray
    adjacency: FloatArray
    noise: float
    loss: str
    seed: int

    def neighbors(self, agent: int) -> list[int]:
        """Agents joined to one."""
        return [int(other) for other in np.flatnonzero(self.adjacency[agent])]


def make_field(
    n_agents: int,
    n_features: int,
    *,
    seed: int = 0,
    degree: int = 4,
    variance: float = 0.05,
    noise: float = 1.0,
    loss: str = "squared",
) -> Field:
    """Draw a graph and the models on it.

    Parameters
    ----------
    n_agents, n_features : int
        K of at least 2, M of at least 1.
    seed : int, default=0
    degree : int, default=4
        About so many neighbours each.
    variance : float, default=0.05
        Mean variance of a coordinate of the models about their mean.
    noise : float, default=1.0
    loss : {"squared", "logistic"}, default="squared"

    Raises
    ------
    InputError
        There are fewer than two agents, or no features.
    """
    if n_agents < 2 or n_features < 1:
        raise InputError(f"A field has at least 2 agents and 1 feature; got {n_agents} and {n_features}.")
    generator = np.random.default_rng([seed, n_agents, n_features])
    places = generator.random((n_agents, 2))
    apart = ((places[:, None] - places) ** 2).sum(axis=2)
    nearest = np.sort(apart[np.triu_indices(n_agents, 1)])
    reach = nearest[min(degree * n_agents // 2, len(nearest)) - 1]
    tree = minimum_spanning_tree(apart).toarray() > 0
    joined = np.triu((apart <= reach) | tree | tree.T, 1)
    adjacency = np.where(joined, generator.uniform(0.5, 3.0, joined.shape), 0.0)
    adjacency = adjacency + adjacency.T
    values, vectors = np.linalg.eigh(np.diag(adjacency.sum(axis=1)) - adjacency)
    scale = float((1.0 / values[1:]).sum()) / n_agents / variance
    about = (vectors[:, 1:] / np.sqrt(scale * values[1:])) @ generator.normal(size=(n_agents - 1, n_features))
    return Field(generator.normal(size=n_features) + about, scale * adjacency, noise, loss, seed)


class SyntheticSource:
    """Rows of one agent of a field: ``y = u'w + noise``, or classes with the odds ``exp(u'w)``; u standard normal.

    Parameters
    ----------
    field : Field
    agent : int
        Row of ``field.W``.
    """

    def __init__(self, field: Field, agent: int) -> None:
        if not 0 <= agent < len(field.W):
            raise InputError(f"The synthetic stream has agents 0 to {len(field.W) - 1}; there is no agent {agent}.")
        self.field = field
        self.agent = agent
        self._block: tuple[int, FloatArray, FloatArray] | None = None

    @property
    def truth(self) -> FloatArray:
        """The model, ``(M,)``."""
        w: FloatArray = self.field.W[self.agent]
        return w

    @property
    def n_features(self) -> int:
        """M."""
        return len(self.truth)

    def row(self, position: int) -> tuple[FloatArray, float]:
        """Row number ``position``: the same whenever it is asked for.

        Returns
        -------
        u : (M,) array
        y : float
        """
        number, place = divmod(position, _BLOCK)
        if self._block is None or self._block[0] != number:
            generator = np.random.default_rng([self.field.seed, self.agent, number])
            U = generator.normal(size=(_BLOCK, self.n_features))
            eta = U @ self.truth
            if self.field.loss == "squared":
                y = eta + self.field.noise * generator.normal(size=_BLOCK)
            else:
                y = (eta + generator.logistic(size=_BLOCK) > 0.0).astype(float)
            self._block = number, U, y
        return self._block[1][place], float(self._block[2][place])
