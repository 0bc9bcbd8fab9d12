"""What a fitted estimator has learned, as arrays, numbers, texts and lists; and back."""

from dataclasses import fields
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from kinfolk.base import TaskClassifier, TaskEstimator, TaskReader, TaskRegressor
from kinfolk.posterior import GaussianPrior, Posterior
from kinfolk.result import FitResult, Status
from kinfolk.scaling import Scaling


def get_state(estimator: Any) -> dict[str, Any]:
    """Everything that `fit` learned; no row of the training data."""
    check_is_fitted(estimator)
    if not isinstance(estimator, TaskEstimator):
        state: dict[str, Any] = estimator._state()
        for i, (name, part) in enumerate(getattr(estimator, "estimators_", {}).items()):
            own = {"name": name, "class": type(part).__name__, "parameters": part.get_params(deep=False)}
            state |= {f"part{i}.{key}": value for key, value in (own | get_state(part)).items()}
        return state
    scaling: Scaling = estimator._scaling
    state = {
        "tasks": estimator.tasks_,
        "feature_names": estimator.feature_names_,
        "feature_names_in": list(getattr(estimator, "feature_names_in_", [])),
        "n_features_in": estimator.n_features_in_,
        "task_position": estimator._task_position,
    }
    state |= {f"scaling.{f.name}": getattr(scaling, f.name) for f in fields(scaling)}
    if isinstance(estimator, TaskClassifier):
        state["classes"] = estimator.classes_
        for i, result in enumerate(estimator._results):
            state |= {f"class{i}.{name}": value for name, value in _result_state(result).items()}
        return state
    state |= {"wide": estimator._wide} | _result_state(estimator.result_)
    return state | {f"learned.{name}": getattr(estimator, name) for name in estimator._learned()}


def set_state(estimator: Any, state: dict[str, Any]) -> None:
    """Make ``estimator`` the fitted one that `get_state` described."""
    if not isinstance(estimator, TaskEstimator):
        if "part0.name" in state:
            estimator.estimators_ = _parts(state)
        estimator._restore(state)
        return
    estimator.tasks_ = state["tasks"]
    estimator.feature_names_ = list(state["feature_names"])
    if state["feature_names_in"]:
        estimator.feature_names_in_ = np.array(state["feature_names_in"], dtype=object)
    estimator.n_features_in_ = state["n_features_in"]
    estimator._task_position = state["task_position"]
    scaling = Scaling(**_part(state, "scaling."))
    if isinstance(estimator, TaskClassifier):
        estimator.classes_ = np.asarray(state["classes"])
        n_results = len(estimator._positive())
        estimator._publish([_result(_part(state, f"class{i}.")) for i in range(n_results)], scaling)
        return
    assert isinstance(estimator, TaskRegressor)
    estimator._wide = state["wide"]
    estimator._publish(_result(state), scaling)
    for name, value in _part(state, "learned.").items():
        setattr(estimator, name, value)


def _parts(state: dict[str, Any]) -> dict[str, Any]:
    """The fitted estimators that another one mixes, by name."""
    import kinfolk

    public = (getattr(kinfolk, name) for name in kinfolk.__all__)
    known = {one.__name__: one for one in public if isinstance(one, type) and issubclass(one, TaskReader)}
    found: dict[str, Any] = {}
    while part := _part(state, f"part{len(found)}."):
        one = known[part["class"]](**part["parameters"])
        set_state(one, part)
        found[part["name"]] = one
    return found


def _result_state(result: FitResult) -> dict[str, Any]:
    posterior = result.posterior
    state: dict[str, Any] = {
        "mean": posterior.mean,
        "noise_variance": posterior.noise_variance,
        "covariance": posterior.covariance,
        "status": result.status.name,
        "n_iter": result.n_iter,
        "objective": result.objective,
        "history": np.array(result.history),
    }
    state |= {f"prior.{f.name}": getattr(posterior.prior, f.name) for f in fields(posterior.prior)}
    return state | {f"details.{name}": values for name, values in result.details.items()}


def _result(state: dict[str, Any]) -> FitResult:
    prior = GaussianPrior(**_part(state, "prior."))
    return FitResult(
        Posterior(state["mean"], state["noise_variance"], prior, given_covariance=state["covariance"]),
        Status[state["status"]],
        state["n_iter"],
        state["objective"],
        tuple(state["history"].tolist()),
        _part(state, "details."),
    )


def _part(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
