"""What a table looks like before any fit: numbers first, and what they mean for a user."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.diagnostics.apart import Apart, stand_apart
from kinfolk.diagnostics.cells import Cells, take_apart
from kinfolk.diagnostics.collinear import Spectrum, copies, spectrum
from kinfolk.diagnostics.finding import Finding
from kinfolk.diagnostics.findings import findings_of
from kinfolk.diagnostics.leaks import LEAK, Leaks, leaks
from kinfolk.diagnostics.variance import Variance, kurtosis, variance
from kinfolk.exceptions import InputError
from kinfolk.selection.summary import data_summary
from kinfolk.validation import holds_classes
from kinfolk.validation.columns import column_at, name_of, open_table
from kinfolk.validation.tables import find_task_column


@dataclass(frozen=True, eq=False)
class Examination:
    """What `examine` found in n complete rows of T tasks with d features.

    Attributes
    ----------
    cells : Cells
        The complete rows, and what was missing, text or left out.
    task_name, target_name : str
    tasks : (T,) array
        Labels, sorted.
    codes : (n,) array of int
        Task of each row.
    counts : (T,) array of int
        Rows of each task.
    classes : array or None
        Sorted classes of a target for classification; None for numbers.
    class_counts : (T, K) array of int or None
    summary : dict
        Sizes, constant and duplicated columns, as in a comparison.
    target : Variance
        Of the target; of classes: of an indicator of the second of two, or of each of more.
    features : Variance
    target_kurtosis : float
        About task means (Gaussian: 3).
    feature_kurtosis : (d,) array
    spectrum : Spectrum
        Principal directions of the features within tasks, without copies and suspects of leakage.
    copies : list of (later, earlier) positions
        Features that are equal up to scale and offset.
    apart : Apart
        How far tasks stand from the others.
    leaks : Leaks
    repeated_rows : int
        Complete rows that repeat an earlier one in every used column.
    findings : tuple of Finding
        Problems first.
    """

    cells: Cells
    task_name: str
    target_name: str
    tasks: LabelArray
    codes: IntArray
    counts: IntArray
    classes: LabelArray | None
    class_counts: IntArray | None
    summary: dict[str, Any]
    target: Variance
    features: Variance
    target_kurtosis: float
    feature_kurtosis: FloatArray
    spectrum: Spectrum
    copies: list[tuple[int, int]]
    apart: Apart
    leaks: Leaks
    repeated_rows: int
    findings: tuple[Finding, ...] = ()


def examine(X: Any, y: Any, *, task: str | int) -> Examination:
    """Look at a table before any fit; missing cells and columns of text are findings, not errors.

    Every threshold is a constant of the module that measures it. Findings do not depend on the units of the target or
    of features, nor on the order of tasks.

    Parameters
    ----------
    X : DataFrame or array (n, d + 1)
        Features and the task column, with all cells as they are.
    y : Series, array or list (n,)
        Target: numbers, or classes.
    task : str or int
        Name or position of the task column.

    Returns
    -------
    Examination

    Raises
    ------
    InputError
        No row is complete or no column holds numbers; y has another length than X; labels of tasks are no labels.

    Examples
    --------
    >>> import pandas as pd
    >>> from kinfolk.diagnostics import examine
    >>> table = pd.DataFrame({"ward": ["a", "a", "a", "b", "b"], "age": [1, 2, 4, 3, 5], "site": [1, 1, 1, 2, 2]})
    >>> found = examine(table, [1.0, 3.0, 2.0, 5.0, 7.0], task="ward")
    >>> found.counts.tolist(), found.features.fixed.tolist()
    ([3, 2], [False, True])
    >>> [finding.names for finding in found.findings if finding.about == "fixed"]
    [('site',)]
    """
    names, source = open_table(X, "X")
    n, d = source.shape
    position = find_task_column(names, d, task)
    frame = pd.DataFrame({name_of(names, j): column_at(source, j, name_of(names, j)).values for j in range(d)})
    task_name = name_of(names, position)
    series = y.reset_index(drop=True) if isinstance(y, pd.Series) else pd.Series(np.asarray(y).ravel())
    series = series.rename("y" if series.name is None else str(series.name))
    if len(series) != n:
        raise InputError(f"X has {n} rows and y has {len(series)}: every row of X needs one target.")
    return _measure(take_apart(frame, series, task_name), task_name, str(series.name))


def _named(y: LabelArray) -> LabelArray:
    """Classes as they are called: text, or 1 and not 1.0."""
    if y.dtype == object:
        return y.astype(str)
    return y.astype(np.int64) if y.dtype.kind == "f" and (y % 1 == 0).all() else y


def _measure(cells: Cells, task_name: str, target_name: str) -> Examination:
    tasks, codes, counts = np.unique(cells.labels, return_inverse=True, return_counts=True)
    classes, class_counts, columns = None, None, None
    if cells.y.dtype == object or holds_classes(cells.y):
        classes, which = np.unique(_named(cells.y), return_inverse=True)
        indicators = np.eye(len(classes))[which]
        class_counts = np.zeros((len(tasks), len(classes)), dtype=np.int64)
        np.add.at(class_counts, (codes, which), 1)
        columns = indicators[:, 1:] if len(classes) == 2 else indicators
    target = (cells.y.astype(float)[:, None]) if columns is None else columns
    told, features = variance(target, codes, counts), variance(cells.features, codes, counts)
    suspects = leaks(cells.features, target, features.centred, told.centred, codes, len(tasks))
    same = copies(cells.features, ~features.constant) if len(codes) > 2 else []  # two rows are on a line
    used = ~features.constant & ~features.fixed & (np.abs(features.centred).max(axis=0) > 0.0)
    used[[later for later, _ in same]] = False
    used &= ~(np.abs(np.nan_to_num(suspects.correlation)) > LEAK)
    several = features.centred[counts[codes] > 1]
    rows = pd.DataFrame(np.column_stack((cells.features, target, codes)))
    found = Examination(
        cells=cells,
        task_name=task_name,
        target_name=target_name,
        tasks=tasks,
        codes=codes,
        counts=counts,
        classes=classes,
        class_counts=class_counts,
        summary=data_summary(cells.features, cells.names, target[:, -1], codes, len(tasks)),
        target=told,
        features=features,
        target_kurtosis=float(kurtosis(told.centred)[-1]),
        feature_kurtosis=kurtosis(several) if len(several) else np.full(len(cells.names), np.nan),
        spectrum=spectrum(features.centred, used, len(codes) - len(tasks)),
        copies=same,
        apart=stand_apart(told, features, counts, classes=classes is not None),
        leaks=suspects,
        repeated_rows=int(rows.duplicated().sum()),
    )
    return replace(found, findings=findings_of(found))
