r"""What a source study lends: directions among the features and responses of the target, whatever form it came in.

A fitted source is a matrix of coefficients :math:`C_0` (q, p), in the orientation of ``coef_``. With the thin singular
value decomposition :math:`C_0^\top = U \,\mathrm{diag}(s)\, V^\top` its directions are the columns of U (p, k) and V
(q, k), leading first, in the user's units. A source that lends only subspaces has U and V and no coefficients.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.exceptions import InputError
from kinfolk.validation.columns import as_array, column_at, name_of, open_table, refuse_not_finite, to_float
from kinfolk.validation.messages import list_names

_RANK_TOL = 1e-10  # singular values below this share of the largest are rounding
_INTERCEPT = ("intercept", "(Intercept)")
_REMEDY = "A source holds a finite number for every feature and response: 0 where it says nothing."


@dataclass(frozen=True)
class Source:
    """A source study, laid out as the target is.

    Attributes
    ----------
    name : str
        What messages and tables call it: "source", "source 1", ..., or the name it was given.
    U : (p, k_u) array
        Directions among the target's features, leading first, in the user's units; zero rows for features that the
        source does not cover. The columns need not be orthonormal.
    V : (q, k_v) array
        Directions among the target's responses.
    coef : (q, p) array or None
        Zero where not covered. None for bare subspaces.
    intercept : (q,) array or None
        NaN where not covered.
    features : (p,) booleans
        Which of the target's features the source covers.
    responses : (q,) booleans
    """

    name: str
    U: FloatArray
    V: FloatArray
    coef: FloatArray | None
    intercept: FloatArray | None
    features: BoolArray
    responses: BoolArray


@dataclass(frozen=True)
class _Study:
    """A source in its own layout: ``coef`` (q', p'), or ``U`` (p', k_u) and ``V`` (q', k_v); names where it has any."""

    coef: FloatArray | None = None
    intercept: FloatArray | None = None
    U: FloatArray | None = None
    V: FloatArray | None = None
    features: list[str] | None = None
    responses: list[str] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Responses and features."""
        if self.coef is not None:
            return self.coef.shape[0], self.coef.shape[1]
        assert self.U is not None
        assert self.V is not None
        return len(self.V), len(self.U)


