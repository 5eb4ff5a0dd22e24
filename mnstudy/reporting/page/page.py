"""The pages of a report: the answer first, then a page for each claim; they open from disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnstudy import formatting as fmt
from mnstudy.packaged import packaged
from mnstudy.reporting.page import sections
from mnstudy.reporting.page.certificate import CERTIFICATE, shipped_charts
from mnstudy.reporting.page.checklists import checklists
from mnstudy.reporting.page.claims import (
    bands,
    better,
    claim_page,
    compared,
    controls,
    outcome_words,
    page_of,
)
from mnstudy.reporting.page.downloads import Download
from mnstudy.reporting.page.scorecard import HELP, claims_of
from mnstudy.reporting.page.sections import Pictures
from mnstudy.reporting.run.sources import HASH_OF_DATA, HASH_OF_PLAN, EvidenceSource
from mnstudy.reporting.tables.evidence import SAID
from mnstudy.reporting.words import capital
from mnstudy.verdicts.claims.registry import ARTICLES, MATTER_MOST, OWN, Claim
from mnstudy.verdicts.evidence.certainty import settings
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.words.notes import Count, Note, note, sentences
from mnstudy.words.units import short

TITLE = "Does microneedling do what the articles say?"
SUMMARY = "tables/published_trials/summary_of_findings"  # without the ending
ANSWERS = {
    "supported": "headline_supported",
    "inconclusive": "headline_inconclusive",
    "too small to matter": "headline_too_small",
    "contradicted": "headline_contradicted",
}
SHORT = "In short"


def pages(
    sources: Sequence[EvidenceSource],
    pictures: Pictures,
    *,
    versions: Mapping[str, str],
    register_sha256: str,
    notebooks: Sequence[str] = (),
    downloads: Sequence[Download] = (),
    internal: str = "",
) -> dict[str, str]:
    """Return the pages by their address: ``index.html`` and ``claims/<id>.html``.

    Parameters
    ----------
    sources : sequence of EvidenceSource
        The data and their findings; the first is what the report is about.
    pictures : mapping
        Figures by the key of the source and the id of the claim; specification curves by
        ``curve_key`` of it; charts by their own key.
    versions : mapping
        Name to version of what computed the numbers.
    register_sha256 : str
        Fingerprint of the register of claims.
    notebooks : sequence of str
        Addresses of the notebooks beside the page.
    downloads : sequence of Download
        Every file beside the page, see ``mnstudy.reporting.page.downloads``.
    internal : str
        What heads a report that must not leave, see ``mnstudy.reporting.words.banner``.

    Returns
    -------
    dict of str to str
        HTML; everything that came from data is escaped.
    """
    claims = claims_of([(b.heading, b.findings) for b in sources])
    leading = leading_finding(sources[0])
    shown = bands(claims, sources, first=leading.claim.id if leading else "")
    order = [row["id"] for band in shown for row in band["rows"]]
    by_id = {c.id: c for c in claims}
    title = sources[0].title or TITLE
    always: dict[str, Any] = {
        "title": title,
        "css": source_text("report.css"),
        "internal": internal,
        "VERDICTS": VERDICTS,
        "GLOSSARY": packaged("words/glossary.toml"),
    }
    index = (
        environment()
        .get_template("page.html.j2")
        .render(
            always,
            root="",
            SHORT=SHORT,
            headline=headline(claims, sources),
            script=source_text("report.js"),
            bodies=[_body(b) for b in sources],
            controls=controls(claims, sources),
            bands=shown,
            sheet=next((one for one in downloads if one.path == SUMMARY), None),
            trials=any(b.trials is not None for b in sources),
            charts=sections.overview(sources, pictures),
            cohorts=sections.cohort_sections(sources, pictures),
            trials_tables=sections.other_tables(sources),
            doubts=sections.doubts_section(sources),
            lost=[found for b in sources if (found := sections.patient_flow(b))],
            help=HELP,
            methods=sections.methods(sources),
            certificate=[
                {
                    "picture": drawn,
                    "alt": drawn.alt,
                    "caption": drawn.caption,
                    "summary": chart.summary,
                }
                for chart in shipped_charts()
                if (drawn := pictures.get((CERTIFICATE, chart.key))) is not None
            ],
            articles=list(ARTICLES.items()),
            checklists=checklists(sources),
            downloads=_by_group(downloads),
            files={one.path: one.formats for one in downloads},
            versions=list(versions.items()),
            register_sha256=register_sha256,
            notebooks=notebooks,
        )
    )
    made = {"index.html": index}
    template = environment().get_template("claim.html.j2")
    for before, claim_id, after in zip([None, *order], order, [*order[1:], None], strict=False):
        made[page_of(claim_id)] = template.render(
            always,
            root="../",
            claim=claim_page(by_id[claim_id], sources, pictures, downloads),
            before=by_id.get(before or ""),
            after=by_id.get(after or ""),
        )
    return made


@cache
def environment() -> Environment:
    """Return what fills the templates in."""
    return Environment(
        loader=PackageLoader("mnstudy.reporting.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def source_text(name: str) -> str:
    """Return a template, style or script as it stands."""
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0]


def _by_group(downloads: Sequence[Download]) -> list[tuple[str, list[Download]]]:
    names = dict.fromkeys(one.group for one in downloads)
    return [(name, [one for one in downloads if one.group == name]) for name in names]


def headline(claims: Sequence[Claim], sources: Sequence[EvidenceSource]) -> list[tuple[str, str]]:
    """Return what was asked, what the data say of it and how sure that is: a sentence or two each.

    They are about one finding of the first source: of the first primary claim of its plan, else
    of what patients ask most.
    """
    first = sources[0]
    found = leading_finding(first)
    if found is None:
        return []
    rest = Count(n=len(claims) - 1, noun="more claim")
    kind = "headline_asked_own" if any(c.group == OWN for c in claims) else "headline_asked"
    lines: dict[str, list[Note]] = {
        "Asked": [note(kind, says=found.claim.says, others=rest)] if rest.n else [],
        SHORT: [_found(found)],
    }
    if found.estimate is not None:
        lines["Compared"] = [
            note("headline_compared", compared=compared(first, found), size=found.size)
        ]
        lines["Result"] = [_result(first, found)]
        lines["How sure"] = [_sure(first, found)]
    lines["Beside it"] = list(_beside(found, sources))
    lines["All claims"] = [_all_claims(first)] if rest.n else []
    return [
        (name, " ".join(map(capital, sentences(notes)))) for name, notes in lines.items() if notes
    ]


def leading_finding(source: EvidenceSource) -> Finding | None:
    """Return the finding that the first lines are about."""
    ranks = {claim_id: i for i, claim_id in enumerate(MATTER_MOST)}
    return min(
        source.findings,
        key=lambda f: (f.estimate is None, not f.planned, ranks.get(f.claim.id, len(ranks))),
        default=None,
    )


def _found(finding: Finding) -> Note:
    says = finding.claim.says
    if finding.estimate is None:
        return note("headline_not_testable", says=says, reason=finding.reason)
    if finding.verdict == "partly supported":
        return note("headline_partly_supported", says=says, lacking=finding.lacking)
    return note(ANSWERS[finding.verdict], says=says)


def _result(source: EvidenceSource, finding: Finding) -> Note:
    estimate = finding.estimate
    assert estimate is not None
    unit = short(estimate.unit)
    return note(
        "headline_result",
        about=tuple(outcome_words(source, finding)),
        numbers=(f"{fmt.interval(estimate)} {unit}", *filter(None, [better(finding)])),
        level=estimate.level_words,
        line=SAID["line"][finding.rule],
        margin=f"{fmt.as_entered(finding.margin)} {unit}",
    )


def _sure(source: EvidenceSource, finding: Finding) -> Note:
    if not finding.certainty:
        return note("headline_cohort", design=source.banner, reason=finding.reason)
    steps = {d.name: d.steps for d in finding.domains}
    words = settings()["domains"].items()
    lowered = tuple(text for name, text in words if steps.get(name.replace("_", " "), 0) < 0)
    return note("headline_certainty", certainty=finding.certainty, lowered=lowered)


def _beside(finding: Finding, sources: Sequence[EvidenceSource]) -> Iterator[Note]:
    """Give what else there is: studies without a comparison group, and the other sources."""
    trials = sources[0].trials
    if trials is not None and finding.comparison in ("randomised", "observational"):
        share = trials.directions[finding.claim.id].share("uncontrolled")
        n = share.k + share.no_difference + share.mixed
        studies = Count(n=n, noun="study", plural="studies")
        if n:
            yield note("headline_before_after", n=share.favouring, studies=studies)
    for source in sources[1:]:
        found = next((f for f in source.findings if f.claim.id == finding.claim.id), None)
        if found is not None and found.estimate is not None:
            yield note(
                "headline_beside",
                source=source.name or source.heading,
                compared=compared(source, found),
                about=tuple(outcome_words(source, found)),
                numbers=f"{fmt.interval(found.estimate)} {short(found.estimate.unit)}",
                verdict=found.in_full,
            )


def _all_claims(source: EvidenceSource) -> Note:
    words = Counter(f.verdict for f in source.findings)
    return note(
        "headline_all",
        claims=Count(n=len(source.findings), noun="claim"),
        counted=tuple(f"{words[w]} {w}" for w in VERDICTS if words[w]),
    )


def _body(source: EvidenceSource) -> dict[str, Any]:
    return {
        "key": source.key,
        "heading": source.heading,
        "name": source.name or source.heading,
        "synthetic": source.synthetic,
        "facts": [(n, value, n in (HASH_OF_DATA, HASH_OF_PLAN)) for n, value in source.facts],
        "limits": source.limits,
        "banner": source.banner,
    }
