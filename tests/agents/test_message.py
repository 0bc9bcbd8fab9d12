"""Messages: what was said is read, and whatever else comes is refused with its reason."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from kinfolk import InputError
from kinfolk.agents.message import (
    FEATURES,
    FINITE,
    MALFORMED,
    SIZE,
    BadMessage,
    Means,
    Model,
    check_features,
    decode,
    largest_packet,
)

MODEL = Model(7, 12, 1.5, np.array([1.0, -2.0, 0.25]))
MEANS = Means(7, 12, 1.5, np.array([1.0, -2.0, 0.25]), 0.5, {3: 0.75, 2**31 - 1: 0.0})


@pytest.mark.parametrize("message", [MODEL, MEANS])
def test_what_was_said_is_read(message):
    found = decode(message.encode(), 3)
    assert type(found) is type(message)
    assert_array_equal(found.values, message.values)
    rest = ["agent", "round", "time"] + (["noise", "weights"] if message is MEANS else [])
    assert [getattr(found, name) for name in rest] == [getattr(message, name) for name in rest]


def test_a_model_is_twenty_bytes_and_four_a_coefficient():
    assert len(MODEL.encode()) == 20 + 4 * 3
    assert len(MEANS.encode()) == largest_packet(3, 2)
    assert MODEL.encode()[:1] == b"\xb3"


@given(st.binary(max_size=80))
def test_any_bytes_are_a_message_or_refused(packet):
    with contextlib.suppress(BadMessage):
        assert np.isfinite(decode(packet, 3).values).all()


@given(st.integers(0, 200), st.integers(0, 7), st.sampled_from([MODEL, MEANS]))
def test_a_flipped_bit_is_a_finite_message_or_refused(place, bit, message):
    packet = bytearray(message.encode())
    packet[place % len(packet)] ^= 1 << bit
    try:
        found = decode(bytes(packet), 3)
    except BadMessage:
        return
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.time)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", MALFORMED),
        (b"\x00" * 32, MALFORMED),
        (MODEL.encode()[:-1], SIZE),
        (MODEL.encode() + b"!", SIZE),
        (MEANS.encode()[:-1], SIZE),
        (MEANS.encode()[:33], SIZE),
        (MEANS.encode() + MEANS.encode(), SIZE),
        (Model(7, 0, 0.0, np.ones(4)).encode(), FEATURES),
        (Model(7, 0, 0.0, np.array([1.0, np.nan, 1.0])).encode(), FINITE),
        (Model(7, 0, np.inf, np.ones(3)).encode(), FINITE),
        (Means(7, 0, 0.0, np.ones(3), -1.0).encode(), FINITE),
        (Means(7, 0, 0.0, np.ones(3), 1.0, {3: np.nan}).encode(), FINITE),
    ],
)
def test_reasons(packet, reason):
    with pytest.raises(BadMessage, match=f"^{reason}$"):
        decode(packet, 3)


def test_numbers_beyond_float32_are_its_largest():
    assert np.isfinite(decode(Model(1, 2**40, 0.0, np.full(3, 1e300)).encode(), 3).values).all()


@pytest.mark.parametrize("n", [0, 65_536])
def test_models_that_fit_no_message(n):
    with pytest.raises(InputError, match="between 1 and 65,535"):
        check_features(n)
