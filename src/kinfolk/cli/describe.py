"""``kinfolk describe``: what a model file holds."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", metavar="MODEL.kin")


def run(args: argparse.Namespace) -> int:
    """Print method, parameters, tasks, features, fitted numbers and versions."""
    from kinfolk.io import load_model
    from kinfolk.io.models import read_description

    description = read_description(args.model)
    model = load_model(args.model)
    tasks, features = [str(task) for task in model.tasks_], [str(name) for name in model.feature_names_]
    parameters = ", ".join(f"{name}={value!r}" for name, value in description["parameters"].items())
    results = model.result_ if isinstance(model.result_, tuple) else (model.result_,)
    noise = {"noise": _range(model.noise_variance_)} if hasattr(model, "noise_variance_") else {}
    classes = {"classes": _some([str(label) for label in model.classes_])} if hasattr(model, "classes_") else {}
    lines = {
        "method": description["class"],
        "parameters": parameters,
        "tasks": _some(tasks),
        **classes,
        "features": _some(features),
        "fit": "; ".join(f"{result.status.value}, {result.n_iter} iterations" for result in results),
        **noise,
        **{
            name: value
            for name in model._learned()
            if isinstance(value := getattr(model, name), int | float | str) and not isinstance(value, bool)
        },
        "written by": f"kinfolk {description['kinfolk']}, format {description['format']}",
    }
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")
    return 0


def _some(names: list[str]) -> str:
    return f"{len(names)}: " + ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _range(noise: object) -> str:
    import numpy as np

    values = np.atleast_1d(np.asarray(noise, dtype=float))
    ends = f"{values.min():.4g}" if len(values) == 1 else f"{values.min():.4g} to {values.max():.4g}"
    return f"variance {ends}"
