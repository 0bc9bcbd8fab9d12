"""What a linear head reads off features, task by task."""

from itertools import product
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from kinfolk.exceptions import InputError
from kinfolk.nets.head_fit import fit_head
from kinfolk.nets.losses import most_probable
from kinfolk.nets.parameters import whole
from kinfolk.validation import as_labels, check_classes, check_table, encode_labels

Seed = int | np.random.Generator | None


def linear_probe(
    features: Any, y: Any, tasks: Any = None, *, n_splits: int = 5, C: float = 1.0, random_state: Seed = 0
) -> pd.DataFrame:
    r"""Held-out accuracy of a linear classifier over features, for each task: what a trunk has learned of it.

    .. math:: \min_{A}\; C \sum_i \ell(A [\phi(x_i) / \rho, 1], y_i) + \tfrac12 \|A\|_F^2

    over the rows of one task outside of a fold, judged on the fold; :math:`\rho` is the root mean square of all
    features. It is the head of `SharedFeatureClassifier.adapt`, drawn to zero (intercepts less: their standard
    deviation is 2.5). The same numbers of another trunk, of one that was never fitted, or of the columns themselves,
    say what they are worth.

    Parameters
    ----------
    features : (n, R) array or DataFrame
        Of a net, ``net.transform(X)``. Take rows that it was not fitted to.
    y : (n,)
        Classes.
    tasks : (n,) labels, optional
        Each task has a probe of its own. None: one task, 0.
    n_splits : int, default=5
        Folds of each task, at least 2; every class is spread over them.
    C : float, default=1.0
        Inverse strength of the penalty.
    random_state : int, Generator or None, default=0
        Deals rows over folds.

    Returns
    -------
    DataFrame
        A row a task, in order of the labels: ``accuracy``, its binomial ``standard_error``, ``chance`` (the share of
        the most frequent class), and ``rows``.

    Raises
    ------
    InputError
        A value is missing, there are not as many rows of each, a task has fewer rows than folds, or all rows are of one
        class.

    Notes
    -----
    Alain and Bengio (2017), *Understanding Intermediate Layers Using Linear Classifier Probes*, ICLR workshop.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.nets import linear_probe
    >>> rng = np.random.default_rng(0)
    >>> tasks, y = np.repeat(["seen", "not seen"], 400), rng.integers(0, 2, 800)
    >>> features = rng.normal(size=(800, 5))
    >>> features[:400, 0] += 20 * y[:400]
    >>> linear_probe(features, y, tasks)["accuracy"].round(1).to_dict()
    {'not seen': 0.5, 'seen': 1.0}
    """
    phi = check_table(features, task=None, name="features").features
    n = len(phi)
    classes, target = check_classes(y, n_rows=n)
    labels = np.zeros(n, dtype=np.int64) if tasks is None else as_labels(tasks, name="tasks")
    whole("n_splits", n_splits, 2)
    if isinstance(C, bool) or not (isinstance(C, Real) and 0 < C < np.inf):
        raise InputError(f"C must be a number > 0; got {C!r}.")
    if len(labels) != n:
        raise InputError(f"tasks must be a label for each of the {n} rows of features; got {len(labels)}.")
    names, codes = encode_labels(labels)
    counts = np.bincount(codes)
    if (counts < n_splits).any():
        small = [f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count < n_splits]
        raise InputError(f"n_splits={n_splits} folds need as many rows of each task; there are fewer of {small}.")
    scale = float(np.sqrt(np.mean(phi**2))) or 1.0
    loss, n_outputs = ("logistic", 1) if len(classes) == 2 else ("cross_entropy", len(classes))
    center = np.zeros((n_outputs, phi.shape[1] + 1))
    order = np.lexsort((np.random.default_rng(random_state).random(n), target, codes))
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.arange(n) % n_splits
    right = np.empty(n, dtype=bool)
    for k, j in product(range(len(names)), range(n_splits)):
        rows, held = ((codes == k) & part for part in (fold != j, fold == j))
        head = fit_head(phi[rows], target[rows], np.ones(rows.sum()), center, scale, loss, float(C))
        right[held] = most_probable(phi[held] @ head[:, :-1].T + head[:, -1]) == target[held]
    accuracy = np.bincount(codes, right) / counts
    chance = np.array([np.bincount(target[codes == k].astype(np.int64)).max() for k in range(len(names))]) / counts
    error = np.sqrt(accuracy * (1.0 - accuracy) / counts)
    columns = {"accuracy": accuracy, "standard_error": error, "chance": chance, "rows": counts}
    return pd.DataFrame(columns, index=pd.Index(names, name="task"))
