"""Real tables: three bundled ones, and others from a folder named by the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Dataset:
    """A real table, ready for ``fit(X, y)``.

    Attributes
    ----------
    name : str
        Short name, as the command line knows it.
    frame : pandas.DataFrame
        Everything in one table: inputs, task column, target columns (and columns that are no inputs, if
        there are any).
    X : pandas.DataFrame
        Inputs (float64), and the task column last when there is one.
    y : pandas.Series or pandas.DataFrame
        The target, or one column per target (wide data).
    task : str or None
        Name of the task column; None when every target is a task.
    target : str or tuple of str
        Name of the target column, or names of the target columns.
    description : str
        What the rows, inputs, target and tasks are, with units.
    licence : str
        Terms and source; the full notice of a bundled table is beside its file in the package.
    """

    name: str
    frame: pd.DataFrame
    X: pd.DataFrame
    y: pd.Series | pd.DataFrame
    task: str | None
    target: str | tuple[str, ...]
    description: str
    licence: str


def load_ames() -> Dataset:
    """House prices in Ames, Iowa: 2930 sales, 33 inputs, log sale price; the 28 neighbourhoods are the tasks.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> from kinfolk.datasets import load_ames
    >>> ames = load_ames()
    >>> ames.X.shape, ames.task, ames.target
    ((2930, 34), 'neighborhood', 'log_price')
    """
    description = (
        "Sales of houses in Ames, Iowa, 2006 to 2010 (De Cock 2011): 2930 rows, 33 numeric inputs (lot area, "
        "total basement area, first floor area, living area and garage area, all in square feet, as log(1 + "
        "value)), target: natural log of the sale price in US dollars; task: neighbourhood (28, from 1 to "
        "443 rows)."
    )
    licence = "MIT (R package modeldata); see ames_housing.LICENSE.txt"
    return _bundled("ames", "ames_housing", "neighborhood", {"y": "log_price"}, description, licence)


def load_watch() -> Dataset:
    """Shoulder exercises seen by a smart watch: 1149 windows, 51 inputs, 7 classes; 10 subjects (tasks).

    The target is a class (text): this table is for classification.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> from kinfolk.datasets import load_watch
    >>> watch = load_watch()
    >>> watch.X.shape, watch.task, watch.y.nunique()
    ((1149, 52), 'subject', 7)
    """
    description = (
        "Windows of 4 s of the accelerometer and gyroscope (50 Hz) of a smart watch during physiotherapy "
        "exercises of the shoulder (Burns et al. 2018): 1149 rows, 51 inputs (mean, sd, min, max, absolute "
        "difference, interquartile range of 6 channels and their 15 correlations), target: exercise (7 "
        "classes); task: subject (10, from 70 to 140 rows)."
    )
    licence = "BSD-3-Clause (Python package seglearn); see watch_exercise.LICENSE.txt"
    return _bundled("watch", "watch_exercise", "subject", {"y": "exercise"}, description, licence)


def load_meats() -> Dataset:
    """Near infrared spectra of meat: 215 samples, 100 channels; water, fat and protein are the responses.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> from kinfolk.datasets import load_meats
    >>> meats = load_meats()
    >>> meats.X.shape, meats.task, meats.target
    ((215, 100), None, ('water', 'fat', 'protein'))
    """
    description = (
        "Absorbance (-log10 of the transmittance) of finely chopped meat at 100 wavelengths from 850 to 1050 "
        "nm, measured on a Tecator Infratec analyser: 215 rows, 100 inputs, targets: water, fat and protein "
        "in percent; every target is a task."
    )
    licence = "MIT (R package modeldata), with the permission note of Tecator; see meats_nir.LICENSE.txt"
    targets = {"y__water": "water", "y__fat": "fat", "y__protein": "protein"}
    return _bundled("meats", "meats_nir", None, targets, description, licence)


DATASETS: dict[str, Callable[[], Dataset]] = {"ames": load_ames, "watch": load_watch, "meats": load_meats}


def data_directory() -> Path | None:
    """Folder with the real tables that cannot be bundled, or None when it is absent.

    The environment variable ``KINFOLK_DATA`` names it; the default is ``../shared/data`` beside the current
    directory. Benchmarks and tests use it; the package itself never does.
    """
    folder = Path(os.environ.get("KINFOLK_DATA", "../shared/data"))
    return folder if folder.is_dir() else None


def load_real(name: str) -> Dataset:
    """Load one table of `data_directory`.

    Its columns are ``task``, ``y`` or ``y__*`` (targets), ``x__*`` (inputs) and others, which go to
    ``frame`` only.

    Parameters
    ----------
    name : str
        Name of the parquet file without its ending, for example ``"school_ilea"``.

    Returns
    -------
    Dataset
        ``task`` is None when there is a single task; names lose their ``x__`` and ``y__``.

    Raises
    ------
    FileNotFoundError
        When the folder or the file is absent; the message says which, and what to set.
    """
    folder = data_directory()
    if folder is None:
        wanted = os.environ.get("KINFOLK_DATA", "../shared/data")
        raise FileNotFoundError(
            f"The folder {wanted!r} of real data is absent. Set KINFOLK_DATA to the folder that holds {name}.parquet."
        )
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is absent from the folder of real data (KINFOLK_DATA).")
    raw = pd.read_parquet(path)
    targets = {
        column: column.removeprefix("y__") for column in raw.columns if column == "y" or column.startswith("y__")
    }
    task = "task" if raw["task"].nunique() > 1 else None
    return _dataset(
        raw, name, task, targets, f"The table {name} of the folder of real data.", "Not for redistribution."
    )


def _bundled(
    name: str, file: str, task: str | None, targets: dict[str, str], description: str, licence: str
) -> Dataset:
    with (files("kinfolk.datasets") / "data" / f"{file}.parquet").open("rb") as stream:
        raw = pd.read_parquet(stream)
    return _dataset(raw, name, task, targets, description, licence)


def _dataset(
    raw: pd.DataFrame, name: str, task: str | None, targets: dict[str, str], description: str, licence: str
) -> Dataset:
    """Give the columns friendly names and an order: inputs, task, others, targets."""
    inputs = {column: column.removeprefix("x__") for column in raw.columns if column.startswith("x__")}
    others = [column for column in raw.columns if column not in {"task", *inputs, *targets}]
    X = raw[list(inputs)].astype(float).rename(columns=inputs)
    y = raw[list(targets)].rename(columns=targets)
    numeric = y.select_dtypes("number").columns
    y = y.astype(dict.fromkeys(numeric, float))
    if task is not None:
        X[task] = raw["task"]
    frame = pd.concat([X, raw[others], y], axis=1)
    names = tuple(targets.values())
    if len(names) == 1:
        return Dataset(name, frame, X, y[names[0]], task, names[0], description, licence)
    return Dataset(name, frame, X, y, task, names, description, licence)
