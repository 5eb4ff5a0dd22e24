"""Studies with what they found, how deep they needled and how many sessions they gave."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.published.tables import Published, contrast_frame
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.analyses.question import PLAIN_NEEDLING, scar_type_filter, select_arm
from mnstudy.verdicts.analyses.study_means import SCORE, large_enough, study_means
from mnstudy.verdicts.claims.registry import Claim, claim, registry
from mnstudy.verdicts.evidence.effects import R_SHOWN, Measure, effects
from mnstudy.verdicts.evidence.groups import StudyGroup, groups

MIN_STUDIES = 6  # fewer give a slope of little but chance; ten are often asked for
_UNIT_OF_SCALE = {
    "arcsine": "radians (arcsine of the root of the share)",
    "log": "log odds ratio",
    "percent": "share",
}
_RANGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:[-–]\s*(\d+(?:\.\d+)?))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparableStudies:
    """Effects of studies that may be compared, each with its moderators; nan where not printed."""

    claim: Claim
    measure: str
    endpoint: str
    controlled: bool
    effect: np.ndarray
    variance: np.ndarray
    depth: np.ndarray
    sessions: np.ndarray
    scale: Measure | None
    unit: str


def of_contrasts(published: Published) -> Iterator[ComparableStudies]:
    """Yield the groups of plain needling that hold enough studies."""
    arms = published.arms.set_index(["study_id", "arm_id"])
    frame = contrast_frame(published)
    frame = frame[frame["primary"] & frame["modality"].eq("plain")]
    known = arms[["needle_depth_min_mm", "needle_depth_max_mm", "sessions"]]
    frame = frame.join(known, on=["study_id", "treated_arm_id"])
    for one in registry().values():
        own = frame[frame["claim_id"] == one.id]
        for group in groups(one, own, 0.95) if len(own) else ():
            if len(group.rows) >= MIN_STUDIES:
                yield _of_group(group)


def _of_group(group: StudyGroup) -> ComparableStudies:
    effect, variance = effects(group.rows, group.name, r=R_SHOWN)
    scale = group.measure
    return ComparableStudies(
        claim=group.claim,
        measure=group.name,
        endpoint=group.endpoint,
        controlled=group.controlled,
        effect=effect,
        variance=variance,
        depth=depth(group.rows),
        sessions=sessions(group.rows["sessions"]),
        scale=scale,
        unit=_UNIT_OF_SCALE.get(scale.scale, scale.unit),
    )


def depth(rows: pd.DataFrame) -> np.ndarray:
    """Return the middle of the printed depths in mm, the only one where one is printed."""
    ends = rows[["needle_depth_min_mm", "needle_depth_max_mm"]].astype("float64")
    return ends.mean(axis=1, skipna=True).to_numpy(dtype="float64")


def sessions(printed: pd.Series) -> np.ndarray:
    """Return numbers of sessions, a range as its middle; nan where none is printed.

    >>> sessions(pd.Series(["4", "1-3", None]))
    array([ 4.,  2., nan])
    """
    return np.array([_middle(text) for text in printed], dtype="float64")


def _middle(text: object) -> float:
    found = _RANGE.fullmatch(str(text))
    if found is None:
        return math.nan
    ends = [float(x) for x in found.groups() if x is not None]
    return sum(ends) / len(ends)


def of_patients(cohort: Cohort) -> list[ComparableStudies]:
    """Return the mean improvement of each study, where patients are those of studies."""
    one = claim("reduces-scarring")
    if cohort.study.cluster != "clinic_id" or SCORE not in cohort.data:
        return []
    sites = select_arm(scar_type_filter(cohort.sites(), one.params), PLAIN_NEEDLING)
    kept, _ = large_enough(sites[sites[SCORE].notna()])
    if kept.empty:
        return []
    studies = study_means(kept, 0.95)
    given = _by_study(kept, "session_count")
    ends = [_by_study(kept, f"session_count_{end}") for end in ("min", "max")]
    body = ComparableStudies(
        claim=one,
        measure="mean of patients",
        endpoint="improvement in percent",
        controlled=False,
        effect=np.array([(s.low + s.high) / 2 for s in studies]),
        variance=np.array([s.std_error**2 for s in studies]),
        depth=_by_study(kept, "needle_depth_mm"),
        sessions=np.where(np.isnan(given), (ends[0] + ends[1]) / 2, given),
        scale=None,
        unit=one.unit,
    )
    return [body]


def _by_study(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Return the mean of a column in each study, nan where it is not known or not there."""
    values = pd.Series(math.nan, index=frame.index)
    if column in frame:
        values = pd.to_numeric(frame[column]).astype("float64")
    found = values.groupby(frame["clinic_id"].to_numpy(), sort=True).mean()
    return found.to_numpy(dtype="float64")
