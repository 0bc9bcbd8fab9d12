"""What a fitted estimator has learned, as arrays, numbers, texts and lists; and back."""

from dataclasses import fields
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from kinfolk.base import TaskRegressor
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.result import FitResult, Status
from kinfolk.scaling import Scaling


def get_state(estimator: TaskRegressor) -> dict[str, Any]:
    """Everything that `fit` learned; no row of the training data."""
    check_is_fitted(estimator)
    result, scaling = estimator.result_, estimator._scaling
    posterior = result.posterior
    state: dict[str, Any] = {
        "tasks": estimator.tasks_,
        "feature_names": estimator.feature_names_,
        "feature_names_in": list(getattr(estimator, "feature_names_in_", [])),
        "n_features_in": estimator.n_features_in_,
        "task_position": estimator._task_position,
        "wide": estimator._wide,
        "mean": posterior.mean,
        "noise_variance": posterior.noise_variance,
        "covariance": posterior.covariance,
        "status": result.status.name,
        "n_iter": result.n_iter,
        "objective": result.objective,
        "history": np.array(result.history),
    }
    state |= {f"prior.{f.name}": getattr(posterior.prior, f.name) for f in fields(posterior.prior)}
    state |= {f"scaling.{f.name}": getattr(scaling, f.name) for f in fields(scaling)}
    state |= {f"details.{name}": values for name, values in result.details.items()}
    return state | {f"learned.{name}": getattr(estimator, name) for name in estimator._learned()}


def set_state(estimator: TaskRegressor, state: dict[str, Any]) -> None:
    """Make ``estimator`` the fitted one that `get_state` described."""

    def part(prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

    estimator.tasks_ = state["tasks"]
    estimator.feature_names_ = list(state["feature_names"])
    if state["feature_names_in"]:
        estimator.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
    estimator.n_features_in_ = state["n_features_in"]
    estimator._task_position, estimator._wide = state["task_position"], state["wide"]
    posterior = Posterior(
        state["mean"], state["noise_variance"], GaussianPrior(**part("prior.")), given_covariance=state["covariance"]
    )
    result = FitResult(
        posterior,
        Status[state["status"]],
        state["n_iter"],
        state["objective"],
        tuple(state["history"].tolist()),
        part("details."),
    )
    estimator._publish(result, Scaling(**part("scaling.")))
    for name, value in part("learned.").items():
        setattr(estimator, name, value)
