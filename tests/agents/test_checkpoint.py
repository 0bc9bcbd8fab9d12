"""Checkpoints: an agent goes on as if nothing had happened, and damage is refused."""

import json
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from streams import deviations, field, ready, start

from kinfolk import ModelFileError
from kinfolk.agents import Agent, SyntheticSource, run_local
from kinfolk.agents.checkpoint import read_checkpoint, restore, save_checkpoint


def test_an_agent_goes_on_as_if_nothing_had_happened(tmp_path):
    drawn, file = field(), tmp_path / "agent.npz"
    source, whole = SyntheticSource(drawn, 0), Agent.start(0, [1], 6, intercept=True)
    run_local([whole], [source], 150)
    save_checkpoint(whole, file)
    again = Agent.start(0, [1], 6, intercept=True)
    restore(again, file)
    for agent in (whole, again):
        run_local([agent], [source], 50)
    assert again.round == whole.round == 200
    assert_array_equal(again.served, whole.served)
    assert_array_equal(again.learner.mean_noise, whole.learner.mean_noise)
    assert (again.size, again.since, again.untold) == (whole.size, whole.since, whole.untold)


def test_the_edges_are_kept_and_those_of_former_neighbours_are_not(tmp_path):
    agents = start(field())
    deviations(field(), agents, 200)
    agent = max(agents, key=lambda one: len(one.candidates))
    save_checkpoint(agent, tmp_path / "a.npz")
    fewer = list(agent.candidates)[1:]
    again = Agent.start(agent.id, fewer, 6)
    restore(again, tmp_path / "a.npz")
    assert again.weights == {other: agent.weights[other] for other in fewer}
    assert any(other.there is not None for other in again.candidates.values())
    assert not again.neighbors  # nobody has been heard yet
    given = Agent.start(agent.id, fewer, 6, weights=dict.fromkeys(fewer, 9.0))
    restore(given, tmp_path / "a.npz")
    assert given.weights == dict.fromkeys(fewer, 9.0)


def test_no_row_is_in_it(tmp_path):
    save_checkpoint(ready(), tmp_path / "a.npz")
    _, arrays = read_checkpoint(tmp_path / "a.npz")
    assert max(array.size for array in arrays.values()) == 2  # M


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Agent.start(1, [2], 2), "agent 0, the configuration of 1"),
        (Agent.start(0, [1], 2, loss="logistic"), "loss 'squared'"),
        (Agent.start(0, [1], 1, intercept=True), "intercepts 0"),
        (Agent.start(0, [1], 3), "features added or left out"),
    ],
)
def test_the_checkpoint_of_another_agent(other, message, tmp_path):
    save_checkpoint(ready(), tmp_path / "a.npz")
    with pytest.raises(ModelFileError, match=message):
        restore(other, tmp_path / "a.npz")
    assert other.round == 0


def test_damage_is_refused_and_changes_nothing(tmp_path):
    file = tmp_path / "a.npz"
    save_checkpoint(ready(), file)
    whole = file.read_bytes()
    agent = Agent.start(0, [1, 2], 2)
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(ModelFileError):
            restore(agent, file)
    for place in range(0, len(whole), 97):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        again = Agent.start(0, [1, 2], 2)
        try:
            restore(again, file)  # a bit of padding or of a date may be anything
        except ModelFileError:
            assert again.round == 0
    with pytest.raises(ModelFileError):
        restore(agent, tmp_path / "nothing.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"edges": [[1, -1.0, None]]},
        {"edges": [[1]]},
        {"edges": 3},
        {"round": "many"},
        {"size": float("nan")},
        {"format": 99},
        {"level": None},
    ],
)
def test_descriptions_that_are_none(change, tmp_path):
    file = tmp_path / "a.npz"
    save_checkpoint(ready(), file)
    description, arrays = read_checkpoint(file)
    text = np.frombuffer(json.dumps(description | change).encode(), dtype=np.uint8)
    np.savez(file, description=text, **arrays)
    agent = Agent.start(0, [1, 2], 2)
    with pytest.raises(ModelFileError):
        restore(agent, file)
    assert agent.round == 0
    np.savez(file, description=text, **(arrays | {"own": np.full((1, 2), np.nan)}))
    with pytest.raises(ModelFileError):
        restore(agent, file)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("loading a checkpoint ran code",))


def test_loading_runs_no_code(tmp_path):
    file = tmp_path / "a.npz"
    save_checkpoint(ready(), file)
    description, arrays = read_checkpoint(file)
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    np.savez(file, description=text, **(arrays | {"own": np.array([Bomb()], dtype=object)}), allow_pickle=True)
    with pytest.raises(ModelFileError):
        restore(ready(), file)
    file.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelFileError):
        restore(ready(), file)
