"""Choose between methods: one fair comparison, splits that know about tasks, the task column carried along."""

from kinfolk.selection.comparison import Comparison
from kinfolk.selection.cross_validate import compare
from kinfolk.selection.guarded import GuardedClassifier, GuardedRegressor
from kinfolk.selection.measured_curve import measure_learning_curve
from kinfolk.selection.splitters import FewShotSplit, LeaveTasksOut, TaskKFold
from kinfolk.selection.stacking import stack_tasks
from kinfolk.selection.task_aware import TaskAware

__all__ = [
    "Comparison",
    "FewShotSplit",
    "GuardedClassifier",
    "GuardedRegressor",
    "LeaveTasksOut",
    "TaskAware",
    "TaskKFold",
    "compare",
    "measure_learning_curve",
    "stack_tasks",
]
