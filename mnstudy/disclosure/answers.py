"""The findings of a cohort through the ledger: estimate, verdict, arms, other choices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.table import Cohort
from mnstudy.disclosure.groups import Where
from mnstudy.disclosure.ledger import (
    FEW,
    NOT_LINEAR,
    ROUNDED,
    SETS,
    WITHHELD,
    Ledger,
    Linear,
    Rate,
    tables_of,
)
from mnstudy.stats.counts.proportions import exact_limits
from mnstudy.stats.counts.two_groups import risk_difference
from mnstudy.stats.mixed.cluster_robust import RobustFit
from mnstudy.verdicts.analyses import Question
from mnstudy.verdicts.analyses.question import SCORE, Answer
from mnstudy.verdicts.analyses.rates import recorded_events
from mnstudy.verdicts.displays.rows import answer_of, by_person, question_of, two_arms
from mnstudy.verdicts.finding.finding import Estimate, Finding
from mnstudy.verdicts.finding.judge import Verdict, judge
from mnstudy.words.notes import Note, sentence

SCORE_RANGE = (-100.0, 100.0)  # of an improvement: the contract has no lower end
# why a claim is not testable, where it tells of the columns of the sheet alone
_OF_COLUMNS = ("no_column", "column_missing")
_SAME_ROWS = ("adjustment", "model", "ranks")
_OF_LEVELS = ("clinics", "scar types")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedClaim:
    """What a release says of one claim: texts, and of an estimate the numbers in its text.

    Attributes
    ----------
    claim, title, group, estimand, unit, margin, plan, week, method : str
    answer, family, p, patients, verdict : str
        As released; ``family`` is the estimate with the interval of the family of the plan.
    word : str
        The verdict without what it lacks; empty where it is not released.
    why : str
        Why the verdict, or why it is not released; empty where the reason holds numbers.
    arms : tuple of (label, patients, answer)
    numbers : tuple of float
        Value and ends as in ``answer``, for a figure; empty where there are none.
    margin_value : float
    choices : tuple of (check, choice, verdict)
    beside : str
        What the published trials say; they are public.
    """

    claim: str
    title: str
    group: str
    estimand: str
    unit: str
    margin: str
    plan: str
    margin_value: float
    week: str = ""
    method: str = ""
    answer: str = WITHHELD
    family: str = ""
    p: str = ""
    patients: str = ""
    verdict: str = WITHHELD
    word: str = ""
    why: str = ""
    arms: tuple[tuple[str, str, str], ...] = ()
    numbers: tuple[float, ...] = ()
    choices: tuple[tuple[str, str, str], ...] = ()
    beside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stands:
    """What an estimate stands on: whose values, of which column and week, in which arms."""

    patients: Sequence[str]
    where: Where
    arms: tuple[Sequence[str], ...] = ()


def released_claims(
    cohort: Cohort,
    findings: Sequence[Finding],
    ledger: Ledger,
    *,
    choices: Mapping[str, pd.DataFrame] | None = None,
    beside: Mapping[str, str] | None = None,
) -> list[ReleasedClaim]:
    """Let the findings of a cohort pass the ledger, primary claims first.

    Parameters
    ----------
    cohort : Cohort
    findings : sequence of Finding
        Of this cohort.
    ledger : Ledger
    choices : mapping of str to DataFrame, optional
        Claim id to the verdicts under other choices, see ``Findings.checked``.
    beside : mapping of str to str, optional
        Claim id to what the published trials say.

    Returns
    -------
    list of ReleasedClaim
        In the order of the findings.
    """
    first = sorted(findings, key=lambda f: not f.planned)
    found = {f.claim.id: _released(cohort, f, ledger) for f in first}
    for f in first:
        rows = None if choices is None else choices.get(f.claim.id)
        if rows is not None:
            own = tuple(_choices(f, rows, ledger))
            found[f.claim.id] = replace(found[f.claim.id], choices=own)
    said = beside or {}
    return [replace(found[f.claim.id], beside=said.get(f.claim.id, "")) for f in findings]


def _released(cohort: Cohort, finding: Finding, ledger: Ledger) -> ReleasedClaim:
    claim, key = finding.claim, finding.claim.id
    shown = ReleasedClaim(
        claim=key,
        title=claim.title,
        group=claim.group,
        estimand=claim.estimand,
        unit=claim.unit,
        margin=f"{fmt.as_entered(finding.margin)} {claim.unit}",
        margin_value=finding.margin,
        plan="primary claim of the plan" if finding.planned else "exploratory",
        week="" if math.isnan(finding.week) else f"{finding.week:g}",
    )
    if finding.estimate is None:
        return _not_tested(shown, finding, ledger)
    question = question_of(cohort, finding)
    answer = None if question is None else answer_of(question, finding)
    if question is None or answer is None:
        return _kept(shown, ledger, NOT_LINEAR, finding)
    how = finding.estimate.how
    if how.kind == "adjusted_for":  # a covariate that few patients make vary would show
        how = next(v for k, v in how.values if k == "model")
    shown = replace(shown, method=_without_numbers(how))
    if answer.had:
        return _of_shares(shown, question, answer, finding, ledger)
    return _of_values(shown, question, answer, finding, ledger)


def _not_tested(shown: ReleasedClaim, finding: Finding, ledger: Ledger) -> ReleasedClaim:
    """Say that a claim is not testable where the columns say so; else it may tell of a few."""
    if any(r.kind in _OF_COLUMNS for r in finding.reasons):
        reason = next(r for r in finding.reasons if r.kind in _OF_COLUMNS)
        none = finding.verdict
        return replace(shown, answer="", verdict=none, word=none, why=sentence(reason))
    return _kept(shown, ledger, FEW, finding)


def _kept(shown: ReleasedClaim, ledger: Ledger, rule: str, finding: Finding) -> ReleasedClaim:
    exact = "" if finding.estimate is None else str(finding.estimate)
    if shown.claim not in ledger.entries:
        ledger.withhold(shown.claim, rule, exact=exact, size=finding.n_patients)
    ledger.verdict(f"{shown.claim}/verdict", finding.in_full, (), rule=rule)
    return replace(shown, answer=WITHHELD, verdict=WITHHELD, why=rule, week="", method="", arms=())


def _of_values(
    shown: ReleasedClaim, question: Question, answer: Answer, finding: Finding, ledger: Ledger
) -> ReleasedClaim:
    """Release a mean, a difference or a slope, if it is a weighted sum of patients' values."""
    weights, estimate = _weights(answer, finding), finding.estimate
    assert estimate is not None
    stands = _stands(question, answer, weights)
    if min((finding.n_patients, *map(len, stands.arms))) < ledger.rules.threshold:
        return _kept(shown, ledger, FEW, finding)
    if weights is None:
        return _kept(shown, ledger, NOT_LINEAR, finding)
    width = declared_width(question, weights.index)
    smallest = min(map(len, stands.arms), default=len(stands.patients))
    behind = answer.model
    assert behind is not None
    if not _inside(question, behind.fit.rows["fitted"] + behind.fit.rows["residual"]):
        width = math.nan
    free = len(weights) - len(behind.fit.coefficients)
    usual = Linear(
        value=estimate.value, low=estimate.ci_low, high=estimate.ci_high, patients=smallest,
        df=min(estimate.df, free), width=width, weight=float(weights.max()), unit=estimate.unit,
    )  # fmt: skip
    everybody, where = ledger.hidden(stands.patients), stands.where
    refused = (ledger.refused("", ledger.hidden(arm), "mean", where) for arm in stands.arms)
    rule = next(filter(None, refused), "")
    if rule:
        return _kept(shown, ledger, rule, finding)
    text = ledger.release(shown.claim, usual, everybody, "mean", where=where)
    entry = ledger.entries[shown.claim]
    if entry.withheld:
        return _kept(shown, ledger, entry.rule, finding)
    basis, numbers, family = estimate, entry.numbers, ""
    joint = finding.simultaneous
    if joint is not None:
        wider = replace(usual, low=joint.ci_low, high=joint.ci_high)
        name = f"{shown.claim}/family"
        family = ledger.release(name, wider, everybody, "mean", where=where)
        basis, numbers = joint, ledger.entries[name].numbers
    words = [v.in_full for v in _words(finding, basis, numbers)]
    n = len(everybody)
    told = replace(
        shown,
        answer=text,
        family=family,
        numbers=entry.numbers[:3],
        p=ledger.release(f"{shown.claim}/p", estimate.p_value, everybody, "p"),
        patients=ledger.release(f"{shown.claim}/patients", n, everybody, "count"),
        arms=tuple(_arms(shown, question, answer, stands, ledger, width)),
    )
    return _verdict(told, finding, words, ledger)


