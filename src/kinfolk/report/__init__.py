"""The report: a comparison becomes a dict, and the dict becomes one self-contained HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING

from kinfolk.report.html import to_html
from kinfolk.report.summarize import summarize

if TYPE_CHECKING:
    from kinfolk.selection import Comparison

__all__ = ["summarize", "to_html", "write_report"]


def write_report(comparison: "Comparison", path: str | Path, *, command: str | None = None) -> None:
    """Write the HTML report of a comparison to one file (atomically), which needs no network to be read.

    Parameters
    ----------
    comparison : Comparison
    path : str or Path
    command : str, optional
        The command that made the comparison; default: the call in Python.
    """
    from kinfolk.io.atomic import atomic_write

    page = to_html(summarize(comparison, command=command))
    with atomic_write(path) as stream:
        stream.write(page.encode())
