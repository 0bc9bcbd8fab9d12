r"""One agent: it keeps its rows, learns alone, finds its edges, and serves a model that leans on its neighbours.

Each round it learns its own rows (`kinfolk.graph.streaming.learner`) and takes one step of Jacobi

.. math:: x_k \leftarrow \frac{w_k + s_k \sum_l a_{kl} x_l}{1 + s_k \sum_l a_{kl}}

with the newest :math:`x_l` heard of each neighbour (`kinfolk.graph.streaming.served`), however old, until the neighbour
has been silent for too long: then its edge is left out, from the sum and from the degree. The step is a contraction
whatever is lost or late.

A row of the graph needs no more than the neighbours. With the covariance :math:`\Sigma = L^+` of a coordinate over
agents, and a block B that holds k and all its neighbours, row k of the precision of the block is row k of L,

.. math:: \big[(\Sigma_{BB})^{-1}\big]_{kB} = L_{kB} ,

by the Schur complement (arXiv 2608.26989): what is left out of the block is joined to its other members only. The
precision of a block of a combinatorial Laplacian is one itself, so that `estimate_laplacian` applies. Both ends of an
edge estimate its weight, and use the mean.
"""

import logging
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.agents.candidate import Candidate
from kinfolk.agents.message import SPEAKER, BadMessage, Means, Model, check_features, decode
from kinfolk.exceptions import InputError
from kinfolk.graph.streaming.learner import Learner
from kinfolk.graph.streaming.network import is_due, ready_tasks, rows_between
from kinfolk.graph.streaming.relearn import empty, relearned
from kinfolk.graph.streaming.served import CAP, lean

_LOG = logging.getLogger("kinfolk.agents")
_ROWS = 20  # of its own before an agent can tell what is absurd
_ABSURD = 100.0  # times the root mean square of the targets (log-odds): what no model predicts
_TELL = 0.25  # of the rows between estimates: a lost word is told again in time
_IGNORED = "Agent %d ignores a message from agent %d: %s. More of these are only counted."
_SILENCE = 1.0  # seconds
_SILENT_ROUNDS = 10.0


@dataclass(frozen=True)
class Heard:
    """What reaches an agent in a round.

    Attributes
    ----------
    time : float
        Its clock, seconds.
    packets : list of (int, bytes)
        Bytes that came, and the agent at the other end of the line they came by.
    U : (n, M) array
        Its own new rows, with a leading one where there is an intercept.
    y : (n,) array
    """

    time: float
    packets: list[tuple[int, bytes]]
    U: FloatArray
    y: FloatArray


