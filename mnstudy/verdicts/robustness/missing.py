"""Lost results: the last one seen, multiple imputation, and how far off it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import shorten

import numpy as np
import pandas as pd

from mnstudy.cohort.table import OUTCOMES, Followed, is_baseline
from mnstudy.cohort.weeks import LAST, nearest_rows
from mnstudy.stats.missing.imputation import impute_clustered, pool_imputations
from mnstudy.stats.mixed.design import independent_columns
from mnstudy.stats.mixed.model import random_intercept_batch
from mnstudy.verdicts.analyses import Question, model
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.models.covariates import (
    ADJUST_FOR,
    covariates,
    indicators,
)
from mnstudy.verdicts.analyses.question import UNIT, Choices, Layout
from mnstudy.verdicts.finding.finding import Estimate
from mnstudy.verdicts.robustness.rows import (
    CheckContext,
    Row,
    asked_again,
    judged_row,
    refused_row,
    verdict_of,
)
from mnstudy.words.notes import Count, Note, note

OUTCOME = OUTCOMES[0]
ANALYSES = ("improvement", "arm_contrast", "depth_contrast", "slope")
IMPUTATIONS = 50
FURTHEST = 60.0  # points; beyond it an unseen result would be out of the plausible range
STEP = 2.5


def last_seen(question: Question) -> Question:
    """Return the question with the last known result of each site in place of a lost one."""
    sites, known = question.sites, Followed.of(question.cohort.data).assessed(OUTCOMES, LAST)
    keys = pd.MultiIndex.from_frame(sites[UNIT])
    last = known.set_index(UNIT)[OUTCOME].reindex(keys).to_numpy(dtype="float64")
    score = sites[OUTCOME].astype("float64")
    return replace(question, sites=sites.assign(**{OUTCOME: score.where(score.notna(), last)}))


def carried_forward(asked: CheckContext) -> list[Row]:
    """Estimate again with the last result seen of each site, where that at the week is lost."""
    question = last_seen(asked.question)
    filled = int((asked.question.sites[OUTCOME].isna() & question.sites[OUTCOME].notna()).sum())
    if not filled or not _about_improvement(asked):
        return []
    choice = note("carried_forward", sites=Count(n=filled, noun="site"))
    return asked_again(asked, question, check="missing", choice=choice)


def seen_at_week(asked: CheckContext) -> list[Row]:
    """Estimate again from the assessments at the week, where a model of all visits answered."""
    kinds = {remark.kind for remark in asked.finding.remarks}
    if kinds.isdisjoint({"lost_but_seen", "lost_but_seen_few"}):
        return []
    question = replace(asked.question, choices=Choices(engine="robust"))
    return asked_again(asked, question, check="missing", choice=note("seen_at_week"))


def imputed(asked: CheckContext, *, rng: int) -> list[Row]:
    """Estimate again with the lost results imputed, then ever better or worse than expected.

    They are drawn given treatment, topical, severity, scar type, clinic and the last result seen
    before (Rubin 1987, doi 10.1002/9780470316696).
    """
    question = asked.question
    lost = question.sites[OUTCOME].isna()
    arms = [keys_of(question.sites.iloc[places]) for places in question.compared_sites().values()]
    if not _about_improvement(asked) or not any(
        keys_of(question.sites[lost]) & arm for arm in arms
    ):
        return []
    choice = note("lost_imputed", times=IMPUTATIONS)
    try:
        values = _drawn(question, lost, rng)
    except ValueError as error:
        problem = note("not_imputed", error=shorten(str(error), 160, placeholder=" ..."))
        return [refused_row(asked.finding, check="missing", choice=choice, reason=problem)]
    drawn = [values.get(key) for key in question.sites[UNIT].astype("str").itertuples(False, None)]
    first = [np.nan if d is None else d[0] for d in drawn]
    score = question.sites[OUTCOME].astype("float64").mask(lost, first)
    question = replace(question, sites=question.sites.assign(**{OUTCOME: score}))
    layout = estimate_claim(question).layout
    if layout is None or layout.sites is None:
        reason = note("lost_were_averaged")
        return [refused_row(asked.finding, check="missing", choice=choice, reason=reason)]
    shifted = arms[0] & set(values)
    imputation = _Imputation(
        asked=asked, question=question, layout=layout, values=values, shifted=shifted
    )
    row = imputation.row("missing", choice, imputation.pooled(0.0))
    return [row, *imputation.tipping(str(row["verdict"]))]


def keys_of(sites: pd.DataFrame) -> set[tuple[str, str]]:
    """Return patient and site of each row."""
    return set(sites[UNIT].astype("str").itertuples(index=False, name=None))


def _about_improvement(asked: CheckContext) -> bool:
    about = asked.question.params.get("outcome", OUTCOME) == OUTCOME
    return about and asked.finding.claim.analysis in ANALYSES


def _drawn(question: Question, lost: pd.Series, rng: int) -> dict[tuple[str, str], np.ndarray]:
    """Draw the lost results, by patient and site."""
    sites = question.sites
    base = pd.DataFrame({"intercept": 1.0}, index=sites.index)
    seen = _seen_before(question)
    base["seen before"] = seen.fillna(seen.mean()) if seen.notna().any() else 0.0
    received = [indicators(sites[c]) for c in ("treatment", "adjunct", "period") if c in sites]
    base = pd.concat([base, *received], axis=1)
    base = base[independent_columns(np.empty((len(base), 0)), base)]
    extra, _ = covariates(sites, ADJUST_FOR, beside=base)
    X = pd.concat([base, extra], axis=1)
    # a level seen among the lost only tells nothing: it counts with the commonest one
    X = X[independent_columns(np.empty((int((~lost).sum()), 0)), X[~lost])]
    y = sites[OUTCOME].astype("float64")
    drawn = impute_clustered(
        y.to_numpy(), X, sites["patient_id"].to_numpy(), m=IMPUTATIONS, rng=rng
    )
    keys = sites[UNIT].astype("str").to_numpy()[drawn.rows]
    return dict(zip(map(tuple, keys), drawn.values.T, strict=True))


def _seen_before(question: Question) -> pd.Series:
    """Return the last known score before the window of the week; without weeks there is none."""
    data, week = question.cohort.data, question.week
    known = data[data[OUTCOME].notna() & ~is_baseline(data)]
    if "weeks" in known and week.chosen != "last":
        known = known[known["weeks"].lt(week.low).fillna(False).astype(bool)]
    else:
        known = known.iloc[:0]
    last = nearest_rows(known, LAST).set_index(UNIT)[OUTCOME]
    keys = pd.MultiIndex.from_frame(question.sites[UNIT])
    return pd.Series(last.reindex(keys).to_numpy(dtype="float64"), index=question.sites.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Imputation:
    """The rows behind an estimate with the values drawn for the lost, and which are varied."""

    asked: CheckContext
    question: Question
    layout: Layout
    values: Mapping[tuple[str, str], np.ndarray]
    shifted: set[tuple[str, str]]

    def row(self, check: str, choice: Note, estimate: Estimate) -> Row:
        finding, n = self.asked.finding, self.layout.patients.nunique()
        return judged_row(finding, check=check, choice=choice, estimate=estimate, n_patients=n)

    def pooled(self, delta: float) -> Estimate:
        """Fit every imputed data set on one design and pool by Rubin's rules."""
        level = self.question.confidence_level
        unbounded = self.question.cohort.study.within_patients
        fits = random_intercept_batch(
            self._outcomes(delta),
            self.layout.design,
            self.layout.patients.to_numpy(),
            confidence_level=level,
            variance="unbounded" if unbounded else "bounded",
        )
        place = fits.names.index(self.layout.tested)
        fitted = np.isfinite(fits.estimate[:, place])
        pooled = pool_imputations(
            fits.estimate[fitted, place],
            fits.std_error[fitted, place] ** 2,
            df_complete=fits.df[fitted, place],
            confidence_level=level,
        )
        how = note("pooled_imputations", times=pooled.m)
        return model.estimate(pooled, unit=self.question.claim.unit, how=how)

    def _outcomes(self, delta: float) -> np.ndarray:
        """Return one column of outcomes for each imputation, those of the shifted sites moved."""
        layout, values = self.layout, self.values
        assert layout.sites is not None
        outcomes = np.repeat(layout.y.to_numpy()[:, None], IMPUTATIONS, axis=1)
        keys = zip(layout.patients.astype("str"), layout.sites.astype("str"), strict=True)
        for place, key in enumerate(keys):
            if key in values:
                outcomes[place] = values[key] + (delta if key in self.shifted else 0.0)
        return outcomes

    def tipping(self, usual: str) -> list[Row]:
        """Find how much worse, or better, lost results must have been to change the verdict."""
        rows = []
        for sign, word in ((-1.0, "worse"), (1.0, "better")) if self.shifted else ():
            size, estimate = FURTHEST, self.pooled(sign * FURTHEST)
            turned = self._verdict(estimate) != usual
            if turned:
                size, estimate = self._first_turn(sign, usual)
            kind = "lost_turn_verdict" if turned else "lost_turn_nothing"
            choice = note(kind, points=size, side=word)
            rows.append(self.row("tipping point", choice, estimate))
        return rows

    def _first_turn(self, sign: float, usual: str) -> tuple[float, Estimate]:
        """Return the smallest step at which the verdict is another one; it is at the last."""
        for size in np.arange(STEP, FURTHEST + STEP / 2, STEP):
            estimate = self.pooled(sign * size)
            if self._verdict(estimate) != usual:
                break
        return float(size), estimate

    def _verdict(self, estimate: Estimate) -> str:
        return verdict_of(self.asked.finding, estimate, self.asked.finding.margin).word
