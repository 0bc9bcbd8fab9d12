"""Everything that a transfer report shows, as one dict of plain values."""

import inspect
import json
from typing import Any

import numpy as np
import pandas as pd

from kinfolk.transfer.spectral_transfer import SpectralTransferRegressor

KINDS = {
    "target": "target alone",
    "source": "source as it is",
    "offset": "source + offset",
    "ridge": "graded ridge",
    "l1": "spectral transfer",
}


def summarize_transfer(model: SpectralTransferRegressor, *, command: str | None = None) -> dict[str, Any]:
    """Collect what a fitted `SpectralTransferRegressor` found; numbers, texts, lists and dicts, ready for JSON.

    Parameters
    ----------
    model : SpectralTransferRegressor
        Fitted, or loaded from a file.
    command : str, optional
        The command that made it; default: the call in Python.

    Returns
    -------
    dict
        - ``use``: one sentence that says what to do; ``fit``: one that says what the fit is.
        - ``selected``: the row of ``cv_table_`` that was selected; ``candidates``: the best row of each kind and
          source, the target alone first, then the best first, with ``what`` (its name in words) and ``kind_weight``
          (weight in the average of all candidates of this kind and source); ``table``: all rows of ``cv_table_``.
        - ``combine``: "average" or "best"; ``averaged``: how many candidates have a weight.
        - ``responses``: rows of ``response_gains_``, most gain first, with a ``verdict`` ("helped", "hurt", "unharmed",
          None when unknown) by one standard error; ``verdicts``: how many of each.
        - ``borrowed``: name of the candidate that ``responses`` is about, None without a source.
        - ``directions``: rows of ``directions_``; ``use_of_directions``: a dict a side, see the keys.
        - ``path``: rows of ``path_``.
        - ``data``, ``sources``: as ``data_`` and ``sources_``; ``features``, ``n_responses``.
        - ``settings``: parameters beside the source; ``command``; ``versions``.
    """
    from kinfolk import __version__

    table = model.cv_table_
    if model.data_["rows"] < 4:  # nothing was held out
        table = table.assign(error=np.nan, gain=np.nan, gain_se=np.nan)
    totals = table.groupby(["kind", "source"], sort=False)["weight"].sum()
    best = table.loc[model.cv_table_.groupby(["kind", "source"], sort=False)["error"].idxmin()]
    rows = [
        row | {"what": what(row), "kind_weight": float(totals[row["kind"], row["source"]])}
        for row in _plain(best, "selected")
    ]
    rows.sort(key=lambda row: (row["kind"] != "target", row["error"] or 0.0))
    found: dict[str, Any] = {
        "selected": _plain(table[table["selected"]], "selected")[0],
        "candidates": rows,
        "combine": model.combine,
        "averaged": int((table["weight"] > 0).sum()),
        "responses": _responses(model.response_gains_),
        "directions": _plain(model.directions_, "known", "free"),
        "use_of_directions": {side: _use(model.directions_, side) for side in ("features", "responses")},
        "table": _plain(table, "selected"),
        "path": _plain(model.path_, "selected"),
        "data": dict(model.data_),
        "sources": _plain(model.sources_),
        "features": model.data_["features"],
        "n_responses": model.data_["responses"],
    }
    verdicts = [row["verdict"] for row in found["responses"]]
    found["verdicts"] = {verdict: verdicts.count(verdict) for verdict in ("helped", "unharmed", "hurt")}
    borrowing = [row for row in rows if row["kind"] != "target" and row["error"] is not None]
    found["borrowed"] = borrowing[0]["what"] if borrowing else None
    settings = {name: value for name, value in model.get_params(deep=False).items() if name != "source"}
    settings |= {name: tuple(one) for name, one in settings.items() if isinstance(one, list)}  # tuples before a file
    plain = (str, int, float)
    found["settings"] = {name: one if isinstance(one, plain) else _short(one) for name, one in settings.items()}
    return found | {
        "use": _use_what(found),
        "fit": _what_it_is(found),
        "command": command or _call(settings),
        "versions": {"kinfolk": __version__, "numpy": np.__version__},
    }


def what(row: dict[str, Any]) -> str:
    """What a candidate is, in words: its kind, and the source."""
    return KINDS[row["kind"]] + (f" from {row['source']}" if row["source"] else "")


def gain_text(gain: float | None, error: float | None) -> str:
    """A gain with its standard error; where more is lost than twice the error, how many times the error it is.

    Examples
    --------
    >>> gain_text(0.312, 0.061), gain_text(-4.0, 0.1), gain_text(None, None)
    ('+31.2% ± 6.1%', '5 times the error', 'unknown')
    """
    if gain is None:
        return "unknown"
    if gain < -1.0:
        return f"{1.0 - gain:.3g} times the error"
    return f"{gain:+.1%}" + ("" if error is None else f" ± {error:.1%}")


