"""Read a source study from a file: a saved model or a table of coefficients."""

from pathlib import Path
from typing import Any

import pandas as pd

from kinfolk.exceptions import InputError
from kinfolk.io.models import load_model
from kinfolk.io.tables import as_numbers, read_frame


def read_source(path: str | Path) -> Any:
    r"""What a file lends to spectral transfer.

    Parameters
    ----------
    path : str or Path
        A model that `save_model` has written (``.kin``), or a csv, tsv, parquet or feather table of coefficients: the
        first column names the responses, the others are features; a column "intercept" may be among them.

    Returns
    -------
    fitted estimator or DataFrame
        To be given as ``source``. The frame has the responses as its index.

    Raises
    ------
    InputError
        The file is missing, damaged, or of another kind; or a coefficient is not a number.

    Examples
    --------
    >>> import os, tempfile
    >>> from kinfolk.io import read_source
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "coefs.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("response,age,dose\npulse,1.0,0.5\n")
    ...     read_source(path).loc["pulse", "dose"].item()
    0.5
    """
    if Path(path).suffix == ".kin":
        return load_model(path)
    frame = read_frame(path)
    first = frame.iloc[:, 0]
    named = frame.shape[1] > 1 and not pd.api.types.is_numeric_dtype(first)
    frame = frame.set_index(frame.columns[0]) if named else frame
    try:
        return frame.apply(as_numbers, what="coefficient")
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None
