"""What all plots of the pages share: colours that the page gives, one style, and SVG with a text alternative."""

import io
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Palette:
    """What the colours of a drawing mean: lines and text, grid, better, worse, each task alone, the ground."""

    ink: str
    faint: str
    good: str
    bad: str
    alone: str
    card: str

    def by_verdict(self) -> Iterator[tuple[str, str]]:
        """Verdicts on a task with their colours."""
        return iter((("unharmed", self.ink), ("helped", self.good), ("hurt", self.bad)))


# stand-ins that are replaced by the page's own colours, so that dark and light both work
PAGE = Palette("#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f", "#101112")
INK, FAINT, GOOD, BAD, ALONE, CARD = astuple(PAGE)
_COLOURS = {
    INK: "currentColor",
    FAINT: "var(--line)",
    GOOD: "var(--good)",
    BAD: "var(--bad)",
    ALONE: "var(--alone)",
    CARD: "var(--card)",
}


def own_palette() -> Palette:
    """Colours of a figure of the user's, from what matplotlib's style says of text and ground."""
    ink, card = (to_hex(matplotlib.rcParams[name]) for name in ("text.color", "axes.facecolor"))
    red, green, blue = (0.15 * one + 0.85 * other for one, other in zip(to_rgb(ink), to_rgb(card), strict=True))
    return Palette(ink, to_hex((red, green, blue)), "#2a9d6a", "#dc6426", "#8a94a3", card)


def style() -> Any:
    """Context in which figures are drawn."""
    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "kinfolk",
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": FAINT,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "text.parse_math": False,
        }
    )


def axes_for(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes to draw on: those given, or of a new figure that notebooks and ``pyplot.show()`` show."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.figure(figsize=size, layout="constrained").add_subplot()


def key(ax: Axes, *, above: bool = False) -> None:
    """A legend of what has a name, where there is room or above the axes."""
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 2} if above else {}
    for text in ax.legend(frameon=False, fontsize="small", **place).get_texts():
        text.set_parse_math(False)


def svg(figure: Figure, alternative: str) -> str:
    """SVG element with a text alternative, scaled by the page, its colours those of the page."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    _, rest = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S).split(">", 1)
    width, height = (72.0 * side for side in figure.get_size_inches())
    label = escape(alternative)
    opening = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'viewBox="0 0 {width:g} {height:g}" style="max-width:{width * 1.34:.0f}px" aria-label="{label}"'
    )
    for stand_in, colour in _COLOURS.items():
        rest = rest.replace(stand_in, colour)
    return f"{opening}><title>{label}</title>{rest}"


def escape(text: str) -> str:
    """Text as it may stand in SVG."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def short(task: Any, most: int = 28) -> str:
    """A label of at most so many characters."""
    text = str(task)
    return text if len(text) <= most else text[: most - 1] + "…"
