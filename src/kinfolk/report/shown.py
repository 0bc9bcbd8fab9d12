"""What of a comparison is shown: which method beside the baseline, and its tasks in order."""

from typing import Any

from kinfolk.exceptions import InputError
from kinfolk.selection import Comparison
from kinfolk.selection.by_task import beside_baseline


def chosen(comparison: Comparison, method: str | None) -> str:
    """A method of the comparison by its name; None: the one that is shown beside the baseline.

    Raises
    ------
    InputError
        There is no such method among those that could be fitted.
    """
    names = [str(name) for name in comparison.methods["method"]]
    if method is None:
        return beside_baseline(comparison)
    if method not in names:
        raise InputError(f"The comparison has no method {method!r}; there are {', '.join(names)}.")
    return method


def task_rows(tasks: list[dict[str, Any]], method: str) -> list[dict[str, Any]]:
    """Of ``tasks``, as `Comparison.to_dict` has them, those of a method that were tested: the worst gain first."""
    rows = [row for row in tasks if row["method"] == method and row["n_tested"] > 0]
    return sorted(rows, key=lambda row: float("inf") if row["gain"] is None else float(row["gain"]))


def check_comparison(comparison: Any, name: str) -> None:
    """Refuse what is no comparison; ``name``: of the function that wants one."""
    if not isinstance(comparison, Comparison):
        raise InputError(f"{name} takes a Comparison, which kinfolk.compare gives; got {said(comparison)}.")


def said(found: Any) -> str:
    """What something is, for a message."""
    unfitted = hasattr(found, "fit") and not hasattr(found, "n_features_in_")
    return f"{type(found).__name__}{', which is not fitted' if unfitted else ''}"
