"""The patch CNN reproduced: measurements hold what they say, and judgement follows the numbers."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from kinfolk.cli import main
from kinfolk.reproduce import patch_cnn as paper
from kinfolk.reproduce import patch_cnn_features as features
from kinfolk.reproduce import patch_cnn_images as pictures
from kinfolk.reproduce.patch_cnn_judgement import judge

NARROW = {"n_samples": 20, "patch_dim": 40, "noise": 3.0}
MINIATURE = {
    "tasks": ([{"size": "small", "K": K} for K in (1, 16)], 2),
    "curves": ([{"size": "small", "K": K} for K in (1, 3)], 1),
    "controls": (features._controls("small", 3), 1),
    "phases": ([{"noise": noise, "K": K} for noise in (3.0, 5.0) for K in (1, 4, 12)], 1),
    "few_shot": ([{"size": "small", "K": 3, "labels": 10}], 1),
    "weightings": ([{"size": "small", "K": 3}], 1),
}


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(features.SIZES, "small", (NARROW, {"max_iter": 80}))
        return paper.measure(MINIATURE)


def test_a_control_changes_what_it_says(monkeypatch):
    seen = []

    def fit(size, K, generator, data=None, net=None, observed=False):
        seen.append((data, net))
        raise StopIteration

    monkeypatch.setattr(features, "_fit", fit)
    for cell in features._controls("small", 10):
        with pytest.raises(StopIteration):
            features.controls(cell, np.random.default_rng(0))
    changes = {cell["control"]: made for cell, made in zip(features._controls("small", 10), seen, strict=True)}
    assert changes["no shared feature"] == ({"shared_probability": 0.0}, {})
    assert changes["rows of all tasks of its own"] == ({"n_samples": 300}, {"learning_rate": 4.0})
    assert changes["rows of five tasks dealt over all"] == ({"n_samples": 15}, {})
    assert changes["labels turned in half of the tasks"][0]["label_polarity"].tolist() == [1, -1] * 5
    assert set(changes) == set(features.CONTROLS)


def test_everything_is_measured_judged_and_stored(measured, tmp_path, monkeypatch):
    claims = judge(measured)
    assert len(claims) > 30
    for row in measured["tasks"]:
        assert 0.4 < row["accuracy"] <= 1
    for row in measured["curves"]:
        assert len(set(map(len, (row[name] for name in ("iteration", "loss", "shared", "noise_shared_rows"))))) == 1
        assert row["loss"][-1] < row["loss"][0]
    assert {row["labels"] for row in measured["few_shot"]} == {10}
    monkeypatch.setattr(paper, "measure", lambda plan, **_: measured)
    main(["reproduce", "patch-cnn", "--quick", "--output", str(tmp_path)])
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored["paper"] == "patch-cnn"
    assert len(stored["claims"]) == len(claims)
    assert {path.stem for path in tmp_path.glob("*.svg")} == set(MINIATURE)


def test_numbers_that_contradict_a_claim_are_judged_so(measured):
    right = {"size": "small", "seed": 0, "trained": 1.0, "noise": 3.0}
    alone = right | {"K": 1, "R": 0.5, "accuracy": 0.65, "shared": 0.02}
    together = right | {"K": 16, "R": 7.8, "accuracy": 0.99, "shared": 4.2}
    assert all(claim.passed for claim in judge({"tasks": [alone, together]}))
    lucky = judge({"tasks": [alone | {"accuracy": 0.9, "shared": 4.0}, together | {"accuracy": 0.6, "shared": 0.1}]})
    assert sum(not claim.passed for claim in lucky) == 6


def images_row(shared, both, data="MNIST5k-C"):
    by_task = {
        "single": {"blur": 0.5, "invert": 0.7},
        "per_task": {"blur": 0.5, "invert": 0.7},
        "shared": {"blur": shared, "invert": 0.6},
        "shared+specific": {"blur": both, "invert": 0.75},
    }
    means = {name: float(np.mean(list(each.values()))) for name, each in by_task.items()}
    return {"data": data, "seed": 0, "by_task": by_task} | means


def test_tasks_that_are_hurt_are_named_and_judged():
    from kinfolk.reproduce.patch_cnn_images_judgement import hurt, task_gain

    rows = [images_row(0.9, 0.8), images_row(0.9, 0.8)]
    assert hurt(rows, "shared") == ["invert"]
    assert hurt(rows, "shared+specific") == []
    assert task_gain(rows, "shared", "invert") == pytest.approx(-0.1)
    passed = {claim.name: claim.passed for claim in judge({"images": rows})}
    assert passed["MNIST5k-C: accuracy with one shared head, above alone"]
    assert not judge({"images": [images_row(0.6, 0.6)]})[2].passed


@pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is not installed: corrupted images are left out")
def test_images_are_measured_alone_and_together(tmp_path, monkeypatch):
    from kinfolk.reproduce.patch_cnn_figures import draw

    monkeypatch.setitem(pictures.STEPS, "digits-C", (3, 3))
    measured = paper.measure({"images": ([{"data": "digits-C"}], 1)})
    row = measured["images"][0]
    assert set(row["by_task"]) == {"single", *pictures.HEADS}
    assert len(row["by_task"]["shared"]) == 6
    assert row["shared"] == pytest.approx(np.mean(list(row["by_task"]["shared"].values())))
    assert [path.name for path in draw(measured, tmp_path)] == ["images.svg"]


def test_what_is_left_out_is_said(monkeypatch):
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    assert ["PyTorch" in sentence for sentence in pictures.left_out(quick=False)] == [True, False]
    assert len(pictures.left_out(quick=True)) == 1
