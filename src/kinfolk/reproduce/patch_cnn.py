"""Multi-task representation learning with a patch CNN and gradient descent: Li, Chen, Deng, Kou, Cao and Gu (2025).

*On the Power of Multitask Representation Learning with Gradient Descent*, AISTATS 2025 (PMLR 258). Only its abstract
and reviews of an earlier version were at hand: sizes, strengths and the corrupted images are a reconstruction, and what
is expected was measured before by a second implementation of that reconstruction. Two parts:

- `kinfolk.reproduce.patch_cnn_features`: simulated tasks whose features are known, and what their net learns of each;
- `kinfolk.reproduce.patch_cnn_images`: tasks of corrupted images, as the paper has them.
"""

from functools import partial

from kinfolk.reproduce import patch_cnn_features, patch_cnn_images
from kinfolk.reproduce.plan import Measurements, Plan, carry_out

_PARTS = (patch_cnn_features, patch_cnn_images)

FULL: Plan = {name: cells for part in _PARTS for name, cells in part.FULL.items()}
QUICK: Plan = {name: cells for part in _PARTS for name, cells in part.QUICK.items()}
MEASUREMENTS: Measurements = {name: measured for part in _PARTS for name, measured in part.MEASUREMENTS.items()}
left_out = patch_cnn_images.left_out
measure = partial(carry_out, MEASUREMENTS)
