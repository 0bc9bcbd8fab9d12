"""Reproduction: its measurements are what they say, its judgement is fair, and the command writes all of it."""

import json

import numpy as np
import pytest

from kinfolk.cli import main
from kinfolk.reproduce import shared_representation as paper
from kinfolk.reproduce.claims import at_most, near, within, write_results
from kinfolk.reproduce.shared_representation_judgement import judge, slope, varied

TINY = {"d": 12, "k": 2, "T": 20, "N": 30, "noise": 0.5, "kappa": 1}
MINIATURE = {
    "figure_1a": ([TINY], 1),
    "iterations": ([*paper._grid(TINY, d=(8, 16), T=(20, 40)), TINY | {"kappa": 30}], 1),
    "slopes": (paper._grid(TINY, d=(8, 16), k=(2, 3), T=(20, 40), N=(30, 60)), 1),
    "accuracy": ([TINY], 1),
    "comparison": ([TINY | {"N": 25}, TINY], 1),
    "new_task": ([TINY], 1),
}


@pytest.fixture
def miniature(monkeypatch):
    monkeypatch.setattr(paper, "QUICK", MINIATURE)
    monkeypatch.setattr(paper, "_NEW_TASKS", 3)


@pytest.mark.usefixtures("miniature")
def test_the_command_writes_numbers_and_figures_and_says_what_failed(tmp_path, capsys):
    folder = tmp_path / "deep" / "here"
    code = main(["reproduce", "shared-representation", "--quick", "--output", str(folder)])
    out = capsys.readouterr().out
    found = json.loads((folder / "results.json").read_text())
    assert code == (0 if found["passed"] else 1)
    assert found["passed"] == all(claim["passed"] for claim in found["claims"])
    assert out.count("PASS") + out.count("FAIL") == len(found["claims"])
    assert sorted(path.stem for path in folder.glob("*.svg")) == sorted(MINIATURE)
    assert set(found["measured"]) == set(MINIATURE)


@pytest.mark.usefixtures("miniature")
def test_the_same_seed_gives_the_same_numbers():
    plan = {name: MINIATURE[name] for name in ("slopes", "comparison", "new_task")}
    seen = []
    first = paper.measure(plan, seed=3, progress=lambda done, total, what: seen.append((done, total, what)))
    assert first == paper.measure(plan, seed=3)
    assert first != paper.measure(plan, seed=4)
    assert seen[0] == (0, 11, "slopes")
    assert seen[-1] == (11, 11, "done")


@pytest.mark.parametrize("kappa", [1, 30])
def test_tasks_are_drawn_as_described(kappa):
    data, coef, basis = paper._draw(TINY | {"kappa": kappa, "noise": 0.0}, np.random.default_rng(0))
    np.testing.assert_allclose(data.y, (data.X * coef[data.codes]).sum(axis=1))
    np.testing.assert_allclose(coef @ basis @ basis.T, coef)
    assert (np.diff(data.offsets) == 31).all()  # one row more than N, for the intercept
    values = np.linalg.svd(coef, compute_uv=False)[:2]
    np.testing.assert_allclose(values, np.sqrt(20) * np.array([kappa**0.5, kappa**-0.5]))


def test_slopes_are_those_of_the_grid_in_which_only_one_size_varies():
    rows = [cell | {"sub": cell["d"] * cell["k"] / cell["N"]} for cell in paper._grid(TINY, d=(6, 12, 24), N=(30, 90))]
    np.testing.assert_allclose(slope(rows, "d", "sub"), 1.0)
    np.testing.assert_allclose(slope(rows, "N", "sub"), -1.0)
    assert varied(rows, "k") == []


def test_a_claim_holds_within_its_rule_and_not_beyond():
    assert within("", 1.14, 1.0, 0.15).passed
    assert not within("", 1.16, 1.0, 0.15).passed
    assert near("", -0.9, -1.0, 0.15).passed
    assert not near("", -0.8, -1.0, 0.15).passed
    assert at_most("", 1.5, 1.5).passed
    assert not at_most("", None, 1.5).passed


def test_nothing_measured_claims_nothing(tmp_path):
    assert judge({}) == []
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(tmp_path / "r.json", [at_most("", float("nan"), 1.0)], {})
    assert list(tmp_path.iterdir()) == []


def test_arguments_that_cannot_be_used_end_with_code_2(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("")
    command = ["reproduce", "shared-representation", "--quick"]
    assert main([*command, "--output", str(file)]) == 2
    assert main([*command, "--seed", "-1"]) == 2
    assert "--seed must be zero or positive" in capsys.readouterr().err
    assert main(["reproduce", "another-paper"]) == 2


@pytest.mark.slow
def test_rates_iteration_counts_and_accuracy_of_the_paper():  # A3, A4, A5
    plan = {name: paper.QUICK[name] for name in ("iterations", "slopes", "accuracy")}
    plan["iterations"] = plan["iterations"][0], 3  # medians, which hardly differ between data sets
    claims = judge(paper.measure(plan))
    assert len(claims) == 19
    assert [claim for claim in claims if not claim.passed] == []
