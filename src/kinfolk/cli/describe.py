"""``kinfolk describe``: what a model file holds."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", metavar="MODEL.kin")


def run(args: argparse.Namespace) -> int:
    """Print method, parameters, tasks or responses, features, fitted numbers and versions."""
    from kinfolk.base.description import describe
    from kinfolk.io import load_model
    from kinfolk.io.models import read_description

    description = read_description(args.model)
    parameters = ", ".join(f"{name}={value!r}" for name, value in description["parameters"].items())
    lines = {
        "method": description["class"],
        "parameters": parameters,
        **describe(load_model(args.model)),
        "written by": f"kinfolk {description['kinfolk']}, format {description['format']}",
    }
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")
    return 0
