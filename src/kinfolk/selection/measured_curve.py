"""Learning curves that are measured: the same comparison with fewer rows of every task in training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kinfolk._typing import FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.selection.cross_validate import compare
from kinfolk.selection.held_out import Progress
from kinfolk.selection.splitters import TaskKFold
from kinfolk.validation import check_labels, encode_labels


@dataclass(frozen=True)
class _Thinned:
    """Folds of a splitter with a part of the training rows of every task: those that stand first in ``order``."""

    splitter: Any
    codes: IntArray
    order: FloatArray
    fraction: float

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[IntArray, IntArray]]:
        for train, test in self.splitter.split(X, y, groups):
            place = np.lexsort((self.order[train], self.codes[train]))
            ordered = train[place]
            codes = self.codes[ordered]
            starts = np.flatnonzero(np.diff(codes, prepend=-1))
            counts = np.diff(np.append(starts, len(codes)))
            rank = np.arange(len(codes)) - np.repeat(starts, counts)
            kept = rank < np.repeat(np.maximum(np.round(self.fraction * counts), 1), counts)
            yield np.sort(ordered[kept]), test


def measure_learning_curve(
    X: Any,
    y: Any,
    *,
    task: str | int,
    methods: str | Sequence[Any] | Mapping[str, Any] = "all",
    fractions: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    cv: int = 5,
    scoring: str = "auto",
    random_state: int | None = 0,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Measure how the error falls with rows: `compare` with a part of the training rows of every task.

    Test rows are the same for every fraction, and smaller training parts lie within larger ones.

    Parameters
    ----------
    X : DataFrame or array, (n, d + 1) with the task column
    y : (n,)
    task : str or int
        The task column.
    methods, scoring, n_jobs, progress
        As in `compare`.
    fractions : sequence of float, default=(0.25, 0.5, 0.75, 1.0)
        Of each task's training rows, in (0, 1]; one row at least.
    cv : int, default=5
        Folds inside the tasks.
    random_state : int or None, default=0
        Deals rows over folds and chooses those that are left out.

    Returns
    -------
    DataFrame
        The methods table of each comparison (``method, loss, gain, gain_se, ...``) with ``fraction``, ``n_rows`` (mean
        number of training rows) and ``factor`` (training rows as a share of all rows) before it.

    Raises
    ------
    InputError
        A fraction is not in (0, 1]; or as in `compare`.

    Examples
    --------
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=30, n_samples=20, n_features=8, rank=2, random_state=0)
    >>> curve = measure_learning_curve(tasks.X, tasks.y, task="task", methods=["PooledRidge"], fractions=[0.25, 1.0])
    >>> alone = curve[curve["method"] == "IndependentRidge"]
    >>> bool(alone["loss"].is_monotonic_decreasing), alone["n_rows"].tolist()
    (True, [120.0, 480.0])
    """
    if not len(fractions) or not all(0.0 < fraction <= 1.0 for fraction in fractions):
        raise InputError(f"fractions have to lie in (0, 1]; got {fractions!r}.")
    _, codes = encode_labels(check_labels(X, task=task))
    splitter = TaskKFold(cv, task=task, shuffle=True, random_state=random_state)
    order = np.random.default_rng(random_state).random(len(codes))
    tables = []
    for place, fraction in enumerate(fractions):
        thinned = _Thinned(splitter, codes, order, float(fraction))

        def step(done: int, total: int, what: str, place: int = place) -> None:
            if progress is not None:
                progress(place * total + done, len(fractions) * total, f"{what}, {fractions[place]:.0%} of the rows")

        found = compare(
            X,
            y,
            task=task,
            methods=methods,
            cv=thinned,
            scoring=scoring,
            random_state=random_state,
            n_jobs=n_jobs,
            progress=step,
        )
        n_rows = float(np.mean([len(train) for train, _ in thinned.split(X, y)]))
        head = {"fraction": float(fraction), "n_rows": n_rows, "factor": n_rows / len(codes)}
        tables.append(found.methods.assign(**head)[[*head, *found.methods.columns]])
    return pd.concat(tables, ignore_index=True)
