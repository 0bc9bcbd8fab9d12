"""Rows, targets and tasks as they are given, checked."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.theory.problem import LINKS, Link


@dataclass(frozen=True, eq=False)
class Table:
    """What estimates are made of.

    Attributes
    ----------
    X : (n, d) array
    y : (n,) array
        Measured values, or labels -1, +1 (the larger class).
    link : {"linear", "logistic", "sign"}
    tasks : (T,) array
        Labels of tasks, sorted.
    codes : (n,) array of int
        Task of a row.
    counts : (T,) array of int
        Rows of a task.
    """

    X: FloatArray
    y: FloatArray
    link: Link
    tasks: LabelArray
    codes: IntArray
    counts: IntArray

    @classmethod
    def of(cls, X: FloatArray, y: LabelArray, task: object, link: str) -> "Table":
        """Check everything.

        Raises
        ------
        InputError
            Shapes disagree, something is not finite, there is one task, no task has two rows, or y does not fit the
            link.
        """
        X, y, labels = np.asarray(X, dtype=float), np.asarray(y), np.asarray(task)
        if X.ndim != 2 or y.shape != (len(X),) or labels.shape != (len(X),):
            raise InputError(f"Give X (n, d), y (n,) and task (n,); got {X.shape}, {y.shape} and {labels.shape}.")
        if not (np.isfinite(X).all() and (y.dtype.kind not in "fiub" or np.isfinite(y).all())):
            raise InputError("X and y must be finite: leave out rows with missing values, or fill them in.")
        tasks, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        if len(counts) < 2 or counts.max() < 2:
            raise InputError(f"At least two tasks, and one with two rows, are needed; found {len(counts)} task(s).")
        known, target = _as_numbers(y, link)
        return cls(X, target, known, tasks, codes.astype(np.int64), counts.astype(np.int64))


def _as_numbers(y: LabelArray, link: str) -> tuple[Link, FloatArray]:
    """The link, and numbers."""
    if link not in ("auto", *LINKS):
        raise InputError(f"link={link!r} is not known; choose 'auto' or one of {', '.join(map(repr, LINKS))}.")
    classes = np.unique(y)
    if link == "auto":
        link = "logistic" if len(classes) == 2 else "linear"
    if link == "linear":
        if y.dtype.kind not in "fiub":
            raise InputError(f"y has to be numbers, or two classes; found {len(classes)} distinct values of {y.dtype}.")
        return "linear", y.astype(float)
    if len(classes) != 2:
        raise InputError(f"link={link!r} is for two classes, found {len(classes)} distinct values in y.")
    return cast(Link, link), np.where(y == classes[1], 1.0, -1.0)
