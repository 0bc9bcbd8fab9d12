"""Tasks from the published files of CIFAR-10-C: an array of images a corruption, five severities one after another."""

from collections.abc import Sequence
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.nets.images import CorruptedTasks, Seed, deal_images

_SEVERITIES = 5
_SIDE, _CHANNELS = 32, 3


def load_cifar10_c(
    folder: str | PathLike[str],
    corruptions: Sequence[str] | None = None,
    n_samples: int = 100,
    n_test: int = 600,
    random_state: Seed = None,
    *,
    severity: int = 5,
) -> CorruptedTasks:
    """Tasks of CIFAR-10-C, a corruption each, from the folder of its published files. Nothing is downloaded.

    The folder holds ``labels.npy`` of shape ``(N,)`` and ``<corruption>.npy`` of shape ``(N, 32, 32, 3)``, uint8; rows
    ``(severity - 1) * N / 5`` to ``severity * N / 5`` are the same N / 5 images at one severity. As published N is
    50,000: the 10,000 test images of CIFAR-10 under 19 corruptions. CIFAR-100-C has the same layout.

    Tasks get images that no other task has, and are all tested on the same images, each through its corruption.

    Parameters
    ----------
    folder : path
    corruptions : sequence of str, optional
        Tasks: names of files without their ending. None: all that are there.
    n_samples : int, default=100
        Images of each task.
    n_test : int, default=600
        Images for testing, common to all tasks. As published 19 tasks leave 8,100 at 100 images a task.
    random_state : int, Generator or None, default=None
    severity : int, default=5
        From 1 (mild) to 5.

    Returns
    -------
    CorruptedTasks
        Pixels from 0 to 1 (float32), channel by channel: ``image_shape`` is ``(3, 32, 32)``.

    Raises
    ------
    InputError
        The folder or a file is missing or has another layout, there is no such severity, or there are too few images.

    Notes
    -----
    Hendrycks and Dietterich (2019), *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations*,
    ICLR; the files are record 2535967 of Zenodo. Only the images that are dealt are read from them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from kinfolk.nets import load_cifar10_c
    >>> with TemporaryDirectory() as folder:  # twenty black images at five severities, for want of the real ones
    ...     np.save(Path(folder, "labels.npy"), np.tile(np.arange(20) % 10, 5))
    ...     np.save(Path(folder, "fog.npy"), np.zeros((100, 32, 32, 3), dtype=np.uint8))
    ...     np.save(Path(folder, "snow.npy"), np.zeros((100, 32, 32, 3), dtype=np.uint8))
    ...     tasks = load_cifar10_c(folder, n_samples=5, n_test=10, random_state=0)
    >>> tasks.X.shape, tasks.X_test.shape, tasks.image_shape
    ((10, 3073), (20, 3073), (3, 32, 32))
    """
    if isinstance(severity, bool) or not (isinstance(severity, Integral) and 1 <= severity <= _SEVERITIES):
        raise InputError(f"severity must be a whole number from 1 to {_SEVERITIES}; got {severity!r}.")
    place = Path(folder)
    if not place.is_dir():
        raise InputError(
            f"There is no folder {place}. CIFAR-10-C is not downloaded: unpack its published archive, and give the "
            "folder with labels.npy and <corruption>.npy."
        )
    there = sorted(path.stem for path in place.glob("*.npy") if path.stem != "labels")
    names = there if corruptions is None else corruptions
    asked = ["labels", *([names] if isinstance(names, str) else names)]
    missing = [f"{name}.npy" for name in asked if not (place / f"{name}.npy").is_file()]
    if missing or not there:
        found = f"its corruptions are {', '.join(map(repr, there))}" if there else "it holds no corruption"
        raise InputError(f"{place} has no {', '.join(missing or ['<corruption>.npy'])}; {found}.")
    labels = _open(place / "labels.npy")
    n = len(labels) // _SEVERITIES if labels.ndim == 1 else 0
    same = n > 0 and len(labels) == _SEVERITIES * n and np.issubdtype(labels.dtype, np.integer)
    if not same or (labels.reshape(_SEVERITIES, n) != labels[:n]).any():
        raise InputError(
            f"{place / 'labels.npy'} must hold N whole numbers, the same N / {_SEVERITIES} for each of {_SEVERITIES} "
            f"severities; it holds an array of shape {labels.shape} and type {labels.dtype}."
        )
    files = {name: _images(place / f"{name}.npy", len(labels)) for name in asked[1:]}

    def corrupted(name: str, rows: IntArray) -> FloatArray:
        pixels = files[name][(severity - 1) * n + rows].transpose(0, 3, 1, 2)
        return np.ascontiguousarray(pixels, dtype=np.float32) / np.float32(255)

    generator = np.random.default_rng(random_state)
    shape = (_CHANNELS, _SIDE, _SIDE)
    return deal_images(corrupted, shape, np.array(labels[:n]), names, n_samples, n_test, generator)


def _images(path: Path, n: int) -> Any:
    array, shape = _open(path), (n, _SIDE, _SIDE, _CHANNELS)
    if array.shape != shape or array.dtype != np.uint8:
        raise InputError(
            f"{path} must hold an array of shape {shape} and type uint8, an image for each of the {n} labels; it holds "
            f"one of shape {array.shape} and type {array.dtype}."
        )
    return array


def _open(path: Path) -> Any:
    """The array of a file, read where it is needed; pickles are refused."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is not a file of an array of numbers (.npy): {error}") from error
