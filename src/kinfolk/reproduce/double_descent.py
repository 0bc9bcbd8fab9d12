"""Predicted errors of multi-task learning beside simulated and real ones: the model of arXiv 2603.05060.

Only the abstract and the introduction of that paper were at hand. Its claims measured here are that learning together
is learning alone with further regularisation, and that it postpones and softens double descent; the predictions are
those of `kinfolk.theory`, an independent derivation of the same limit. The parts, each a module with its
``MEASUREMENTS``, ``FULL`` and ``QUICK``, its ``JUDGES`` (``_judgement``) and its ``DRAWINGS`` (``_figures``):

- `kinfolk.reproduce.gaussian_tasks`: Gaussian features and five losses, where the predictions should hold exactly;
- `kinfolk.reproduce.other_features`: features of other laws, of images, and of a covariance that tasks share;
- `kinfolk.reproduce.chosen_penalties`: penalties chosen from the rows, without cross-validation.
"""

from functools import partial

from kinfolk.reproduce import chosen_penalties, gaussian_tasks, other_features
from kinfolk.reproduce.plan import Measurements, Plan, carry_out

_PARTS = (gaussian_tasks, other_features, chosen_penalties)

FULL: Plan = {name: cells for part in _PARTS for name, cells in part.FULL.items()}
QUICK: Plan = {name: cells for part in _PARTS for name, cells in part.QUICK.items()}
MEASUREMENTS: Measurements = {name: measured for part in _PARTS for name, measured in part.MEASUREMENTS.items()}
measure = partial(carry_out, MEASUREMENTS)
