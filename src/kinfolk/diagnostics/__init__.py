"""What data say before any fit (`examine`), and what fitted models say about their tasks."""

from kinfolk.diagnostics.examine import Examination, examine
from kinfolk.diagnostics.finding import Finding
from kinfolk.diagnostics.fitted import Helpers, effective_rank, helpers, shrinkage, singular_values

__all__ = [
    "Examination",
    "Finding",
    "Helpers",
    "effective_rank",
    "examine",
    "helpers",
    "shrinkage",
    "singular_values",
]
