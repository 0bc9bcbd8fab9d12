"""A transformer that leaves the task column alone, or that is fitted once per task."""

from __future__ import annotations

from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from kinfolk._typing import IntArray
from kinfolk.exceptions import InputError
from kinfolk.validation import check_seen, encode_labels, find_task_column
from kinfolk.validation.columns import Frame, Source, column_at, name_of, open_table
from kinfolk.validation.labels import column_labels


class TaskAware(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Wrap a transformer so that the task column of X passes through untouched.

    The columns other than the task column are given to ``transformer``; the task column then takes its place
    beside them, with its own name, type and values. Frames come back as frames of the same library and
    arrays as arrays, unless ``set_output`` says otherwise, so that the next step finds the task column by
    the same ``task``:

    - ``task`` is a name: it keeps its position, or is last when the transformer leaves fewer columns than
      that;
    - ``task`` is a position: the column stands at that same position (counted from the end when it is
      negative).

    Parameters
    ----------
    transformer : scikit-learn transformer
        Never fitted itself: clones of it are. Its output must be dense.
    task : str or int
        Column of X with the task labels: a name, or a position (negative allowed).
    per_task : bool, default=False
        Whether one clone is fitted for every task on the rows of that task, for example to scale within
        tasks.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone; only with ``per_task=False``.
    transformers_ : dict of label to transformer
        The fitted clones; only with ``per_task=True``.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted labels of the tasks seen in ``fit``.
    task_position_ : int
        Position of the task column in the X given to ``fit``.
    n_features_in_ : int
        Number of columns of X, with the task column.
    feature_names_in_ : ndarray of str
        Names of the columns of X, with the task column; only when X had names.

    Raises
    ------
    InputError
        When the task column cannot be found or holds bad labels, when it has no place in the output, and
        when the output is sparse or (with ``per_task=True``) has different columns for different tasks.
    UnseenTaskError
        With ``per_task=True``, when ``transform`` meets a task that ``fit`` has not seen.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import StandardScaler
    >>> from kinfolk.selection import TaskAware
    >>> X = pd.DataFrame({"price": [1.0, 3.0, 10.0, 30.0], "shop": ["a", "a", "b", "b"]})
    >>> TaskAware(StandardScaler(), task="shop", per_task=True).fit_transform(X)
       price shop
    0   -1.0    a
    1    1.0    a
    2   -1.0    b
    3    1.0    b
    """

    def __init__(self, transformer: Any, *, task: str | int, per_task: bool = False) -> None:
        self.transformer = transformer
        self.task = task
        self.per_task = per_task

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transformer on the columns other than the task column (``y`` is passed on)."""
        self._apply("fit", X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, and transform the same rows with the transformer's own ``fit_transform``."""
        return self._apply("fit_transform", X, y)

    def transform(self, X: Any) -> Any:
        """Transform the columns other than the task column, and put the task column back in its place."""
        check_is_fitted(self)
        return self._apply("transform", X, None)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns that ``transform`` gives, with the task column.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Must equal ``feature_names_in_`` when X had names at ``fit``.
        """
        check_is_fitted(self)
        numbered = [f"x{j}" for j in range(self.n_features_in_)]
        known = list(getattr(self, "feature_names_in_", numbered))
        names = known if input_features is None else list(input_features)
        if len(names) != len(known):
            raise InputError(f"input_features should have length equal to {len(known)}, got {len(names)}.")
        if names != known and hasattr(self, "feature_names_in_"):
            raise InputError("input_features is not equal to feature_names_in_.")
        task_name = names.pop(self.task_position_)
        first = next(iter(self.transformers_.values())) if self.per_task else self.transformer_
        out = list(first.get_feature_names_out(names))
        out.insert(self._place(len(out)), task_name)
        return np.asarray(out, dtype=object)

    def _apply(self, method: str, X: Any, y: Any) -> Any:
        """Call ``method`` of the clones on the columns without the task, and put the task column back."""
        fitting = method != "transform"
        names, source = open_table(X, "X")
        if isinstance(source, nw.DataFrame):
            source = _plain_frame(source) if names is not None else source.to_numpy()
        validate_data(self, _native(source), reset=fitting, skip_check_array=True)
        n_rows, n_columns = source.shape
        position = find_task_column(names, n_columns, self.task, None if fitting else self.task_position_)
        if n_columns == 1:
            raise InputError(
                f"X has 0 feature(s) (shape=({n_rows}, 0)) while a minimum of 1 is required: it holds only "
                "the task column."
            )
        labels = column_labels(column_at(source, position, name_of(names, position)))
        others = [j for j in range(n_columns) if j != position]
        features = source[:, others]
        if fitting:
            for stale in ("transformer_", "transformers_"):
                self.__dict__.pop(stale, None)
            self.tasks_, codes = encode_labels(labels)
            self.task_position_: int = position
        if self.per_task:
            if fitting:
                self.transformers_ = {label: clone(self.transformer) for label in self.tasks_.tolist()}
            else:
                codes = check_seen(labels, self.tasks_, remedy="Fit with rows of these tasks, or use per_task=False.")
            out = self._call_per_task(method, features, y, codes)
        else:
            if fitting:
                self.transformer_ = clone(self.transformer)
            out = _call(self.transformer_, method, features, y)
        return None if out is None else _put_back(out, source, position, self._place(out.shape[1]))

    def _call_per_task(self, method: str, features: Source, y: Any, codes: IntArray) -> Source | None:
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        target = None if y is None else np.asarray(y)
        parts: list[Any] = []
        for rows in np.split(order, starts[1:]):
            label = self.tasks_[codes[rows[0]]]
            part_y = None if target is None else target[rows]
            parts.append(_call(self.transformers_[label], method, features[rows, :], part_y))
            if parts[0] is not None and _columns(parts[-1]) != _columns(parts[0]):
                first = self.tasks_[codes[order[0]]]
                raise InputError(
                    f"per_task=True: the transformer gives the columns {_columns(parts[-1])} for task "
                    f"{label!r} but {_columns(parts[0])} for task {first!r}. Every task needs the same "
                    "columns: fix them in the transformer (for example OneHotEncoder(categories=...)), or "
                    "use per_task=False."
                )
        if parts[0] is None:
            return None
        back = np.argsort(order)
        stacked: Source = np.concatenate(parts) if isinstance(parts[0], np.ndarray) else nw.concat(parts)
        return stacked[back, :]

    def _place(self, n_others: int) -> int:
        """Position of the task column in an output with ``n_others`` other columns."""
        if isinstance(self.task, str):
            return min(self.task_position_, n_others)
        place = self.task if self.task >= 0 else n_others + 1 + self.task
        if not 0 <= place <= n_others:
            raise InputError(
                f"The transformer leaves {n_others} column(s), so the task column cannot stay at position "
                f"{self.task}. Use task=-1 with the task column last, or a column name."
            )
        return int(place)

    def __sklearn_tags__(self) -> Any:
        """Tags of the inner transformer, where they say what input it takes."""
        tags = super().__sklearn_tags__()
        if hasattr(self.transformer, "__sklearn_tags__"):
            inner = get_tags(self.transformer)
            tags.input_tags.allow_nan = inner.input_tags.allow_nan
            tags.target_tags.required = inner.target_tags.required
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _plain_frame(frame: Frame) -> Frame:
    """Only pandas and polars frames are known to scikit-learn: others become pandas frames."""
    known = frame.implementation.is_pandas() or frame.implementation.is_polars()
    return frame if known else nw.from_native(frame.to_pandas(), eager_only=True)


def _native(source: Source) -> Any:
    return source if isinstance(source, np.ndarray) else source.to_native()


def _call(transformer: Any, method: str, features: Source, y: Any) -> Source | None:
    """Call one method of one clone; the output is of the same kind as ``features``."""
    library = "default"
    if isinstance(features, nw.DataFrame) and hasattr(transformer, "get_feature_names_out"):
        library = str(features.implementation)
    arguments = (_native(features),) if method == "transform" else (_native(features), y)
    with sklearn.config_context(transform_output=library):
        out = getattr(transformer, method)(*arguments)
    if method == "fit":
        return None
    if sparse.issparse(out):
        raise InputError(
            f"{type(transformer).__name__} gives a SciPy sparse matrix, which is not supported yet: use its "
            "dense output (for example sparse_output=False)."
        )
    if isinstance(features, nw.DataFrame) and nw.dependencies.is_into_dataframe(out):
        frame: Frame = nw.from_native(out, eager_only=True)
        return frame
    block: NDArray[Any] = np.asarray(out)
    block = block.reshape(len(block), -1)
    return block if isinstance(features, np.ndarray) else _named(transformer, block, features)


def _named(transformer: Any, block: NDArray[Any], features: Frame) -> Frame:
    """Make a frame, beside ``features``, of the array that a transformer gives."""
    if hasattr(transformer, "get_feature_names_out"):
        names = [str(name) for name in transformer.get_feature_names_out(features.columns)]
    elif block.shape[1] == features.shape[1]:
        names = features.columns
    else:
        names = [f"{type(transformer).__name__.lower()}{j}" for j in range(block.shape[1])]
    if features.implementation.is_pandas():
        return nw.from_native(pd.DataFrame(block, columns=names, index=features.to_native().index), eager_only=True)
    return nw.from_dict({name: block[:, j] for j, name in enumerate(names)}, backend=features.implementation)


def _columns(out: Source) -> list[str] | int:
    return out.shape[1] if isinstance(out, np.ndarray) else out.columns


def _put_back(out: Source, source: Source, position: int, place: int) -> Any:
    """Insert column ``position`` of ``source`` at ``place`` among the columns of ``out``."""
    if isinstance(out, nw.DataFrame) and isinstance(source, nw.DataFrame):
        name = source.columns[position]
        names = list(out.columns)
        if name in names:
            raise InputError(
                f"The transformer gives a column {name!r}, which is the name of the task column. Rename one."
            )
        names.insert(place, name)
        return out.with_columns(source[:, position]).select(names).to_native()
    block, task = np.asarray(out), np.asarray(source)[:, [position]]
    blocks = [block[:, :place], task, block[:, place:]]
    numeric = all(part.dtype.kind in "biuf" for part in blocks)
    return np.hstack(blocks if numeric else [part.astype(object) for part in blocks])
