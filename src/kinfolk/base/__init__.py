"""The scikit-learn faces that all methods share."""

from kinfolk.base.classifier import TaskClassifier
from kinfolk.base.estimator import TaskEstimator, TaskReader
from kinfolk.base.regressor import TaskRegressor
from kinfolk.base.sums import TaskMoments, task_moments, unite

__all__ = ["TaskClassifier", "TaskEstimator", "TaskMoments", "TaskReader", "TaskRegressor", "task_moments", "unite"]
