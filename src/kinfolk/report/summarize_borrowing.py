"""What the report says of whom tasks borrow from, beside graphs: weights of the guard, directions that are shared."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import norm

from kinfolk._typing import FloatArray
from kinfolk.report.weights_plots import in_groups, in_order
from kinfolk.representation import SharedRepresentationClassifier, SharedRepresentationRegressor
from kinfolk.selection import Comparison

_FEATURES, _DIRECTIONS, _NAMED = 14, 6, 3  # in the picture; named in the table for each direction


def summarize_borrowing(comparison: Comparison, refit: Callable[[str], Any]) -> dict[str, Any]:
    """Collect weights of the guard and directions of shared representations; plain values, ready for JSON.

    Parameters
    ----------
    comparison : Comparison
    refit : callable
        Gives a method, by its name, fitted on all rows.

    Returns
    -------
    dict
        ``weights`` (None without a guard): ``values, rows, columns`` in the order they are drawn in and a ``note``.
        ``representations``: a dict a shared representation: ``method``; ``loadings``: ``values, rows, columns`` of the
        features with the largest loadings, ``left``: how many features are not among them; ``directions`` (none at rank
        0): ``name``, ``share`` (of the spread of all tasks in these directions), ``features`` (the largest loadings,
        ``name`` and ``loading``), ``high`` and ``low`` (tasks at its ends).
    """
    found = []
    for name in comparison.methods["method"].astype(str):
        if isinstance(comparison.estimators[name], SharedRepresentationRegressor | SharedRepresentationClassifier):
            found.append({"method": name} | _directions(refit(name)))
    return {"weights": _weights(comparison), "representations": found}


def _weights(comparison: Comparison) -> dict[str, Any] | None:
    if comparison.guard_weights is None:
        return None
    frame = comparison.guard_weights.set_index("task")
    rows, columns = in_order(frame.to_numpy())
    names = [str(frame.index[row]) for row in rows]
    values, names, note = in_groups(frame.to_numpy()[rows][:, columns], names)
    return {"values": values.tolist(), "rows": names, "columns": [str(frame.columns[c]) for c in columns], "note": note}


def _directions(fitted: Any) -> dict[str, Any]:
    loadings, heads = fitted.representation_, fitted.heads_
    features, tasks = [str(name) for name in fitted.feature_names_], [str(task) for task in fitted.tasks_]
    spread = heads.var(axis=0)
    shares = spread / max(float(spread.sum()), 1e-300)
    order = np.argsort(-norm(loadings[:, :_DIRECTIONS] * np.sqrt(shares[:_DIRECTIONS]), axis=1), kind="stable")
    drawn = order[:_FEATURES].tolist()
    names = _names(fitted)
    return {
        "loadings": {
            "values": loadings[drawn, :_DIRECTIONS].tolist(),
            "rows": [features[j] for j in drawn],
            "columns": [f"{name} ({share:.0%})" for name, share in zip(names, shares, strict=True)][:_DIRECTIONS],
        },
        "left": len(features) - len(drawn),
        "directions": [
            {"name": name, "share": float(shares[k]), "features": _largest(loadings[:, k], features)}
            | _ends(heads[:, k], tasks)
            for k, name in enumerate(names)
        ],
    }


def _names(fitted: Any) -> list[str]:
    """Numbers of directions; with more than two classes beside the class whose they are."""
    if not isinstance(fitted.rank_, tuple):
        return [str(k + 1) for k in range(fitted.heads_.shape[1])]
    return [f"{label} {k + 1}" for label, rank in zip(fitted.classes_, fitted.rank_, strict=True) for k in range(rank)]


def _largest(loadings: FloatArray, features: list[str]) -> list[dict[str, Any]]:
    order = np.argsort(-np.abs(loadings), kind="stable")[:_NAMED]
    return [{"name": features[j], "loading": float(loadings[j])} for j in order.tolist()]


def _ends(places: FloatArray, tasks: list[str]) -> dict[str, list[str]]:
    order = np.argsort(-places, kind="stable").tolist()
    ends = min(_NAMED, len(tasks) // 2)
    return {"high": [tasks[t] for t in order[:ends]], "low": [tasks[t] for t in order[len(tasks) - ends :][::-1]]}
