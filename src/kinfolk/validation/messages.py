"""The parts that messages about input are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def list_rows(mask: NDArray[np.bool_], values: NDArray[Any] | None = None) -> str:
    """Say which rows are meant: the first five with their values, and how many more there are.

    Examples
    --------
    >>> import numpy as np
    >>> from kinfolk.validation import list_rows
    >>> list_rows(np.array([True, False, True]), np.array([0.5, 1.0, 2.5]))
    'rows 0 (0.5), 2 (2.5)'
    """
    rows = np.flatnonzero(mask)
    shown = rows[:5].tolist()
    cells = [str(i) for i in shown] if values is None else [f"{i} ({_short(values[i])})" for i in shown]
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(cells)}{more}"


def list_names(names: Sequence[str], limit: int = 10) -> str:
    """Put names in quotes, at most ``limit`` of them, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(repr, names[:limit])) + more


def list_offenders(offenders: Sequence[str], limit: int = 10) -> str:
    """One indented line per offending column, at most ``limit``, and how many more there are."""
    more = [f"  and {len(offenders) - limit} more columns"] if len(offenders) > limit else []
    return "\n".join([f"  {line}" for line in offenders[:limit]] + more)


def _short(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    text = repr(plain) if isinstance(plain, str | bytes) else str(plain)
    return text if len(text) <= 40 else text[:37] + "..."
