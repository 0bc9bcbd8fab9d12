"""The table of all tasks on the page: texts of its cells, and where the points of each pair stand on one scale."""

import math
from typing import Any

import numpy as np

from kinfolk.metrics import shown_gain

_ERRORS = {
    "squared_error": ("RMSE", "root mean squared error"),
    "absolute_error": ("MAE", "mean absolute error"),
    "log_loss": ("log loss", "mean log loss"),
}
_WIDTH = 1000  # places on the scale
VERDICTS = ("helped", "unharmed", "hurt", "untested")


def task_table(found: dict[str, Any]) -> dict[str, Any]:
    """Rows of the table, the most helped task first, and what the page's script needs to show another method.

    Points stand on a logarithmic scale, so that pairs of equal length are equal gains, whatever the level of the task.

    Parameters
    ----------
    found : dict
        What `summarize_comparison` gives.

    Returns
    -------
    dict
        ``rows`` (``task, n_rows, alone, shared, gain, verdict`` as texts and ``at``, the places of both points),
        ``error`` and ``meaning`` (of its heading), ``ticks`` (place and text), ``low`` and ``high`` (texts),
        ``verdicts`` (those that some task has with some method) and ``methods`` (for each that can be shown
        ``[shared, gain, verdict, at]`` of all rows, in their order).
    """
    squared = found["settings"]["scoring"] == "squared_error"
    by_method: dict[str, list[dict[str, Any]]] = {}
    for row in found["tasks"]:
        root = {key: math.sqrt(row[key]) for key in ("error", "baseline_error") if squared and row[key] is not None}
        by_method.setdefault(row["method"], []).append(row | root)
    shown = by_method[found["shown"]]
    order = sorted(range(len(shown)), key=lambda t: math.inf if shown[t]["gain"] is None else -shown[t]["gain"])
    by_method = {method: [rows[t] for t in order] for method, rows in by_method.items()}
    shown = by_method[found["shown"]]
    low, high = _span([row[key] for row in shown for key in ("error", "baseline_error") if row[key] is not None])
    places = {method: [_place(row["error"], low, high) for row in rows] for method, rows in by_method.items()}
    cells = {
        method: [[_number(row["error"]) for row in rows], [_gain(row) for row in rows]]
        for method, rows in by_method.items()
    }
    error, meaning = _ERRORS[found["settings"]["scoring"]]
    return {
        "error": error,
        "meaning": meaning,
        "low": f"{low:.2g}",
        "high": f"{high:.2g}",
        "ticks": [{"at": _place(tick, low, high), "text": f"{tick:g}"} for tick in _ticks(low, high)],
        "rows": [
            {
                "task": row["task"],
                "n_rows": row["n_rows"],
                "alone": _number(row["baseline_error"]),
                "shared": shared,
                "gain": gain,
                "verdict": row["verdict"],
                "at": None if at is None else (_place(row["baseline_error"], low, high), at),
            }
            for row, shared, gain, at in zip(shown, *cells[found["shown"]], places[found["shown"]], strict=True)
        ],
        "verdicts": [word for word in VERDICTS if any(row["verdict"] == word for row in found["tasks"])],
        "methods": {
            method: [*cells[method], [VERDICTS.index(row["verdict"]) for row in rows], places[method]]
            for method, rows in sorted(by_method.items())
            if method != found["baseline"] or method == found["shown"]
        },
    }


def _span(errors: list[float]) -> tuple[float, float]:
    """The ends of the scale; errors of less than a thousandth of the largest stand at its lower end."""
    high = max(errors, default=1.0) or 1.0
    low = min(max(min(errors, default=high), high / 1000.0), high / 1.05)
    air = (high / low) ** 0.03
    return low / air, high * air


def _place(error: float | None, low: float, high: float) -> int | None:
    if error is None:
        return None
    share = math.log(max(error, low) / low) / math.log(high / low)
    return round(_WIDTH * min(share, 1.0))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between the ends: 1, 2 and 5 times powers of ten, or even steps where these are too few."""
    ticks = [digit * 10.0**power for power in _powers(low, high) for digit in (1, 2, 5)]
    if sum(low <= tick <= high for tick in ticks) < 3:
        width = high - low
        step = next(d * 10.0**p for p in _powers(width / 10.0, width) for d in (1, 2, 5) if width <= 5 * d * 10.0**p)
        ticks = [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    kept: list[float] = []
    for tick in ticks:
        apart = _WIDTH * math.log(tick / kept[-1]) / math.log(high / low) if kept else _WIDTH
        if apart > 25 * (len(f"{tick:g}") + len(f"{kept[-1]:g}") if kept else 0):  # or their texts would touch
            kept.append(tick)
    return kept


def _powers(low: float, high: float) -> range:
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def _number(value: float | None) -> str:
    return "–" if value is None else np.format_float_positional(float(f"{value:.4g}"), trim="-")


def _gain(row: dict[str, Any]) -> str:
    return shown_gain(row["gain"], row["gain_se"])
