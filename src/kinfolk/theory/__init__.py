"""Test error of multi-task learning, predicted from sizes, noise and similarity alone.

An independent derivation of the limit of arXiv 2603.05060 (many features, many rows, their ratio fixed), verified by
simulation; numbers in, numbers out, no estimators. See ``docs/theory.md``.
"""

from kinfolk.theory.channels import exchangeable_coupling
from kinfolk.theory.coupling import OptimalCoupling, optimal_coupling
from kinfolk.theory.matrix import random_matrix_risk
from kinfolk.theory.planning import Plan, plan
from kinfolk.theory.problem import Problem
from kinfolk.theory.risk import Risk, predict_risk

__all__ = [
    "OptimalCoupling",
    "Plan",
    "Problem",
    "Risk",
    "exchangeable_coupling",
    "optimal_coupling",
    "plan",
    "predict_risk",
    "random_matrix_risk",
]
