"""Task graphs reproduced: measurements are what they say, parts do not collide, judgement follows the numbers."""

import json

import numpy as np
import pytest

from kinfolk.cli import main
from kinfolk.graph.marginal import marginal_laplacian
from kinfolk.reproduce import laplacian_error as part
from kinfolk.reproduce import task_graph as paper
from kinfolk.reproduce import task_graph_figures, task_graph_judgement
from kinfolk.reproduce.laplacian_error_judgement import DEBIASED, SMALL_STEPS, TABLE, slope
from kinfolk.reproduce.task_graph_judgement import judge

CELL = {"kind": "default", "graph": 10, "M": 100, "mu": 0.05}
MINIATURE = {
    "table": ([CELL, CELL | {"M": 800}], 2),
    "coordinates": ([CELL | {"mu": 0.0, "M": 400}, CELL | {"mu": 0.0, "M": 800}], 2),
    "steps": ([CELL | {"mu": 0.01}, CELL | {"mu": 0.02}], 2),
    "topology": ([CELL | {"kind": kind, "graph": None} for kind in part.TOPOLOGIES], 2),
    "learned": ([CELL | {"M": 20}], 2),
    "noise_aware": ([CELL], 2),
}


def failed(measured):
    return [claim.name for claim in judge(measured) if not claim.passed]


def test_the_command_writes_numbers_and_figures_and_says_what_failed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(paper, "QUICK", MINIATURE)
    code = main(["reproduce", "task-graph", "--quick", "--output", str(tmp_path)])
    out = capsys.readouterr().out
    found = json.loads((tmp_path / "results.json").read_text())
    assert code == (0 if found["passed"] else 1)
    assert out.count("PASS") + out.count("FAIL") == len(found["claims"])
    assert sorted(path.stem for path in tmp_path.glob("*.svg")) == sorted(MINIATURE)
    assert found["paper"] == "task-graph"


def test_the_same_seed_gives_the_same_numbers():
    first = paper.measure(MINIATURE, seed=3)
    assert first == paper.measure(MINIATURE, seed=3)
    assert first != paper.measure(MINIATURE, seed=4)


def test_every_part_brings_its_own_measurements_claims_and_figures():
    names = [name for one in paper._PARTS for name in one.MEASUREMENTS]
    assert len(names) == len(set(names))
    assert set(names) == set(paper.FULL) == set(paper.QUICK)
    for parts, what in ((task_graph_judgement._PARTS, "JUDGES"), (task_graph_figures._PARTS, "DRAWINGS")):
        assert [name for one in parts for name in getattr(one, what)] == names


def test_the_plan_holds_every_number_of_the_second_implementation():
    full = {(cell["mu"], cell["M"]) for cell in paper.FULL["table"][0] if cell["graph"] == 10}
    for table in (TABLE, DEBIASED):
        assert {(mu, M) for mu, row in table.items() for M in row} <= full
    assert {cell["mu"] for cell in paper.FULL["steps"][0]} == set(SMALL_STEPS)
    assert all(cell["M"] >= 100_000 for plan in (paper.FULL, paper.QUICK) for cell in plan["steps"][0])
    assert all(cell["M"] >= 400 for plan in (paper.FULL, paper.QUICK) for cell in plan["coordinates"][0])


@pytest.mark.parametrize("kind", ["default", *part.TOPOLOGIES])
def test_graphs_are_as_described(kind):
    for seed in range(5):
        adjacency = part._GRAPHS[kind](np.random.default_rng(seed))
        degrees = (adjacency > 0.0).sum(axis=1)
        np.testing.assert_array_equal(adjacency, adjacency.T)
        assert not np.diag(adjacency).any()
        assert degrees.sum() == 2 * (22 if kind == "default" else 20)
        assert set(adjacency[adjacency > 0.0]) == {1.0, 5.0}
        assert np.linalg.eigvalsh(part.laplacian(adjacency))[1] > 1.0  # connected
        most = {"default": 8, "regular": 4, "random": 9, "hub": 9}[kind]
        assert degrees.max() <= most
        assert (degrees == 4).all() or kind != "regular"
        assert degrees.max() == 9 or kind != "hub"


