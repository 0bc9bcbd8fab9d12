"""Shared linear representation: tasks whose coefficients lie near a common low-dimensional subspace."""

from kinfolk.representation.alternating import alternating_descent
from kinfolk.representation.classifier import SharedRepresentationClassifier
from kinfolk.representation.descent import two_phase_descent
from kinfolk.representation.estimator import SharedRepresentationRegressor
from kinfolk.representation.least_squares import SubspaceFit, least_squares_heads
from kinfolk.representation.projection import variable_projection
from kinfolk.representation.starts import method_of_moments, replica_start, spectral_start
from kinfolk.representation.streaming import streaming_head
from kinfolk.representation.subspace import align, principal_angles, subspace_error

__all__ = [
    "SharedRepresentationClassifier",
    "SharedRepresentationRegressor",
    "SubspaceFit",
    "align",
    "alternating_descent",
    "least_squares_heads",
    "method_of_moments",
    "principal_angles",
    "replica_start",
    "spectral_start",
    "streaming_head",
    "subspace_error",
    "two_phase_descent",
    "variable_projection",
]
