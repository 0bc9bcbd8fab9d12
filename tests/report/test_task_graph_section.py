"""The task graph in the report: what it says, what it draws, and what a real browser makes of it."""

import json
import re
from collections import Counter
from functools import cache
from html import unescape

import numpy as np
import pytest
from browser import WIDTHS

import kinfolk
from kinfolk import Comparison, PartialPoolingRegressor, TaskGraphRegressor, TaskGraphTracker
from kinfolk.datasets import make_clustered_tasks
from kinfolk.report import graph_plots, summarize, to_html

NASTY = '<script>alert("1")</script>'


class Renamed(TaskGraphRegressor):
    """Known by what it has, not by its name."""


def clustered(n_tasks, **more):
    data = make_clustered_tasks(3, n_tasks=n_tasks, n_samples=15, n_features=5, random_state=0)
    X = data.X.assign(task=[NASTY if t == 0 else f"site {t:03}" for t in data.X["task"]])
    return kinfolk.compare(X, data.y, task="task", **more)


def unrelated():
    """Tasks with the same coefficients: nobody resembles anybody more than others."""
    data = make_clustered_tasks(3, n_tasks=12, n_samples=15, n_features=5, random_state=0)
    rng = np.random.default_rng(0)
    y = data.X.drop(columns="task").to_numpy().sum(axis=1) + rng.normal(size=len(data.X))
    return kinfolk.compare(data.X, y, task="task", methods=[TaskGraphRegressor()])


COMPARISONS = {
    "few": lambda: clustered(12, methods=[PartialPoolingRegressor(), TaskGraphRegressor(shrinkage=0.5)]),
    "unnamed": lambda: clustered(70, methods=[TaskGraphRegressor(shrinkage=0.5)], cv=2),
    "many": lambda: clustered(210, methods=[TaskGraphRegressor(shrinkage=0.5)], cv=2),
    "none": unrelated,
}


@pytest.fixture(scope="module")
def comparisons():
    made = {}

    def get(name):
        if name not in made:
            made[name] = COMPARISONS[name]()
        return made[name]

    return get


@pytest.fixture(scope="module")
def summaries(comparisons):
    return cache(lambda name: summarize(comparisons(name)))


def text_of(page):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<(style|svg).*?</\1>", " ", page, flags=re.S))).split())


def section(page):
    return re.search(r'<section id="task-graph">.*?</section>', page, flags=re.S)[0]


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_summary_is_plain_and_its_shares_add_to_one(comparisons, summaries, name):
    found = summaries(name)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    (graph,) = found["graphs"]
    assert len(graph["tasks"]) == comparisons(name).data_summary["n_tasks"]
    for row in graph["tasks"]:
        assert row["own"] + row["others"] + row["pull"] == pytest.approx(1.0)
        shares = [one["share"] for one in row["helpers"]]
        assert shares == sorted(shares, reverse=True)
        assert len(shares) <= 3
    weights = [edge[2] for edge in graph["edges"]]
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_page_says_it_and_loads_nothing(summaries, name):
    found = summaries(name)
    (graph,) = found["graphs"]
    page = to_html(found)
    assert page == to_html(found)
    assert page.count("<script") == 2
    links = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']*)", page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)", page)
    part = section(page)
    text = text_of(part)
    assert graph["worth"] in text
    assert graph["edges_worth"] in text
    svgs = re.findall(r"<svg[^>]*>", part)
    assert len(svgs) == (1 if graph["edges"] else 0)
    assert all('role="img"' in svg and "aria-label=" in svg for svg in svgs)
    for row in sorted(graph["tasks"], key=lambda row: -row["others"])[:8] if graph["edges"] else ():
        helped = ", ".join(f"{one['task']}\u00a0({one['share']:.1%})" for one in row["helpers"])
        shares = " ".join(f"{row[part]:.1%}" for part in ("own", "others", "pull"))
        assert " ".join(f"{row['task']} {helped} {shares} {row['n_rows']}".split()) in text
    assert len(page) < 1_500_000


def test_no_edges_are_said_in_words_and_nothing_is_drawn(summaries):
    (graph,) = summaries("none")["graphs"]
    assert graph["edges"] == []
    assert graph["edges_worth"].startswith("Held-out rows chose no edges (shrinkage 1)")
    part = section(to_html(summaries("none")))
    assert "Who helps whom" not in part
    assert "<svg" not in part


