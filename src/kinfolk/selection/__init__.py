"""Choose between methods: one fair comparison, splits that know about tasks, helpers that carry the task column along."""

from kinfolk.selection.compare import compare
from kinfolk.selection.comparison import Comparison
from kinfolk.selection.splitters import FewShotSplit, LeaveTasksOut, TaskKFold
from kinfolk.selection.stacking import stack_tasks
from kinfolk.selection.task_aware import TaskAware

__all__ = ["Comparison", "FewShotSplit", "LeaveTasksOut", "TaskAware", "TaskKFold", "compare", "stack_tasks"]
