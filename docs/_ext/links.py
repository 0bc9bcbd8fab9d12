"""Check a built site: ``python docs/_ext/links.py build/docs`` fails on a broken link and on anything fetched."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links to, what it fetches, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag says."""
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        if tag == "a" and "href" in said:
            self.links.add(said["href"])
        if tag in FETCHED and FETCHED[tag] in said and said.get("rel") != "canonical":
            self.fetched.add(said[FETCHED[tag]])


def complaints(site: Path) -> list[str]:
    """One line for each link to a file or an anchor that is not there, and for each thing fetched from elsewhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.resolve().rglob("*.html"))}
    found = [] if pages else [f"{site}: no pages"]
    for path, page in pages.items():
        here = path.relative_to(site.resolve())
        found += [f"{here}: fetches {url}" for url in sorted(page.fetched) if urlsplit(url).netloc]
        for link in sorted(page.links | page.fetched):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{here}: no file {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{here}: no anchor {link}")
    return found


if __name__ == "__main__":
    broken = complaints(Path(sys.argv[1]))
    print(*broken or ["no broken link"], sep="\n")
    sys.exit(bool(broken))