def _verdict(
    shown: ReleasedClaim, finding: Finding, words: Sequence[str], ledger: Ledger
) -> ReleasedClaim:
    """Return the claim with its verdict, where every word that is left open is the same."""
    word = ledger.verdict(f"{shown.claim}/verdict", finding.in_full, words)
    if word != finding.in_full:
        return replace(shown, verdict=word, why=ROUNDED)
    reasons = [_without_numbers(r) for r in finding.reasons]
    why = "; ".join(reasons) if all(reasons) else ""
    return replace(shown, verdict=word, word=finding.verdict, why=why)


def _words(
    finding: Finding, basis: Estimate, numbers: Sequence[float], margin: float | None = None
) -> Iterator[Verdict]:
    """Give the verdict of every corner of what the released value and ends leave open."""
    *ends, step = numbers
    for value, low, high in product(*((x - step / 2, x + step / 2) for x in ends)):
        possible = replace(basis, value=value, ci_low=low, ci_high=high)
        yield from _judged(finding, possible, margin)


def _judged(finding: Finding, possible: Estimate, margin: float | None = None) -> Iterator[Verdict]:
    """Judge a possible estimate: as the finding was, and without holds whose numbers stay home."""
    clear = tuple(h for h in finding.holds if h.also is None and not _numbers_in(h.why))
    for holds in dict.fromkeys((finding.holds, clear)):
        yield judge(
            possible,
            rule=finding.rule,
            margin=finding.margin if margin is None else margin,
            comparison=finding.comparison,
            null=finding.null,
            holds=holds,
        )


