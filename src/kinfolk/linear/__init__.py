"""Linear methods that borrow strength through a common mean, and the baseline that borrows nothing."""

from kinfolk.linear.independent import IndependentRidge
from kinfolk.linear.logistic import IndependentLogistic, PooledLogistic
from kinfolk.linear.mean_regularized_classifier import MeanRegularizedClassifier
from kinfolk.linear.mean_regularized_regressor import MeanRegularizedRegressor
from kinfolk.linear.partial_pooling import PartialPoolingRegressor
from kinfolk.linear.pooled import PooledRidge

__all__ = [
    "IndependentLogistic",
    "IndependentRidge",
    "MeanRegularizedClassifier",
    "MeanRegularizedRegressor",
    "PartialPoolingRegressor",
    "PooledLogistic",
    "PooledRidge",
]
