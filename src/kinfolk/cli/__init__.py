"""The command line: one module per command, each with ``add_arguments(parser)`` and ``run(args)``."""

import argparse
import os
import sys
from importlib import import_module

# many small matrices: threads inside each product wait for one another (ames on two cores: 22 s, with one 9 s)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_COMMANDS = {
    "compare": "compare the methods on a table, and say which to use and for which tasks sharing helps",
    "doctor": "say what the data look like, what is wrong with them and what to do, before any fit",
    "plan": "predict what sharing will bring, and what a wanted error takes, before any fit",
    "fit": "fit one method to all rows and save the model",
    "predict": "predict the rows of a table with a saved model",
    "transfer": "fit several responses of a small table, borrowing from fitted source studies where that helps",
    "adapt": "teach a saved model new tasks from their few rows",
    "describe": "say what a model file holds",
    "agent": "decentralised learning: run an agent, make its keys, or simulate many",
    "datasets": "list the bundled tables, or write one to a file",
    "reproduce": "measure the claims of a paper again, and say which of them hold",
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Default: what the process was called with.

    Returns
    -------
    int
        0 when done; 2 for arguments or data that cannot be used, or an extra that is not installed (with one message on
        stderr); 130 when interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="kinfolk",
        description="Fit many related small data sets as kin, and see task by task whether sharing helped.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="command")
    for name, purpose in _COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        import_module(f"kinfolk.cli.{name}").add_arguments(command)
    for name in _ONE_THREAD:  # read when NumPy is loaded, which is later; a number that is set stays
        os.environ.setdefault(name, "1")
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    if args.version:
        from kinfolk import __version__

        print(f"kinfolk {__version__}")
        return 0
    if args.command is None:
        parser.print_help()
        return 2
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    import warnings

    from kinfolk.exceptions import InputError, MissingExtraError

    def note(message: Warning | str, *_: object, **__: object) -> None:
        print(f"kinfolk {args.command}: note: {message}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.showwarning = note
            code: int = import_module(f"kinfolk.cli.{args.command}").run(args)
    except (InputError, MissingExtraError) as error:
        print(f"kinfolk {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"kinfolk {args.command}: interrupted; nothing was written", file=sys.stderr)
        return 130
    return code
