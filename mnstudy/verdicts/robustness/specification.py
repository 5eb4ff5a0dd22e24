"""The specification curve: a claim under all combinations of defensible choices."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from importlib import resources
from itertools import product
from typing import cast

import numpy as np
import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.schema.problems import Problem, ValidationReport
from mnstudy.cohort.study.study import Study
from mnstudy.cohort.table import OUTCOMES, Cohort
from mnstudy.errors import DesignError
from mnstudy.stats.multiplicity import bonferroni_level
from mnstudy.stats.resampling.sign_flip import JointTest, joint_sign_flip, score_parts
from mnstudy.verdicts.analyses import Answer, NotTestable, Question
from mnstudy.verdicts.analyses.answer import estimate_claim, finding_for
from mnstudy.verdicts.analyses.question import Choices
from mnstudy.verdicts.claims.own_claims import own_claims
from mnstudy.verdicts.claims.registry import select
from mnstudy.verdicts.finding.finding import VERDICTS, Finding
from mnstudy.verdicts.robustness.missing import last_seen
from mnstudy.verdicts.robustness.rows import judged_row
from mnstudy.words.notes import as_given, note

ADJUST = {"usual": None, "severity": ("baseline_severity",), "none": ()}
ENGINE = {"cluster_robust": "robust", "random_intercepts": "mixed"}
# the kind of choice that each of the ``Choices`` of an analysis is
KIND = {"engine": "errors", "adjust": "covariates", "topicals": "topicals"}
Specification = Mapping[str, str]
COLUMNS = ("estimate", "ci_low", "ci_high", "p_value", "n_patients", "verdict", "reason")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SpecificationCurve:
    """A claim under all combinations of the declared choices.

    Attributes
    ----------
    finding : Finding
        The finding under the usual choices.
    table : DataFrame
        One row a specification, by rising estimate: the choices, estimate, ci_low, ci_high,
        p_value, n_patients, verdict, reason, and p_joint, its p-value adjusted over the curve.
        Combinations that select the same rows and the same model count once.
    joint : JointTest or None
        The test of all specifications together; None where no single coefficient answers.
    n_combinations : int
        Combinations tried, those that coincide or cannot be answered included.
    """

    finding: Finding
    table: pd.DataFrame
    joint: JointTest | None
    n_combinations: int

    def lines(self) -> list[str]:
        """Return the curve as lines of text."""
        words = self.table["verdict"].value_counts()
        counted = ", ".join(f"{words[w]} {w}" for w in VERDICTS if w in words)
        lines = [
            f"{self.finding.claim.title} · {self.finding.dataset}"
            + (" · SYNTHETIC DATA" if self.finding.synthetic else ""),
            f"{fmt.count(len(self.table), 'specification')}: {self._range()}",
            f"verdicts: {counted}",
        ]
        if self.joint is not None:
            lines.append(
                f"together: {fmt.p_value(self.joint.p_median)} for the median, "
                f"{fmt.p_value(self.joint.p_global)} for the strongest (signs of "
                f"{self.joint.n_patients:,} patients flipped)"
            )
        return lines

    def _range(self) -> str:
        """Write the estimates from the lowest to the highest."""
        found = self.table["estimate"]
        digits = fmt.decimals_for(*found)
        low, middle, high = (fmt.number(x, digits) for x in found.quantile([0, 0.5, 1]))
        return f"{low} to {high} {self.finding.claim.unit}, median {middle}"

    def __repr__(self) -> str:
        head, *rest = self.lines()
        return "\n".join([head, *(f"  {line}" for line in rest)])

    def _repr_html_(self) -> str:
        head, *rest = (escape(line) for line in self.lines())
        return f"<p><strong>{head}</strong><br>{'<br>'.join(rest)}</p>"

    def to_frame(self) -> pd.DataFrame:
        """Return one row a specification, full precision."""
        return self.table.copy()


def specification_curve(
    cohort: Cohort,
    claim: str,
    *,
    rng: int = 0,
    n_resamples: int = 4999,
    confidence_level: float | None = None,
) -> SpecificationCurve:
    """Estimate a claim under every combination of defensible choices, and test them jointly.

    Parameters
    ----------
    cohort : Cohort
    claim : str
        Claim id.
    rng : int
        Seed of the sign flips.
    n_resamples : int
        Sign flips; all are counted where there are fewer.
    confidence_level : float, optional
        Level of the intervals; when left out that of the plan, for a claim of its family the one
        at which the intervals of the family hold together.

    Returns
    -------
    SpecificationCurve

    Raises
    ------
    KeyError
        An unknown claim id.
    DataError
        ``[specifications]`` of the study file names a choice that there is not.
    DesignError
        The cohort cannot answer the claim; the reason is given.

    Notes
    -----
    The joint test flips the signs of patients' score contributions, the same flips for every
    specification, so it holds with several rows a patient and however alike the specifications
    are (Girardi et al. 2024, doi 10.1007/s11336-024-09973-6; the curve: Simonsohn et al. 2020,
    doi 10.1038/s41562-020-0912-z). Its hypothesis is no effect; for a claim about a level, the
    stated limit. It says nothing of causes. Choices: ``verdicts/robustness/specifications.toml``,
    fewer where ``[specifications]`` of the study file keeps some only.

    Examples
    --------
    >>> import mnstudy as mn
    >>> curve = mn.specification_curve(mn.load("demo_split_face"), "topical-adjunct")
    >>> sorted(set(curve.table["verdict"]))
    ['supported']
    """
    problems = choice_problems(cohort.study)
    ValidationReport(source="study.toml", rows=0, problems=tuple(problems)).raise_if_bad()
    cohort = cohort.in_order()
    level = _level(cohort, claim) if confidence_level is None else confidence_level
    asked = Question.ask(select(claim, own_claims(cohort.study))[0], cohort, level, brief=True)
    return _curve(asked, rng, n_resamples)


def _curve(asked: Question, rng: int, n_resamples: int) -> SpecificationCurve:
    cohort, finding = asked.cohort, finding_for(asked)
    if finding.estimate is None:
        raise DesignError(
            note(
                "claim_not_testable",
                claim=asked.claim.id,
                cohort=cohort.name,
                reasons=finding.reasons,
            )
        )
    tried = list(combinations(cohort, any_lost=bool(asked.sites[OUTCOMES[0]].isna().any())))
    distinct = _distinct(answers(asked, tried))
    joint = _joint(asked, [found for _, found in distinct], rng, n_resamples)
    return SpecificationCurve(
        finding=finding,
        table=_table(finding, distinct, joint),
        joint=joint,
        n_combinations=len(tried),
    )


def _level(cohort: Cohort, claim: str) -> float:
    """Return the level that the verdict on a claim rests on."""
    plan = cohort.study.plan
    if claim in plan.family_ids:
        return bonferroni_level(plan.confidence_level, len(plan.family_ids))
    return plan.confidence_level


def _distinct(
    answered: list[tuple[Specification, Answer]],
) -> list[tuple[Specification, Answer]]:
    """Keep the first of combinations that come to the same numbers, by rising estimate."""
    first: dict[tuple[float, ...], tuple[Specification, Answer]] = {}
    for chosen, found in answered:
        numbers = (found.estimate.value, found.estimate.ci_low, found.estimate.ci_high)
        key = tuple(float(f"{x:.9g}") for x in (*numbers, found.n_sites))
        first.setdefault(key, (chosen, found))
    # the last digits are those of the machine: equal estimates stay in the order of the choices
    return [pair for _, pair in sorted(first.items(), key=lambda item: item[0][0])]


def _joint(asked: Question, found: list[Answer], rng: int, n_resamples: int) -> JointTest | None:
    layouts = [a.layout for a in found if a.layout is not None]
    if len(layouts) < len(found):
        return None
    everyone = sorted({p for x in layouts for p in x.patients.unique()})
    level = asked.claim.rule in ("below", "above")
    null = asked.margin(asked.claim) if level else 0.0
    parts = [
        score_parts(
            x.y, x.design, x.patients.to_numpy(), x.tested,
            ratio=x.ratio, null=null, everyone=everyone,
        )
        for x in layouts
    ]  # fmt: skip
    scores = np.column_stack([p.scores for p in parts])
    nuisance = [p.nuisance for p in parts]
    return joint_sign_flip(scores, nuisance=nuisance, rng=rng, n_resamples=n_resamples)


def _table(
    finding: Finding, distinct: list[tuple[Specification, Answer]], joint: JointTest | None
) -> pd.DataFrame:
    rows = []
    for chosen, found in distinct:
        judged = judged_row(
            finding, check="specification", choice=as_given(""),
            estimate=found.estimate, n_patients=found.n_patients,
        )  # fmt: skip
        own = {c: judged[c] for c in COLUMNS} | {"reason": str(judged["reason"])}
        rows.append({**chosen, **own})
    table = pd.DataFrame(rows)
    table["p_joint"] = float("nan") if joint is None else joint.p_adjusted
    return table


@cache
def declared_choices() -> dict[str, dict[str, str]]:
    """Return the choices by kind, each option with its meaning, the usual one first."""
    text = resources.files("mnstudy.verdicts.robustness").joinpath("specifications.toml")
    return tomllib.loads(text.read_text("utf-8"))


def choice_problems(study: Study) -> list[Problem]:
    """List what is wrong in the ``[specifications]`` of a study file."""
    known = declared_choices()
    problems = []
    for kind, options in study.specifications.items():
        allowed = list(known.get(kind, known))
        good = kind in known and isinstance(options, list) and bool(options)
        if good and all(option in allowed for option in options):
            continue
        column = f"specifications.{kind}"
        rule = "a list of " + ", ".join(allowed) if kind in known else "one of " + ", ".join(known)
        remedy = "correct it in the study file"
        problems.append(Problem(column=column, value=str(options), rule=rule, remedy=remedy))
    return problems


def combinations(cohort: Cohort, *, any_lost: bool) -> Iterator[Specification]:
    """Yield every combination of the choices that the study file keeps and the data offer."""
    kept = cohort.study.specifications
    offered = {
        kind: [o for o in options if o in kept.get(kind, options)]
        for kind, options in declared_choices().items()
    }
    if not any_lost:
        offered["result"] = offered["result"][:1]
    if "improvement_low" not in cohort.data or cohort.data["improvement_low"].isna().all():
        offered["class"] = offered["class"][:1]
    for options in product(*offered.values()):
        yield dict(zip(offered, options, strict=True))


def answers(
    asked: Question, specifications: Sequence[Specification]
) -> list[tuple[Specification, Answer]]:
    """Answer a question under each combination of choices; those that cannot answer are left out.

    Left out too is a combination that differs from an earlier one only in choices that the
    analysis did not ask for there: its answer is the same.
    """
    found: list[tuple[Specification, Answer]] = []
    decided: list[Specification] = []  # of each combination tried, the choices that mattered
    for chosen in specifications:
        if any(one.items() <= chosen.items() for one in decided):
            continue
        noted = _Noted(_choices(chosen))
        sites = _sites(asked, chosen)
        try:
            question = replace(asked, choices=cast(Choices, noted), sites=sites)
            found.append((chosen, estimate_claim(question)))
        except NotTestable:
            pass
        unread = {kind for name, kind in KIND.items() if name not in noted.read}
        decided.append({kind: option for kind, option in chosen.items() if kind not in unread})
    return found


class _Noted:
    """Choices that note which of them an analysis asks for."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> object:
        self.read.add(name)
        return getattr(self.choices, name)


def _choices(chosen: Specification) -> Choices:
    return Choices(
        engine=ENGINE[chosen["errors"]],
        adjust=ADJUST[chosen["covariates"]],
        topicals=chosen["topicals"],
    )


def _sites(asked: Question, chosen: Specification) -> pd.DataFrame:
    score = OUTCOMES[0]
    carried = chosen["result"] == "last_seen"
    sites = (last_seen(asked) if carried else asked).sites
    if chosen["class"] != "middle":
        end = sites[f"improvement_{chosen['class']}"]
        sites = sites.assign(**{score: end.fillna(sites[score])})
    return sites
