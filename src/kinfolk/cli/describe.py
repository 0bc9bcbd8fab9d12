"""``kinfolk describe``: what a model file holds."""

import argparse
from collections.abc import Sequence
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", metavar="MODEL.kin")


def run(args: argparse.Namespace) -> int:
    """Print method, parameters, tasks or responses, features, fitted numbers and versions."""
    from kinfolk.io import load_model
    from kinfolk.io.models import read_description

    description = read_description(args.model)
    model = load_model(args.model)
    parameters = ", ".join(f"{name}={value!r}" for name, value in description["parameters"].items())
    lines = {
        "method": description["class"],
        "parameters": parameters,
        **(_tasks(model) if hasattr(model, "tasks_") else _responses(model)),
        "written by": f"kinfolk {description['kinfolk']}, format {description['format']}",
    }
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")
    return 0


def _tasks(model: Any) -> dict[str, Any]:
    if hasattr(model, "weights_"):
        return _mixture(model)
    net = not hasattr(model, "result_")  # a net has its steps, and no posterior
    results = () if net else model.result_ if isinstance(model.result_, tuple) else (model.result_,)
    fit = [f"{result.status.value}, {result.n_iter} iterations" for result in results]
    classes = {"classes": _some([str(label) for label in model.classes_])} if hasattr(model, "classes_") else {}
    noise = {"noise": _range(model.noise_variance_)} if hasattr(model, "noise_variance_") else {}
    return {
        "tasks": _some([str(task) for task in model.tasks_]),
        **classes,
        "features": _some([str(name) for name in model.feature_names_]),
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
    from kinfolk.cli.predict import responses_of

    names = getattr(model, "feature_names_in_", range(model.n_features_in_))
    return {
        "responses": _some(responses_of(model)),
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
    import numpy as np

    values = np.atleast_1d(np.asarray(noise, dtype=float))
    ends = f"{values.min():.4g}" if len(values) == 1 else f"{values.min():.4g} to {values.max():.4g}"
    return f"variance {ends}"
