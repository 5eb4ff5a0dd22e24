"""The pages of a report that was written: the first one, and one for each claim."""


def pages(folder):
    """Return the text of every page by its address."""
    found = [folder / "index.html", *sorted(folder.glob("claims/*.html"))]
    return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in found}


def everything(folder):
    """Return the text of all pages together."""
    return "\n".join(pages(folder).values())
