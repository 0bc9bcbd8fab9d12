"""What a table looks like to the methods: sizes, and what a user should know about its columns and tasks."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray, IntArray


def data_summary(
    features: FloatArray, names: list[str], target: FloatArray, codes: IntArray, n_tasks: int
) -> dict[str, Any]:
    """Sizes of the tasks, one-row tasks, constant and duplicated columns, and the target's mean and spread.

    Parameters
    ----------
    features : (n, d) array
    names : list of d names
    target, codes : (m,) arrays
        The observations and their tasks (m = n for long data).
    n_tasks : int

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 1.0, 5.0], [2.0, 2.0, 5.0]])
    >>> data_summary(X, ["a", "b", "c"], np.array([0.0, 2.0]), np.array([0, 1]), 2)["duplicated_columns"]
    [('b', 'a')]
    """
    counts = np.bincount(codes, minlength=n_tasks)
    spread = np.ptp(features, axis=0)
    # columns with equal sums of two kinds may be equal; only those are compared in full
    fingerprints = np.column_stack((features.sum(axis=0), (features * np.arange(1, len(features) + 1)[:, None]).sum(0)))
    first: dict[tuple[float, ...], int] = {}
    duplicated = []
    for j, fingerprint in enumerate(map(tuple, fingerprints)):
        earlier = first.setdefault(fingerprint, j)
        if earlier != j and spread[j] > 0 and (features[:, j] == features[:, earlier]).all():
            duplicated.append((names[j], names[earlier]))
    return {
        "n_rows": len(features),
        "n_tasks": n_tasks,
        "n_features": len(names),
        "rows_per_task": {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())},
        "one_row_tasks": int((counts == 1).sum()),
        "constant_columns": [name for name, width in zip(names, spread, strict=True) if width == 0],
        "duplicated_columns": duplicated,
        "target_mean": float(target.mean()),
        "target_std": float(target.std()),
    }
