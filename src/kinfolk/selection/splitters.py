"""Cross-validation splits that know about tasks: within tasks, over tasks, and few shots of new tasks."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from kinfolk._typing import IntArray, LabelArray
from kinfolk.exceptions import InputError
from kinfolk.tasks import deal_rows
from kinfolk.validation import as_labels, check_labels, encode_labels

RandomState = int | np.random.Generator | np.random.RandomState | None
Masks = Iterator[NDArray[np.bool_]]


class _TaskSplitter(BaseCrossValidator):  # type: ignore[misc]  # scikit-learn is untyped
    """The scikit-learn face of all splitters: a training part is all rows that are not in its test part."""

    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}  # routed without being asked for

    def __init__(self, n_splits: int, task: str | int | None, shuffle: bool, random_state: RandomState) -> None:
        self.n_splits = _whole_number("n_splits", n_splits, at_least=2)
        if not shuffle and random_state is not None:
            raise InputError("random_state has no effect because shuffle is False: leave one of them out.")
        self.task = task
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits; the arguments are there for scikit-learn and are ignored."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield the row numbers of the training and of the test part, ``n_splits`` times.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Read for the task labels only: its other columns may hold anything.
        y : ignored
        groups : array-like of shape (n_rows,), optional
            Task labels; used only when ``task`` is None.

        Yields
        ------
        train, test : ndarray of int
            Row numbers, in increasing order.

        Raises
        ------
        InputError
            When the labels cannot be read, or when there are too few tasks or rows to split.
        """
        yield from super().split(X, y, groups)

    def _codes(self, X: Any, groups: Any, *, tasks_needed: bool) -> tuple[LabelArray, IntArray]:
        if self.task is not None:
            return encode_labels(check_labels(X, task=self.task))
        if groups is not None:
            return encode_labels(as_labels(groups, name="groups"))
        if tasks_needed:
            raise InputError(
                f"{type(self).__name__} needs task labels: give task= (the column of X that holds them) or "
                "pass groups=."
            )
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        return np.zeros(1, dtype=np.int64), np.zeros(n_rows, dtype=np.int64)

    def _generator(self) -> np.random.Generator | None:
        return np.random.default_rng(self.random_state) if self.shuffle else None


class TaskKFold(_TaskSplitter):
    """K folds within tasks: every task is in every training part.

    The rows of a task are dealt over the folds like cards, and each task goes on where the one before it has
    stopped. So the folds of one task differ by at most one row, and so do the folds of the whole table. A
    task with a single row always stays in training, and a task with fewer rows than folds is tested in as
    many folds as it has rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    task : str, int or None, default=None
        Column of X with the task labels (name or position). With None, ``groups`` holds them, and without
        ``groups`` there is one task.
    shuffle : bool, default=True
        Whether tasks and their rows are dealt in random order, or in order of labels and of appearance.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the shuffle. An int gives the same folds in every call.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.selection import TaskKFold
    >>> X = np.array([[0.1, 1], [0.2, 1], [0.3, 1], [0.4, 2], [0.5, 2], [0.6, 3]])
    >>> for train, test in TaskKFold(2, task=-1, shuffle=False).split(X):
    ...     print(train, test)
    [1 3 5] [0 2 4]
    [0 2 4 5] [1 3]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        task: str | int | None = None,
        shuffle: bool = True,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(n_splits, task, shuffle, random_state)

    def _iter_test_masks(self, X: Any = None, y: Any = None, groups: Any = None) -> Masks:
        tasks, codes = self._codes(X, groups, tasks_needed=False)
        counts = np.bincount(codes, minlength=len(tasks))
        testable = counts[codes] > 1
        n_testable = int(testable.sum())
        if n_testable < self.n_splits:
            raise InputError(
                f"n_splits={self.n_splits} folds need as many rows that can be tested, and there are "
                f"{n_testable}: a task's only row stays in training ({int((counts == 1).sum())} of "
                f"{len(tasks)} tasks have one row). Use fewer folds, or LeaveTasksOut, which holds out whole "
                "tasks."
            )
        fold = deal_rows(codes, len(tasks), self.n_splits, self._generator())
        for k in range(self.n_splits):
            yield fold == k


class LeaveTasksOut(_TaskSplitter):
    """Whole tasks are held out, in ``n_splits`` groups of tasks of (nearly) the same number.

    It measures what a model says about tasks that it has never seen (the population prediction).
    ``n_splits`` equal to the number of tasks leaves out one task at a time.

    Parameters
    ----------
    n_splits : int, default=5
        Number of groups of tasks, at least 2.
    task : str, int or None, default=None
        Column of X with the task labels (name or position). With None, ``groups`` holds them.
    shuffle : bool, default=True
        Whether the groups are random, or every ``n_splits``-th label in sorted order.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the shuffle. An int gives the same groups in every call.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.selection import LeaveTasksOut
    >>> X = np.array([[0.1, 1], [0.2, 1], [0.3, 2], [0.4, 3]])
    >>> for train, test in LeaveTasksOut(2, task=-1, shuffle=False).split(X):
    ...     print(train, test)
    [2] [0 1 3]
    [0 1 3] [2]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        task: str | int | None = None,
        shuffle: bool = True,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(n_splits, task, shuffle, random_state)

    def _iter_test_masks(self, X: Any = None, y: Any = None, groups: Any = None) -> Masks:
        tasks, codes = self._codes(X, groups, tasks_needed=True)
        group = _deal_tasks(np.ones(len(tasks), dtype=bool), self.n_splits, self._generator(), "tasks")
        for k in range(self.n_splits):
            yield (group == k)[codes]


