"""Targets and numbers that leave nothing to compare, or cannot be counted with, are refused, never a result."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kinfolk import IndependentRidge, InputError, compare
from kinfolk.diagnostics import examine
from kinfolk.report import summarize_comparison, to_markdown, write_report
from kinfolk.selection import LeaveTasksOut

GENERATOR = np.random.default_rng(0)
CODES = np.repeat(np.arange(6), 5)
X = pd.DataFrame(GENERATOR.normal(size=(30, 2)), columns=["a", "b"]).assign(task=CODES)
Y = pd.Series(X["a"] + GENERATOR.normal(size=30), name="stay")
QUICK = {"task": "task", "methods": ["PooledRidge"]}


@pytest.mark.parametrize("value", [0.1, 3.0, 1e9 + 0.1])
def test_a_target_that_does_not_vary_within_tasks_is_refused(value):
    """Errors were rounding, and gains -65699762071164584%."""
    with pytest.raises(InputError, match="'stay' does not vary within any task"):
        compare(X, pd.Series(np.full(30, value), name="stay"), **QUICK)
    by_task = pd.Series(value * (1.0 + CODES), name="stay")
    with pytest.raises(InputError, match="does not vary within any task"):
        compare(X, by_task, **QUICK)
    assert compare(X, by_task, task="task", methods=["PooledRidge"], cv=LeaveTasksOut(3, task="task")).recommended


def test_one_task_that_varies_is_enough():
    y = Y.where(CODES == 2, 3.0)
    assert np.isfinite(compare(X, y, **QUICK).methods["gain"]).all()


@pytest.mark.parametrize("bad", [1e300, -1e200, 1.7976931348623157e308])
def test_numbers_whose_squares_are_none_are_refused(bad):
    """Missing cells are often written so; they made gains of nan%."""
    with pytest.raises(InputError, match=r"'a': numbers beyond 1e\+150 in row 3"):
        compare(X.assign(a=X["a"].where(X.index != 3, bad)), Y, **QUICK)
    with pytest.raises(InputError, match=r"'stay': numbers beyond 1e\+150 in row 3"):
        compare(X, Y.where(X.index != 3, bad), **QUICK)
    found = examine(X.assign(a=X["a"].where(X.index != 3, bad)), Y, task="task")
    assert found.cells.missing == {"a": 1}


@pytest.mark.parametrize("unit", [1e-140, 1e-80, 1e80, 1e140])
def test_units_within_these_limits_change_nothing(unit):
    here, there = (examine(X.assign(a=X["a"] * one), Y * one, task="task") for one in (1.0, unit))
    assert there.target_kurtosis == pytest.approx(here.target_kurtosis)
    assert there.feature_kurtosis == pytest.approx(here.feature_kurtosis)
    assert [finding.text for finding in there.findings] == [finding.text for finding in here.findings]
    tables = [compare(X.assign(a=X["a"] * one), Y * one, **QUICK).methods for one in (1.0, unit)]
    for column in ("gain", "gain_se", "r2", "helped"):
        assert tables[1][column].to_numpy() == pytest.approx(tables[0][column].to_numpy(), rel=1e-6, abs=1e-9)


class AlmostIndependent(IndependentRidge):
    """The baseline, with another last digit."""

    def predict(self, X, **more):
        return super().predict(X, **more) * (1.0 + 4e-16)


def test_the_last_digit_helps_and_hurts_nobody():
    found = compare(X, Y + 100.0, task="task", methods={"almost": AlmostIndependent(task="task")})
    tasks = found.tasks[found.tasks["method"] == "almost"]
    assert (tasks["gain"] != 0.0).any()
    assert set(tasks["verdict"]) == {"unharmed"}


def test_a_task_that_its_own_fit_meets_exactly_is_shown_in_a_few_signs(tmp_path):
    """A gain of -2493932969321667114742192065740800% made the table of the page unreadable."""
    found = compare(X, Y, **QUICK)
    worst = found.tasks["task"] == 2
    tasks = found.tasks.assign(gain=found.tasks["gain"].where(~worst, -2.5e29), verdict="hurt")
    gain = found.methods["gain"].where(found.methods["method"] == found.recommended, -2.5e29)
    found = replace(found, tasks=tasks, methods=found.methods.assign(gain=gain))
    write_report(found, tmp_path / "r.html")
    texts = [(tmp_path / "r.html").read_text(), to_markdown(summarize_comparison(found)), found._repr_html_()]
    for text in texts:
        assert not re.search(r"\d{9}(\.\d)?%", text)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"cv": "many"}, "cv must be a number of folds"),
        ({"cv": None}, "cv must be a number of folds"),
        ({"methods": [IndependentRidge]}, "methods holds a class, IndependentRidge"),
    ],
)
def test_what_is_neither_folds_nor_an_estimator_is_refused(more, said):
    with pytest.raises(InputError, match=said):
        compare(X, Y, **(QUICK | more))


def test_a_method_that_was_not_compared_is_refused_by_name():
    with pytest.raises(InputError, match=r"no method 'Magic' in the comparison; there are .*PooledRidge"):
        compare(X, Y, **QUICK).refit("Magic")


def test_rows_of_weight_zero_are_no_rows():
    """Tasks 0 to 2 have no other: they are not tested, and the baseline is not asked for them."""
    found = compare(X, Y, **QUICK, sample_weight=np.where(CODES < 3, 0.0, 1.0))
    tested = found.tasks[found.tasks["method"] == "PooledRidge"].set_index("task")["n_tested"]
    assert tested.tolist() == [0, 0, 0, 5, 5, 5]
    assert found.best_estimator().tasks_.tolist() == [3, 4, 5]
    write = summarize_comparison(found)
    assert "of 3 tested tasks" in write["by_task"]
