"""How much: sessions within the patient, depth and other doses between patients, adjusted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import is_baseline
from mnstudy.verdicts.analyses import contrasts, model
from mnstudy.verdicts.analyses.models.covariates import covariates, left_out, usual_covariates
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    NEEDLED,
    SCORE,
    UNIT,
    Answer,
    NotTestable,
    Question,
    complete_rows,
    n_patients,
    raw_pairs,
    require_patients,
    select_arm,
)
from mnstudy.verdicts.finding.finding import Hold, Part, interval_of
from mnstudy.words.notes import Count, Note, note


def session_slope(question: Question) -> Answer:
    """Estimate improvement per further session, within- and between-patient parts apart.

    The first assessment after each completed session counts, from the first session on, so that
    follow-up visits do not count as sessions (Mundlak decomposition, doi 10.2307/1913646). Where
    untreated sites were seen at the same times, their slope is subtracted: time alone gives it.
    """
    visits, missing = session_visits(question)
    repeated = several_visits(visits)
    if n_patients(visits[repeated]) < MIN_PATIENTS:
        raise NotTestable(note("assessed_after_one_session"))
    design = session_design(visits)
    flat = "between" not in design
    fitted = model.fit(question, visits, visits["improvement_score"], design)
    sessions = () if question.brief else _session_parts(question, visits)
    single = n_patients(visits) - n_patients(visits[repeated])
    remarks = [] if flat else [_between_note(fitted)]
    remarks += [_level_off(sessions)] if any(p.kind == "gain" for p in sessions) else []
    if single:
        remarks.append(note("seen_once", patients=Count(n=single, noun="patient")))
    between = () if flat else (_slope(fitted, "between", "between patients", n_patients(visits)),)
    within = _slope(fitted, "within", "within patients", n_patients(visits[repeated]))
    how = "slope_within_patients"
    alone = model.answer(question, fitted, visits[repeated], "within", how)
    alone = replace(alone, comparison="within", remarks=(note("sessions_pass_with_time"),))
    found = _beyond_time(question, visits) or alone
    return replace(
        found,
        n_missing=missing + found.n_missing,
        parts=(within, *between, *sessions),
        remarks=(*remarks, *found.remarks),
        holds=(*found.holds, *_stopped_when_good(question, visits)),
    )


def _stopped_when_good(question: Question, visits: pd.DataFrame) -> tuple[Hold, ...]:
    """Hold back a slope in favour where sessions stopped on good readings.

    The last reading of a site is then high by chance as well, and the slope with it.
    """
    total = visits.groupby(UNIT)["session_count"].transform("max")
    if question.cohort.study.plan.sessions_fixed or total.nunique() < 2:
        return ()
    ended = visits["session_count"].eq(total).astype("float64")
    found = shift_by_readings(question, visits.assign(ended=ended))
    if found is None or found.ci_low <= 0:
        return ()
    return (Hold(why=note("stopped_when_good", shift=fmt.ends(found)), adverse=False),)


def shift_by_readings(question: Question, seen: pd.DataFrame) -> Part | None:
    """Estimate by how much sites read higher at the end of treatment for having ended on readings.

    ``seen`` holds visits with ``ended``, 1 after the last session of the site. It is the mean over
    sites of the last reading minus the mean of all sites read after as many sessions: selection by
    readings that scatter by chance adds no more to the end of treatment. With readings and stopping
    both taken from their means after as many sessions, every reading adds the product of the two.

    Returns
    -------
    Part or None
        None where too few sites that went on were assessed after as many sessions.
    """
    by_level = seen.groupby("session_count")
    if n_patients(seen[by_level["ended"].transform("nunique") > 1]) < MIN_PATIENTS:
        return None
    away = seen[SCORE].astype("float64") - by_level[SCORE].transform("mean")
    product = away * (seen["ended"] - by_level["ended"].transform("mean"))
    total = product.groupby([seen[c] for c in UNIT]).transform("sum")
    shifts = seen.assign(shift=total.round(9)).drop_duplicates(UNIT)
    if shifts["shift"].nunique() > 1:
        return contrasts.group_mean(question, shifts, "shift", "shift by readings")
    same = float(shifts["shift"].iloc[0])
    return Part(kind="arm", label="shift by readings", value=same, ci_low=same, ci_high=same)


def _beyond_time(question: Question, visits: pd.DataFrame) -> Answer | None:
    """Estimate the slope minus that of untreated sites; None where too few were seen as often.

    Each arm has its own intercept and its own slope between patients; what needling adds to the
    slope within patients that all rows share is the coefficient ``beyond``.
    """
    others, missing = untreated_visits(question, visits)
    n = n_patients(others[several_visits(others)])
    if n < MIN_PATIENTS or question.cohort.study.limit("between_groups") is not None:
        return None
    designs = [session_design(visits), session_design(others).add_suffix("_untreated")]
    design = pd.concat(designs, ignore_index=True).fillna(0.0).rename(columns={"within": "beyond"})
    design["within_untreated"] += design["beyond"]
    rows = pd.concat([visits, others], ignore_index=True)
    fitted, behind = model.fit(question, rows, rows[SCORE], design), rows[several_visits(rows)]
    found = model.answer(question, fitted, behind, "beyond", "slope_beyond_time")
    slope = fmt.ends(_slope(fitted, "within_untreated", "untreated", n))
    patients = Count(n=n, noun="patient")
    said = note("slope_of_time", arm=question.reference, patients=patients, slope=slope)
    holds, remarks = (*found.holds, *question.carried_over), (said, *question.indication)
    return replace(found, n_missing=missing, remarks=remarks, holds=holds)


def several_visits(visits: pd.DataFrame) -> pd.Series:
    """Tell which rows are of patients seen after several numbers of sessions in one arm."""
    sessions = visits.groupby(["patient_id", "treatment"])["session_count"]
    return sessions.transform("max") > sessions.transform("min")


def untreated_visits(question: Question, visits: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return visits of the control numbered by the session at their time; count those not known.

    A session's time is the median week of the needled ``visits`` after it; an assessment belongs
    to the nearest time, to none where it lies as late as a further session would. The one of a
    site that is nearest to each time counts.
    """
    nothing = pd.Series(dtype="float64")
    times = visits.groupby("session_count")["weeks"].median() if "weeks" in visits else nothing
    times = times[times > times.cummax().shift(fill_value=0.0)].astype("float64")
    if len(times) < 2:
        return visits.iloc[:0], 0
    control = select_arm(question.cohort.data, question.control)
    control, steps = control[~is_baseline(control)], np.diff(times, prepend=0.0)
    ends = np.append(times - steps / 2, times.iloc[-1] + steps[-1] / 2)
    weeks = control["weeks"].astype("float64")
    number = pd.cut(weeks, ends, labels=times.index).astype("float64")
    seen = control.assign(session_count=number, _away=(weeks - number.map(times)).abs())
    seen = seen[number.notna()].sort_values(["_away", "weeks"]).drop(columns="_away")
    rows, missing = complete_rows(seen.drop_duplicates([*UNIT, "session_count"]), [SCORE])
    return rows, missing + int(weeks.isna().sum())


