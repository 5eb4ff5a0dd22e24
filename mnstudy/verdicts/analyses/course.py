"""How long: the late result against the end of treatment, in the same sites."""

from __future__ import annotations

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.question import (
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
    pairs, ended, maintained = _pairs(question, weeks)
    require_patients(pairs, f"assessed at the end and {weeks:g} weeks or more after it")
    fitted = model.mean(question, pairs, pairs["late"] - pairs["end"])
    notes = [
        f"of {fmt.count(ended, 'site')} with a result at the end of treatment "
        f"{len(pairs):,} were seen {weeks:g} weeks or more later; those not seen may differ"
    ]
    if maintained:
        notes.append(f"{fmt.count(maintained, 'site')} with maintenance sessions left out")
    return Answer(
        estimate=model.estimate(
            model.pick(fitted, {"mean": 1.0}),
            unit=question.claim.unit,
            method=f"change within the site; {model.describe(question, fitted)}",
        ),
        comparison="within",
        n_patients=n_patients(pairs),
        n_sites=n_sites(pairs),
        n_missing=ended - len(pairs),
        notes=tuple(notes),
    )


def _pairs(question: Question, weeks: float) -> tuple[pd.DataFrame, int, int]:
    needled = select_arm(question.cohort.data, {"treatment": ["needling"]})
    kept = needled.dropna(subset=["improvement_score", "weeks_since_last_session"])
    kept = kept[kept["session_count"].fillna(0) >= 1]
    maintained = 0
    if "maintenance" in kept:
        touched = kept["maintenance"].fillna(False).astype(bool)
        sites = kept.loc[touched, UNIT].drop_duplicates()
        maintained = len(sites)
        mark = kept[UNIT].merge(sites, on=UNIT, how="left", indicator=True)["_merge"].eq("both")
        kept = kept[~mark.to_numpy()]
    total = kept.groupby(UNIT, observed=True)["session_count"].transform("max")
    after = kept[kept["session_count"] == total].sort_values("weeks_since_last_session")
    early = after[after["weeks_since_last_session"] < weeks].drop_duplicates(UNIT)
    late = after[after["weeks_since_last_session"] >= weeks].drop_duplicates(UNIT, keep="last")
    columns = {"improvement_score": "late"}
    pairs = early.rename(columns={"improvement_score": "end"}).merge(
        late.rename(columns=columns)[[*UNIT, "late"]], on=UNIT
    )
    return pairs, len(early), maintained
