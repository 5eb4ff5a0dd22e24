"""The page of a report: one self-contained file that opens from disk, on a phone and in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnstudy import formatting as fmt
from mnstudy.reporting.page import sections
from mnstudy.reporting.page.certificate import CERTIFICATE, shipped_charts
from mnstudy.reporting.page.checklists import checklists
from mnstudy.reporting.page.claims import controls, grouped
from mnstudy.reporting.page.downloads import Download
from mnstudy.reporting.page.scorecard import HELP, claims_of
from mnstudy.reporting.page.sections import Pictures
from mnstudy.reporting.run.sources import HASH_OF_DATA, HASH_OF_PLAN, EvidenceSource
from mnstudy.verdicts.claims.registry import ARTICLES, OWN, Claim
from mnstudy.verdicts.finding.finding import VERDICTS

TITLE = "Microneedling of scars: what the articles claim, held against data"


def render(
    sources: Sequence[EvidenceSource],
    pictures: Pictures,
    *,
    versions: Mapping[str, str],
    register_sha256: str,
    notebooks: Sequence[str] = (),
    downloads: Sequence[Download] = (),
    internal: str = "",
) -> str:
    """Return the page.

    Parameters
    ----------
    sources : sequence of EvidenceSource
        The data and their findings, in the order of the columns.
    pictures : mapping
        Figures by the key of the body and the id of the claim; specification curves by
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
    str
        HTML; everything that came from data is escaped.
    """
    claims = claims_of([(b.heading, b.findings) for b in sources])
    groups = grouped(claims, sources, pictures)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=TITLE,
            lead=_lead(claims, sources),
            css=source_text("report.css"),
            script=source_text("report.js"),
            VERDICTS=VERDICTS,
            bodies=[_body(b) for b in sources],
            controls=controls(claims, sources, groups),
            trials=any(b.trials is not None for b in sources),
            charts=sections.overview(sources, pictures),
            cohorts=sections.cohort_sections(sources, pictures),
            trials_tables=sections.other_tables(sources),
            doubts=sections.doubts_section(sources),
            lost=[found for b in sources if (found := sections.patient_flow(b))],
            groups=groups,
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
            internal=internal,
            articles=list(ARTICLES.items()),
            checklists=checklists(sources),
            downloads=_by_group(downloads),
            files={one.path: one.formats for one in downloads},
            versions=list(versions.items()),
            register_sha256=register_sha256,
            notebooks=notebooks,
        )
    )


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


def _lead(claims: Sequence[Claim], sources: Sequence[EvidenceSource]) -> str:
    own = sum(c.group == OWN for c in claims)
    more = f", and {fmt.count(own, 'claim')} of the study itself" if own else ""
    return (
        f"Five articles say that microneedling of scars works, for whom, how much and how safely. "
        f"{fmt.count(len(claims) - own, 'statement')} of theirs{more}, each held against "
        f"{fmt.count(len(sources), 'body', 'bodies')} of data: the estimate with its interval, "
        "the verdict and the reason."
    )


def _body(source: EvidenceSource) -> dict[str, Any]:
    words = [f.verdict for f in source.findings]
    counts = [f"{words.count(v)} {v}" for v in VERDICTS if v in words]
    return {
        "key": source.key,
        "heading": source.heading,
        "synthetic": source.synthetic,
        "facts": [(n, value, n in (HASH_OF_DATA, HASH_OF_PLAN)) for n, value in source.facts],
        "limits": source.limits,
        "limit": source.limits[0] if source.limits else "",
        "banner": source.banner,
        "sha256": source.sha256,
        "summary": ", ".join(counts) or "no claim",
    }
