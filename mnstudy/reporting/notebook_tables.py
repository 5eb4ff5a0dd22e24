"""What a notebook shows of claims, findings and flow: words to read, small counts withheld."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.attrition import attrition
from mnstudy.cohort.flow_counts import ALL
from mnstudy.cohort.missingness import missingness
from mnstudy.cohort.small_counts import FEW
from mnstudy.cohort.summary import table_one
from mnstudy.cohort.table import Cohort
from mnstudy.reporting.cells import cell
from mnstudy.reporting.figures import plot
from mnstudy.reporting.lost import attrition_table, guarded_attrition, guarded_dropouts
from mnstudy.reporting.lost import dropouts_table as compared
from mnstudy.reporting.sensitivity import groups, guarded, summary
from mnstudy.reporting.theme import Picture
from mnstudy.verdicts.disclosure import safe, safe_text
from mnstudy.verdicts.dropout import completers_and_dropouts
from mnstudy.verdicts.evaluate import claims as claims_of
from mnstudy.verdicts.findings import Finding, Findings
from mnstudy.verdicts.registry import claim as claim_of
from mnstudy.verdicts.robustness.specification import specification_curve

QUICK = ("margins", "adjustment", "cluster-robust", "ranks")
NOTHING_TESTED = "No claim asked here can be tested with these data; the verdict says why."
NOTHING_APPLIES = "None of these choices applies to what could be tested here."
NOTHING_MISSING = "Every cell of every column is filled."
NOT_COMPARED = "Too few were lost, or too few stayed, to compare them without pointing at a person."
DROPOUTS = {
    "name": "of the patients",
    "completers": "stayed",
    "dropouts": "lost",
    "difference": "difference (95 % interval)",
    "n": "patients",
}


class Sentence(str):
    """Words in the place of a table or a figure that the data do not give."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<p>{escape(self)}</p>"


