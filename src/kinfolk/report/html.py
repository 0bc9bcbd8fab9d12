"""The pages: a summary dict through an autoescaped template."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from kinfolk.metrics import shown_gain
from kinfolk.report.summarize_transfer import gain_text

_LISTED = 8  # tasks in a table of who helps whom


def to_html(summary: dict[str, Any]) -> str:
    """One self-contained HTML page (inline styles, SVG and one script; no network) from what `summarize` gives."""
    from kinfolk.report import plots
    from kinfolk.report.calibration_plots import calibration_figures
    from kinfolk.report.learning_plot import learning
    from kinfolk.report.plan_plots import learning_curves
    from kinfolk.report.task_table import task_table
    from kinfolk.report.weights_plots import borrowing_figures

    model = summary["model"]
    figures = {"gains": plots.gains(summary["tasks"])}
    if model is not None:
        figures |= {"shrinkage": plots.shrinkage(model), "spectrum": plots.spectrum(model, summary["pictured"])}
    figures |= borrowing_figures(summary["borrowing"])
    figures |= calibration_figures(summary["calibration"], summary["comparison"]["baseline"])
    if not summary["outlook"]["doubts"]:
        figures["outlook"] = learning_curves(summary["outlook"], "n")
    graphs = [_drawn(graph) for graph in summary["graphs"]]
    curves = [one | {"drawing": Markup(learning(one))} for one in summary["learning"]]
    more = {"graphs": graphs, "learning": curves, "table": task_table(summary["comparison"])}
    return _page("report.html", summary | more, figures, script=_script("report.js"))


def _drawn(graph: dict[str, Any]) -> dict[str, Any]:
    """A graph of the summary with its drawing, and the rows of its tables."""
    from kinfolk.report import graph_plots

    tasks = graph["tasks"]
    if not graph["edges"]:
        return graph | {"drawing": ""}
    drawing, note = graph_plots.task_graph(graph)
    single = len(tasks) <= graph_plots.DRAWN
    return graph | {
        "drawing": Markup(drawing),
        "note": note,
        "full": graph_plots.gain_scale(tasks) if single else None,
        "untested": any(row["gain"] is None for row in tasks),
        "lean": sorted(tasks, key=lambda row: -row["others"])[:_LISTED],
        "give": sorted(tasks, key=lambda row: -row["given"])[:_LISTED],
        "rest": tasks if single and len(tasks) > _LISTED else [],
    }


def transfer_to_html(summary: dict[str, Any]) -> str:
    """Like `to_html`, from what `summarize_transfer` gives."""
    from kinfolk.report import plots

    figures, note = {}, ""
    if summary["responses"]:
        # responses have units of their own: each is measured by its error with the target alone
        rows = [
            row | {"task": row["response"], "error": row["borrowed"] / row["target"], "baseline_error": 1.0}
            for row in reversed(summary["responses"])
            if row["target"] > 0.0
        ]
        figures["dumbbell"], note = plots.dumbbell(
            rows, summary["borrowed"], "the target alone", noun="response", unit="over that alone", width=5.2
        )
    for side in ("features", "responses") if summary["directions"] else ():
        figures[side] = plots.directions([row for row in summary["directions"] if row["side"] == side])
    alone = next((row["error"] for row in summary["candidates"] if row["kind"] == "target"), None)
    paths = []
    for source in dict.fromkeys(row["source"] for row in summary["path"]):
        rows = [row for row in summary["path"] if row["source"] == source]
        svg, free = plots.path(rows, alone, source)
        paths.append({"source": source, "svg": Markup(svg), "free": free})
    return _page("transfer.html", summary, figures, dumbbell_note=note, paths=paths)


def plan_to_html(summary: dict[str, Any]) -> str:
    """Like `to_html`, from what `summarize_plan` gives."""
    from kinfolk.report import plan_plots

    figures = {
        "rows": plan_plots.learning_curves(summary, "n"),
        "tasks": plan_plots.learning_curves(summary, "T"),
        "gains": plan_plots.gains_by_size(summary),
    }
    if summary["descent"] is not None:
        figures["descent"] = plan_plots.double_descent(summary)
    tasks = summary["tasks"]
    listed = tasks if len(tasks) <= _LISTED else [*tasks[: _LISTED // 2], *tasks[-(_LISTED // 2) :]]
    return _page("plan.html", summary, figures, listed=listed)


def doctor_to_html(summary: dict[str, Any]) -> str:
    """Like `to_html`, from what `summarize_doctor` gives."""
    from kinfolk.report import doctor_plots

    figures = {"sizes": doctor_plots.sizes(summary)}
    if any(row["mean"] is not None for row in summary["tasks"]):
        figures["means"] = doctor_plots.means_and_spreads(summary)
    if summary["spectrum"]:
        figures["directions"] = doctor_plots.directions(summary)
    if any(row["between"] is not None for row in summary["features"]):
        figures["between"] = doctor_plots.between(summary)
    tasks = summary["tasks"]
    ends = {*range(_LISTED // 2), *range(len(tasks) - _LISTED // 2, len(tasks))}
    out = [at for at, row in enumerate(tasks) if row["outlying"]][: 2 * _LISTED]
    shown = [row for at, row in enumerate(tasks) if at in ends or at in out]
    problems = any(finding["severity"] == "problem" for finding in summary["findings"])
    return _page("doctor.html", summary, figures, shown=shown, problems=problems)


def _script(name: str) -> dict[str, Markup]:
    """A script of the page, and the hash by which the page's policy lets it run, and nothing else."""
    text = files("kinfolk.report").joinpath("templates", name).read_text("utf-8")
    digest = b64encode(sha256(text.encode()).digest()).decode()
    return {"text": Markup(text), "hash": Markup(f"sha256-{digest}")}


def _sections(body: str) -> list[tuple[Markup, Markup]]:
    """Anchors and headings of the sections of a page."""
    found = re.findall(r'<section id="([^"]+)">\s*<h2[^>]*>(.*?)</h2>', body)
    return [(Markup(anchor), Markup(title)) for anchor, title in found]


def _page(
    template: str,
    summary: dict[str, Any],
    figures: dict[str, str],
    *,
    script: dict[str, Markup] | None = None,
    **more: Any,
) -> str:
    environment = Environment(
        loader=PackageLoader("kinfolk.report", "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {"number": _number, "percent": _percent, "gain": "{:+.0%}".format}
    environment.filters |= {"sections": _sections, "breakable": _breakable}
    environment.globals |= {"gain_text": gain_text, "shown_gain": shown_gain}
    drawn = {name: Markup(svg) for name, svg in figures.items()}
    return environment.get_template(template).render(**summary, figures=drawn, script=script, **more)


def _breakable(label: str) -> Markup:
    """A label that may be broken after its signs, where names of columns have no blanks."""
    return Markup(re.sub(r"([_./-])(?=\w)", r"\1<wbr>", str(escape(label))))


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}g}"


def _percent(value: float | None, sign: bool = True) -> str:
    return "–" if value is None else f"{value:+.1%}" if sign else f"{value:.1%}"
