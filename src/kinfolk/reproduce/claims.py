"""A claim, what was found instead, and whether the two agree."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinfolk.io.atomic import atomic_write
from kinfolk.reproduce.plan import Row


@dataclass(frozen=True)
class Claim:
    """One number that was expected, and the one that was found.

    Attributes
    ----------
    name : str
        What is claimed.
    expected : float
    found : float or None
        None when the measurement gave no number.
    rule : str
        How the two are compared.
    passed : bool
    """

    name: str
    expected: float
    found: float | None
    rule: str
    passed: bool


def within(name: str, found: float | None, expected: float, share: float) -> Claim:
    """The number is ``expected`` up to a relative error."""
    passed = found is not None and abs(found - expected) <= share * abs(expected)
    return Claim(name, expected, found, f"within {share:.0%}", passed)


def near(name: str, found: float | None, expected: float, margin: float) -> Claim:
    """The number is ``expected`` up to an absolute error."""
    passed = found is not None and abs(found - expected) <= margin
    return Claim(name, expected, found, f"± {margin:.2g}", passed)


def at_most(name: str, found: float | None, bound: float, margin: float = 0.0) -> Claim:
    """The number is not above ``bound``, up to a margin for chance."""
    rule = f"at most + {margin:.2g}" if margin else "at most"
    return Claim(name, bound, found, rule, found is not None and found <= bound + margin)


def at_least(name: str, found: float | None, bound: float) -> Claim:
    """The number is not below ``bound``."""
    return Claim(name, bound, found, "at least", found is not None and found >= bound)


def judge_by(
    judges: Mapping[str, Callable[[list[Row]], Iterator[Claim]]], measured: Mapping[str, list[Row]]
) -> list[Claim]:
    """Claims that the measurements at hand decide, in the order of the judges (one a measurement)."""
    return [claim for name, judged in judges.items() if measured.get(name) for claim in judged(measured[name])]


def write_results(path: str | Path, claims: Iterable[Claim], measured: Mapping[str, Any], **about: Any) -> None:
    """Write the claims and all measurements as one JSON file, whole or not at all.

    Parameters
    ----------
    path : str or Path
    claims : iterable of Claim
    measured : mapping
        What the claims were judged by.
    **about
        What else the file says of the run, such as its seed.
    """
    judged = [asdict(claim) for claim in claims]
    passed = all(claim["passed"] for claim in judged)
    content = {**about, "passed": passed, "claims": judged, "measured": dict(measured)}
    with atomic_write(path) as stream:
        stream.write(json.dumps(content, indent=1, allow_nan=False).encode())
