"""Task graphs: which tasks resemble which, learned together with their models."""

from kinfolk.graph.classifier import TaskGraphClassifier
from kinfolk.graph.estimator import TaskGraphRegressor
from kinfolk.graph.laplacian import GraphEstimate, estimate_laplacian
from kinfolk.graph.streaming import TaskGraphTracker

__all__ = ["GraphEstimate", "TaskGraphClassifier", "TaskGraphRegressor", "TaskGraphTracker", "estimate_laplacian"]
