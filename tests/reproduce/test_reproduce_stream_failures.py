"""Failing streams reproduced: messages fail as described, judgement follows the numbers."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kinfolk.graph.likelihood import degree_laplacian
from kinfolk.graph.streaming.served import combine, filtered, lean
from kinfolk.reproduce import stream_failures as part
from kinfolk.reproduce import stream_tasks as tasks
from kinfolk.reproduce import task_graph as paper
from kinfolk.reproduce.stream_failures import FAULTS, Fault, Messages
from kinfolk.reproduce.stream_failures_judgement import CHANGES, DRIFT, FILTER, LEVELS, NOISE
from kinfolk.reproduce.task_graph_figures import draw
from kinfolk.reproduce.task_graph_judgement import judge

CELL = {"kind": "rgg", "K": 12, "M": 4, "mu": 0.1, "scale": 0.1}
MINIATURE = {
    "messages": ([CELL | {"rule": rule, "drift": q} for rule, q in (("diffusion", 0.0), ("filter", 1e-3))], 1),
    "noise": ([CELL | {"noise": noise} for noise in ("student", "outliers")], 1),
    "drift": ([CELL | {"drift": 1e-2}], 1),
    "priors": ([CELL | {"kind": kind} for kind in ("unrelated", "clusters", "signs")], 1),
}


def failed(measured):
    return [claim.name for claim in judge(measured) if not claim.passed]


def alone(rounds=80):
    """A stream, and a network of lone tasks that have learned from it."""
    stream = tasks.draw(CELL, np.random.default_rng(0))
    lone = stream.network("independent", 0.1)
    for _ in range(rounds):
        stream.round((lone,))
    return stream, lone


def sent(fault, eta=0.01, rounds=1, chance=1.0):
    """Messages after some rounds, the learner, and what the models were before the last."""
    stream, lone = alone()
    way = Messages(fault, stream.adjacency, eta, lone.learner.own.copy())
    garbage = np.full(stream.W.shape, 7.0)
    for _ in range(rounds):
        before = way.models.copy()
        U, y = stream.round((lone,))
        way.step(lone.learner, U, y, np.full(len(way.heard), chance), garbage)
    return way, lone.learner, before, (U, y)


# --- messages


def test_without_fault_the_steps_are_those_of_the_library():
    way, own, before, _ = sent(Fault("filter"), rounds=3)
    stream = tasks.draw(CELL, np.random.default_rng(0))
    A = stream.adjacency
    differences = before[A.indices] - np.repeat(before, np.diff(A.indptr), axis=0)
    assert_allclose(way.models, lean(own.own, own.noise, before, differences, A.data, A.indptr))
    way, own, before, (U, y) = sent(Fault("diffusion"), rounds=3)
    psi = own.moved(before, slice(None), U, y)
    assert_allclose(way.models, combine(psi, own.pace, 0.01, degree_laplacian(A)))


def test_the_filter_comes_to_the_posterior_mean_whatever_is_lost_or_late():
    stream, lone = alone()
    way = Messages(Fault("filter", 0.5, delay=3, coupling=30.0), stream.adjacency, 0.0, lone.learner.own.copy())
    rng, nothing = np.random.default_rng(1), np.zeros(12)
    for _ in range(1500):
        way.step(lone.learner, np.zeros((12, 4)), nothing, rng.random(len(way.heard)), np.zeros((12, 4)))
    exact = filtered(lone.learner.own, lone.learner.noise, 30.0 * stream.laplacian)
    assert_allclose(way.models, exact, atol=1e-3)


def test_lost_messages_are_dropped_replaced_or_zero():
    arrived, own, before, (U, y) = sent(Fault("diffusion"))
    assert_array_equal(arrived.heard, own.moved(before, slice(None), U, y)[arrived.graph.indices])
    dropped, own, before, (U, y) = sent(Fault("diffusion", 0.5, "dropped"), chance=0.4)
    psi = own.moved(before, slice(None), U, y)
    assert_allclose(dropped.models, psi)  # nobody is left to lean on
    stale, *_ = sent(Fault("diffusion", 0.5, "stale"), chance=0.4)
    assert_array_equal(stale.heard, before[stale.graph.indices])
    zero, *_ = sent(Fault("diffusion", 0.5, "zero"), chance=0.4)
    degree = np.asarray(zero.graph.sum(axis=1)).ravel()
    assert_allclose(zero.models, (1.0 - 0.01 * own.pace * degree)[:, None] * psi)


def test_delays_the_dead_and_garbage():
    late, _, before, _ = sent(Fault("filter", delay=2), rounds=2)
    assert not np.isin(late.heard, before).any()  # what was known at first
    late, _, before, _ = sent(Fault("filter", delay=1), rounds=2)
    first, _, _, _ = sent(Fault("filter", delay=5), rounds=1)
    assert_array_equal(late.heard, first.heard)  # the models of the first round, which had been heard
    dead, _, before, _ = sent(Fault("filter", dead=2), rounds=4)
    living = dead.graph.indices >= 2
    assert_array_equal(dead.heard[living], before[dead.graph.indices[living]])
    assert not np.isin(dead.heard[~living], before).any()
    wild, _, before, _ = sent(Fault("diffusion", garbage=1))
    assert_array_equal(wild.heard[wild.graph.indices == 0], 7.0)
    assert_array_equal(wild.heard[wild.graph.indices == 5].max() < 2.0, True)


def test_a_cap_holds_garbage_back_and_a_run_away_stays_where_it_is():
    ways = ({"garbage": 1}, {"garbage": 1, "cap": 2.0}, {})
    wild, capped, clean = (sent(Fault("diffusion", **how), eta=0.1)[0] for how in ways)
    assert np.abs(capped.models - clean.models).max() < 0.3 * np.abs(wild.models - clean.models).max()
    medians = sent(Fault("filter", garbage=1, medians=5.0), rounds=3)[0]
    assert np.abs(medians.models).max() < 2.0
    away, _, before, _ = sent(Fault("diffusion", coupling=1e4), rounds=40)
    assert part._LOST < np.abs(away.models).max() < np.inf
    assert_array_equal(away.models, before)


def test_plain_learners_take_every_residual_as_it_is():
    stream = tasks.draw(CELL, np.random.default_rng(0))
    clipped, plain = (stream.network("independent", 0.1, kind) for kind in (tasks.Learner, tasks.Unclipped))
    for _ in range(100):
        stream.round((clipped, plain))
    U, y = stream.rows()
    reach = [network.learner.clipped(network.learner.own, slice(None), U, y + 1e3) for network in (clipped, plain)]
    assert np.abs(reach[0]).max() < 20.0
    assert np.abs(reach[1]).min() > 900.0
    for _ in range(50):
        stream.W = stream.W + 1.0
        assert not len(plain.learner.learn(slice(None), *stream.rows()))


@pytest.mark.parametrize("kind", ["clusters", "signs", "unrelated"])
def test_tasks_of_no_graph_are_as_described(kind):
    stream = tasks.draw(CELL | {"kind": kind, "M": 3000}, np.random.default_rng(0))
    S = stream.W @ stream.W.T / 3000 / 0.1
    expected = {
        "clusters": np.kron(np.eye(3), np.ones((4, 4))),
        "signs": np.outer(*[np.repeat([1.0, -1.0], 6)] * 2),
        "unrelated": np.eye(12),
    }
    assert_allclose(S, expected[kind], atol=0.15)
    assert not stream.L.any()


def test_a_common_level_leaves_the_graph_as_it_is():
    stream = tasks.draw(CELL | {"M": 2000, "common": 5.0}, np.random.default_rng(0))
    mean = stream.W.mean(axis=0)
    assert_allclose(mean.var(), 5.0, rtol=0.1)
    assert_allclose((stream.W - mean) @ (stream.W - mean).T / 2000, np.linalg.pinv(stream.L), atol=0.04)


# --- the measurements


def test_the_same_seed_gives_the_same_numbers_and_figures_are_drawn(tmp_path):
    first = paper.measure(MINIATURE, seed=3)
    assert first["messages"] == paper.measure({"messages": MINIATURE["messages"]}, seed=3)["messages"]
    assert len(judge(json.loads(json.dumps(first, allow_nan=False)))) > 60
    assert sorted(path.stem for path in draw(first, tmp_path)) == sorted(MINIATURE)


def test_what_was_measured_elsewhere_is_measured_here():
    assert set(CHANGES) <= set(FAULTS["diffusion"])
    assert set(FILTER) <= set(FAULTS["filter"])
    assert {cell["drift"] for cell in part.FULL["drift"][0]} == set(DRIFT)
    assert {cell["noise"] for cell in part.FULL["noise"][0]} == set(NOISE)


# --- the judgement


def fault_rows(rule, **changes):
    usual = dict.fromkeys(FAULTS[rule], LEVELS[rule]) | {"alone": -18.86, "alone, others": -18.86}
    if rule == "diffusion":
        usual |= {name: LEVELS[rule] + by for name, by in CHANGES.items()}
        usual |= {"1 sends garbage": -14.8, "mu eta lambda_max = 2.3": 99.0, "mu eta lambda_max = 11.5": 99.0}
    else:
        usual |= FILTER | {"1 sends garbage": -18.0}
    return [CELL | {"rule": rule, "drift": 0.0} | usual | changes]


def test_faults_like_the_second_implementations_pass_and_others_are_named():
    assert failed({"messages": fault_rows("diffusion")}) == []
    assert failed({"messages": fault_rows("filter")}) == []
    harmless = fault_rows("diffusion", **{"60% lost, zero": -21.0, "mu eta lambda_max = 2.3": -17.0})
    assert failed({"messages": harmless}) == [
        "diffusion, 60% lost: zeros - dropped, dB",
        "explicit diffusion, mu eta lambda_max = 2.3, diverges: dB",
    ]
    unsteady = fault_rows("filter", **{"50% lost, 20 rounds late": -21.9, "1 sends garbage, kinfolk's cap": -20.0})
    assert failed({"messages": unsteady}) == [
        "filter, 50% lost, 20 rounds late: dB from no fault",
        "filter, 1 sends garbage, kinfolk's cap: dB from no fault",
    ]
    moving = fault_rows("filter", **{"drift": 1e-3, "50% lost, 20 rounds late": -20.9, "no fault": -21.5})
    assert failed({"messages": moving}) == ["filter, drift 0.001, 50% lost, 20 rounds late: dB from no fault"]


def test_a_clip_that_does_nothing_is_named():
    row = CELL | {"noise": "outliers", "diffusion, plain": -11.2, "track": -22.0} | NOISE["outliers"]
    assert failed({"noise": [row]}) == []
    assert len(failed({"noise": [row | {"alone": -6.0, "diffusion": -11.3}]})) == 4


def test_a_graph_that_cannot_follow_and_one_that_harms_are_named():
    row = CELL | {"drift": 1e-2, "diffusion, once": -15.8} | DRIFT[1e-2]
    assert failed({"drift": [row]}) == []
    assert len(failed({"drift": [row | {"diffusion, once": -17.2, "track": -16.6}]})) == 3
    unrelated = CELL | {"kind": "unrelated", "alone": -19.0, "track": -19.2, "diffusion": -18.95}
    assert failed({"priors": [unrelated]}) == []
    assert failed({"priors": [unrelated | {"track": -18.8}]}) == [
        "unrelated tasks of variance 0.1: tracker - alone, dB"
    ]
    clusters = CELL | {"kind": "clusters", "alone": -19.0, "track": -26.2, "diffusion": -25.5}
    assert failed({"priors": [clusters]}) == []
    assert len(failed({"priors": [clusters | {"track": -20.0, "diffusion": -20.0}]})) == 3
