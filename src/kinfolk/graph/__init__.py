"""Task graphs: which tasks resemble which, learned together with their models."""

from kinfolk.graph.estimator import TaskGraphRegressor
from kinfolk.graph.laplacian import GraphEstimate, estimate_laplacian

__all__ = ["GraphEstimate", "TaskGraphRegressor", "estimate_laplacian"]
