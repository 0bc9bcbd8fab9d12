r"""What agents say to each other, as bytes, and what may be believed of bytes that come from outside.

Everything is little-endian. A header of 20 bytes,

===== ====== =====================================
bytes type   meaning
===== ====== =====================================
0     uint8  179: this protocol, version 1
1     uint8  kind: 1 a model, 2 means
2     uint16 M, the number of coefficients
4     int32  agent who speaks
8     int32  its round
12    f64    its clock, seconds
===== ====== =====================================

is followed by M float32: the model that the agent serves (kind 1), or the running mean of what it has learned alone
(kind 2), then float32 the variance of that mean, uint16 the number of its candidates, and for each of these int32 its
number and float32 the weight of the edge as estimated at this end.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError

MOST_FEATURES = 65_535
_VERSION = 179
_MODEL, _MEANS = 1, 2
_HEADER = struct.Struct("<BBHiid")
_NOISE = struct.Struct("<fH")
_EDGE = struct.Struct("<if")
_ROUNDS = 2**31  # round numbers start anew after so many
_LARGEST = float(np.finfo(np.float32).max)

MALFORMED = "it is not a message of this protocol"
SIZE = "its size is not that of its kind"
FEATURES = "it has another number of coefficients"
FINITE = "its numbers are not finite, or negative where they must not be"
SPEAKER = "it names another agent as its sender"
ABSURD = "its numbers are absurd beside what was seen here"


class BadMessage(ValueError):
    """Bytes that are ignored; the text is the reason."""


@dataclass(frozen=True)
class Model:
    """The model that an agent serves.

    Attributes
    ----------
    agent, round : int
    time : float
    values : (M,) array
    """

    agent: int
    round: int
    time: float
    values: FloatArray

    def encode(self) -> bytes:
        """As bytes."""
        return _head(_MODEL, self) + _floats(self.values)


@dataclass(frozen=True)
class Means:
    """What an agent has learned alone, for the graph.

    Attributes
    ----------
    agent, round : int
    time : float
    values : (M,) array
        Running mean of its iterates.
    noise : float
        Variance of a coordinate of them.
    weights : dict of int to float
        Its estimates of the weights of its edges.
    """

    agent: int
    round: int
    time: float
    values: FloatArray
    noise: float
    weights: dict[int, float] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As bytes."""
        edges = b"".join(_EDGE.pack(agent, min(weight, _LARGEST)) for agent, weight in self.weights.items())
        tail = _NOISE.pack(min(self.noise, _LARGEST), len(self.weights)) + edges
        return _head(_MEANS, self) + _floats(self.values) + tail


def decode(packet: bytes, n_features: int) -> Model | Means:
    """Read a message.

    Parameters
    ----------
    packet : bytes
        Anything.
    n_features : int
        M that the receiver has.

    Returns
    -------
    Model or Means
        Finite, noise and weights not negative.

    Raises
    ------
    BadMessage
        The packet is none of this kind.
    """
    if len(packet) < _HEADER.size:
        raise BadMessage(MALFORMED)
    version, kind, M, agent, turn, time = _HEADER.unpack_from(packet)
    if version != _VERSION or kind not in (_MODEL, _MEANS):
        raise BadMessage(MALFORMED)
    end = _HEADER.size + 4 * M
    if len(packet) < end or (kind == _MODEL and len(packet) > end):
        raise BadMessage(SIZE)
    if n_features != M:
        raise BadMessage(FEATURES)
    values = np.frombuffer(packet, dtype="<f4", count=M, offset=_HEADER.size).astype(float)
    if not np.isfinite(time) or not np.isfinite(values).all():
        raise BadMessage(FINITE)
    if kind == _MODEL:
        return Model(agent, turn, time, values)
    noise, weights = _edges(packet, end)
    if not all(np.isfinite(number) and number >= 0.0 for number in (noise, *weights.values())):
        raise BadMessage(FINITE)
    return Means(agent, turn, time, values, noise, weights)


def largest_packet(n_features: int, n_candidates: int) -> int:
    """Bytes of the longest message between agents with up to so many candidates."""
    return _HEADER.size + 4 * n_features + _NOISE.size + _EDGE.size * n_candidates


def check_features(n_features: int) -> None:
    """Refuse models that do not fit into a message.

    Raises
    ------
    InputError
        There are more than 65,535 coefficients, or none.
    """
    if not 1 <= n_features <= MOST_FEATURES:
        raise InputError(f"An agent has between 1 and {MOST_FEATURES:,} coefficients that it shares; got {n_features}.")


def _head(kind: int, message: Model | Means) -> bytes:
    return _HEADER.pack(_VERSION, kind, len(message.values), message.agent, message.round % _ROUNDS, message.time)


def _floats(values: FloatArray) -> bytes:
    return np.clip(values, -_LARGEST, _LARGEST).astype("<f4").tobytes()


def _edges(packet: bytes, begin: int) -> tuple[float, dict[int, float]]:
    if len(packet) < begin + _NOISE.size:
        raise BadMessage(SIZE)
    noise, n = _NOISE.unpack_from(packet, begin)
    begin += _NOISE.size
    if len(packet) != begin + n * _EDGE.size:
        raise BadMessage(SIZE)
    return noise, dict(_EDGE.iter_unpack(packet[begin:]))
