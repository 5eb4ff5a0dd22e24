"""The published evidence as one table: a row for every claim, measure and endpoint."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from mnstudy.cohort.published.tables import Published, as_published, contrast_frame
from mnstudy.verdicts.claims.registry import Claim, select
from mnstudy.verdicts.evidence.certainty import settings
from mnstudy.verdicts.evidence.directions import EvidenceState
from mnstudy.verdicts.evidence.effects import R_GRID, correlations, effects, turned
from mnstudy.verdicts.evidence.evidence import (
    Assessed,
    ClaimEvidence,
    assess,
    claim_evidence,
    lowered_domains,
)
from mnstudy.verdicts.evidence.groups import (
    BESIDE,
    Beside,
    PooledGroup,
    StudyGroup,
    groups,
    pool_group,
)
from mnstudy.verdicts.finding.finding import Estimate
from mnstudy.words.notes import note

_LIMITS = ("estimate", "ci_low", "ci_high")
COLUMNS = (
    "claim", "title", "state", "decides", "controlled", "comparison", "measure", "endpoint",
    "k", "people", "unit", *_LIMITS, "confidence_level", "prediction_low", "prediction_high",
    "tau2", "tau2_low", "tau2_high", "i2", "i2_low", "i2_high", "egger_p", "left_out_low",
    "left_out_high", *(f"r{round(100 * r):03d}_{end}" for r in R_GRID for end in _LIMITS),
    "rule", "margin", "certainty", "verdict", "reason", "method", "studies", "directions", "sha256",
    "design_class", "add_on", "condition", "substance", "interval_kind", "tau", "tau_low",
    "tau_high", "rho", "rho_low", "rho_high", "chance_beyond_margin", "limit_cut",
    *(f"{kind}_{end}" for kind in BESIDE for end in ("k", *_LIMITS)), "r_derived",
    "per_1000_reference", *(f"per_1000_{end}" for end in _LIMITS), "lowered", "outcome",
    "claim_state", "reference_arm", "phase", "weeks_after_last_low", "weeks_after_last_high",
    "because", *(f"steps_{name}" for name in settings()["domains"]),
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
        that the claim's finding rests on; ``design_class``, ``condition``, ``substance`` and
        ``add_on`` say of what, ``outcome`` is the endpoint in words; estimate, interval
        (``interval_kind``) and prediction interval in ``unit``; ``tau`` and ``tau2`` on the scale
        it is pooled on, ``i2`` in percent and ``rho`` of rates, each with its interval;
        ``chance_beyond_margin`` where a prior was used, beside it ``knapp_hartung_``,
        ``half_prior_`` and ``twice_prior_``; of rates ``all_zeros_`` (zeros that are only stated,
        too), ``exact_sum_`` and ``all_conditions_``; ``limit_cut`` where a limit lay beyond its
        scale; ``egger_p`` from 10 studies; ``left_out_low`` and ``left_out_high``, the range of
        the estimates without one study; ``r030_``, ``r050_`` and ``r070_``, the estimate under
        each correlation within the person where none is derived (``r_derived`` says for how many
        one is); ``per_1000_``, a risk per 1,000 patients with needling beside
        ``per_1000_reference`` without; certainty with what ``lowered`` it, verdict and reason;
        ``studies``, their ids; ``directions``, how many studies print a direction of effect for
        the claim; ``reference_arm``, what was compared with; ``phase`` and ``weeks_after_last_``,
        when it was assessed, where the studies agree and where weeks are printed; ``because``, the
        reason before the doubts; ``steps_``, what each domain costs the certainty. A claim without
        any group has one row, whose ``state`` says what there is.

    Raises
    ------
    ValueError
        For a ``confidence_level`` that is none.
    DataError
        The tables break their contract.

    Notes
    -----
    A number that does not exist is missing: heterogeneity of one study, tau of rates, a prediction
    interval of one study, Egger's test below 10 studies. The columns of the correlations are
    missing where no contrast is paired. Studies that share people with another, reviews, animal
    and laboratory studies are in no group. Where figures only describe (radiofrequency needling,
    which no study compares with plain needling; a share of patients without a stated definition of
    response), the group is estimated and the verdict is "not testable". Directions of effect bear
    on the certainty of the group that decides, not of the others.

    References
    ----------
    Methods: ``mnstudy.stats.pool``. Certainty: ``mnstudy.verdicts.evidence.certainty``.

    Examples
    --------
    >>> table = evidence_table(["comparable-to-laser", "blood-flow", "home-riskier"])
    >>> table[["claim", "state", "k"]]
                     claim            state  k
    0  comparable-to-laser     single study  1
    1  comparable-to-laser     single study  1
    2           blood-flow  directions only  0
    3         home-riskier    nothing found  0
    """
    if not 0.5 < confidence_level < 1:
        raise ValueError(f"confidence_level is {confidence_level}: give a number as 0.95")
    published = as_published(data)
    frame = contrast_frame(published)
    found = (claim_evidence(claim, frame, published, confidence_level) for claim in select(claims))
    return pd.DataFrame([row for one in found for row in table_rows(one)], columns=list(COLUMNS))


