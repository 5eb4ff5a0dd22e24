"""The outline of a page: tags that close in order, headings, ids, pictures and header cells."""

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "source", "br", "link"}


SHAPES = {"path", "rect", "use", "circle"}


class Outline(HTMLParser):
    """Check that tags close in order; collect headings, ids, pictures and header cells."""

    def __init__(self, text):
        super().__init__()
        self.open, self.levels, self.ids, self.images, self.heads = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "img":
            self.images.append(attrs)
        if tag == "th":
            self.heads.append(attrs)
        if tag not in VOID | SHAPES:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if "id" in dict(attrs):
            self.ids.append(dict(attrs)["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
