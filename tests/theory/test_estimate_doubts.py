"""Each warning: said just beyond its threshold, not within."""

from dataclasses import replace

import numpy as np
import pytest

from kinfolk.theory import Whitening, estimate_problem, outlook
from kinfolk.theory.doubts import Signs, imbalance, participation, warnings_of

SOUND = Signs(
    p=50,
    counts=np.full(20, 60),
    whitening=Whitening(np.ones(50), 50, 1.0, 23.6, 0.2),
    score_kurtosis=3.0,
    binary=True,
    signal=4.0,
    participation=0.33,
    similarity_se=0.1,
    imbalance=0.0,
    different=1200,
    left_out=0.3,
    left_out_se=0.01,
    predicted=0.3,
)


def white(**changes):
    return {"whitening": replace(SOUND.whitening, **changes)}


@pytest.mark.parametrize(
    ("words", "beyond", "within"),
    [
        ("19 features", {"p": 19}, {"p": 20}),
        ("1 of 2 tasks have fewer than 10 rows", {"counts": np.array([9, 600])}, {"counts": np.array([10, 600])}),
        ("badly (5 for each are needed)", white(rows_per_direction=4.9), white(rows_per_direction=5.1)),
        (
            "badly (20 for each are needed, since",
            {"counts": np.full(20, 49)} | white(rows_per_direction=19.9),
            {"counts": np.full(20, 49)} | white(rows_per_direction=20.1),
        ),
        (
            "badly",
            {"counts": np.full(20, 49)} | white(rows_per_direction=19.9),
            {"counts": np.full(20, 51)} | white(rows_per_direction=19.9),
        ),
        ("corrected for it", white(spread=0.41), white(spread=0.39)),
        ("condition number 1001", white(condition=1001.0), white(condition=999.0)),
        ("share their rows", {"different": 599}, {"different": 601}),
        ("not balanced", {"imbalance": 0.21}, {"imbalance": 0.19}),
        ("on few features", {"participation": 0.099}, {"participation": 0.101}),
        ("as good as certain", {"signal": 901.0}, {"signal": 899.0}),
        ("not identified", {"similarity_se": 0.21}, {"similarity_se": 0.19}),
        ("does not describe", {"left_out": 0.321}, {"left_out": 0.319}),
        ("does not describe", {"left_out": 0.279}, {"left_out": 0.281}),
    ],
)
def test_a_warning_is_said_just_beyond_its_threshold(words, beyond, within):
    assert warnings_of(SOUND) == ()
    said = warnings_of(replace(SOUND, **beyond))
    assert len(said) == 1
    assert words in said[0]
    assert warnings_of(replace(SOUND, **within)) == ()


def test_warnings_about_labels_are_not_for_measured_values():
    for changes in ({"imbalance": 0.5}, {"participation": 0.01}, {"signal": 1e4}):
        assert warnings_of(replace(SOUND, binary=False, **changes)) == ()


def test_participation_counts_the_features_that_coefficients_are_on():
    W = np.zeros((3, 40))
    W[:, :4] = 2.0
    assert participation(W, 40) == pytest.approx(0.1)
    gaussian = np.random.default_rng(0).normal(size=(5, 4000))
    assert participation(gaussian, 4000) == pytest.approx(1 / 3, rel=0.1)
    assert participation(np.zeros((2, 4)), 4) == 1.0


def test_imbalance_is_that_of_tasks_and_chance_is_taken_out():
    generator = np.random.default_rng(0)
    counts = np.full(400, 10)
    codes = np.repeat(np.arange(400), counts)
    fair = np.where(generator.random(4000) < 0.5, 1.0, -1.0)
    assert imbalance(fair, codes, counts) < 0.1
    opposed = np.where(generator.random(4000) < np.where(codes % 2, 0.65, 0.35), 1.0, -1.0)
    assert imbalance(opposed, codes, counts) == pytest.approx(0.3, abs=0.05)


def labelled(generator, W, task, X, shift=0.0):
    rate = 1.0 / (1.0 + np.exp(-shift - (X * W[task]).sum(axis=1)))
    return np.where(generator.random(len(task)) < rate, "yes", "no")


def test_rows_themselves_raise_the_warnings():
    """A clean table raises none; then one thing is spoilt at a time."""
    generator = np.random.default_rng(5)
    T, n, p = 20, 60, 24
    task = np.repeat(np.arange(T), n)
    W = np.sqrt(4.0 / p) * (0.8 * generator.normal(size=p) + 0.6 * generator.normal(size=(T, p)))
    X = generator.normal(size=(T * n, p))
    assert estimate_problem(X, labelled(generator, W, task, X), task).warnings == ()
    signs = np.sign(X)
    few = np.zeros((T, p))
    few[:, :1] = 3.0
    spoilt = {
        "not balanced": (X, labelled(generator, W, task, X, shift=1.5)),
        "on few features": (signs, labelled(generator, few, task, signs)),
        "condition number": (X + 10.0 * X[:, :1], labelled(generator, W, task, X)),
        "differ in length": (X * np.exp(0.7 * generator.normal(size=(T * n, 1))), labelled(generator, W, task, X)),
    }
    for words, (features, y) in spoilt.items():
        assert words in " ".join(estimate_problem(features, y, task).warnings)
    size = np.exp(0.5 * generator.normal(size=(T * n, 1)))  # long rows are also the noisy ones
    y = (X * size * W[task]).sum(axis=1) + 3.0 * size[:, 0] ** 3 * generator.normal(size=len(task))
    assert "does not describe" in " ".join(estimate_problem(X * size, y, task).warnings)


def test_what_is_not_solved_has_no_numbers(monkeypatch):
    generator = np.random.default_rng(6)
    task = np.repeat(np.arange(5), 30)
    X = generator.normal(size=(150, 10))
    estimate = estimate_problem(X, X[:, 0] + generator.normal(size=150), task)
    assert outlook(estimate).converged
    monkeypatch.setattr("kinfolk.theory.excess._TURNS", 1)
    told = outlook(estimate)
    assert not told.converged
    assert np.isnan([told.alone, told.coupled, told.gain]).all()
    assert "No prediction" in told.verdict