def effects_table(
    claims: str | Iterable[str] | None = None,
    *,
    data: str | os.PathLike[str] | Published | None = None,
) -> pd.DataFrame:
    """Return the effect of every study that may be pooled, as other programs read effects.

    Parameters
    ----------
    claims : str or iterable of str, optional
        Claim ids; all when left out.
    data : path or Published, optional
        A folder with your own extraction in the same tables; the shipped one when left out.

    Returns
    -------
    DataFrame
        One row a study and group: ``study_id``, ``es_id`` (the contrast), effect ``yi`` and its
        variance ``vi`` on the scale of ``measure``, positive towards the claim where the measure
        has a side; ``group``, within which effects may be pooled; the counts ``xi`` of ``ni`` of a
        share (``yi`` is then the arcsine of its root); the correlation ``ri`` of paired effects and
        whether it is derived.

    Notes
    -----
    The columns are those of R's metafor (``rma(yi, vi, data = ...)``) and of the data sets of
    metadat. Rates that rest on a sentence or a list have ``counted`` false.

    Examples
    --------
    >>> effects_table("comparable-to-laser")[["study_id", "measure", "yi", "vi"]].round(3)
          study_id measure     yi     vi
    0   iranjdburn     smd  0.878  0.073
    1  monisha_co2     smd  0.730  0.030
    """
    published = as_published(data)
    frame = contrast_frame(published)
    frame = frame[frame["primary"]]
    tables = [
        _effects_of(group)
        for claim in select(claims)
        for group in groups(claim, frame[frame["claim_id"] == claim.id], 0.95)
    ]
    return pd.concat(tables, ignore_index=True)


_EFFECT_COLUMNS = {
    "study_id": "study_id", "label": "author", "year": "year", "doi": "doi", "contrast_id": "es_id",
    "treated_n": "ni", "treated_events": "xi", "reference_n": "n2i", "reference_events": "x2i",
    "paired": "paired",
}  # fmt: skip


def _effects_of(group: StudyGroup) -> pd.DataFrame:
    rows = pd.concat([group.rows, group.stated])
    effect, variance = effects(rows, group.name)
    sure = [not group.uncounted] * len(group.rows) + [False] * len(group.stated)
    found = rows[list(_EFFECT_COLUMNS)].rename(columns=_EFFECT_COLUMNS).reset_index(drop=True)
    found = found.assign(
        claim=group.claim.id, yi=effect, vi=variance, measure=group.name, endpoint=group.endpoint,
        group=group.label, scale=group.measure.scale, design_class=group.design_class,
        condition=group.condition, counted=sure,
        ri=np.where(rows["paired"], correlations(rows), math.nan),
        ri_derived=rows["r_derived"].notna().to_numpy(),
    )  # fmt: skip
    first = ["claim", "group", "study_id", "es_id", "yi", "vi", "measure"]
    return found[[*first, *(c for c in found if c not in first)]]


def table_rows(found: ClaimEvidence) -> list[dict[str, object]]:
    """Return the rows of one claim: one a group of studies, or one that says there is none."""
    shared = _shared(found.claim, found.published) | {"claim_state": found.state.word}
    if not found.groups:
        return [shared | _without(found.state)]
    first = [] if found.deciding is None else [found.deciding]
    others = [assess(group) for group in found.groups[len(first) :]]
    rows = [shared | _row(assessed) | {"decides": False} for assessed in [*first, *others]]
    if first:
        rows[0] |= {"decides": True}
    return rows


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
    pooled = found.pooled
    row: dict[str, object] = {
        "state": "pooled" if len(group.rows) > 1 else "single study",
        "controlled": group.controlled,
        "comparison": group.comparison,
        "design_class": group.design_class,
        "add_on": group.add_on,
        "condition": group.condition,
        "substance": group.substance,
        "measure": group.name,
        "endpoint": group.endpoint,
        "outcome": group.endpoint_words,
        "k": len(group.rows),
        "people": group.people,
        "unit": estimate.unit,
        "confidence_level": group.confidence_level,
        "interval_kind": estimate.interval_kind,
        "limit_cut": pooled.cut,
        "chance_beyond_margin": pooled.chance,
        "egger_p": found.egger.p_value if found.egger else math.nan,
        "left_out_low": min(left_out, default=math.nan),
        "left_out_high": max(left_out, default=math.nan),
        "rule": group.measure.rule,
        "margin": group.measure.margin,
        "method": estimate.method,
        "studies": " ".join(group.rows["study_id"]),
        **_seen(group),
        **_ends(estimate),
        **_between(pooled),
        **_per_1000(pooled),
        **_grid(group),
        **_judged(assessed),
    }
    for beside in pooled.beside:
        row |= _beside(beside)
    return row