@dataclass
class Agent:
    r"""State of an agent.

    Attributes
    ----------
    id : int
    learner : Learner
        Of one task: iterate, running mean, noise.
    served : (1, M) array
    first : int
        Coefficients before this one (the intercept) lean on nobody and are told to nobody.
    candidates : dict of int to Candidate
        Agents that it may lean on.
    timeout : float
        Seconds of silence after which an edge is left out.
    given : bool
        The weights are known; none is estimated.
    round : int
    size : float
        Running mean of squared targets.
    since : int
        Rows since the last estimate.
    untold : int
        Rows since it told its means.
    level : float
        :math:`s_k \sum_l a_{kl}` at the last estimate.
    n_estimates : int
    """

    id: int
    learner: Learner
    served: FloatArray
    first: int
    candidates: dict[int, Candidate]
    timeout: float
    given: bool = False
    round: int = 0
    size: float = 0.0
    since: int = 0
    untold: int = 0
    level: float = 0.0
    n_estimates: int = 0
    _unknown: set[int] = field(default_factory=set)

    @classmethod
    def start(
        cls,
        id: int,
        candidates: Iterable[int],
        n_features: int,
        *,
        loss: str = "squared",
        step: float = 0.2,
        intercept: bool = False,
        period: float = 0.01,
        weights: dict[int, float] | None = None,
    ) -> "Agent":
        """An agent that has seen nothing.

        Parameters
        ----------
        id : int
        candidates : integers
            Agents that it may lean on.
        n_features : int
            Without the intercept.
        loss : {"squared", "logistic"}, default="squared"
        step : float in (0, 1], default=0.2
            As in `TaskGraphTracker`.
        intercept : bool, default=False
        period : float, default=0.01
            Seconds between rounds: an edge is left out after ten of them, or one second.
        weights : dict of int to float, optional
            Known weights of all edges; nothing is estimated then.

        Raises
        ------
        InputError
            An agent is its own candidate, weights are not those of the candidates, or there are too many features.
        """
        check_features(n_features)
        others = {agent: Candidate(agent) for agent in candidates}
        if id in others:
            raise InputError(f"Agent {id} cannot lean on itself: leave it out of its neighbors.")
        if weights is not None:
            if set(weights) != set(others):
                raise InputError(f"Agent {id}: give weights of all neighbors {sorted(others)} or of none.")
            for agent, weight in weights.items():
                others[agent].here = weight
        own = np.zeros((1, n_features + intercept))
        learner = Learner.start(own, loss=loss, step=step)
        timeout = max(_SILENCE, _SILENT_ROUNDS * period)
        return cls(id, learner, own.copy(), int(intercept), others, timeout, weights is not None)

    @property
    def model(self) -> FloatArray:
        """The served model, ``(M,)``."""
        model: FloatArray = self.served[0]
        return model

    @property
    def neighbors(self) -> list[Candidate]:
        """Candidates that are heard."""
        return [other for other in self.candidates.values() if other.model is not None]

    @property
    def weights(self) -> dict[int, float]:
        """Weights of the edges to all candidates, heard or not."""
        return {agent: other.weight for agent, other in self.candidates.items()}

    @property
    def coupling(self) -> float:
        """``s_k`` times the degree: how much the served model leans on neighbours that are heard."""
        return float(self.learner.noise[0]) * sum(other.weight for other in self.neighbors)

    @property
    def longest(self) -> float | None:
        """Norm of the largest coefficients that are not absurd; None before the agent can tell."""
        total, power = int(self.learner.total[0]), float(self.learner.power[0])
        size = self.size if self.learner.loss == "squared" else 1.0
        if total < _ROWS or not size > 0.0:
            return None
        return _ABSURD * float(np.sqrt(self.served.shape[1] * size / power))

    def live(self, heard: Heard) -> list[bytes]:
        """One round.

        Parameters
        ----------
        heard : Heard

        Returns
        -------
        list of bytes
            What the agent says to all its candidates.
        """
        for line, packet in heard.packets:
            self._hear(line, packet, heard.time)
        for other in self.neighbors:
            if heard.time - other.heard > self.timeout:
                _LOG.info("Agent %d: agent %d is silent; its edge is left out.", self.id, other.agent)
                other.forget()
        for u, target in zip(heard.U, heard.y, strict=True):
            self._learn(u[None], target)
        self._lean()
        self.round += 1
        shared = self.served[0, self.first :]
        said = [Model(self.id, self.round, heard.time, shared).encode()]
        learner = self.learner
        if len(ready_tasks(learner)) and not self.given:
            if is_due(learner, self.since, self.coupling, self.level if self.n_estimates else None):
                self._estimate()
            if self.untold >= _TELL * rows_between(learner):
                self.untold = 0
                here = {agent: other.here for agent, other in self.candidates.items()} if self.n_estimates else {}
                mean, noise = learner.mean[0, self.first :], float(learner.mean_noise[0])
                said.append(Means(self.id, self.round, heard.time, mean, noise, here).encode())
        return said

    def _hear(self, line: int, packet: bytes, now: float) -> None:
        longest = self.longest
        other = self.candidates.get(line)
        if other is None:
            if line not in self._unknown:
                self._unknown.add(line)
                _LOG.warning("Agent %d ignores agent %d, which is none of its candidates.", self.id, line)
            return
        try:
            message = decode(packet, self.served.shape[1] - self.first)
            reason = None if message.agent == line else SPEAKER
        except BadMessage as error:
            reason = str(error)
        else:
            if reason is None and longest is not None:
                reason = other.hear(message, now, longest, self.id)
        if reason is not None:
            other.bad[reason] += 1
            if other.bad[reason] == 1:
                _LOG.warning(_IGNORED, self.id, line, reason)

    def _learn(self, u: FloatArray, target: float) -> None:
        learner = self.learner
        total = min(float(learner.total[0]) + 1.0, 2.0 * learner.time_constant + _ROWS)
        self.size += (float(target) ** 2 - self.size) / total
        learner.learn(slice(None), u, np.array([target], dtype=float))
        self.since += 1
        self.untold += 1

    def _lean(self) -> None:
        own, c, near = self.learner.own, self.first, self.neighbors
        self.served[:, :c] = own[:, :c]
        models = np.array([other.model for other in near]).reshape(-1, own.shape[1] - c)
        differences = models - self.served[:, c:]
        self.served[:, c:] = lean(
            own[:, c:],
            self.learner.noise,
            self.served[:, c:],
            differences,
            np.array([other.weight for other in near]),
            np.array([0, len(near)]),
            CAP * _median(np.sqrt((differences**2).sum(axis=1))),
        )

    def _estimate(self) -> None:
        """Row of the graph from the means of the block of this agent and the candidates that told theirs."""
        told = [other for other in self.neighbors if other.mean is not None]
        if not told:
            return
        own = self.learner.mean[:, self.first :]
        means = np.array([other.mean for other in told])
        far = np.sqrt(((means - own) ** 2).sum(axis=1))
        astray = far > CAP * _median(far)
        for other in np.array(told, dtype=object)[astray]:
            other.here = 0.0
        block = [other for other, out in zip(told, astray, strict=True) if not out]
        noise = np.array([self.learner.mean_noise[0], *(other.noise for other in block)])
        K = len(noise)
        found = relearned(np.concatenate((own, means[~astray])), noise, np.arange(K), empty(K), K)
        for other, weight in zip(block, found[[0]].toarray()[0, 1:], strict=True):
            other.here = float(weight)
        self.since, self.n_estimates = 0, self.n_estimates + 1
        self.level = self.coupling


def converse(agent: Agent) -> Generator[list[bytes], Heard, None]:
    """The agent as a generator: it yields what it says and is sent what it heard, round by round."""
    said: list[bytes] = []
    while True:
        said = agent.live((yield said))


def _median(lengths: FloatArray) -> float:
    """The lower median, so that one of two does not set its own bound; infinity where it is zero, or of nothing."""
    if not len(lengths):
        return np.inf
    middle = float(np.sort(lengths)[(len(lengths) - 1) // 2])
    return middle if middle > 0.0 else np.inf
