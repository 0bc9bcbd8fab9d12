"""What the guard would have said of each fold, had it been fitted to the others: weights, predictions, deviations."""

from typing import Any

import numpy as np

from kinfolk._typing import FloatArray
from kinfolk.selection.guard import guard
from kinfolk.selection.held_out import HeldOut


def add_guarded(tested: HeldOut, name: str, methods: list[str], **given: Any) -> None:
    r"""Add the guard over these methods to what was said of held-out observations, under a name.

    The weights for a fold are made from predictions of the other folds. The methods are not fitted again: those that
    predicted the other folds have seen this one's rows, but no prediction of them is looked at for its weights. With
    weights w of a row's task, predictions f and stated deviations s,

    .. math:: \hat y = \sum_k w_k f_k, \qquad s^2 = \sum_k w_k \{ s_k^2 + (f_k - \hat y)^2 \},

    the deviation where all methods with a weight state theirs.

    Parameters
    ----------
    tested : HeldOut
    name : str
    methods : list of str
    **given
        ``n_rows, alone, safe`` of `kinfolk.selection.guard.guard`.
    """
    predictions, folds = tested.stacked(methods), tested.folds
    weights = np.empty((len(tested.truth), len(methods)))
    for fold in np.unique(folds):
        here = folds == fold
        rest = ~here & ~np.isin(tested.rows, tested.rows[here])  # a row of several folds tells nothing about itself
        made = guard(
            predictions[rest],
            tested.truth[rest],
            tested.codes[rest],
            folds[rest],
            weights=None if tested.weights is None else tested.weights[rest],
            units=tested.units,
            **given,
        ).weights
        weights[here] = made[tested.codes[here]]
    mixed: FloatArray = np.einsum("nk,nk...->n...", weights, predictions)
    tested.predictions[name] = mixed
    asked = [k for k in range(len(methods)) if weights[:, k].any()]
    if all(methods[k] in tested.deviations for k in asked):
        stated = np.stack([tested.deviations[methods[k]] for k in asked], axis=1)
        variance = weights[:, asked] * (stated**2 + (predictions[:, asked] - mixed[:, None]) ** 2)
        tested.deviations[name] = np.sqrt(variance.sum(axis=1))
