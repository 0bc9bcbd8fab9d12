"""Multi-task learning: fit many related small data sets as kin, and say task by task whether sharing helped."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from kinfolk.base import TaskMoments, task_moments
    from kinfolk.exceptions import InputError, MissingExtraError, ModelFileError, UnseenTaskError
    from kinfolk.graph import TaskGraphClassifier, TaskGraphRegressor, TaskGraphTracker
    from kinfolk.io import load_model, read_table, save_model
    from kinfolk.linear import (
        IndependentLogistic,
        IndependentRidge,
        MeanRegularizedClassifier,
        MeanRegularizedRegressor,
        PartialPoolingRegressor,
        PooledLogistic,
        PooledRidge,
    )
    from kinfolk.nets import SharedFeatureClassifier, SharedFeatureRegressor, patches_to_frame
    from kinfolk.report.comparison_axes import plot_calibration, plot_residuals, plot_task_errors, plot_transfer_gain
    from kinfolk.report.model_axes import plot_shrinkage, plot_spectrum, plot_task_graph, plot_weights
    from kinfolk.representation import SharedRepresentationClassifier, SharedRepresentationRegressor
    from kinfolk.selection import (
        Comparison,
        FewShotSplit,
        GuardedClassifier,
        GuardedRegressor,
        LeaveTasksOut,
        TaskAware,
        TaskKFold,
        compare,
        stack_tasks,
    )
    from kinfolk.transfer import ReducedRankRegressor, SpectralTransferRegressor

__version__ = "0.1.0.dev0"

_HOME = {
    "IndependentRidge": "linear",
    "PooledRidge": "linear",
    "PartialPoolingRegressor": "linear",
    "MeanRegularizedRegressor": "linear",
    "MeanRegularizedClassifier": "linear",
    "IndependentLogistic": "linear",
    "PooledLogistic": "linear",
    "SharedRepresentationRegressor": "representation",
    "SharedRepresentationClassifier": "representation",
    "TaskGraphRegressor": "graph",
    "TaskGraphClassifier": "graph",
    "TaskGraphTracker": "graph",
    "ReducedRankRegressor": "transfer",
    "SpectralTransferRegressor": "transfer",
    "SharedFeatureClassifier": "nets",
    "SharedFeatureRegressor": "nets",
    "patches_to_frame": "nets",
    "GuardedRegressor": "selection",
    "GuardedClassifier": "selection",
    "compare": "selection",
    "Comparison": "selection",
    "TaskKFold": "selection",
    "LeaveTasksOut": "selection",
    "FewShotSplit": "selection",
    "TaskAware": "selection",
    "stack_tasks": "selection",
    "plot_task_errors": "report.comparison_axes",
    "plot_transfer_gain": "report.comparison_axes",
    "plot_shrinkage": "report.model_axes",
    "plot_spectrum": "report.model_axes",
    "plot_task_graph": "report.model_axes",
    "plot_calibration": "report.comparison_axes",
    "plot_residuals": "report.comparison_axes",
    "plot_weights": "report.model_axes",
    "task_moments": "base",
    "TaskMoments": "base",
    "read_table": "io",
    "save_model": "io",
    "load_model": "io",
    "InputError": "exceptions",
    "UnseenTaskError": "exceptions",
    "ModelFileError": "exceptions",
    "MissingExtraError": "exceptions",
}

__all__ = [  # noqa: RUF022  # grouped by what they are for
    "IndependentRidge",
    "PooledRidge",
    "PartialPoolingRegressor",
    "MeanRegularizedRegressor",
    "MeanRegularizedClassifier",
    "IndependentLogistic",
    "PooledLogistic",
    "SharedRepresentationRegressor",
    "SharedRepresentationClassifier",
    "TaskGraphRegressor",
    "TaskGraphClassifier",
    "TaskGraphTracker",
    "ReducedRankRegressor",
    "SpectralTransferRegressor",
    "SharedFeatureClassifier",
    "SharedFeatureRegressor",
    "patches_to_frame",
    "GuardedRegressor",
    "GuardedClassifier",
    "compare",
    "Comparison",
    "TaskKFold",
    "LeaveTasksOut",
    "FewShotSplit",
    "TaskAware",
    "stack_tasks",
    "plot_task_errors",
    "plot_transfer_gain",
    "plot_shrinkage",
    "plot_spectrum",
    "plot_task_graph",
    "plot_calibration",
    "plot_residuals",
    "plot_weights",
    "task_moments",
    "TaskMoments",
    "read_table",
    "save_model",
    "load_model",
    "InputError",
    "UnseenTaskError",
    "ModelFileError",
    "MissingExtraError",
    "all_estimators",
]


def all_estimators(kind: Literal["regressor", "classifier"] = "regressor") -> list[type[Any]]:
    """Every method of a kind that kinfolk exports, simplest first.

    Parameters
    ----------
    kind : {"regressor", "classifier"}, default="regressor"
        The regressors are what ``compare(methods="all")`` fits.

    Examples
    --------
    >>> import kinfolk
    >>> [estimator.__name__ for estimator in kinfolk.all_estimators()][0]
    'PooledRidge'
    >>> [estimator.__name__ for estimator in kinfolk.all_estimators("classifier")]
    ['PooledLogistic', 'IndependentLogistic', 'MeanRegularizedClassifier', 'SharedRepresentationClassifier',
     'TaskGraphClassifier']
    """
    from kinfolk.base import TaskClassifier, TaskRegressor
    from kinfolk.exceptions import InputError

    bases = {"regressor": TaskRegressor, "classifier": TaskClassifier}
    if kind not in bases:
        raise InputError(f"kind must be one of {', '.join(map(repr, bases))}; got {kind!r}.")
    public = (getattr(import_module("kinfolk"), name) for name in __all__ if name[0].isupper())  # classes only
    methods = [item for item in public if isinstance(item, type) and issubclass(item, bases[kind])]
    return sorted(methods, key=lambda method: method.simplicity)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import kinfolk`` stays light."""
    if name not in _HOME:
        raise AttributeError(f"module 'kinfolk' has no attribute {name!r}")
    return getattr(import_module(f"kinfolk.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
