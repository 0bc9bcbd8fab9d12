"""The report: what was compared, borrowed, planned or examined becomes a dict, and that one self-contained page."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinfolk.report.html import doctor_to_html, plan_to_html, to_html, transfer_to_html
from kinfolk.report.markdown import to_markdown
from kinfolk.report.summarize import summarize
from kinfolk.report.summarize_comparison import summarize_comparison
from kinfolk.report.summarize_doctor import summarize_doctor
from kinfolk.report.summarize_plan import summarize_plan
from kinfolk.report.summarize_transfer import summarize_transfer

if TYPE_CHECKING:
    from kinfolk.selection import Comparison
    from kinfolk.transfer.spectral_transfer import SpectralTransferRegressor

__all__ = [
    "doctor_to_html",
    "plan_to_html",
    "summarize",
    "summarize_comparison",
    "summarize_doctor",
    "summarize_plan",
    "summarize_transfer",
    "to_html",
    "to_markdown",
    "transfer_to_html",
    "write_doctor_report",
    "write_plan_report",
    "write_report",
    "write_transfer_report",
]


def write_report(comparison: "Comparison", path: str | Path, *, command: str | None = None) -> None:
    """Write the HTML report of a comparison to one file (atomically), which needs no network to be read.

    Parameters
    ----------
    comparison : Comparison
    path : str or Path
    command : str, optional
        The command that made the comparison; default: the call in Python.
    """
    _write(to_html(summarize(comparison, command=command)), path)


def write_transfer_report(model: "SpectralTransferRegressor", path: str | Path, *, command: str | None = None) -> None:
    """Write the HTML report of a fitted `SpectralTransferRegressor` to one file (atomically).

    Parameters
    ----------
    model : SpectralTransferRegressor
        Fitted, or loaded from a file.
    path : str or Path
    command : str, optional
        The command that made the model; default: the call in Python.
    """
    _write(transfer_to_html(summarize_transfer(model, command=command)), path)


def write_plan_report(summary: dict[str, Any], path: str | Path) -> None:
    """Write the HTML report of what `summarize_plan` gives (with its curves) to one file (atomically)."""
    _write(plan_to_html(summary), path)


def write_doctor_report(summary: dict[str, Any], path: str | Path) -> None:
    """Write the HTML report of what `summarize_doctor` gives to one file (atomically)."""
    _write(doctor_to_html(summary), path)


def _write(page: str, path: str | Path) -> None:
    from kinfolk.io.atomic import atomic_write

    with atomic_write(path) as stream:
        stream.write(page.encode())
