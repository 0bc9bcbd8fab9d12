"""The report: a plain dict, an escaped page, and what a real browser makes of it."""

import json
import re
from html import unescape
from itertools import pairwise

import numpy as np
import pytest
from browser import hash_of
from sklearn.dummy import DummyRegressor

import kinfolk
from kinfolk import IndependentRidge, PartialPoolingRegressor
from kinfolk.datasets import make_shared_representation
from kinfolk.diagnostics import examine
from kinfolk.report import summarize, summarize_comparison, to_html, write_report
from kinfolk.report.task_table import VERDICTS, task_table

COMMAND = "kinfolk compare 'a b.csv' --task task --target y --features x0,x1,flat --cv 3"
NASTY = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def comparison():
    data = make_shared_representation(n_tasks=12, n_samples=20, n_features=4, rank=2, random_state=0)
    X = data.X.assign(task=[NASTY if t == 0 else f"school {t}" for t in data.X["task"]], flat=1.0)
    X = X[["x0", "x1", "x2", "x3", "flat", "task"]]
    return kinfolk.compare(X, data.y, task="task")


@pytest.fixture(scope="module")
def summary(comparison):
    return summarize(comparison)


def test_the_summary_is_plain_and_complete(comparison):
    summary = summarize(comparison, command="kinfolk compare x.csv")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    gains = [row["gain"] for row in summary["tasks"]]
    assert gains == sorted(gains)
    assert summary["command"] == "kinfolk compare x.csv"
    assert len(summary["model"]["shrinkage"]) == 12
    assert summary["comparison"]["data"]["constant_columns"] == ["flat"]


