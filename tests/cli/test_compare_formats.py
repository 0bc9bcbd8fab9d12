"""``kinfolk compare --format``: Markdown and JSON on stdout and nothing beside them; the sentence of the tasks."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from kinfolk.cli import main

NASTY = "a|b *c* <d> [e](f)"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    generator = np.random.default_rng(0)
    n_tasks, n = 45, 8
    codes = np.repeat(np.arange(n_tasks), n)
    x = generator.normal(size=(len(codes), 2))
    slope = np.where(codes == 3, -40.0, 2.0)  # one task that is better alone
    frame = pd.DataFrame(x, columns=["x0", "x1"]).assign(
        ward=[NASTY if code == 3 else f"ward {code}" for code in codes],
        stay=slope * x[:, 0] + x[:, 1] + 0.1 * generator.normal(size=len(codes)),
    )
    file = tmp_path_factory.mktemp("formats") / "t.csv"
    frame.to_csv(file, index=False)
    return str(file)


def compare(path, *more):
    return main(["compare", path, "--task", "ward", "--target", "stay", "--methods", "PooledRidge", *more])


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def tables(markdown):
    """Its tables, as lists of rows without the rule under the heading."""
    found = re.findall(r"(?:^\|.*\n?)+", markdown, flags=re.M)
    return [[cells(line) for i, line in enumerate(table.splitlines()) if i != 1] for table in found]


def test_json_on_stdout_is_the_file_and_nothing_else(path, tmp_path, capsys):
    file = tmp_path / "n.json"
    assert compare(path, "--format", "json", "--json", str(file), "--report", str(tmp_path / "r.html")) == 0
    out, err = capsys.readouterr()
    assert out == file.read_text()
    assert f"Numbers: {file}" in err
    found = json.loads(out)
    assert {"methods", "tasks", "recommended", "by_task", "findings", "command", "shown"} <= set(found)
    assert found["doctor"] == f"kinfolk doctor {path} --task ward --target stay"
    assert found["by_task"].replace("<", "&lt;").replace(">", "&gt;") in (tmp_path / "r.html").read_text()


def test_markdown_has_the_methods_the_sentence_and_the_ends_of_many_tasks(path, capsys):
    assert compare(path, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert compare(path, "--format", "markdown") == 0
    out, _ = capsys.readouterr()
    methods, tasks = tables(out)
    assert [row[0].strip("*") for row in methods[1:]] == [row["method"] for row in found["methods"]]
    assert all(len(row) == len(table[0]) for table in (methods, tasks) for row in table)
    assert "The 10 most helped and the 10 worst of 45 tested tasks" in out
    shown = [row for row in found["tasks"] if row["method"] == found["shown"]]
    shown.sort(key=lambda row: -row["gain"])
    assert [float(row[3]) for row in tasks[1:]] == [float(f"{one['error']:.4g}") for one in [*shown[:10], *shown[-10:]]]
    assert r"a\|b \*c\* &lt;d> \[e\](f)" in out
    assert found["command"] in out
    for finding in found["findings"]:
        assert f"- {finding['severity'].capitalize()}: " in out


def test_text_says_by_task_what_wins_and_what_is_better_alone(path, capsys):
    assert compare(path, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert compare(path) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"Task by task: {found['by_task']}" in out


def test_wide_data_has_no_doctor_and_says_so(tmp_path, capsys):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(20, 4)), columns=["x0", "x1", "a", "b"])
    frame.to_csv(tmp_path / "w.csv", index=False)
    assert (
        main(
            ["compare", str(tmp_path / "w.csv"), "--target", "a,b", "--methods", "PooledRidge", "--format", "markdown"]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "All tasks" in out
    assert "the doctor looks at tables with a column of tasks" in out


@pytest.mark.parametrize("name", ["r.md", "r.json"])
def test_a_report_is_html(path, tmp_path, capsys, name):
    assert compare(path, "--report", str(tmp_path / name)) == 2
    assert "--format markdown" in capsys.readouterr().err
