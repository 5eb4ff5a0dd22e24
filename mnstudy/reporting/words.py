"""What stands on and beside the figure of a finding: how its axis is read, caption, text, data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.finding.finding import Estimate, Finding, Part
from mnstudy.words.units import is_ratio

# Short enough for a column; the caption spells them out.
DESIGNS = {
    "rct_split_body": "RCT, sides",
    "rct_parallel": "RCT",
    "nonrandomised": "not random.",
    "single_arm": "one arm",
    "retrospective": "looked back",
    "case_series": "cases",
}
LEGEND = (
    "Design: RCT, randomised groups; RCT, sides: randomised sides of one body; not random.: "
    "compared without randomisation; one arm: before and after; looked back: retrospective; "
    "cases: case series. Blinded: yes where the raters did not know the treatment, unclear where "
    "nothing is reported"
)
RANDOMISED = ("rct_parallel", "rct_split_body")

INTERNAL = "internal: not for publication: holds exact small counts"
SYNTHETIC_WORDS = "SYNTHETIC data: invented, never evidence."
COUNTED = {
    "level": ("group", "groups"),
    "arm": ("arm", "arms"),
    "session": ("number of sessions", "numbers of sessions"),
    "gain": ("gain per session", "gains per session"),
    "slope": ("slope", "slopes"),
    "contrast": ("further comparison", "further comparisons"),
    "together": ("interval of the family", "intervals of the family"),
    "share": ("share of patients", "shares of patients"),
    "expected": ("change to expect without treatment", "changes to expect without treatment"),
    "study": ("study", "studies"),
    "pooled": ("pooled value", "pooled values"),
    "prediction": ("prediction interval", "prediction intervals"),
}

DATA_COLUMNS = (
    "claim", "dataset", "synthetic", "kind", "group", "label", "x", "value", "ci_low", "ci_high",
    "n", "weight", "unit", "design", "blinded", "margin",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictAxis:
    """The axis of a finding.

    Attributes
    ----------
    rule : str
        superiority, difference, noninferiority, below or above.
    margin : float
        The line the interval is held against.
    other_margin : float or None
        Its mirror image, where a difference in either direction counts.
    null : float or None
        The value of no effect; None for levels and rates, where there is none.
    favours_lower : bool
        True where values below the margin speak for the claim.
    log : bool
        True for ratios.
    """

    rule: str
    margin: float
    other_margin: float | None
    null: float | None
    favours_lower: bool
    log: bool

    @property
    def margin_label(self) -> str:
        """Name of the line of the margin."""
        if self.other_margin is not None:
            return f"margin ±{fmt.as_entered(abs(self.margin))}"
        number = fmt.as_entered(self.margin)
        if self.margin == self.null:
            return f"no difference ({number})"
        names = {"superiority": "margin", "noninferiority": "non-inferiority margin"}
        return f"{names.get(self.rule, 'stated limit')} {number}"


def verdict_axis(finding: Finding) -> VerdictAxis:
    """Return how the finding is read; levels and rates have no value of no effect."""
    estimate, margin = finding.estimate, finding.margin
    either = finding.rule == "difference"
    ratio = is_ratio(estimate.unit if estimate else finding.claim.unit)
    turned = either and estimate is not None and estimate.value < finding.null
    has_null = finding.rule in ("superiority", "difference", "noninferiority") or margin == 0
    return VerdictAxis(
        rule=finding.rule,
        margin=-margin if turned else margin,
        other_margin=(margin if turned else -margin) if either else None,
        null=1.0 if ratio else finding.null if has_null else None,
        favours_lower=finding.rule == "below" or turned,
        log=ratio,
    )


def analysis_week(finding: Finding) -> str:
    """Write the week of the assessments behind an estimate; empty where no single week counts."""
    return "" if math.isnan(finding.week) else fmt.as_entered(finding.week)


def caption(finding: Finding) -> str:
    """Return the caption: what is shown, of whom, by which method, held against which margin."""
    estimate = finding.estimate
    head = f"{finding.claim.title}. {_capital(finding.claim.estimand)}."
    source = f"Data: {finding.dataset}{', ' + finding.size if finding.size else ''}."
    mark = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    if estimate is None:
        why = f"{head} {source}{mark} Not testable: {finding.reason}."
        return why + studies_words(finding)
    level = fmt.level(estimate.confidence_level)
    shown = f"Shown: {fmt.interval(estimate)} {estimate.unit}, {level} interval; {estimate.method}."
    axis = verdict_axis(finding)
    shown += family_words(finding)
    line = f"{_capital(axis.margin_label)} {estimate.unit} ({finding.claim.margin_source})."
    if finding.margin != finding.claim.margin:
        line = f"{_capital(axis.margin_label)} {estimate.unit}."
    missing = ""
    if finding.n_missing:
        missing = f" Left out for a missing value: {finding.n_missing:,}."
    verdict = f"{_capital(finding.in_full)}: {finding.reason}."
    return f"{head} {source}{mark} {shown} {line}{missing} {verdict}{studies_words(finding)}"


def alt_text(finding: Finding) -> str:
    """Return a description of the figure for those who do not see it."""
    estimate = finding.estimate
    mark = "synthetic data, " if finding.synthetic else ""
    if estimate is None:
        return f"{finding.claim.title}, {mark}{finding.dataset}: not testable."
    level = fmt.level(estimate.confidence_level)
    what = (
        f"{finding.claim.title}, {mark}{finding.dataset}: {fmt.interval(estimate)} "
        f"{estimate.unit}, {level} interval, against {verdict_axis(finding).margin_label}; "
        f"{finding.in_full}."
    )
    kinds = list(dict.fromkeys(p.kind for p in finding.parts))
    counts = [
        fmt.count(sum(p.kind == kind for p in finding.parts), *COUNTED.get(kind, (kind, kind)))
        for kind in kinds
    ]
    return f"Intervals on an axis. {what}" + (
        f" Also shown: {', '.join(counts)}." if counts else ""
    )


def figure_data(finding: Finding) -> pd.DataFrame:
    """Return every number that the figure shows, full precision, one row each."""
    rows = [_part_data(part) for part in finding.parts]
    if finding.estimate is not None:
        rows.insert(0, _estimate_data(finding, finding.estimate))
    named = {"claim": finding.claim.id, "dataset": finding.dataset, "synthetic": finding.synthetic}
    found = pd.DataFrame([named | row for row in rows], columns=list(DATA_COLUMNS))
    return found.astype({"n": "Int64"})


def _estimate_data(finding: Finding, estimate: Estimate) -> dict[str, object]:
    return {
        "kind": "estimate",
        "group": "",
        "label": finding.in_full,
        "value": estimate.value,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "n": finding.n_patients,
        "unit": estimate.unit,
        "margin": finding.margin,
    }


def _part_data(part: Part) -> dict[str, object]:
    return {name: getattr(part, name) for name in DATA_COLUMNS if hasattr(part, name)}


def studies_words(finding: Finding) -> str:
    """Say what the squares of a forest plot are, and how certain its result; empty for a cohort."""
    if not any(p.kind == "study" and p.design for p in finding.parts):
        return ""
    text = (
        f" Squares: single studies, their area as the weight; diamond: pooled value; broad line: "
        f"where a further study would lie. Controlled and uncontrolled studies and different "
        f"endpoints are never mixed. {LEGEND}."
    )
    if not finding.certainty:
        return text
    lowered = ", ".join(d.name for d in finding.domains if d.steps)
    why = f" (lowered for: {lowered})" if lowered else ""
    return f"{text} Certainty, GRADE-like and computed: {finding.certainty}{why}."


def design_cells(part: Part) -> tuple[str, str]:
    """Write how a study compared, and whether its raters were blinded."""
    return DESIGNS.get(part.design, part.design.replace("_", " ")), part.blinded


def family_words(finding: Finding) -> str:
    """Say what the interval that holds for the whole family is; empty outside a family."""
    family = finding.simultaneous
    if family is None:
        return ""
    return (
        f" With the {finding.family} primary claims together: {fmt.interval(family)} {family.unit} "
        f"({fmt.level(family.confidence_level)} interval, Bonferroni); the verdict rests on it."
    )


def difference_words(row: Mapping[Any, Any]) -> str:
    """Write the difference of an adverse event between two groups with its interval."""
    if math.isnan(row["difference"]):
        return "not compared"
    value, low, high = (fmt.number(row[x], 1) for x in ("difference", "low", "high"))
    return f"{value} ({low} to {high})"


def banner(cohorts: Iterable[Cohort]) -> str:
    """Return what heads every file of a report of these; empty where all of them may be public."""
    private = any(not (cohort.synthetic or cohort.study.public) for cohort in cohorts)
    return INTERNAL if private else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
