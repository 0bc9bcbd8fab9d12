"""Files are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kinfolk.exceptions import InputError


def check_place(path: str | Path) -> None:
    """Refuse a file that cannot be written where it should go.

    Raises
    ------
    InputError
        As `atomic_write`.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder: name the file to write in it.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {str(path.parent)!r} to write {path.name!r} into.")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError(f"Nothing can be written into {str(path.parent)!r}: {error.strerror}.") from error


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` for writing bytes; when all went well it takes the place of ``path``.

    Raises
    ------
    InputError
        There is no such folder, no file can be made in it, or ``path`` is a folder itself.
    """
    path = Path(path)
    check_place(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:  # whatever stopped it, an interrupt too: leave no half file, and let it go on
        temporary.unlink(missing_ok=True)
        raise
