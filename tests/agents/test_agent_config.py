"""Configurations: every message names the file, the key, what was found and what was expected."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from kinfolk import InputError
from kinfolk.agents.config import is_local, read_config
from kinfolk.agents.source import read_source, start_agent

GOOD = """
[agent]
id = 1
bind = "tcp://127.0.0.1:5551"
period = 0.5
step = 0.1
loss = "squared"
checkpoint = "one.npz"
every = 2.0

[data]
table = "meter.csv"
target = "load"
features = ["warmth", "hour"]

[[neighbor]]
id = 2
address = "tcp://127.0.0.1:5552"

[[neighbor]]
id = 3
address = "tcp://localhost:5553"
"""
KEY = "A" * 40


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "agent.toml"
        path.write_text(text)
        return path

    frame = pd.DataFrame({"warmth": [1.0, 2.0, 3.0], "hour": [0, 12, 24], "load": [0, 1, 1], "town": ["a", "b", "c"]})
    frame.to_csv(tmp_path / "meter.csv", index=False)
    return write


def test_a_configuration(written, tmp_path):
    config = read_config(written(GOOD))
    assert (config.id, config.period, config.step, config.every) == (1, 0.5, 0.1, 2.0)
    assert config.checkpoint == tmp_path / "one.npz"
    assert [(other.id, other.weight, other.public_key) for other in config.neighbors] == [
        (2, None, None),
        (3, None, None),
    ]
    source = read_source(config.data, agent=1, loss="squared")
    agent = start_agent(config, source)
    assert (agent.id, agent.first, list(agent.candidates), agent.given, agent.timeout) == (1, 1, [2, 3], False, 5.0)
    assert agent.served.shape == (1, 3)


def test_rows_in_their_order_in_common_units(written):
    config = read_config(written(GOOD.replace("[data]", "[data]\ncenter = [2.0, 12.0]\nscale = [1.0, 24.0]")))
    source = read_source(config.data, agent=1, loss="squared")
    u, y = source.row(0)
    assert_allclose(u, [-1.0, -0.5])
    assert y == 0.0
    assert source.row(3) is None
    looped = read_source(
        read_config(written(GOOD.replace("[data]", "[data]\nloop = true"))).data, agent=1, loss="logistic"
    )
    assert_allclose(looped.row(4)[0], looped.row(1)[0])


def test_a_parquet_table(written, tmp_path):
    pd.read_csv(tmp_path / "meter.csv").to_parquet(tmp_path / "meter.parquet")
    config = read_config(written(GOOD.replace("meter.csv", "meter.parquet")))
    assert_allclose(read_source(config.data, agent=1, loss="squared").row(2)[0], [3.0, 24.0])


def test_a_synthetic_stream_is_the_same_for_all(written):
    text = GOOD.split("[data]")[0] + "[data.synthetic]\nagents = 4\nfeatures = 5\nseed = 7\n"
    first, again = (read_source(read_config(written(text)).data, agent=k, loss="squared") for k in (1, 1))
    for position in (0, 1, 200, 3):
        assert_allclose(first.row(position)[0], again.row(position)[0], rtol=0)
        assert first.row(position)[1] == again.row(position)[1]
    assert np.abs(first.truth - read_source(read_config(written(text)).data, agent=2, loss="squared").truth).max() > 0
    with pytest.raises(InputError, match="agents 0 to 3; there is no agent 9"):
        read_source(read_config(written(text)).data, agent=9, loss="squared")


def test_known_weights(written):
    text = GOOD.replace('5552"', '5552"\nweight = 2').replace('5553"', '5553"\nweight = 0.5')
    config = read_config(written(text))
    agent = start_agent(config, read_source(config.data, agent=1, loss="squared"))
    assert agent.given
    assert agent.weights == {2: 2.0, 3: 0.5}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id = 1", "", "agent.id: expected a whole number from 0 to 2,147,483,647; it is missing"),
        ("id = 1", "id = -4", "agent.id: .*found -4"),
        ("id = 1", "id = true", "agent.id: .*found True"),
        ("step = 0.1", "step = 0", "agent.step: expected a number > 0 and <= 1; found 0"),
        ("step = 0.1", "step = nan", "agent.step"),
        ("step = 0.1", "stride = 0.1", r"\[agent\] has stride, which is not known; known are .*step"),
        ("period = 0.5", "period = -1", "agent.period: expected a number >= 0; found -1"),
        ('"squared"', '"huber"', "agent.loss: expected one of squared, logistic; found 'huber'"),
        (
            'bind = "tcp://127.0.0.1:5551"',
            'bind = "127.0.0.1"',
            "agent.bind: expected an address as tcp://127.0.0.1:5551",
        ),
        ('bind = "tcp://127.0.0.1:5551"', 'bind = "tcp://127.0.0.1:5;10.0.0.1:6"', "agent.bind: expected an address"),
        ('checkpoint = "one.npz"', "checkpoint = 3", "agent.checkpoint: expected a path; found 3"),
        ('checkpoint = "one.npz"', 'checkpoint = "no/one.npz"', "there is no folder"),
        ('target = "load"', "", "data.target: expected a text; it is missing"),
        ('features = ["warmth", "hour"]', "features = []", "data.features: expected a list of different column names"),
        ('target = "load"', 'target = "load"\nscale = [1.0]', "data.scale: expected a list of 2 numbers > 0"),
        ('target = "load"', 'target = "load"\nscale = [1.0, 0.0]', "data.scale"),
        ("[data]", "[data]\nsynthetic = 3", "data.synthetic: expected either a table or a synthetic stream"),
        ("[data]", "[dates]", "data: expected a table"),
        ("[[neighbor]]\nid = 2", "[[neighbor]]\nid = 3", r"agents \[3\] stand twice"),
        ("[[neighbor]]\nid = 2", "[[neighbor]]\nid = 1", r"agents \[1\] stand twice"),
        ("[[neighbor]]\nid = 2", "[[neighbor]]\nid = 2\nweight = 1.0", "give a weight in every"),
        (
            "[[neighbor]]\nid = 2",
            '[[neighbor]]\nid = 2\npublic_key = "abc"',
            r"neighbor\[0\].public_key: .*40 characters",
        ),
        ("[agent]", "[agent", "cannot be read as TOML"),
        ('5552"', '5552"\nport = 3', r"\[neighbor\[0\]\] has port"),
    ],
)
def test_bad_configurations(old, new, message, written):
    assert old in GOOD
    path = written(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_config(path)
    assert str(path) in str(error.value)


def test_no_configuration(tmp_path):
    with pytest.raises(InputError, match="There is no configuration"):
        read_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"load": [0.0, np.nan, 1.0]}, "'load' have missing or infinite cells, the first in row 1"),
        ({"hour": ["x", "1", "2"]}, "feature column 'hour' holds text"),
        ({"load": [0.0, 2.0, 1.0]}, "must be 0 or 1"),
        ({"warmth": None}, "no column 'warmth'; it has hour, load"),
    ],
)
def test_bad_tables(change, message, written, tmp_path):
    frame = pd.read_csv(tmp_path / "meter.csv")[["warmth", "hour", "load"]]
    for name, value in change.items():
        frame = frame.drop(columns=name) if value is None else frame.assign(**{name: value})
    frame.to_csv(tmp_path / "meter.csv", index=False)
    config = read_config(written(GOOD))
    with pytest.raises(InputError, match=message):
        read_source(config.data, agent=1, loss="logistic")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
def test_addresses_on_this_machine(address):
    assert is_local(f"tcp://{address}:5551")


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "*", "10.0.0.1", "eth0", "[::]", "example.org", "127.0.0.1.example.org"]
)
@pytest.mark.parametrize("place", ["127.0.0.1:5551", "127.0.0.1:5552"])
def test_nothing_beyond_this_machine_without_keys(address, place, written):
    port = place.split(":")[1]
    text = GOOD.replace(place, f"{address}:{port}")
    with pytest.raises(InputError, match="not on this machine: that needs keys"):
        read_config(written(text))
    with pytest.raises(InputError, match=r"needs its public_key; \[2, 3\]"):
        read_config(written(text.replace("[agent]", '[agent]\nsecret_key = "a.key_secret"')))
    keyed = text.replace("[agent]", '[agent]\nsecret_key = "a.key_secret"')
    for id in (2, 3):
        keyed = keyed.replace(f"id = {id}", f'id = {id}\npublic_key = "{KEY}"')
    assert read_config(written(keyed)).neighbors[0].public_key == KEY


def test_the_example_of_the_documentation(written, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    whole, synthetic = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    frame = pd.read_csv(tmp_path / "meter.csv")
    frame.to_csv(tmp_path / "north.csv", index=False)
    config = read_config(written(whole))
    agent = start_agent(config, read_source(config.data, agent=1, loss="squared"))
    assert list(agent.candidates) == [2, 3]
    config = read_config(written("[agent]\nid = 0\n" + synthetic))
    assert read_source(config.data, agent=0, loss="squared").n_features == 5
