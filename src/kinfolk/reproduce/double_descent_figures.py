"""Figures of predicted errors: those of all parts."""

from functools import partial

from kinfolk.reproduce import chosen_penalties_figures, gaussian_tasks_figures, other_features_figures
from kinfolk.reproduce.figures import draw_with

_PARTS = (gaussian_tasks_figures, other_features_figures, chosen_penalties_figures)

draw = partial(draw_with, {name: drawing for part in _PARTS for name, drawing in part.DRAWINGS.items()})
