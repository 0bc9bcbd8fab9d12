"""Models out and in: one zip of npy arrays and json, written atomically; loading executes nothing."""

import json
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib import format as npy

from kinfolk.base import TaskEstimator
from kinfolk.exceptions import InputError, ModelFileError
from kinfolk.io.atomic import atomic_write
from kinfolk.io.state import get_state, set_state

FORMAT_VERSION = 1
_MODEL = "model.json"
# what zipfile, zlib and json raise for files that are not what they say (an encrypted member is a RuntimeError)
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    UnicodeDecodeError,
    json.JSONDecodeError,
    NotImplementedError,
    RuntimeError,
)


def save_model(estimator: Any, path: str | Path) -> None:
    """Write a fitted model to one file.

    The file holds the class name, its parameters, and what it has learned: arrays as npy, the rest as json. No row of
    the training data is in it, and no source model (the parameter ``source`` is None in it). It is written beside its
    place and then moved there, so that an interrupted write leaves what was there before.

    Parameters
    ----------
    estimator : fitted kinfolk estimator
    path : str or Path
        By convention ``something.kin``.

    Raises
    ------
    InputError
        The estimator is not one of kinfolk's, or a parameter cannot be stored as json.

    Examples
    --------
    >>> import os, tempfile
    >>> from kinfolk import PooledRidge, load_model, save_model
    >>> from kinfolk.datasets import load_ames
    >>> ames = load_ames()
    >>> model = PooledRidge(task=ames.task).fit(ames.X, ames.y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, os.path.join(folder, "prices.kin"))
    ...     again = load_model(os.path.join(folder, "prices.kin"))
    >>> bool((again.predict(ames.X) == model.predict(ames.X)).all())
    True
    """
    if type(estimator) not in _classes().values():
        raise InputError(
            f"save_model writes the estimators of kinfolk; a {type(estimator).__name__} is not one. Keep its coef_ "
            "and intercept_ with numpy.savez, or use joblib where you trust the file."
        )
    import kinfolk

    arrays: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, value in get_state(estimator).items():
        is_numbers = isinstance(value, np.ndarray) and value.dtype != object
        (arrays if is_numbers else plain)[name] = value if is_numbers else _plain(value, name)
    given = estimator.get_params(deep=False) | dict.fromkeys(getattr(estimator, "_not_kept", ()))
    parameters = {name: _plain(value, name) for name, value in given.items()}
    description = {
        "format": FORMAT_VERSION,
        "kinfolk": kinfolk.__version__,
        "class": type(estimator).__name__,
        "parameters": parameters,
        "state": plain,
        "arrays": sorted(arrays),
    }
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_MODEL, json.dumps(description, indent=1))
        for name in sorted(arrays):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)


def load_model(path: str | Path, *, max_bytes: int = 4 * 2**30) -> Any:
    """Read a model that `save_model` has written.

    Parameters
    ----------
    path : str or Path
    max_bytes : int, default=4 GiB
        Refuse files that would unpack to more.

    Returns
    -------
    estimator
        Fitted, as it was saved.

    Raises
    ------
    ModelFileError
        The file is missing, damaged, too large, of another format version, or of a class or content that this version
        of kinfolk does not know. Nothing in the file is ever executed.
    """
    description, arrays = _read(Path(path), max_bytes)
    import kinfolk

    classes, name = _classes(), description["class"]
    if name not in classes:
        raise ModelFileError(f"{str(path)!r} holds a {name!r}, which is not a method of kinfolk {kinfolk.__version__}.")
    try:
        estimator = classes[name](**description["parameters"])
        set_state(estimator, description["state"] | arrays)
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise ModelFileError(
            f"{str(path)!r} does not describe a {name} that this version knows ({type(error).__name__}: {error}); "
            f"it was written by kinfolk {description['kinfolk']}, this is {kinfolk.__version__}."
        ) from error
    return estimator


def read_description(path: str | Path, *, max_bytes: int = 4 * 2**30) -> dict[str, Any]:
    """What a model file says of itself: class, parameters, version, and the shapes of its arrays."""
    description, arrays = _read(Path(path), max_bytes)
    return description | {"arrays": {name: list(array.shape) for name, array in arrays.items()}}


def _classes() -> dict[str, Any]:
    """The exported estimators that a file can hold, by name."""
    import kinfolk

    public = {name: getattr(kinfolk, name) for name in kinfolk.__all__}
    return {
        name: item
        for name, item in public.items()
        if isinstance(item, type) and (issubclass(item, TaskEstimator) or hasattr(item, "_restore"))
    }


