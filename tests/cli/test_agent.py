"""``kinfolk agent``: keys, simulations and refusals."""

import json
import stat
import sys

import pytest

from kinfolk.agents import make_field
from kinfolk.cli import main


def test_help(capsys):
    assert main(["agent", "--help"]) == 0
    assert "simulate" in capsys.readouterr().out
    for action in ("run", "keys", "simulate"):
        assert main(["agent", action, "--help"]) == 0
    assert main(["agent"]) == 2
    assert main(["--help"]) == 0
    assert "decentralised" in capsys.readouterr().out


def test_keys(tmp_path, capsys):
    assert main(["agent", "keys", "--out", str(tmp_path / "k"), "--name", "north"]) == 0
    out = capsys.readouterr().out
    secret = tmp_path / "k" / "north.key_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert 'public_key = "' in out
    private = next(line for line in secret.read_text().splitlines() if "secret-key" in line)
    assert private.split('"')[1] not in out
    assert main(["agent", "keys", "--out", str(tmp_path / "k"), "--name", "north"]) == 2
    assert "never overwritten" in capsys.readouterr().err


def test_simulate(capsys):
    arguments = [
        "--agents",
        "5",
        "--features",
        "3",
        "--step",
        "0.5",
        "--rounds",
        "200",
        "--drop",
        "0.2",
        "--garbage",
        "1",
    ]
    assert main(["agent", "simulate", *arguments]) == 0
    out = capsys.readouterr().out
    for word in ("alone", "agents", "central", "Coupling strength", "Messages ignored", "absurd"):
        assert word in out
    assert main(["agent", "simulate", "--drop", "1"]) == 2
    assert "drop is a probability" in capsys.readouterr().err


def test_run_and_go_on(tmp_path, capsys):
    file = tmp_path / "a.toml"
    file.write_text(
        '[agent]\nid = 0\nperiod = 0\nevery = 100.0\ncheckpoint = "a.npz"\nmetrics = "a.jsonl"\n'
        "[data.synthetic]\nagents = 2\nfeatures = 3\n"
    )
    for _ in range(2):
        assert main(["agent", "run", "--config", str(file), "--rounds", "30", "--verbose"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(line["from_round"], line["round"], line["rows"]) for line in lines] == [(0, 30, 30), (30, 60, 60)]
    start = float((make_field(2, 3).W[0] ** 2).mean())
    assert lines[1]["deviation"] < 0.3 * start  # where it was, and not where it began
    assert main(["agent", "run", "--config", str(file), "--rounds", "0"]) == 2
    file.write_text(file.read_text().replace("id = 0", "id = 1"))
    assert main(["agent", "run", "--config", str(file), "--rounds", "1"]) == 2
    assert "agent 0, the configuration of 1" in capsys.readouterr().err


def test_a_table_that_ends(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(f"{k},{2 * k}" for k in range(10)))
    (tmp_path / "a.toml").write_text(
        '[agent]\nid = 0\nperiod = 0.001\ncheckpoint = "a.npz"\n'
        '[data]\ntable = "t.csv"\ntarget = "y"\nfeatures = ["x"]\n'
    )
    assert main(["agent", "run", "--config", str(tmp_path / "a.toml")]) == 0
    assert (tmp_path / "a.npz").exists()


def test_refusals(tmp_path, capsys):
    assert main(["agent", "run", "--config", str(tmp_path / "none.toml")]) == 2
    assert "There is no configuration" in capsys.readouterr().err
    (tmp_path / "a.toml").write_text(
        '[agent]\nid = 0\nbind = "tcp://0.0.0.0:5551"\n[data.synthetic]\nagents = 2\nfeatures = 3\n'
    )
    assert main(["agent", "run", "--config", str(tmp_path / "a.toml")]) == 2
    assert "needs keys" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["keys"], ["run", "--config", "a.toml"]])
def test_without_zeromq(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text("[agent]\nid = 0\n[data.synthetic]\nagents = 2\nfeatures = 3\n")
    for name in [name for name in sys.modules if name.startswith("kinfolk.agents.") or name.split(".")[0] == "zmq"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "zmq", None)
    assert main(["agent", *arguments]) == 2
    assert 'pip install "kinfolk[agents]"' in capsys.readouterr().err
