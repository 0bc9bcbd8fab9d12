"""What the report says of methods that learn step by step: their curves."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from kinfolk.selection import Comparison

_LOSSES = {"loss": "training rows", "held_out_loss": "held-out rows"}
_QUALITY = {"accuracy": "accuracy on training rows", "r2": "R² on training rows"}


def summarize_learning(comparison: Comparison, refit: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Collect the learning curves of every method of a comparison whose class has ``learns_by_steps``.

    Parameters
    ----------
    comparison : Comparison
    refit : callable
        Gives a method, by its name, fitted on all rows.

    Returns
    -------
    list of dict
        ``method``, ``about`` (a sentence), ``iteration`` (numbers), ``losses`` and ``quality`` (curves by their names),
        in the order of the comparison.
    """
    found = []
    for name in comparison.methods["method"].astype(str):
        if getattr(type(comparison.estimators[name]), "learns_by_steps", False):
            fitted = refit(name)
            history = fitted.history_
            found.append(
                {
                    "method": name,
                    "about": _about(fitted, history),
                    "iteration": history["iteration"].tolist(),
                    "losses": _curves(history, _LOSSES),
                    "quality": _curves(history, _QUALITY),
                }
            )
    return found


def _curves(history: pd.DataFrame, names: dict[str, str]) -> dict[str, list[float]]:
    return {label: history[name].tolist() for name, label in names.items() if name in history}


def _about(fitted: Any, history: pd.DataFrame) -> str:
    heads = {
        "shared": "one head for all tasks",
        "per_task": "a head for each task, from a common start",
        "shared+specific": "a common head and a part of each task's own",
    }
    ended = "all steps were taken" if fitted.n_iter_ >= fitted.max_iter else f"it ended early, of {fitted.max_iter:,}"
    sentence = f"{fitted.n_iter_:,} steps; {ended}. Shared features under {heads[fitted.head_kind_]}."
    if history["learning_rate"].iloc[-1] < history["learning_rate"].iloc[0]:
        sentence += " It diverged at first: its learning rate was halved."
    return sentence
