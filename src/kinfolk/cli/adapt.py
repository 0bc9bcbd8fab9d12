"""``kinfolk adapt``: new tasks for a saved model."""

import argparse

from kinfolk.cli._table import check_places


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", metavar="MODEL.kin")
    parser.add_argument("table", metavar="TABLE", help="rows of the new tasks")
    parser.add_argument("--target", required=True, metavar="COLUMN")
    parser.add_argument("--weights", metavar="COLUMN", help="column of row weights")
    parser.add_argument("--save", required=True, metavar="FILE.kin", help="where the adapted model goes")


def run(args: argparse.Namespace) -> int:
    """Adapt and save."""
    from kinfolk.cli.predict import columns_of
    from kinfolk.exceptions import InputError
    from kinfolk.io import load_model, read_frame, save_model
    from kinfolk.io.tables import as_numbers, check_names, is_class

    check_places(args.save)
    model = load_model(args.model)
    if not hasattr(model, "adapt"):
        raise InputError(f"{args.model!r} holds a {type(model).__name__}, which has no tasks: fit it again instead.")
    frame = read_frame(args.table)
    check_names(frame, [name for name in (args.target, args.weights) if name is not None])
    y = frame[args.target] if is_class(frame[args.target]) else as_numbers(frame[args.target], "target")
    weights = None if args.weights is None else as_numbers(frame[args.weights], "weights")
    adapted = model.adapt(columns_of(model, args.table), y, sample_weight=weights)
    save_model(adapted, args.save)
    print(f"{len(adapted.tasks_) - len(model.tasks_)} new tasks, {len(adapted.tasks_)} in all. Model: {args.save}")
    return 0