def slope(question: Question) -> Answer:
    """Estimate the slope of an outcome on a column, over needled patients, adjusted.

    The outcome is the final improvement, or a measure taken once a site.
    """
    question.require_comparable_groups()
    x, y = question.params["on"], question.params.get("outcome", "improvement_score")
    rows, missing = _rows(question, x, y)
    require_patients(rows, note("needled_with_both", x=x, y=y))
    if rows[x].nunique() < 2:
        raise NotTestable(note("same_in_all", column=x))
    fitted, used = adjusted_slope(question, rows, x, y)
    parts, remarks = _uncoupled(question) if x == "baseline_severity" else ((), question.indication)
    answer = model.answer(question, fitted, rows, "slope", "slope", adjusted=used)
    left, open_ = left_out(question, rows, _covariates(question, x), used)
    return replace(
        answer,
        n_missing=missing,
        parts=parts,
        remarks=(*left, *remarks),
        holds=(*answer.holds, *open_),
    )


def _covariates(question: Question, x: str) -> list[str]:
    return [n for n in question.adjust_for(usual_covariates(question)) if n != x]


def _uncoupled(question: Question) -> tuple[tuple[Part, ...], tuple[Note, ...]]:
    """Estimate Oldham's slope: raw change on the mean of before and after, not on before.

    Noise in the first score pushes a slope on it towards more change, but not one on the mean of
    both: that is zero whenever both have the same spread (Oldham 1962, J Chronic Dis 15:969-977).
    Choosing patients by the first score narrows its spread, and so bends this slope too.
    """
    coupled = note("coupled_to_baseline")
    found = None if question.brief else raw_pairs(question.cohort.data, question.week)
    if found is None:
        return (), (coupled,)
    scale, pairs = found
    rows = select_arm(pairs, question.needled).reset_index(drop=True)
    if n_patients(rows) < MIN_PATIENTS or rows["middle"].nunique() < 2:
        return (), (coupled,)
    design = pd.DataFrame({"intercept": 1.0, "slope": rows["middle"]})
    fitted = model.fit(question, rows, rows["gain"], design)
    label = "Oldham: raw change on the mean of before and after"
    unit = f"points per point of {scale.name}"
    part = _slope(fitted, "slope", label, n_patients(rows), unit)
    worse = "higher" if scale.better == "lower" else "lower"
    return (part,), (coupled, note("oldham", slope=fmt.ends(part), unit=part.unit, worse=worse))


