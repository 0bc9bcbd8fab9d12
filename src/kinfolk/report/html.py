"""The page: the summary dict through an autoescaped template."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kinfolk.report import plots


def to_html(summary: dict[str, Any]) -> str:
    """One self-contained HTML page (inline styles and SVG, no script, no network) from what `summarize` gives."""
    environment = Environment(
        loader=PackageLoader("kinfolk.report", "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"number": _number, "percent": _percent}
    model, shown = summary["model"], summary["shown"]
    pair, note = plots.dumbbell(summary["tasks"], shown, summary["comparison"]["baseline"])
    figures = {"dumbbell": pair, "gains": plots.gains(summary["tasks"])}
    if model is not None:
        figures |= {"shrinkage": plots.shrinkage(model), "spectrum": plots.spectrum(model, shown)}
    return environment.get_template("report.html").render(
        **summary, figures={name: Markup(svg) for name, svg in figures.items()}, dumbbell_note=note
    )


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}g}"


def _percent(value: float | None, sign: bool = True) -> str:
    return "–" if value is None else f"{value:+.1%}" if sign else f"{value:.1%}"
