"""``kinfolk datasets``: the bundled tables."""

import argparse

from kinfolk.cli._table import check_places


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("name", nargs="?", help="one of them (default: list all)")
    parser.add_argument("--save", metavar="FILE.csv", help="write the table to a csv file")


def run(args: argparse.Namespace) -> int:
    """List the tables, or describe and write one."""
    from kinfolk.datasets import DATASETS
    from kinfolk.exceptions import InputError
    from kinfolk.io.atomic import atomic_write

    if args.name is None and args.save is not None:
        raise InputError(f"Say which table to save: {', '.join(DATASETS)}.")
    if args.name is not None and args.name not in DATASETS:
        raise InputError(f"There is no bundled table {args.name!r}; there are {', '.join(DATASETS)}.")
    check_places(args.save)
    for name in DATASETS if args.name is None else [args.name]:
        data = DATASETS[name]()
        target = data.target if isinstance(data.target, str) else ",".join(data.target)
        task = f"--task {data.task} " if data.task else ""
        print(f"{name}: {data.description}\n  {task}--target {target}; licence: {data.licence}")
        if args.save is not None:
            with atomic_write(args.save) as stream:
                stream.write(data.frame.to_csv(index=False).encode())
            print(f"  written to {args.save}")
    return 0
