"""Figures of `kinfolk.reproduce.patch_cnn`: those of both parts."""

from functools import partial

from kinfolk.reproduce import patch_cnn_features_figures, patch_cnn_images_figures
from kinfolk.reproduce.figures import draw_with

_PARTS = (patch_cnn_features_figures, patch_cnn_images_figures)

draw = partial(draw_with, {name: drawing for part in _PARTS for name, drawing in part.DRAWINGS.items()})
