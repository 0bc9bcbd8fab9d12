"""One agent: its row of the graph, its step, and what it makes of what it hears."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from streams import hear, means, model, ready

from kinfolk import InputError
from kinfolk.agents import Agent, Heard, converse
from kinfolk.agents.message import ABSURD, FEATURES, FINITE, MALFORMED, SPEAKER, Model, decode
from kinfolk.agents.synthetic import make_field
from kinfolk.graph import estimate_laplacian


def test_the_row_of_an_agent_needs_its_neighbours_only():
    field = make_field(10, 2, seed=1)
    A = field.adjacency
    covariance = np.linalg.pinv(np.diag(A.sum(axis=1)) - A)
    for k in range(10):
        block = [k, *field.neighbors(k)]
        S = covariance[np.ix_(block, block)]
        r = np.diag(S)[:, None] + np.diag(S) - 2.0 * S
        found = estimate_laplacian(r, mask="all", shrinkage=0.0, tol=1e-9).adjacency.toarray()
        assert_allclose(found[0, 1:], A[k, block[1:]], rtol=1e-5)


def test_a_step_is_the_posterior_mean_given_the_neighbours():
    agent = ready(weights={1: 3.0, 2: 5.0})
    a, b = np.array([0.9, 1.2]), np.array([1.1, 0.8])
    hear(agent, model(1, a), model(2, b))
    w, s = agent.learner.own[0], float(agent.learner.noise[0])
    assert_allclose(agent.model, (w + s * (3.0 * a + 5.0 * b)) / (1.0 + 8.0 * s), rtol=1e-6)
    assert agent.coupling == pytest.approx(8.0 * s)


def test_the_silent_are_left_out_with_their_degree():
    agent = ready(weights={1: 3.0, 2: 5.0})
    a, b = np.array([0.9, 1.2]), np.array([1.1, 0.8])
    hear(agent, model(1, a), model(2, b))
    w, s = agent.learner.own[0], float(agent.learner.noise[0])
    hear(agent, model(1, a, time=0.9), time=0.9)  # agent 2 is old: its model is used again
    assert_allclose(agent.model, (w + s * (3.0 * a + 5.0 * b)) / (1.0 + 8.0 * s), rtol=1e-6)
    hear(agent, time=1.1)
    assert [other.agent for other in agent.neighbors] == [1]
    assert_allclose(agent.model, (w + s * 3.0 * a) / (1.0 + 3.0 * s), rtol=1e-6)
    hear(agent, time=9.0)
    assert_array_equal(agent.model, w)
    hear(agent, model(2, b, time=-100.0), time=9.0)  # back, with another clock, and used at once
    assert_allclose(agent.model, (w + s * 5.0 * b) / (1.0 + 5.0 * s), rtol=1e-6)


def test_silence_is_ten_rounds_where_rounds_are_long():
    assert Agent.start(0, [1], 2, period=3.0).timeout == 30.0
    assert Agent.start(0, [1], 2, period=0.001).timeout == 1.0


def test_the_newest_is_used_whatever_order_it_comes_in():
    agent = ready(weights={1: 3.0, 2: 5.0})
    hear(
        agent, model(1, [0.5, 0.5], time=0.2), model(1, [0.7, 0.7], time=0.3), model(1, [0.1, 0.1], time=0.1), time=0.3
    )
    assert_allclose(agent.candidates[1].model, 0.7, rtol=1e-6)


def test_one_astray_counts_as_five_medians():
    agent = ready(candidates=(1, 2, 3), weights={1: 1.0, 2: 1.0, 3: 1.0})
    served, w, s = agent.model.copy(), agent.learner.own[0], float(agent.learner.noise[0])
    d = np.array([0.1, 0.0])
    hear(agent, model(1, served + d), model(2, served - d), model(3, served + 90.0 * d))
    assert_allclose(agent.model - served, (w - served + s * 5.0 * d) / (1.0 + 3.0 * s), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        ((1, b"x" * 28), MALFORMED),
        ((1, model(2, [1.0, 1.0])[1]), SPEAKER),
        (model(1, [1.0, 1.0, 1.0]), FEATURES),
        (model(1, [np.nan, 1.0]), FINITE),
        (model(1, [1e6, 1.0]), ABSURD),
        (model(1, [1.0, 1.0], time=1e9), ABSURD),
        (means(1, [1.0, 1e9]), ABSURD),
        (means(1, [1.0, 1.0], noise=1e30), ABSURD),
    ],
)
def test_bad_messages_are_counted_logged_once_and_ignored(packet, reason, caplog):
    agent, twin = ready(), ready()
    with caplog.at_level(logging.WARNING, "kinfolk.agents"):
        for _ in range(3):
            hear(agent, packet)
            hear(twin)
    assert dict(agent.candidates[1].bad) == {reason: 3}
    assert [record.getMessage() for record in caplog.records] == [
        f"Agent 0 ignores a message from agent 1: {reason}. More of these are only counted."
    ]
    assert_array_equal(agent.model, twin.model)
    assert not agent.neighbors


@given(st.integers(0, 2**32), st.floats(-12.0, 2.5), st.sampled_from(["same", "apart", "own", "zero"]), st.booleans())
def test_whatever_is_told_the_graph_and_the_model_stay_finite(seed, power, kind, noisy):
    agent = ready(candidates=(1, 2, 3), rows=80, step=0.5)
    generator = np.random.default_rng(seed)
    told = {
        "same": np.ones((3, 2)),
        "apart": generator.normal(size=(3, 2)),
        "own": np.repeat(agent.learner.mean, 3, axis=0),
        "zero": np.zeros((3, 2)),
    }[kind]
    if kind != "own":
        told = told * 10.0**power
    noise = 10.0**power if noisy else 0.0
    weights = {0: 10.0 ** generator.uniform(-30, 38)}
    for _ in range(2):
        lines = [(model(k, told[k - 1]), means(k, told[k - 1], noise, weights)) for k in (1, 2, 3)]
        agent.live(Heard(0.0, [packet for line in lines for packet in line], np.ones((1, 2)), np.ones(1)))
    assert agent.n_estimates > 0 or any(other.bad for other in agent.candidates.values())
    assert np.isfinite(list(agent.weights.values())).all()
    assert min(agent.weights.values()) >= 0.0
    assert np.isfinite(agent.model).all()


def test_strangers_are_ignored(caplog):
    agent = ready()
    hear(agent, model(9, [1.0, 1.0]), model(9, [1.0, 1.0]))
    assert [record.getMessage() for record in caplog.records] == [
        "Agent 0 ignores agent 9, which is none of its candidates."
    ]


def test_without_rows_of_its_own_an_agent_believes_nobody():
    agent = Agent.start(0, [1], 2, weights={1: 1.0})
    hear(agent, model(1, [1.0, 1.0]))
    assert_array_equal(agent.model, 0.0)
    assert not agent.candidates[1].bad


def test_both_ends_average_and_no_end_alone_makes_an_edge():
    agent = ready()
    agent.candidates[1].here, agent.candidates[2].here = 2.0, 0.0
    hear(agent, means(1, [1.0, 1.0], weights={0: 4.0}), means(2, [1.0, 1.0], weights={0: 1e6}))
    assert agent.weights == {1: 3.0, 2: 0.0}
    hear(agent, means(1, [1.0, 1.0], weights={0: 1e6}))
    assert agent.weights[1] == 0.5 * (2.0 + 5.0 * 2.0)


def test_the_intercept_leans_on_nobody_and_is_told_to_nobody():
    agent = ready(intercept=True, weights={1: 1.0, 2: 1e9})
    (packet,) = hear(agent, model(2, [3.0, 3.0]))
    assert agent.served[0, 0] == agent.learner.own[0, 0]
    assert_allclose(agent.model[1:], 3.0, rtol=0.01)
    assert_allclose(decode(packet, 2).values, agent.model[1:], rtol=1e-6)


def test_an_agent_is_a_generator():
    agent = Agent.start(4, [1], 2)
    life = converse(agent)
    assert next(life) == []
    (packet,) = life.send(Heard(5.0, [], np.ones((1, 2)), np.ones(1)))
    said = decode(packet, 2)
    assert isinstance(said, Model)
    assert (said.agent, said.round, said.time) == (4, 1, 5.0)


def test_an_agent_that_is_its_own_neighbour():
    with pytest.raises(InputError, match="cannot lean on itself"):
        Agent.start(1, [1, 2], 2)
    with pytest.raises(InputError, match="weights of all neighbors"):
        Agent.start(1, [0, 2], 2, weights={0: 1.0})
