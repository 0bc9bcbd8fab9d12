"""The scikit-learn faces that all methods share."""

from kinfolk.base.estimator import TaskEstimator
from kinfolk.base.regressor import TaskRegressor

__all__ = ["TaskEstimator", "TaskRegressor"]