def read_sources(
    source: Any,
    *,
    features: list[str] | None,
    responses: list[str] | None,
    n_features: int,
    n_responses: int,
) -> list[Source]:
    """Bring one or several sources into the target's layout.

    Where source and target both have names, rows and columns are aligned by name: what the source does not cover is
    zero, what the target lacks is dropped with a warning. Where either has no names, positions count, and sizes must
    agree.

    Parameters
    ----------
    source : array, DataFrame, estimator, tuple, dict or list
        - array (n_responses, n_features), the orientation of ``coef_``; a row will do for one response. When both
          numbers are equal it is taken as it is.
        - DataFrame of coefficients: columns are features, the index (or a first column of text) responses; it is
          turned when its names only match the other way round. A column "intercept" or "(Intercept)" that is no
          feature is the intercept.
        - fitted linear estimator of kinfolk or scikit-learn; a pipeline of `StandardScaler` and such an estimator
          (its coefficients are taken back to the units before scaling); a fitted search over either.
        - (U, V), directions of features (n_features, k_u) and of responses (n_responses, k_v), arrays or DataFrames
          whose index has the names; or (U, d, V) with ``coef = V diag(d) U'``.
        - dict of name to any of these, or a list of any of these; a list of lists of numbers is a matrix.
    features, responses : list of str or None
        The target's names, None where it has none.
    n_features, n_responses : int

    Returns
    -------
    list of Source
        In the order given.

    Raises
    ------
    InputError
        A path (read it with `kinfolk.io.read_source`), a wrong or transposed shape, NaN or infinity, names that stand
        twice or have nothing in common with the target's, an estimator that is not fitted or not linear, a source
        that is zero.

    Examples
    --------
    >>> import pandas as pd
    >>> from kinfolk.transfer.source import read_sources
    >>> coef = pd.DataFrame({"age": [1.0, 2.0], "dose": [0.5, 1.0]}, index=["pulse", "pressure"])
    >>> features, responses = ["dose", "weight", "age"], ["pulse", "pressure"]
    >>> (found,) = read_sources(coef, features=features, responses=responses, n_features=3, n_responses=2)
    >>> found.coef.tolist(), found.features.tolist(), found.U.shape
    ([[0.5, 0.0, 1.0], [1.0, 0.0, 2.0]], [True, False, True], (3, 1))
    """
    named: dict[str, Any] = {"source": source}
    if isinstance(source, dict):
        named = {str(name): one for name, one in source.items()}
    elif isinstance(source, list) and not _is_matrix(source):
        named = {f"source {i}": one for i, one in enumerate(source, start=1)}
    if not named:
        raise InputError("source is empty: give at least one source, or fit without one (ReducedRankRegressor).")
    found = []
    for name, one in named.items():
        study = _open(one, name, features, responses, n_responses)
        _check_shape(study, name, features, responses, (n_responses, n_features))
        rows, to_rows, lost_rows = _align(study.responses, responses, n_responses, name, "responses")
        columns, to_columns, lost_columns = _align(study.features, features, n_features, name, "features")
        lost = [(lost_columns, "features"), (lost_rows, "responses")]
        parts = [f"{len(names)} {what} ({list_names(names, 8)})" for names, what in lost if names]
        if parts:
            message = f"{name} has {' and '.join(parts)} that the target lacks; what it says of them is not used."
            warnings.warn(message, UserWarning, stacklevel=3)
        coef = intercept = None
        if study.coef is not None:
            part = study.coef[np.ix_(rows, columns)]
            coef = _spread(_spread(part, to_rows, n_responses).T, to_columns, n_features).T
            U, V = _directions(part)
        else:
            assert study.U is not None
            assert study.V is not None
            U, V = study.U[columns], study.V[rows]
        U, V = _spread(U, to_columns, n_features), _spread(V, to_rows, n_responses)
        if not (U.any() and V.any()):
            raise InputError(f"{name} says nothing: it is zero on all features and responses of the target. Drop it.")
        if study.intercept is not None:
            intercept = _spread(study.intercept[rows], to_rows, n_responses, empty=np.nan)
        covered = [np.isin(np.arange(size), to) for size, to in ((n_features, to_columns), (n_responses, to_rows))]
        found.append(Source(name, U, V, coef, intercept, covered[0], covered[1]))
    return found


def response_names(y: Any) -> list[str] | None:
    """Column names of responses; None where they have none."""
    return open_table(y, "y")[0] if nw.dependencies.is_into_dataframe(y) else None


def _spread(values: FloatArray, places: IntArray, size: int, empty: float = 0.0) -> FloatArray:
    """Rows put where they belong among ``size``; the others are ``empty``."""
    whole = np.full((size, *values.shape[1:]), empty)
    whole[places] = values
    return whole


