"""Check the built site: each of its own links leads somewhere, and no page asks the network.

``python tools/check_site.py build/docs`` prints what is wrong, one line each.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\s\"')]+)")  # by a style sheet
LOADED = {"script", "link", "img", "source", "iframe", "video", "audio", "object", "embed"}


class Page(HTMLParser):
    """The links of a page, what it loads, and the places that a link may point at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []  # tag and address
        self.places: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep addresses and ids."""
        for name, value in attrs:
            if name in ("href", "src", "data") and value:
                self.links.append((tag, value))
            elif name in ("id", "name") and value:
                self.places.add(value)


def wrong(site: Path) -> Iterator[str]:
    """Yield what is wrong with the pages of this folder."""
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    for path, page in pages.items():
        shown = path.relative_to(site).as_posix()
        for tag, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if tag in LOADED and parts.scheme != "data":
                    yield f"{shown}: <{tag}> asks the network for {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file():
                yield f"{shown}: {link} is not there"
            elif place and target in pages and place not in pages[target].places:
                yield f"{shown}: {link} has no such place"
    for path in sorted(site.rglob("*.css")):
        for link in FETCHED.findall(path.read_text("utf-8")):
            yield f"{path.relative_to(site).as_posix()}: asks the network for {link}"
    if not pages:
        yield f"{site}: no page"


def main() -> int:
    """Print what is wrong; 1 where anything is."""
    site = Path(sys.argv[1]).resolve()
    found = list(wrong(site))
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())