def test_a_numbered_graph_is_always_the_same_and_others_are_new():
    first, second = (part.graph_of(CELL, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(first, second)
    new = [part.graph_of(CELL | {"graph": None}, np.random.default_rng(seed)) for seed in (0, 1)]
    assert (new[0] != new[1]).any()


def test_errors_are_those_of_what_was_learned():
    cell = CELL | {"M": 5000}
    (row,) = paper.measure({"table": ([cell], 1)})["table"]
    assert row["squared"] == pytest.approx(row["norm"] ** 2)
    assert row["norm"] == pytest.approx(row["limit"], rel=0.2)
    assert row["debiased"] < 0.2 * row["squared"]
    L = part.laplacian(part.graph_of(cell, np.random.default_rng(0)))
    covariance = np.linalg.inv(L) + 0.025 * np.eye(10)
    assert row["limit"] == pytest.approx(np.linalg.norm(marginal_laplacian(covariance, L != 0.0) - L, 2))
    assert part.errors(CELL | {"mu": 0.0}, np.random.default_rng(0))["limit"] == 0.0


def test_the_sensitivity_index_of_tasks_apart():
    assert part.sensitivity(np.diag([1.0, 2.0])) == pytest.approx(17.0)
    joined = np.array([[2.0, -1.0], [-1.0, 2.0]])
    assert part.sensitivity(joined) == pytest.approx(2 * 3.0**4)


def test_learners_end_where_the_theory_says():
    rng = np.random.default_rng(0)
    truth, mu = rng.normal(size=(200, 10)), 0.02
    deviation = float(((part.least_mean_squares(truth, mu, 500, rng) - truth) ** 2).mean())
    assert deviation == pytest.approx(mu / (2.0 * (1.0 - mu * 12 / 2.0)), rel=0.1)


def table(mu, M, squared, debiased):
    return [
        CELL | {"mu": mu, "M": M, "seed": seed, "squared": squared * s, "debiased": debiased * s}
        for seed, s in enumerate((0.99, 1.0, 1.01))
    ]


def test_numbers_like_the_second_implementations_pass_and_others_are_named():
    assert failed({"table": table(0.05, 800, 146.0, 20.5)}) == []
    assert failed({"table": table(0.05, 800, 220.0, 20.5)}) == [
        "mu = 0.05, M = 800: squared error, second implementation"
    ]
    few = table(0.2, 50, 455.0, 500.0)
    assert failed({"table": few}) == ["mu = 0.2, M = 50: noise subtracted / not, few coordinates"]


def test_wrong_rates_are_named():
    def exact(rate):
        return [
            CELL | {"mu": 0.0, "M": M, "squared": M**-rate, "seed": seed} for M in (400, 800, 1600) for seed in (0, 1)
        ]

    assert failed({"coordinates": exact(1.0)}) == []
    assert len(failed({"coordinates": exact(0.5)})) == 3

    def small(rate):
        return [
            CELL
            | {"graph": 0, "M": 100_000, "mu": mu, "norm": mu**rate, "squared": mu ** (2 * rate), "limit": mu**rate}
            for mu in (0.02, 0.01, 0.005)
        ]

    assert failed({"steps": small(0.9)}) == []
    assert len(failed({"steps": small(0.5)})) == 3  # the squared error then has the bound's slope 1


def test_a_topology_that_does_not_matter_and_noise_that_is_not_handled_are_named():
    shapes = [
        CELL | {"kind": kind, "sensitivity": index * s, "squared": 50.0 * s}
        for kind, index in zip(part.TOPOLOGIES, (1.0, 2.0, 3.0), strict=True)
        for s in (0.9, 1.1)
    ]
    assert len(failed({"topology": shapes})) == 3
    row = CELL | {"M": 12800, "marginal": 120.0, "likelihood": 110.0, "noise_aware": 0.6}
    assert failed({"noise_aware": [row]}) == []
    assert len(failed({"noise_aware": [row | {"noise_aware": 130.0}]})) == 2


def test_slopes():
    assert slope({1.0: 2.0, 10.0: 200.0}) == pytest.approx(2.0)
    assert slope({1.0: 2.0}) is None
    assert judge({}) == []


@pytest.mark.slow
def test_the_quick_plan_holds_its_claims():
    claims = judge(paper.measure(paper.QUICK))
    assert len(claims) > 60
    assert [claim for claim in claims if not claim.passed] == []
