"""The report: a plain dict, an escaped page, and what a real browser makes of it."""

import json
import re

import numpy as np
import pytest
from browser import NO_BROWSER, browse, chromium, look
from sklearn.dummy import DummyRegressor

import kinfolk
from kinfolk import IndependentRidge, PartialPoolingRegressor
from kinfolk.datasets import make_shared_representation
from kinfolk.report import plots, summarize, to_html, write_report

NASTY = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def comparison():
    data = make_shared_representation(n_tasks=12, n_samples=20, n_features=4, rank=2, random_state=0)
    X = data.X.assign(task=[NASTY if t == 0 else f"school {t}" for t in data.X["task"]], flat=1.0)
    X = X[["x0", "x1", "x2", "x3", "flat", "task"]]
    return kinfolk.compare(X, data.y, task="task")


def test_the_summary_is_plain_and_complete(comparison):
    summary = summarize(comparison, command="kinfolk compare x.csv")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    gains = [row["gain"] for row in summary["tasks"]]
    assert gains == sorted(gains)
    assert summary["command"] == "kinfolk compare x.csv"
    assert len(summary["model"]["shrinkage"]) == 12
    assert summary["comparison"]["data"]["constant_columns"] == ["flat"]


def test_the_page_loads_nothing_runs_nothing_and_escapes_labels(comparison):
    page = to_html(summarize(comparison))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    links = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']*)", page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)", page)
    for svg in re.findall(r"<svg[^>]*>", page):
        assert 'role="img"' in svg
        assert "aria-label=" in svg


def test_the_page_is_the_same_every_time(comparison):
    summary = summarize(comparison)
    assert to_html(summary) == to_html(summary)


def test_the_baseline_recommended_is_said_so():
    rng = np.random.default_rng(0)
    data = make_shared_representation(n_tasks=6, n_samples=60, n_features=3, rank=2, random_state=0)
    X = data.X.assign(task=data.X["task"])
    y = np.sign(rng.normal(size=(6, 3)) * 5)[data.X["task"]] * 3
    y = (X[["x0", "x1", "x2"]].to_numpy() * y).sum(axis=1) + 0.1 * rng.normal(size=len(X))
    alone = kinfolk.compare(X, y, task="task", methods=["PooledRidge"])
    assert alone.recommended == "IndependentRidge"
    assert "Stay with IndependentRidge" in to_html(summarize(alone))


def test_methods_without_coefficients_have_no_model_section(comparison):
    X, y, _ = comparison.data
    numeric = X.assign(task=X["task"].astype("category").cat.codes.astype(int))
    other = kinfolk.compare(numeric, y, task="task", methods={"mean": DummyRegressor(), "alone": IndependentRidge()})
    assert summarize(other)["model"] is not None
    page = to_html(summarize(other) | {"model": None})
    assert "What " not in page


def test_many_tasks_are_cut_with_a_note():
    rows = [
        {
            "task": t,
            "error": 1.0 + t,
            "baseline_error": 2.0,
            "verdict": "helped",
            "gain": 0.1,
            "gain_se": None,
            "n_rows": 3,
        }
        for t in range(500)
    ]
    svg, note = plots.dumbbell(rows, "PartialPoolingRegressor", "IndependentRidge")
    assert "of 500" in note
    assert len(svg) < 500_000
    assert len(plots.gains(rows)) < 500_000


def test_an_interrupted_write_leaves_the_old_file(comparison, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_report(comparison, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.browser
@pytest.mark.parametrize("width", [500, 800, 1400])
def test_a_real_browser_shows_table_and_plots_without_an_error(comparison, tmp_path, width):
    if chromium() is None:
        pytest.skip(NO_BROWSER)
    page = tmp_path / "report.html"
    write_report(comparison, page)
    complained, found = look(page, tmp_path, width)
    assert not complained
    assert found["table"]
    assert found["plots"] == [True] * page.read_text().count("<svg")
    assert found["marks"] > 50
    assert found["overflow"] <= 0


@pytest.mark.browser
def test_a_console_message_would_be_seen(tmp_path):
    """The browser test can fail: a page that logs an error is caught by the same means."""
    if chromium() is None:
        pytest.skip(NO_BROWSER)
    page = tmp_path / "bad.html"
    page.write_text("<script>console.error('broken')</script>")
    assert "CONSOLE" in browse(page, tmp_path).stderr


def test_partial_pooling_summary_names_its_strongest_features(comparison):
    X, y, _ = comparison.data
    found = kinfolk.compare(X, y, task="task", methods=[PartialPoolingRegressor()])
    assert {row["feature"] for row in summarize(found)["model"]["largest"]} <= {"x0", "x1", "x2", "x3", "flat"}


def test_axes_of_rows_are_labelled_with_numbers_however_close_or_far_the_tasks_are():
    from kinfolk.report.plots import shrinkage

    for n_rows in ([697, 712, 730], [3, 40, 900], [5, 5, 5]):
        drawing = shrinkage({"n_rows": n_rows, "shrinkage": [0.1, 0.5, 0.9]})
        assert "mathdefault" not in drawing
        assert "e+0" not in drawing
