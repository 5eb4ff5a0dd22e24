"""The places of a report that a checklist can point to: only what this very report has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnstudy.reporting.page.claims import answer_anchor
from mnstudy.reporting.page.page_checks import choices_anchor, other_choices, patient_flow_anchor
from mnstudy.reporting.page.sections import SECTIONS, has_section, section_id
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.verdicts.claims.registry import GROUPS
from mnstudy.verdicts.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """A place of the report: its name for people, and the id it has on the page."""

    name: str
    anchor: str


def with_estimate(source: EvidenceSource) -> list[Finding]:
    """Return the findings of a body of data that have an estimate."""
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
    page = {"scorecard": "scorecard", "methods": "methods", "versions": "versions and hashes"}
    if any(b.trials is not None for b in sources):
        page["trials"] = "what the published trials show"
    page |= {key: GROUPS[key].lower() for key in ("safety", "modifiers") if key in groups}
    always = {key: [Locator(name=name, anchor=key)] for key, name in page.items()}
    empty: dict[str, list[Locator]] = {key: [] for key in ("trials", "safety", "modifiers")}
    return empty | own | always


def _named(place: Locator, source: EvidenceSource, *, many: bool) -> Locator:
    name = f"{place.name}, {source.name or source.heading}" if many else place.name
    return Locator(name=name, anchor=place.anchor)


def _section(key: str, name: str) -> Callable[[EvidenceSource], list[Locator]]:
    def place(source: EvidenceSource) -> list[Locator]:
        there = has_section(key, source)
        return [Locator(name=name, anchor=section_id(key, source))] if there else []

    return place


def _lost(source: EvidenceSource) -> list[Locator]:
    anchor = patient_flow_anchor(source)
    return [Locator(name="who was lost", anchor=anchor)] if anchor else []


def _primary(source: EvidenceSource) -> list[Locator]:
    found = [f for f in with_estimate(source) if f.planned]
    if not found:
        return []
    name = f"primary claims ({len(found)}), the first: “{found[0].claim.title}”"
    return [Locator(name=name, anchor=answer_anchor(found[0].claim.id, source))]


def _choices(source: EvidenceSource) -> list[Locator]:
    first = next((f for f in with_estimate(source) if other_choices(source, f)), None)
    if first is None:
        return []
    name = f"other choices, as under “{first.claim.title}”"
    return [Locator(name=name, anchor=choices_anchor(answer_anchor(first.claim.id, source)))]


_OF_A_COHORT: Mapping[str, Callable[[EvidenceSource], list[Locator]]] = {
    "data": lambda source: [Locator(name="the data", anchor=f"data-{source.key}")],
    **{key: _section(key, title) for key, title, _ in SECTIONS},
    "lost": _lost,
    "primary": _primary,
    "choices": _choices,
}
