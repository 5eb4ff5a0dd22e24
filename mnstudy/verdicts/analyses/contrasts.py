"""Two arms: the adjusted difference, within the person where sites are paired, and each mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mnstudy.verdicts.analyses import beside, model
from mnstudy.verdicts.analyses.question import (
    MIN_PATIENTS,
    Answer,
    Question,
    n_patients,
    n_sites,
)
from mnstudy.verdicts.finding.finding import Part
from mnstudy.words.notes import Count, Note, note


def contrast(
    question: Question, frame: pd.DataFrame, arm: object, outcome: str, baseline: list[str]
) -> Answer:
    """Estimate treated minus reference, adjusted, within the person where sites are paired.

    ``frame`` holds the sites of both arms, ``arm`` 1 for treated and 0 for reference.
    """
    base = pd.DataFrame({"reference": 1.0, "treated": arm}, index=frame.index)
    names = question.adjust_for([] if question.randomised else model.ADJUST_FOR)
    extra, used = model.covariates(frame, names, beside=base)
    design = pd.concat([base, extra], axis=1)
    for column in baseline:
        design[column] = frame[column] - frame[column].mean()
    paired = _pairs(frame, base["treated"])
    question.require_declared_design(paired)
    fitted = model.fit(question, frame, frame[outcome], design)
    parts, reached = beside.responders(question, frame, base["treated"], outcome)
    both = Count(n=paired, noun="patient")
    remarks = [note("within_person", patients=both)] if paired else []
    remarks += [*reached, *_left_out(frame, names, used)]
    if paired and question.cohort.study.design == "split_body":
        remarks += beside.sides(frame, base["treated"], outcome)
    return Answer(
        estimate=model.estimate(
            model.pick(fitted, {"treated": 1.0}),
            unit=question.claim.unit,
            how=model.describe(question, fitted.result, [*used, *baseline]),
            adjusted=[*used, *baseline],
        ),
        comparison=question.comparison,
        n_patients=n_patients(frame),
        n_sites=n_sites(frame),
        layout=fitted.layout("treated"),
        parts=parts,
        remarks=tuple(remarks),
    )


def _left_out(frame: pd.DataFrame, names: Sequence[str], used: Sequence[str]) -> list[Note]:
    """Name the covariates that differ between patients but are not in the model."""
    left = [n for n in names if n in frame and n not in used and frame[n].nunique() > 1]
    return [note("not_adjusted_for", names=model.plain(left))] if left else []


def _pairs(frame: pd.DataFrame, arm: pd.Series) -> int:
    codes, _ = pd.factorize(frame["patient_id"])
    return len(np.intersect1d(*(codes[arm.to_numpy() == side] for side in (0, 1))))


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
    if question.brief or factor not in frame or frame[factor].nunique() < 2:
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
