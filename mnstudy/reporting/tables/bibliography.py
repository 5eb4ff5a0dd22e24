"""The studies behind the published evidence as BibTeX, and as citations on the page."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pandas as pd

NOTES = {
    "abstract_or_paper": "figures read from an abstract or table page",
    "secondary": "figures read from a news, register or regulator page",
}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: "\\" + c for c in "&%$#_"},
}
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_NAME = re.compile(r"[^\W\d_][^\W\d_'’-]*(?:['’ -][^\W\d_]+)*")


def bibtex(studies: pd.DataFrame) -> str:
    """Return one BibTeX entry a study, by key.

    Parameters
    ----------
    studies : DataFrame
        Rows of the table of studies, by ``study_id``, which is the key.

    Notes
    -----
    The tables hold a short label, no list of authors: the name in the label is given as it
    stands, and the note says that further authors are not recorded. A field that was not seen is
    left out. LaTeX specials are escaped; a DOI stands as it is, its braces as percent codes.
    """
    entries = [_entry(str(i), row) for i, row in studies.sort_index().to_dict("index").items()]
    return "\n".join(entries)


def _entry(key: str, row: Mapping[Any, Any]) -> str:
    seen = {name: "" if pd.isna(row[name]) else row[name] for name in row}
    author = author_of(key, str(seen["label"]))
    fields = {
        "author": f"{{{_escaped(author)}}}" if author else "",
        "title": f"{{{_escaped(str(seen['title']))}}}" if seen["title"] else "",
        "journal": _escaped(str(seen["journal"])),
        "year": year_of(seen["year"]),
        "doi": doi_of(seen["doi"]).replace("{", "%7B").replace("}", "%7D"),
        "note": _escaped(_note(seen, author)),
    }
    kind = "article" if seen["journal"] else "misc"
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])


def _note(seen: Mapping[Any, Any], author: str) -> str:
    said = [NOTES.get(str(seen["source"]), "")]
    said.append("further authors not recorded" if author else f"cited as: {seen['label']}")
    if seen["pmid"]:
        said.append(f"PMID {_whole(seen['pmid'])}")
    return "; ".join(x for x in said if x)


def author_of(key: str, label: str) -> str:
    """Return the author in a label; empty where the label names a study in other words.

    Examples
    --------
    >>> author_of("kaur2024", "Kaur 2024"), author_of("jpadprp", "PRP vs insulin, JPAD")
    ('Kaur', '')
    """
    if "authors not seen" in label or "report)" in label:
        return ""
    name = re.sub(r"\s*\([^)]*\)", "", label)
    name = re.sub(r"\s+(?:19|20)\d\d[a-z]?$", "", name).strip()
    people = [re.sub(r"^(?:von|van|de) ", "", p) for p in name.split(" and ")]
    known = all(_NAME.fullmatch(p) and all(w[0].isupper() for w in p.split()) for p in people)
    words = [_plain(w) for w in re.split(r"[ -]", people[0])]
    begins = ["".join(words), *(w for w in words if len(w) > 2), words[0]]
    return name if known and any(_plain(key).startswith(w) for w in begins) else ""


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.lower())
    return re.sub(r"[^a-z ]", "", letters)


def doi_of(value: object) -> str:
    """Return a DOI that can be one; empty where none was seen."""
    text = "" if pd.isna(value) else str(value).strip()
    return text if _DOI.fullmatch(text) else ""


def doi_link(doi: str) -> str:
    """Return the address of a DOI, safe inside an attribute."""
    return "https://doi.org/" + quote(doi, safe="/:;().-_")


def year_of(value: object) -> str:
    """Write a year; empty where it was not seen."""
    missing = pd.isna(value) or value == "" or (isinstance(value, float) and math.isnan(value))
    return "" if missing else f"{int(float(str(value)))}"


def _whole(value: object) -> str:
    text = str(value)
    return text.removesuffix(".0")


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in " ".join(text.split()))