def _plain(frame: pd.DataFrame, *flags: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return [row | {flag: bool(row[flag]) for flag in flags} for row in rows]


def _responses(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for row in _plain(frame):
        gain, error = row["gain"], row["gain_se"]
        verdict = None
        if gain is not None and error is not None:
            verdict = "helped" if gain > error else "hurt" if gain < -error else "unharmed"
        rows.append(row | {"verdict": verdict})
    return sorted(rows, key=lambda row: -np.inf if row["gain"] is None else row["gain"], reverse=True)


def _use(frame: pd.DataFrame, side: str) -> dict[str, Any] | None:
    """How far one side's directions of the source are used; None for the target alone."""
    part = frame[frame["side"] == side]
    if part.empty:
        return None
    known = part["known"].to_numpy(dtype=bool)
    share = part["share"].to_numpy(dtype=float)
    return {
        "source": int(known.sum()),
        "source_zero": int((share[known] == 0.0).sum()),
        "source_share": float(share[known].sum()),
        "outside": int((~known).sum()),
        "outside_zero": int((share[~known] == 0.0).sum()),
        "outside_share": float(share[~known].sum()),
        "free": int(part["free"].sum()),
    }


def _use_what(found: dict[str, Any]) -> str:
    """What to do, in one sentence."""
    one, averaged = found["selected"], found["combine"] == "average" and found["averaged"] > 1
    if one["kind"] != "target":
        gain, error = one["gain"], one["gain_se"]
        saves = gain_text(gain, error).removeprefix("+")
        saves = f"saves {saves} of the target's own error" if gain is not None and gain > 0 else f"gains {saves}"
        doubt = "" if error is not None and gain > 2.0 * error else "; other rows might say otherwise"
        if averaged:
            return f"Use the average of {found['averaged']} candidates led by {what(one)}, which {saves}{doubt}."
        return f"Use {what(one)}: it {saves}{doubt}."
    borrowing = [row for row in found["candidates"] if row["kind"] != "target" and row["error"] is not None]
    if not borrowing:
        return "Use the target alone: there was nothing to compare it with."
    best = borrowing[0]
    gains = f"the best that borrows, {best['what']}, gains {gain_text(best['gain'], best['gain_se'])}"
    if best["gain"] is not None and best["gain"] < -1.0:
        gains = f"the best that borrows, {best['what']}, has {gain_text(best['gain'], None)}"
    safe = found["settings"]["safe"]
    if best["gain"] is not None and best["gain"] > 0 and safe > 0:
        gains += f", which is not more than {safe:g} standard errors"
    lent = sum(row["kind_weight"] for row in found["candidates"] if row["kind"] != "target")
    if lent > 0:
        return f"Use mostly the target alone, with {lent:.0%} of the weight on candidates that borrow: {gains}."
    return f"Use the target alone: {gains}."


def _what_it_is(found: dict[str, Any]) -> str:
    """What the fitted coefficients are, in one sentence."""
    one = found["selected"]
    if one["error"] is None:
        return f"The fit is the target's own: of {found['data']['rows']} rows none was held out to compare by."
    free = f", {one['free_u']} directions of features and {one['free_v']} of responses free"
    rank = "" if one["kind"] == "source" else f", rank {one['rank']}"
    leader = f"{what(one)}{free if one['kind'] in ('l1', 'ridge') else ''}{rank}"
    if found["combine"] != "average" or found["averaged"] == 1:
        return f"The fit is {leader}."
    shares = sorted((row for row in found["candidates"] if row["kind_weight"] > 0), key=lambda row: -row["kind_weight"])
    parts = ", ".join(f"{row['what']} {row['kind_weight']:.1%}" for row in shares)
    how = f"candidates, weighted by their cross-validated errors ({parts})"
    if len(shares) == 1:
        how = f"candidates of one kind, {shares[0]['what']}, weighted by their cross-validated errors"
    return (
        f"The fit is the average of {found['averaged']} {how}; the one with the most weight, {one['weight']:.0%}, "
        f"is {leader}."
    )


def _call(settings: dict[str, Any]) -> str:
    """The call in Python, with the parameters that are not the default."""
    defaults = {
        name: one.default for name, one in inspect.signature(SpectralTransferRegressor.__init__).parameters.items()
    }
    given = [f"{name}={_short(one, name)}" for name, one in settings.items() if repr(one) != repr(defaults[name])]
    return f"kinfolk.{SpectralTransferRegressor.__name__}({', '.join(['source', *given])}).fit(X, Y)"


def _short(value: Any, otherwise: str = "given") -> str:
    """How a parameter is written, where that is short."""
    text = repr(value)
    return text if len(text) <= 100 else otherwise
