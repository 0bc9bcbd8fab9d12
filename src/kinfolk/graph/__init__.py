"""Task graphs: which tasks resemble which, learned together with their models."""

from kinfolk.graph.classifier import TaskGraphClassifier
from kinfolk.graph.estimator import TaskGraphRegressor
from kinfolk.graph.laplacian import GraphEstimate, estimate_laplacian

__all__ = ["GraphEstimate", "TaskGraphClassifier", "TaskGraphRegressor", "estimate_laplacian"]
