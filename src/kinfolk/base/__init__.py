"""The scikit-learn faces that all methods share."""

from kinfolk.base.classifier import TaskClassifier
from kinfolk.base.estimator import TaskEstimator
from kinfolk.base.regressor import TaskRegressor

__all__ = ["TaskClassifier", "TaskEstimator", "TaskRegressor"]
