"""``kinfolk adapt``: new tasks for a saved model."""

import argparse


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

    model = load_model(args.model)
    if not hasattr(model, "adapt"):
        raise InputError(f"{args.model!r} holds a {type(model).__name__}, which has no tasks: fit it again instead.")
    frame = read_frame(args.table)
    for name in filter(None, (args.target, args.weights)):
        if name not in frame.columns:
            raise InputError(
                f"There is no column {name!r} in {args.table!r}. Columns: {', '.join(map(str, frame.columns))}."
            )
    weights = None if args.weights is None else frame[args.weights]
    adapted = model.adapt(columns_of(model, args.table), frame[args.target], sample_weight=weights)
    save_model(adapted, args.save)
    print(f"{len(adapted.tasks_) - len(model.tasks_)} new tasks, {len(adapted.tasks_)} in all. Model: {args.save}")
    return 0
