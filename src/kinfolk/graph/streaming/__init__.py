"""Task graphs of streams: tasks that learn row by row, and lean on the neighbours that they find on the way."""

from kinfolk.graph.streaming.tracker import TaskGraphTracker

__all__ = ["TaskGraphTracker"]