def _plain(value: Any, name: str) -> Any:
    """Value as json can hold it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _plain(item, name) for key, item in value.items()}}
    if isinstance(value, pd.DataFrame):
        columns = {str(column): _plain(value[column].tolist(), name) for column in value.columns}
        return {"frame": columns, "index": _plain(value.index.tolist(), name)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{name}={value!r} cannot be stored in a model file: use a number, text or None.")


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_plain(item) for item in value]
    if isinstance(value, dict) and set(value) == {"frame", "index"}:
        columns = {name: _from_plain(column) for name, column in value["frame"].items()}
        return pd.DataFrame(columns, index=_from_plain(value["index"]))
    if isinstance(value, dict) and set(value) == {"float"} and value["float"] in ("inf", "-inf", "nan"):
        return float(value["float"])
    if isinstance(value, dict) and set(value) == {"dict"} and isinstance(value["dict"], dict):
        return {key: _from_plain(item) for key, item in value["dict"].items()}
    return value


def _read(path: Path, max_bytes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    if not path.is_file():
        raise ModelFileError(f"There is no model file {str(path)!r}.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            size = sum(info.file_size for info in members.values())
            if size > max_bytes:
                raise ModelFileError(f"{str(path)!r} would unpack to {size:,} bytes; the limit is {max_bytes:,}.")
            if _MODEL not in members:
                raise ModelFileError(f"{str(path)!r} is not a kinfolk model: it holds no {_MODEL}.")
            description = _description(json.loads(_bytes(archive, members[_MODEL])), path)
            expected = {f"{name}.npy" for name in description["arrays"]} | {_MODEL}
            if set(members) != expected:
                strange = sorted(set(members) ^ expected)
                raise ModelFileError(f"{str(path)!r} holds or lacks parts that were not expected: {strange[:5]}.")
            arrays = {name: _array(archive, members[f"{name}.npy"], path) for name in description["arrays"]}
    except _DAMAGED as error:
        raise ModelFileError(f"{str(path)!r} is not a kinfolk model or is damaged: {error}.") from error
    return description, arrays


def _bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as stream:
        content = stream.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename} is not as long as it says")
    return content


def _description(found: Any, path: Path) -> dict[str, Any]:
    kinds = {"format": int, "kinfolk": str, "class": str, "parameters": dict, "state": dict, "arrays": list}
    if not isinstance(found, dict) or found.get("format") != FORMAT_VERSION:
        version = found.get("format") if isinstance(found, dict) else None
        raise ModelFileError(
            f"{str(path)!r} has format version {version!r}; this version of kinfolk reads {FORMAT_VERSION}. "
            "Update kinfolk, or save the model again with this version."
        )
    wrong = [name for name, kind in kinds.items() if not isinstance(found.get(name), kind)]
    if wrong or not all(isinstance(name, str) for name in found["arrays"]):
        raise ModelFileError(
            f"{str(path)!r} is not a kinfolk model: {_MODEL} has no valid {', '.join(wrong) or 'arrays'}."
        )
    try:
        for part in ("parameters", "state"):
            found[part] = {name: _from_plain(value) for name, value in found[part].items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelFileError(f"{str(path)!r} holds a table that is none: {error}.") from error
    for name, value in found["state"].items():
        if name.rpartition(".")[2] in ("tasks", "classes") and isinstance(value, list):
            found["state"][name] = np.array(value, dtype=object)
    return found


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Any:
    """Read one npy member, after its header has been held against the member's size."""
    with archive.open(member) as stream:
        try:
            version = npy.read_magic(stream)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read_header(stream)
        except ValueError as error:
            raise ModelFileError(f"{str(path)!r}: {member.filename} is not an array: {error}.") from error
        if dtype.hasobject or dtype.kind not in "fiub":
            raise ModelFileError(f"{str(path)!r}: {member.filename} holds {dtype}, not numbers; nothing was read.")
        needed = math.prod(shape) * dtype.itemsize
        if needed + stream.tell() != member.file_size:
            raise ModelFileError(
                f"{str(path)!r}: {member.filename} says it has shape {shape}, which does not fit its "
                f"{member.file_size} bytes."
            )
        content = stream.read(needed)
    flat = np.frombuffer(content, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy()
