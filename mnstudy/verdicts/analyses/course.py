"""How long: the late result against the end of treatment, in the same sites."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from mnstudy import formatting as fmt
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
    require_patients(pairs, f"assessed at the end and {weeks:g} weeks or more after it")
    fitted = model.mean(question, pairs, pairs["late"] - pairs["end"])
    notes = [
        f"of {fmt.count(at_end, 'site')} with a result at the end of treatment "
        f"{len(pairs) + left_out:,} were seen {weeks:g} weeks or more later; those not seen may "
        "differ"
    ]
    if left_out:
        notes.append(f"{fmt.count(left_out, 'site')} with maintenance sessions left out")
    return Answer(
        estimate=model.estimate(
            model.pick(fitted, {"mean": 1.0}),
            unit=question.claim.unit,
            method=f"change within the site; {model.describe(question, fitted.result)}",
        ),
        comparison="within",
        n_patients=n_patients(pairs),
        n_sites=n_sites(pairs),
        n_missing=at_end - len(pairs) - left_out,
        layout=fitted.layout("mean"),
        notes=tuple(notes),
    )


def maintenance(question: Question) -> Answer:
    """Estimate the late change of sites with maintenance sessions minus that of sites without."""
    weeks = float(question.params["weeks"])
    pairs = _early_and_late(_ended(question), weeks)
    maintained = _maintained(pairs)
    late = f"and an assessment {weeks:g} weeks or more after the last session"
    require_patients(pairs[maintained], f"with maintenance sessions {late}")
    require_patients(pairs[~maintained], f"without maintenance sessions {late}")
    pairs["change"] = pairs["late"] - pairs["end"]
    arm = maintained.to_numpy(dtype="float64")
    answer = contrasts.contrast(question, pairs, arm, "change", [])
    return replace(answer, notes=(*answer.notes, *question.indication))


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
