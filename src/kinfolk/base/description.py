"""What a fitted model says of itself, in lines of text: on the command line and in notebooks."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

_LEARNED = ("coef_", "heads_", "estimators_")  # one of these is there as soon as something was learned


class Described(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """An estimator that notebooks show with what it learned, below the diagram of scikit-learn."""

    def _repr_html_inner(self) -> str:
        return str(super()._repr_html_inner()) + _table(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += _table(self)
        return bundle


def _table(model: Any) -> str:
    """The description as HTML; empty before the fit."""
    if not any(hasattr(model, name) for name in _LEARNED):
        return ""
    cell = 'style="text-align: left; vertical-align: top; padding: 0.15em 0.8em 0.15em 0"'
    rows = (
        f"<tr><th scope='row' {cell}>{escape(name)}</th><td {cell}>{escape(str(text))}</td></tr>"
        for name, text in describe(model).items()
    )
    return f"<table class='kinfolk-fitted' style='margin-top: 0.5em'><tbody>{''.join(rows)}</tbody></table>"


def describe(model: Any) -> dict[str, Any]:
    """What a fitted model has learned, by name: tasks or responses, features, noise, rank, coupling, edges, weights.

    Parameters
    ----------
    model : estimator
        Fitted, or loaded from a file.

    Examples
    --------
    >>> import kinfolk
    >>> from kinfolk.datasets import make_shared_representation
    >>> tasks = make_shared_representation(n_tasks=30, n_samples=20, n_features=8, rank=2, random_state=0)
    >>> found = describe(kinfolk.SharedRepresentationRegressor(task="task").fit(tasks.X, tasks.y))
    >>> found["tasks"], found["rank_"]
    ('30: 0, 1, 2, 3, 4, 5, 6, 7, ...', 2)
    """
    return _tasks(model) if hasattr(model, "tasks_") else _responses(model)


def _tasks(model: Any) -> dict[str, Any]:
    if hasattr(model, "weights_"):
        return _mixture(model)
    if hasattr(model, "n_estimates_"):
        return _stream(model)
    net = not hasattr(model, "result_")  # a net has its steps, and no posterior
    results = () if net else model.result_ if isinstance(model.result_, tuple) else (model.result_,)
    fit = [f"{result.status.value}, {result.n_iter} iterations" for result in results]
    classes = {"classes": _some([str(label) for label in model.classes_])} if hasattr(model, "classes_") else {}
    noise = {"noise": _range(model.noise_variance_)} if hasattr(model, "noise_variance_") else {}
    return {
        "tasks": _some([str(task) for task in model.tasks_]),
        **classes,
        "features": _some([str(name) for name in model.feature_names_]),
        **({} if model._n_rows is None else {"rows": f"{model._n_rows:,}"}),
        "fit": "; ".join(fit) or f"{model.n_iter_} steps of gradient descent",
        **noise,
        **_numbers(model, model._fitted if net else model._learned()),
        **_graph(model),
    }


def _mixture(model: Any) -> dict[str, str]:
    """What a guard mixes, and whom it leaves alone."""
    by_itself = [name.startswith("Independent") for name in model.candidates_]
    alone = model.tasks_[(model.weights_[:, by_itself] == 1.0).any(axis=1)]
    shares = zip(model.candidates_, model.weights_.mean(axis=0), strict=True)
    return {
        "tasks": _some([str(task) for task in model.tasks_]),
        "features": _some([str(name) for name in model.feature_names_]),
        "weights": ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares, key=lambda pair: -pair[1])),
        "left alone": _some([str(task) for task in alone]) if len(alone) else "none",
    }


def _stream(model: Any) -> dict[str, str]:
    """What has been learned of tasks that arrive row by row."""
    changes = len(model.changes_)
    return {
        "tasks": _some([str(task) for task in model.tasks_]),
        "features": _some([str(name) for name in model.feature_names_]),
        "rows": f"{int(model.n_rows_.sum()):,}",
        "fit": f"{model.n_estimates_} estimates of the graph, {changes} change{'' if changes == 1 else 's'} noticed",
        **_graph(model),
    }


def _graph(model: Any) -> dict[str, str]:
    """What the coupling of tasks is worth in words, and the strongest edges; a line a class where each has a graph."""
    found: dict[str, str] = {}
    if hasattr(model, "coupling_advice_"):
        found |= _by_class(model, "coupling", model.coupling_advice_)
    if hasattr(model, "graph_"):  # a coupling need not be a graph
        graphs = _by_class(model, "edges", model.graph_)
        found |= {line: _edges(graph, model.tasks_) for line, graph in graphs.items()}
    return found


def _by_class(model: Any, name: str, value: Any) -> dict[str, Any]:
    """What a model shows under a name, or under a name for each class."""
    if not isinstance(value, tuple):
        return {name: value}
    return {f"{name}, {label}": one for label, one in zip(model.classes_, value, strict=True)}


def _edges(graph: Any, tasks: Any, most: int = 5) -> str:
    """Number of edges, and the strongest ones with their weights."""
    edges = graph.tocoo()
    pairs = sorted(zip(-edges.data, *edges.coords, strict=True))
    named = [f"{tasks[i]} - {tasks[j]} ({-weight:.4g})" for weight, i, j in pairs if i < j]
    more = ", ..." if len(named) > most else ""
    return f"{len(named):,}" + (": " if named else "") + ", ".join(named[:most]) + more


def _responses(model: Any) -> dict[str, Any]:
    names = getattr(model, "feature_names_in_", range(model.n_features_in_))
    return {
        "responses": _some(model.response_names_ or [str(k) for k in range(len(np.atleast_2d(model.coef_)))]),
        "features": _some([str(name) for name in names]),
        **_numbers(model, model._fitted),
    }


def _numbers(model: Any, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(model, name) for name in names if name.endswith("_")}
    wanted = (int, float, str)
    return {name: value for name, value in values.items() if isinstance(value, wanted) and not isinstance(value, bool)}


def _some(names: list[str]) -> str:
    return f"{len(names)}: " + ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _range(noise: object) -> str:
    values = np.atleast_1d(np.asarray(noise, dtype=float))
    ends = f"{values.min():.4g}" if len(values) == 1 else f"{values.min():.4g} to {values.max():.4g}"
    return f"variance {ends}"
