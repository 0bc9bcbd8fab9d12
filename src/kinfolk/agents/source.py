"""Rows of an agent that come from a table."""

from dataclasses import dataclass

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.agents.config import Config, Data
from kinfolk.agents.node import Agent
from kinfolk.agents.synthetic import SyntheticSource, make_field
from kinfolk.exceptions import InputError
from kinfolk.io.tables import as_numbers, read_frame


@dataclass(frozen=True)
class TableSource:
    """Rows in their order.

    Attributes
    ----------
    U : (n, M) array
    y : (n,) array
    loop : bool
        After the last row comes the first.
    """

    U: FloatArray
    y: FloatArray
    loop: bool

    @property
    def n_features(self) -> int:
        """M."""
        return int(self.U.shape[1])

    def row(self, position: int) -> tuple[FloatArray, float] | None:
        """Row number ``position``; None after the last one."""
        if position >= len(self.y) and not self.loop:
            return None
        at = position % len(self.y)
        return self.U[at], float(self.y[at])


def read_source(data: Data, *, agent: int, loss: str) -> TableSource | SyntheticSource:
    """Rows of an agent, as its configuration says.

    Raises
    ------
    InputError
        The table cannot be read, lacks a column, or holds cells that are missing, not finite or not numbers, or for the
        logistic loss a target other than 0 and 1.
    """
    if data.synthetic is not None:
        return SyntheticSource(make_field(loss=loss, **data.synthetic), agent)
    assert data.table is not None
    assert data.target is not None
    frame = read_frame(data.table)
    names = [*data.features, data.target]
    missing = [name for name in names if name not in frame.columns]
    if missing:
        found = ", ".join(map(str, list(frame.columns)[:20]))
        raise InputError(f"{str(data.table)!r} has no column {', '.join(map(repr, missing))}; it has {found}.")
    if data.target in data.features:
        raise InputError(f"The target {data.target!r} is one of the features: leave it out of them.")
    columns = {name: as_numbers(frame[name]).to_numpy() for name in names}
    holes = [name for name, column in columns.items() if not np.isfinite(column).all()]
    if holes:
        row = int(np.flatnonzero(~np.isfinite(columns[holes[0]]))[0])
        raise InputError(
            f"{str(data.table)!r}: column(s) {', '.join(map(repr, holes))} have missing or infinite cells, the first "
            f"in row {row} (counted from 0, header not counted): an agent learns whole rows only."
        )
    y = columns[data.target]
    if loss == "logistic" and not np.isin(y, (0.0, 1.0)).all():
        raise InputError(f"The target {data.target!r} must be 0 or 1 in every row for the logistic loss.")
    U = np.column_stack([columns[name] for name in data.features])
    U = (U - (data.center or 0.0)) / (data.scale or 1.0)
    return TableSource(U, y, data.loop)


def start_agent(config: Config, source: TableSource | SyntheticSource) -> Agent:
    """The agent of a configuration, before its first row."""
    weights = {other.id: other.weight for other in config.neighbors if other.weight is not None}
    return Agent.start(
        config.id,
        [other.id for other in config.neighbors],
        source.n_features,
        loss=config.loss,
        step=config.step,
        intercept=config.data.intercept,
        period=config.period,
        weights=weights or None,
    )
