"""CURVE key pairs: who may be heard across hosts, and by whom."""

import os
import re
from pathlib import Path

from kinfolk.agents._zmq import load_certificate, zmq
from kinfolk.exceptions import InputError

_PRIVATE = 0o600
_PUBLIC = 0o644
_Z85 = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


def write_keys(folder: str | Path, name: str = "agent") -> tuple[Path, Path, str]:
    """Make a key pair and write ``name.key`` (public) and ``name.key_secret`` (for the owner's eyes only).

    Parameters
    ----------
    folder : str or Path
        Made where it is not there.
    name : str, default="agent"

    Returns
    -------
    public, secret : Path
    key : str
        The public key, 40 characters: what goes into the neighbours' configuration.

    Raises
    ------
    InputError
        One of the files is there already (keys are never overwritten), or the folder cannot be written to.
    """
    folder = Path(folder)
    public, secret = folder / f"{name}.key", folder / f"{name}.key_secret"
    for path in (public, secret):
        if path.exists():
            raise InputError(f"There is a key {str(path)!r} already; keys are never overwritten. Give another --out.")
    key, private = (half.decode() for half in zmq.curve_keypair())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(secret, _certificate(key, private), _PRIVATE)
        _write(public, _certificate(key), _PUBLIC)
    except OSError as error:
        raise InputError(f"Cannot write keys into {str(folder)!r}: {error.strerror}.") from error
    return public, secret, key


def read_secret(path: Path) -> tuple[bytes, bytes]:
    """Public and secret key of an agent.

    Raises
    ------
    InputError
        The file is missing, holds no secret key, or can be read by others than its owner.
    """
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError(f"The secret key {str(path)!r} can be read by others: chmod 600 it.")
        public, secret = load_certificate(path)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"Cannot read the secret key {str(path)!r}: {error}. kinfolk agent keys makes one.") from error
    if secret is None:
        raise InputError(f"{str(path)!r} holds no secret key; the file that does ends in .key_secret.")
    return public, secret


def is_public_key(text: str) -> bool:
    """Whether a text can be a CURVE key."""
    return _Z85.fullmatch(text) is not None


def _certificate(public: str, secret: str | None = None) -> str:
    """The file format of ZeroMQ's certificates."""
    lines = ["metadata", "curve", f'    public-key = "{public}"']
    return "\n".join([*lines, *([] if secret is None else [f'    secret-key = "{secret}"'])]) + "\n"


def _write(path: Path, text: str, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
