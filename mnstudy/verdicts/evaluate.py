"""Put the claims to a cohort: one finding each, in the order of the register."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from mnstudy.cohort.table import Cohort
from mnstudy.verdicts import judge as verdict
from mnstudy.verdicts.analyses import ANALYSES, Answer, NotTestable, Question
from mnstudy.verdicts.findings import Finding, Findings
from mnstudy.verdicts.registry import Claim, claims_table, select


def evaluate(
    cohort: Cohort,
    claims: str | Iterable[str] | None = None,
    *,
    confidence_level: float | None = None,
) -> Findings:
    """Hold claims against a cohort.

    Parameters
    ----------
    cohort : Cohort
        See ``mnstudy.load``.
    claims : str or iterable of str, optional
        Claim ids; all 43 when left out.
    confidence_level : float, optional
        Level of the intervals; that of the study's plan (0.95 by default) when left out.

    Returns
    -------
    Findings
        One finding per claim: estimate with interval, verdict, reason. A claim the data cannot
        answer is ``not testable`` and says which column, group or design is missing.

    Raises
    ------
    KeyError
        An unknown claim id; the nearest are offered.
    TypeError
        ``cohort`` is not a cohort.
    ValueError
        A confidence level outside 0.5 to 1.

    Notes
    -----
    Rows with a missing value that an analysis needs are left out of that analysis, counted in
    ``n_missing`` and said in the notes.

    Examples
    --------
    >>> import mnstudy as mn
    >>> findings = mn.evaluate(mn.load("demo_split_face"), claims=["topical-adjunct"])
    >>> findings["topical-adjunct"].comparison
    'randomised'
    """
    if not isinstance(cohort, Cohort):
        raise TypeError("evaluate needs a cohort: mnstudy.evaluate(mnstudy.load(...))")
    level = cohort.study.plan.confidence_level if confidence_level is None else confidence_level
    if not 0.5 < level < 1:
        raise ValueError(f"confidence_level is {level}: give a number between 0.5 and 1, as 0.95")
    sites = cohort.sites()
    return Findings([_finding(claim, cohort, sites, level) for claim in select(claims)])


def claims(cohort: Cohort | None = None) -> pd.DataFrame:
    """List the claims; with a cohort, also whether it can answer each of them and why not.

    Returns
    -------
    DataFrame
        Indexed by claim id: group, title, articles, estimand, columns, rule, margin, unit, ...;
        with a cohort also ``testable`` and ``why_not``.
    """
    table = claims_table()
    if cohort is None:
        return table
    findings = evaluate(cohort)
    table["testable"] = [f.verdict != "not testable" for f in findings]
    table["why_not"] = [f.reason if f.verdict == "not testable" else "" for f in findings]
    return table


def _finding(claim: Claim, cohort: Cohort, sites: pd.DataFrame, level: float) -> Finding:
    plan = cohort.study.plan
    open_question = Finding(
        claim=claim,
        dataset=cohort.name,
        synthetic=cohort.synthetic,
        verdict="not testable",
        reason="",
        rule=claim.rule,
        margin=plan.margin(claim.id, claim.margin),
        planned=claim.id in plan.primary,
        sha256=cohort.provenance.sha256,
        plan_sha256=plan.sha256,
    )
    question = Question(claim=claim, cohort=cohort, sites=sites, confidence_level=level)
    try:
        return _judged(open_question, _answer(question), _common_notes(question))
    except NotTestable as reason:
        return replace(open_question, reason=str(reason))


def _judged(finding: Finding, answer: Answer, notes: list[str]) -> Finding:
    found = verdict.judge(
        answer.estimate,
        rule=finding.rule,
        margin=finding.margin,
        comparison=answer.comparison,
    )
    return replace(
        finding,
        verdict=found.word,
        reason=found.reason,
        wording=verdict.wording(finding.claim, answer.comparison),
        comparison=answer.comparison,
        estimate=answer.estimate,
        n_patients=answer.n_patients,
        n_sites=answer.n_sites,
        n_missing=answer.n_missing,
        parts=answer.parts,
        notes=(*answer.notes, *notes),
    )


def _answer(question: Question) -> Answer:
    claim, data = question.claim, question.cohort.data
    absent = [c for c in claim.columns if c not in data]
    if absent:
        raise NotTestable(f"the data have no column {', '.join(absent)}")
    empty = [c for c in claim.columns if data[c].isna().all()]
    if empty:
        raise NotTestable(f"nothing is known in the column {', '.join(empty)}")
    for column in claim.columns:
        limit = question.cohort.study.limit(column)
        if limit is not None:
            raise NotTestable(limit.says)
    return ANALYSES[claim.analysis](question)


def _common_notes(question: Question) -> list[str]:
    notes = []
    if question.claim.contrary:
        notes.append(f"the articles disagree: {question.claim.contrary}")
    if question.cohort.synthetic:
        notes.append("synthetic data: invented, never evidence")
    return notes
