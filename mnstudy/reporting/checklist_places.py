"""The places of a report that a checklist can point to: only what this very report has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnstudy.reporting.bodies import Body
from mnstudy.reporting.page_checks import choices_anchor, other_choices, who_was_lost_anchor
from mnstudy.reporting.page_claims import answer_anchor
from mnstudy.reporting.page_cohorts import SECTIONS, has_section, section_id
from mnstudy.verdicts.findings import Finding
from mnstudy.verdicts.registry import GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Locator:
    """A place of the report: its name for people, and the id it has on the page."""

    name: str
    anchor: str


def with_estimate(body: Body) -> list[Finding]:
    """Return the findings of a body of data that have an estimate."""
    return [f for f in body.findings if f.estimate is not None]


def places(studies: Sequence[Body], bodies: Sequence[Body]) -> dict[str, list[Locator]]:
    """Return every place an item may name, with what this report has there.

    Of a cohort: data (design, plan, limits), table1, outcomes, harms, lost (patients at every
    step), primary (the answer to the first primary claim), choices (the first claim with other
    choices).
    Of the page: scorecard, methods, versions, trials, and the claims on safety and on modifiers.
    """
    many = len(studies) > 1
    own: dict[str, list[Locator]] = {}
    for name, place in _OF_A_COHORT.items():
        found = [(body, one) for body in studies for one in place(body)]
        own[name] = [_named(one, body, many=many) for body, one in found]
    groups = {f.claim.group for b in bodies for f in b.findings}
    page = {"scorecard": "scorecard", "methods": "methods", "versions": "versions and hashes"}
    if any(b.trials is not None for b in bodies):
        page["trials"] = "what the published trials show"
    page |= {key: GROUPS[key].lower() for key in ("safety", "modifiers") if key in groups}
    always = {key: [Locator(name=name, anchor=key)] for key, name in page.items()}
    empty: dict[str, list[Locator]] = {key: [] for key in ("trials", "safety", "modifiers")}
    return empty | own | always


def _named(place: Locator, body: Body, *, many: bool) -> Locator:
    heading = body.heading.rpartition(" (")[0] or body.heading
    return Locator(name=f"{place.name}, {heading}" if many else place.name, anchor=place.anchor)


def _section(key: str, name: str) -> Callable[[Body], list[Locator]]:
    def place(body: Body) -> list[Locator]:
        there = has_section(key, body)
        return [Locator(name=name, anchor=section_id(key, body))] if there else []

    return place


def _lost(body: Body) -> list[Locator]:
    anchor = who_was_lost_anchor(body)
    return [Locator(name="who was lost", anchor=anchor)] if anchor else []


def _primary(body: Body) -> list[Locator]:
    found = [f for f in with_estimate(body) if f.planned]
    if not found:
        return []
    name = f"primary claims ({len(found)}), the first: “{found[0].claim.title}”"
    return [Locator(name=name, anchor=answer_anchor(found[0].claim.id, body))]


def _choices(body: Body) -> list[Locator]:
    first = next((f for f in with_estimate(body) if other_choices(body, f)), None)
    if first is None:
        return []
    name = f"other choices, as under “{first.claim.title}”"
    return [Locator(name=name, anchor=choices_anchor(answer_anchor(first.claim.id, body)))]


_OF_A_COHORT: Mapping[str, Callable[[Body], list[Locator]]] = {
    "data": lambda body: [Locator(name="the data", anchor=f"data-{body.key}")],
    **{key: _section(key, title) for key, title, _ in SECTIONS},
    "lost": _lost,
    "primary": _primary,
    "choices": _choices,
}
