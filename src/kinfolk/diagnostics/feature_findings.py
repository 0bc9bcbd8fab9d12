"""What an examination says of features: leaks, copies, dependence and tails."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from kinfolk.diagnostics.collinear import INFLATION
from kinfolk.diagnostics.finding import NAMED, Finding, labels_of, more, named
from kinfolk.diagnostics.leaks import LEAK, SAME
from kinfolk.theory.doubts import CONDITION
from kinfolk.validation.messages import list_names

if TYPE_CHECKING:
    from kinfolk.diagnostics.examine import Examination

BETWEEN = 0.95  # intraclass correlation beyond which a feature hardly varies within tasks
HEAVY = 10.0  # kurtosis about task means (Gaussian: 3)
_VALUES = 10  # a column with fewer different values is no measurement: kurtosis says nothing of it


def of_leaks(found: "Examination") -> Iterator[Finding]:
    """Features that know too much."""
    names, suspects = found.cells.names, found.leaks
    one_class = found.classes is not None and len(found.classes) == 1
    within, overall = np.abs(np.nan_to_num(suspects.correlation)), np.abs(np.nan_to_num(suspects.overall))
    same = (within > SAME) | (overall > SAME)
    for j in np.flatnonzero(same).tolist() if not one_class else ():
        where = "" if overall[j] > SAME else " within every task"
        yield Finding(
            "problem",
            "leak",
            f"{names[j]!r} is the target {found.target_name!r} up to scale and offset{where}.",
            "Leave it out with --features, unless it is known before the target is.",
            (names[j],),
        )
    for j in np.flatnonzero((within > LEAK) & ~same).tolist():
        yield Finding(
            "problem",
            "leak",
            f"{names[j]!r} has a correlation of {suspects.correlation[j]:.4f} with {found.target_name!r} within tasks.",
            "Is it known before the target is? If not, leave it out with --features.",
            (names[j],),
        )
    numbered = np.flatnonzero(suspects.identifier | suspects.counter)
    if len(numbered):
        yield Finding(
            "note",
            "identifier",
            f"Identifiers or counters of rows (whole numbers, another one in each row): {named(names, numbered)}.",
            "An identifier tells nothing of new rows: leave it out with --features.",
            labels_of(names, numbered),
        )
    ordered = np.flatnonzero(suspects.ordered & ~suspects.identifier & ~suspects.counter & ~found.features.fixed)
    if len(ordered):
        yield Finding(
            "note",
            "ordered",
            f"Rows are in the order of {named(names, ordered)}.",
            "A time? Then test on later rows: folds that are dealt at random look into the future.",
            labels_of(names, ordered),
        )


def of_columns(found: "Examination") -> Iterator[Finding]:
    """Constants, copies, and features that vary between tasks only."""
    names, features = found.cells.names, found.features
    constant = found.summary["constant_columns"]
    if constant:
        yield Finding(
            "note",
            "constant",
            f"Constant: {list_names(constant, NAMED)}.",
            "They tell nothing; leave them out.",
            tuple(constant),
        )
    equal = dict(found.summary["duplicated_columns"])
    if found.copies:
        listed = [
            f"{names[later]!r} = {names[first]!r}{'' if names[later] in equal else ' up to scale and offset'}"
            for later, first in found.copies
        ]
        yield Finding(
            "note",
            "copies",
            f"Copies: {', '.join(listed[:NAMED])}{more(len(listed))}.",
            "Keep one of each: a penalty treats a copy as a second feature.",
            tuple(names[later] for later, _ in found.copies),
        )
    fixed = np.flatnonzero(features.fixed)
    if len(fixed):
        yield Finding(
            "note",
            "fixed",
            f"Constant within every task: {named(names, fixed)}.",
            "A task's intercept and such a feature cannot be told apart; it says something of tasks, not of rows.",
            labels_of(names, fixed),
        )
    if (features.fixed | features.constant).all() and (found.counts > 1).any():
        yield Finding(
            "problem",
            "features",
            "No feature varies within tasks: rows of a task cannot be told apart.",
            "Add columns that differ between rows of a task.",
        )
    mostly = np.flatnonzero((np.nan_to_num(features.intraclass) > BETWEEN) & ~features.fixed)
    if len(mostly):
        yield Finding(
            "note",
            "between",
            f"Hardly varying within tasks (more than {BETWEEN:.0%} of the variance between them): "
            f"{named(names, mostly)}.",
            "Their coefficients within a task are guesses; they tell tasks from each other.",
            labels_of(names, mostly),
        )


def of_directions(found: "Examination") -> Iterator[Finding]:
    """Features that depend on each other within tasks."""
    names, told = found.cells.names, found.spectrum
    freedom = len(found.codes) - len(found.tasks)
    n_used = int((~found.features.constant & ~found.features.fixed).sum()) - len(found.copies)
    if n_used >= freedom > 0:
        yield Finding(
            "note",
            "wide",
            f"{n_used} features vary within tasks, where {freedom} degrees of freedom are left: "
            "features are dependent whatever they are.",
            "Choose features, or methods with few directions (SharedRepresentationRegressor).",
        )
    for group in told.groups:
        yield Finding(
            "note",
            "collinear",
            f"Nearly dependent within tasks (a direction with less than 1/{CONDITION:.0f} of the largest variance): "
            f"{named(names, group)}.",
            "Leave out one of them: their single coefficients are guesses, their sum is not.",
            labels_of(names, group),
        )
    grouped = {int(j) for group in told.groups for j in group}
    inflated = [j for j in np.flatnonzero(np.nan_to_num(told.inflation) > INFLATION).tolist() if j not in grouped]
    if inflated:
        order = sorted(inflated, key=lambda j: -told.inflation[j])
        listed = ", ".join(f"{names[j]!r} ({told.inflation[j]:.0f})" for j in order[:NAMED])
        yield Finding(
            "note",
            "inflated",
            f"Explained by other features within tasks (variance inflation above {INFLATION:.0f}): "
            f"{listed}{more(len(order))}.",
            "Predictions do not suffer; do not read their coefficients one by one.",
            tuple(names[j] for j in order),
        )


def of_tails(found: "Examination") -> Iterator[Finding]:
    """Rows that are far from their task's mean."""
    names, rows = found.cells.names, found.cells.rows
    if found.classes is None and found.target_kurtosis > HEAVY:
        far = np.argsort(-np.abs(found.target.centred[:, 0]))[:3]
        listed = ", ".join(f"row {rows[i]} (task {str(found.tasks[found.codes[i]])!r})" for i in far)
        yield Finding(
            "note",
            "heavy target",
            f"{found.target_name!r} has heavy tails within tasks (kurtosis {found.target_kurtosis:.0f}, Gaussian: 3); "
            f"farthest from their task's mean: {listed}.",
            "Look at these rows; take the logarithm of what is positive, or --scoring absolute_error.",
            (found.target_name,),
        )
    heavy = np.flatnonzero(np.nan_to_num(found.feature_kurtosis) > HEAVY)
    heavy = np.array([j for j in heavy if len(np.unique(found.cells.features[:, j])) > _VALUES], dtype=np.int64)
    if len(heavy):
        heavy = heavy[np.argsort(-found.feature_kurtosis[heavy], kind="stable")]
        listed = ", ".join(
            f"{names[j]!r} (row {rows[int(np.abs(found.features.centred[:, j]).argmax())]})" for j in heavy[:NAMED]
        )
        yield Finding(
            "note",
            "heavy features",
            f"Heavy tails within tasks (kurtosis above {HEAVY:.0f}), with the farthest row: "
            f"{listed}{more(len(heavy))}.",
            "Single rows decide their coefficients: look at these rows, take logarithms or ranks.",
            labels_of(names, heavy),
        )
