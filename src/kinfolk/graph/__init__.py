"""Task graphs: which tasks resemble which, learned together with their models."""

from kinfolk.graph.estimator import TaskGraphRegressor
from kinfolk.graph.laplacian import GraphEstimate, estimate_laplacian
from kinfolk.graph.streaming import TaskGraphTracker

__all__ = ["GraphEstimate", "TaskGraphRegressor", "TaskGraphTracker", "estimate_laplacian"]