def test_no_method_is_fitted_twice(comparisons, monkeypatch):
    fits = Counter()
    once = Comparison.refit

    def counted(self, method):
        fits[method] += 1
        return once(self, method)

    monkeypatch.setattr(Comparison, "refit", counted)
    for name in ("few", "unnamed"):
        fits.clear()
        summarize(comparisons(name))
        assert set(fits.values()) == {1}
        assert "TaskGraphRegressor" in fits


def test_a_method_is_known_by_its_graph_and_one_without_is_left_out():
    methods = {
        "mine": Renamed(shrinkage=1.0),
        "relationship": TaskGraphRegressor("mtrl"),
        "given": TaskGraphRegressor(graph=np.ones((9, 9)) - np.eye(9)),
        "held out": TaskGraphRegressor(),
        "stream": TaskGraphTracker(task="task"),  # has a graph, and no posterior
    }
    found = summarize(clustered(9, methods=methods, cv=2))
    graphs = {graph["method"]: graph for graph in found["graphs"]}
    assert set(graphs) == {"mine", "given", "held out"}
    assert graphs["mine"]["edges_worth"] == "It found no edges with the shrinkage of 1 that was given."
    assert graphs["given"]["edges_worth"] == "Its graph of 36 edges was given; only the strength was learned."
    assert "of the error of held-out rows, against the same fit" in graphs["held out"]["edges_worth"]
    page = to_html(found)
    assert re.findall(r'<section id="(task-graph[^"]*)"', page) == ["task-graph", "task-graph-2", "task-graph-3"]


def test_a_loss_is_not_called_a_saving(comparisons):
    comparison = comparisons("few")
    table = comparison.methods.assign(gain=-0.107, gain_se=0.063)
    lost = Comparison(**{**vars(comparison), "methods": table})
    (graph,) = summarize(lost)["graphs"]
    assert "saves nothing: its error is 10.7% ± 6.3% above" in graph["worth"]
    assert graph["advice"] not in to_html(summarize(lost))


def test_every_task_keeps_its_strongest_edges():
    rng = np.random.default_rng(0)
    ends = np.array([(i, j) for i in range(40) for j in range(i)])[rng.permutation(780)]
    kept = graph_plots.strongest(40, ends)
    for task in range(40):
        own = [edge for edge in range(len(ends)) if task in ends[edge]]
        assert set(own[:2]) <= set(kept)
    assert len(kept) < 140


def test_tasks_that_are_joined_lie_near_each_other():
    ring = np.array([sorted((t, (t + 1) % 24)) for t in range(24)])
    places = graph_plots.layout(24, ring, np.ones(24), 0.5)
    np.testing.assert_array_equal(places, graph_plots.layout(24, ring, np.ones(24), 0.5))
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    joined = apart[ring[:, 0], ring[:, 1]]
    assert joined.max() < 0.5 * apart[np.triu_indices(24, 1)].mean()


def test_the_heat_map_puts_groups_together():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 5, 300)
    ends = np.array([(i, j) for i in range(300) for j in range(i) if group[i] == group[j] and rng.random() < 0.3])
    found = graph_plots.communities(300, ends, np.ones(len(ends)))
    assert sorted(map(sorted, found)) == sorted(np.flatnonzero(group == g).tolist() for g in range(5))
    graph = {"tasks": [{}] * 300, "edges": [[*pair, 1.0] for pair in ends.tolist()], "pull": 1.0, "method": "graph"}
    svg, note = graph_plots.task_graph(graph)
    assert "5 groups" in note
    assert len(svg) < 1_000_000


def test_pointing_at_a_task_names_it(summaries):
    part = section(to_html(summaries("unnamed")))
    assert "<text" not in part
    titles = re.findall(r"<g><title>([^<]*)</title>", part)
    assert len(titles) == 70
    assert titles[0].startswith("&lt;script&gt;")
    assert re.fullmatch(r"site 001: 15 rows, gain [-+]\d+\.\d%, own rows \d+%", titles[1])


@pytest.mark.browser
@pytest.mark.parametrize("name", COMPARISONS)
def test_a_real_browser_shows_it_without_an_error(summaries, browser, tmp_path, name):
    page = tmp_path / "report.html"
    page.write_text(to_html(summaries(name)))
    for width in WIDTHS:
        complained, found = browser.look(page, width)
        assert not complained
        assert found["table"]
        assert found["plots"] == [True] * page.read_text().count("<svg")
        assert found["overflow"] <= 0
