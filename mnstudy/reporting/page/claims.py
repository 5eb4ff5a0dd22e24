"""The claims of a report: their rows on the scorecard, the most known first, and a page for each.

A row says what each source of data found; the page of a claim has all there is about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.reporting.figures.chart import Chart
from mnstudy.reporting.page import sections
from mnstudy.reporting.page.certificate import said_beside
from mnstudy.reporting.page.downloads import Download
from mnstudy.reporting.page.scorecard import articles, known, scorecard_entry
from mnstudy.reporting.page.sections import Pictures
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.tables.evidence import CIRCLES, better_of_100
from mnstudy.reporting.words import alt_text, analysis_week, capital, caption, verdict_axis
from mnstudy.verdicts.claims.registry import ARTICLES, GROUPS, MATTER_MOST, Claim
from mnstudy.verdicts.evidence.directions import STATES
from mnstudy.verdicts.evidence.groups import CONDITIONS
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.words.units import short

# What the data were compared with, where no arms are named.
COMPARED = {
    "uncontrolled": "before and after, no comparison group",
    "observational": "between groups, not randomised",
    "randomised": "randomised",
    "within": "within the same patients",
    "rate": "one group",
}
Answers = list[tuple[EvidenceSource, Finding]]


def bands(
    claims: Sequence[Claim], sources: Sequence[EvidenceSource], first: str = ""
) -> list[dict[str, Any]]:
    """Return the rows of the scorecard in bands, in each those first of which most is known.

    The primary claims of a plan first, then the questions that patients ask most, then the others;
    above all of its band the claim ``first``, which the first lines are about.
    """
    rows = [_row(c, sources) for c in claims]
    rows.sort(key=lambda row: (row["id"] != first, row["known"]))
    planned = [row for row in rows if row["planned"]]
    asked = [row for row in rows if row["id"] in MATTER_MOST and not row["planned"]]
    rest = [row for row in rows if not (row["planned"] or row["id"] in MATTER_MOST)]
    named = (
        ("Primary claims of the plan", planned),
        ("What patients ask most", asked),
        ("All other claims" if planned or asked else "All claims", rest),
    )
    return [{"title": title, "rows": own} for title, own in named if own]


def answers_of(claim: Claim, sources: Sequence[EvidenceSource]) -> Answers:
    """Return what each source found of a claim, where it was asked."""
    return [(b, f) for b in sources for f in b.findings if f.claim.id == claim.id]


def _known(found: Answers) -> tuple[float, ...]:
    """Return what a row is ordered by: where nothing answers, by what there is at all."""
    words = [b.trials.states[f.claim.id].word for b, f in found if b.trials and _rated(b, f)]
    state = min((STATES.index(w) for w in words if w in STATES), default=len(STATES))
    return (*min(known(f) for _, f in found), state)


def _rated(source: EvidenceSource, finding: Finding) -> bool:
    return source.trials is not None and finding.claim.id in source.trials.states


def _row(claim: Claim, sources: Sequence[EvidenceSource]) -> dict[str, Any]:
    found = answers_of(claim, sources)
    lines = [
        line(b, f) for b, f in found if f.estimate is not None or b is found[0][0]
    ]  # an answer; of the first source also why there is none
    words = [f.verdict for _, f in found]
    return {
        "id": claim.id,
        "title": claim.title,
        "group": claim.group,
        "topic": GROUPS[claim.group],
        "articles": articles(claim),
        "letters": (*claim.articles, *claim.against),
        "says": claim.says,
        "estimand": claim.estimand,
        "planned": any(f.planned for _, f in found),
        "known": _known(found),
        "verdicts": [str(VERDICTS.index(w)) for w in dict.fromkeys(words)],
        "lines": lines,
    }


def line(source: EvidenceSource, finding: Finding) -> dict[str, Any]:
    """Return what one source found of a claim, as a line of the scorecard has it."""
    shown = scorecard_entry(finding)
    said: dict[str, Any] = {
        "source": source.name or source.heading,
        "synthetic": source.synthetic,
        "shown": shown,
        "about": finding.reason,
        "margin": "",
        "certainty": finding.certainty,
        "circles": CIRCLES.get(finding.certainty, ""),
        "size": finding.size,
    }
    if finding.estimate is None:
        if source.trials is not None and _rated(source, finding):
            said["about"] = source.trials.states[finding.claim.id].sentence
        return said
    unit = short(finding.estimate.unit)
    about = [better(finding), *outcome_words(source, finding), compared(source, finding)]
    return said | {
        "about": "; ".join(filter(None, about)),
        "margin": f"{verdict_axis(finding).margin_label} {unit}",
    }


def outcome_words(source: EvidenceSource, finding: Finding) -> list[str]:
    """Return the outcome in words, of pooled evidence also the condition."""
    groups = source.trials.groups.get(finding.claim.id) if source.trials is not None else None
    if not groups:
        return [finding.claim.attributes.variable]
    group = groups[0]
    return [group.endpoint_words, CONDITIONS.get(group.condition, group.condition)]


def better(finding: Finding) -> str:
    """Say a pooled difference in SD in plain words; empty for others."""
    first = next((p for p in finding.parts if p.kind == "study"), None)
    if first is None or finding.estimate is None:
        return ""
    return better_of_100(first.measure, finding.estimate)


def compared(source: EvidenceSource, finding: Finding) -> str:
    """Say what was compared with what: the arms by their names where there are two of them."""
    first = next((p for p in finding.parts if p.kind == "study"), None)
    own = [p for p in finding.parts if p.kind == "study" and first and p.group == first.group]
    arms = [p.label for p in finding.parts if p.kind == "arm"]
    others = {p.arms[1] for p in own if len(p.arms) > 1}
    if first is not None and len(others) == 1:
        arms = [own[0].arms[0] if len(own) == 1 else "needling", *others]
    usual = COMPARED.get(finding.comparison, "")
    if len(arms) != 2:
        return usual
    against = f"{arms[0]} against {arms[1]}"
    return f"{against}, {usual}" if finding.comparison == "randomised" else against


def claim_page(
    claim: Claim,
    sources: Sequence[EvidenceSource],
    pictures: Pictures,
    downloads: Sequence[Download],
) -> dict[str, Any]:
    """Return what the page of a claim shows: question, answers, figures, trials, files."""
    found = answers_of(claim, sources)
    return {
        "id": claim.id,
        "title": claim.title,
        "said_by": capital(claim.said_in),
        "says": claim.says,
        "contrary": claim.contrary,
        "attributes": claim.attributes.attributes(),
        "rule": sections.RULES[claim.rule],
        "margin": f"{fmt.as_entered(claim.margin)} {claim.unit}",
        "margin_source": claim.margin_source,
        "lines": [line(b, f) for b, f in found],
        "entries": [_entry(b, f, pictures) for b, f in found],
        "files": [one for one in downloads if claim.id in one.path.split("/")],
    }


def _entry(source: EvidenceSource, finding: Finding, pictures: Pictures) -> dict[str, Any]:
    picture = pictures.get((source.key, finding.claim.id))
    entry: dict[str, Any] = {
        "anchor": answer_anchor(finding.claim.id, source),
        "heading": source.heading,
        "synthetic": source.synthetic,
        "tested": finding.estimate is not None,
        "reason": finding.reason,
        "notes": finding.notes if source.trials is None else sections.other_notes(finding),
        "trials": sections.trials_beside(source, finding, pictures),
        "picture": picture,
        "alt": alt_text(finding),
        "caption": caption(finding),
        "charts": sections.drawn_charts(source, _own_charts(source, finding), pictures),
    }
    return entry | _answer(source, finding, pictures) if finding.estimate else entry


def _own_charts(source: EvidenceSource, finding: Finding) -> Sequence[Chart]:
    """Return the further figures of a cohort; those of the trials stand with their studies."""
    return () if source.trials is not None else source.charts.get(finding.claim.id, ())


def _answer(source: EvidenceSource, finding: Finding, pictures: Pictures) -> dict[str, Any]:
    estimate = finding.estimate
    assert estimate is not None
    plan = "primary claim of the plan" if finding.planned else "exploratory: not in the plan"
    return {
        "estimate": f"{fmt.interval(estimate)} {estimate.unit}, {estimate.level_words}",
        "estimand": finding.claim.estimand if finding.n_studies is None else "",
        "compared": "; ".join([*outcome_words(source, finding), compared(source, finding)]),
        "margin": f"{verdict_axis(finding).margin_label} {estimate.unit}",
        "week": analysis_week(finding),
        "p": "" if math.isnan(estimate.p_value) else fmt.p_value(estimate.p_value),
        "verdict": finding.verdict,
        "lacking": scorecard_entry(finding).lacking,
        "wording": sections.may_be_said(finding),
        "size": finding.size + (f"; {finding.n_missing:,} left out" if finding.n_missing else ""),
        "method": estimate.method,
        "wrong": "" if source.trials is not None else said_beside(finding, source.design),
        "plan": plan if finding.n_studies is None else "",
        "family": _family(finding),
        "checks": sections.other_choices(source, finding),
        "curve": sections.curve_figure(source, finding, pictures),
    }


def answer_anchor(claim_id: str, source: EvidenceSource) -> str:
    """Return the id of the section in which a source answers a claim."""
    return f"{claim_id}-{source.key}"


def answer_address(claim_id: str, source: EvidenceSource) -> str:
    """Return where a source answers a claim, from the first page."""
    return f"{page_of(claim_id)}#{answer_anchor(claim_id, source)}"


def page_of(claim_id: str) -> str:
    """Return the address of the page of a claim, from the first page."""
    return f"claims/{claim_id}.html"


def _family(finding: Finding) -> str:
    """Write the interval that holds for the whole family, and the p-value adjusted over it."""
    family = finding.simultaneous
    if family is None:
        return ""
    text = (
        f"{fmt.interval(family)} {family.unit}, {family.level_words} "
        f"(Bonferroni over {fmt.count(finding.family, 'claim')}): the verdict rests on it"
    )
    if math.isnan(finding.p_holm):
        return text
    return f"{text}; {fmt.p_value(finding.p_holm)} after Holm"


def controls(claims: Sequence[Claim], sources: Sequence[EvidenceSource]) -> dict[str, Any]:
    """Return what the claims can be filtered by: only what some of them have."""
    said = {letter for c in claims for letter in (*c.articles, *c.against)}
    words = {f.verdict for b in sources for f in b.findings}
    topics = {c.group for c in claims}
    return {
        "articles": [(letter, f"{letter}: {name}") for letter, name in ARTICLES.items()
                     if letter in said],
        "verdicts": [(str(i), word) for i, word in enumerate(VERDICTS) if word in words],
        "groups": [(key, title) for key, title in GROUPS.items() if key in topics],
    }  # fmt: skip
