"""Agents in lock-step: as good as a centre, whatever is lost, late, dead or garbage."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from streams import STEP, K, M, db, deviations, field, start

from kinfolk import InputError
from kinfolk.agents import Faults, SyntheticSource, make_field
from kinfolk.agents.local import GARBAGE
from kinfolk.agents.message import ABSURD, FINITE, MALFORMED, SIZE
from kinfolk.agents.simulation import simulate
from kinfolk.graph.streaming.learner import Learner
from kinfolk.graph.streaming.served import track

ROUNDS = 400
BAD = [2, 5]
SOUND = [k for k in range(K) if k not in BAD]


@functools.cache
def clean():
    return deviations(field(), start(field()), ROUNDS)


@functools.cache
def silent():
    return deviations(field(), start(field()), ROUNDS, faults=Faults(dead=dict.fromkeys(BAD, 0)))


def msd(found, who=slice(None)):
    """Decibels alone and served, over the second half."""
    return db(found[ROUNDS // 2 :, who].mean(axis=(0, 1)))


def test_with_the_same_graph_agents_serve_what_the_central_tracker_serves():
    drawn = field()
    weights = [{other: float(drawn.adjacency[k, other]) for other in drawn.neighbors(k)} for k in range(K)]
    agents = start(drawn, weights=weights)
    deviations(drawn, agents, 300)
    sources = [SyntheticSource(drawn, k) for k in range(K)]
    learner, served = Learner.start(np.zeros((K, M)), loss="squared", step=STEP), np.zeros((K, M))
    graph = csr_array(drawn.adjacency)
    for turn in range(300):
        rows = [source.row(turn) for source in sources]
        learner.learn(slice(None), np.array([u for u, _ in rows]), np.array([y for _, y in rows]))
        served = track(learner.own, learner.noise, served, graph, slice(None))
    assert_allclose(np.concatenate([agent.learner.own for agent in agents]), learner.own, rtol=1e-12)
    assert_allclose([agent.model for agent in agents], served, atol=1e-5)


def test_agents_gain_by_leaning_and_learn_their_graph_as_a_centre_does():
    found = simulate(n_agents=K, n_features=M, n_rounds=ROUNDS, step=STEP, seed=3, variance=0.04)
    assert found.agents < found.alone - 1.5
    assert found.agents < found.central + 0.3
    assert not found.bad
    alone, served = msd(clean())
    assert served < alone - 1.5


def test_the_same_seed_gives_the_same_bits():
    faults = Faults(drop=0.3, delay=2, noise=0.01, garbage={2: "bytes"})
    first, again = (deviations(field(), start(field()), 100, faults=faults, seed=5) for _ in range(2))
    assert_array_equal(first, again)


@pytest.mark.parametrize("faults", [Faults(drop=0.5, delay=20), Faults(drop=0.9), Faults(delay=60)])
def test_lost_and_late_messages_cost_less_than_half_a_decibel(faults):
    found = deviations(field(), start(field()), ROUNDS, faults=faults)
    assert msd(found)[1] < msd(clean())[1] + 0.5
    assert_array_equal(found[..., 0], clean()[..., 0])  # nobody touches what they learn alone


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_moves_nobody_and_is_counted(kind):
    agents = start(field())
    found = deviations(field(), agents, ROUNDS, faults=Faults(garbage=dict.fromkeys(BAD, kind)))
    assert msd(found, SOUND)[1] < msd(silent(), SOUND)[1] + 0.5
    alone, served = db(found[ROUNDS // 2 :, SOUND].mean(axis=0)).T
    assert (served < alone + 0.1).all()
    reason = {"absurd": ABSURD, "nan": FINITE, "bytes": MALFORMED, "size": SIZE}.get(kind)
    for agent in (agents[k] for k in SOUND):
        for other in agent.candidates.values():
            counted = other.bad if other.agent in BAD and reason else {}
            assert dict(other.bad) == dict(counted)
            if counted:
                assert other.bad[reason] > 0.9 * ROUNDS


def test_an_agent_most_of_whose_neighbours_lie_is_as_it_is_alone():
    liars = [4, 6]
    fooled = [k for k in range(K) if k not in liars and len(set(field().neighbors(k)) - set(liars)) == 1]
    assert fooled
    found = deviations(field(), start(field()), ROUNDS, faults=Faults(garbage=dict.fromkeys(liars, "liar")))
    alone, served = db(found[ROUNDS // 2 :, fooled].mean(axis=0)).T
    assert (served < alone + 0.1).all()


def test_the_dead_are_left_out_and_the_others_go_on():
    agents = start(field())
    found = deviations(field(), agents, ROUNDS, faults=Faults(dead=dict.fromkeys(BAD, ROUNDS // 4)))
    assert {other.agent for k in SOUND for other in agents[k].neighbors}.isdisjoint(BAD)
    assert all(agents[k].round == ROUNDS for k in SOUND)
    assert all(agents[k].coupling > 0.0 for k in SOUND if set(agents[k].candidates) - set(BAD))
    assert msd(found, SOUND)[1] < msd(found, SOUND)[0] - 0.5


def test_noise_on_the_way_makes_nobody_worse_than_alone():
    alone, served = msd(deviations(field(), start(field()), ROUNDS, faults=Faults(noise=0.1)))
    assert served < alone - 0.5


def test_classes():
    drawn = make_field(K, M, seed=3, variance=0.05, loss="logistic")
    found = deviations(drawn, start(drawn, step=0.2, loss="logistic"), 900)
    alone, served = db(found[450:].mean(axis=(0, 1)))
    assert served < alone - 1.0


def test_unrelated_agents_are_left_as_they_are():
    drawn = make_field(K, M, seed=3, variance=20.0)
    alone, served = msd(deviations(drawn, start(drawn), ROUNDS))
    assert served < alone + 0.1


@pytest.mark.parametrize("wrong", [{"drop": 1.0}, {"delay": -1}, {"noise": -1.0}, {"garbage": {1: "junk"}}])
def test_faults_that_are_none(wrong):
    with pytest.raises(InputError):
        Faults(**wrong)


def test_faults_of_agents_that_are_not_there():
    with pytest.raises(InputError, match=r"not there: \[77\]"):
        deviations(field(), start(field()), 1, faults=Faults(dead={77: 0}))


@pytest.mark.parametrize(
    "wrong", [{"n_rounds": 0}, {"degree": 0}, {"n_dead": -1}, {"n_garbage": 8}, {"step": 2.0}, {"n_agents": 1}]
)
def test_simulations_that_cannot_be(wrong):
    with pytest.raises(InputError):
        simulate(**wrong)
