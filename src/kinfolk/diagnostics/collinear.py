"""Features that repeat one another: copies, and groups that nearly satisfy a linear equation."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from kinfolk._typing import BoolArray, FloatArray, IntArray
from kinfolk.theory.doubts import CONDITION

INFLATION = 10.0  # variance inflation factor: the other features explain 90% of this one within tasks
_EQUAL = 1e-9  # largest difference of standardised columns that are the same
_LINKED = 0.1  # cosine of two features within these directions
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Spectrum:
    r"""Principal directions of features within tasks, in units of their spread there.

    Attributes
    ----------
    values : array
        Eigenvalues of the correlation matrix of rows about their task means, largest first.
    dimension : float
        Participation ratio :math:`(\sum_k \lambda_k)^2 / \sum_k \lambda_k^2`: in how many directions rows really
        differ; 0 when nothing varies.
    condition : float
        Largest over smallest eigenvalue; infinite when features are exactly dependent, NaN when there are as many as
        degrees of freedom within tasks (then they always are).
    inflation : (d,) array
        Variance inflation factor :math:`1 / (1 - R_j^2)` of each feature; NaN for those that were left out, and where
        ``condition`` is.
    groups : list of arrays of int
        Features that share a direction whose eigenvalue is below the largest over ``CONDITION``; those that such
        directions alone inflate by more than ``INFLATION``.
    """

    values: FloatArray
    dimension: float
    condition: float
    inflation: FloatArray
    groups: list[IntArray]


def spectrum(centred: FloatArray, used: BoolArray, freedom: int) -> Spectrum:
    """Directions of the columns ``used`` of rows about their task means, with ``freedom`` = n - T."""
    inflation = np.full(centred.shape[1], np.nan)
    columns = np.flatnonzero(used)
    if not len(columns):
        return Spectrum(np.zeros(0), 0.0, np.nan, inflation, [])
    part = centred[:, columns]
    part = part / np.sqrt((part**2).sum(axis=0))
    if len(columns) >= freedom:
        values = np.linalg.svd(part, compute_uv=False)[:freedom] ** 2
        return Spectrum(values, _participation(values), np.nan, inflation, [])
    values, vectors = np.linalg.eigh(part.T @ part)
    values = np.maximum(values, 0.0)
    exact = values[0] <= _ROUNDING * len(columns) * values[-1]
    inflation[columns] = (vectors**2 / np.maximum(values, _ROUNDING)).sum(axis=1)
    small = values < values[-1] / CONDITION
    groups = [columns[group] for group in _groups(values[small], vectors[:, small])]
    condition = np.inf if exact else float(values[-1] / values[0])
    return Spectrum(values[::-1].copy(), _participation(values), condition, inflation, groups)


def copies(values: FloatArray, used: BoolArray) -> list[tuple[int, int]]:
    """Pairs (later, earlier) of columns that are equal up to scale and offset.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> copies(np.column_stack((x, x**2, 3.0 - 2.0 * x)), np.ones(3, dtype=bool))
    [(2, 0)]
    """
    columns = np.flatnonzero(used)
    standard = values[:, columns] - values[:, columns].mean(axis=0)
    standard = standard / np.sqrt((standard**2).sum(axis=0))
    # equal columns have equal projections; only those are compared in full
    along = np.random.default_rng(0).normal(size=len(values)) @ standard
    standard, along = standard * np.where(along < 0.0, -1.0, 1.0), np.abs(along)
    order = np.argsort(along, kind="stable")
    first: dict[int, int] = {}
    for before, after in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        near = along[after] - along[before] < _EQUAL * np.sqrt(len(values))
        if near and np.abs(standard[:, after] - standard[:, before]).max() < _EQUAL:
            root = first.get(before, before)
            first[after] = root
    families: dict[int, list[int]] = {}
    for member, root in first.items():
        families.setdefault(root, [root]).append(member)
    pairs = [
        (int(columns[later]), int(columns[min(family)]))
        for family in families.values()
        for later in family
        if later != min(family)
    ]
    return sorted(pairs)


def _participation(values: FloatArray) -> float:
    return float(values.sum() ** 2 / (values**2).sum())


def _groups(values: FloatArray, vectors: FloatArray) -> list[IntArray]:
    """Features that take part in directions ``(d, k)`` of small eigenvalues, those that meet in one together."""
    if not len(values):
        return []
    projector = vectors @ vectors.T  # whatever the basis of directions of one eigenvalue is
    share = np.diag(projector)
    part = np.flatnonzero((vectors**2 / np.maximum(values, _ROUNDING)).sum(axis=1) > INFLATION)
    cosine = projector[np.ix_(part, part)] / np.sqrt(np.outer(share[part], share[part]))
    n_groups, group = connected_components(csr_array(np.abs(cosine) > _LINKED), directed=False)
    return [part[group == g] for g in range(n_groups) if (group == g).sum() > 1]
