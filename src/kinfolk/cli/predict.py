"""``kinfolk predict``: the rows of a table with a saved model."""

import argparse
import sys
from typing import Any

from kinfolk.cli._table import check_places


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", metavar="MODEL.kin")
    parser.add_argument("table", metavar="TABLE", help="a table with the columns that the model was fitted on")
    parser.add_argument("--std", action="store_true", help="add the standard deviation of a new observation")
    parser.add_argument(
        "--unseen",
        choices=["raise", "population"],
        default="raise",
        help="tasks the model has not seen (default: raise)",
    )
    parser.add_argument("-o", "--output", metavar="FILE.csv", help="default: standard output")


def run(args: argparse.Namespace) -> int:
    """Predict and write csv: the task, the prediction, and its standard deviation when asked for.

    A classifier gives the probability of every class instead.
    """
    import pandas as pd

    from kinfolk.exceptions import InputError
    from kinfolk.io import load_model
    from kinfolk.io.atomic import atomic_write

    check_places(args.output)
    model = load_model(args.model)
    if hasattr(model, "tasks_"):
        model.set_params(unseen=args.unseen)
        model._check_parameters()
    elif args.std or args.unseen != "raise":
        raise InputError(
            f"{args.model!r} holds a {type(model).__name__}: it has responses of the same rows, without tasks or a "
            "posterior, so that --unseen and --std do not apply."
        )
    X = columns_of(model, args.table)
    classifies = hasattr(model, "predict_proba")
    if args.std and not hasattr(model, "result_"):
        raise InputError(f"{args.model!r} holds a {type(model).__name__}: a net has no posterior, and so no --std.")
    if classifies and args.std:
        raise InputError(
            f"{args.model!r} holds a {type(model).__name__}: it gives the probability of every class, averaged over "
            "the posterior, and has no --std."
        )
    if classifies:
        mean, std = model.predict(X), None
    elif args.std:
        mean, std = model.predict(X, return_std=True, observation_noise=True)
    else:
        mean, std = model.predict(X), None
    if not hasattr(model, "tasks_"):
        names = ["prediction"] if mean.ndim == 1 else [f"prediction_{name}" for name in responses_of(model)]
        frame = pd.DataFrame(mean.reshape(len(mean), -1), columns=names)
    elif mean.ndim == 2:
        frame = pd.DataFrame(mean, columns=[f"prediction_{task}" for task in model.tasks_])
        if args.std:
            frame = frame.join(pd.DataFrame(std, columns=[f"std_{task}" for task in model.tasks_]))
    else:
        frame = pd.DataFrame({"task": X[model.task].to_numpy(), "prediction": mean})
        if args.std:
            frame["std"] = std
        if classifies:
            names = [f"probability_{label}" for label in model.classes_]
            frame = frame.join(pd.DataFrame(model.predict_proba(X), columns=names))
    text = frame.to_csv(index=False)
    if args.output is None:
        sys.stdout.write(text)
    else:
        with atomic_write(args.output) as stream:
            stream.write(text.encode())
        print(f"{len(frame):,} predictions: {args.output}")
    return 0


def responses_of(model: Any) -> list[str]:
    """Names of the responses of a model without tasks; their numbers where it was fitted without names."""
    import numpy as np

    return list(model.response_names_ or map(str, range(len(np.atleast_2d(model.coef_)))))


def columns_of(model: Any, path: str) -> Any:
    """Read the columns that a model was fitted on, in its order; the others are ignored."""
    from pandas.api.types import is_integer_dtype

    from kinfolk.exceptions import InputError
    from kinfolk.io import read_frame
    from kinfolk.io.tables import as_numbers

    if not hasattr(model, "feature_names_in_"):
        raise InputError(
            f"The model was fitted to an array of {model.n_features_in_} columns without names, so that the columns of "
            f"{path!r} cannot be told apart: predict in Python, or fit it to a DataFrame."
        )
    task = getattr(model, "task", None)
    frame = read_frame(path, labels=task)
    names = list(model.feature_names_in_)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InputError(
            f"{path!r} lacks {len(missing)} of the {len(names)} columns that the model was fitted on: "
            f"{', '.join(map(repr, missing[:8]))}."
        )
    frame = frame[names].copy()
    for name in names:
        if name != task:
            frame[name] = as_numbers(frame[name], needed=True)
    if task is not None and model.tasks_.dtype == object and is_integer_dtype(frame[task]):
        frame[task] = frame[task].astype(str)  # numbers only as far as these rows go
    return frame
