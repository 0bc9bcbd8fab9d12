"""The sentence of the tasks: what it counts, whom it names, and what it says where there is little to say."""

import re
from dataclasses import replace

import pytest

import kinfolk
from kinfolk.datasets import make_shared_representation
from kinfolk.selection.by_task import _lost, beside_baseline, by_task


@pytest.fixture(scope="module")
def comparison():
    made = make_shared_representation(n_tasks=30, n_samples=8, n_features=4, rank=2, random_state=0)
    return kinfolk.compare(made.X, made.y, task="task", methods=["PooledRidge", "PartialPoolingRegressor"])


@pytest.mark.parametrize("method", ["PooledRidge", "PartialPoolingRegressor", "GuardedRegressor", "IndependentRidge"])
def test_it_counts_the_verdicts_and_names_the_worst(comparison, method):
    found = replace(comparison, recommended=method)
    shown, said = beside_baseline(found), by_task(found)
    assert (shown == method) != (method == "IndependentRidge")
    tasks = comparison.tasks[comparison.tasks["method"] == shown]
    counts = tasks["verdict"].value_counts()
    best = ", the best other method," if method == "IndependentRidge" else ""
    wins = f"{shown}{best} wins for {counts.get('helped', 0)} of 30 tested tasks and leaves {counts.get('unharmed', 0)}"
    assert said.startswith(wins)
    hurt = tasks[tasks["verdict"] == "hurt"].sort_values("gain")
    named = re.search(r"better alone(?:: (.*?))?\. The guard", said)[1]
    assert [one.split(" (")[0] for one in re.split(" and |, ", named or "") if "more" not in one and one] == [
        str(task) for task in hurt["task"][:8]
    ]
    assert (f"and {len(hurt) - 8} more" in said) == (len(hurt) > 8)


def test_the_guard_is_told_as_it_is_fitted(comparison):
    weights = comparison.guard_weights.set_index("task")
    own = [str(task) for task in weights.index[weights["IndependentRidge"] == 1.0]]
    assert f"to {'their' if len(own) > 1 else 'its'} own fit{': ' if own else ''}{', '.join(own[:8])}" in by_task(
        comparison
    )
    assert "guard" not in by_task(replace(comparison, guard_weights=None))


def test_a_loss_beyond_all_is_a_multiple(comparison):
    tasks = comparison.tasks.copy()
    tasks.loc[tasks["task"] == 0, ["gain", "verdict"]] = [-16.0, "hurt"]
    assert "0 (17 times the error)" in by_task(replace(comparison, tasks=tasks))


def test_nothing_to_compare():
    made = make_shared_representation(n_tasks=4, n_samples=8, n_features=2, rank=1, random_state=0)
    alone = kinfolk.compare(made.X, made.y, task="task", methods=["IndependentRidge"])
    assert by_task(alone) == "Nothing was compared with fitting each task alone."


@pytest.mark.parametrize(
    ("gain", "said"),
    [(-0.28, "-28%"), (-0.0004, "-0.04%"), (-1.5, "2.5 times the error"), (-3e20, "alone it has next to no error")],
)
def test_losses_are_said_with_a_digit_that_counts(gain, said):
    assert _lost(gain) == said
