"""Streams where something fails or is not as assumed: a part of `kinfolk.reproduce.task_graph`.

What is measured, as deviations in decibels (`kinfolk.reproduce.streams`):

- ``messages``: tasks that have learned alone, and their graph with kinfolk's tracker, from then on send their models
  along the edges of that graph: messages are lost or late, tasks die or send garbage, the coupling is too strong. All
  ways of one run see the same rows and losses. ``diffusion`` is the explicit step, as published; ``filter`` the step of
  kinfolk, `kinfolk.graph.streaming.served.lean`;
- ``noise``: heavy tails and outliers, residuals clipped as kinfolk does, and not;
- ``drift``: tasks that move in every round, the graph estimated anew, or once for all;
- ``priors``: tasks that were not drawn from any graph.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import csr_array

from kinfolk._typing import BoolArray, FloatArray
from kinfolk.graph.streaming.learner import Learner
from kinfolk.graph.streaming.network import Network
from kinfolk.graph.streaming.served import CAP, combine, diffusion_strength, filtered, lean
from kinfolk.reproduce.plan import Cell, Measurements, Plan, Row
from kinfolk.reproduce.stream_tasks import ALL, Stream, Unclipped, decibel, draw

_WARM, _SETTLING, _TAIL = 8.0, 5.0, 8.0  # over mu: rounds before messages fail, until that has settled, and averaged
_EVERY = 5  # rounds between those looked at
_LOST = 1e6  # models beyond this have diverged, and stay as they are
_GARBAGE = 3.0  # standard deviation, twenty times that of tasks
_ASIDE = 2  # tasks that die, or send garbage; not counted then


@dataclass(frozen=True)
class Fault:
    """How messages fail.

    Attributes
    ----------
    rule : {"diffusion", "filter"}
    lost : float
        Share of messages that do not arrive.
    missing : {"stale", "dropped", "zero"}
        What stands for a message that did not arrive: the last one that did, nothing (edge and degree are left out), or
        a model of zeros.
    dead, garbage : int
        The first so many tasks send nothing, or always the same normal coordinates of standard deviation 3.
    delay : int
        Rounds that a message takes.
    coupling : float
        Times the weights of the graph.
    stiffness : float
        Coupling instead such that ``mu eta lambda_max`` is this (0: as it is).
    cap, medians : float
        Longest difference that counts; that in units of the median difference between neighbours.
    aside : int
        First tasks that do not count in the deviation.
    """

    rule: str
    lost: float = 0.0
    missing: str = "stale"
    dead: int = 0
    garbage: int = 0
    delay: int = 0
    coupling: float = 1.0
    stiffness: float = 0.0
    cap: float = np.inf
    medians: float = np.inf
    aside: int = 0


def _losses(rule: str, ways: tuple[str, ...], shares: tuple[float, ...]) -> dict[str, Fault]:
    return {f"{share:.0%} lost, {way}": Fault(rule, share, way) for way in ways for share in shares}


MISSING, SHARES = ("dropped", "stale", "zero"), (0.1, 0.3, 0.6, 0.9)
STIFF = (1.5, 2.3, 11.5)
FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "diffusion": {
        "no fault": Fault("diffusion"),
        **_losses("diffusion", MISSING, SHARES),
        "no fault, others": Fault("diffusion", aside=_ASIDE),
        **{f"2 dead, {way}": Fault("diffusion", missing=way, dead=_ASIDE, aside=_ASIDE) for way in MISSING},
        **{f"{delay} rounds late": Fault("diffusion", delay=delay) for delay in (1, 5, 20, 100)},
        **{f"coupling x {factor}": Fault("diffusion", coupling=factor) for factor in (3, 10)},
        **{f"mu eta lambda_max = {stiff:g}": Fault("diffusion", stiffness=stiff) for stiff in STIFF},
        "1 sends garbage": Fault("diffusion", garbage=1, aside=_ASIDE),
        "1 sends garbage, cap 1": Fault("diffusion", garbage=1, aside=_ASIDE, cap=1.0),
        "cap 1": Fault("diffusion", cap=1.0),
    },
    "filter": {
        "no fault": Fault("filter"),
        **_losses("filter", ("stale",), (0.5, 0.9)),
        "20 rounds late": Fault("filter", delay=20),
        "50% lost, 20 rounds late": Fault("filter", 0.5, delay=20),
        "coupling x 100, 50% lost, 20 rounds late": Fault("filter", 0.5, delay=20, coupling=100.0),
        "no fault, others": Fault("filter", aside=_ASIDE),
        "1 sends garbage": Fault("filter", garbage=1, aside=_ASIDE),
        "1 sends garbage, kinfolk's cap": Fault("filter", garbage=1, aside=_ASIDE, medians=CAP),
        "kinfolk's cap": Fault("filter", medians=CAP),
    },
}
_USUAL: Cell = {"kind": "rgg", "K": 20, "M": 20, "mu": 0.02, "scale": 0.02}
_COMMON = {"common": 0.02}  # kinfolk leaves a common level as it is, and so must what fails
_LARGE = _USUAL | {"K": 50}
_NOISY: list[Cell] = [_USUAL | {"noise": noise} for noise in ("student", "outliers")]
_MOVING: list[Cell] = [_USUAL | {"drift": q} for q in (1e-3, 1e-2)]
_UNLIKE: list[Cell] = [_USUAL | {"kind": kind} for kind in ("unrelated", "clusters", "signs")]
_UNLIKE.append(_USUAL | {"kind": "unrelated", "scale": 1.0})
_SENT = [_USUAL | _COMMON | {"rule": "diffusion", "drift": 0.0}, _LARGE | _COMMON | {"rule": "filter", "drift": 0.0}]
FULL: Plan = {
    "messages": ([*_SENT, _LARGE | _COMMON | {"rule": "filter", "drift": 1e-3}], 4),
    "noise": (_NOISY, 8),
    "drift": (_MOVING, 8),
    "priors": (_UNLIKE, 8),
}
QUICK: Plan = {"messages": (_SENT, 1), "noise": (_NOISY, 1), "drift": (_MOVING, 1), "priors": (_UNLIKE, 1)}


@dataclass(eq=False)
class Messages:
    """Tasks that lean on what they have heard.

    Attributes
    ----------
    fault : Fault
    graph : (K, K) sparse array
        Weights.
    eta : float
        Strength of diffusion.
    models : (K, M) array
    heard : (E, M) array
        The last model that came along each edge; at first all have come.
    underway : deque of (K, M) arrays
        Models sent and not yet due, the oldest first.
    deviations : list of float
    """

    fault: Fault
    graph: csr_array
    eta: float
    models: FloatArray
    heard: FloatArray = field(init=False)
    underway: deque[FloatArray] = field(init=False)
    deviations: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """All have heard the models as they are."""
        self.graph = csr_array(self.fault.coupling * self.graph)
        self.heard = self.models[self.graph.indices]
        self.underway = deque(maxlen=self.fault.delay + 1)

    def step(self, learner: Learner, U: FloatArray, y: FloatArray, chance: FloatArray, garbage: FloatArray) -> None:
        """One round, whose row the learner has learned.

        Parameters
        ----------
        learner : Learner
        U, y : (K, M) and (K,) arrays
        chance : (E,) array
            Uniform numbers: messages below the share of lost ones are lost.
        garbage : (K, M) array
        """
        if not np.abs(self.models).max() < _LOST:
            return
        fault = self.fault
        diffusion = fault.rule == "diffusion"
        now = learner.moved(self.models, ALL, U, y) if diffusion else self.models
        sent = now.copy()
        sent[: fault.garbage] = garbage[: fault.garbage]
        came = self._deliver(sent, chance)
        owner = np.repeat(np.arange(len(now)), np.diff(self.graph.indptr))
        heard = np.where(came[:, None], self.heard, 0.0) if fault.missing == "zero" else self.heard
        differences = heard - now[owner]
        weights = self.graph.data * came if fault.missing == "dropped" else self.graph.data
        length = np.sqrt((differences**2).sum(axis=1))
        cap = fault.cap if np.isinf(fault.medians) else min(fault.cap, fault.medians * float(np.median(length)))
        if not diffusion:
            self.models = lean(learner.own, learner.noise, now, differences, weights, self.graph.indptr, cap)
            return
        share = np.minimum(1.0, cap / np.maximum(length, 1e-300))
        edges = csr_array((weights * share, np.arange(len(owner)), self.graph.indptr), shape=(len(now), len(owner)))
        self.models = now + (self.eta * learner.pace)[:, None] * (edges @ differences)

    def _deliver(self, sent: FloatArray, chance: FloatArray) -> BoolArray:
        """Which edges a message came along."""
        self.underway.append(sent)
        if len(self.underway) <= self.fault.delay:
            return np.zeros(len(chance), dtype=bool)
        came: BoolArray = (chance >= self.fault.lost) & (self.graph.indices >= self.fault.dead)
        self.heard[came] = self.underway[0][self.graph.indices[came]]
        return came


def messages(cell: Cell, generator: np.random.Generator) -> Row:
    """Deviation in dB for every fault of the cell's rule, and of lone tasks (``alone``, ``alone, others``)."""
    stream, mu = draw(cell, generator), cell["mu"]
    track = stream.network("track", mu)
    for _ in range(round(_WARM / mu)):
        stream.round((track,))
    own, graph = track.learner, track.adjacency
    eta = diffusion_strength(track.laplacian, float(own.noise.mean()), float(own.power.mean()) / cell["M"])
    stiffness = eta * float(own.pace.mean()) * float(np.linalg.eigvalsh(track.laplacian.toarray())[-1])
    ways, garbage = {}, _GARBAGE * generator.normal(size=stream.W.shape)
    for name, fault in FAULTS[cell["rule"]].items():
        coupling = fault.stiffness / stiffness if fault.stiffness else fault.coupling
        ways[name] = Messages(replace(fault, coupling=coupling), graph, eta, track.served.copy())
    alone: dict[str, list[float]] = {"alone": [], "alone, others": []}
    for turn in range(round((_SETTLING + _TAIL) / mu)):
        U, y = stream.round((track,))
        chance = generator.random(len(graph.data))
        for way in ways.values():
            way.step(own, U, y, chance, garbage)
        if turn >= round(_SETTLING / mu) and turn % _EVERY == 0:
            for way in ways.values():
                way.deviations.append(stream.deviation(way.models, slice(way.fault.aside, None)))
            for name, aside in (("alone", 0), ("alone, others", _ASIDE)):
                alone[name].append(stream.deviation(own.own, slice(aside, None)))
    found = {name: way.deviations for name, way in ways.items()}
    return {"stiffness": stiffness, **{name: decibel(each) for name, each in (alone | found).items()}}


