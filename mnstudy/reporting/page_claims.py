"""What the page says of one claim: what was said, what would test it, what each body answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mnstudy import formatting as fmt
from mnstudy.reporting.bodies import Body
from mnstudy.reporting.captions import alt_text, caption
from mnstudy.reporting.cells import cell
from mnstudy.reporting.charts import Chart
from mnstudy.reporting.methods import RULES, may_be_said
from mnstudy.reporting.page_checks import curve_figure, other_choices
from mnstudy.reporting.page_figures import drawn_charts
from mnstudy.reporting.page_scorecard import sort_keys
from mnstudy.reporting.page_trials import claim_evidence, other_notes
from mnstudy.reporting.scorecard_layout import articles
from mnstudy.verdicts.disclosure import safe, shown_count, shown_size
from mnstudy.verdicts.findings import Finding
from mnstudy.verdicts.registry import GROUPS, Claim

Drawings = Mapping[tuple[str, str], Any]


def grouped(
    claims: Sequence[Claim], bodies: Sequence[Body], pictures: Drawings
) -> list[dict[str, Any]]:
    """Return the claims by group, each with its row of the scorecard and its section."""
    groups = []
    for key, title in GROUPS.items():
        own = [_claim(c, bodies, pictures) for c in claims if c.group == key]
        if own:
            groups.append({"key": key, "title": title, "claims": own})
    return groups


def _claim(claim: Claim, bodies: Sequence[Body], pictures: Drawings) -> dict[str, Any]:
    found = [(b, next((f for f in b.findings if f.claim.id == claim.id), None)) for b in bodies]
    cells = [(b, cell(f), f) for b, f in found]
    return {
        "id": claim.id,
        "title": claim.title,
        "articles": articles(claim),
        "letters": (*claim.articles, *claim.against),
        "said_by": claim.said_in[:1].upper() + claim.said_in[1:],
        "says": claim.says,
        "contrary": claim.contrary,
        "estimand": claim.estimand,
        "rule": RULES[claim.rule],
        "margin": f"{fmt.given(claim.margin)} {claim.unit}",
        "margin_source": claim.margin_source,
        "cells": [
            {"shown": shown, "synthetic": b.synthetic, "sorts": sort_keys(shown, f)}
            for b, shown, f in cells
        ],
        "entries": [_entry(b, safe(f), pictures) for b, f in found if f is not None],
    }


def _entry(body: Body, finding: Finding, pictures: Drawings) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "heading": body.heading,
        "synthetic": body.synthetic,
        "tested": finding.estimate is not None,
        "reason": finding.reason,
        "notes": finding.notes if body.trials is None else other_notes(finding),
        "trials": claim_evidence(body, finding, pictures),
        "picture": pictures.get((body.key, finding.claim.id)),
        "alt": alt_text(finding),
        "caption": caption(finding),
        "charts": drawn_charts(body, _own_charts(body, finding), pictures),
    }
    return entry | _answer(body, finding, pictures) if finding.estimate else entry


def _own_charts(body: Body, finding: Finding) -> Sequence[Chart]:
    """Return the further figures of a cohort; those of the trials stand with their studies."""
    return () if body.trials is not None else body.charts.get(finding.claim.id, ())


def _answer(body: Body, finding: Finding, pictures: Drawings) -> dict[str, Any]:
    estimate = finding.estimate
    assert estimate is not None
    level = fmt.level(estimate.confidence_level)
    missing = shown_count(finding, finding.n_missing)
    plan = "primary claim of the plan" if finding.planned else "post hoc: not in the plan"
    return {
        "anchor": answer_anchor(finding.claim.id, body),
        "estimate": f"{fmt.interval(estimate)} {estimate.unit}, {level} interval",
        "p": "" if math.isnan(estimate.p_value) else fmt.p_value(estimate.p_value),
        "verdict": finding.verdict,
        "wording": may_be_said(finding),
        "size": shown_size(finding) + (f"; {missing} left out" if finding.n_missing else ""),
        "method": estimate.method,
        "plan": plan if finding.n_studies is None else "",
        "family": _family(finding),
        "checks": other_choices(body, finding),
        "curve": curve_figure(body, finding, pictures),
    }


def answer_anchor(claim_id: str, body: Body) -> str:
    """Return the id of the section in which a body of data answers a claim."""
    return f"{claim_id}-{body.key}"


def _family(finding: Finding) -> str:
    """Write the interval that holds for the whole family, and the p-value adjusted over it."""
    wide = finding.simultaneous
    if wide is None:
        return ""
    text = (
        f"{fmt.interval(wide)} {wide.unit}, {fmt.level(wide.confidence_level)} interval "
        f"(Bonferroni over {fmt.count(finding.family, 'claim')}): the verdict rests on it"
    )
    if math.isnan(finding.p_holm):
        return text
    return f"{text}; {fmt.p_value(finding.p_holm)} after Holm"
