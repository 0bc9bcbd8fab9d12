"""Figures of task graphs: those of all parts."""

from functools import partial

from kinfolk.reproduce import laplacian_error_figures, stream_failures_figures, streams_figures
from kinfolk.reproduce.figures import draw_with

_PARTS = (laplacian_error_figures, streams_figures, stream_failures_figures)

draw = partial(draw_with, {name: drawing for part in _PARTS for name, drawing in part.DRAWINGS.items()})
