"""The published evidence as one table: a row for every claim, measure and endpoint."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

import pandas as pd

from mnstudy.cohort.published.tables import Published, contrast_frame, load_published
from mnstudy.verdicts.claims.registry import Claim, select
from mnstudy.verdicts.evidence.checks import HETEROGENEITY
from mnstudy.verdicts.evidence.directions import EvidenceState
from mnstudy.verdicts.evidence.effects import R_GRID, only_describes
from mnstudy.verdicts.evidence.evidence import Assessed, ClaimEvidence, assess, claim_evidence
from mnstudy.verdicts.evidence.groups import StudyGroup, estimate_group
from mnstudy.verdicts.finding.finding import Estimate

_LIMITS = ("estimate", "ci_low", "ci_high")
COLUMNS = (
    "claim", "title", "state", "decides", "controlled", "comparison", "measure", "endpoint",
    "k", "people", "unit", *_LIMITS, "confidence_level", "prediction_low", "prediction_high",
    "tau2", "tau2_low", "tau2_high", "i2", "i2_low", "i2_high", "egger_p", "left_out_low",
    "left_out_high", *(f"r{round(100 * r):03d}_{end}" for r in R_GRID for end in _LIMITS),
    "rule", "margin", "certainty", "verdict", "reason", "method", "studies", "directions", "sha256",
)  # fmt: skip


def evidence_table(
    claims: str | Iterable[str] | None = None,
    *,
    data: str | os.PathLike[str] | Published | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Estimate every claim x measure x endpoint of the published contrasts, controlled apart.

    Parameters
    ----------
    claims : str or iterable of str, optional
        Claim ids; all when left out.
    data : path or Published, optional
        A folder with your own extraction in the same tables; the shipped one when left out.
    confidence_level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row a group of studies: ``state`` pooled or single study; ``decides`` marks the group
        that the claim's finding rests on; estimate, interval and prediction interval in ``unit``;
        ``tau2`` on the scale it is pooled on and ``i2`` in percent, each with its Q-profile
        interval; ``egger_p`` from 10 studies; ``left_out_low`` and ``left_out_high``, the range
        of the estimates without one study; ``r030_``, ``r050_`` and ``r070_``, the estimate under
        each correlation within the person; certainty, verdict and reason; ``studies``, their
        ids; ``directions``, how many studies print a direction of effect for the claim.
        A claim without any group has one row: direction only, or nothing found.

    Raises
    ------
    ValueError
        For a ``confidence_level`` that is none.
    DataError
        The tables break their contract.

    Notes
    -----
    A number that does not exist is missing: heterogeneity of one study or of counts that are
    added up, a prediction interval of one study, Egger's test below 10 studies. The columns of
    the correlations are missing where no contrast is paired. Studies that share people with
    another, reviews, animal and laboratory studies are in no group. Where the contrasts only
    describe (radiofrequency needling, which no study compares with plain needling), the group is
    estimated and the verdict is "not testable". Directions of effect bear on the certainty of the
    group that decides, not of the others.

    References
    ----------
    Methods: ``mnstudy.stats.pool``. Certainty: ``mnstudy.verdicts.evidence.certainty``.

    Examples
    --------
    >>> table = evidence_table(["comparable-to-laser", "blood-flow", "home-riskier"])
    >>> table[["claim", "state", "k"]]
                     claim           state  k
    0  comparable-to-laser          pooled  2
    1           blood-flow  direction only  0
    2         home-riskier   nothing found  0
    """
    if not 0.5 < confidence_level < 1:
        raise ValueError(f"confidence_level is {confidence_level}: give a number as 0.95")
    published = data if isinstance(data, Published) else load_published(data)
    frame = contrast_frame(published)
    found = (claim_evidence(claim, frame, published, confidence_level) for claim in select(claims))
    return pd.DataFrame([row for one in found for row in table_rows(one)], columns=list(COLUMNS))


def table_rows(found: ClaimEvidence) -> list[dict[str, object]]:
    """Return the rows of one claim: one a group of studies, or one that says there is none."""
    shared = _shared(found.claim, found.published)
    if not found.groups:
        return [shared | _without(found.state)]
    first = [] if found.deciding is None else [found.deciding]
    others = [assess(group) for group in found.groups[len(first) :]]
    decides = [True] * len(first) + [False] * len(others)
    return [
        shared | _row(assessed) | {"decides": yes}
        for assessed, yes in zip([*first, *others], decides, strict=True)
    ]


def _shared(claim: Claim, published: Published) -> dict[str, object]:
    directions = published.directions
    said = directions.loc[directions["claim_id"] == claim.id, "study_id"].nunique()
    return {
        "claim": claim.id,
        "title": claim.title,
        "directions": int(said),
        "sha256": published.sha256,
    }


def _without(state: EvidenceState) -> dict[str, object]:
    return {
        "state": state.word,
        "decides": False,
        "k": 0,
        "people": 0,
        "certainty": "",
        "verdict": "not testable",
        "reason": state.sentence,
    }


def _row(assessed: Assessed) -> dict[str, object]:
    group, found, estimate = assessed.group, assessed.found, assessed.found.estimate
    left_out = [x.estimate.value for x in found.left_out]
    return {
        "state": "pooled" if len(group.rows) > 1 else "single study",
        "controlled": group.controlled,
        "comparison": group.comparison,
        "measure": group.name,
        "endpoint": group.endpoint,
        "k": len(group.rows),
        "people": group.people,
        "unit": estimate.unit,
        "confidence_level": group.confidence_level,
        "egger_p": found.egger.p_value if found.egger else math.nan,
        "left_out_low": min(left_out, default=math.nan),
        "left_out_high": max(left_out, default=math.nan),
        "rule": group.measure.rule,
        "margin": group.measure.margin,
        "method": estimate.method,
        "studies": " ".join(group.rows["study_id"]),
        **_ends(estimate),
        **{name: getattr(found, name) for name in HETEROGENEITY},
        **_grid(group),
        **_judged(assessed),
    }


def _ends(estimate: Estimate, prefix: str = "") -> dict[str, object]:
    values = (estimate.value, estimate.ci_low, estimate.ci_high)
    return {prefix + end: value for end, value in zip(_LIMITS, values, strict=True)}


def _grid(group: StudyGroup) -> dict[str, object]:
    if not group.rows["paired"].any():
        return {}
    cells: dict[str, object] = {}
    for r in R_GRID:
        cells |= _ends(estimate_group(group, r)[0], f"r{round(100 * r):03d}_")
    return cells


def _judged(assessed: Assessed) -> dict[str, object]:
    describes = only_describes(assessed.group.claim)
    if describes:
        return {"certainty": "", "verdict": "not testable", "reason": describes}
    return {
        "certainty": assessed.certainty.level,
        "verdict": assessed.verdict.word,
        "reason": assessed.verdict.reason,
    }
