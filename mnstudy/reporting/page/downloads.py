"""The files of a report: what each of them is, and where it lies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnstudy.reporting.run.sources import EvidenceSource

# Every file of a report, in the order in which the page lists them: a group, what its path is, and
# what it holds. {body} and {claim} stand for the headings and titles behind the keys in the path.
DECLARED = (
    ("Results", r"results\.csv", "every finding, full precision: one row a claim and source"),
    ("Results", r"parts\.csv", "every further number: groups, sessions, studies, pooled values"),
    ("Results", r"scorecard\.(svg|png|pdf)", "the scorecard as a picture"),
    ("Results", r"scorecard\.csv", "the scorecard as a table of words"),
    ("Results", r"sensitivity\.csv", "every finding under other choices"),
    ("Results", r"specifications\.csv", "the primary claims under every combination of choices"),
    ("Results", r"attrition\.csv", "patients and sites at every step, by arm"),
    ("Results", r"dropouts\.csv", "those who stayed beside those who were lost"),
    ("Published evidence", r"evidence\.csv", "every group of studies that may be pooled"),
    ("Published evidence", r"effects\.csv", "the effect of every study, as R's metafor reads it"),
    ("Published evidence", r"meta_analyses\.csv", "what published meta-analyses found"),
    ("Published evidence", r"robvis_rob2\.csv", "risk of bias, randomised (RoB 2), for robvis"),
    ("Published evidence", r"robvis_robins_i\.csv", "risk of bias, not randomised (ROBINS-I)"),
    ("Published evidence", r"directions\.csv", "which way each study points"),
    ("Published evidence", r"doubts\.csv", "printed numbers that do not agree"),
    ("Published evidence", r"references\.bib", "the studies for a reference manager"),
    ("Reporting", r"certificate\.csv", "how often simulated studies are wrong, by kind of study"),
    ("Reporting", r"checklist\.csv", "reporting checklists with the places of their answers"),
    ("Tables", r"tables/(?P<body>[^/]+)/(?P<rest>.+)\.\w+", "{rest}, {body}"),
    ("Notebooks", r"notebooks/(?P<rest>.+)\.ipynb", "{rest}, run on these data"),
    ("Figures", r"figures/simulated_studies/certificate\.\w+", "how often such studies are wrong"),
    ("Figures", r"figures/(?P<body>[^/]+)/specifications/(?P<claim>.+)\.\w+",
     "{claim}: every combination of choices, {body}"),
    ("Figures", r"figures/(?P<body>[^/]+)/(?P<kind>[^/]+)/(?P<claim>.+)\.\w+",
     "{claim}: {kind}, {body}"),
    ("Figures", r"figures/(?P<body>[^/]+)/(?P<claim>[^/]+)\.\w+", "{claim}, {body}"),
    ("Other files", r"(?P<rest>.+)", "{rest}"),
)  # fmt: skip
LATER = ("index.html", "manifest.json")  # written after this list
NARROW = ".column.svg"  # a figure as wide as a column of text
ORDER = ("html", "svg", "column.svg", "png", "pdf", "csv", "docx", "tex", "bib", "ipynb", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One thing to download, in one or several formats.

    Attributes
    ----------
    group : str
        Under which heading it stands.
    path : str
        Where its files lie, from the page, without the ending.
    formats : tuple of str
        The endings.
    what : str
        What it holds, in words.
    """

    group: str
    path: str
    formats: tuple[str, ...]
    what: str


MANIFEST = Download(
    group="Reporting",
    path="manifest",
    formats=("json",),
    what="SHA-256 of every file, versions and data",
)


def downloads(
    folder: Path, sources: Sequence[EvidenceSource], *, also: Sequence[str] = ()
) -> tuple[Download, ...]:
    """Return every file of a report but the page, once all but page and manifest are written.

    Parameters
    ----------
    folder : Path
        The folder of the report.
    sources : sequence of EvidenceSource
        What it stands on: their headings, and the titles of their claims and tables.
    also : sequence of str
        Files that are not yet written.

    Returns
    -------
    tuple of Download
        By group, in the order of ``DECLARED``, then by path; files that differ in their ending
        only are one. A file that nobody declared stands under other files by its name.
    """
    names = _names(sources)
    headings = {b.key: b.heading for b in sources}
    found: dict[tuple[int, str], list[str]] = {}
    for name in sorted({*_files(folder), *also}):
        stem, ending = _parted(name)
        found.setdefault((_place(name), stem), []).append(ending)
    listed = [MANIFEST]
    for (place, stem), endings in sorted(found.items()):
        group, pattern, words = DECLARED[place]
        formats = tuple(sorted(endings, key=_order))
        held = re.fullmatch(pattern, f"{stem}.{formats[0]}")
        what = _filled(words, held.groupdict() if held else {}, headings, names)
        listed.append(Download(group=group, path=stem, formats=formats, what=what))
    ranks = list(dict.fromkeys(group for group, _, _ in DECLARED))
    return tuple(sorted(listed, key=lambda one: ranks.index(one.group)))


def _parted(name: str) -> tuple[str, str]:
    """Return a file's path without its ending, and the ending; of a narrow figure both words."""
    for ending in (NARROW, Path(name).suffix):
        if ending and name.endswith(ending):
            return name.removesuffix(ending), ending.removeprefix(".")
    return name, ""


def _files(folder: Path) -> list[str]:
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return [name for name in names if name not in LATER]


def _place(name: str) -> int:
    return next(i for i, (_, pattern, _) in enumerate(DECLARED) if re.fullmatch(pattern, name))


def _filled(
    words: str, keys: Mapping[str, str], headings: Mapping[str, str], names: Mapping[str, str]
) -> str:
    """Put the names for people into the words; a key without a name stands in plain letters."""
    plain = {k: names.get(v, v.rpartition("/")[2].replace("-", " ").replace("_", " "))
             for k, v in keys.items()}  # fmt: skip
    if "body" in keys:
        plain["body"] = headings.get(keys["body"], keys["body"])
    return words.format(**plain)


def _names(sources: Sequence[EvidenceSource]) -> dict[str, str]:
    claims = {f.claim.id: f.claim.title for b in sources for f in b.findings}
    return claims | {t.file: t.title for b in sources for t in b.tables}


def _order(ending: str) -> tuple[int, str]:
    return (ORDER.index(ending) if ending in ORDER else len(ORDER), ending)