def _weights(answer: Answer, finding: Finding) -> pd.Series | None:
    """Return how far one value of each patient can move the estimate; None where it is no sum.

    The estimate is c'y for the rows y of the model; compared with the finding before it is used.
    """
    behind, estimate = answer.model, finding.estimate
    if behind is None or estimate is None or not isinstance(behind.fit, RobustFit):
        return None
    rows = behind.fit.rows
    names = list(behind.fit.coefficients.index)
    wanted = np.array([behind.weights.get(n, 0.0) for n in names])
    each = wanted @ np.linalg.pinv(rows[names].to_numpy())
    y = (rows["fitted"] + rows["residual"]).to_numpy()
    if not math.isclose(float(each @ y), estimate.value, rel_tol=1e-6, abs_tol=1e-9):
        return None
    return pd.Series(np.abs(each), index=rows.index).groupby(level=0).sum()


def _stands(question: Question, answer: Answer, weights: pd.Series | None) -> _Stands:
    layout, inside = answer.layout, set[str]()
    if weights is not None:
        inside = set(weights.index)
    elif layout is not None:
        inside = set(layout.patients)
    where = _where(question, str(question.params.get("outcome", SCORE)))
    everybody = sorted(inside)
    if layout is None or layout.tested != "treated":
        return _Stands(patients=everybody, where=where)
    treated = layout.design["treated"].to_numpy() > 0.5
    sides = [sorted(set(layout.patients[rows]) & inside) for rows in (treated, ~treated)]
    return _Stands(patients=everybody, where=where, arms=tuple(sides))


def _where(question: Question, column: str) -> Where:
    """Return a column and the week of the assessments that count; all where no single one does."""
    week = "" if math.isnan(question.week.week) else f"{question.week.week:g}"
    return column, week if question.at_final_week else "all"


