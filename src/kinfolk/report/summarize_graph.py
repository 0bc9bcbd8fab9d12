"""What the report says of learned task graphs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import triu

from kinfolk._typing import FloatArray
from kinfolk.diagnostics import Helpers, helpers
from kinfolk.selection import Comparison
from kinfolk.selection.recommendation import ALONE

SHOWS = ("graph_", "neighbors", "pull_", "shrinkage_scores_", "coupling_advice_")  # what a graph method shows
_HELPERS = 3  # of each task, named


def summarize_graphs(comparison: Comparison, refit: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Collect what is shown of every method of a comparison that joins its tasks by a graph.

    Parameters
    ----------
    comparison : Comparison
    refit : callable
        Gives a method, by its name, fitted on all rows.

    Returns
    -------
    list of dict
        One a method whose class has what ``SHOWS`` names, in the order of the comparison:

        - ``method``; ``worth``: what it was worth, in a sentence, and ``helps``: whether that is anything;
          ``edges_worth``: what the edges were worth, or why there are none; ``advice``: its ``coupling_advice_``.
        - ``tasks``: a dict a task, in the order of ``tasks_``: ``task, n_rows, gain, own, others, pull, given`` (shares
          of `kinfolk.diagnostics.helpers`), and ``helpers``: its three strongest ones, ``task`` and ``share``.
        - ``edges``: ``[place, place, weight]`` of every edge, the strongest first; empty when no edges were chosen.
        - ``pull``: the pull of all tasks towards their mean, in units of the weights.
    """
    found = []
    for record in comparison.methods.to_dict("records"):
        name = str(record["method"])
        kind = type(comparison.estimators[name])
        if all(hasattr(kind, shown) for shown in SHOWS):
            fitted = refit(name)
            # methods without one say so by an AttributeError; with more than two classes there is one a class
            if hasattr(fitted, "graph_") and not isinstance(fitted.graph_, tuple):
                found.append(_summary(comparison, record, fitted))
    return found


def _summary(comparison: Comparison, record: dict[Any, Any], fitted: Any) -> dict[str, Any]:
    name = str(record["method"])
    edges = edges_of(fitted.graph_)
    alone = "each task fitted alone" if comparison.baseline in ALONE else comparison.baseline
    return {
        "method": name,
        "worth": _worth(name, record, alone),
        "helps": bool(record["gain"] > 0.0),
        "edges_worth": _edges_worth(fitted, len(edges)),
        "advice": str(fitted.coupling_advice_),
        "tasks": _tasks(comparison, name, fitted, helpers(fitted.graph_, fitted.pull_, information(fitted))),
        "edges": edges,
        "pull": fitted.pull_,
    }


def edges_of(graph: Any) -> list[list[Any]]:
    """Edges ``[place, place, weight]`` of a sparse graph, the strongest first."""
    upper = triu(graph, 1).tocoo()
    order = np.argsort(-upper.data, kind="stable")
    ends = zip(*(column[order].tolist() for column in (*upper.coords, upper.data)), strict=True)
    return [[int(i), int(j), float(weight)] for i, j, weight in ends]


def information(fitted: Any) -> FloatArray:
    """Eigenvalues ``(T, d)`` of what each task's rows say of its coefficients, in the units of the graph's weights.

    From the joint posterior of a fresh fit (`kinfolk.graph.posterior.JointPosterior`), which a model file does not
    keep; a classifier has it among its details.
    """
    posterior, d = fitted.result_.posterior, len(fitted.feature_names_)
    values = fitted.result_.details.get("information")
    if values is None:
        values = posterior.blocks.factor.values / posterior.noise_variance[:, None]
    return np.pad(values, ((0, 0), (0, d - values.shape[1])))


def _worth(name: str, record: dict[Any, Any], alone: str) -> str:
    gain, error = float(record["gain"]), float(record["gain_se"])
    if gain > 0.0:
        doubt = "" if gain > error else ", which may be chance"
        return f"{name} saves {gain:.1%} ± {error:.1%} of the error of {alone}{doubt}."
    return f"{name} saves nothing: its error is {-gain:.1%} ± {error:.1%} above that of {alone}."


def _edges_worth(fitted: Any, n_edges: int) -> str:
    """What held-out rows said of the edges, in a sentence."""
    if getattr(fitted, "graph", None) is not None:
        return f"Its graph of {n_edges:,} edges was given; only the strength was learned."
    table = fitted.shrinkage_scores_
    if not len(table):
        if fitted.shrinkage != "auto":
            chosen = "no edges" if not n_edges else f"{n_edges:,} edges"
            return f"It found {chosen} with the shrinkage of {fitted.shrinkage_:g} that was given."
        return "There is no graph: too few tasks or rows to choose edges by."
    if not n_edges:
        return (
            "Held-out rows chose no edges (shrinkage 1): joining single tasks predicted them no better than a pull of "
            "all tasks towards their mean, so the fit is that pull alone and there is no graph to draw."
        )
    without = float(table[table[:, 0] == 1.0, 1][0])
    saved = 1.0 - float(table[:, 1].min()) / without
    return (
        f"Its {n_edges:,} edges save {saved:.2%} of the error of held-out rows, against the same fit with only a pull "
        "of all tasks towards their mean."
    )


def _tasks(comparison: Comparison, name: str, fitted: Any, shares: Helpers) -> list[dict[str, Any]]:
    frame = comparison.tasks[comparison.tasks["method"] == name].set_index("task").loc[list(fitted.tasks_)]
    labels, given = [str(label) for label in fitted.tasks_], shares.given
    rows = []
    for place, label in enumerate(labels):
        gain = float(frame["gain"].iloc[place])
        own, pull = float(shares.own[place]), float(shares.pull[place])
        rows.append(
            {
                "task": label,
                "n_rows": int(frame["n_rows"].iloc[place]),
                "gain": gain if np.isfinite(gain) else None,
                "own": own,
                "others": max(1.0 - own - pull, 0.0),
                "pull": pull,
                "given": float(given[place]),
                "helpers": [{"task": labels[s], "share": share} for s, share in shares.of(place, _HELPERS)],
            }
        )
    return rows
