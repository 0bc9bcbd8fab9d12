"""``kinfolk fit``: one method on all rows."""

import argparse

from kinfolk.cli._table import add_table_arguments, read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_table_arguments(parser)
    parser.add_argument("--method", required=True, metavar="NAME", help="for instance PartialPoolingRegressor")
    parser.add_argument("--save", required=True, metavar="FILE.kin", help="where the model goes")


def run(args: argparse.Namespace) -> int:
    """Fit and save."""
    import kinfolk
    from kinfolk.exceptions import InputError
    from kinfolk.io import save_model
    from kinfolk.validation import check_regression_target

    methods = {method.__name__: method for method in kinfolk.all_estimators()}
    if args.method not in methods:
        raise InputError(f"There is no method {args.method!r}; there are {', '.join(methods)}.")
    table = read(args)
    check_regression_target(table.y)
    model = methods[args.method](task=table.task).fit(table.X, table.y, sample_weight=table.weights)
    save_model(model, args.save)
    print(
        f"{args.method}: {len(model.tasks_)} tasks, {len(model.feature_names_)} features; {model.result_.status.value}."
    )
    print(f"Model: {args.save}")
    return 0
