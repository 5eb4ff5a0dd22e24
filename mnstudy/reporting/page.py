"""The page of a report: one self-contained file that opens from disk, on a phone and in print."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnstudy import formatting as fmt
from mnstudy.reporting.bodies import Body
from mnstudy.reporting.captions import alt_text, caption
from mnstudy.reporting.cells import cell
from mnstudy.reporting.disclosure import safe, shown_count, shown_size
from mnstudy.reporting.methods import MEANINGS, RULES, may_be_said, paragraphs, what_ran
from mnstudy.reporting.page_checks import curve_figure, other_choices, who_was_lost
from mnstudy.reporting.page_trials import claim_evidence, doubts_section, other_notes, overview
from mnstudy.reporting.scorecard import claims_of
from mnstudy.reporting.scorecard_layout import HELP, articles
from mnstudy.verdicts.findings import VERDICTS, Finding
from mnstudy.verdicts.registry import ARTICLES, GROUPS, OWN, Claim

TITLE = "Microneedling of scars: what the articles claim, held against data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure as the page holds it: wide, narrow, and its files."""

    wide: str
    narrow: str
    width: int
    height: int
    path: str
    files: tuple[str, ...]


Pictures = Mapping[tuple[str, str], Drawn]


def render(
    bodies: Sequence[Body],
    pictures: Pictures,
    *,
    versions: Mapping[str, str],
    register_sha256: str,
    notebooks: Sequence[str] = (),
) -> str:
    """Return the page.

    Parameters
    ----------
    bodies : sequence of Body
        The data and their findings, in the order of the columns.
    pictures : mapping
        Figures by the key of the body and the id of the claim; specification curves by
        ``curve_key`` of it.
    versions : mapping
        Name to version of what computed the numbers.
    register_sha256 : str
        Fingerprint of the register of claims.
    notebooks : sequence of str
        Addresses of the notebooks beside the page.

    Returns
    -------
    str
        HTML; everything that came from data is escaped.
    """
    claims = claims_of([(b.heading, b.findings) for b in bodies])
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=TITLE,
            lead=_lead(claims, bodies),
            css=_css(),
            VERDICTS=VERDICTS,
            bodies=[_body(b) for b in bodies],
            charts=overview(bodies, pictures),
            doubts=doubts_section(bodies),
            lost=[found for b in bodies if (found := who_was_lost(b))],
            groups=_groups(claims, bodies, pictures),
            meanings=MEANINGS,
            help=HELP,
            methods={"paragraphs": paragraphs(bodies), "ran": [what_ran(b) for b in bodies]},
            articles=list(ARTICLES.items()),
            versions=list(versions.items()),
            register_sha256=register_sha256,
            notebooks=notebooks,
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("mnstudy.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def _css() -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), "report.css")[0]


def _lead(claims: Sequence[Claim], bodies: Sequence[Body]) -> str:
    own = sum(c.group == OWN for c in claims)
    more = f", and {fmt.count(own, 'claim')} of the study itself" if own else ""
    return (
        f"Five articles say that microneedling of scars works, for whom, how much and how safely. "
        f"{fmt.count(len(claims) - own, 'statement')} of theirs{more}, each held against "
        f"{fmt.count(len(bodies), 'body', 'bodies')} of data: the estimate with its interval, "
        "the verdict and the reason."
    )


def _body(body: Body) -> dict[str, Any]:
    words = [f.verdict for f in body.findings]
    counts = [f"{words.count(v)} {v}" for v in VERDICTS if v in words]
    return {
        "key": body.key,
        "heading": body.heading,
        "synthetic": body.synthetic,
        "facts": body.facts,
        "limits": body.limits,
        "limit": body.limits[0] if body.limits else "",
        "banner": body.banner,
        "sha256": body.sha256,
        "summary": ", ".join(counts) or "no claim",
    }


def _groups(
    claims: Sequence[Claim], bodies: Sequence[Body], pictures: Pictures
) -> list[dict[str, Any]]:
    groups = []
    for key, title in GROUPS.items():
        own = [_claim(c, bodies, pictures) for c in claims if c.group == key]
        if own:
            groups.append({"key": key, "title": title, "claims": own})
    return groups


def _claim(claim: Claim, bodies: Sequence[Body], pictures: Pictures) -> dict[str, Any]:
    found = [(b, next((f for f in b.findings if f.claim.id == claim.id), None)) for b in bodies]
    entries = [_entry(b, safe(f), pictures) for b, f in found if f is not None]
    return {
        "id": claim.id,
        "title": claim.title,
        "articles": articles(claim),
        "said_by": claim.said_in[:1].upper() + claim.said_in[1:],
        "says": claim.says,
        "contrary": claim.contrary,
        "estimand": claim.estimand,
        "rule": RULES[claim.rule],
        "margin": f"{fmt.given(claim.margin)} {claim.unit}",
        "margin_source": claim.margin_source,
        "cells": [{"shown": cell(f), "synthetic": b.synthetic} for b, f in found],
        "entries": entries,
    }


def _entry(body: Body, finding: Finding, pictures: Pictures) -> dict[str, Any]:
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
    }
    return entry | _answer(body, finding, pictures) if finding.estimate else entry


def _answer(body: Body, finding: Finding, pictures: Pictures) -> dict[str, Any]:
    estimate = finding.estimate
    assert estimate is not None
    level = fmt.level(estimate.confidence_level)
    missing = shown_count(finding, finding.n_missing)
    plan = "primary claim of the plan" if finding.planned else "post hoc: not in the plan"
    return {
        "anchor": f"{finding.claim.id}-{body.key}",
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
