"""What an examination means: each finding a sentence of what, where, and what to do about it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from kinfolk._typing import FloatArray, IntArray, LabelArray
from kinfolk.diagnostics.apart import OUTLYING
from kinfolk.diagnostics.feature_findings import of_columns, of_directions, of_leaks, of_tails
from kinfolk.diagnostics.finding import NAMED, Finding, counted, labels_of, more, named
from kinfolk.validation.messages import list_names

if TYPE_CHECKING:
    from kinfolk.diagnostics.examine import Examination

RARE = 0.05  # share of rows of the rarest class


def findings_of(found: "Examination") -> tuple[Finding, ...]:
    """All that apply, problems first."""
    parts = (_cells, _sizes, of_leaks, of_columns, of_directions, _tasks, of_tails)
    every = [finding for part in parts for finding in part(found)]
    return tuple(sorted(every, key=lambda finding: finding.severity != "problem"))


def _cells(found: "Examination") -> Iterator[Finding]:
    cells = found.cells
    for name, where in cells.text.items():
        yield Finding(
            "problem",
            "text",
            f"Column {name!r} is of numbers, but holds text in {where}.",
            "Mend the cells; they count as missing here, and `kinfolk compare` refuses them.",
            (name,),
        )
    if cells.missing:
        most = sorted(cells.missing.items(), key=lambda pair: -pair[1])
        lines = f"--drop-missing leaves {cells.kept_by_drop:,} of {cells.n_rows:,} rows"
        if cells.mostly_missing:
            lines += f", {len(cells.rows):,} without the columns that are mostly missing"
        yield Finding(
            "problem",
            "missing",
            f"Cells are missing in {', '.join(f'{name!r} ({count:,})' for name, count in most[:NAMED])}"
            f"{more(len(most))}: {lines}.{_by_task(cells.missing_by_task)}",
            "Fill them in, drop their rows with --drop-missing, or name --features without these columns.",
            tuple(cells.missing),
        )
    if cells.mostly_missing:
        yield Finding(
            "problem",
            "mostly missing",
            f"More than half of the cells are missing in {list_names(cells.mostly_missing, NAMED)}.",
            "Leave these columns out with --features: dropping their rows would cost most of the table.",
            tuple(cells.mostly_missing),
        )
    if cells.lost_tasks:
        yield Finding(
            "problem",
            "lost tasks",
            f"No row is complete in {counted(len(cells.lost_tasks), 'task')}: {list_names(cells.lost_tasks, NAMED)}.",
            "These tasks disappear when rows are dropped: fill their cells in.",
            tuple(cells.lost_tasks),
        )
    if cells.left_out:
        yield Finding(
            "note",
            "left out",
            f"Not numbers, left out: {list_names(cells.left_out, NAMED)}.",
            "Encode those that tell something as numbers (one column for each category).",
            tuple(cells.left_out),
        )


def _sizes(found: "Examination") -> Iterator[Finding]:
    counts, tasks = found.counts, found.tasks
    n_tasks, d = len(tasks), int((~found.features.constant & ~found.features.fixed).sum())
    alike = _alike(tasks)
    if alike:
        yield Finding(
            "problem",
            "labels",
            f"Labels of tasks differ in case, blanks or leading zeros only: "
            f"{'; '.join(list_names(pair, 3) for pair in alike[:3])}{more(len(alike), 3)}.",
            "If they are one task, spell them alike.",
            tuple(name for pair in alike for name in pair),
        )
    if n_tasks == 1:
        yield Finding(
            "problem",
            "one task",
            f"All rows are of one task, {str(tasks[0])!r}: there is nothing to share.",
            "Name another column with --task.",
        )
    elif (counts == 1).all():
        yield Finding(
            "problem",
            "one row each",
            "Every task has one row: nothing can be learned within tasks, and nothing can be tested.",
            f"Is {found.task_name!r} the column of tasks, or an identifier of rows?",
        )
    elif (counts == 1).any():
        one = np.flatnonzero(counts == 1)
        yield Finding(
            "note",
            "one row",
            f"{counted(len(one), 'task')} of {n_tasks:,} with one row: {named(tasks, one)}.",
            "They are fitted with what they borrow, but cannot be tested.",
            labels_of(tasks, one),
        )
    few = np.flatnonzero(counts <= d)
    if len(few) and (counts > 1).any():
        yield Finding(
            "note",
            "few rows",
            f"{counted(len(few), 'task')} of {n_tasks:,} {'has' if len(few) == 1 else 'have'} no more rows than "
            f"features that vary within tasks ({d}).",
            "Such a task alone is an ill-posed fit; this is where sharing gains most.",
            labels_of(tasks, few),
        )
    if found.classes is not None:
        yield from _classes(found)
    elif (counts > 1).any() and found.target.fixed[0] | found.target.constant[0]:
        yield Finding(
            "problem",
            "target",
            f"The target {found.target_name!r} does not vary within any task.",
            "There is nothing to predict from features: choose another target or other tasks.",
        )
    else:
        still = np.flatnonzero((counts > 1) & (found.target.squares[:, 0] == 0.0))
        if len(still):
            yield Finding(
                "note",
                "constant target",
                f"{found.target_name!r} is constant within {counted(len(still), 'task')} of two rows or more: "
                f"{named(tasks, still)}.",
                "Filled-in values? If they are real, these tasks teach an intercept only.",
                labels_of(tasks, still),
            )
    if found.repeated_rows:
        yield Finding(
            "note",
            "repeated rows",
            f"{counted(found.repeated_rows, 'row')} with the same numbers, target and task as an earlier one.",
            "Chance, where columns have few values; else drop copies: a row in training and in testing makes errors "
            "look small.",
        )


def _classes(found: "Examination") -> Iterator[Finding]:
    classes, by_task = found.classes, found.class_counts
    assert classes is not None
    assert by_task is not None
    if len(classes) == 1:
        yield Finding(
            "problem",
            "target",
            f"The target {found.target_name!r} holds one class, {str(classes[0])!r}.",
            "There is nothing to predict: choose another target.",
        )
        return
    lone = np.flatnonzero((by_task > 0).sum(axis=1) == 1)
    lone = lone[found.counts[lone] > 1]
    if len(lone):
        yield Finding(
            "note",
            "one class",
            f"{counted(len(lone), 'task')} of two rows or more {'holds' if len(lone) == 1 else 'hold'} one class only: "
            f"{named(found.tasks, lone)}.",
            "Alone, such a task cannot be fitted; what it predicts is borrowed.",
            labels_of(found.tasks, lone),
        )
    shares = by_task.sum(axis=0) / by_task.sum()
    rare = np.flatnonzero(shares < RARE)
    if len(rare):
        listed = ", ".join(f"{str(classes[k])!r} ({shares[k]:.1%})" for k in rare[:NAMED])
        yield Finding(
            "note",
            "rare classes",
            f"Rare classes: {listed}{more(len(rare))}.",
            "Judge by log loss or AUC: a rate of errors is small without any model.",
            labels_of(classes, rare),
        )


def _tasks(found: "Examination") -> Iterator[Finding]:
    apart, tasks, what = found.apart, found.tasks, found.target_name
    for about, z, text, remedy in (
        ("outlying mean", apart.mean, f"Mean of {what!r} far from other tasks'", "Other units, or another population?"),
        (
            "outlying spread",
            apart.spread,
            f"Spread of {what!r} within the task unlike other tasks'",
            "Other units, or a noisier instrument? Noise per task (noise='per-task') weighs it.",
        ),
    ):
        out = _outlying(np.abs(z))
        if len(out):
            yield _apart(about, text, remedy, tasks, z, out)
    out = _outlying(apart.features)
    if len(out):
        names = found.cells.names
        why = [names[j] for j in _largest(apart.by_feature[out[0]])]
        yield _apart(
            "outlying features",
            "Means of features far from other tasks'",
            f"Most of all in {list_names(why)} (of {str(tasks[out[0]])!r}): other units, or another population?",
            tasks,
            apart.features,
            out,
        )


def _apart(about: str, text: str, remedy: str, tasks: LabelArray, z: FloatArray, out: IntArray) -> Finding:
    listed = ", ".join(f"{str(tasks[t])!r} ({z[t]:+.1f})" for t in out[:NAMED])
    return Finding(
        "note",
        about,
        f"{text} (robust standard deviations, beyond {OUTLYING:g}): {listed}{more(len(out))}.",
        remedy,
        labels_of(tasks, out),
    )


def _outlying(z: FloatArray) -> IntArray:
    size = np.nan_to_num(z)
    order = np.argsort(-size, kind="stable")
    return order[: int((size > OUTLYING).sum())]


def _largest(z: FloatArray) -> list[int]:
    """At most three of the largest, those beyond half of the largest."""
    size = np.abs(np.nan_to_num(z))
    return [j for j in np.argsort(-size, kind="stable")[:3].tolist() if size[j] > 0.5 * size.max()]


def _alike(tasks: LabelArray) -> list[list[str]]:
    spelled: dict[str, list[str]] = {}
    for task in map(str, tasks):
        spelled.setdefault(" ".join(word.lstrip("0") or "0" for word in task.casefold().split()), []).append(task)
    return [names for names in spelled.values() if len(names) > 1]


def _by_task(missing: dict[str, int]) -> str:
    if not missing:
        return ""
    most = list(missing.items())[:3]
    listed = ", ".join(f"{name!r} ({count:,} rows)" for name, count in most)
    return f" Most incomplete rows: {listed}{more(len(missing), 3)}."
