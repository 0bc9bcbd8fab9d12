"""The configuration of an agent, read from TOML."""

import ipaddress
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kinfolk.agents.toml import Table
from kinfolk.exceptions import InputError

_IDS = 2**31


@dataclass(frozen=True)
class Neighbor:
    """Another agent: ``[[neighbor]]``.

    Attributes
    ----------
    id : int
    address : str
        ``tcp://host:port`` that it binds to.
    public_key : str or None
        40 characters.
    weight : float or None
        Known weight of the edge.
    """

    id: int
    address: str
    public_key: str | None
    weight: float | None


@dataclass(frozen=True)
class Data:
    """Where the rows come from: ``[data]``, a table or a synthetic stream.

    Attributes
    ----------
    table : Path or None
        Read in its order, one row at a time.
    target : str or None
    features : tuple of str
    center, scale : tuple of float, or None
        Units of the features that all agents agree on: ``(x - center) / scale``.
    intercept : bool
    loop : bool
        After the last row comes the first; else the agent ends.
    period : float or None
        Seconds between rows; None: a row each round.
    synthetic : dict or None
        Arguments of `make_field`; the agent's number is its row.
    """

    table: Path | None
    target: str | None
    features: tuple[str, ...]
    center: tuple[float, ...] | None
    scale: tuple[float, ...] | None
    intercept: bool
    loop: bool
    period: float | None
    synthetic: dict[str, Any] | None


@dataclass(frozen=True)
class Config:
    """An agent: ``[agent]``.

    Attributes
    ----------
    id : int
    bind : str
        ``tcp://address:port`` at which neighbours hear it.
    period : float
        Seconds between rounds; 0: as fast as it can.
    step : float
    loss : {"squared", "logistic"}
    checkpoint : Path or None
    every : float
        Seconds between checkpoints.
    metrics : Path or None
        Lines of json, one with every checkpoint.
    secret_key : Path or None
    data : Data
    neighbors : tuple of Neighbor
    """

    id: int
    bind: str
    period: float
    step: float
    loss: str
    checkpoint: Path | None
    every: float
    metrics: Path | None
    secret_key: Path | None
    data: Data
    neighbors: tuple[Neighbor, ...]


def read_config(path: str | Path) -> Config:
    """Read and check a configuration; paths in it are relative to its folder.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    InputError
        Naming the file, the key, what was found and what was expected; also for an address beyond this machine
        without keys.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no configuration {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"The configuration {str(path)!r} cannot be read as TOML: {error}.") from error
    top = Table(path, "", content)
    agent, data = top.table("agent"), top.table("data")
    neighbors = tuple(_neighbor(table) for table in top.tables("neighbor"))
    top.refuse_others()
    config = Config(
        id=agent.whole("id", most=_IDS - 1),
        bind=agent.address("bind", "tcp://127.0.0.1:0"),
        period=agent.number("period", 0.1, least=0.0),
        step=agent.number("step", 0.2, above=0.0, most=1.0),
        loss=agent.choice("loss", ("squared", "logistic"), "squared"),
        checkpoint=agent.path("checkpoint"),
        every=agent.number("every", 5.0, above=0.0),
        metrics=agent.path("metrics"),
        secret_key=agent.path("secret_key"),
        data=_data(data),
        neighbors=neighbors,
    )
    agent.refuse_others()
    _check(path, config)
    return config


def is_local(address: str) -> bool:
    """Whether an address can be reached from this machine only."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_private(config: Config, where: str = "") -> None:
    """Refuse to talk beyond this machine without keys.

    Raises
    ------
    InputError
        There is no secret key, and an address is not a loopback one.
    """
    if config.secret_key is not None:
        return
    named = [("agent.bind", config.bind), *((f"neighbor {other.id}", other.address) for other in config.neighbors)]
    for name, address in named:
        if not is_local(address):
            raise InputError(
                f"{where}{name} = {address!r} is not on this machine: that needs keys. Make them with `kinfolk agent "
                "keys`, name agent.secret_key and every neighbor's public_key, or use 127.0.0.1."
            )


def _check(path: Path, config: Config) -> None:
    ids = [neighbor.id for neighbor in config.neighbors]
    twice = sorted({id for id in [*ids, config.id] if [*ids, config.id].count(id) > 1})
    if twice:
        raise InputError(f"{path}: agents {twice} stand twice: every [[neighbor]] has another id than the rest.")
    known = [neighbor.weight is not None for neighbor in config.neighbors]
    if any(known) and not all(known):
        raise InputError(f"{path}: give a weight in every [[neighbor]] (none is learned then), or in none.")
    for folder in {file.parent for file in (config.checkpoint, config.metrics) if file is not None}:
        if not folder.is_dir():
            raise InputError(f"{path}: there is no folder {str(folder)!r} to write checkpoint or metrics into.")
    if config.secret_key is not None:
        bare = [neighbor.id for neighbor in config.neighbors if neighbor.public_key is None]
        if bare:
            raise InputError(f"{path}: with a secret_key every [[neighbor]] needs its public_key; {bare} have none.")
    check_private(config, f"{path}: ")


def _neighbor(table: Table) -> Neighbor:
    found = Neighbor(
        id=table.whole("id", most=_IDS - 1),
        address=table.address("address"),
        public_key=table.key("public_key"),
        weight=None if "weight" not in table.content else table.number("weight", least=0.0),
    )
    table.refuse_others()
    return found


def _data(table: Table) -> Data:
    synthetic = None
    if "synthetic" in table.content:
        if "table" in table.content:
            raise table.error("synthetic", "either a table or a synthetic stream, not both")
        draw = table.table("synthetic")
        synthetic = {
            "n_agents": draw.whole("agents", least=2),
            "n_features": draw.whole("features", least=1),
            "seed": draw.whole("seed", default=0),
            "degree": draw.whole("degree", default=4, least=1),
            "variance": draw.number("variance", 0.05, above=0.0),
            "noise": draw.number("noise", 1.0, least=0.0),
        }
        draw.refuse_others()
    period = table.number("period", above=0.0) if "period" in table.content else None
    if synthetic is not None:
        table.refuse_others()
        return Data(None, None, (), None, None, False, False, period, synthetic)
    features = table.words("features")
    found = Data(
        table=table.path("table", required=True),
        target=table.word("target"),
        features=features,
        center=table.numbers("center", len(features)),
        scale=table.numbers("scale", len(features), above=0.0),
        intercept=table.flag("intercept", True),
        loop=table.flag("loop", False),
        period=period,
        synthetic=None,
    )
    table.refuse_others()
    return found
