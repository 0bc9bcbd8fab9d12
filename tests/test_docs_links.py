"""The check of the documentation's links finds what is broken, and nothing else."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "_ext"))
links = pytest.importorskip("links")

OTHER = '<h2 id="there">There</h2>'


def site(tmp_path, body):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "other.html").write_text(OTHER)
    (tmp_path / "index.html").write_text(body)
    return links.complaints(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="a%20b/other.html#there">x</a>',
        '<p id="here"></p><a href="#here">x</a>',
        '<a href="https://example.org/nowhere">x</a> <a href="mailto:a@b">x</a>',
    ],
)
def test_links_that_lead_somewhere(tmp_path, body):
    assert site(tmp_path, body) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="other.html">x</a>', "index.html: no file other.html"),
        ('<a href="a%20b/other.html#not">x</a>', "index.html: no anchor a%20b/other.html#not"),
        ('<a href="#not">x</a>', "index.html: no anchor #not"),
        ('<img src="plot.png">', "index.html: no file plot.png"),
        ('<script src="https://example.org/x.js"></script>', "index.html: fetches https://example.org/x.js"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "index.html: fetches //example.org/x.css"),
    ],
)
def test_what_is_broken_or_fetched(tmp_path, body, said):
    assert site(tmp_path, body) == [said]


def test_an_empty_site_is_no_success(tmp_path):
    assert links.complaints(tmp_path) == [f"{tmp_path}: no pages"]


def test_every_page_is_in_the_index():
    root = Path(__file__).parents[1]
    index = (root / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {
        path.relative_to(root / "docs").with_suffix("").as_posix()
        for folder in ("", "methods")
        for path in (root / "docs" / folder).glob("*.md")
    } - {"index"}
    assert {page for page in pages if f"\n{page}\n" not in index} == set()