def _directions(coef: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular vectors U (p, k) and V (q, k) of ``coef.T``, k its numerical rank."""
    U, sizes, Vt = np.linalg.svd(coef.T, full_matrices=False)
    rank = int((sizes > _RANK_TOL * sizes[0]).sum())
    return U[:, :rank], Vt[:rank].T


def _open(source: Any, name: str, features: list[str] | None, responses: list[str] | None, n_responses: int) -> _Study:
    if isinstance(source, str | Path):
        raise InputError(
            f"{name} is a path, {str(source)!r}: read it first, source=kinfolk.io.read_source({str(source)!r})."
        )
    if isinstance(source, tuple):
        return _subspaces(source, name)
    if hasattr(source, "fit") or isinstance(source, type):
        return _estimator(source, name)
    if isinstance(source, pd.Series):
        source = source.to_frame().T
    if nw.dependencies.is_into_dataframe(source):
        return _frame(source, name, features, responses)
    if source is None or isinstance(source, dict) or (isinstance(source, list) and not _is_matrix(source)):
        kind = "None" if source is None else f"a {type(source).__name__} inside another"
        raise InputError(
            f"{name} is {kind}: a source is a matrix, DataFrame, fitted estimator, or tuple (U, V) or (U, d, V)."
        )
    values = as_array(source, name) if not sparse.issparse(source) else source
    one_row = n_responses == 1 and values.ndim == 1
    return _Study(coef=_numbers(values.reshape(1, -1) if one_row else values, name))


def _is_matrix(values: Sequence[Any]) -> bool:
    """Whether a list is of numbers, or of lists of numbers."""
    rows = values if all(isinstance(row, list) for row in values) else [values]
    return len(values) > 0 and all(len(row) > 0 and all(isinstance(item, Number) for item in row) for row in rows)


def _numbers(values: Any, name: str) -> FloatArray:
    """Matrix of finite float64."""
    names, opened = open_table(values, name)
    columns = [column_at(opened, j, name_of(names, j)) for j in range(opened.shape[1])]
    numbers = to_float(columns, name, _REMEDY)
    refuse_not_finite(numbers, [column.name for column in columns], name, _REMEDY)
    return numbers


def _labels(labels: Any, name: str, what: str) -> list[str] | None:
    """Names when all labels are text, None when none is."""
    text = [isinstance(label, str) for label in labels]
    if any(text) and not all(text):
        raise InputError(f"{name} has names of {what} of which some are text and some are not: make all of them text.")
    return [str(label) for label in labels] if any(text) else None


def _frame(source: Any, name: str, features: list[str] | None, responses: list[str] | None) -> _Study:
    frame = source if isinstance(source, pd.DataFrame) else nw.from_native(source, eager_only=True).to_pandas()
    if frame.shape[1] > 1 and isinstance(frame.index, pd.RangeIndex):
        first = frame.iloc[:, 0]
        if not pd.api.types.is_numeric_dtype(first) and all(isinstance(label, str) for label in first):
            frame = frame.iloc[:, 1:].set_axis(first.tolist(), axis="index")
    columns, rows = set(frame.columns), set(frame.index)
    wanted, answered = set(features or []), set(responses or [])
    if not (columns & wanted or rows & answered) and (columns & answered or rows & wanted):
        frame = frame.T
    intercept = None
    own = [column for column in frame.columns if column in _INTERCEPT and column not in wanted]
    if own and frame.shape[1] > 1:
        intercept = _numbers(frame[own[:1]], name)[:, 0]
        frame = frame.drop(columns=own[0])
    return _Study(
        coef=_numbers(frame, name),
        intercept=intercept,
        features=_labels(frame.columns, name, "features"),
        responses=_labels(frame.index, name, "responses"),
    )


def _subspaces(source: tuple[Any, ...], name: str) -> _Study:
    shapes = [as_array(part, name).shape for part in source]
    if len(source) not in (2, 3) or not len(shapes[0]) == len(shapes[-1]) == 2:
        raise InputError(
            f"{name} is a tuple of {len(source)} parts, shapes {', '.join(map(str, shapes))}: expected (U, V) or "
            "(U, d, V) with U (n_features, k) and V (n_responses, k). Several sources are a list."
        )
    U, V = _numbers(source[0], f"U of {name}"), _numbers(source[-1], f"V of {name}")
    names = [
        _labels(part.index, name, what) if isinstance(part, pd.DataFrame) else None
        for part, what in ((source[0], "features"), (source[-1], "responses"))
    ]
    if len(source) == 2:
        return _Study(U=U, V=V, features=names[0], responses=names[1])
    d = _numbers(np.reshape(source[1], (1, -1)), f"d of {name}")[0]
    if not U.shape[1] == V.shape[1] == len(d):
        raise InputError(
            f"{name} is (U, d, V) with {U.shape[1]}, {len(d)} and {V.shape[1]} columns: they must be equal. From "
            "numpy.linalg.svd(coef.T, full_matrices=False), which gives U, d, Vt, pass (U, d, Vt.T)."
        )
    return _Study(coef=(V * d) @ U.T, features=names[0], responses=names[1])


def _estimator(source: Any, name: str) -> _Study:
    if isinstance(source, type):
        raise InputError(f"{name} is the class {source.__name__}: give a fitted one.")
    try:
        check_is_fitted(source)
    except NotFittedError:
        raise InputError(f"{name} is a {type(source).__name__} that is not fitted: call its fit first.") from None
    model = getattr(source, "best_estimator_", source)
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    last, scalers = steps[-1], [step for step in steps[:-1] if step not in (None, "passthrough")]
    by_task = getattr(last, "task", None) is not None  # of kinfolk, long data: one row of coefficients a task
    strange = [type(step).__name__ for step in scalers if by_task or not isinstance(step, StandardScaler)]
    if strange:
        raise InputError(
            f"{name} is a pipeline with {', '.join(strange)}: its coefficients are not those of the columns that "
            "go in. Only StandardScaler may stand before a regression of wide data; else give a matrix of "
            "coefficients."
        )
    if is_classifier(last) or not hasattr(last, "coef_"):
        lacking = "is for classes" if is_classifier(last) else "has no coef_"
        raise InputError(
            f"{name} is a {type(last).__name__}, which {lacking}: a source is a linear regression, or a matrix of "
            "coefficients."
        )
    coef = _numbers(np.atleast_2d(last.coef_), name)
    for scaler in scalers:
        coef = coef if scaler.scale_ is None else coef / scaler.scale_
    first = (scalers or [last])[0]  # a pipeline that begins with "passthrough" does not know its columns
    labels = getattr(first, "feature_names_in_", None)
    if by_task:
        intercept = np.asarray(last.intercept_, dtype=float)
        labels = None if labels is None else last.feature_names_
    else:
        intercept = _intercept(model, labels, coef, name)
    answers = getattr(last, "response_names_", getattr(last, "tasks_", None))
    return _Study(
        coef=coef,
        intercept=intercept,
        features=None if labels is None else _labels(labels, name, "features"),
        responses=None if answers is None else _labels(answers, name, "responses"),
    )


def _intercept(model: Any, labels: Any, coef: FloatArray, name: str) -> FloatArray:
    """Prediction at zero ``(q,)``; a model whose predictions are not ``coef @ x`` plus that is refused."""
    probe = np.cos(np.arange(coef.shape[1]))
    rows: Any = np.stack((np.zeros_like(probe), probe))
    if labels is not None:
        rows = pd.DataFrame(rows, columns=labels)
    start, there = np.asarray(model.predict(rows), dtype=float).reshape(2, -1)
    size = np.abs(coef).sum() + np.abs(start).max()
    if len(start) != len(coef) or not np.allclose(there - start, coef @ probe, rtol=0.0, atol=1e-6 * size):
        raise InputError(
            f"{name} is a {type(model).__name__} whose predictions are not its coef_ times the features plus a "
            "constant (a link function, perhaps): give the coefficients as a matrix."
        )
    return start


def _check_shape(
    study: _Study,
    name: str,
    features: list[str] | None,
    responses: list[str] | None,
    expected: tuple[int, int],
) -> None:
    """Sizes must agree on the axes where one side has no names."""
    by_name = (
        study.responses is not None and responses is not None,
        study.features is not None and features is not None,
    )
    if all(named or size == wanted for named, size, wanted in zip(by_name, study.shape, expected, strict=True)):
        return
    q, p = expected
    if study.coef is None:
        found = f"directions U of {study.shape[1]} features and V of {study.shape[0]} responses"
        remedy = (
            "pass (V, U) the other way round" if study.shape == (p, q) else "U has a row a feature, V a row a response"
        )
    else:
        found = f"shape {study.shape}"
        remedy = "it is transposed: pass coef.T" if study.shape == (p, q) and not any(by_name) else "coef_ is like that"
    raise InputError(
        f"{name} has {found}; the target has {q} responses and {p} features, so that (n_responses, n_features) = "
        f"{expected} was expected: {remedy}. Sizes may differ only where source and target both have names "
        "(DataFrames): then they are aligned."
    )


def _align(
    own: list[str] | None, wanted: list[str] | None, size: int, name: str, what: str
) -> tuple[IntArray, IntArray, list[str]]:
    """Positions in the source, their positions in the target, and the names that the target lacks."""
    if own is None or wanted is None:
        return np.arange(size), np.arange(size), []
    for side, names in ((name, own), ("the target", wanted)):
        twice = sorted({label for label in names if names.count(label) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise InputError(f"{side} has {what} of the same name: {list_names(twice, 8)}. Give each its own name.")
    place = {label: i for i, label in enumerate(wanted)}
    kept = [i for i, label in enumerate(own) if label in place]
    if not kept:
        raise InputError(
            f"{name} and the target have no {what} in common: {name} has {list_names(own, 5)}; the target has "
            f"{list_names(wanted, 5)}. Rename them, or give arrays without names, whose order then counts."
        )
    lost = [label for label in own if label not in place]
    return np.array(kept), np.array([place[own[i]] for i in kept]), lost
