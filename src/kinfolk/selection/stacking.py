"""One table out of separate tables, one per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.validation import as_labels, check_target
from kinfolk.validation.columns import open_table
from kinfolk.validation.messages import list_names, list_offenders


def stack_tasks(
    tasks: Sequence[Any] | Mapping[Any, Any], *, task: str = "task", target: str = "y"
) -> tuple[pd.DataFrame, FloatArray]:
    """Stack one table per task into one table with a task column (long data).

    Parameters
    ----------
    tasks : sequence or mapping from label to item
        One item per task: a pair ``(X, y)``, or one frame that holds the target in its column ``target``. X
        is a DataFrame (pandas, polars, pyarrow) or an array of shape (n_rows, n_features); all frames need
        the same column names, in any order. The labels of a sequence are 0, 1, 2, ...
    task : str, default="task"
        Name of the task column to add, as the last column.
    target : str, default="y"
        Name of the target column in items that are one frame.

    Returns
    -------
    X : pandas.DataFrame of shape (n_rows, n_features + 1)
        All rows, task after task, with the column order of the first item.
    y : ndarray of shape (n_rows,)
        All target values.

    Raises
    ------
    InputError
        When there is no task, labels are not text or whole numbers, columns differ (every task that differs
        is named with its missing and extra columns), a table is empty, or a target does not fit its table.

    Examples
    --------
    >>> import pandas as pd
    >>> from kinfolk.selection import stack_tasks
    >>> X, y = stack_tasks({
    ...     "a": (pd.DataFrame({"size": [1, 2], "age": [5, 6]}), [0.1, 0.2]),
    ...     "b": (pd.DataFrame({"age": [7], "size": [3]}), [0.3]),
    ... }, task="shop")
    >>> X
       size  age shop
    0     1    5    a
    1     2    6    a
    2     3    7    b
    >>> y
    array([0.1, 0.2, 0.3])
    """
    items = list(tasks.values()) if isinstance(tasks, Mapping) else list(tasks)
    if not items:
        raise InputError("There is no task to stack: pass at least one (X, y).")
    labels = as_labels(list(tasks) if isinstance(tasks, Mapping) else np.arange(len(items)), name="labels of tasks")
    pairs = [_open_item(item, f"task {label!r}", target) for item, label in zip(items, labels.tolist(), strict=True)]
    frames = [frame for frame, _ in pairs]
    _check_columns(frames, labels.tolist(), task)
    table = pd.concat([frame[frames[0].columns] for frame in frames], ignore_index=True)
    table[task] = np.repeat(labels, [len(frame) for frame in frames])
    return table, np.concatenate([y for _, y in pairs])


def _open_item(item: Any, what: str, target: str) -> tuple[pd.DataFrame, FloatArray]:
    """Features and target of one task."""
    if nw.dependencies.is_into_dataframe(item):
        frame = _as_frame(item, f"The table of {what}")
        if target not in frame:
            raise InputError(
                f"The table of {what} has no target column {target!r}. It has the columns "
                f"{list_names(frame.columns.tolist(), 20)}."
            )
        X, y = frame.drop(columns=target), frame[target]
    elif isinstance(item, tuple | list) and len(item) == 2:
        X, y = _as_frame(item[0], f"X of {what}"), item[1]
    else:
        raise InputError(
            f"{what} must be a pair (X, y), or one frame with the target column {target!r}; got {type(item).__name__}."
        )
    return X, check_target(y, n_rows=len(X), allow_2d=False, allow_missing=False, name=f"y of {what}")


def _as_frame(X: Any, what: str) -> pd.DataFrame:
    names, source = open_table(X, what)
    if isinstance(source, np.ndarray):
        return pd.DataFrame(source, columns=[f"x{j}" for j in range(source.shape[1])])
    frame = source.to_pandas()
    return frame if names is not None else frame.set_axis([f"x{j}" for j in range(frame.shape[1])], axis=1)


def _check_columns(frames: Sequence[pd.DataFrame], labels: Sequence[Any], task: str) -> None:
    """Refuse tables whose columns differ from those of the first, and a column named as the task column."""
    if task in frames[0]:
        raise InputError(f"X already has a column {task!r}. Choose another name for the task column with task=.")
    offenders = []
    for frame, label in zip(frames, labels, strict=True):
        missing, extra = (
            frames[0].columns.difference(frame.columns),
            frame.columns.difference(frames[0].columns),
        )
        parts = [
            f"{word} {list_names(list(names))}"
            for word, names in (("lacks", missing), ("has also", extra))
            if len(names)
        ]
        if parts:
            offenders.append(f"task {label!r} {' and '.join(parts)}")
    if offenders:
        raise InputError(
            "All tasks need the same columns; compared with task "
            f"{labels[0]!r}:\n{list_offenders(offenders)}\nRename, drop or add columns so that they agree."
        )
