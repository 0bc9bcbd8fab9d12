"""A finding, and the words that all findings share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kinfolk._typing import IntArray, LabelArray
from kinfolk.validation.messages import list_names

NAMED = 6  # names in one sentence


@dataclass(frozen=True)
class Finding:
    """One thing that a user should know.

    Attributes
    ----------
    severity : {"problem", "note"}
        Problem: results would be wrong, or there would be none.
    about : str
        What kind of finding it is.
    text : str
        What was found, and where.
    remedy : str
        What to do.
    names : tuple of str
        Columns, or tasks, that it is about.
    """

    severity: str
    about: str
    text: str
    remedy: str
    names: tuple[str, ...] = ()


def counted(number: int, noun: str) -> str:
    """Say how many: ``1 task``, ``2 tasks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def more(number: int, shown: int = NAMED) -> str:
    """Say how many are not shown."""
    return f" and {number - shown} more" if number > shown else ""


def named(names: Sequence[Any] | LabelArray, chosen: IntArray) -> str:
    """The chosen names in quotes, the first few of them."""
    return list_names(list(labels_of(names, chosen)), NAMED)


def labels_of(names: Sequence[Any] | LabelArray, chosen: IntArray) -> tuple[str, ...]:
    """All chosen names, as text."""
    return tuple(str(names[int(j)]) for j in chosen)
