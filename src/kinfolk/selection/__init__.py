"""Choose between methods: splits that know about tasks, and helpers that carry the task column along."""

from kinfolk.selection.splitters import FewShotSplit, LeaveTasksOut, TaskKFold
from kinfolk.selection.stacking import stack_tasks
from kinfolk.selection.task_aware import TaskAware

__all__ = ["FewShotSplit", "LeaveTasksOut", "TaskAware", "TaskKFold", "stack_tasks"]
