"""The README's example runs as it is printed, and what it recommends is worth it."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_python_example_runs_and_what_it_recommends_beats_both_extremes(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["std"].shape == names["ames"].y.shape
    found = names["comparison"]
    assert found.recommended in capsys.readouterr().out
    r2 = found.methods.set_index("method")["r2"]
    assert r2[found.recommended] > max(r2["IndependentRidge"], r2["PooledRidge"]) + 0.005
    assert found.data_summary["one_row_tasks"] == found.data_summary["untested_rows"] == 1


def test_there_are_two_set_up_commands():
    (commands,) = re.findall(r"```\n(.*?)```", README.read_text().split("```python")[0], flags=re.DOTALL)
    assert [line.split("#")[0].strip() for line in commands.splitlines()] == ["make demo", "make test"]
