"""Reporting checklists: which apply to a study, and where this very report answers each item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from mnstudy.packaged import packaged
from mnstudy.reporting.page import sections
from mnstudy.reporting.page.claims import answer_address
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.evidence import doi_link
from mnstudy.verdicts.claims.registry import GROUPS
from mnstudy.verdicts.finding.finding import Finding

ANSWERED, PARTLY, OPEN = "in this report", "in part", "yours to write"
COLUMNS = ("checklist", "number", "topic", "answered", "where", "hint", "studies")
PAGE, SCORECARD = "index.html", "scorecard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """A checklist that applies to some of the studies of a report."""

    key: str
    name: str
    about: str
    doi: str
    link: str
    studies: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a checklist.

    Attributes
    ----------
    number, topic : str
        Its number in the checklist, and what it asks for in words of this project.
    where : tuple of Locator
        Where the report answers it; empty where it does not.
    hint : str
        What is left to write; empty where nothing is.
    answered : str
        ``in this report``, ``in part`` or ``yours to write``.
    """

    number: str
    topic: str
    where: tuple[Locator, ...]
    hint: str

    @property
    def answered(self) -> str:
        """How far the report answers the item."""
        if not self.where:
            return OPEN
        return PARTLY if self.hint else ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """A place of the report: its name for people, and its address from the first page."""

    name: str
    address: str


def checklists(sources: Sequence[EvidenceSource]) -> tuple[Checklist, ...]:
    """Return the checklists that apply to the cohorts of a report.

    Parameters
    ----------
    sources : sequence of EvidenceSource
        What the report stands on. Published evidence is no study of its own: SWiM alone is for it,
        the others point to it.

    Returns
    -------
    tuple of Checklist
        CONSORT 2025 where patients or sites were randomised, its extension within persons where
        sides were compared, STROBE where nothing was randomised, Harms where a claim of safety
        could be tested, SWiM where published studies were put together, SAMPL always. Items
        point only to what this very report has.

    Examples
    --------
    >>> [c.name for c in checklists([])]
    ['SAMPL']
    """
    found = []
    for raw in _raw():
        studies = [b for b in sources if _APPLIES[raw["for"]](b)]
        if studies or raw["for"] == "always":
            found.append(_checklist(raw, studies, sources))
    return tuple(found)


def checklist_frame(sources: Sequence[EvidenceSource]) -> pd.DataFrame:
    """Return one row an item of the checklists that apply.

    Returns
    -------
    DataFrame
        checklist, number, topic, answered (in this report, in part, yours to write), where (the
        addresses, parted by a blank), hint, studies (the cohorts it applies to).
    """
    rows = [
        (
            one.name, item.number, item.topic, item.answered,
            " ".join(PAGE * place.address.startswith("#") + place.address for place in item.where),
            item.hint, "; ".join(one.studies),
        )
        for one in checklists(sources)
        for item in one.items
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


@cache
def _raw() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = packaged("reporting/page/checklists.toml")["checklist"]
    return content


def _checklist(
    raw: Mapping[str, Any], studies: Sequence[EvidenceSource], sources: Sequence[EvidenceSource]
) -> Checklist:
    there = places(studies, sources)
    items = tuple(
        Item(
            number=item["number"],
            topic=item["topic"],
            where=tuple(place for name in item.get("at", ()) for place in there[name]),
            hint=item.get("hint", ""),
        )
        for item in raw["items"]
    )
    return Checklist(
        key=raw["key"],
        name=raw["name"],
        about=raw["about"],
        doi=raw["doi"],
        link=doi_link(raw["doi"]) if raw["doi"] else "",
        studies=tuple(b.heading for b in studies),
        items=items,
    )


def _is_study(source: EvidenceSource) -> bool:
    return bool(source.design)


def _has_harms(source: EvidenceSource) -> bool:
    return sections.has_section("harms", source) or any(
        f.claim.group == "safety" for f in with_estimate(source)
    )


_APPLIES: Mapping[str, Callable[[EvidenceSource], bool]] = {
    "randomised": lambda source: _is_study(source) and source.randomised,
    "split_body": lambda source: source.design == "split_body",
    "observational": lambda source: _is_study(source) and not source.randomised,
    "harms": lambda source: _is_study(source) and _has_harms(source),
    "published": lambda source: source.trials is not None,
    "always": _is_study,
}


def with_estimate(source: EvidenceSource) -> list[Finding]:
    """Return the findings of a source of data that have an estimate."""
    return [f for f in source.findings if f.estimate is not None]


def places(
    studies: Sequence[EvidenceSource], sources: Sequence[EvidenceSource]
) -> dict[str, list[Locator]]:
    """Return every place an item may name, with what this report has there.

    Of a cohort: data (design, plan, limits), table1, outcomes, harms, lost (patients at every
    step), primary (the answer to the first primary claim), choices (the first claim with other
    choices).
    Of the page: scorecard, methods, versions, trials, and the claims on safety and on modifiers.
    """
    many = len(studies) > 1
    own: dict[str, list[Locator]] = {}
    for name, place in _OF_A_COHORT.items():
        found = [(source, one) for source in studies for one in place(source)]
        own[name] = [_named(one, source, many=many) for source, one in found]
    groups = {f.claim.group for b in sources for f in b.findings}
    page = {SCORECARD: "scorecard", "methods": "methods", "versions": "versions and hashes"}
    if any(b.trials is not None for b in sources):
        page["trials"] = "the published trials as a whole"
    always = {key: [Locator(name=name, address=f"#{key}")] for key, name in page.items()}
    for key in ("safety", "modifiers"):
        if key in groups:
            always[key] = [Locator(name=GROUPS[key].lower(), address=f"#{SCORECARD}")]
    empty: dict[str, list[Locator]] = {key: [] for key in ("trials", "safety", "modifiers")}
    return empty | own | always


def _named(place: Locator, source: EvidenceSource, *, many: bool) -> Locator:
    name = f"{place.name}, {source.name or source.heading}" if many else place.name
    return Locator(name=name, address=place.address)


def _section(key: str, name: str) -> Callable[[EvidenceSource], list[Locator]]:
    def place(source: EvidenceSource) -> list[Locator]:
        there = sections.has_section(key, source)
        address = f"#{sections.section_id(key, source)}"
        return [Locator(name=name, address=address)] if there else []

    return place


def _lost(source: EvidenceSource) -> list[Locator]:
    anchor = sections.patient_flow_anchor(source)
    return [Locator(name="who was lost", address=f"#{anchor}")] if anchor else []


def _primary(source: EvidenceSource) -> list[Locator]:
    found = [f for f in with_estimate(source) if f.planned]
    if not found:
        return []
    name = f"primary claims ({len(found)}), the first: “{found[0].claim.title}”"
    return [Locator(name=name, address=answer_address(found[0].claim.id, source))]


def _choices(source: EvidenceSource) -> list[Locator]:
    first = next((f for f in with_estimate(source) if sections.other_choices(source, f)), None)
    if first is None:
        return []
    name = f"other choices, as under “{first.claim.title}”"
    address = sections.choices_anchor(answer_address(first.claim.id, source))
    return [Locator(name=name, address=address)]


_OF_A_COHORT: Mapping[str, Callable[[EvidenceSource], list[Locator]]] = {
    "data": lambda source: [Locator(name="the data", address=f"#data-{source.key}")],
    **{key: _section(key, title) for key, title in sections.SECTIONS.items()},
    "lost": _lost,
    "primary": _primary,
    "choices": _choices,
}
