"""What an analysis is asked and what it answers, and the sites it may look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mnstudy.cohort.scales import Scale, raw_scale
from mnstudy.cohort.study.design import ARMS, assignable
from mnstudy.cohort.study.plan import Plan
from mnstudy.cohort.table import OUTCOMES, TIMES, Cohort, Followed, is_baseline, is_one_of
from mnstudy.cohort.weeks import LAST, FinalWeek, nearest_rows, numbers, visit_rows
from mnstudy.stats.mixed.cluster_robust import RobustFit
from mnstudy.stats.mixed.fit import RemlFit
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.claims.settings import DEPTHS, arm_name, column_of
from mnstudy.verdicts.finding.finding import Estimate, Hold, Part
from mnstudy.words.notes import Count, Note, as_given, note, sentences

MIN_PATIENTS = 5  # a smaller arm gives no usable interval, and its counts could identify people
UNIT = ["patient_id", "site_id"]
SCORE, GRADES = "improvement_score", "grade_change"

NEEDLED = {"treatment": ["needling"]}
PLAIN_NEEDLING = {"treatment": ["needling"], "adjunct": ["none"]}
UNTREATED = {"treatment": ["untreated", "sham"]}

Arm = Mapping[str, Any]
_ALONE = ("improvement", "change", "heterogeneity", "slope")  # needling alone, see PLAIN_NEEDLING
_NO_ARM = ("ratio",)
# what is asked of the one assessment of each site at the final week, unless "when" says otherwise
AT_FINAL_WEEK = (
    "improvement", "change", "arm_contrast", "depth_contrast", "heterogeneity", "slope", "share",
    "time_to_response", "grades",
)  # fmt: skip
# Columns that an analysis reads only where its claim, or the study file, names them.
NAMED = frozenset({
    "sex", "age_band", "phototype", "scar_depth_um", "texture_score", "tone_score",
    "satisfaction_score", "pain_score", "erythema_days", "infection", "bruising", "pih",
    "worsening", "acne_flare", "collagen_change_percent", "elastin_change_percent",
    "fibrosis_change_percent", "perfusion_change_percent", "uptake_ratio", "assessor",
})  # fmt: skip
_OF_OWN = ("change", "arm_contrast", "share", "event_rate", "event_difference", "grades")
_WORDS = {"adjunct": "topical"}


class NotTestable(Exception):
    """The data cannot answer this claim; ``reasons`` say why."""

    def __init__(self, *reasons: Note) -> None:
        super().__init__(*reasons)
        self.reasons = reasons

    def __str__(self) -> str:
        return "; ".join(sentences(self.reasons))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The rows behind an estimate: outcome, columns, patients, and the column that answers.

    Robustness checks start from here, so that they look at the same rows as the estimate.
    ``sites`` is None where the sites of a patient were averaged. ``ratio`` is the variance between
    over the variance within patients that the model found, 0 where it has none.
    """

    y: pd.Series
    design: pd.DataFrame
    patients: pd.Series
    sites: pd.Series | None
    tested: str
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBehind:
    """The model behind an estimate, and the weighted sum of its coefficients that answers.

    ``groups`` are what it tells apart, with their columns: the two arms, or the levels of a factor.
    A row belongs to the first of which a column is not zero. Rows may be means of others.
    """

    fit: RobustFit | RemlFit
    weights: Mapping[str, float]
    groups: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Defensible choices of an analysis that a researcher could have made differently.

    Attributes
    ----------
    engine : str or None
        robust (least squares with robust errors) or mixed (random intercepts); None for the usual
        one: robust, but mixed where the declared clusters are studies.
    adjust : tuple of str or None
        Covariates, in order of priority; None for the usual ones of the design.
    topicals : str
        without or with: whether needling includes sites that also got a topical.
    """

    engine: str | None = None
    adjust: tuple[str, ...] | None = None
    topicals: str = "without"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an analysis found, before it is judged; ``layout`` where one coefficient answers.

    ``model`` is what the estimate is a sum of coefficients of, where it is one; ``had`` who had the
    event, or reached what is asked, where it is a share or the difference of two: one true or false
    a patient, for each group.

    ``holds`` say why it can be at most inconclusive; ``week`` is that of its assessments.
    """

    estimate: Estimate
    comparison: str
    holds: tuple[Hold, ...] = ()
    week: float = float("nan")
    n_patients: int
    n_sites: int
    n_missing: int = 0
    parts: tuple[Part, ...] = ()
    remarks: tuple[Note, ...] = ()
    layout: Layout | None = None
    model: ModelBehind | None = None
    had: tuple[pd.Series, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One claim put to one cohort at one confidence level.

    ``brief`` spares the further numbers and their notes: only the estimate is wanted. ``allocated``
    is the clinic of each patient, where clinics and not patients were allocated to the arms.
    """

    claim: Claim
    cohort: Cohort
    sites: pd.DataFrame
    confidence_level: float
    choices: Choices = Choices()
    brief: bool = False
    week: FinalWeek = LAST
    allocated: Mapping[Any, Any] | None = None

    @classmethod
    def ask(
        cls,
        claim: Claim,
        cohort: Cohort,
        confidence_level: float,
        *,
        brief: bool = False,
        followed: Followed | None = None,
    ) -> Question:
        """Put a claim to a cohort: choose the week whose assessments of its outcome count.

        ``followed`` is how the sites of the cohort were followed, where that is known already.
        """
        data, followed = cohort.data, followed or Followed.of(cohort.data)
        asked = cls(
            claim=claim,
            cohort=cohort,
            sites=followed.sites,
            confidence_level=confidence_level,
            brief=brief,
        )
        own = claim.analysis in _OF_OWN and asked.at_final_week
        graded = GRADES if claim.analysis == "grades" else None
        outcome = asked.params.get("outcome", graded) if own else None
        named = (outcome, *(asked.params.get("events", ()) if own else ()))
        plan, outcomes = cohort.study.plan, tuple(c for c in named if c in data) or OUTCOMES
        if claim.analysis == "time_to_response":
            plan, outcomes = around(plan, float(asked.params["weeks"])), OUTCOMES[:1]
        week = followed.week(outcomes, asked.compared_sites(), plan)
        if plan is not cohort.study.plan and week is not LAST:
            week = replace(week, chosen="stated")
        sites = followed.assessed(outcomes, week)
        known = {name: _at_baseline(data, sites, name) for name in cohort.study.plan.adjust}
        return replace(asked, sites=sites.assign(**known) if known else sites, week=week)

    def compared_sites(self) -> dict[str, np.ndarray]:
        """Return the places of the sites of each compared arm with enough patients, by its name."""
        patients, found = self.sites["patient_id"], {}
        of_types = in_scar_types(self.sites, self.params)
        for name, arm in _arms(self).items():
            words = {k: v for k, v in arm.items() if k not in DEPTHS}
            with suppress(NotTestable):  # a column that tells the arms apart is missing
                inside = of_types & in_arm(self.sites, words)
                if patients[inside].nunique() >= MIN_PATIENTS:
                    found[name] = np.flatnonzero(inside)
        return found

    def visit_rows(self, outcome: str) -> pd.DataFrame:
        """Return the rows of all sites with this outcome at the visits up to the week."""
        data = self.cohort.data
        columns = [c for c in (*UNIT, *TIMES, outcome) if c in data]
        known = data.loc[data[outcome].notna() & ~is_baseline(data), columns]
        return visit_rows(known, self.week)

    @property
    def params(self) -> Mapping[str, Any]:
        """Settings of the analysis: the plan's thresholds, else those of the register."""
        return {**self.claim.params, **self.cohort.study.plan.thresholds.get(self.claim.id, {})}

    @property
    def at_final_week(self) -> bool:
        """Tell whether the claim is about the one assessment of each site at the final week."""
        usual = "final" if self.claim.analysis in AT_FINAL_WEEK else "ever"
        return bool(self.params.get("when", usual) == "final")

    @property
    def needled(self) -> Arm:
        """Return the arm that stands for needling, or that the claim names as treated."""
        named: Arm | None = self.params.get("treated")
        # a named arm is the same under every choice, so that none is asked for
        return named or (NEEDLED if self.choices.topicals == "with" else PLAIN_NEEDLING)

    @property
    def arm_names(self) -> tuple[str, str]:
        """Return what the treated and the reference arm are called, in the study's own words."""
        own = self.cohort.study.arms
        return arm_name(self.needled, own), arm_name(self.control, own)

    @property
    def control(self) -> Arm:
        """Return the one arm that needling is compared with, like it in what is not compared.

        That of the claim, or of the plan; else sham where enough patients had it, else untreated.
        """
        return self.params.get("reference") or self.control_of(self.reference)

    @property
    def reference(self) -> str:
        """Name the treatment of the control."""
        sham = is_one_of(self.sites["treatment"], ("sham",))
        enough = sham.any() and self.sites["patient_id"][sham].nunique() >= MIN_PATIENTS
        return self.cohort.study.plan.reference or ("sham" if enough else "untreated")

    def control_of(self, treatment: str) -> Mapping[str, Sequence[str]]:
        """Return the control arm of this treatment."""
        arm = {"treatment": [treatment]}
        return arm if self.choices.topicals == "with" else {**arm, "adjunct": ["none"]}

    @property
    def engine(self) -> str:
        """Return the engine: the one chosen, or the usual one."""
        usual = "mixed" if self.cohort.study.cluster == "clinic_id" else "robust"
        return self.choices.engine or usual

    def adjust_for(self, usual: Sequence[str]) -> list[str]:
        """Return the covariates to adjust for: those chosen, or the usual ones."""
        names = usual if self.choices.adjust is None else self.choices.adjust
        return [n for n in names if n != "clinic_id" or not self.allocated]

    def clusters(self, frame: pd.DataFrame) -> pd.Series:
        """Return the units: patients, the clinics that were allocated, or studies as declared."""
        own, clinic = frame[self.cohort.study.cluster], self.allocated or {}
        # a patient of no known clinic is a unit by herself
        return own.map(lambda who: clinic.get(who, who)) if clinic else own

    def by_clinic(self, frame: pd.DataFrame, arm: object) -> tuple[Question, tuple[Hold, ...]]:
        """Return the question as it can be asked of these rows, and why it can tell little.

        Where every clinic of a randomised study has one of the two arms only, clinics were
        allocated: they are the units, and one clinic an arm cannot be told from its arm.
        """
        if "clinic_id" not in frame or not self.randomised:
            return self, ()
        known = frame.assign(arm=arm)[["clinic_id", "arm", "patient_id"]].dropna()
        clinics = known.drop_duplicates(["clinic_id", "arm"])
        if clinics["clinic_id"].duplicated().any() or clinics["arm"].nunique() < 2:
            return self, ()
        if clinics["arm"].value_counts().min() < 2:
            return self, (Hold(why=note("one_clinic_an_arm")),)
        clinic = known.drop_duplicates("patient_id").set_index("patient_id")["clinic_id"]
        return replace(self, allocated=clinic.to_dict()), ()

    @property
    def compared(self) -> tuple[str, ...]:
        """Return the columns in which the groups of this claim differ."""
        params = self.params
        if "treated" in params:
            sides = (params["treated"], params["reference"])
            keys = sorted({k for side in sides for k in side})
            return tuple({column_of(k): 0 for k in keys if sides[0].get(k) != sides[1].get(k)})
        by_analysis = {"depth_contrast": "needle_depth_mm", "maintenance": "maintenance"}
        usual = by_analysis.get(self.claim.analysis, "treatment")
        return (params.get("on", params.get("factor", usual)),)

    @property
    def randomised(self) -> bool:
        """Tell whether chance decided who is in which of the compared groups."""
        study = self.cohort.study
        if study.randomised_by:
            order = ARMS if "sequence" in study.randomised_by else ()
            return study.randomised and set(self.compared) <= {*study.randomised_by, *order}
        return study.randomised and assignable(self.cohort.data, self.compared)

    @property
    def comparison(self) -> str:
        """What a contrast between the groups of this claim can carry."""
        return "randomised" if self.randomised else "observational"

    def margin(self, claim: Claim) -> float:
        """Return the margin of a claim in this study: the plan's, or the usual one."""
        return self.cohort.study.plan.margin(claim.id, claim.margin)

    @property
    def indication(self) -> tuple[Note, ...]:
        """The caution of a comparison that was not randomised; empty where it was."""
        if self.randomised:
            return ()
        chosen = note("confounding_by_indication")
        if not self.cohort.study.randomised:
            return (chosen,)
        names = tuple(c.removesuffix("_mm").replace("_", " ") for c in self.compared)
        return (note("randomised_by_something_else", chosen=chosen, names=names),)

    @property
    def crossover(self) -> bool:
        """Tell whether the treatments of a patient followed one another in periods."""
        return self.cohort.study.design == "crossover"

    @property
    def carried_over(self) -> tuple[Hold, ...]:
        """Why a comparison within patients cannot speak against a claim, or of periods for it."""
        study = self.cohort.study
        if not study.within_patients or study.carry_over is False:
            return ()
        kind = "wash_out_open" if self.crossover else "carry_over_open"
        return (Hold(why=note(kind), favourable=self.crossover),)

    def few_in_order(self, frame: pd.DataFrame, arm: pd.Series) -> tuple[Hold, ...]:
        """Refuse a crossover of one order of treatments; hold back where few had the other."""
        if not self.crossover:
            return ()
        period = frame["period"].astype("float64").groupby([frame["patient_id"], arm]).mean()
        order = np.sign((period.xs(1.0, level=1) - period.xs(0.0, level=1)).dropna())
        least, alike = min((order > 0).sum(), (order < 0).sum()), (order == 0).sum()
        if not least + alike:
            raise NotTestable(note("one_order"))
        few = Count(n=int(least), noun="patient")
        return (
            (Hold(why=note("few_in_order", patients=few)),) if least + alike < MIN_PATIENTS else ()
        )

    def never_seen(self, frame: pd.DataFrame) -> int:
        """Count the periods of a crossover in which patients of these rows have no row at all."""
        patients = self.sites[self.sites["patient_id"].isin(frame["patient_id"])]
        seen = patients.groupby("patient_id")["period"].nunique()
        return int((seen.max() - seen).sum())

    def require_declared_design(self, paired: int) -> None:
        """Refuse a comparison in which more, or fewer, patients have both arms than declared."""
        design = self.cohort.study.design
        if self.cohort.study.within_patients and paired < MIN_PATIENTS:
            kind = "not_crossover" if self.crossover else "not_split_body"
            raise NotTestable(note(kind, least=MIN_PATIENTS))
        if design == "parallel" and paired >= MIN_PATIENTS:
            both = Count(n=paired, noun="patient")
            raise NotTestable(note("not_parallel", patients=both))

    def require_comparable_groups(self) -> None:
        """Refuse a contrast between groups where the study file says they are confounded."""
        limit = self.cohort.study.limit("between_groups")
        if limit is not None:
            raise NotTestable(as_given(limit.says))


def columns_named(claim: Claim, cohort: Cohort) -> frozenset[str]:
    """Return those of ``NAMED`` that the cohort has and the claim, or its study file, names."""
    study = cohort.study
    texts = claim.columns, claim.params, study.plan.thresholds, study.plan.adjust, study.selection
    return NAMED.intersection(map(column_of, _words_in(texts)), cohort.data.columns)


def _words_in(thing: Any) -> Iterator[str]:
    """Give every word among keys and values, whatever holds them."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, Mapping):
        yield from _words_in([*thing.keys(), *thing.values()])
    elif isinstance(thing, Sequence | Set):
        for item in thing:
            yield from _words_in(item)


def around(plan: Plan, week: float) -> Plan:
    """Return the plan with another week in place of the final one.

    The window of the plan, declared for a later week, reaches at most half-way to week 0.
    """
    window = None if plan.window_weeks is None else min(plan.window_weeks, week / 2)
    return replace(plan, final_week=week, window_weeks=window)


def complete_rows(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """Return the rows where these columns are known, and how many are not."""
    missing = np.logical_or.reduce([frame[c].isna().to_numpy() for c in columns])
    return frame[~missing] if missing.any() else frame, int(missing.sum())


def _at_baseline(data: pd.DataFrame, sites: pd.DataFrame, name: str) -> pd.Series:
    """Return a covariate of each site before the first session; as it is where never known then."""
    before = nearest_rows(data[is_baseline(data) & data[name].notna()], LAST).set_index(UNIT)[name]
    known = before.reindex(pd.MultiIndex.from_frame(sites[UNIT]))
    first = pd.Series(known.array, index=sites.index)
    return first.where(known.notna().to_numpy(), sites[name])


def missing_note(missing: int) -> list[Note]:
    """Say how many sites are left out for an outcome that is not known."""
    sites = Count(n=missing, noun="site")
    return [note("left_out_unknown_outcome", sites=sites)] if missing else []


def n_patients(frame: pd.DataFrame) -> int:
    """Count patients."""
    return int(frame["patient_id"].nunique())


def n_sites(frame: pd.DataFrame) -> int:
    """Count treated sites."""
    patient, site = (pd.factorize(frame[c], use_na_sentinel=False)[0] for c in UNIT)
    return len(np.unique(patient * (site.max(initial=0) + 1) + site))


def require_patients(frame: pd.DataFrame, what: Note, at_least: int = MIN_PATIENTS) -> None:
    """Refuse a group that is too small."""
    found = n_patients(frame)
    if not found:
        raise NotTestable(note("no_patients", what=what, least=at_least))
    if found < at_least:
        few = Count(n=found, noun="patient")
        raise NotTestable(note("too_few_patients", patients=few, what=what, least=at_least))


def scar_type_filter(frame: pd.DataFrame, params: Mapping[str, Any]) -> pd.DataFrame:
    """Keep the scar types that the claim is about."""
    kept = in_scar_types(frame, params)
    return frame if kept.all() else frame[kept]


def in_scar_types(frame: pd.DataFrame, params: Mapping[str, Any]) -> np.ndarray:
    """Tell which rows are of the scar types that the claim is about."""
    kept = np.ones(len(frame), dtype=bool)
    if "scar_types" in params:
        kept &= is_one_of(frame["scar_type"], params["scar_types"])
    if "exclude_scar_types" in params:
        kept &= ~is_one_of(frame["scar_type"], params["exclude_scar_types"])
    return kept


def select_arm(frame: pd.DataFrame, arm: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Keep the sites of one arm, see ``in_arm``."""
    return frame[in_arm(frame, arm)]


def in_arm(frame: pd.DataFrame, arm: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Tell which rows are of one arm: allowed words by column, ``<column>_not`` excluded ones."""
    kept = np.ones(len(frame), dtype=bool)
    for key, words in arm.items():
        column, negated = key.removesuffix("_not"), key.endswith("_not")
        if column not in frame:
            if column == "adjunct" and not negated:
                continue  # a sheet without the column has no adjuncts
            raise NotTestable(note("column_missing", column=column))
        values = _known(frame, column)
        inside = is_one_of(values, words)
        kept &= (~inside & values.notna().to_numpy()) if negated else inside
    return kept


def _known(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column; a site without any treatment has no topical where none is written."""
    values = frame[column]
    if column != "adjunct" or "treatment" not in frame or not values.isna().any():
        return values
    untreated = frame["treatment"].isin(UNTREATED["treatment"])
    return values.astype("object").mask(values.isna() & untreated, "none")


def after_treatment(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the assessments after a session, of untreated and sham sites those after baseline."""
    untreated = is_one_of(frame["treatment"], UNTREATED["treatment"])
    after = ~(numbers(frame, "session_count") < 1)
    return frame[np.where(untreated, ~is_baseline(frame), after)]


def after_a_session(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the assessments after a session; one of unknown count is taken as such."""
    return frame[~(numbers(frame, "session_count") < 1)]


def unknown_arm(question: Question) -> tuple[Note, ...]:
    """Count the sites that are left out because what they received is not known.

    Returns
    -------
    tuple of Note
        One note; empty where every site is known to be in an arm of the claim, or in none.
        Sites whose known cells already rule them out are not counted, nor is a depth that is not
        known: it differs from visit to visit, and a site without a session has none.
    """
    sites, arms = question.sites, _arms(question).values()
    told_by = {column_of(key) for arm in arms for key in arm}.intersection(sites)
    if not any(sites[c].isna().any() for c in told_by):
        return ()
    sites = scar_type_filter(sites, question.params)
    if "improvement_score" in question.claim.columns:
        sites = sites[sites["improvement_score"].notna()]
    found = [_unknown(sites, arm) for arm in arms]
    columns = {c: None for unknown in found for c in unknown.columns if unknown[c].any()}
    if not columns:
        return ()
    n = n_sites(sites[pd.concat(found, axis=1).any(axis=1)])
    names = tuple(_WORDS.get(c, c.replace("_", " ")) for c in columns)
    said = note("unknown_arm", names=names, sites=Count(n=n, noun="site"))
    return (note("write_none", said=said) if "adjunct" in columns else said,)


def _arms(question: Question) -> dict[str, Arm]:
    analysis = question.claim.analysis
    if analysis in _NO_ARM:
        return {}
    if "treated" not in question.params and analysis not in _ALONE:
        return {"needled": NEEDLED}
    arms = dict(zip(question.arm_names, (question.needled, question.control), strict=True))
    compared = "treated" in question.params or analysis in ("improvement", "change")
    return arms if compared else {question.arm_names[0]: question.needled}


def _unknown(sites: pd.DataFrame, arm: Arm) -> pd.DataFrame:
    """Tell, for each column of an arm, which sites may be in the arm but for that empty cell."""
    keys = [key for key in arm if column_of(key) in sites and key not in DEPTHS]
    possible = pd.Series(True, index=sites.index)
    for key in keys:
        possible &= _known(sites, column_of(key)).isna() | _inside(sites, key, arm[key])
    empty = {column_of(key): _known(sites, column_of(key)).isna() & possible for key in keys}
    return pd.DataFrame(empty, index=sites.index)


def _inside(sites: pd.DataFrame, key: str, words: Any) -> pd.Series:
    inside = _known(sites, column_of(key)).isin(list(words))
    return ~inside if key.endswith("_not") else inside


def before_after(data: pd.DataFrame, outcome: str, week: FinalWeek = LAST) -> pd.DataFrame:
    """Return the assessed row of each site that counts, with both values of an outcome.

    Parameters
    ----------
    data : DataFrame
        Rows under the contract.
    outcome : str
        Column of a measure taken at every visit.
    week : FinalWeek
        The week whose assessments count; the last one of each site when left out.

    Returns
    -------
    DataFrame
        One row a site, with its last value before the first session beside it as ``before``. Sites
        without one of the two are left out.
    """
    measured = data[data[outcome].notna()]
    start = is_baseline(measured)
    after = nearest_rows(measured[~start], week).sort_values(UNIT, kind="stable")
    pairs = after.merge(at_baseline(measured, outcome), on=UNIT)
    return pairs.reset_index(drop=True)


def at_baseline(data: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the last value of each site before the first session, as ``before``."""
    columns = [c for c in (*UNIT, *TIMES, outcome) if c in data]
    first = nearest_rows(data.loc[data[outcome].notna() & is_baseline(data), columns], LAST)
    return first[[*UNIT, outcome]].rename(columns={outcome: "before"})


def raw_pairs(data: pd.DataFrame, week: FinalWeek = LAST) -> tuple[Scale, pd.DataFrame] | None:
    """Return the raw scale of the table and the sites with both scores on it.

    ``gain`` and ``now`` are the change and the last score, turned so that up is better, and
    ``middle`` is the mean of both scores. None where there is no such scale.
    """
    scale = raw_scale(data)
    if scale is None:
        return None
    pairs = before_after(data, "scale_score", week)
    sign = -1.0 if scale.better == "lower" else 1.0
    score, before = (pairs[c].astype("float64") for c in ("scale_score", "before"))
    pairs["gain"], pairs["now"] = sign * (score - before), sign * score
    pairs["middle"] = (score + before) / 2
    return scale, pairs
