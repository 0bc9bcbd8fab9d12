"""Formulas as MathML, which browsers draw: docutils converts them, without a script fetched and without LaTeX."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def mathml(tex: str, *, block: bool) -> str:
    """MathML of a formula, as LaTeX would set it where docutils reads or browsers draw it otherwise."""
    braced = re.sub(r"(\\[dt]?frac)(\d)(\d)", r"\1{\2}{\3}", tex)  # one digit is an argument, not a number of two
    drawn = tex2mathml(braced, as_block=block)
    drawn = drawn.replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')  # a norm is not as tall as the sum before it
    return re.sub(r"<mo>(&ApplyFunction;</mo>)(?!\s*<mo[^>]*>[(\[{])", r'<mo rspace="0.17em">\1', drawn)  # log det L


def _mathml(node: nodes.Element, *, block: bool) -> str:
    try:
        return mathml(node.astext(), block=block)
    except MathError as error:
        logger.warning("a formula that docutils cannot convert: %s", error, location=node, type="mathml")
        return f"<code>{nodes.unescape(node.astext())}</code>"


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    writer.body.append(_mathml(node, block=False))
    raise nodes.SkipNode


def visit_block(writer: Any, node: nodes.math_block) -> None:
    """Write a formula of its own lines."""
    writer.body.append(f'<div class="math">{_mathml(node, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Make ``html_math_renderer = "mathml"`` known."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
