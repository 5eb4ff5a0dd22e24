"""How long: the late result against the end of treatment, in the same sites."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from mnstudy.verdicts.analyses import contrasts, model
from mnstudy.verdicts.analyses.question import (
    NEEDLED,
    UNIT,
    Answer,
    Question,
    n_patients,
    n_sites,
    require_patients,
    select_arm,
)
from mnstudy.words.notes import Count, note


def durability(question: Question) -> Answer:
    """Estimate the change from the end of treatment to ``weeks`` or more after the last session.

    Sites with maintenance sessions are left out: the claim is that the result lasts by itself.
    """
    weeks = float(question.params["weeks"])
    ended = _ended(question)
    pairs = _early_and_late(ended, weeks)
    at_end = n_sites(ended[ended["weeks_since_last_session"] < weeks])
    maintained = _maintained(pairs)
    pairs, left_out = pairs[~maintained], int(maintained.sum())
    require_patients(pairs, note("assessed_at_end_and_later", weeks=weeks))
    fitted = model.mean(question, pairs, pairs["late"] - pairs["end"])
    ended_sites = Count(n=at_end, noun="site")
    later = Count(n=len(pairs) + left_out, of=at_end, noun="site")
    remarks = [note("seen_later", sites=ended_sites, seen=later, weeks=weeks)]
    if left_out:
        kept_up = Count(n=left_out, noun="site")
        remarks.append(note("left_out_maintained", sites=kept_up))
    return Answer(
        estimate=model.estimate(
            model.pick(fitted, {"mean": 1.0}),
            unit=question.claim.unit,
            how=note("change_within_site", model=model.describe(question, fitted.result)),
        ),
        comparison="within",
        n_patients=n_patients(pairs),
        n_sites=n_sites(pairs),
        n_missing=at_end - len(pairs) - left_out,
        layout=fitted.layout("mean"),
        remarks=tuple(remarks),
    )


def maintenance(question: Question) -> Answer:
    """Estimate the late change of sites with maintenance sessions minus that of sites without."""
    weeks = float(question.params["weeks"])
    pairs = _early_and_late(_ended(question), weeks)
    maintained = _maintained(pairs)
    require_patients(pairs[maintained], note("maintained_and_late", weeks=weeks))
    require_patients(pairs[~maintained], note("not_maintained_and_late", weeks=weeks))
    pairs["change"] = pairs["late"] - pairs["end"]
    arm = maintained.to_numpy(dtype="float64")
    answer = contrasts.contrast(question, pairs, arm, "change", [])
    return replace(answer, remarks=(*answer.remarks, *question.indication))


def _ended(question: Question) -> pd.DataFrame:
    """Return the assessments of needled sites after the last session they had."""
    needled = select_arm(question.cohort.data, NEEDLED)
    kept = needled.dropna(subset=["improvement_score", "weeks_since_last_session"])
    kept = kept[kept["session_count"].fillna(0) >= 1]
    total = kept.groupby(UNIT, observed=True)["session_count"].transform("max")
    return kept[kept["session_count"] == total].sort_values("weeks_since_last_session")


def _early_and_late(ended: pd.DataFrame, weeks: float) -> pd.DataFrame:
    since = ended["weeks_since_last_session"]
    early = ended[since < weeks].drop_duplicates(UNIT)
    late = ended[since >= weeks].drop_duplicates(UNIT, keep="last")
    columns = [c for c in (*UNIT, "improvement_score", "maintenance") if c in late]
    late = late[columns].rename(columns={"improvement_score": "late"})
    early = early.drop(columns="maintenance", errors="ignore")
    return early.rename(columns={"improvement_score": "end"}).merge(late, on=UNIT)


def _maintained(frame: pd.DataFrame) -> pd.Series:
    if "maintenance" not in frame:
        return pd.Series(False, index=frame.index)
    return frame["maintenance"].fillna(False).astype(bool)