def declared_width(question: Question, patients: pd.Index) -> float:
    """Return the width of the declared range of one value; nan where one lies outside, or none is.

    Improvement has -100 to 100; a change in percent of the baseline too.
    """
    outcome = str(question.params.get("outcome", SCORE))
    spec = {**columns(), **question.cohort.study.measures}[outcome]
    low, high = (spec.low, spec.high) if outcome != SCORE else SCORE_RANGE
    if low is None or high is None or not math.isfinite(high - low):
        return math.nan
    data = question.cohort.data
    values = data.loc[data["patient_id"].isin(patients), outcome].dropna().astype("float64")
    if not values.between(low, high).all():
        return math.nan
    if not question.params.get("percent"):
        return high - low
    return SCORE_RANGE[1] - SCORE_RANGE[0]


def _arms(
    shown: ReleasedClaim,
    question: Question,
    answer: Answer,
    stands: _Stands,
    ledger: Ledger,
    width: float,
) -> Iterator[tuple[str, str, str]]:
    """Release the patients of each arm, and their mean: one value a patient, not adjusted."""
    if not stands.arms or answer.layout is None:
        return
    layout, treated = answer.layout, answer.layout.design["treated"].to_numpy() > 0.5
    for label, rows, ids in zip(two_arms(question), (treated, ~treated), stands.arms, strict=True):
        key, group = f"{shown.claim}/{label}", ledger.hidden(ids)
        n = ledger.release(f"{key}/patients", len(group), group, "count")
        own = by_person(layout.y[rows], layout.patients[rows]).loc[list(ids)]
        mean = Linear(
            value=float(own.mean()), low=math.nan, high=math.nan, patients=len(own),
            df=len(own) - 1, width=width if _inside(question, own) else math.nan, unit=shown.unit,
        )  # fmt: skip
        yield label, n, ledger.release(key, mean, group, "mean", where=stands.where)


def _inside(question: Question, values: pd.Series) -> bool:
    low, high = SCORE_RANGE
    return not question.params.get("percent") or bool(values.between(low, high).all())


def _of_shares(
    shown: ReleasedClaim, question: Question, answer: Answer, finding: Finding, ledger: Ledger
) -> ReleasedClaim:
    """Release a share with its outermost limits, or the shares of two groups."""
    estimate = finding.estimate
    assert estimate is not None
    basis = finding.simultaneous or estimate
    column = "+".join(sorted(recorded_events(question)))
    where = _where(question, column or f"{question.params.get('outcome')} reached")
    rates = [
        Rate(
            events=int(h.sum()), n=len(h), level=estimate.confidence_level,
            had=ledger.hidden(h.index[h]),
        )
        for h in answer.had
    ]  # fmt: skip
    if min(r.n for r in rates) < ledger.rules.threshold:
        return _kept(shown, ledger, FEW, finding)
    groups = [ledger.hidden(h.index) for h in answer.had]
    if len(rates) == 1:
        text = ledger.release(shown.claim, rates[0], groups[0], "rate", where=where)
        entry = ledger.entries[shown.claim]
        if entry.withheld:
            return _kept(shown, ledger, entry.rule, finding)
        words = [
            v.in_full
            for k, n in tables_of(ledger.rules, rates[0])
            for v in _judged(finding, _share(basis, k, n))
        ]
        n = ledger.release(f"{shown.claim}/patients", rates[0].n, groups[0], "count")
        told = replace(shown, answer=text, patients=n, numbers=entry.numbers)
        return _verdict(told, finding, words, ledger)
    arms = []
    for label, rate, group in zip(question.arm_names, rates, groups, strict=True):
        key = f"{shown.claim}/{label}"
        n = ledger.release(f"{key}/patients", rate.n, group, "count")
        arms.append((label, n, ledger.release(key, rate, group, "rate", where=where)))
    kept = replace(shown, arms=tuple(arms))
    names = [f"{shown.claim}/{label}" for label in question.arm_names]
    broken = next((r for name in names if (r := ledger.entries[name].rule)), "")
    if broken or question.cohort.study.within_patients:
        return _kept(kept, ledger, broken or NOT_LINEAR, finding)
    return _difference(kept, finding, rates, ledger)


def _share(basis: Estimate, k: int, n: int) -> Estimate:
    low, high = exact_limits(k, n, (1 - basis.confidence_level) / 2)
    return replace(basis, value=100 * k / n, ci_low=100 * low, ci_high=100 * high)