class FewShotSplit(_TaskSplitter):
    """New tasks with ``n_shot`` training rows each, beside all rows of the other tasks.

    In every split one group of tasks is new: ``n_shot`` random rows of each go to training, the rest of
    their rows is the test. A task with ``n_shot`` rows or fewer cannot be tested and stays in training.

    Parameters
    ----------
    n_shot : int
        Training rows of each new task; 0 holds out whole tasks, as `LeaveTasksOut` does.
    n_splits : int, default=5
        Number of groups of new tasks, at least 2.
    task : str, int or None, default=None
        Column of X with the task labels (name or position). With None, ``groups`` holds them.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the groups and of the rows. An int gives the same splits in every call; the rows chosen for a
        smaller ``n_shot`` are then among those for a larger one.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.selection import FewShotSplit
    >>> X = np.column_stack([np.arange(12.0), np.repeat([1, 2, 3], 4)])
    >>> splitter = FewShotSplit(1, n_splits=3, task=-1, random_state=0)
    >>> [(len(train), len(test)) for train, test in splitter.split(X)]
    [(9, 3), (9, 3), (9, 3)]
    """

    def __init__(
        self,
        n_shot: int,
        *,
        n_splits: int = 5,
        task: str | int | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(n_splits, task, True, random_state)
        self.n_shot = _whole_number("n_shot", n_shot, at_least=0)

    def _iter_test_masks(self, X: Any = None, y: Any = None, groups: Any = None) -> Masks:
        tasks, codes = self._codes(X, groups, tasks_needed=True)
        generator = np.random.default_rng(self.random_state)
        counts = np.bincount(codes, minlength=len(tasks))
        order = np.lexsort((generator.random(len(codes)), codes))
        rank = np.empty(len(codes), dtype=np.int64)
        rank[order] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
        what = f"tasks with more than n_shot={self.n_shot} rows"
        group = _deal_tasks(counts > self.n_shot, self.n_splits, generator, what)
        for k in range(self.n_splits):
            yield (group == k)[codes] & (rank >= self.n_shot)


def _deal_tasks(
    eligible: NDArray[np.bool_], n_splits: int, generator: np.random.Generator | None, what: str
) -> IntArray:
    """Deal a group 0 .. n_splits - 1 to every eligible task, and -1 to the others."""
    chosen = np.flatnonzero(eligible)
    if len(chosen) < n_splits:
        raise InputError(
            f"n_splits={n_splits} needs at least as many {what}; there are {len(chosen)}. Use fewer splits."
        )
    if generator is not None:
        chosen = generator.permutation(chosen)
    group = np.full(len(eligible), -1, dtype=np.int64)
    group[chosen] = np.arange(len(chosen)) % n_splits
    return group


def _whole_number(name: str, value: Any, *, at_least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < at_least:
        raise InputError(f"{name} must be a whole number of at least {at_least}, got {value!r}.")
    return int(value)
