"""``kinfolk agent``: decentralised learning, agents that talk to their neighbours only."""

import argparse
import logging
import sys

_ACTIONS = {
    "run": "let one agent live, as its configuration says, until it is stopped",
    "keys": "make a pair of keys, for agents on several hosts",
    "simulate": "let many agents live in this process, with failures, and compare them with one tracker of all rows",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    run, keys, simulate = (
        actions.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        for name, purpose in _ACTIONS.items()
    )
    run.add_argument("--config", required=True, metavar="FILE.toml", help="its configuration (docs/agents.md)")
    run.add_argument("--rounds", type=int, metavar="N", help="end after so many rounds (default: never)")
    run.add_argument("--verbose", action="store_true", help="also say when an edge is left out")
    keys.add_argument("--out", default=".", metavar="DIR", help="folder to write to (default: here)")
    keys.add_argument("--name", default="agent", help="name of the files (default: agent)")
    for name, kind, default, purpose in (
        ("agents", int, 8, "number of agents"),
        ("features", int, 10, "coefficients of each"),
        ("rounds", int, 2000, "rounds, each with one row an agent; the second half is measured"),
        ("step", float, 0.2, "step of the agents"),
        ("degree", int, 4, "neighbours of each, about"),
        ("variance", float, 0.02, "of the agents' models about their mean: less is more kinship"),
        ("drop", float, 0.0, "probability that a message is lost"),
        ("delay", int, 0, "rounds by which messages are late"),
        ("noise", float, 0.0, "standard deviation of what is added to models on their way"),
        ("garbage", int, 0, "agents that say garbage"),
        ("dead", int, 0, "agents that die half way to the measurement"),
        ("seed", int, 0, "draws everything"),
    ):
        simulate.add_argument(
            f"--{name}", type=kind, default=default, metavar="N", help=f"{purpose} (default: %(default)s)"
        )
    simulate.add_argument("--loss", choices=("squared", "logistic"), default="squared", help="(default: squared)")


def run(args: argparse.Namespace) -> int:
    """Run, make keys, or simulate."""
    logging.basicConfig(format="kinfolk agent: %(message)s", stream=sys.stderr, level=logging.WARNING)
    return {"run": _run, "keys": _keys, "simulate": _simulate}[args.action](args)


def _run(args: argparse.Namespace) -> int:
    from kinfolk.agents.config import read_config
    from kinfolk.agents.process import run_agent
    from kinfolk.exceptions import InputError

    if args.rounds is not None and args.rounds < 1:
        raise InputError(f"--rounds must be at least 1; got {args.rounds}.")
    if args.verbose:
        logging.getLogger("kinfolk.agents").setLevel(logging.INFO)
    return run_agent(read_config(args.config), args.rounds)


def _keys(args: argparse.Namespace) -> int:
    from kinfolk.agents.keys import write_keys

    public, secret, key = write_keys(args.out, args.name)
    print(f'Public key: {public}\nSecret key: {secret} (keep it on this host)\n\npublic_key = "{key}"')
    return 0


def _simulate(args: argparse.Namespace) -> int:
    from kinfolk.agents.simulation import simulate
    from kinfolk.cli._progress import with_progress

    found = with_progress(
        lambda progress: simulate(
            n_agents=args.agents,
            n_features=args.features,
            n_rounds=args.rounds,
            step=args.step,
            loss=args.loss,
            degree=args.degree,
            variance=args.variance,
            drop=args.drop,
            delay=args.delay,
            noise=args.noise,
            n_garbage=args.garbage,
            n_dead=args.dead,
            seed=args.seed,
            progress=progress,
        ),
        "rounds",
    )
    print("Mean squared deviation of a coefficient, dB (lower is better), over the second half:")
    print(f"  alone    {found.alone:7.2f}")
    print(f"  agents   {found.agents:7.2f}")
    print(f"  central  {found.central:7.2f}   (one tracker that sees all rows; nothing fails)")
    print(f"Coupling strength: {found.coupling:.2f} (below 0.1 agents alone are already enough).")
    if found.bad:
        print("Messages ignored:")
        for reason, count in sorted(found.bad.items()):
            print(f"  {count:7,d}  {reason}")
    return 0
