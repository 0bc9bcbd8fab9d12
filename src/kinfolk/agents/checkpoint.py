"""What an agent remembers, in one file: arrays and a json text, written atomically; loading executes nothing."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from kinfolk.agents.node import Agent
from kinfolk.exceptions import ModelFileError
from kinfolk.graph.streaming.learner import Learner
from kinfolk.io.atomic import atomic_write

FORMAT_VERSION = 1
_PLAIN = {"round": int, "size": float, "since": int, "untold": int, "level": float, "n_estimates": int}
# what zipfile, zlib and numpy raise for files that are not what they say; an encrypted member is a RuntimeError, one of
# an unknown compression a NotImplementedError. All become a ModelFileError.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, NotImplementedError, RuntimeError)


def save_checkpoint(agent: Agent, path: str | Path) -> None:
    """Write what an agent remembers: not one of its rows, and nothing of what it heard but the weights.

    Parameters
    ----------
    agent : Agent
    path : str or Path
        By convention ``something.npz``.

    Raises
    ------
    InputError
        There is no such folder.
    """
    description = {
        "format": FORMAT_VERSION,
        "agent": agent.id,
        "loss": agent.learner.loss,
        "first": agent.first,
        "edges": [[other.agent, other.here, other.there] for other in agent.candidates.values()],
        **{name: getattr(agent, name) for name in _PLAIN},
    }
    arrays = {name: getattr(agent.learner, name) for name in Learner.arrays()}
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    with atomic_write(path) as stream:
        np.savez(stream, description=text, served=agent.served, **arrays)


def read_checkpoint(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Description and arrays of a checkpoint.

    Raises
    ------
    ModelFileError
        The file is missing, damaged or of another format.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream, NpzFile(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("description", "served", *Learner.arrays())}
        description = json.loads(arrays.pop("description").tobytes())
    except _DAMAGED as error:
        raise ModelFileError(f"{str(path)!r} is no checkpoint of an agent, or is damaged: {error}.") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT_VERSION:
        raise ModelFileError(f"{str(path)!r} is no checkpoint that this version of kinfolk reads.")
    return description, arrays


def restore(agent: Agent, path: str | Path) -> None:
    """Let a new agent go on where the one that wrote a checkpoint was.

    Weights of candidates that it no longer has are left out; given weights stay as given.

    Parameters
    ----------
    agent : Agent
        As configured; unchanged where the checkpoint is refused.
    path : str or Path

    Raises
    ------
    ModelFileError
        The checkpoint is missing, damaged, or that of another agent or of another model.
    """
    description, arrays = read_checkpoint(path)
    expected = {"agent": agent.id, "loss": agent.learner.loss, "first": agent.first}
    for name, value in expected.items():
        if description.get(name) != value:
            what = "intercepts" if name == "first" else name
            raise ModelFileError(
                f"The checkpoint {str(path)!r} is of {what} {description.get(name)!r}, the configuration of {value!r}: "
                "name another checkpoint file, or move this one away to start anew."
            )
    learned = {name: getattr(agent.learner, name) for name in Learner.arrays()}
    for name, value in (learned | {"served": agent.served}).items():
        found = arrays[name]
        if found.shape != value.shape or found.dtype != value.dtype or not np.isfinite(found).all():
            raise ModelFileError(
                f"The checkpoint {str(path)!r} has {name} of shape {found.shape} ({found.dtype}); expected finite "
                f"numbers of shape {value.shape} ({value.dtype}): were features added or left out?"
            )
    try:
        plain = {name: kind(description[name]) for name, kind in _PLAIN.items()}
        edges = {
            int(other): (float(here), None if there is None else float(there))
            for other, here, there in description["edges"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{str(path)!r} is no checkpoint of an agent: {error!r}.") from error
    numbers = [*plain.values(), *(weight for ends in edges.values() for weight in ends if weight is not None)]
    if not all(np.isfinite(number) and number >= 0 for number in numbers):
        raise ModelFileError(f"{str(path)!r} holds numbers that are negative or not finite.")
    for name in learned:
        setattr(agent.learner, name, arrays[name])
    agent.served = arrays["served"]
    for name, value in plain.items():
        setattr(agent, name, value)
    for other, (here, there) in edges.items():
        if other in agent.candidates and not agent.given:
            agent.candidates[other].here, agent.candidates[other].there = here, there
