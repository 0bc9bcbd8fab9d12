"""What the report says of residuals, and of how well methods know their own errors."""

from typing import Any

from kinfolk.report.residuals import normal_quantiles, scattered, standardised, transformed
from kinfolk.selection import Comparison
from kinfolk.selection.calibration import LEVELS

_SAID = (0.5, 0.9)  # levels of the intervals in the sentence


def summarize_calibration(comparison: Comparison, shown: str) -> dict[str, Any]:
    """Collect calibration of all methods and residuals of one; plain values, ready for JSON.

    Parameters
    ----------
    comparison : Comparison
    shown : str
        The method that is shown.

    Returns
    -------
    dict
        ``kind``: ``"numbers"`` or ``"classes"``; ``method``: the one that is set off: ``shown``, or the best one that
        states deviations where it does not; None where none does; ``methods``: a dict a method that can be judged, best
        first, with its ``error`` (`Comparison.calibration_error`), ``n`` and ``rows`` (of `Comparison.calibration`);
        ``sentence`` (None: nothing can be judged); for numbers ``levels``, ``residuals`` of ``shown`` (``of``,
        ``stated``: in units of stated deviations, ``scatter``, ``quantiles``) and ``transformed`` of ``method``.
    """
    classes = comparison.settings["scoring"] == "log_loss"
    errors, table = comparison.calibration_error, comparison.calibration
    methods: list[dict[str, Any]] = [
        {
            "method": name,
            "error": error,
            "rows": [
                {key: _plain(value) for key, value in row.items() if key != "method"}
                for row in table[table["method"] == name].to_dict("records")
            ],
        }
        for name, error in errors.items()
    ]
    method = shown if shown in errors else next(iter(errors), None)
    found: dict[str, Any] = {
        "kind": "classes" if classes else "numbers",
        "method": method,
        "shown": shown,
        "methods": methods,
        "sentence": None,
        "levels": list(LEVELS),
        "residuals": None,
        "transformed": None,
    }
    if method is not None:
        rows = next(one["rows"] for one in methods if one["method"] == method)
        found["sentence"] = _of_classes(method, errors[method]) if classes else _of_numbers(method, rows)
    if not classes:
        predicted, z, stated = standardised(comparison, shown)
        if len(z):
            found["residuals"] = {
                "of": shown,
                "stated": stated,
                "scatter": scattered(predicted, z),
                "quantiles": normal_quantiles(z),
            }
        if method is not None:
            found["transformed"] = transformed(standardised(comparison, method)[1])
    return found


def _of_numbers(method: str, rows: list[dict[str, Any]]) -> str:
    """What two intervals hold, and whether they are as wide as they should be, by two standard errors."""
    parts = []
    for row in (row for row in rows if row["level"] in _SAID):
        level, share, error = row["level"], row["coverage"], row["coverage_se"]
        judged = "too narrow" if share < level else "too wide"
        if error is None or abs(share - level) <= 2.0 * error:
            judged = "as stated"
        parts.append(f"{level:.0%} intervals hold {share:.1%}{'' if error is None else f' ± {error:.1%}'} ({judged})")
    return f"{method}: {', '.join(parts)} of the held-out observations."


def _of_classes(method: str, error: float) -> str:
    return f"Probabilities of {method} are off by {error:.1%} on average (expected calibration error)."


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
