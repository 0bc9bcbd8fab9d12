"""Everything that `kinfolk doctor` says, as one dict of plain values."""

import shlex
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.diagnostics import Examination
from kinfolk.diagnostics.apart import OUTLYING


def summarize_doctor(
    found: Examination,
    *,
    table: str = "TABLE",
    features: list[str] | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Collect what `examine` found; numbers, texts, lists and dicts, ready for JSON.

    Parameters
    ----------
    found : Examination
    table : str
        Name of the file, for the commands that come next.
    features : list of str, optional
        Those that were asked for.
    command : str, optional
        The command that made it.

    Returns
    -------
    dict
        ``verdict``: a sentence; ``data``: sizes; ``facts``: rows ``name, value`` of text; ``findings``: dicts
        ``severity, about, text, remedy, names``; ``tasks``: ``task, n_rows, mean, spread, apart_mean, apart_spread,
        apart_features, outlying``, most rows first; ``features``: ``name, between, intraclass, inflation, kurtosis,
        correlation``; ``spectrum``: shares; ``missing``; ``next``: commands; ``command``, ``versions``. Numbers that
        are not known are None.
    """
    from kinfolk import __version__

    problems = sum(finding.severity == "problem" for finding in found.findings)
    notes = len(found.findings) - problems
    return {
        "verdict": _verdict(problems, notes),
        "data": {
            key: found.summary[key] for key in ("n_rows", "n_tasks", "n_features", "rows_per_task", "one_row_tasks")
        }
        | {
            "target": found.target_name,
            "task": found.task_name,
            "table_rows": found.cells.n_rows,
            "classes": None if found.classes is None else [str(name) for name in found.classes],
        },
        "facts": _facts(found),
        "findings": [
            {key: getattr(finding, key) for key in ("severity", "about", "text", "remedy")}
            | {"names": list(finding.names)}
            for finding in found.findings
        ],
        "tasks": _tasks(found),
        "features": [
            {
                "name": name,
                "between": _plain(found.features.between[j]),
                "intraclass": _plain(found.features.intraclass[j]),
                "inflation": _plain(found.spectrum.inflation[j]),
                "kurtosis": _plain(found.feature_kurtosis[j]),
                "correlation": _plain(found.leaks.correlation[j]),
            }
            for j, name in enumerate(found.cells.names)
        ],
        "spectrum": (found.spectrum.values / max(float(found.spectrum.values.sum()), 1e-300)).tolist(),
        "dimension": found.spectrum.dimension,
        "missing": found.cells.missing,
        "next": _next(found, table, features),
        "command": command,
        "versions": {"kinfolk": __version__, "numpy": np.__version__},
    }


def _verdict(problems: int, notes: int) -> str:
    noted = f"{notes} note{'' if notes == 1 else 's'}"
    if problems:
        return f"{problems} problem{'' if problems == 1 else 's'} to solve before a fit, {noted}."
    return f"No problem found, {noted}: ready for a fit."


def _facts(found: Examination) -> list[dict[str, str]]:
    between, intraclass = found.target.between, found.target.intraclass
    spectrum, n_used = found.spectrum, int((~found.features.constant & ~found.features.fixed).sum())
    facts = [
        ("complete rows", f"{len(found.codes):,} of {found.cells.n_rows:,}")
        if len(found.codes) < found.cells.n_rows
        else None,
        ("target: share of the variance between tasks", f"{np.nanmean(between):.1%}")
        if np.isfinite(between).any()
        else None,
        ("target: correlation of two rows of a task", f"{np.nanmean(intraclass):.3f}")
        if np.isfinite(intraclass).any()
        else None,
        ("effective dimension of the features within tasks", f"{spectrum.dimension:.1f} of {n_used} that vary there"),
        ("condition number of the features within tasks", f"{spectrum.condition:.4g}")
        if np.isfinite(spectrum.condition)
        else None,
    ]
    return [{"name": fact[0], "value": fact[1]} for fact in facts if fact is not None]


def _tasks(found: Examination) -> list[dict[str, Any]]:
    counts, apart = found.counts, found.apart
    numbers = found.classes is None
    with_spread = numbers & (counts > 1)
    spread: FloatArray = np.full(len(counts), np.nan)
    np.sqrt(found.target.squares[:, 0] / np.maximum(counts - 1, 1), out=spread, where=with_spread)
    means = found.target.means[:, 0] if found.target.means.shape[1] == 1 else np.full(len(counts), np.nan)
    out = {
        "mean": np.abs(np.nan_to_num(apart.mean)) > OUTLYING,
        "spread": np.abs(np.nan_to_num(apart.spread)) > OUTLYING,
        "features": np.nan_to_num(apart.features) > OUTLYING,
    }
    return [
        {
            "task": str(found.tasks[t]),
            "n_rows": int(counts[t]),
            "mean": _plain(means[t]),
            "spread": _plain(spread[t]),
            "apart_mean": _plain(apart.mean[t]),
            "apart_spread": _plain(apart.spread[t]),
            "apart_features": _plain(apart.features[t]),
            "outlying": [name for name, which in out.items() if which[t]],
        }
        for t in np.argsort(-counts, kind="stable").tolist()
    ]


def _next(found: Examination, table: str, features: list[str] | None) -> list[str]:
    """Commands that leave out what is a problem."""
    cells = found.cells
    blocked = {"one task", "one row each", "target", "features"} & {finding.about for finding in found.findings}
    if blocked:
        return []
    leaks = {name for finding in found.findings if finding.about == "leak" for name in finding.names}
    away = leaks | set(cells.mostly_missing) | set(cells.text)
    kept = [name for name in cells.names if name not in away]
    if not kept or found.target_name in cells.text:
        return []
    words = [table, "--task", found.task_name, "--target", found.target_name]
    if away or features is not None:
        words += ["--features", ",".join(f'"{name}"' if "," in name else name for name in kept)]
    if any(name not in away for name in cells.missing):
        words.append("--drop-missing")
    return [shlex.join(["kinfolk", command, *words]) for command in ("plan", "compare")]


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
