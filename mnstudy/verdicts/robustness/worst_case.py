"""How far the unseen could carry a result: the verdict had all of them done badly, or well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.table import is_baseline
from mnstudy.verdicts.analyses import NotTestable, Question
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    after_treatment,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.analyses.rates import event_rows, group_of
from mnstudy.verdicts.robustness.rows import CheckContext, Row, asked_again
from mnstudy.words.notes import Count, Note, note

LOW, HIGH = 0.1, 0.9  # shares of the seen values that stand for a bad and a good result
SCORE = "improvement_score"
Case = tuple[Question, Note]  # with other data, and the choice that made them


def worst_case(asked: CheckContext) -> list[Row]:
    """Judge a claim again as if all unknown patients had done badly, and as if all had done well.

    Shares and events: the ends are the bounds that hold whatever the unknown are like. A site lost
    to follow-up, or without a known value, gets the worst, then the best value of its scale; a
    patient without any record of the event counts as having had it, then as not. In a difference
    both arms are set against each other. A patient with some records counts by those (Horowitz &
    Manski 2000, doi 10.1080/01621459.2000.10473902).

    Means of improvement: its ends of -100 and 100 would bound nothing. Instead each unknown result
    is set to the 10th percentile of those seen in its arm where that hurts the claim, and to the
    90th where it helps, the other arm the other way round. These are not bounds, but results as
    bad and as good as were seen.
    """
    return [
        row
        for question, choice in worst_cases(asked.question)
        for row in asked_again(asked, question, check="worst case", choice=choice)
    ]


def worst_cases(question: Question) -> list[Case]:
    """Return the question with everything unknown taken as bad, then as good, for the claim."""
    cases = _CASES.get(question.claim.analysis)
    if cases is None or not set(question.claim.columns) <= set(question.cohort.data):
        return []
    try:
        return list(cases(question))
    except NotTestable:  # a column that tells the arms apart is missing
        return []


def _of_scores(question: Question) -> Iterator[Case]:
    """Yield the two cases of a mean improvement, or of a difference of two."""
    sites = question.sites
    inside = scar_type_filter(sites, question.params)
    treated = select_arm(inside, question.needled).index
    reference = select_arm(inside, question.control).index
    unknown = sites[SCORE].isna()
    n = int(unknown[treated.union(reference)].sum())
    if not n:
        return
    for bad in (True, False):
        score = sites[SCORE].astype("float64").copy()
        for arm, share in ((treated, LOW if bad else HIGH), (reference, HIGH if bad else LOW)):
            seen = score[arm][~unknown[arm]].dropna()
            if len(seen):
                score[arm] = score[arm].mask(unknown[arm], seen.quantile(share))
        choice = note("unseen_bad" if bad else "unseen_good", sites=Count(n=n, noun="site"))
        yield replace(question, sites=sites.assign(**{SCORE: score})), choice


def _of_shares(question: Question) -> Iterator[Case]:
    """Yield the two bounds of a share of patients whose final value reaches a threshold."""
    sites, outcome = _counted(question), question.params["outcome"]
    spec = {**columns(), **question.cohort.study.measures}[outcome]
    arm = select_arm(event_rows(question), NEEDLED).index
    unknown = sites[outcome].isna()
    n = int(unknown[arm].sum())
    if not n or spec.low is None or spec.high is None:
        return
    for end, what in ((spec.low, "lowest"), (spec.high, "highest")):
        value = sites[outcome].astype("float64").copy()
        value[arm] = value[arm].mask(unknown[arm], end)
        choice = note("unseen_at_end", sites=Count(n=n, noun="site"), end=what)
        yield _asked_of(question, sites.assign(**{outcome: value})), choice


def _of_rates(question: Question) -> Iterator[Case]:
    """Yield the two bounds of a rate of events."""
    data, events = _recordable(question, [NEEDLED])
    unseen = _unseen(question, select_arm(data, NEEDLED), events)
    if not unseen or not events:
        return
    for happened in (True, False):
        patients = Count(n=len(unseen), noun="patient")
        choice = note("without_record", patients=patients, had=_had(happened))
        yield _with(question, data, events, {happened: unseen}), choice


def _of_event_differences(question: Question) -> Iterator[Case]:
    """Yield the two bounds of a difference of events: each arm's unknown against the other's."""
    arms = [question.needled, question.control]
    # how deep a site without any session would have been needled is not known
    by_words = [{k: v for k, v in a.items() if not k.startswith("needle_depth")} for a in arms]
    by_depth = by_words != arms
    data, events = _recordable(question, [] if by_depth else by_words)
    groups = [group_of(data, arm) for arm in arms]
    treated, reference = (_unseen(question, g, events) for g in groups)
    if not events or not (treated or reference):
        return
    for happened in (False, True):
        each = zip(question.arm_names, (treated, reference), (happened, not happened), strict=True)
        counts = [(arm, Count(n=len(who), noun="patient"), _had(had)) for arm, who, had in each]
        records = tuple(
            note("group_without_record", arm=arm, patients=n, had=had) for arm, n, had in counts
        )
        filled = {happened: treated, not happened: [p for p in reference if p not in treated]}
        choice = note("groups_without_record", groups=records)
        yield _with(question, data, events, filled), choice


def _had(happened: bool) -> Note:
    return note("all_had_it" if happened else "none_had_it")


def _recordable(
    question: Question, arms: Sequence[Mapping[str, Any]]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows in which an event can be recorded, and the events that the table has.

    A patient of these arms seen at baseline only gets one row more, as if after a session.
    """
    data = _counted(question)
    events = [e for e in question.params["events"] if e in data]
    if question.at_final_week:
        return data, events
    after = after_treatment(data)
    alone = data[is_baseline(data) & ~data["patient_id"].isin(after["patient_id"])]
    rows = [select_arm(alone, arm) for arm in arms if events]
    added = pd.concat(rows) if rows else alone.head(0)
    added = added[~added.index.duplicated()].assign(session_count=1)
    added["session_count"] = added["session_count"].astype(data["session_count"].dtype)
    return pd.concat([data, added], ignore_index=True), events


def _counted(question: Question) -> pd.DataFrame:
    return question.sites if question.at_final_week else question.cohort.data


def _asked_of(question: Question, rows: pd.DataFrame) -> Question:
    """Return the question with other rows of the final week, or in all of its table."""
    if question.at_final_week:
        return replace(question, sites=rows)
    return replace(question, cohort=replace(question.cohort, data=rows))


def _unseen(question: Question, group: pd.DataFrame, events: Sequence[str]) -> list[str]:
    """Return the patients of a group without any record of the events where it counts."""
    rows = group if question.at_final_week else after_treatment(group)
    recorded = rows[events].notna().any(axis=1).groupby(rows["patient_id"]).any()
    return sorted(recorded.index[~recorded])


def _with(
    question: Question,
    data: pd.DataFrame,
    events: Sequence[str],
    filled: Mapping[bool, Sequence[str]],
) -> Question:
    """Return the question with the first event set for these patients, where it counts."""
    event = events[0]
    data = data.copy()
    after = data.index.isin((data if question.at_final_week else after_treatment(data)).index)
    for happened, patients in filled.items():
        data.loc[after & data["patient_id"].isin(list(patients)), event] = happened
    return _asked_of(question, data)


_CASES: Mapping[str, Callable[[Question], Iterator[Case]]] = {
    "improvement": _of_scores,
    "arm_contrast": _of_scores,
    "share": _of_shares,
    "event_rate": _of_rates,
    "event_difference": _of_event_differences,
}
