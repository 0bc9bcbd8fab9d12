"""Every method has one page, and every page says the same things in the same order."""

import re
from pathlib import Path

import pytest

import kinfolk

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "methods").glob("*.md"))
HEADINGS = [
    "Model",
    "Example",
    "When it helps",
    "When it hurts",
    "Paper and equation",
    "What differs from the paper",
    "Measured",
    "Limits",
]
METHODS = [name for name in kinfolk.__all__ if hasattr(getattr(kinfolk, name), "predict")]


def opening(page):
    return page.read_text(encoding="utf-8").split("\n## ")[0]


def sections(page):
    """Title and text of each section, in order."""
    text = page.read_text(encoding="utf-8")
    return [tuple(part.split("\n", 1)) for part in text.split("\n## ")[1:]]


@pytest.mark.parametrize("method", METHODS)
def test_one_page_is_about_it(method):
    about = [page.name for page in PAGES if f"{{py:class}}`kinfolk.{method}`" in opening(page)]
    assert len(about) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
class TestPage:
    def test_is_about_a_method(self, page):
        assert set(re.findall(r"\{py:class\}`kinfolk\.(\w+)`", opening(page))) & set(METHODS)

    def test_headings_in_order(self, page):
        assert [title for title, _ in sections(page)] == HEADINGS
        assert all(text.strip() for _, text in sections(page))

    def test_model_is_a_formula(self, page):
        assert "$$" in dict(sections(page))["Model"]

    def test_example_runs(self, page):
        assert "\n>>> " in dict(sections(page))["Example"]

    def test_paper_has_its_year(self, page):
        assert re.search(r"\((19|20)\d\d\)", dict(sections(page))["Paper and equation"])

    def test_table_and_the_command_that_made_it(self, page):
        measured = dict(sections(page))["Measured"]
        assert "\n|---|" in measured
        assert re.search(r"`(python benchmarks/\w+\.py|kinfolk reproduce [\w-]+)", measured)

    def test_commands_exist(self, page):
        scripts = re.findall(r"benchmarks/(\w+\.py)", page.read_text(encoding="utf-8"))
        assert [script for script in scripts if not (DOCS.parent / "benchmarks" / script).is_file()] == []
