r"""Rules that make one direction for all shared parameters of the gradients of all tasks.

A rule is called at every step with the losses ``(T,)`` and the gradients ``(T, P)`` of the shared parameters; what it
gives is brought to the length of the sum of the gradients (equal weights), so that rules differ in where they go and
not in how fast. Parameters of a task alone take its own gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.exceptions import InputError
from kinfolk.nets.weighting.adatask import AdaTask
from kinfolk.nets.weighting.arrays import matched
from kinfolk.nets.weighting.dynamic_weight_average import DynamicWeightAverage
from kinfolk.nets.weighting.geometric_loss_strategy import GeometricLossStrategy
from kinfolk.nets.weighting.gradient_surgery import GradientSurgery
from kinfolk.nets.weighting.gradnorm import GradNorm
from kinfolk.nets.weighting.random_loss_weighting import RandomLossWeighting
from kinfolk.nets.weighting.uncertainty import Uncertainty

Rule = Callable[[FloatArray, Any], Any]
WEIGHTINGS = ("equal", "uncertainty", "dwa", "rlw", "gls", "pcgrad", "gradnorm", "adatask")

__all__ = ["WEIGHTINGS", "Rule", "make_rule", "matched"]


def make_rule(weighting: Any, n_tasks: int, generator: np.random.Generator) -> Rule | None:
    """Rule of a name, of an object of torchjd, or a function; None for equal weights.

    Raises
    ------
    InputError
        It is none of these.
    """
    if not isinstance(weighting, str):
        return _given(weighting)
    if weighting not in WEIGHTINGS:
        raise InputError(f"weighting must be one of {', '.join(map(repr, WEIGHTINGS))}; got {weighting!r}.")
    rules: dict[str, Callable[[], Rule | None]] = {
        "equal": lambda: None,
        "uncertainty": lambda: Uncertainty(n_tasks),
        "dwa": lambda: DynamicWeightAverage(n_tasks),
        "rlw": lambda: RandomLossWeighting(generator),
        "gls": GeometricLossStrategy,
        "pcgrad": lambda: GradientSurgery(generator),
        "gradnorm": lambda: GradNorm(n_tasks),
        "adatask": AdaTask,
    }
    return rules[weighting]()


def _given(weighting: Any) -> Rule:
    home = type(weighting).__module__
    if home.startswith("torchjd.aggregation"):
        from kinfolk.nets.weighting.torchjd import Aggregated

        return Aggregated(weighting)
    if home.startswith("torchjd.scalarization"):
        from kinfolk.nets.weighting.torchjd import Scalarized

        return Scalarized(weighting)
    if not callable(weighting):
        raise InputError(
            f"weighting must be one of {', '.join(map(repr, WEIGHTINGS))}, an aggregator or scalarizer of torchjd, or "
            f"a function of the losses (T,) and the gradients (T, P); got {weighting!r}."
        )
    rule: Rule = weighting
    return rule
