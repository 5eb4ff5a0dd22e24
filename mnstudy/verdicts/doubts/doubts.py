"""Where printed numbers do not agree with one another: a table of doubts."""

from __future__ import annotations

import re

import pandas as pd

from mnstudy.cohort.published.contrast_rules import ENDS
from mnstudy.cohort.published.tables import Published, load_published
from mnstudy.verdicts.doubts.counts import granularity, percentages, spreads
from mnstudy.verdicts.doubts.intervals import changes, intervals, p_values
from mnstudy.verdicts.doubts.printed import Doubt, outcomes

COLUMNS = [
    "study_id", "label", "doi", "outcome_ids", "figure", "printed", "recomputed", "check",
    "explanation", "in_primary", "claim_ids",
]  # fmt: skip
CHECKS = ("percent", "interval", "p", "change", "spread", "grim")
_ENDS = [f"{end}_outcome_id" for end in ENDS]


def doubts(published: Published | None = None) -> pd.DataFrame:
    """List the printed numbers of the published tables that do not agree with one another.

    Parameters
    ----------
    published : Published, optional
        Tables of ``load_published``; the shipped ones when left out.

    Returns
    -------
    DataFrame
        One row a doubt, ordered by study, check and outcome: study_id, label, doi, outcome_ids
        (joined by ";"), figure (which number, in words), printed, recomputed, check (percent,
        interval, p, change, spread or grim), explanation, in_primary (a primary contrast rests on
        the figure) and claim_ids (of all contrasts that rest on it, joined by ";").

    Notes
    -----
    A doubt is a question, no accusation: most figures were read in abstracts, and the reading
    itself may be the cause. Every printed number stands for all values that round to it; a
    percentage or mean may also have been cut. A doubt is raised only where no usual reading
    reconciles the figures: one- or two-sided, t or normal, Welch or one variance, any correlation
    within the person from 0 to 0.99, the scores of one rater or the mean of two, every number of
    people the tables give for the figure. Worked-out figures are not compared with what they were
    worked out from; nothing is dropped or corrected. Not checked: mean percent improvement
    against the means (a mean of percentages is no percentage of means), p-values of counts, and
    whatever lacks n.

    Examples
    --------
    >>> found = doubts()
    >>> sorted(found["check"].unique().tolist())
    ['grim', 'interval', 'p', 'percent', 'spread']
    """
    tables = load_published() if published is None else published
    figures = outcomes(tables)
    found = [
        doubt
        for check in (percentages, intervals, changes, p_values, spreads, granularity)
        for doubt in check(figures)
    ]
    studies = tables.studies.set_index("study_id")
    rests = _resting(tables)
    rows = [_row(doubt, studies, rests, tables.contrasts) for doubt in found]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    order = frame["check"].map(CHECKS.index)
    frame = frame.assign(order=order).sort_values(
        ["study_id", "order", "outcome_ids", "figure"], kind="stable"
    )
    return frame[COLUMNS].reset_index(drop=True)


def _resting(tables: Published) -> dict[str, set[str]]:
    """Name for every outcome the outcomes that were worked out from it, itself included."""
    derived = tables.outcomes.set_index("outcome_id")["derived"].fillna("").astype(str)
    known = set(derived.index)
    rests = {str(x): {str(x)} for x in derived.index}
    for outcome, words in derived.items():
        for source in set(re.findall(r"\b[A-Za-z]+\d+\b", words)) & known:
            rests[source].add(str(outcome))
    return rests


def _row(
    doubt: Doubt, studies: pd.DataFrame, rests: dict[str, set[str]], contrasts: pd.DataFrame
) -> list[object]:
    study = studies.loc[doubt.outcome.study_id]
    ids = sorted({*doubt.outcome.ids, *doubt.also})
    behind = set().union(*(rests[x] for x in ids))
    used = contrasts[contrasts[_ENDS].isin(behind).any(axis=1)]
    return [
        doubt.outcome.study_id,
        study["label"],
        study["doi"],
        ";".join(ids),
        doubt.figure,
        doubt.printed,
        doubt.recomputed,
        doubt.check,
        str(doubt.explanation),
        bool(used["primary"].eq("yes").any()),
        ";".join(sorted(used["claim_id"].unique())),
    ]
