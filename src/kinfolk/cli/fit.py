"""``kinfolk fit``: one method on all rows."""

import argparse

from kinfolk.cli._table import add_table_arguments, check_places, read


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

    classifiers = {
        method.__name__: method for method in (*kinfolk.all_estimators("classifier"), kinfolk.GuardedClassifier)
    }
    methods = {
        method.__name__: method for method in (*kinfolk.all_estimators(), kinfolk.GuardedRegressor)
    } | classifiers
    if args.method not in methods:
        raise InputError(f"There is no method {args.method!r}; there are {', '.join(methods)}.")
    check_places(args.save)
    table = read(args)
    if args.method not in classifiers:
        check_regression_target(table.y)
    model = methods[args.method](task=table.task).fit(table.X, table.y, sample_weight=table.weights)
    save_model(model, args.save)
    classes = f"{len(model.classes_)} classes, " if args.method in classifiers else ""
    if hasattr(model, "weights_"):
        ended = f"a mixture of {', '.join(model.candidates_)}"
    else:
        results = model.result_ if isinstance(model.result_, tuple) else (model.result_,)
        ended = ", ".join(dict.fromkeys(result.status.value for result in results))
    print(f"{args.method}: {len(model.tasks_)} tasks, {classes}{len(model.feature_names_)} features; {ended}.")
    print(f"Model: {args.save}")
    return 0
