"""Decentralised multi-task learning: agents keep their rows and talk to their neighbours only."""

from kinfolk.agents.local import Faults, run_local
from kinfolk.agents.node import Agent, Heard, converse
from kinfolk.agents.synthetic import SyntheticSource, make_field

__all__ = ["Agent", "Faults", "Heard", "SyntheticSource", "converse", "make_field", "run_local"]