def test_the_page_loads_nothing_runs_one_script_and_escapes_labels(comparison, summary):
    page = to_html(summary)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, flags=re.S)
    assert page.count("<script") == page.count("</script") == len(scripts) == 2
    (kind, data), (plain, ours) = scripts
    assert 'type="application/json"' in kind  # no browser runs it
    assert plain == ""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy == (
        f"default-src 'none'; script-src {hash_of(ours)}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"eval|innerHTML|insertAdjacent|document\.write|fetch|import|http|Function\(", ours)
    assert not re.search(r"<[^>]*\son\w+\s*=", re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert set(json.loads(data)) == set(comparison.methods["method"]) - {comparison.baseline}
    assert "&lt;script&gt;" in page
    links = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']*)", page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)", page)
    for svg in re.findall(r"<svg[^>]*>", page):
        assert 'role="img"' in svg
        assert "aria-label=" in svg


def test_the_page_is_the_same_every_time(summary):
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


def test_the_baseline_and_nothing_else_has_a_table_of_tasks(comparison):
    X, y, _ = comparison.data
    found = summarize(kinfolk.compare(X, y, task="task", methods=["IndependentRidge"]))
    assert list(task_table(found["comparison"])["methods"]) == ["IndependentRidge"]  # what the script starts with
    assert "Nothing was compared" in to_html(found)


def test_methods_without_coefficients_have_no_model_section(comparison):
    X, y, _ = comparison.data
    numeric = X.assign(task=X["task"].astype("category").cat.codes.astype(int))
    other = kinfolk.compare(numeric, y, task="task", methods={"mean": DummyRegressor(), "alone": IndependentRidge()})
    assert summarize(other)["model"] is not None
    page = to_html(summarize(other) | {"model": None})
    assert "What " not in page


def test_the_page_names_what_the_doctor_finds(comparison, summary):
    X, y, _ = comparison.data
    said = [finding.text for finding in examine(X, y, task="task").findings]
    assert any("flat" in text for text in said)
    assert [finding["text"] for finding in summary["comparison"]["findings"]] == said
    page = unescape(to_html(summary | {"comparison": summarize_comparison(comparison, command=COMMAND)}))
    assert all(text in page for text in said)
    assert "kinfolk doctor 'a b.csv' --task task --target y --features x0,x1,flat" in page
    many = summary["comparison"] | {"findings": summary["comparison"]["findings"] * 20}
    assert f"{20 * len(said) - 10} more" in to_html(summary | {"comparison": many})


def test_hostile_names_of_methods_stay_data(comparison):
    X, y, _ = comparison.data
    names = {"</script><script>alert(1)</script>": PartialPoolingRegressor(), "<!--<script>": "PooledRidge"}
    found = summarize(kinfolk.compare(X, y, task="task", methods=names))
    page = to_html(found)
    assert page.count("<script") == page.count("</script") == 2
    assert "<!--" not in page
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, flags=re.S)[1]
    assert set(names) < set(json.loads(data))


def test_every_task_is_in_the_table_in_the_order_of_gains(summary):
    found = summary["comparison"]
    table = task_table(found)
    shown = {str(row["task"]): row for row in found["tasks"] if row["method"] == found["shown"]}
    assert {str(row["task"]) for row in table["rows"]} == set(shown)
    gains = [shown[str(row["task"])]["gain"] for row in table["rows"]]
    assert gains == sorted(gains, reverse=True)
    for row in table["rows"]:
        one = shown[str(row["task"])]
        assert float(row["shared"]) == pytest.approx(one["error"] ** 0.5, rel=1e-3)
        assert float(row["alone"]) == pytest.approx(one["baseline_error"] ** 0.5, rel=1e-3)
        alone, shared = row["at"]
        assert np.sign(alone - shared) in (0, np.sign(one["gain"]))
    shared, gain, verdict, at = table["methods"][found["shown"]]
    assert [(row["shared"], row["gain"], row["verdict"], row["at"][1]) for row in table["rows"]] == [
        (a, b, VERDICTS[c], d) for a, b, c, d in zip(shared, gain, verdict, at, strict=True)
    ]


@pytest.mark.parametrize(
    ("error", "baseline_error"),
    [
        ([4.0, 9.0, 400.0], [8.0, 18.0, 800.0]),
        ([0.0, 1.0, 2.0], [1.0, 0.0, 3.0]),
        ([5.0] * 3, [5.0] * 3),
        ([0.0] * 3, [0.0] * 3),
    ],
)
@pytest.mark.parametrize("scoring", ["squared_error", "log_loss"])
def test_equal_gains_are_drawn_as_long_and_no_error_leaves_the_scale(error, baseline_error, scoring):
    rows = [
        {
            "task": t,
            "n_rows": 3,
            "method": name,
            "error": e,
            "baseline_error": b,
            "gain": 0.5,
            "gain_se": None,
            "verdict": "helped",
        }
        for name, errors in (("shared", error), ("alone", baseline_error))
        for t, (e, b) in enumerate(zip(errors, baseline_error, strict=True))
    ]
    table = task_table({"tasks": rows, "shown": "shared", "baseline": "alone", "settings": {"scoring": scoring}})
    places = [row["at"] for row in table["rows"]]
    assert all(0 <= place <= 1000 for pair in places for place in pair)
    assert all(0 <= tick["at"] <= 1000 for tick in table["ticks"])
    if error[0] == 4.0:
        lengths = [alone - shared for alone, shared in places]
        assert max(lengths) - min(lengths) <= 1
        assert len(table["ticks"]) > 2


def test_two_thousand_tasks_are_a_page_of_less_than_two_megabytes(summary):
    page = to_html(with_tasks(summary, 2000))
    assert page.count('<th scope="row">') == 2000
    assert len(page.encode()) < 2_000_000
    assert "2,000 tasks, in a box that scrolls" in page
    assert '<div id="controls" class="controls" hidden>' in page  # shown by the script


def with_tasks(summary, n_tasks):
    """The summary as if it had so many tasks: those that it has again and again, with a little more error each time."""
    rows = []
    for method in {row["method"]: None for row in summary["comparison"]["tasks"]}:
        some = [row for row in summary["comparison"]["tasks"] if row["method"] == method]
        for t in range(n_tasks):
            row = some[t % len(some)]
            more = {key: row[key] * (1.0 + t / n_tasks) for key in ("error", "baseline_error")}
            rows.append(row | more | {"task": f"{row['task']} {t}", "gain": row["gain"] - t / 1e6})
    return summary | {"comparison": summary["comparison"] | {"tasks": rows}}


def test_an_interrupted_write_leaves_the_old_file(comparison, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_report(comparison, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


USE = """
addEventListener("load", () => {
  const [table, controls] = ["all-tasks", "controls"].map((id) => document.getElementById(id));
  const [sought, method, status] = ["input[type=search]", "select", "p"].map((one) => controls.querySelector(one));
  const rows = () => [...table.tBodies[0].rows].filter((row) => row.getBoundingClientRect().height > 0);
  const column = (at) => rows().map((row) => row.cells[at].textContent);
  const root = document.documentElement;
  const seen = (node) => node.getBoundingClientRect().width > 40 && node.getBoundingClientRect().height > 40;
  const found = { overflow: root.scrollWidth - root.clientWidth, controls: seen(controls), all: status.textContent };
  found.plots = [...document.querySelectorAll("svg")].map(seen);
  found.marks = document.querySelectorAll("svg path, svg use").length;
  found.background = getComputedStyle(table.querySelector("i"), "::after").backgroundColor;
  const heads = [...table.tHead.rows[0].cells];
  found.buttons = heads.map((head) => head.querySelector("button")?.textContent);
  const press = (name) => {
    const button = heads.map((head) => head.querySelector("button")).find((one) => one?.textContent === name);
    button.focus();
    found.focus = (found.focus ?? true) && document.activeElement === button && button.tabIndex === 0;
    button.click();
    return heads.map((head) => head.getAttribute("aria-sort"));
  };
  const change = (one, value) => {
    one.value = value;
    one.dispatchEvent(new Event(one === sought ? "input" : "change"));
  };
  found.gains = column(3);
  found.upwards = [press("gain"), column(3)];
  found.names = [press("task"), column(0)];
  found.again = [press("task"), column(0)];
  change(sought, "SCHOOL 1");
  found.sought = [column(0), status.textContent];
  change(sought, "");
  const box = controls.querySelector("input[value=helped]");
  box.click();
  found.unhelped = [column(4), status.textContent];
  box.click();
  change(method, "PooledRidge");
  found.pooled = [column(0), column(6), document.querySelector(".shown").textContent];
  const methods = document.querySelector("#methods table");
  methods.tHead.rows[0].cells[0].firstElementChild.click();
  found.methods = [...methods.tBodies[0].rows].map((row) => row.cells[0].textContent);
  const all = [...document.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  const stops = all.filter((one) => one.tabIndex >= 0);
  found.stops = stops.every((one) => one.tabIndex === 0) && stops.slice(0, 2).map((one) => one.hash);
  found.anchors = [...document.querySelectorAll("nav a")].map((link) => !!document.querySelector(link.hash));
  document.body.setAttribute("data-found", JSON.stringify(found));
});
"""


@pytest.mark.browser
@pytest.mark.parametrize(("n_tasks", "width"), [(5, 500), (40, 800), (2000, 1400)])
def test_tasks_are_sorted_sought_and_shown_by_another_method(comparison, summary, browser, tmp_path, n_tasks, width):
    page = tmp_path / "report.html"
    summary = with_tasks(summary, n_tasks)
    page.write_text(to_html(summary))
    complained, found = browser.look(page, width, USE)
    table = task_table(summary["comparison"])
    names = [row["task"] for row in table["rows"]]
    assert not complained
    assert found["overflow"] <= 0
    assert found["controls"]
    assert found["anchors"] == [True] * len(re.findall("<section", page.read_text()))
    assert found["plots"] == [True] * page.read_text().count("<svg")
    assert found["marks"] > 50
    assert found["focus"]
    assert found["stops"] == ["#content", "#methods"]
    assert found["background"] != "rgba(0, 0, 0, 0)"
    assert found["buttons"] == ["task", "rows", None, "gain", "verdict", "RMSE alone", "RMSE shared"]
    assert found["all"] == f"{n_tasks:,} of {n_tasks:,} tasks"
    assert found["gains"] == [row["gain"] for row in table["rows"]]
    sorts, gains = found["upwards"]
    assert sorts == [None, None, None, "ascending", None, None, None]
    values = [float(gain.split("%")[0]) for gain in gains]
    assert values == sorted(values)
    sorts, ascending = found["names"]
    assert sorts == ["ascending", *[None] * 6]
    assert sorted(ascending) == sorted(names)
    place = {name: at for at, name in enumerate(ascending)}
    assert n_tasks < 11 or place["school 2 4"] < place["school 10 2"]  # numbers in names count as numbers
    assert found["again"] == [["descending", *[None] * 6], ascending[::-1]]
    some, said = found["sought"]
    assert set(some) == {name for name in names if "school 1" in name}
    assert said == f"{len(some):,} of {n_tasks:,} tasks"
    rest, said = found["unhelped"]
    assert len(rest) == sum(row["verdict"] != "helped" for row in table["rows"])
    assert "helped" not in rest
    assert said == f"{len(rest):,} of {n_tasks:,} tasks"
    order, shared, shown = found["pooled"]
    assert order == ascending[::-1]
    assert dict(zip(order, shared, strict=True)) == dict(zip(names, table["methods"]["PooledRidge"][0], strict=True))
    assert shown == "PooledRidge"
    assert found["methods"] == sorted(comparison.methods["method"])


@pytest.mark.browser
def test_keys_alone_sort_and_without_scripts_every_task_is_there(summary, browser, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(to_html(with_tasks(summary, 100)))
    browser.open(page)
    for _ in range(60):
        browser.press("Tab")
        if browser.say("document.activeElement.closest('#all-tasks') && document.activeElement.textContent") == "task":
            break
    else:
        pytest.fail("Tab never comes to the heading of the tasks")
    assert browser.say("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for key, sorted_now in (("Enter", "ascending"), (" ", "descending")):
        browser.press(key)
        assert browser.say("document.activeElement.closest('th').getAttribute('aria-sort')") == sorted_now
    browser.open(page, scripts=False)
    tall = "[...document.querySelectorAll('#all-tasks tbody tr')].filter((row) => row.offsetHeight > 10).length"
    assert browser.say(tall) == 100
    assert browser.say("document.getElementById('controls').offsetHeight") == 0
    assert browser.say("document.querySelectorAll('th button').length") == 0


def luminance(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255.0
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_texts_are_legible_in_light_in_dark_and_on_paper(summary):
    """The contrast that WCAG 2 asks for: 4.5 for text, 3 for marks and their borders."""
    schemes = re.findall(r":root \{ (--ink: .*?)\}", to_html(summary))
    assert len(schemes) == 3
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})\b", scheme))
        light = {n: luminance(c if len(c) == 7 else "#" + "".join(2 * x for x in c[1:])) for n, c in colours.items()}
        for text, least in {"ink": 4.5, "soft": 4.5, "good": 4.5, "bad": 4.5, "link": 4.5, "alone": 3.0}.items():
            for ground in ("page", "card", "mark") if text in ("ink", "good", "bad") else ("page", "card"):
                if text in light:
                    low, high = sorted((light[text], light[ground]))
                    assert (high + 0.05) / (low + 0.05) >= least, (text, ground, scheme)


def test_headings_are_in_order_and_contents_lead_to_all_sections(summary):
    page = to_html(summary)
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= level + 1 for level, later in pairwise(levels))
    anchors = re.findall(r'<a href="#([^"]+)"', page[page.index("<nav") : page.index("</nav>")])
    assert anchors == re.findall(r'<section id="([^"]+)"', page)
    assert page.index('class="skip" href="#content"') < page.index("<main")
    assert 'id="content"' in page


@pytest.mark.browser
@pytest.mark.parametrize(
    "fault",
    [
        "<script>console.error('broken')</script>",
        "<script>throw new Error('broken')</script>",
        "<script>addEventListener('load', () => undefined.broken)</script>",
        "<script>setTimeout(() => undefined.broken)</script>",
        "<script>Promise.reject('broken')</script>",
        "<img src='absent.png'>",
        "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\"><img src='data:image/gif,'>",
    ],
)
def test_what_a_console_would_show_is_seen(browser, tmp_path, fault):
    """The browser tests can fail: a page that logs an error is caught by the same means, and the next one is not."""
    page = tmp_path / "page.html"
    for body, complaints in ((fault, True), ("", False)):
        page.write_text(f"<html><body><table></table>{body}</body></html>")
        assert bool(browser.look(page, 500)[0]) == complaints


@pytest.mark.browser
def test_what_is_wider_than_the_window_is_seen(browser, tmp_path):
    page = tmp_path / "page.html"
    for width, beyond in ((500, 100), (800, 0)):
        page.write_text("<html><body style='margin: 0'><table></table><p style='width: 600px'>wide</p></body></html>")
        assert browser.look(page, width)[1]["overflow"] == beyond


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
