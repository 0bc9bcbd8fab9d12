"""The report of an examination: a plain dict, a page that holds its findings, and what a real browser makes of it."""

import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from browser import WIDTHS

from kinfolk.diagnostics import examine
from kinfolk.report import doctor_to_html, summarize_doctor, write_doctor_report

NASTY = '<script>alert("1")</script>'


def table(n_tasks=40, seed=0):
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 40, size=n_tasks)
    codes = np.repeat(np.arange(n_tasks), sizes)
    X = generator.normal(size=(len(codes), 5)) + generator.normal(size=(n_tasks, 5))[codes]
    labels = np.array([NASTY, *(f"ward {i}" for i in range(1, n_tasks))])[codes]
    frame = pd.DataFrame(X, columns=["age", "x" * 60, NASTY, "c", "d"])
    return frame, X.sum(axis=1) + generator.normal(size=len(codes)), labels, codes


@pytest.fixture(scope="module")
def made():
    frame, y, labels, codes = table()
    bad = frame.assign(copy=frame["c"], leak=3.0 * y, beds=codes * 2.0, one=1.0, ward=labels)
    bad.loc[:20, "d"] = np.nan
    far = pd.Series(y + 90.0 * (codes == np.bincount(codes).argmax()), name=NASTY)
    many = table(n_tasks=2000)
    lone = pd.DataFrame({"a": [1.0, 2.0, 3.0], "ward": ["u", "v", "w"]})
    found = {
        "bare": examine(frame.assign(ward=labels), y, task="ward"),
        "bad": examine(bad, far, task="ward"),
        "many": examine(many[0].assign(ward=many[2]), many[1], task="ward"),
        "classes": examine(frame.assign(ward=labels), np.where(y > 0, "yes", "no"), task="ward"),
        "three": examine(frame.assign(ward=labels), np.array(["a", "b", "c"])[codes % 3], task="ward"),
        "lone": examine(lone, [1.0, 2.5, 3.0], task="ward"),
    }
    return {name: summarize_doctor(one, command="kinfolk doctor x") for name, one in found.items()}


NAMES = ("bare", "bad", "many", "classes", "three", "lone")


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_is_plain(made, name):
    assert json.loads(json.dumps(made[name], allow_nan=False)) == made[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_holds_the_findings_and_loads_nothing(made, name):
    found = made[name]
    page = doctor_to_html(found)
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<(style|svg).*?</\1>", " ", page, flags=re.S))).split())
    assert page == doctor_to_html(found)
    assert "<script" not in page
    assert all("w3.org" in link for link in re.findall(r"https?://[^\s\"'<]*", page))  # names of the SVG language
    svgs = re.findall(r"<svg[^>]*>", page)
    assert len(svgs) == {"three": 3, "lone": 3}.get(name, 4)
    assert all('role="img"' in svg and "aria-label=" in svg for svg in svgs)
    for finding in found["findings"]:
        assert " ".join(finding["text"].split()) in text
        assert " ".join(finding["remedy"].split()) in text
    for sentence in (found["verdict"], *found["next"], *(fact["value"] for fact in found["facts"])):
        assert sentence in text


def test_tasks_that_stand_apart_are_listed_and_named(made):
    found = made["bad"]
    (out,) = [row for row in found["tasks"] if "mean" in row["outlying"]]
    page = doctor_to_html(found)
    assert f"<td>{out['task']}</td>" in page
    assert f">{out['task']}</text>" in page or f"<!-- {out['task']} -->" in page
    assert [row["n_rows"] for row in found["tasks"]] == sorted((row["n_rows"] for row in found["tasks"]), reverse=True)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["bad", "many", "classes"])
def test_a_real_browser_shows_it_without_an_error(made, browser, tmp_path, name):
    page = tmp_path / "doctor.html"
    write_doctor_report(made[name], page)
    for width in WIDTHS:
        complained, found = browser.look(page, width)
        assert not complained
        assert found["table"]
        assert found["plots"] == [True] * 4
        assert found["overflow"] <= 0