def noise(cell: Cell, generator: np.random.Generator) -> Row:
    """Deviation in dB, and relative error of the graph, with residuals clipped and as they are (``..., plain``)."""
    stream, mu = draw(cell, generator), cell["mu"]
    track, diffusion = (stream.network(mode, mu) for mode in ("track", "diffusion"))
    plain = stream.network("diffusion", mu, Unclipped)
    found = _settled(
        stream,
        mu,
        {"alone": track, "track": track, "diffusion": diffusion, "alone, plain": plain, "diffusion, plain": plain},
    )
    for name, network in (("error", track), ("error, plain", plain)):
        found[name] = float(np.linalg.norm(network.laplacian.toarray() - stream.L) / np.linalg.norm(stream.L))
    return found


def drift(cell: Cell, generator: np.random.Generator) -> Row:
    """Deviation in dB of lone tasks and with the graph estimated anew, and once (``..., once``) after ``4 / mu``."""
    stream, mu = draw(cell, generator), cell["mu"]
    track, diffusion = (stream.network(mode, mu) for mode in ("track", "diffusion"))
    for _ in range(round(4.0 / mu)):
        stream.round((track, diffusion))
    own, L, eta, models = track.learner, track.laplacian, diffusion.eta, diffusion.served.copy()
    found: dict[str, list[float]] = {
        name: [] for name in ("alone", "track", "diffusion", "diffusion, once", "filter, once")
    }
    for turn in range(round((_WARM + _TAIL) / mu)):
        U, y = stream.round((track, diffusion))
        models = combine(own.moved(models, ALL, U, y), own.pace, eta, L)
        if turn >= round(_WARM / mu) and turn % _EVERY == 0:
            smooth = filtered(own.own, own.noise, L)
            for name, each in zip(found, (own.own, track.models, diffusion.models, models, smooth), strict=True):
                found[name].append(stream.deviation(each))
    return {name: decibel(each) for name, each in found.items()}


def priors(cell: Cell, generator: np.random.Generator) -> Row:
    """Deviation in dB of lone tasks, tracker and diffusion."""
    stream, mu = draw(cell, generator), cell["mu"]
    track, diffusion = (stream.network(mode, mu) for mode in ("track", "diffusion"))
    return _settled(stream, mu, {"alone": track, "track": track, "diffusion": diffusion})


def _settled(stream: Stream, mu: float, networks: Mapping[str, Network]) -> Row:
    """Deviations in dB of what networks serve, and of what they have learned alone where the name says so."""
    found: dict[str, list[float]] = {name: [] for name in networks}
    several = dict.fromkeys(networks.values())
    for turn in range(round((_WARM + _TAIL) / mu)):
        stream.round(several)
        if turn >= round(_WARM / mu) and turn % _EVERY == 0:
            for name, network in networks.items():
                models = network.learner.own if name.startswith("alone") else network.models
                found[name].append(stream.deviation(models))
    return {name: decibel(each) for name, each in found.items()}


MEASUREMENTS: Measurements = {"messages": messages, "noise": noise, "drift": drift, "priors": priors}