def _difference(
    shown: ReleasedClaim, finding: Finding, rates: Sequence[Rate], ledger: Ledger
) -> ReleasedClaim:
    """Say between what a difference of two released shares lies, and its outermost limits."""
    estimate = finding.estimate
    assert estimate is not None
    basis, ends = finding.simultaneous or estimate, []
    words: list[str] = []
    for (k1, n1), (k0, n0) in product(*(_extreme(ledger, rate) for rate in rates)):
        found = risk_difference(k1, n1, k0, n0, confidence_level=basis.confidence_level)
        low, high = 100 * found.ci_low, 100 * found.ci_high
        value = 100 * found.estimate
        possible = replace(basis, value=value, ci_low=low, ci_high=high)
        words += [v.in_full for v in _judged(finding, possible)]
        usual = risk_difference(k1, n1, k0, n0, confidence_level=estimate.confidence_level)
        ends += [(value, 100 * usual.ci_low, 100 * usual.ci_high)]
    numbers = (min(x[1] for x in ends), max(x[2] for x in ends))
    text = ledger.outermost(shown.claim, numbers, f"{estimate.value:.10g}")
    answer = f"{text} {estimate.unit}"
    told = replace(shown, answer=answer, numbers=(math.nan, *numbers))
    return _verdict(told, finding, words, ledger)


def _extreme(ledger: Ledger, rate: Rate) -> list[tuple[int, int]]:
    """Return of all counts that a released rate leaves open the ends, for each number of patients.

    Limits of a difference rise with the one count and fall with the other.
    """
    by_size: dict[int, list[int]] = {}
    for k, n in tables_of(ledger.rules, rate):
        by_size.setdefault(n, []).append(k)
    return [(k, n) for n, ks in by_size.items() for k in dict.fromkeys((min(ks), max(ks)))]


def _choices(
    finding: Finding, rows: pd.DataFrame, ledger: Ledger
) -> Iterator[tuple[str, str, str]]:
    """Release verdicts under other choices; never where it is another group by a few patients."""
    key = finding.claim.id
    usual = ledger.entries.get(f"{key}/verdict")
    if usual is None or usual.rule not in ("", ROUNDED):
        return
    for place, row in enumerate(rows.to_dict("records")):
        check, word = str(row["check"]), str(row["verdict"])
        choice = _without_numbers(row["choice"])
        if check == "margins":
            choice = f"margin {fmt.as_entered(row['margin'])} {finding.claim.unit}"
        if not choice:
            continue
        n = 0 if pd.isna(row["n_patients"]) else int(row["n_patients"])
        apart, least = abs(n - finding.n_patients), ledger.rules.threshold
        rule, words = usual.rule, [word]
        if check == "margins":
            words = _at_margin(finding, ledger, float(row["margin"]))
        elif n < least:
            rule = rule or FEW
        elif check not in _SAME_ROWS and apart < least:
            rule = rule or (SETS if apart or check != "missing" else "")
        text = ledger.verdict(f"{key}/choices/{place:02d}", word, words, rule=rule)
        if check not in _OF_LEVELS or text == word:  # else that it is there tells of its size
            yield check, choice, text


def _at_margin(finding: Finding, ledger: Ledger, margin: float) -> list[str]:
    """Return the verdicts that the released numbers leave open at another margin."""
    key, basis = finding.claim.id, finding.simultaneous or finding.estimate
    assert basis is not None
    name = f"{key}/family" if f"{key}/family" in ledger.entries else key
    numbers = ledger.entries[name].numbers
    if len(numbers) != 4:  # a share: no step, and the verdict stays with its own margin
        return [ROUNDED]
    return [v.word for v in _words(finding, basis, numbers, margin)]


def _without_numbers(note: Note) -> str:
    """Return a note in words; empty where it holds a count or another number."""
    return "" if _numbers_in(note) else sentence(note)


def _numbers_in(value: Any) -> bool:
    if isinstance(value, Note):
        return any(_numbers_in(v) for _, v in value.values)
    if isinstance(value, tuple):
        return any(map(_numbers_in, value))
    if isinstance(value, str):
        return any(c.isdigit() for c in value)
    return value is not None
