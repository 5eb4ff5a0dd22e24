"""The claims on the page: what was said, what would test it, what each body of data answers.

Also what their rows on the scorecard are sorted and filtered by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.reporting.figures.chart import Chart
from mnstudy.reporting.page import sections
from mnstudy.reporting.page.certificate import said_beside
from mnstudy.reporting.page.scorecard import ScorecardEntry, articles, scorecard_entry
from mnstudy.reporting.page.sections import Pictures
from mnstudy.reporting.run.sources import EvidenceSource
from mnstudy.reporting.words import alt_text, analysis_week, caption
from mnstudy.verdicts.claims.registry import ARTICLES, GROUPS, Claim
from mnstudy.verdicts.finding.finding import VERDICTS, Finding

# What a column of a body of data is sorted by: its name in the cells, the label and the name of the
# button, how its first press goes, and what comes first either way.
SORTS = (
    ("verdict", "verdict", "verdict in", "ascending", "supported first", "not testable first"),
    ("estimate", "estimate", "estimate in", "descending", "lowest first", "highest first"),
    ("beyond", "margin", "distance beyond the margin in", "descending", "nearest or short of it "
     "first", "farthest beyond it first"),
)  # fmt: skip


def grouped(
    claims: Sequence[Claim], sources: Sequence[EvidenceSource], pictures: Pictures
) -> list[dict[str, Any]]:
    """Return the claims by group, each with its row of the scorecard and its section."""
    groups = []
    for key, title in GROUPS.items():
        own = [_claim(c, sources, pictures) for c in claims if c.group == key]
        if own:
            groups.append({"key": key, "title": title, "claims": own})
    return groups


def _claim(claim: Claim, sources: Sequence[EvidenceSource], pictures: Pictures) -> dict[str, Any]:
    found = [(b, next((f for f in b.findings if f.claim.id == claim.id), None)) for b in sources]
    cells = [(b, scorecard_entry(f), f) for b, f in found]
    return {
        "id": claim.id,
        "title": claim.title,
        "articles": articles(claim),
        "letters": (*claim.articles, *claim.against),
        "said_by": claim.said_in[:1].upper() + claim.said_in[1:],
        "says": claim.says,
        "contrary": claim.contrary,
        "estimand": claim.estimand,
        "attributes": claim.attributes.attributes(),
        "rule": sections.RULES[claim.rule],
        "margin": f"{fmt.as_entered(claim.margin)} {claim.unit}",
        "margin_source": claim.margin_source,
        "cells": [
            {"shown": shown, "synthetic": b.synthetic, "sorts": sort_keys(shown, f)}
            for b, shown, f in cells
        ],
        "entries": [_entry(b, f, pictures) for b, f in found if f is not None],
    }


def _entry(source: EvidenceSource, finding: Finding, pictures: Pictures) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "heading": source.heading,
        "synthetic": source.synthetic,
        "tested": finding.estimate is not None,
        "reason": finding.reason,
        "notes": finding.notes if source.trials is None else sections.other_notes(finding),
        "trials": sections.trials_beside(source, finding, pictures),
        "picture": pictures.get((source.key, finding.claim.id)),
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
        "anchor": answer_anchor(finding.claim.id, source),
        "estimate": f"{fmt.interval(estimate)} {estimate.unit}, {estimate.level_words}",
        "estimand": finding.claim.estimand if finding.n_studies is None else "",
        "week": analysis_week(finding),
        "p": "" if math.isnan(estimate.p_value) else fmt.p_value(estimate.p_value),
        "verdict": finding.verdict,
        "lacking": ", ".join(finding.lacking),
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
    """Return the id of the section in which a body of data answers a claim."""
    return f"{claim_id}-{source.key}"


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


def controls(
    claims: Sequence[Claim], sources: Sequence[EvidenceSource], groups: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the claims can be filtered by: only what some of them have."""
    said = {letter for c in claims for letter in (*c.articles, *c.against)}
    words = {f.verdict for b in sources for f in b.findings}
    return {
        "articles": [(letter, f"{letter}: {name}") for letter, name in ARTICLES.items()
                     if letter in said],
        "verdicts": [(str(i), word) for i, word in enumerate(VERDICTS) if word in words],
        "bodies": [(str(i), source.heading) for i, source in enumerate(sources)],
        "groups": [(group["key"], group["title"]) for group in groups],
        "sorts": SORTS,
    }  # fmt: skip


def sort_keys(shown: ScorecardEntry, finding: Finding | None) -> dict[str, str]:
    """Return what a cell is sorted by; empty where there is nothing, which always comes last.

    ``beyond`` is the distance of the estimate from the margin, in distances between margin and no
    effect, positive where the claim would hold: it can be compared between claims, unlike the
    estimates themselves.
    """
    estimate = finding.estimate if finding is not None else None
    return {
        "verdict": str(VERDICTS.index(shown.verdict)) if shown.verdict in VERDICTS else "",
        "estimate": _number(estimate.value) if estimate is not None else "",
        "beyond": _number(shown.track.value) if shown.track is not None else "",
    }


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
