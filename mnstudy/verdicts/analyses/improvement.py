"""Does it work: needled against untreated where there is a control, else the mean change."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import is_baseline
from mnstudy.verdicts.analyses import model
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    PLAIN_NEEDLING,
    UNIT,
    UNTREATED,
    Answer,
    Question,
    known,
    n_patients,
    n_sites,
    require_patients,
    scar_type_filter,
    select_arm,
)
from mnstudy.verdicts.findings import Part

REGRESSION_TO_THE_MEAN = (
    "part of a change without a comparison group is natural course and regression to the mean; "
    "this study cannot separate them"
)


def improvement(question: Question) -> Answer:
    """Estimate the final improvement in percent: controlled where possible."""
    sites = scar_type_filter(question.sites, question.params)
    return _effect(question, sites, "improvement_score", [])


def change(question: Question) -> Answer:
    """Estimate the change of a raw measure from before to after, oriented so that up is better."""
    outcome = question.params["outcome"]
    percent = bool(question.params.get("percent"))
    sites = _changes(question, outcome, percent=percent)
    if question.params["better"] == "lower":
        sites["change"] = -sites["change"]
    return _effect(question, sites, "change", ["before"])


def _changes(question: Question, outcome: str, *, percent: bool) -> pd.DataFrame:
    data = question.cohort.data
    measured = data[data[outcome].notna()]
    before = measured[is_baseline(measured)].drop_duplicates(UNIT)
    after = measured[~is_baseline(measured)]
    keys = [c for c in ("weeks", "session_count") if c in after]
    last = after.sort_values(keys, kind="stable").drop_duplicates(UNIT, keep="last")
    pairs = last.merge(before[[*UNIT, outcome]], on=UNIT, suffixes=("", "_before"))
    pairs["before"] = pairs[f"{outcome}_before"]
    pairs["change"] = pairs[outcome] - pairs["before"]
    if percent:
        pairs = pairs[pairs["before"] > 0].copy()
        pairs["change"] *= 100 / pairs["before"]
    return pairs


def _effect(question: Question, sites: pd.DataFrame, outcome: str, baseline: list[str]) -> Answer:
    treated, missing = known(select_arm(sites, PLAIN_NEEDLING), [outcome])
    require_patients(treated, "treated with needling alone and a known outcome")
    control, missing_control = known(select_arm(sites, UNTREATED), [outcome])
    confounded = question.cohort.study.limit("between_groups") is not None
    if n_patients(control) < MIN_PATIENTS or confounded:
        return _uncontrolled(question, treated, outcome, missing)
    return _controlled(question, treated, control, outcome, baseline, missing + missing_control)


def _uncontrolled(question: Question, treated: pd.DataFrame, outcome: str, missing: int) -> Answer:
    fitted = model.mean(question, treated, treated[outcome])
    notes = [REGRESSION_TO_THE_MEAN, *_cluster_note(question, treated)]
    notes += _interval_note(treated, outcome)
    return Answer(
        estimate=model.estimate(
            model.pick(fitted, {"mean": 1.0}),
            unit=question.claim.unit,
            method=f"mean change of needled sites; {model.describe(question, fitted)}",
        ),
        comparison="uncontrolled",
        n_patients=n_patients(treated),
        n_sites=n_sites(treated),
        n_missing=missing,
        parts=by_level(question, treated, outcome, "scar_type"),
        notes=(*notes, *_missing_note(missing)),
    )


def _controlled(
    question: Question,
    treated: pd.DataFrame,
    control: pd.DataFrame,
    outcome: str,
    baseline: list[str],
    missing: int,
) -> Answer:
    both = pd.concat([treated, control])
    arm = pd.Series(0.0, index=both.index)
    arm.iloc[: len(treated)] = 1.0
    both = both.reset_index(drop=True)
    answer = contrast(question, both, arm.to_numpy(), outcome, baseline)
    means = [
        arm_mean(question, frame, outcome, label)
        for frame, label in ((treated, "needling alone"), (control, "untreated"))
    ]
    return replace(
        answer,
        n_missing=missing,
        parts=(*means, *by_level(question, treated, outcome, "scar_type")),
        notes=(*answer.notes, *_missing_note(missing)),
    )


def contrast(
    question: Question, frame: pd.DataFrame, arm: object, outcome: str, baseline: list[str]
) -> Answer:
    """Estimate treated minus reference, adjusted, within the person where sites are paired.

    ``frame`` holds the sites of both arms, ``arm`` 1 for treated and 0 for reference.
    """
    base = pd.DataFrame({"reference": 1.0, "treated": arm}, index=frame.index)
    names = [] if question.cohort.study.randomised else list(model.ADJUST_FOR)
    extra, used = model.covariates(frame, names, beside=base)
    design = pd.concat([base, extra], axis=1)
    for column in baseline:
        design[column] = frame[column] - frame[column].mean()
    paired = _pairs(frame, base["treated"])
    question.require_declared_design(paired)
    fitted = model.fit(question, frame, frame[outcome], design)
    notes = []
    if paired:
        notes.append(f"{fmt.count(paired, 'patient')} had both: compared within the person")
    return Answer(
        estimate=model.estimate(
            model.pick(fitted, {"treated": 1.0}),
            unit=question.claim.unit,
            method=model.describe(question, fitted, [*used, *baseline]),
        ),
        comparison=question.comparison,
        n_patients=n_patients(frame),
        n_sites=n_sites(frame),
        notes=tuple(notes),
    )


def _pairs(frame: pd.DataFrame, arm: pd.Series) -> int:
    return int((arm.groupby(frame["patient_id"].to_numpy()).nunique() == 2).sum())


def arm_mean(question: Question, frame: pd.DataFrame, outcome: str, label: str) -> Part:
    """Return the mean of one arm as a further number of the finding."""
    fitted = model.mean(question, frame, frame[outcome])
    return model.part(
        "arm",
        label,
        model.pick(fitted, {"mean": 1.0}),
        n=n_patients(frame),
        unit=question.claim.unit,
    )


def by_level(
    question: Question, frame: pd.DataFrame, outcome: str, factor: str
) -> tuple[Part, ...]:
    """Return the mean of every level of a factor with enough patients, in clinical order."""
    if factor not in frame or frame[factor].nunique() < 2:
        return ()
    parts = []
    for level in frame[factor].cat.categories:
        group = frame[frame[factor] == level]
        if n_patients(group) < MIN_PATIENTS or group[outcome].nunique() < 2:
            continue
        fitted = model.mean(question, group, group[outcome])
        mean = model.pick(fitted, {"mean": 1.0})
        label = str(level).replace("_", " ")
        parts.append(
            model.part("level", label, mean, n=n_patients(group), unit=question.claim.unit)
        )
    return tuple(parts)


def _missing_note(missing: int) -> list[str]:
    return [f"{fmt.count(missing, 'site')} without a known outcome left out"] if missing else []


def _cluster_note(question: Question, frame: pd.DataFrame) -> list[str]:
    if question.cohort.study.cluster != "clinic_id":
        return []
    studies = frame["clinic_id"].nunique()
    if studies == 1:
        return ["all patients come from one study: nothing is known about other studies"]
    return [f"{studies} studies; the interval speaks of the mean of such studies"]


def _interval_note(frame: pd.DataFrame, outcome: str) -> list[str]:
    if outcome != "improvement_score" or "improvement_low" not in frame:
        return []
    low, high = frame["improvement_low"], frame["improvement_high"]
    coarse = int((high > low).sum())
    if not coarse:
        return []
    ends = f"{fmt.number(low.mean(), 0)} and {fmt.number(high.mean(), 0)}"
    return [
        f"improvement of {fmt.count(coarse, 'site')} is known only to a class and enters at its "
        f"middle; the mean lies between {ends} whatever the true values are"
    ]
