"""Every check of the user's data and every message about it, once.

Rows are counted from 0 in every message. At most five rows per column and ten columns are listed, with the
number of the others.
"""

from kinfolk.validation.labels import as_labels, check_seen, encode_labels, match_labels
from kinfolk.validation.messages import list_rows
from kinfolk.validation.tables import Table, check_labels, check_table, find_task_column
from kinfolk.validation.targets import (
    check_classes,
    check_regression_target,
    check_target,
    check_weights,
    holds_classes,
    match_classes,
    response_names,
)

__all__ = [
    "Table",
    "as_labels",
    "check_classes",
    "check_labels",
    "check_regression_target",
    "check_seen",
    "check_table",
    "check_target",
    "check_weights",
    "encode_labels",
    "find_task_column",
    "holds_classes",
    "list_rows",
    "match_classes",
    "match_labels",
    "response_names",
]
