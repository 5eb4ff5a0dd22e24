"""Lost results: complete sites only, multiple imputation, and how far off it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import shorten

import numpy as np
import pandas as pd

from mnstudy.cohort.describe.flow import lost_sites
from mnstudy.cohort.table import OUTCOMES, Cohort, is_baseline
from mnstudy.stats.missing.imputation import impute_clustered, pool_imputations
from mnstudy.stats.mixed.model import random_intercept_batch
from mnstudy.verdicts.analyses import Question, model
from mnstudy.verdicts.analyses.answer import estimate_claim
from mnstudy.verdicts.analyses.question import PLAIN_NEEDLING, UNIT, Layout, select_arm
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
EXPLAINED_BY = ("treatment", "adjunct", *model.ADJUST_FOR)
IMPUTATIONS = 50
FURTHEST = 60.0  # points; beyond it an unseen result would be out of the plausible range
STEP = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Sites whose result is lost, by (patient, site), and the values drawn for each of them."""

    sites: pd.Series
    values: Mapping[tuple[str, str], np.ndarray]
    problem: Note | None = None


def impute_lost(cohort: Cohort, *, rng: int) -> Lost:
    """Draw the lost results of a cohort once, for every claim to use.

    They are drawn given treatment, topical, severity, scar type, clinic and the last result seen
    before (Rubin 1987, doi 10.1002/9780470316696).
    """
    sites = cohort.sites()
    lost = lost_sites(cohort, sites)
    if not lost.any():
        return Lost(sites=lost, values={})
    base = pd.DataFrame({"intercept": 1.0}, index=sites.index)
    seen = _seen_before(cohort, sites, lost)
    base["seen before"] = seen.fillna(seen.mean()) if seen.notna().any() else 0.0
    if base["seen before"].nunique() < 2:
        base = base[["intercept"]]
    extra, _ = model.covariates(sites, EXPLAINED_BY, beside=base)
    # a level seen among the lost only tells nothing: it counts with the commonest one
    told = model.independent(base[~lost], extra[~lost])
    y = sites[OUTCOME].astype("float64").mask(lost)
    X = pd.concat([base, extra[told]], axis=1)
    try:
        drawn = impute_clustered(y, X, sites["patient_id"].to_numpy(), m=IMPUTATIONS, rng=rng)
    except ValueError as error:
        reason = shorten(str(error), 160, placeholder=" ...")
        return Lost(sites=lost, values={}, problem=note("not_imputed", error=reason))
    keys = [tuple(x) for x in sites[UNIT].astype("str").to_numpy()[drawn.rows]]
    return Lost(sites=lost, values=dict(zip(keys, drawn.values.T, strict=True)))


def _seen_before(cohort: Cohort, sites: pd.DataFrame, lost: pd.Series) -> pd.Series:
    """Return the last known score before the result: for a lost site, the last one there is."""
    data = cohort.data
    keys = [k for k in ("weeks", "session_count", "weeks_since_last_session") if k in data]
    known = data[data[OUTCOME].notna() & ~is_baseline(data)]
    ordered = known.sort_values(keys, kind="stable", na_position="first").groupby(UNIT)[OUTCOME]
    back = {n: ordered.nth(-n) for n in (1, 2)}
    rows = {n: known.loc[s.index, UNIT].assign(score=s) for n, s in back.items()}
    last, one_before = (sites[UNIT].merge(rows[n], how="left", on=UNIT)["score"] for n in (1, 2))
    return pd.Series(np.where(lost, last, one_before), index=sites.index, dtype="float64")


def complete_sites(asked: CheckContext, lost: Lost) -> list[Row]:
    """Estimate again from the sites whose planned result was seen."""
    if not _concerned(asked, lost):
        return []
    choice = note("complete_sites", sites=Count(n=int(lost.sites.sum()), noun="site"))
    sites = asked.question.sites.copy()
    sites[OUTCOME] = sites[OUTCOME].mask(lost.sites.to_numpy())
    question = replace(asked.question, sites=sites)
    return asked_again(asked, question, check="missing", choice=choice)


def imputed(asked: CheckContext, lost: Lost) -> list[Row]:
    """Estimate again with the lost results imputed, then ever better or worse than expected."""
    if not _concerned(asked, lost):
        return []
    choice = note("lost_imputed", times=IMPUTATIONS)
    if lost.problem is not None:
        return [refused_row(asked.finding, check="missing", choice=choice, reason=lost.problem)]
    sites = asked.question.sites.copy()
    drawn = [lost.values.get(tuple(key)) for key in sites[UNIT].astype("str").to_numpy()]
    first = [np.nan if d is None else d[0] for d in drawn]
    sites[OUTCOME] = sites[OUTCOME].mask(lost.sites.to_numpy(), first)
    question = replace(asked.question, sites=sites)
    layout = estimate_claim(question).layout
    if layout is None or layout.sites is None:
        reason = note("lost_were_averaged")
        return [refused_row(asked.finding, check="missing", choice=choice, reason=reason)]
    imputation = _Imputation(
        asked=asked,
        question=question,
        layout=layout,
        lost=lost,
        shifted=_shifted(question, asked, lost),
    )
    row = imputation.row("missing", choice, imputation.pooled(0.0))
    return [row, *imputation.tipping(str(row["verdict"]))]


def _concerned(asked: CheckContext, lost: Lost) -> bool:
    params = asked.question.params
    about = params.get("outcome", OUTCOME) == OUTCOME
    return bool(lost.sites.any()) and about and asked.finding.claim.analysis in ANALYSES


def _shifted(question: Question, asked: CheckContext, lost: Lost) -> set[tuple[str, str]]:
    """Return the lost sites whose results are varied: those of the arm the claim is about."""
    arm = asked.question.params.get("treated", PLAIN_NEEDLING)
    sites = select_arm(question.sites, arm) if isinstance(arm, dict) else question.sites
    return {tuple(k) for k in sites[UNIT].astype("str").to_numpy()} & set(lost.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Imputation:
    """A claim with its lost results imputed; those of the sites in ``shifted`` can be moved."""

    asked: CheckContext
    question: Question
    layout: Layout
    lost: Lost
    shifted: set[tuple[str, str]]

    def row(self, check: str, choice: Note, estimate: Estimate) -> Row:
        finding, n = self.asked.finding, self.layout.patients.nunique()
        return judged_row(finding, check=check, choice=choice, estimate=estimate, n_patients=n)

    def pooled(self, delta: float) -> Estimate:
        """Fit every imputed data set on one design and pool by Rubin's rules."""
        level = self.question.confidence_level
        unbounded = self.question.cohort.study.design == "split_body"
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
        layout, values = self.layout, self.lost.values
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
