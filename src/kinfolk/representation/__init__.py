"""Shared linear representation: tasks whose coefficients lie near a common low-dimensional subspace."""

from kinfolk.representation.classifier import SharedRepresentationClassifier
from kinfolk.representation.estimator import SharedRepresentationRegressor

__all__ = ["SharedRepresentationClassifier", "SharedRepresentationRegressor"]
