"""Spectral transfer reproduced: measurements are what they say, and the judgement follows the numbers."""

import json

import numpy as np
import pytest

from kinfolk.cli import main
from kinfolk.reproduce import spectral_transfer as paper
from kinfolk.reproduce.claims import at_least, at_most
from kinfolk.reproduce.plan import standard_error
from kinfolk.reproduce.spectral_transfer_judgement import MONTE_CARLO, PAPER_NOISE, PAPER_TARGET, PAPER_TRANSFER, judge

TINY = {"model": (30, 20), "n": 200, "source_noise": 0.01, "design": "paper"}
MINIATURE = {
    "sample_size": ([TINY], 2),
    "source_noise": ([TINY | {"source_noise": 0.5}], 1),
    "designs": ([TINY | {"design": "half"}], 1),
    "speed": ([TINY], 1),
}


@pytest.fixture
def few_penalties(monkeypatch):
    monkeypatch.setattr(paper, "PENALTIES", (0.985, 0.0746))


def rows(target, transfer, **sizes):
    cell = {"model": "I", "n": 200, "source_noise": 0.01, "design": "paper"} | sizes
    return [
        cell | {"seed": seed, "target": target + shift, "transfer": transfer + shift}
        for seed, shift in enumerate((-1e-4, 0.0, 1e-4))
    ]


def failed(measured):
    return [claim.name for claim in judge(measured) if not claim.passed]


@pytest.mark.usefixtures("few_penalties")
def test_the_command_writes_numbers_and_figures_and_says_what_failed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(paper, "QUICK", MINIATURE)
    code = main(["reproduce", "spectral-transfer", "--quick", "--output", str(tmp_path)])
    out = capsys.readouterr().out
    found = json.loads((tmp_path / "results.json").read_text())
    assert code == (0 if found["passed"] else 1)
    assert out.count("PASS") + out.count("FAIL") == len(found["claims"])
    assert sorted(path.stem for path in tmp_path.glob("*.svg")) == sorted(MINIATURE)
    assert found["paper"] == "spectral-transfer"


def test_the_same_seed_gives_the_same_numbers_and_transfer_helps():
    plan = {"sample_size": ([TINY], 1)}
    first = paper.measure(plan, seed=3)
    assert first == paper.measure(plan, seed=3)
    assert first != paper.measure(plan, seed=4)
    assert all(row["transfer"] < row["target"] for row in first["sample_size"])


@pytest.mark.usefixtures("few_penalties")
def test_both_methods_of_the_speed_measurement_solve_the_same_problems():
    (row,) = paper.measure({"speed": ([TINY], 1)})["speed"]
    path, tight, reference = (np.array(row[name]) for name in ("path", "tight", "reference"))
    assert len(path) == len(paper.PENALTIES)
    small = np.array(paper.PENALTIES) < 0.1
    np.testing.assert_allclose(path[small], tight[small], rtol=1e-3)
    assert (path <= reference * 1.0001).all()
    assert min(row["path_seconds"], row["tight_seconds"], row["fit_seconds"]) > 0.0


def test_the_plans_hold_every_cell_of_the_papers_figures():
    sizes = {(cell["model"], cell["n"]) for cell in paper.FULL["sample_size"][0]}
    assert sizes == {(model, n) for model, sizes in paper.ROWS.items() for n in sizes}
    noises = {(cell["model"], cell["source_noise"]) for cell in paper.FULL["source_noise"][0]}
    assert noises == {(model, noise) for model in paper.ROWS for noise in paper.NOISES}
    for model, sizes in paper.ROWS.items():
        assert len(PAPER_TARGET[model]) == len(PAPER_TRANSFER[model]) == len(sizes)
        assert len(PAPER_NOISE[model]) == len(paper.NOISES)
    measured = {
        (cell["model"], cell["n"], cell["source_noise"])
        for name in ("sample_size", "source_noise")
        for cell in paper.FULL[name][0]
    }
    assert set(MONTE_CARLO) <= measured


def test_errors_like_the_papers_pass_and_worse_ones_are_named():
    assert failed({"sample_size": rows(0.0221, 0.0058)}) == []
    assert failed({"sample_size": rows(0.0221, 0.0070)}) == [
        "Model I, n=200: transfer, second implementation",  # better than the paper, worse than the table
    ]
    assert failed({"sample_size": rows(0.0240, 0.0090)}) == [
        "Model I, n=200: target alone, paper",
        "Model I, n=200: transfer, paper",
        "Model I, n=200: transfer, second implementation",
    ]


def test_negative_transfer_is_named():
    assert failed({"designs": rows(0.0214, 0.0214, design="unrelated")}) == []
    assert failed({"designs": rows(0.0210, 0.0214, design="unrelated")}) == [
        "Design unrelated: transfer / target alone"
    ]
    noisy = {"source_noise": rows(0.0214, 0.0218, source_noise=0.5)}
    assert failed(noisy) == ["Model I, source noise 0.5: transfer / target alone"]


def test_a_slow_or_unsolved_path_is_named():
    row = {"model": "I", "n": 200, "path": [1.0, 2.0], "reference": [1.0, 2.1], "tight": [1.0, 2.0]}
    seconds = {"path_seconds": 0.1, "reference_seconds": 1.0, "tight_seconds": 8.0, "fit_seconds": 1.0}
    assert failed({"speed": [row | seconds]}) == []
    assert len(failed({"speed": [row | seconds | {"path_seconds": 0.5}]})) == 2
    assert len(failed({"speed": [row | seconds | {"path": [1.01, 2.0]}]})) == 2
    assert failed({"speed": [row | seconds | {"fit_seconds": 4.0}]}) == [
        "Model I, n=200: CPU seconds of a whole fit",
    ]


def test_bounds_and_their_margins():
    assert at_most("", 1.1, 1.0, 0.1).passed
    assert not at_most("", 1.11, 1.0, 0.1).passed
    assert at_least("", 2.0, 2.0).passed
    assert not at_least("", None, 2.0).passed
    assert standard_error([{"x": 1.0}], "x") == 0.0
    np.testing.assert_allclose(standard_error([{"x": 1.0}, {"x": 3.0}], "x"), 1.0)


def test_nothing_measured_claims_nothing():
    assert judge({}) == []


@pytest.mark.slow
def test_the_quick_plan_holds_its_claims_about_errors():
    plan = {name: cells for name, cells in paper.QUICK.items() if name != "speed"}
    designs, seeds = plan["designs"]
    plan["designs"] = [cell for cell in designs if cell["design"] != "paper"], seeds  # of that are the other two
    claims = judge(paper.measure(plan))
    assert len(claims) > 20
    assert [claim for claim in claims if not claim.passed] == []
