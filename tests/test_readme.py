"""The README's example runs as it is printed."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_python_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["std"].shape == names["ames"].y.shape
    assert names["comparison"].recommended in capsys.readouterr().out


def test_there_are_two_set_up_commands():
    (commands,) = re.findall(r"```\n(.*?)```", README.read_text().split("```python")[0], flags=re.DOTALL)
    assert [line.split("#")[0].strip() for line in commands.splitlines()] == ["make demo", "make test"]
