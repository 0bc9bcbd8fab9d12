"""Spectral transfer: the draws are the authors', and each design is what it says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import RidgeCV

from kinfolk.datasets import make_spectral_transfer
from kinfolk.datasets.spectral_transfer import DESIGNS
from kinfolk.exceptions import InputError

SMALL = (30, 20)


def spans(tasks):
    """The target's directions and the leading ten of the source, features and responses."""
    V, _, Ut = np.linalg.svd(tasks.coef)
    V0, _, U0t = np.linalg.svd(tasks.source)
    return Ut[:5].T, V[:, :5], U0t[:10].T, V0[:, :10]


def share(directions, span):
    """How much of each principal direction lies in the span (1: all of it)."""
    return np.linalg.svd(span.T @ directions, compute_uv=False)


@pytest.mark.parametrize(
    ("model", "n", "seed", "published"),
    [
        ("I", None, 2103139804, 0.0529),
        ("I", None, 2097446776, 0.0518),
        ("I", None, 2121586239, 0.0542),
        ("I", 400, 2103139804, 0.0352),
        ("II", None, 2103139804, 0.0376),
    ],
)
def test_ridge_has_the_error_that_it_has_on_the_draws_of_the_authors(model, n, seed, published):
    tasks = make_spectral_transfer(model, n, random_state=seed)
    alphas = np.logspace(-3, 2, 10)
    coef = np.array([RidgeCV(alphas=alphas).fit(tasks.X, y).coef_ for y in tasks.Y.T])
    assert_allclose(tasks.error(coef), published, atol=5e-5)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_target_has_five_directions_of_the_stated_strengths(design):
    tasks = make_spectral_transfer(SMALL, 40, design=design, noise=0.0, random_state=1)
    assert_allclose(np.linalg.svd(tasks.coef, compute_uv=False)[:6], [5, 4.5, 4, 3.5, 3, 0], atol=1e-12)
    assert_allclose(tasks.Y, tasks.X @ tasks.coef.T, atol=1e-12)


@pytest.mark.parametrize("design", DESIGNS)
def test_without_noise_the_source_has_rank_ten_and_strengths_one_to_ten(design):
    tasks = make_spectral_transfer(SMALL, 40, design=design, source_noise=0.0, random_state=1)
    assert_allclose(np.linalg.svd(tasks.source, compute_uv=False)[:11], [*range(10, 0, -1), 0], atol=1e-12)


@pytest.mark.parametrize(
    ("design", "left", "right"),
    [
        ("paper", [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]),
        ("half", [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]),
        ("dense", [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]),
        ("leftonly", [1, 1, 1, 1, 1], None),
        ("unrelated", None, None),
    ],
)
def test_a_design_shares_the_directions_that_it_says(design, left, right):
    tasks = make_spectral_transfer((200, 150), 3, design=design, source_noise=0.0, random_state=2)
    U, V, U0, V0 = spans(tasks)
    for directions, span, expected in ((U, U0, left), (V, V0, right)):
        if expected is None:  # random directions: cosines near sqrt(10 / size) at most, far from 1
            assert share(directions, span).max() < 0.6
        else:
            assert_allclose(share(directions, span), expected, atol=1e-12)


def test_in_the_paper_directions_are_columns_of_the_source_and_in_dense_they_are_not():
    for design, single in (("paper", True), ("dense", False)):
        tasks = make_spectral_transfer(SMALL, 3, design=design, source_noise=0.0, random_state=3)
        U, V, U0, V0 = spans(tasks)
        for weights in (np.abs(U0.T @ U), np.abs(V0.T @ V)):
            assert np.allclose(np.sort(weights, axis=0)[-1], 1.0) == single
            assert len(set(weights.argmax(axis=0))) == 5 or not single  # distinct ones


@pytest.mark.parametrize("design", DESIGNS)
def test_a_seed_fixes_everything_and_designs_share_their_features(design):
    first, second, other = (make_spectral_transfer(SMALL, 9, design=design, random_state=seed) for seed in (4, 4, 5))
    for name in ("X", "Y", "coef", "source"):
        assert_array_equal(getattr(first, name), getattr(second, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))
    assert_array_equal(first.X, make_spectral_transfer(SMALL, 9, random_state=4).X)


def test_a_generator_and_a_legacy_generator_are_seeds_too():
    for kind in (np.random.default_rng, np.random.RandomState):
        first, second = (make_spectral_transfer(SMALL, 9, random_state=kind(0)) for _ in range(2))
        assert_array_equal(first.Y, second.Y)
    legacy = make_spectral_transfer(SMALL, 9, random_state=np.random.RandomState(6))
    assert_array_equal(legacy.Y, make_spectral_transfer(SMALL, 9, random_state=6).Y)


def test_new_rows_are_of_the_same_tasks():
    tasks = make_spectral_transfer(SMALL, 9, noise=0.5, random_state=0)
    X, Y = tasks.sample(20_000, random_state=1)
    assert_allclose(np.std(Y - X @ tasks.coef.T), 0.5, rtol=0.01)
    lags = np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    assert_allclose(X.T @ X / len(X), 0.5**lags, atol=0.05)
    assert not np.array_equal(X, tasks.sample(20_000, random_state=2)[0])


def test_the_error_is_the_root_mean_square_of_the_entries():
    tasks = make_spectral_transfer(SMALL, 9, random_state=0)
    assert_allclose(tasks.error(tasks.coef + 0.3), 0.3)
    with pytest.raises(InputError, match="responses, features"):
        tasks.error(tasks.coef.T)


def test_the_models_have_the_sizes_and_rows_of_the_paper():
    for model, shapes in {"I": (200, 100, 50), "II": (300, 150, 100), "III": (500, 300, 200)}.items():
        tasks = make_spectral_transfer(model, random_state=0)
        assert (*tasks.X.shape, tasks.Y.shape[1]) == shapes
    assert make_spectral_transfer((12, 15), random_state=0).X.shape == (24, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "IV"}, "model must be one of I, II, III"),
        ({"model": (20, 20, 20)}, "features, responses"),
        ({"model": (11, 20)}, "number of features must be a whole number of at least 12"),
        ({"model": (20, 11)}, "number of responses"),
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 2.5}, "n_samples"),
        ({"noise": -1.0}, "noise is a standard deviation"),
        ({"source_noise": np.nan}, "source_noise is a standard deviation"),
        ({"design": "right"}, "design must be one of paper"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        make_spectral_transfer(**arguments)