def adjusted_slope(
    question: Question, rows: pd.DataFrame, x: str, y: str
) -> tuple[model.Fitted, list[str]]:
    """Fit the slope of y on x; return the model, the slope and what it is adjusted for."""
    base = pd.DataFrame({"intercept": 1.0, "slope": rows[x].astype("float64")})
    extra, used = covariates(rows, _covariates(question, x), beside=base)
    fitted = model.fit(question, rows, rows[y], pd.concat([base, extra], axis=1))
    return fitted, used


def _rows(question: Question, x: str, y: str) -> tuple[pd.DataFrame, int]:
    if y == "improvement_score":
        source = select_arm(question.sites, question.needled)
    else:
        source = select_arm(question.cohort.data, NEEDLED)
        source = source[source[y].notna()]
    rows, missing = complete_rows(source, [x, y])
    return rows.reset_index(drop=True), missing


def session_visits(question: Question) -> tuple[pd.DataFrame, int]:
    """Return the first assessment of each site after each session, and how many are not known.

    Those lack the score, or the number of sessions before them.
    """
    needled = select_arm(question.cohort.data, NEEDLED)
    treated = needled[~is_baseline(needled)]
    keys = [k for k in ("weeks", "weeks_since_last_session") if k in treated]
    ordered = treated.sort_values(keys, kind="stable") if keys else treated
    first = ordered.drop_duplicates([*UNIT, "session_count"]).copy()
    first["session_count"] = first["session_count"].astype("float64")
    return complete_rows(first, ["session_count", "improvement_score"])


def session_design(visits: pd.DataFrame) -> pd.DataFrame:
    """Return sessions as their mean in the patient, where it varies, and what they add to it.

    A single patient with another mean than all the others tells no slope between patients.
    """
    mean = visits.groupby("patient_id")["session_count"].transform("mean")
    columns = {"intercept": 1.0, "within": visits["session_count"] - mean, "between": mean}
    design = pd.DataFrame(columns)
    own = mean[~visits["patient_id"].duplicated()].round(9)
    alike = np.unique(own, return_counts=True)[1].max()
    return design if len(own) - alike > 1 else design.drop(columns="between")


def _slope(
    fitted: model.Fitted, name: str, label: str, n: int, unit: str = "points per session"
) -> Part:
    found = interval_of(model.pick(fitted, {name: 1.0}))
    return Part(kind="slope", label=label, n=n, unit=unit, **found)


def _between_note(fitted: model.Fitted) -> Note:
    between = model.pick(fitted, {"between": 1.0})
    return note(
        "slope_between_patients", slope=between.estimate, low=between.ci_low, high=between.ci_high
    )


def _session_parts(question: Question, visits: pd.DataFrame) -> tuple[Part, ...]:
    """Return the mean after each session and the gain of each session over the one before."""
    counts = visits.groupby("session_count")["patient_id"].nunique()
    levels = [s for s in sorted(counts.index) if counts[s] >= MIN_PATIENTS]
    rows = visits[visits["session_count"].isin(levels)]
    if len(levels) < 2:
        return ()
    columns = {f"s{s:g}": rows["session_count"].eq(s).astype("float64") for s in levels}
    fitted = model.fit(question, rows, rows["improvement_score"], pd.DataFrame(columns))
    wanted = [("session", f"{s:g}", s, {f"s{s:g}": 1.0}) for s in levels]
    wanted += [
        ("gain", f"session {b:g}", b, {f"s{b:g}": 1.0, f"s{a:g}": -1.0})
        for a, b in pairwise(levels)
    ]
    return tuple(
        Part(kind=kind, label=label, n=int(counts[s]), x=s, unit="points",
             **interval_of(model.pick(fitted, weights)))
        for kind, label, s, weights in wanted
    )  # fmt: skip