class Words(pd.DataFrame):
    """A table of words: left-aligned, never cut, a repeated heading shown once."""

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            html = _spelled_out(self).to_html(index=False, border=0)
        for cell_kind in ("td", "th"):
            left = f'<{cell_kind} align="left" style="text-align: left">'
            html = html.replace(f"<{cell_kind}>", left)
        return html.replace('<tr style="text-align: right;">', "<tr>")

    def __repr__(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return _spelled_out(self).to_string(index=False)


def _spelled_out(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its index as columns of words."""
    plain = pd.DataFrame(table).reset_index().astype("str")
    names = [n for n in table.index.names if n is not None]
    outer = names if not table.index.is_unique else names[:-1]
    again = plain[outer].eq(plain[outer].shift()).cumprod(axis=1).astype(bool)
    plain[outer] = plain[outer].mask(again, "")
    return plain


def asked(claims: Iterable[str]) -> Words:
    """Return the question of each claim: who says it, what is estimated, what counts as enough.

    Examples
    --------
    >>> asked(["little-pain"])["margin"].tolist()
    ['3 points of 10']
    """
    found = [claim_of(name) for name in claims]
    rows = [[", ".join(c.articles), c.estimand, f"{fmt.given(c.margin)} {c.unit}"] for c in found]
    index = pd.Index([c.title for c in found], name="claim")
    return Words(rows, index=index, columns=["articles", "estimated", "margin"])


def answers(findings: Sequence[Finding]) -> Words:
    """Return what was found for each claim, in words; where nothing can be said, why."""
    cells = [(f, cell(f)) for f in findings]
    rows = [[c.numbers, c.size, c.verdict, c.reason] for _, c in cells]
    index = pd.Index([f.claim.title for f, _ in cells], name="claim")
    return Words(rows, index=index, columns=["estimate", "size", "verdict", "reason"])


def cautions(findings: Sequence[Finding]) -> Words | Sentence:
    """Return how each tested claim was answered, and every caution that goes with it."""
    rows = {
        f.claim.title: " · ".join([f.estimate.method, *_own_notes(f)])
        for f in map(safe, findings)
        if f.estimate is not None
    }
    if not rows:
        return Sentence(NOTHING_TESTED)
    return Words(pd.Series(rows, name="method and cautions").rename_axis("claim").to_frame())


def _own_notes(finding: Finding) -> list[str]:
    """Return the notes of a finding; that the data are invented is said above every table."""
    return [n for n in finding.notes if not (finding.synthetic and n.startswith("synthetic data"))]


def figure_or_reason(finding: Finding) -> Picture | Finding:
    """Draw a finding; of a claim that is not testable return the finding, which says why."""
    return safe(finding) if finding.estimate is None else plot(finding)


def curve_or_reason(cohort: Cohort, claim: str) -> Picture | Sentence:
    """Draw a claim under all combinations of choices; say why where it is not testable."""
    try:
        return plot(specification_curve(cohort, claim))
    except ValueError as untestable:
        return Sentence(safe_text(str(untestable)))


def other_choices(findings: Findings, checks: Sequence[str] = QUICK) -> Words | Sentence:
    """Say for each tested claim whether other defensible choices would change its verdict.

    Parameters
    ----------
    findings : Findings
    checks : sequence of str
        Some of those of ``Findings.sensitivity``.

    Returns
    -------
    DataFrame
        Indexed by title: verdict, and ``under other choices`` in words. Claims that are not
        testable have no row; a sentence where that leaves none.
    """
    rows = {
        f.claim.title: [f.verdict, _summed_up(f, checked)]
        for f, checked in _checked(findings, checks)
    }
    columns = ["verdict", "under other choices"]
    if not rows:
        return Sentence(NOTHING_TESTED)
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return Words(found.rename_axis("claim"))


def each_choice(findings: Findings, checks: Sequence[str]) -> Words | Sentence:
    """Return every other choice with the estimate and the verdict it gives, margins left out."""
    rows = [
        [f.claim.title, row["choice"], row["estimate"], row["n"], row["verdict"]]
        for f, checked in _checked(findings, checks)
        for group in groups(f, checked)
        for row in group["rows"]
    ]
    if not rows:
        tested = any(f.estimate is not None for f in findings)
        return Sentence(NOTHING_APPLIES if tested else NOTHING_TESTED)
    names = ["claim", "choice", "estimate", "patients", "verdict"]
    return Words(pd.DataFrame(rows, columns=names).set_index(["claim", "choice"]))


def _checked(findings: Findings, checks: Sequence[str]) -> list[tuple[Finding, pd.DataFrame]]:
    rows = findings.sensitivity(checks)
    tested = [f for f in findings if f.estimate is not None]
    return [(f, guarded(f, rows[rows["claim"] == f.claim.id])) for f in tested]


def _summed_up(finding: Finding, rows: pd.DataFrame) -> str:
    return " ".join(summary(finding, rows)) or "no other choice applies"


def table_one_to_read(cohort: Cohort, *, by: str = "treatment") -> Words:
    """Return Table 1 as it is printed: levels down, arms across."""
    table = table_one(cohort, by=by)
    rows = table.assign(arm=table["arm"].replace(ALL, "everybody"))
    rows["measure"] = rows["measure"].str.replace("_", " ")
    wide = rows.set_index(["unit", "measure", "level", "arm"])["shown"].unstack("arm", sort=False)
    return Words(wide.fillna("").rename_axis(columns=None))


def flow_to_read(cohort: Cohort) -> Words:
    """Return how many patients were left at every step: arms down, steps across."""
    table = guarded_attrition(attrition(cohort, exact=True), synthetic=cohort.synthetic)
    words = attrition_table(table)
    steps = [*words["before"], *(f"after {s}" for s in words["after"]), *words["rest"]]
    rows = {arm["name"]: [cell["n"] for cell in arm["cells"]] for arm in words["arms"]}
    short = [s.replace("last assessment unknown", "last not known") for s in steps]
    found = pd.DataFrame.from_dict(rows, orient="index", columns=short)
    return Words(found.rename_axis("patients"))


def lost_to_read(cohort: Cohort) -> Words | Sentence:
    """Return those who stayed beside those who were lost; a sentence where they are too few."""
    level = cohort.study.plan.confidence_level
    table = completers_and_dropouts(cohort, confidence_level=level)
    rows = compared(guarded_dropouts(table, synthetic=cohort.synthetic))
    if not rows:
        return Sentence(NOT_COMPARED)
    found = pd.DataFrame(rows, columns=list(DROPOUTS)).rename(columns=DROPOUTS)
    return Words(found.set_index(DROPOUTS["name"]))


def missing_to_read(cohort: Cohort) -> Words | Sentence:
    """Return the columns with empty cells, the emptiest first; a sentence where there is none."""
    table = missingness(cohort)
    found = table[table["share"].ne(0)].set_index("column")
    if not len(found):
        return Sentence(NOTHING_MISSING)
    sites = found["sites"].astype("object").where(found["sites"].notna(), FEW)
    shown = {"assessments without it": found["shown"], "sites never with it": sites}
    return Words(shown, index=found.index)


def claims_to_read(cohort: Cohort) -> Words:
    """Return how many claims the cohort can be asked, and what it lacks for the others."""
    table = claims_of(cohort)
    why = table["why_not"].map(safe_text).where(~table["testable"], "nothing: can be asked")
    titles = table["title"].groupby(why, sort=False)
    found = pd.DataFrame({"claims": titles.size(), "which": titles.agg("; ".join)})
    return Words(found.rename_axis("what is missing"))
