"""All tasks of a stream: what they learn alone, the graph that joins them, and what they serve."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from kinfolk._typing import FloatArray, IntArray
from kinfolk.graph.likelihood import degree_laplacian
from kinfolk.graph.streaming.learner import Learner, Rows
from kinfolk.graph.streaming.relearn import empty, relearned, rescaled, strength
from kinfolk.graph.streaming.served import combine, diffusion_strength, metropolis, track

_WARM = 1.5  # rows for each coefficient before a task takes part in an estimate
_AGAIN = 2.0  # time constants after a change
_BETWEEN = 4.0  # time constants between estimates, at most
_MORE = 1.25  # times the tasks that took part in the last estimate: estimate now
_GROWTH = 1.5  # of the rows of a task between estimates, until then
_LEAST = 10  # rows, in any case
_NUMBERS = ("eta", "level", "since", "n_estimates", "n_ready")
_SHIFT = 2.0  # times the coupling strength: estimate now


@dataclass(eq=False)
class Network:
    """Tasks on a graph that is learned on the way.

    Attributes
    ----------
    mode : {"track", "diffusion", "independent", "consensus"}
    learner : Learner
    served : (K, M) array
    worth : (K,) array
        Running mean of what the served model of a task saves of the squared (clipped) residual of its own, before both
        have seen the row.
    first : int
        Coefficients before this one lean on nobody.
    n_neighbors : int
    given : (K, K) sparse array or None
        A known graph.
    adjacency : (K, K) sparse array
    laplacian : (K, K) sparse array
    eta : float
        Strength of diffusion.
    level : float
        Coupling strength at the last estimate.
    since : int
        Rows since then.
    n_estimates : int
    n_ready : int
        Tasks that took part in the last one.
    """

    mode: str
    learner: Learner
    served: FloatArray
    worth: FloatArray
    first: int
    n_neighbors: int
    given: csr_array | None = None
    adjacency: csr_array = field(default_factory=lambda: empty(0))
    eta: float = 0.0
    level: float = 0.0
    since: int = 0
    n_estimates: int = 0
    n_ready: int = 0

    @classmethod
    def start(cls, n_features: int, *, mode: str, loss: str, step: float, first: int, n_neighbors: int) -> "Network":
        """No task yet."""
        nobody = np.zeros((0, n_features))
        return cls(mode, Learner.start(nobody, loss=loss, step=step), nobody, np.zeros(0), first, n_neighbors)

    @property
    def n_tasks(self) -> int:
        """K."""
        return len(self.served)

    @property
    def models(self) -> FloatArray:
        """What to predict with ``(K, M)``: a tracked task served worse than alone, lately, keeps its own model."""
        if self.mode != "track":
            return self.served
        return np.where((self.worth < 0.0)[:, None], self.learner.own, self.served)

    @property
    def laplacian(self) -> csr_array:
        """``D - A``."""
        return degree_laplacian(self.adjacency)

    def join(self, n_new: int, given: csr_array | None = None) -> None:
        """More tasks: they start as the mean of those that are known, without edges, or with those of a known graph."""
        if n_new:
            start = self.served.mean(axis=0) if self.n_tasks else np.zeros(self.served.shape[1])
            own = np.tile(start, (n_new, 1))
            self.learner.join(Learner.start(own, loss=self.learner.loss, step=self.learner.step))
            self.served = np.concatenate((self.served, own))
            self.worth = np.concatenate((self.worth, np.zeros(n_new)))
            table = self.adjacency.tocoo()
            self.adjacency = csr_array((table.data, table.coords), shape=(self.n_tasks, self.n_tasks))
        self.given = given

    def learn(self, codes: IntArray, U: FloatArray, y: FloatArray, weights: FloatArray | None) -> list[tuple[int, int]]:
        """Rows in their order: in every round the next row of each task that has one.

        Returns
        -------
        list of (task, row)
            Changes that were noticed, with the number of the task's own row.
        """
        order = np.argsort(codes, kind="stable")
        begin = np.flatnonzero(np.diff(codes[order], prepend=-1))
        turn = np.empty(len(codes), dtype=np.int64)
        turn[order] = np.arange(len(codes)) - np.repeat(begin, np.diff(np.append(begin, len(codes))))
        rows = np.lexsort((codes, turn))
        found: list[tuple[int, int]] = []
        for at in np.split(rows, np.flatnonzero(np.diff(turn[rows])) + 1):
            tasks: Rows = slice(None) if len(at) == self.n_tasks else codes[at]
            changed = self._round(tasks, U[at], y[at], None if weights is None else weights[at])
            found += [(int(task), int(self.learner.total[task])) for task in changed]
            self.since += len(at)
            self._estimate_if_due()
        if self.mode == "track":
            self._lean(slice(None))
        return found

    def _round(self, tasks: Rows, U: FloatArray, y: FloatArray, weights: FloatArray | None) -> IntArray:
        learner = self.learner
        alone, together = (learner.clipped(w[tasks], tasks, U, y) for w in (learner.own, self.served))
        self.worth[tasks] += learner.late(tasks) * (alone**2 - together**2 - self.worth[tasks])
        changed = learner.learn(tasks, U, y, weights)
        if self.mode == "independent":
            self.served[tasks] = learner.own[tasks]
        elif self.mode == "track":
            self._lean(tasks)
        else:
            psi = self.served.copy()
            psi[tasks] = learner.moved(psi[tasks], tasks, U, y, weights)
            if self.mode == "diffusion":
                mixed = combine(psi, learner.pace, self.eta, self.laplacian) if self.eta > 0.0 else psi
            elif self.given is not None:
                mixed = metropolis(self.given) @ psi
            else:
                mixed = np.broadcast_to(psi.mean(axis=0), psi.shape)
            self.served[tasks] = mixed[tasks]
            self.served[tasks, : self.first] = psi[tasks, : self.first]
        return changed

    def _lean(self, tasks: Rows) -> None:
        own, c = self.learner.own, self.first
        self.served[tasks, :c] = own[tasks, :c]
        self.served[tasks, c:] = track(own[:, c:], self.learner.noise, self.served[:, c:], self.adjacency, tasks)

    @property
    def coupling_strength(self) -> float:
        """Of the graph as it is, for the noise as it is."""
        return strength(self.adjacency, self.learner.noise)

    def _estimate_if_due(self) -> None:
        if self.mode in ("independent", "consensus") or self.n_tasks < 2:
            return
        ready = ready_tasks(self.learner)
        last = self.level if self.n_estimates else None
        more = len(ready) >= _MORE * max(self.n_ready, 1)
        if len(ready) > 1 and (more or is_due(self.learner, self.since / self.n_tasks, self.coupling_strength, last)):
            self.estimate(ready)

    def estimate(self, ready: IntArray) -> None:
        """Estimate the graph anew from the running means of some tasks."""
        learner, c = self.learner, self.first
        means, noise = learner.mean[:, c:], learner.mean_noise
        if self.given is None:
            self.adjacency = relearned(means, noise, ready, self.adjacency, self.n_neighbors)
        else:
            self.adjacency = rescaled(means, noise, ready, self.given)
        if self.mode == "diffusion":
            spread = float(learner.spread[ready].mean()) if learner.loss == "logistic" else 1.0
            curvature = spread * float(learner.power[ready].mean()) / learner.own.shape[1]
            self.eta = diffusion_strength(self.laplacian, float(learner.noise[ready].mean()), curvature)
        self.level, self.since = self.coupling_strength, 0
        self.n_estimates, self.n_ready = self.n_estimates + 1, len(ready)

    def state(self) -> dict[str, Any]:
        """Everything that the tasks have learned, as arrays and numbers."""
        table, learner = self.adjacency.tocoo(), self.learner
        numbers = {name: getattr(self, name) for name in ("served", "worth", *_NUMBERS)}
        learned = {f"learner.{name}": getattr(learner, name) for name in learner.arrays()}
        edges = {"edges": np.stack(table.coords).astype(np.int64), "edge_weights": table.data}
        return numbers | learned | edges

    def restore(self, state: dict[str, Any]) -> None:
        """Become the network that `state` described.

        Raises
        ------
        ValueError
            The parts do not belong together.
        """
        shape, K = self.learner.own.shape[1:], len(state["served"])
        for name in self.learner.arrays():
            part = state[f"learner.{name}"]
            if part.shape not in ((K, *shape), (K,)):
                raise ValueError(f"{name} of shape {part.shape} for {K} tasks of {shape[0]} coefficients")
            setattr(self.learner, name, part)
        for name in ("served", "worth", *_NUMBERS):
            setattr(self, name, state[name])
        if self.served.shape != self.learner.own.shape or self.worth.shape != (K,):
            raise ValueError(f"models of shape {self.served.shape}, own of shape {self.learner.own.shape}")
        self.adjacency = csr_array((state["edge_weights"], tuple(state["edges"])), shape=(K, K))


def ready_tasks(learner: Learner) -> IntArray:
    """Tasks with rows enough to take part in an estimate; those that have changed must have settled again."""
    again = np.where(learner.total > learner.n, _AGAIN * learner.time_constant, 0.0)
    return np.flatnonzero(learner.n >= np.maximum(again, max(_WARM * learner.own.shape[1], _LEAST)))


def is_due(learner: Learner, rest: float, strength_now: float, strength_then: float | None) -> bool:
    """Whether a graph is to be estimated anew.

    Parameters
    ----------
    learner : Learner
    rest : float
        Rows of a task since the last estimate.
    strength_now, strength_then : float
        Coupling strengths of the graph now and at the last estimate (None: there was none).
    """
    shifted = (
        strength_then is not None
        and rest >= learner.time_constant
        and not 1.0 / _SHIFT < strength_now / max(strength_then, 1e-300) < _SHIFT
    )
    return shifted or rest >= rows_between(learner)


def rows_between(learner: Learner) -> float:
    """Rows of a task between estimates: half of those it had at the last one, up to four time constants."""
    return min((1.0 - 1.0 / _GROWTH) * float(learner.n.mean()), _BETWEEN * learner.time_constant)
