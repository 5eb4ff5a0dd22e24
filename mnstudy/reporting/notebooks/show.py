"""What a notebook shows of claims, findings and flow: tables, figures, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.describe.flow import ALL, flow
from mnstudy.cohort.describe.table_one import missingness, table_one
from mnstudy.cohort.table import Cohort
from mnstudy.cohort.table import about as about
from mnstudy.reporting.figures.plot import charts_of, harms_chart
from mnstudy.reporting.figures.plot import plot as draw
from mnstudy.reporting.figures.style import Picture
from mnstudy.reporting.page.scorecard import scorecard_entry
from mnstudy.reporting.tables.baseline import dropouts_table, flow_table
from mnstudy.reporting.tables.sensitivity import groups, summary
from mnstudy.reporting.words import analysis_week
from mnstudy.stats.mixed.model import random_intercept
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.dropouts import completers_and_dropouts
from mnstudy.verdicts.analyses.question import Choices, Layout
from mnstudy.verdicts.claims.registry import claim
from mnstudy.verdicts.displays.rows import question_of
from mnstudy.verdicts.evaluate import evaluate
from mnstudy.verdicts.finding.finding import Finding
from mnstudy.verdicts.findings import Findings
from mnstudy.verdicts.robustness.specification import specification_curve
from mnstudy.words.notes import sentences

QUICK = ("margins", "adjustment", "model", "ranks")
NOTHING_TESTED = "No claim asked here can be tested with these data; the verdict says why."
NOTHING_APPLIES = "None of these choices applies to what could be tested here."
NOTHING_MISSING = "Every cell of every column is filled."
NOT_COMPARED = "Too few were lost, or too few stayed, to compare them."
DROPOUTS = {
    "name": "of the patients",
    "completers": "stayed",
    "dropouts": "lost",
    "difference": "difference (95 % interval)",
    "n": "patients",
}

KINDS = {
    "points": "the points behind the estimate",
    "pairs": "both arms of each patient",
    "course": "the course of single patients",
    "grades": "how grades moved",
    "dose": "the dose curve",
    "responders": "who responded at every threshold",
    "waiting": "the time to a response",
    "residuals": "what the model leaves over",
}
NO_MIXED_MODEL = "This claim has no mixed model here: there is nothing to fit."
NO_HARMS = "These data record no harm as yes or no."


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


def claims_table(claims: Iterable[str]) -> Words:
    """Return the question of each claim: who says it, what is estimated, what counts as enough.

    Examples
    --------
    >>> claims_table(["little-pain"])["margin"].tolist()
    ['3 points of 10']
    """
    found = [claim(name) for name in claims]
    rows = [
        [", ".join(c.articles), c.estimand, f"{fmt.as_entered(c.margin)} {c.unit}"] for c in found
    ]
    index = pd.Index([c.title for c in found], name="claim")
    return Words(rows, index=index, columns=["articles", "estimated", "margin"])


def results_table(findings: Sequence[Finding]) -> Words:
    """Return what was found for each claim, in words; where nothing can be said, why."""
    cells = [(f, scorecard_entry(f)) for f in findings]
    rows = [
        [f.claim.estimand, analysis_week(f), c.numbers, c.size, c.in_full, c.reason]
        for f, c in cells
    ]
    index = pd.Index([f.claim.title for f, _ in cells], name="claim")
    columns = ["estimated", "week", "estimate", "size", "verdict", "reason"]
    return Words(rows, index=index, columns=columns)


def cautions(findings: Sequence[Finding]) -> Words | Sentence:
    """Return how each tested claim was answered, and every caution that goes with it."""
    rows = {
        f.claim.title: " · ".join([f.estimate.method, *_own_notes(f)])
        for f in findings
        if f.estimate is not None
    }
    if not rows:
        return Sentence(NOTHING_TESTED)
    return Words(pd.Series(rows, name="method and cautions").rename_axis("claim").to_frame())


def _own_notes(finding: Finding) -> tuple[str, ...]:
    """Return the notes of a finding; that the data are invented is said above every table."""
    return sentences(n for n in finding.remarks if n.kind != "synthetic")


def plot(finding: Finding) -> Picture | Finding:
    """Draw a finding; of a claim that is not testable return the finding, which says why."""
    return finding if finding.estimate is None else draw(finding)


def curve_or_reason(cohort: Cohort, claim: str) -> Picture | Sentence:
    """Draw a claim under all combinations of choices; say why where it is not testable."""
    try:
        return draw(specification_curve(cohort, claim))
    except ValueError as untestable:
        (why,) = untestable.args
        return Sentence(why)


def sensitivity_table(findings: Findings, checks: Sequence[str] = QUICK) -> Words | Sentence:
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
        f.claim.title: [f.in_full, _summed_up(f, checked)]
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
    rows = findings.checked(checks)
    tested = [f for f in findings if f.estimate is not None]
    return [(f, rows[rows["claim"] == f.claim.id]) for f in tested]


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
    words = flow_table(flow(cohort))
    steps = [*words["before"], *(f"after {s}" for s in words["after"]), *words["rest"]]
    rows = {arm["name"]: [cell["n"] for cell in arm["cells"]] for arm in words["arms"]}
    found = pd.DataFrame.from_dict(rows, orient="index", columns=steps)
    return Words(found.rename_axis("patients"))


def lost_to_read(cohort: Cohort) -> Words | Sentence:
    """Return those who stayed beside those who were lost; a sentence where they are too few."""
    level = cohort.study.plan.confidence_level
    rows = dropouts_table(completers_and_dropouts(cohort, confidence_level=level))
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
    shown = {"assessments without it": found["shown"], "sites never with it": found["sites"]}
    return Words(shown, index=found.index)


def claims_to_read(cohort: Cohort) -> Words:
    """Return how many claims the cohort can be asked, and what it lacks for the others."""
    findings = evaluate(cohort)
    why = [f.reason if f.verdict == "not testable" else "nothing: can be asked" for f in findings]
    titles = pd.Series([f.claim.title for f in findings]).groupby(why, sort=False)
    found = pd.DataFrame({"claims": titles.size(), "which": titles.agg("; ".join)})
    return Words(found.rename_axis("what is missing"))


def chart(cohort: Cohort, finding: Finding, *kinds: str) -> Picture | Sentence:
    """Draw the first of these kinds that fits the claim and the data; a sentence where none does.

    Examples
    --------
    >>> import mnstudy as mn
    >>> trial = mn.load("demo_split_face")
    >>> finding = mn.evaluate(trial, "topical-adjunct")[0]
    >>> chart(trial, finding, "dose")
    These data have nothing to draw for: the dose curve.
    """
    found = {one.key: one for one in charts_of(cohort, finding)}
    for kind in kinds:
        key = f"{kind}/{finding.claim.id}"
        if key in found:
            return draw(found[key])
    wanted = " or ".join(KINDS[kind] for kind in kinds)
    return Sentence(f"These data have nothing to draw for: {wanted}.")


def model_behind(cohort: Cohort, finding: Finding) -> Layout | None:
    """Return the mixed model of a claim: outcome, columns, patients, which column answers.

    None where the claim is not testable here, or has no such model.

    Examples
    --------
    >>> import mnstudy as mn
    >>> clinic = mn.load("demo_clinic")
    >>> model = model_behind(clinic, mn.evaluate(clinic, "more-sessions")[0])
    >>> model.tested, list(model.design)[:3]
    ('beyond', ['intercept', 'beyond', 'between'])
    """
    question = question_of(cohort, finding)
    if question is None:
        return None
    layout = estimate_claim(replace(question, choices=Choices(engine="mixed"))).layout
    return layout if layout is not None and layout.ratio > 0 else None


def beside(finding: Finding, model: Layout | None, fitted: Any) -> pd.DataFrame | Sentence:
    """Return the mixed model of a claim as mnstudy and as statsmodels fit it."""
    if model is None or finding.estimate is None:
        return Sentence(NO_MIXED_MODEL)
    ours = random_intercept(model.y, model.design, model.patients).contrast(model.tested)
    rows = {
        "mnstudy": (ours.estimate, ours.std_error, ours.df),
        "statsmodels": (fitted.params[model.tested], fitted.bse[model.tested], float("nan")),
    }
    columns = ["estimate", "standard error", "degrees of freedom"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).round(2)


def harms(cohort: Cohort) -> Picture | Sentence:
    """Draw every harm with its exact limits; a sentence where none was recorded."""
    chart = harms_chart(cohort)
    return Sentence(NO_HARMS) if chart is None else draw(chart)
