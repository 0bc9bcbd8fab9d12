"""What a comparison found, as JSON holds it and Markdown writes it: no method is fitted for it."""

import shlex
from dataclasses import asdict
from typing import Any

from kinfolk.diagnostics import examine
from kinfolk.selection import Comparison
from kinfolk.selection.by_task import beside_baseline, by_task


def summarize_comparison(comparison: Comparison, *, command: str | None = None) -> dict[str, Any]:
    """Collect scores, gains of all tasks and what the doctor finds in the data; plain values, ready for JSON.

    Parameters
    ----------
    comparison : Comparison
    command : str, optional
        The command that made it; default: the call in Python.

    Returns
    -------
    dict
        `Comparison.to_dict` and ``shown`` (the method whose tasks are shown beside the baseline: the recommended one,
        or the best other one when the baseline itself is recommended), ``by_task`` (a sentence), ``findings`` (of
        `kinfolk.diagnostics.examine`, problems first: ``severity, about, text, remedy, names``; None for wide data,
        which it cannot look at), ``command``, ``doctor`` (what shows these findings and more; None for wide data).
    """
    settings = comparison.settings
    X, y, _ = comparison.data
    task, findings, doctor = settings["task"], None, None
    if task is not None:
        findings = [asdict(one) | {"names": list(one.names)} for one in examine(X, y, task=task).findings]
        doctor = _doctor(command) or f"kinfolk.diagnostics.examine(X, y, task={task!r})"
    return comparison.to_dict() | {
        "shown": beside_baseline(comparison),
        "by_task": by_task(comparison),
        "findings": findings,
        "command": command or f"kinfolk.compare(X, y, task={task!r}, random_state={settings['random_state']!r})",
        "doctor": doctor,
    }


def _doctor(command: str | None) -> str | None:
    """The command that looks at the same columns as ``kinfolk compare ...``."""
    words = shlex.split(command or "")
    if words[:2] != ["kinfolk", "compare"]:
        return None
    chosen = [word for at, word in enumerate(words) if {words[at - 1], word} & {"--task", "--target", "--features"}]
    return shlex.join(["kinfolk", "doctor", words[2], *chosen])
