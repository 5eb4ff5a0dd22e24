"""How many patients the next study needs, so that its verdict can be hoped for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnstudy import formatting as fmt
from mnstudy.cohort.loading.datasets import load
from mnstudy.cohort.loading.privacy import kept_back
from mnstudy.cohort.schema.problems import Problem, ValidationReport, key_problem
from mnstudy.cohort.study.plan import PowerAssumptions
from mnstudy.cohort.study.study import Study, parse_study, read_study
from mnstudy.cohort.table import Cohort
from mnstudy.stats.multiplicity import bonferroni_level
from mnstudy.verdicts.analyses.answer import lost_hold
from mnstudy.verdicts.claims.own_claims import check_study
from mnstudy.verdicts.claims.registry import Claim, with_own
from mnstudy.verdicts.evaluate import verdicts_of
from mnstudy.verdicts.finding.finding import VERDICTS, Estimate, Finding
from mnstudy.verdicts.finding.judge import capped, judge
from mnstudy.verdicts.operating.batches import KINDS, PAIRED, PlannedStudy, centred, cohort_of
from mnstudy.verdicts.operating.characteristics import Progress
from mnstudy.words.notes import note, sentence

RUNS, CHECKED = 2000, 100  # studies of each size; of them, put through the whole analysis
LEAST = 10  # patients
PILOT = 0.80  # one-sided level of the limit of a pilot's spread
CURVE = 12  # sizes of a curve
SHARES = ("share", "shares")
TWO_ARMS = ("parallel", "registry")  # designs
_SPREAD_OF = {
    "pairs": "of the differences within patients",
    "slope": "of the slopes of patients",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClaimPower:
    """How many patients one claim needs.

    Attributes
    ----------
    claim : Claim
    planned : PlannedStudy
        What was assumed: the widest spread and the weakest correlation of those given.
    margin, level : float
        Of the plan; the level is that of the interval on which the verdict rests.
    cap : str
        comparison that cannot show a cause, so that "partly supported (cause)" is the most that
        the design allows; empty where it can.
    n, n_80, n_90 : int or None
        Patients for the chance asked for, for 80 and for 90 percent, of an interval beyond the
        margin; None where no number up to the most that could be recruited gives it.
    n_alone : int or None
        Patients for the chance asked for if the claim were the only primary one.
    n_best : int or None
        Patients for it at the narrowest spread and the strongest correlation given.
    n_none_lost : int or None
        Patients for it if nobody were lost; None where nobody is expected to be.
    curve : DataFrame
        One row a number of patients: ``claim``, ``n_patients``, the share of each verdict,
        ``beyond_margin``, ``contradicted``, each with its 95 percent limits (`` low``, `` high``),
        and ``width``, the median width of the intervals.
    same, confirmed, checked : int
        Of so many studies put through the whole analysis at ``n``, how many had the same verdict,
        and how many an interval beyond the margin.
    pilot : str
        What a pilot study allows, in words; empty without one.
    """

    claim: Claim
    planned: PlannedStudy
    margin: float
    level: float
    cap: str
    n: int | None
    n_80: int | None
    n_90: int | None
    n_alone: int | None
    n_best: int | None
    n_none_lost: int | None
    curve: pd.DataFrame
    same: int
    confirmed: int
    checked: int
    pilot: str = ""

    def at(self, n: int) -> pd.Series:
        """Return the row of the curve at a number of patients, the next larger one."""
        rows = self.curve[self.curve["n_patients"] >= n]
        return rows.iloc[0] if len(rows) else self.curve.iloc[-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Power:
    """How many patients a study needs.

    Attributes
    ----------
    claims : tuple of ClaimPower
        One a primary claim of the plan.
    target : float
        The chance asked for.
    most : int
        The largest number of patients that could be recruited.
    runs, seed : int
        Studies simulated of each size, and where their random numbers start.
    """

    claims: tuple[ClaimPower, ...]
    target: float
    most: int
    runs: int
    seed: int

    @property
    def n(self) -> int | None:
        """Patients that are enough for every claim; None where no number is."""
        each = [found.n for found in self.claims]
        return None if None in each else max(n for n in each if n is not None)

    @property
    def curve(self) -> pd.DataFrame:
        """The curves of all claims, see ``ClaimPower``."""
        return pd.concat([found.curve for found in self.claims], ignore_index=True)

    @property
    def joint(self) -> tuple[float, float, float]:
        """Chance that every claim gets its verdict at ``n``: at least, if unrelated, at most."""
        n = self.n or self.most
        each = [float(found.at(n)["beyond_margin"]) for found in self.claims]
        return max(0.0, sum(each) - len(each) + 1), math.prod(each), min(each)

    @property
    def methods(self) -> str:
        """The sentences for the methods section."""
        return " ".join(sentence(note("power_methods", **_said(found, self)))
                        for found in self.claims if found.n)  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """Return one row a claim, nothing rounded."""
        names = (
            "n", "n_80", "n_90", "n_alone", "n_best", "n_none_lost", "margin", "level", "same",
            "confirmed", "checked",
        )  # fmt: skip
        return pd.DataFrame(
            [
                {"claim": found.claim.id, "effect": found.planned.effect, "sd": found.planned.sd}
                | {name: getattr(found, name) for name in names}
                for found in self.claims
            ]
        )

    def __str__(self) -> str:
        return "\n".join(line for found in self.claims for line in _lines(found, self)) + (
            "\n" + "\n".join(_together(self)) if len(self.claims) > 1 else ""
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format="{:.3g}".format))


def power(
    study: str | Path | Study | Mapping[str, Any],
    pilot: str | Path | pd.DataFrame | Cohort | None = None,
    target: float = 0.8,
    *,
    runs: int = RUNS,
    rng: int = 0,
    progress: Progress | None = None,
) -> Power:
    """Find how many patients give the primary claims of a plan the chance asked for.

    Parameters
    ----------
    study : path, Study or mapping
        A study file with a ``[power]`` table, see ``PowerAssumptions``; no sheet is needed.
    pilot : path, DataFrame or Cohort, optional
        The sheet of a pilot study. Its spread is taken, at its upper 80 percent limit, in place of
        that of the study file (Browne 1995, doi 10.1002/sim.4780141709); its estimate is not used.
    target : float
        Chance, 0.5 to 0.99, of an interval that lies wholly beyond the margin.
    runs : int
        Studies simulated of each size.
    rng : int
        Seed. All sizes share their random numbers.
    progress : callable, optional
        Called with a stage, the steps done and all steps.

    Returns
    -------
    Power

    Raises
    ------
    DataError
        There is no ``[power]`` table, or something is missing in it or cannot be: all at once, with
        what to write.
    ValueError
        A target out of range, a pilot that cannot be used, or a design in which the claim cannot be
        supported whatever the number of patients.

    Notes
    -----
    Closed forms of ``statsmodels.stats.power`` say where to look; ``runs`` simulated studies of a
    size say how often their interval lies beyond the margin, and the smallest size that does so
    often enough is found by bisection. 100 of the studies of that size go through the whole
    analysis. Patients who are lost are missing at random and count among those to recruit.

    Examples
    --------
    >>> import mnstudy as mn
    >>> assumed = {"effects": {"reduces-scarring": 25}, "spreads": {"reduces-scarring": 15}}
    >>> study = {"design": "parallel", "randomised": True, "assessor": "blinded",
    ...          "plan": {"primary": ["reduces-scarring"]}, "power": assumed}
    >>> mn.power(study, runs=500).n
    33
    """
    if not 0.5 <= target <= 0.99:
        raise ValueError(f"target is {target}: give a chance from 0.5 to 0.99, as 0.8")
    if runs < 1:
        raise ValueError(f"runs is {runs}: give 1 or more; 500 or more say a chance to 2 percent")
    if isinstance(study, Mapping):
        with kept_back():
            study = parse_study(study, source="study")
    if not isinstance(study, Study):
        path = Path(study)
        path = path / "study.toml" if path.is_dir() else path
        if not path.is_file():
            remedy = "check the path; `mnstudy init` writes a first one for a sheet"
            missing = Problem(value=str(path), rule="a study file that exists", remedy=remedy)
            ValidationReport(source=path.name, rows=0, problems=(missing,)).raise_if_bad()
        with kept_back():
            study = read_study(path)
    claims = _claims(study, piloted=pilot is not None)
    assumed = study.power
    assert assumed is not None
    members = study.plan.family_ids
    level = study.plan.confidence_level
    joint = bonferroni_level(level, len(members)) if len(members) > 1 else level
    tried = None if pilot is None else _pilot(pilot, study)
    found = []
    for k, claim in enumerate(claims):
        own = joint if claim.id in members else level
        search = _Search(claim=claim, study=study, assumed=assumed, level=own, alone=level,
                         target=target, runs=runs, seed=rng, pilot=tried)  # fmt: skip
        found.append(search.power())
        if progress:
            progress("claims planned", k + 1, len(claims))
    return Power(claims=tuple(found), target=target, most=assumed.most, runs=runs, seed=rng)


def _claims(study: Study, *, piloted: bool) -> list[Claim]:
    """Return the primary claims; refuse a study file that leaves something out."""
    known, assumed = with_own(check_study(study)), study.power
    problems = []
    if assumed is None:
        problems.append(Problem(column="power", rule="a [power] table", remedy=_example(study)))
    if not study.plan.primary:
        first = next(iter(assumed.effects), "") if assumed else ""
        remedy = f'write [plan] with primary = ["{first or "reduces-scarring"}"]'
        problems.append(Problem(column="plan.primary", rule="at least one claim", remedy=remedy))
    claims = [known[i] for i in study.plan.primary]
    if assumed is not None:
        problems += [p for c in claims for p in _missing(c, study, assumed, piloted)]
        tables = {"effects": assumed.effects, "spreads": assumed.spreads, "rates": assumed.rates}
        remedy = "leave it out, or name it in primary"
        problems += [
            key_problem(f"power.{table}", i, "primary claims", remedy)
            for table, given in tables.items()
            for i in given
            if study.plan.primary and i not in study.plan.primary
        ]
        problems += _without_effect(claims, study, assumed)
    ValidationReport(source="study.toml", rows=0, problems=tuple(problems)).raise_if_bad()
    return claims


def _example(study: Study) -> str:
    claim = next(iter(study.plan.primary), "reduces-scarring")
    return (
        f'write [power] with effects = {{ "{claim}" = the effect you take to be true }} and '
        f'spreads = {{ "{claim}" = the standard deviation between patients, or [lowest, highest] }}'
    )


def kind_of(claim: Claim, study: Study) -> str:
    """Return the kind of planned study that answers a claim; empty where none is known."""
    kind = KINDS.get(claim.analysis, "")
    if kind == "mean":
        usual = {"single_arm": "one"} | dict.fromkeys(PAIRED, "pairs")
        kind = usual.get(study.design, "arms")
        return "" if kind == "one" and claim.analysis == "arm_contrast" else kind
    if kind == "shares" and study.design in (*PAIRED, "single_arm"):
        return ""
    return "one" if kind == "level" else kind


def _missing(
    claim: Claim, study: Study, assumed: PowerAssumptions, piloted: bool
) -> Iterator[Problem]:
    """List what has to be said of a claim and is not, and an effect that cannot be shown."""
    kind = kind_of(claim, study)
    if not kind:
        rule, remedy = "a claim about a mean, a share, an event or a session more", ""
        if claim.analysis in KINDS:
            rule = f"a claim that can be planned for in a {study.design} study"
            remedy = 'write design = "parallel", which compares two groups of patients; or '
        remedy += "simulate it: mnstudy.operating_characteristics; or plan for another claim"
        yield key_problem("plan.primary", claim.id, rule, remedy)
        return
    if claim.id not in assumed.effects:
        remedy = f"write the effect you take to be true, in {claim.unit}"
        yield Problem(column=f"power.effects.{claim.id}", rule="a number", remedy=remedy)
    else:
        yield from _too_small(claim, study, assumed)
    if kind not in SHARES and claim.id not in assumed.spreads and not piloted:
        what = "between the visits of a patient" if kind == "slope" else "between patients"
        remedy = f"write the standard deviation {what}, or [lowest, highest]"
        yield Problem(column=f"power.spreads.{claim.id}", rule="a number", remedy=remedy)
    if kind == "shares" and claim.id not in assumed.rates:
        remedy = "write the percentage of the reference arm with the event"
        yield Problem(column=f"power.rates.{claim.id}", rule="a number", remedy=remedy)
    if kind == "one" and study.selection and claim.analysis in ("improvement", "change"):
        rule = "left out: how much a change regresses to the mean is not planned for"
        remedy = "compare two groups or sides, or simulate it: mnstudy.operating_characteristics"
        yield Problem(column="selection", rule=rule, remedy=f"{remedy}, situation selected")
    if kind == "pairs" and assumed.correlation is None and not piloted:
        remedy = "write how alike the two sides of a patient are: 0 to 0.99, or [lowest, highest]"
        yield Problem(column="power.correlation", rule="a number", remedy=remedy)


def _too_small(claim: Claim, study: Study, assumed: PowerAssumptions) -> Iterator[Problem]:
    effect, margin = assumed.effects[claim.id], study.plan.margin(claim.id, claim.margin)
    beyond = {"below": margin - effect, "difference": abs(effect) - margin}
    share = kind_of(claim, study) in SHARES
    if beyond.get(claim.rule, effect - margin) <= 0:
        side = "below" if claim.rule == "below" else "above"
        rule = f"{side} the margin of {fmt.as_entered(margin)} {claim.unit}"
        remedy = (
            "no number of patients can show it: write a larger effect, or another margin under "
            "[plan.margins]"
        )
        if share and 0 < abs(effect) < 1:
            remedy = "shares are percentages, 65 for 0.65; " + remedy
        yield key_problem(f"power.effects.{claim.id}", fmt.as_entered(effect), rule, remedy)
    rate = assumed.rates.get(claim.id) if claim.analysis == "event_difference" else 0.0
    if share and rate is not None and not 0 <= rate + effect <= 100:
        rule = "a share from 0 to 100 percent in the treated arm"
        remedy = "write percentages; a difference is added to the rate of the reference arm"
        yield key_problem(f"power.effects.{claim.id}", fmt.as_entered(effect), rule, remedy)


def _without_effect(
    claims: Sequence[Claim], study: Study, assumed: PowerAssumptions
) -> Iterator[Problem]:
    """List what is written and would change nothing."""
    kinds, usual = {kind_of(c, study) for c in claims}, PowerAssumptions()
    in_arms = ("one", "share") if study.design in TWO_ARMS else ()
    needed = {
        "correlation": {"pairs"}, "allocation": {"arms", "shares", *in_arms}, "sessions": {"slope"},
        "slopes_differ": {"slope"}, "rates": {"shares"}, "step": {"arms", "pairs", "one"},
    }  # fmt: skip
    for name, who in needed.items():
        if getattr(assumed, name) != getattr(usual, name) and not kinds & who:
            rule, value = "something that a primary claim depends on", getattr(assumed, name)
            value = value[0] if name == "correlation" and len({*value}) == 1 else value
            yield key_problem(f"power.{name}", value, rule, "leave it out")


def _pilot(pilot: Any, study: Study) -> Cohort:
    if isinstance(pilot, Cohort):
        return pilot
    cohort = load(pilot, study=study) if isinstance(pilot, pd.DataFrame) else load(pilot)
    return cohort if cohort.study.design_declared else load(pilot, study=study)


@dataclass(frozen=True, kw_only=True)
class _Search:
    """The search for the number of patients of one claim."""

    claim: Claim
    study: Study
    assumed: PowerAssumptions
    level: float
    alone: float
    target: float
    runs: int
    seed: int
    pilot: Cohort | None
    tried: dict[Any, pd.Series] = field(default_factory=dict)

    def power(self) -> ClaimPower:
        """Return what was found."""
        planned = self.planned
        n = self.smallest(planned, self.level, self.target)
        best = self._planned(widest=False)
        n_80, n_90 = (self.smallest(planned, self.level, t) for t in (0.8, 0.9))
        same, confirmed, checked = self.checked(planned, n or self.assumed.most)
        comparison = self.finding.comparison
        return ClaimPower(
            claim=self.claim, planned=planned, margin=self.margin, level=self.level,
            cap=comparison if capped("supported", comparison) else "",
            n=n, n_80=n_80, n_90=n_90,
            n_alone=n if self.level == self.alone
            else self.smallest(planned, self.alone, self.target),
            n_best=n if best == planned else self.smallest(best, self.level, self.target),
            n_none_lost=self.smallest(replace(planned, lost=0.0), self.level, self.target)
            if planned.lost
            else None,
            curve=self.curve(planned, n, n_90), same=same, confirmed=confirmed,
            checked=checked, pilot=self.spread[1],
        )  # fmt: skip

    @property
    def margin(self) -> float:
        return self.study.plan.margin(self.claim.id, self.claim.margin)

    @cached_property
    def planned(self) -> PlannedStudy:
        """The least favourable of what was assumed."""
        return self._planned(widest=True)

    def _planned(self, *, widest: bool) -> PlannedStudy:
        given, i = self.assumed, self.claim.id
        low, high = given.correlation or (0.0, 0.0)
        kind = kind_of(self.claim, self.study)
        spread = self.spread[0]
        if not spread and i in given.spreads:
            spread = given.spreads[i][widest]
        elif self.pilot is not None and kind == "pairs":  # the pilot tells that of the difference
            spread, low, high = spread / math.sqrt(2), 0.0, 0.0
        differ = given.slopes_differ
        if self.pilot is not None and kind == "slope":
            at = centred(given.sessions)
            spread, differ = spread * math.sqrt(at @ at), 0.0
        in_one_arm = kind in ("one", "share") and self.study.design in TWO_ARMS
        return PlannedStudy(
            kind=kind, orders=self.study.design == "crossover", effect=given.effects[i],
            spread=spread or 1.0,
            counted=given.allocation if in_one_arm else 1.0,
            correlation=low if widest else high, lost=given.lost, allocation=given.allocation,
            rate=given.rates.get(i, 0.0), step=given.step, middle=given.middle or 0.0,
            sessions=given.sessions, slopes_differ=differ,
        )  # fmt: skip

    @cached_property
    def spread(self) -> tuple[float, str]:
        """Spread that a pilot allows, and how that is said; zero and nothing without one."""
        if self.pilot is None:
            return 0.0, ""
        kind = kind_of(self.claim, self.study)
        if kind in SHARES:
            raise ValueError(
                f"{self.claim.id} is about a share, whose spread follows from the share itself: "
                "leave the pilot out, and write the share you take to be true"
            )
        finding = verdicts_of(self.pilot, self.claim.id)[self.claim.id]
        e = finding.estimate
        if e is None or not e.std_error > 0 or not e.df >= 1:
            why = finding.reason if e is None else "its estimate has no error"
            raise ValueError(f"the pilot does not tell the spread of {self.claim.id}: {why}")
        alone = finding.comparison == "uncontrolled"
        has = "one" if alone else kind_of(self.claim, self.pilot.study)
        if kind != has and {kind, has} != {"arms", "one"}:  # within an arm both have one spread
            told = {"one": "one arm", "arms": "two groups of patients", "pairs": "two sides"}
            raise ValueError(
                f"the pilot has {told.get(has, 'something else')} for {self.claim.id}, the plan "
                f"{told[kind]}, whose spread is another: take a pilot like the plan, or leave it "
                f"out and write power.spreads.{self.claim.id}"
            )
        n = finding.n_patients
        per = 1 / n
        if has == "arms":
            treated = self.assumed.allocation * n
            per = 1 / treated + 1 / (n - treated)
        sd = e.std_error / math.sqrt(per)
        most = sd * math.sqrt(e.df / stats.chi2.ppf(1 - PILOT, e.df))
        what = _SPREAD_OF.get(kind, "between patients")
        spread = {"sd": sd, "most": most, "unit": e.unit, "percent": 100 * PILOT}
        said = note("power_pilot", patients=n, what=what, **spread)
        return float(most), sentence(said)

    @cached_property
    def finding(self) -> Finding:
        """The finding of one large study of the plan: what the design allows, whatever the size."""
        drawn = self.planned.draw(self.assumed.most, 1, self.seed)
        finding = self.analysed(self.planned, drawn, 0)
        held = [str(hold.why) for hold in finding.holds if hold.favourable and hold.also is None]
        if finding.estimate is None or held:
            why = "; ".join(held) or finding.reason
            raise ValueError(
                f"{self.claim.id}: in the study that the file describes no number of patients is "
                f"enough, because {why}"
            )
        return finding

    def analysed(self, planned: PlannedStudy, drawn: list[Any], run: int) -> Finding:
        """Put one drawn study through the whole analysis."""
        plan = replace(self.study.plan, adjust=(), confidence_level=self.level,
                       primary=(self.claim.id,), family=())  # fmt: skip
        cohort = cohort_of(planned, self.claim, replace(self.study, plan=plan), drawn, run)
        return verdicts_of(cohort, self.claim.id)[self.claim.id]

    def judged(self, found: Sequence[float], level: float) -> tuple[str, bool]:
        """Return the verdict, and whether the interval lies beyond the margin.

        ``found`` holds estimate, both ends and the share that was lost.
        """
        value, low, high, lost = found
        how = note("as_given", text="")
        estimate = Estimate(value=value, ci_low=low, ci_high=high, confidence_level=level,
                            unit=self.claim.unit, how=how)  # fmt: skip
        how_judged: dict[str, Any] = {
            "rule": self.claim.rule, "margin": self.margin, "null": self.finding.null,
            "comparison": self.finding.comparison,
        }  # fmt: skip
        holds = lost_hold(estimate, lost, analysis=self.claim.analysis, **how_judged)
        verdict = judge(estimate, holds=holds, **how_judged)
        return verdict.word, _beyond(verdict.word, verdict.lacking)

    def shares(self, planned: PlannedStudy, n: int, level: float) -> pd.Series:
        """Return the share of each verdict among simulated studies of a size."""
        key = (planned, n, level)
        if key not in self.tried:
            drawn = planned.draw(n, self.runs, self.seed)
            limits = planned.limits(drawn, level)
            told = zip(*limits, planned.share_lost(drawn), strict=True)
            words = [self.judged(tuple(map(float, one)), level) for one in told]
            counted = {word: float(np.mean([w == word for w, _ in words])) for word in VERDICTS}
            counted["beyond_margin"] = float(np.mean([beyond for _, beyond in words]))
            counted["width"] = float(np.nanmedian(limits[2] - limits[1]))
            self.tried[key] = pd.Series(counted)
        return self.tried[key]

    def smallest(self, planned: PlannedStudy, level: float, target: float) -> int | None:
        """Return the smallest number of patients with that chance; None where none has it."""

        def enough(n: int) -> bool:
            return float(self.shares(planned, n, level)["beyond_margin"]) >= target

        most = self.assumed.most
        if not enough(most):
            return None
        about = planned.closed_form(self.margin, level, target)
        high = int(min(max(math.ceil(about), LEAST + 1), most))
        while not enough(high):
            high = min(most, math.ceil(1.25 * high))
        low = max(LEAST, min(high - 1, int(0.8 * about)))
        while low > LEAST and enough(low):
            low = max(LEAST, int(0.8 * low))
        if enough(low):
            return low
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high

    def curve(self, planned: PlannedStudy, n: int | None, n_90: int | None) -> pd.DataFrame:
        """Return the shares of the verdicts over a range of sizes."""
        end = min(self.assumed.most, round(1.5 * (n_90 or n or self.assumed.most)))
        sizes = {int(x) for x in np.linspace(LEAST, max(end, LEAST + 1), CURVE)}
        sizes |= {x for x in (n, n_90) if x}
        rows = []
        for size in sorted(sizes):
            found = self.shares(planned, size, self.level)
            row: dict[str, Any] = {"claim": self.claim.id, "n_patients": size, **found}
            for name in (*VERDICTS, "beyond_margin"):
                error = 1.96 * math.sqrt(found[name] * (1 - found[name]) / self.runs)
                row[f"{name} low"] = max(0.0, found[name] - error)
                row[f"{name} high"] = min(1.0, found[name] + error)
            rows.append(row)
        return pd.DataFrame(rows)

    def checked(self, planned: PlannedStudy, n: int) -> tuple[int, int, int]:
        """Put studies of a size through the whole analysis; return how many have the same verdict.

        Also how many of them have an interval beyond the margin by it, and how many they are.
        """
        runs = min(CHECKED, self.runs)
        drawn = planned.draw(n, self.runs, self.seed)
        limits = planned.limits(drawn, self.level)
        lost, same, confirmed = planned.share_lost(drawn), 0, 0
        for run in range(runs):
            found = self.analysed(planned, drawn, run)
            one = tuple(float(x[run]) for x in (*limits, lost))
            same += found.verdict == self.judged(one, self.level)[0]
            confirmed += _beyond(found.verdict, found.lacking)
        return same, confirmed, runs


def _beyond(word: str, lacking: tuple[str, ...]) -> bool:
    """Tell whether the interval lay beyond the margin: supported, or all but for the cause."""
    return word == "supported" or lacking == ("cause",)


def _said(found: ClaimPower, whole: Power) -> dict[str, Any]:
    """Return the values of the sentence for the methods section."""
    planned, n = found.planned, found.n or whole.most
    treated, *other = planned.sizes(n)
    said = f"{n} patients" + (f" ({treated} and {other[0]})" if other else "")
    said += f" ({treated} in the treated arm)" if planned.counted < 1 else ""
    if planned.kind == "share":
        assumed = f"the true share is {fmt.as_entered(planned.effect)} percent"
    else:
        what = "mean" if found.claim.analysis == "level" else "effect"
        assumed = f"the true {what} is {fmt.as_entered(planned.effect)} {found.claim.unit}"
    if planned.kind == "shares":
        assumed += (
            f" and {fmt.as_entered(planned.rate)} percent of the reference arm have the event"
        )
    elif planned.kind != "share":
        what = _SPREAD_OF.get(planned.kind, "between patients")
        sd = f"{fmt.number(planned.sd, 1)} {found.claim.unit}"
        assumed += f", with a standard deviation {what} of {sd}"
    if planned.step:
        assumed += f", scores are multiples of {fmt.as_entered(planned.step)}"
    if planned.lost:
        assumed += f", and {fmt.as_entered(100 * planned.lost)} % of the patients are lost"
    side = "below" if found.claim.rule == "below" else "above"
    return {
        "patients": said, "percent": 100 * float(found.at(n)["beyond_margin"]),
        "level": fmt.level(found.level), "title": found.claim.title, "side": side,
        "margin": f"{fmt.as_entered(found.margin)} {found.claim.unit}", "assumed": assumed,
        "runs": whole.runs, "seed": whole.seed,
    }  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.005 else "under 1 %"


def _lines(found: ClaimPower, whole: Power) -> Iterator[str]:
    yield f"{found.claim.title} ({found.claim.id})"
    asked = f"{100 * whole.target:g} %"
    if found.n is None:
        row = found.at(whole.most)
        yield (
            f"  no number up to {whole.most:,} patients gives a chance of {asked}: at "
            f"{whole.most:,} it is {_percent(row['beyond_margin'])} (to look further, write a "
            "larger most under [power])"
        )
    else:
        row = found.at(found.n)
        yield f"  {_said(found, whole)['patients']} for a chance of {asked}"
    for name, n in (("80 %", found.n_80), ("90 %", found.n_90)):
        if name != asked:
            yield f"  {name}: {f'{n:,} patients' if n else f'not with {whole.most:,} patients'}"
    if found.n and found.n_best and found.n_best != found.n:
        yield f"  at the most favourable end of what was assumed: {found.n_best:,} patients"
    if found.n and found.n_alone and found.n_alone != found.n:
        cost = found.n - found.n_alone
        yield f"  as the only primary claim: {found.n_alone:,}; the family costs {cost:,} patients"
    shares = ", ".join(f"{word} {_percent(row[word])}" for word in VERDICTS if row[word] > 0)
    yield f"  verdicts then: {shares}"
    yield (
        f"  expected width of the interval: {fmt.number(row['width'], 1)} {found.claim.unit}; "
        f"chance of “contradicted” though true: {100 * row['contradicted']:.1f} %"
    )
    if found.cap:
        yield "  " + sentence(note("power_capped", cap=found.cap))
    if found.pilot:
        yield f"  {found.pilot}"
    yield (
        f"  by the whole analysis {found.confirmed} of {found.checked} such studies lie beyond the "
        f"margin; {found.same} have the same verdict"
    )
    if found.n and found.n_none_lost:
        yield (
            f"  if nobody were lost: {found.n_none_lost:,} patients; where over a fifth of an arm "
            "is lost, a verdict has to hold although they had done one margin worse"
        )
    if found.n:
        yield "  " + sentence(note("power_methods", **_said(found, whole)))


def _together(whole: Power) -> Iterator[str]:
    worst, unrelated, best = (100 * x for x in whole.joint)
    n = whole.n
    if n is None:
        yield f"All {len(whole.claims)} together: not with {whole.most:,} patients"
        return
    yield (
        f"All {len(whole.claims)} together: {n:,} patients; the chance that each gets its verdict "
        f"is {worst:.0f} to {best:.0f} %, {unrelated:.0f} % if the outcomes are unrelated"
    )
