"""Do studies that needled deeper, or more often, show more: meta-regression and its caveat."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mnstudy.cohort.loading.datasets import load
from mnstudy.cohort.published.tables import Published, contrast_frame, load_published
from mnstudy.cohort.table import Cohort
from mnstudy.stats.meta.meta_regression import regress_effects
from mnstudy.verdicts.analyses.question import PLAIN_NEEDLING, scar_type_filter, select_arm
from mnstudy.verdicts.analyses.studies import SCORE, large_enough, study_means
from mnstudy.verdicts.claims.registry import Claim, claim, registry
from mnstudy.verdicts.evidence.effects import Measure, effects
from mnstudy.verdicts.evidence.groups import StudyGroup, counted, groups
from mnstudy.words.notes import Note, note

MIN_STUDIES = 6  # fewer give a slope of little but chance; ten are often asked for
_UNIT_OF_SCALE = {
    "arcsine": "radians (arcsine of the root of the share)",
    "log": "log odds ratio",
    "percent": "share",
}
_RANGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:[-–]\s*(\d+(?:\.\d+)?))?\s*")
ECOLOGICAL = note("slope_ecological")
MODERATORS = {"depth": "needle depth (mm)", "sessions": "sessions"}
UNITS = {"depth": "mm", "sessions": "session"}
COLUMNS = (
    "claim", "measure", "endpoint", "controlled", "moderator", "studies", "k", "least", "most",
    "slope", "ci_low", "ci_high", "unit", "p_value", "at_least", "at_most", "shown_unit",
    "tau2", "r2", "caveat",
)  # fmt: skip


def between_studies(
    published: Published | None = None,
    patients: Cohort | None = None,
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Regress what studies found on how deep they needled and how many sessions they gave.

    Parameters
    ----------
    published : Published, optional
        Study-level evidence; the shipped one when left out.
    patients : Cohort, optional
        Patients of several studies (cluster clinic_id); when both are left out the shipped ones,
        with a ``published`` of your own none.
    confidence_level : float

    Returns
    -------
    DataFrame
        One row per claim, measure, endpoint and moderator with six comparable studies or more.
        ``k`` studies print the moderator (of ``studies``), from ``least`` to ``most``; ``slope``
        is per mm or per session on the scale the effects are pooled on (``unit``), ``at_least``
        and ``at_most`` the mean effect at these ends in ``shown_unit``. ``tau2`` is what is left
        between studies, ``r2`` the percent explained. With fewer than six known values, or the
        same value throughout, there is no slope and ``caveat`` says so.

    Notes
    -----
    Primary contrasts of plain needling, the groups that ``evidence`` pools; REML, Knapp-Hartung
    errors never below the Wald error. Depth is the middle of the least and greatest printed depth
    of the treated arm, the one where only one is printed; a range of sessions ("1-3") counts as
    its middle. Nothing is imputed: studies that do not print the moderator are left out. Studies
    of patients known only to bounds enter at the middle. No row makes a verdict: the claims about
    depth and sessions ask for patients compared within studies.

    References
    ----------
    Thompson & Higgins (2002), doi 10.1002/sim.1187.

    Examples
    --------
    >>> table = between_studies()
    >>> table.loc[table["slope"].notna(), ["claim", "moderator", "k"]].head(2)
                   claim moderator  k
    1   reduces-scarring  sessions  6
    5  treats-acne-scars  sessions  6
    """
    if not 0.5 < confidence_level < 1:
        raise ValueError(f"confidence_level is {confidence_level}: give a number as 0.95")
    if published is None and patients is None:
        patients = load("published_patients")
    bodies = list(of_contrasts(load_published() if published is None else published))
    if patients is not None:
        bodies += of_patients(patients)
    rows = [_row(body, name, confidence_level) for body in bodies for name in MODERATORS]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(body: ComparableStudies, moderator: str, level: float) -> dict[str, object]:
    value = body.depth if moderator == "depth" else body.sessions
    known = np.isfinite(value)
    row: dict[str, object] = {
        **dict.fromkeys(COLUMNS, math.nan),
        "claim": body.claim.id,
        "measure": body.measure,
        "endpoint": body.endpoint,
        "controlled": body.controlled,
        "moderator": moderator,
        "studies": len(value),
        "k": int(known.sum()),
        "least": float(value[known].min()) if known.any() else math.nan,
        "most": float(value[known].max()) if known.any() else math.nan,
        "unit": f"{body.unit} per {UNITS[moderator]}",
        "shown_unit": body.unit if body.scale is None else body.scale.unit,
    }
    refused = _refused(moderator, value, known)
    if refused:
        return {**row, "caveat": str(note("several", said=(refused, ECOLOGICAL)))}
    return {**row, **_slope(body, value, known, level), "caveat": str(ECOLOGICAL)}


def _refused(moderator: str, value: np.ndarray, known: np.ndarray) -> Note | None:
    """Say why there is no slope; None where there is one."""
    k, name = int(known.sum()), MODERATORS[moderator]
    if k < MIN_STUDIES:
        studies = counted(len(value), "study", "studies")
        return note("no_slope_too_few", moderator=name, known=k, studies=studies, least=MIN_STUDIES)
    return note("no_slope_same", moderator=name) if np.ptp(value[known]) == 0 else None


def _slope(
    body: ComparableStudies, value: np.ndarray, known: np.ndarray, level: float
) -> dict[str, object]:
    fitted = regress_effects(
        body.effect[known],
        body.variance[known],
        value[known],
        knapp_hartung="adhoc",
        confidence_level=level,
    )
    ends = fitted.predict([float(value[known].min()), float(value[known].max())])["estimate"]
    shown = [float(x) if body.scale is None else body.scale.back(float(x)) for x in ends]
    return {
        "slope": fitted.estimates[1],
        "ci_low": fitted.ci_low[1],
        "ci_high": fitted.ci_high[1],
        "p_value": fitted.p_values[1],
        "at_least": shown[0],
        "at_most": shown[1],
        "tau2": fitted.tau2,
        "r2": fitted.r2,
    }


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
    frame = frame[frame["primary"] & ~frame["add_on"] & frame["modality"].eq("plain")]
    known = arms[["needle_depth_min_mm", "needle_depth_max_mm", "sessions"]]
    frame = frame.join(known, on=["study_id", "treated_arm_id"])
    for one in registry().values():
        own = frame[frame["claim_id"] == one.id]
        for group in groups(one, own, 0.95) if len(own) else ():
            if len(group.rows) >= MIN_STUDIES:
                yield _of_group(group)


def _of_group(group: StudyGroup) -> ComparableStudies:
    effect, variance = effects(group.rows, group.name)
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
