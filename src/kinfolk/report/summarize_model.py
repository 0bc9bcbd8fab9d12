"""What the report says of a fitted model: how far tasks were shrunken, and how widely they differ."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from kinfolk.base import TaskEstimator
from kinfolk.diagnostics import effective_rank, shrinkage, singular_values
from kinfolk.selection import Comparison
from kinfolk.selection.recommendation import ALONE


def summarize_model(comparison: Comparison, shown: str, refit: Callable[[str], Any]) -> dict[str, Any] | None:
    """Shrinkage and spectrum of the shown method, fitted on all rows beside the independent fit.

    Parameters
    ----------
    comparison : Comparison
    shown : str
    refit : callable
        Gives a method, by its name, fitted on all rows.

    Returns
    -------
    dict or None
        ``shrinkage, n_rows``: of the tasks in order; ``median_shrinkage``; ``singular_values, effective_rank`` and the
        same ``..._alone``; ``largest``: the features with the largest population coefficients. None for methods without
        coefficients of numbers or two classes.
    """
    estimator = comparison.estimators[shown]
    baseline = next((name for name in ALONE if name in comparison.estimators), None)
    if not isinstance(estimator, TaskEstimator) or baseline is None:
        return None
    fitted, alone = refit(shown), refit(baseline)
    if isinstance(fitted.result_, tuple):  # one fit for each of several classes
        return None
    coef, own = fitted.result_.posterior.mean[:, 1:], alone.result_.posterior.mean[:, 1:]
    population = fitted.result_.posterior.prior.mean[1:] if fitted.has_population else np.zeros(coef.shape[1])
    values = singular_values(coef)
    pulled = shrinkage(coef, own, population)
    rows = comparison.tasks[comparison.tasks["method"] == shown].set_index("task").loc[list(fitted.tasks_), "n_rows"]
    return {
        "shrinkage": [None if np.isnan(value) else float(value) for value in pulled],
        "n_rows": [int(n) for n in rows],
        "median_shrinkage": None if np.isnan(pulled).all() else float(np.nanmedian(pulled)),
        "singular_values": [float(value) for value in values],
        "singular_values_alone": [float(value) for value in singular_values(own)],
        "effective_rank": effective_rank(values),
        "effective_rank_alone": effective_rank(singular_values(own)),
        "largest": _largest(fitted),
    }


def _largest(fitted: TaskEstimator) -> list[dict[str, Any]]:
    """The features with the largest population coefficients, in standard deviations of the target."""
    if not fitted.has_population:
        return []
    population = pd.Series(fitted.result_.posterior.prior.mean[1:], index=fitted.feature_names_)
    spread = pd.Series(fitted.result_.posterior.mean[:, 1:].std(axis=0), index=fitted.feature_names_)
    names = population.abs().sort_values(ascending=False).index[:8]
    return [{"feature": str(n), "population": float(population[n]), "spread": float(spread[n])} for n in names]
