"""The one progress bar of long commands."""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def with_progress(job: Callable[[Callable[[int, int, str], None]], Result], opening: str) -> Result:
    """Run ``job(progress)`` under a bar on stderr: ``progress(done, total, what)`` moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        line = bar.add_task(opening, total=None)

        def progress(done: int, total: int, what: str) -> None:
            bar.update(line, completed=done, total=total, description=what)

        return job(progress)
