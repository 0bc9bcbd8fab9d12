"""The report of a plan: a plain dict, a page that holds its numbers, and what a real browser makes of it."""

import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from browser import WIDTHS

from kinfolk.report import plan_to_html, summarize_plan, write_plan_report
from kinfolk.report.summarize_plan import MEASURED
from kinfolk.selection import measure_learning_curve
from kinfolk.theory import estimate_problem, outlook

NASTY = '<script>alert("1")</script>'


def rows(n_tasks=12, p=8, similarity=0.5):
    generator = np.random.default_rng(0)
    sizes = generator.integers(2, 40, size=n_tasks)
    codes = np.repeat(np.arange(n_tasks), sizes)
    own = np.sqrt((1 - similarity) / p) * generator.normal(size=(n_tasks, p))
    W = np.sqrt(similarity / p) * generator.normal(size=p) + own
    X = generator.normal(size=(len(codes), p))
    y = (X * W[codes]).sum(axis=1) + 0.5 * generator.normal(size=len(codes))
    labels = np.array([NASTY, *(f"ward {i}" for i in range(1, n_tasks))])[codes]
    return X, y, labels


@pytest.fixture(scope="module")
def plans():
    made = {}
    X, y, labels = rows()
    estimate = estimate_problem(X, y, labels)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(8)]).assign(ward=labels)
    measured = measure_learning_curve(frame, y, task="ward", methods=list(MEASURED)[:3], fractions=(0.5, 1.0), cv=2)
    made["bare"] = summarize_plan(estimate, y, labels, target=NASTY)
    made["measured"] = summarize_plan(estimate, y, labels, measured=measured, target_risk=0.3, command="kinfolk plan x")
    many = rows(n_tasks=300)
    made["many"] = summarize_plan(estimate_problem(*many), *many[1:], target_risk=1e-3, over="T")
    unlike = rows(similarity=0.0)
    two = (y > np.median(y)).astype(int)
    made["classes"] = summarize_plan(estimate_problem(X, two, labels), two, labels)
    made["unlike"] = summarize_plan(estimate_problem(*unlike), *unlike[1:])
    return made


NAMES = ("bare", "measured", "many", "unlike", "classes")


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_is_plain(plans, name):
    assert json.loads(json.dumps(plans[name], allow_nan=False)) == plans[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_holds_the_numbers_and_loads_nothing(plans, name):
    found = plans[name]
    page = plan_to_html(found)
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<(style|svg).*?</\1>", " ", page, flags=re.S))).split())
    assert page == plan_to_html(found)
    assert "<script" not in page
    assert all("w3.org" in link for link in re.findall(r"https?://[^\s\"'<]*", page))  # names of the SVG language
    svgs = re.findall(r"<svg[^>]*>", page)
    assert len(svgs) == (3 if name == "classes" else 4)
    assert all('role="img"' in svg and "aria-label=" in svg for svg in svgs)
    for sentence in (found["verdict"], found["penalty"], *found["warnings"], found["wanted"] or ""):
        assert " ".join(sentence.split()) in text
    for row in found["predicted"]:
        assert f"{row['name']} {row['error']:.4g} {row['low']:.4g} to {row['high']:.4g}" in text
    assert ("of the rows in training" in text) == (name == "measured")


def test_the_summary_is_the_outlook(plans):
    told = outlook(estimate_problem(*rows()))
    found = plans["bare"]
    assert [row["error"] for row in found["predicted"]] == [told.alone, told.pooled, told.coupled]
    assert found["tasks"][0]["n_rows"] <= found["tasks"][-1]["n_rows"]
    assert sorted(row["gain"] for row in found["tasks"]) == sorted(told.per_task)
    assert "out of reach with more tasks" in plans["many"]["wanted"]
    assert {row["way"] for row in plans["measured"]["measured"]} == {"alone", "pooled", "coupled"}


@pytest.mark.browser
@pytest.mark.parametrize("name", ["measured", "many"])
def test_a_real_browser_shows_it_without_an_error(plans, browser, tmp_path, name):
    page = tmp_path / "plan.html"
    write_plan_report(plans[name], page)
    for width in WIDTHS:
        complained, found = browser.look(page, width)
        assert not complained
        assert found["table"]
        assert found["plots"] == [True] * 4
        assert found["overflow"] <= 0