def _level_off(parts: tuple[Part, ...]) -> Note:
    gains = [p for p in parts if p.kind == "gain"]
    flat = next((p for p in gains if p.ci_low <= 0), None)
    if flat is None:
        return note("no_levelling_off", session=gains[-1].x)
    return note("gain_of_session", session=flat.x, gain=fmt.ends(flat))


def depth_contrast(question: Question) -> Answer:
    """Estimate final improvement beyond the depth threshold minus up to it, adjusted."""
    question.require_comparable_groups()
    threshold = float(question.params["threshold_mm"])
    sites = select_arm(question.sites, NEEDLED)
    rows, missing = complete_rows(sites, ["needle_depth_mm", "improvement_score"])
    deep = rows["needle_depth_mm"] > threshold
    require_patients(rows[deep], note("needled_deeper", threshold=threshold))
    require_patients(rows[~deep], note("needled_up_to", threshold=threshold))
    rows = rows.reset_index(drop=True)
    arm = deep.to_numpy(dtype="float64")
    answer = contrasts.contrast(question, rows, arm, "improvement_score", [])
    if question.brief:
        return replace(answer, n_missing=answer.n_missing + missing)
    crude = _crude(question, rows, arm)
    fitted, used = adjusted_slope(question, rows, "needle_depth_mm", "improvement_score")
    slope = _slope(fitted, "slope", "per mm", n_patients(rows), "points per mm")
    within, apart = _within_patients(question, rows)
    return replace(
        answer,
        n_missing=answer.n_missing + missing,
        parts=(
            *answer.parts,
            *_depth_arms(question, rows, deep.to_numpy(), threshold),
            crude,
            slope,
            *within,
        ),
        remarks=(
            *answer.remarks,
            note("crude_difference", difference=fmt.ends(crude)),
            note("slope_on_depth" if used else "crude_slope_on_depth", slope=fmt.ends(slope)),
            apart,
            *(note("deeper_for_worse", why=why) for why in question.indication),
        ),
    )


def _within_patients(question: Question, rows: pd.DataFrame) -> tuple[tuple[Part, ...], Note]:
    """Return the slope on depth within patients, free of differences between them."""
    depth = rows["needle_depth_mm"]
    by_patient = depth.groupby(rows["patient_id"])
    several = n_patients(rows[by_patient.transform("nunique") > 1])
    if several < MIN_PATIENTS:
        return (), note("depth_between_patients_only")
    mean = by_patient.transform("mean")
    design = pd.DataFrame({"intercept": 1.0, "within": depth - mean})
    if mean.round(9).nunique() > 1:  # where everybody had the same depths there is nothing between
        design["between"] = mean
    fitted = model.fit(question, rows, rows["improvement_score"], design)
    found = _slope(fitted, "within", "per mm, within patients", several, "points per mm")
    patients = Count(n=several, noun="patient")
    return (found,), note("slope_on_depth_within", patients=patients, slope=fmt.ends(found))


def _crude(question: Question, rows: pd.DataFrame, arm: object) -> Part:
    design = pd.DataFrame({"reference": 1.0, "treated": arm}, index=rows.index)
    fitted = model.fit(question, rows, rows["improvement_score"], design)
    crude, n = interval_of(model.pick(fitted, {"treated": 1.0})), n_patients(rows)
    return Part(kind="contrast", label="not adjusted", n=n, unit="points", **crude)


def _depth_arms(
    question: Question, rows: pd.DataFrame, deep: object, threshold: float
) -> tuple[Part, ...]:
    named = ((rows[deep], f"over {threshold:g} mm"), (rows[~deep], f"up to {threshold:g} mm"))  # type: ignore[operator]
    return tuple(
        contrasts.group_mean(question, frame, "improvement_score", label) for frame, label in named
    )