def _seen(group: StudyGroup) -> dict[str, object]:
    """Return what was compared with, and when it was assessed."""
    rows = group.rows
    arms = [list(rows[f"reference_{x}"].dropna().unique()) for x in ("arm", "treatment")]
    weeks = rows["treated_weeks_after_last"]
    return {
        "reference_arm": "; ".join(arms[0] if len(arms[0]) < 2 else arms[1]),
        "phase": rows["treated_phase"].iloc[0] if rows["treated_phase"].nunique() == 1 else "",
        "weeks_after_last_low": weeks.min(),
        "weeks_after_last_high": weeks.max(),
    }


def _between(pooled: PooledGroup) -> dict[str, object]:
    """Return how much true effects differ, and where that of the next similar study would lie."""
    ends = ("", "_low", "_high")
    cells = {f"{name}{end}": x for name in ("tau", "i2", "rho")
             for end, x in zip(ends, getattr(pooled, name), strict=True)}  # fmt: skip
    cells |= {f"tau2{end}": x**2 for end, x in zip(ends, pooled.tau, strict=True)}
    low, high = pooled.prediction
    return {**cells, "prediction_low": low, "prediction_high": high}


def _per_1000(pooled: PooledGroup) -> dict[str, object]:
    """Return a share, or a risk with needling beside that without, per 1,000 patients.

    An odds ratio is applied to the risk of all reference arms together (Cochrane Handbook 6,
    section 14.1.5.4).
    """
    group, estimate = pooled.group, pooled.estimate
    if group.name == "proportion":
        if group.controlled:  # a share of comparisons won is no risk
            return {}
        return _ends(estimate, "per_1000_", lambda share: 10 * share)
    if group.name not in ("risk_difference", "odds_ratio") or not group.controlled:
        return {}
    events, n = (float(group.rows[f"reference_{x}"].sum()) for x in ("events", "n"))
    risk = events / n
    away = bool(turned(group.rows, group.name)[0])  # the sign was turned towards the claim

    def with_needling(value: float) -> float:
        if group.name == "risk_difference":
            return 1000 * min(max(risk - value / 100 if away else risk + value / 100, 0.0), 1.0)
        odds = value if not away else math.inf if value == 0 else 1 / value
        return 1000 * (1.0 if math.isinf(odds) else risk * odds / (1 - risk + risk * odds))

    return {"per_1000_reference": 1000 * risk, **_ends(estimate, "per_1000_", with_needling)}


def _beside(beside: Beside) -> dict[str, object]:
    return {f"{beside.kind}_k": beside.k, **_ends(beside.estimate, f"{beside.kind}_")}


def _ends(
    estimate: Estimate, prefix: str = "", told: Callable[[float], float] = float
) -> dict[str, object]:
    values = (estimate.value, estimate.ci_low, estimate.ci_high)
    return {prefix + end: told(value) for end, value in zip(_LIMITS, values, strict=True)}


def _grid(group: StudyGroup) -> dict[str, object]:
    paired = group.rows[group.rows["paired"]]
    if paired.empty:
        return {}
    cells: dict[str, object] = {"r_derived": int(paired["r_derived"].notna().sum())}
    for r in R_GRID:
        cells |= _ends(pool_group(group, r).estimate, f"r{round(100 * r):03d}_")
    return cells


def _judged(assessed: Assessed) -> dict[str, object]:
    describes = assessed.group.measure.describes
    if describes:
        return {"certainty": "", "verdict": "not testable", "reason": describes}
    found = assessed.found.found
    steps = {domain.name: domain.steps for domain in assessed.certainty.domains}
    lowered = (note("doubts_lower"),) if found.word != assessed.verdict.word else ()
    return {
        "certainty": assessed.certainty.level,
        "verdict": assessed.verdict.word,
        "reason": assessed.verdict.reason,
        "lowered": str(note("several", said=lowered_domains(assessed.certainty))),
        "because": str(note("several", said=(*found.reasons, *lowered))),
        **{f"steps_{name}": steps.get(name.replace("_", " ")) for name in settings()["domains"]},
    }
