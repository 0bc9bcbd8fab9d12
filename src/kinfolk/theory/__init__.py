"""Test error of multi-task learning, predicted from sizes, noise and similarity alone.

An independent derivation of the limit of arXiv 2603.05060 (many features, many rows, their ratio fixed), verified by
simulation; numbers in, numbers out, no estimators. See ``docs/theory.md``.
"""

from kinfolk.theory.channels import exchangeable_coupling
from kinfolk.theory.coupling import OptimalCoupling, optimal_coupling
from kinfolk.theory.covariances import predict_risk_of_covariances
from kinfolk.theory.critical import Critical, critical_similarity, harmless_coupling
from kinfolk.theory.curves import Curve, Peak, learning_curve
from kinfolk.theory.equivalence import EquivalentTask, equivalent_single_task
from kinfolk.theory.estimate import Estimate, estimate_problem
from kinfolk.theory.gram import TaskGram, eb_auto, em_multitask
from kinfolk.theory.matrix import random_matrix_risk
from kinfolk.theory.moments import Moments, estimate_moments
from kinfolk.theory.outlook import Outlook, floor_of_tasks, outlook, rows_for, tasks_for
from kinfolk.theory.outlook_curves import Descent, OutlookCurve, descent, outlook_curve
from kinfolk.theory.planning import Plan, plan
from kinfolk.theory.problem import Problem
from kinfolk.theory.risk import Risk, predict_risk
from kinfolk.theory.whitening import Whitening

__all__ = [
    "Critical",
    "Curve",
    "Descent",
    "EquivalentTask",
    "Estimate",
    "Moments",
    "OptimalCoupling",
    "Outlook",
    "OutlookCurve",
    "Peak",
    "Plan",
    "Problem",
    "Risk",
    "TaskGram",
    "Whitening",
    "critical_similarity",
    "descent",
    "eb_auto",
    "em_multitask",
    "equivalent_single_task",
    "estimate_moments",
    "estimate_problem",
    "exchangeable_coupling",
    "floor_of_tasks",
    "harmless_coupling",
    "learning_curve",
    "optimal_coupling",
    "outlook",
    "outlook_curve",
    "plan",
    "predict_risk",
    "predict_risk_of_covariances",
    "random_matrix_risk",
    "rows_for",
    "tasks_for",
]
