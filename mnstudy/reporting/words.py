"""What stands on and beside the figure of a finding: how its axis is read, caption, text, data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published.tables import RANDOMISED
from mnstudy.cohort.table import Cohort
from mnstudy.verdicts.finding.finding import Estimate, Finding, Part
from mnstudy.words.notes import Count, Note, note
from mnstudy.words.units import axis_name, is_ratio

# Short enough to stand beneath the name of a study; the caption spells them out.
DESIGNS = {
    "rct_split_body": "split-body RCT",
    "rct_parallel": "RCT",
    "nonrandomised": "not randomised",
    "single_arm": "one arm",
    "retrospective": "retrospective",
    "case_series": "case series",
}
BLINDED = {"yes": "raters blinded", "no": "raters not blinded"}
# A mark and a letter that need no colour; the levels of RoB 2 and ROBINS-I.
BIAS = {
    "low": "○\N{NO-BREAK SPACE}L",
    "some concerns": "◐\N{NO-BREAK SPACE}M",
    "moderate": "◐\N{NO-BREAK SPACE}M",
    "high": "●\N{NO-BREAK SPACE}H",
    "serious": "●\N{NO-BREAK SPACE}H",
    "critical": "✖\N{NO-BREAK SPACE}C",
    "no information": "?\N{NO-BREAK SPACE}N",
}
MARKS = ("forest_study", "forest_pooled", "forest_credible", "forest_prediction",
         "forest_sensitivity")  # fmt: skip
FOOT = ("forest_sd", "forest_tau", "forest_rho", "forest_bias")  # beneath the plot, not its caption
STUDY_KINDS = ("study", "pooled", "prediction", "sensitivity")
MOST_ROWS = 9  # of a forest plot: with more it fills a page and its rows are not read together
# Whom a controlled difference favours where both arms are needled.
FAVOURED = {"topical-adjunct": "the added substance", "rf-vs-plain": "radiofrequency"}

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
    "sensitivity": ("sensitivity analysis", "sensitivity analyses"),
}
SPREADS = {f"{name}{end}": (name, i) for name in ("tau", "i2", "rho")
           for i, end in enumerate(("", "_low", "_high"))}  # fmt: skip
JOINED = ("arms", "n_arms", "events")

DATA_COLUMNS = (
    "claim", "dataset", "synthetic", "kind", "group", "label", "x", "value", "ci_low", "ci_high",
    "n", "weight", "unit", "design", "blinded", "margin", *JOINED, "bias", "interval_kind",
    *SPREADS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictAxis:
    """The axis of a finding.

    Attributes
    ----------
    rule : str
        superiority, difference, noninferiority, below or above.
    margin : float
        The line the interval is compared with.
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
        number = fmt.as_entered(self.margin)
        if self.margin == self.null:
            return f"no difference ({number})"
        if self.other_margin is not None:
            return f"margin ±{fmt.as_entered(abs(self.margin))}"
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
    """Return the caption: what is shown, of whom, by which method, compared with which margin."""
    estimate = finding.estimate
    head = f"{finding.claim.title}. {capital(_about(finding))}."
    source = f"Data: {finding.dataset}{', ' + finding.size if finding.size else ''}."
    mark = f" {SYNTHETIC_WORDS}" if finding.synthetic else ""
    if estimate is None:
        why = f"{head} {source}{mark} Not testable: {finding.reason}."
        return why + studies_words(finding)
    words = f"{estimate.unit}, {estimate.level_words}; {estimate.method}"
    shown = f"Shown: {fmt.interval(estimate)} {words}."
    axis = verdict_axis(finding)
    shown += family_words(finding)
    of_claim = "" if finding.margin != finding.claim.margin else finding.claim.margin_source
    whence = finding.margin_of or of_claim
    line = f"{capital(axis.margin_label)} {estimate.unit}" + (f" ({whence})." if whence else ".")
    missing = ""
    if finding.n_missing:
        missing = f" Left out for a missing value: {finding.n_missing:,}."
    verdict = f"{capital(finding.in_full)}: {finding.reason}."
    return f"{head} {source}{mark} {shown} {line}{missing} {verdict}{studies_words(finding)}"


def alt_text(finding: Finding) -> str:
    """Return a description of the figure for those who do not see it."""
    estimate = finding.estimate
    mark = "synthetic data, " if finding.synthetic else ""
    if estimate is None:
        return f"{finding.claim.title}, {mark}{finding.dataset}: not testable."
    what = (
        f"{finding.claim.title}, {mark}{finding.dataset}: {fmt.interval(estimate)} "
        f"{estimate.unit}, {estimate.level_words}, against {verdict_axis(finding).margin_label}; "
        f"{finding.in_full}."
    )
    kinds = Counter(p.kind for p in finding.parts if p.kind not in STUDY_KINDS)
    kinds += Counter(p.kind for p in drawn_parts(finding))
    counts = [fmt.count(n, *COUNTED.get(kind, (kind, kind))) for kind, n in kinds.items()]
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
        "interval_kind": estimate.interval_kind,
    }


def _part_data(part: Part) -> dict[str, object]:
    plain = [name for name in DATA_COLUMNS if hasattr(part, name) and name not in SPREADS]
    row = {name: getattr(part, name) for name in plain}
    row |= {name: " | ".join(map(str, row[name])) for name in JOINED}
    found = {column: (getattr(part, name), i) for column, (name, i) in SPREADS.items()}
    return row | {column: known[i] for column, (known, i) in found.items() if known}


def is_published(finding: Finding) -> bool:
    """Tell whether studies of the published tables stand behind a finding."""
    return any(p.kind == "study" and p.design for p in finding.parts)


def _about(finding: Finding) -> str:
    """Say what is estimated: of published studies which group decides, else the estimand."""
    if not is_published(finding):
        return finding.claim.estimand
    if finding.estimate is None:
        return finding.claim.says
    return str(note("group_decides", group=finding.parts[0].group))


def drawn_parts(finding: Finding) -> list[Part]:
    """Return what a forest plot shows: the first group of studies, others while rows fit.

    What other assumptions give stands beneath the pooled value that the verdict rests on alone.
    """
    found = [p for p in finding.parts if p.kind in STUDY_KINDS]
    decides = found[0].group if found and finding.estimate is not None else None
    found = [p for p in found if p.kind != "sensitivity" or p.group == decides]
    rows = Counter(p.group for p in found)
    fit = {g for g, end in zip(rows, accumulate(rows.values()), strict=True) if end <= MOST_ROWS}
    return [p for p in found if p.group in fit or p.group == found[0].group]


def is_listed(finding: Finding) -> bool:
    """Tell whether studies are only listed: they measure no time, and the claim is about time."""
    return finding.estimate is None and finding.claim.analysis == "time_to_response"


def forest_marks(finding: Finding) -> dict[str, str]:
    """Say what each mark of a forest plot is; only of those that are drawn."""
    drawn = [] if is_listed(finding) else drawn_parts(finding)
    level = f"{fmt.level(finding.estimate.confidence_level)} " if finding.estimate else ""
    credible = any(p.interval_kind == "credible" for p in drawn)
    found = {
        f"forest_{p.kind}" for p in drawn if p.kind != "pooled" or p.interval_kind == "confidence"
    }
    found = (found if len(drawn) > 1 else set()) | ({"forest_credible"} if credible else set())
    more = {"forest_credible": {"level": f"{level}credible interval"}}
    return {kind: str(note(kind, **more.get(kind, {}))) for kind in MARKS if kind in found}


def studies_words(finding: Finding) -> str:
    """Say how a forest plot is read, and how certain its result; empty for a cohort."""
    if not is_published(finding):
        return ""
    explained = [words for kind, words in _explained(finding).items() if kind not in FOOT]
    said = [*explained, *_left_out(finding), *_certainty(finding)]
    return "".join(f" {capital(str(x))}." for x in said)


def forest_foot(finding: Finding) -> list[str]:
    """Explain the units and signs of a forest plot, beneath it."""
    return [str(words) for kind, words in _explained(finding).items() if kind in FOOT]


def _explained(finding: Finding) -> dict[str, Note]:
    """Explain what stands in the plot: groups, counts, units, spread, bias, designs."""
    drawn = drawn_parts(finding)
    several = len({p.group for p in finding.parts}) > 1
    stands = {
        "forest_order": several and finding.estimate is not None,
        "forest_apart": several,
        "forest_counts": any(p.events for p in drawn),
        "forest_sides": any(len(p.n_arms) > 1 for p in drawn),
        "forest_sd": any(p.unit == "SD" for p in drawn),
        "forest_tau": any(_known(p.tau) for p in drawn),
        "forest_rho": any(_known(p.rho) for p in drawn),
        "forest_bias": any(p.bias for p in drawn),
        "forest_designs": any(p.design in RANDOMISED for p in drawn),
    }
    return {kind: note(kind) for kind, does in stands.items() if does}


def _known(spread: tuple[float, ...]) -> bool:
    return bool(spread) and not math.isnan(spread[0])


def _left_out(finding: Finding) -> list[Note]:
    drawn = {p.group for p in drawn_parts(finding)}
    rest = [p for p in finding.parts if p.kind == "study" and p.group not in drawn]
    groups = Count(n=len({p.group for p in rest}), noun="group")
    rows = Count(n=len(rest), noun="study", plural="studies")
    return [note("forest_left_out", groups=groups, rows=rows)] if rest else []


def _certainty(finding: Finding) -> list[Note]:
    if not finding.certainty:
        return []
    lowered = ", ".join(d.name for d in finding.domains if d.steps)
    why = f"lowered for: {lowered}" if lowered else note("no_domain_lowers")
    return [note("forest_certainty", level=finding.certainty, why=why)]


def study_words(part: Part) -> str:
    """Write what a study compared, how, and whether its raters were blinded."""
    arms = " against ".join(dict.fromkeys(part.arms))
    design = DESIGNS.get(part.design, part.design.replace("_", " "))
    words = (fmt.unbroken(x) for x in (design, BLINDED.get(part.blinded, "")))
    return "; ".join(x for x in (arms, *words) if x)


def counts_words(studies: Sequence[Part]) -> str:
    """Write patients with the event of all, arm by arm; all alone where none were counted."""
    total = sum(s.n or 0 for s in studies)
    people = [sum(arm) for arm in zip(*(s.n_arms for s in studies), strict=True)]
    if all(s.events for s in studies):
        events = [sum(arm) for arm in zip(*(s.events for s in studies), strict=True)]
        return " | ".join(f"{e:,}/{n:,}" for e, n in zip(events, people, strict=True))
    if people == [total, total]:  # of two sides of one body the people count once
        return f"{people[0]:,}, both sides"
    return " | ".join(f"{n:,}" for n in people or [total] if n)


def spread_words(pooled: Part) -> str:
    """Write how much true effects differ between studies, with limits; empty where unknown."""
    for kind, names in (("forest_spread", ("tau", "i2")), ("forest_rates", ("rho",))):
        if _known(getattr(pooled, names[0])):
            own = {x: getattr(pooled, n)[i] for x, (n, i) in SPREADS.items() if n in names}
            return str(note(kind, **own))
    return ""


def axis_words(finding: Finding, parts: Sequence[Part]) -> str:
    """Name the axis of studies of one unit: what it is, and which side favours what."""
    first, same = parts[0], len({(p.measure, p.endpoint) for p in parts}) == 1
    name = "% of patients" if first.measure == "proportion" else axis_name(first.unit)
    if same and first.measure == "proportion":
        name = f"{first.endpoint}, {name}"
    if same and first.measure == "mean":  # its words name the scale
        name = first.endpoint
    if not first.better:
        return name
    side = {"side": "above" if first.better == "higher" else "below", "null": first.null}
    whom = FAVOURED.get(finding.claim.id, "needling")
    compared = first.control == "controlled"
    said = note("forest_favours", whom=whom, **side) if compared else note("forest_later", **side)
    return f"{name} ({said})"


def family_words(finding: Finding) -> str:
    """Say what the interval that holds for the whole family is; empty outside a family."""
    family = finding.simultaneous
    if family is None:
        return ""
    return (
        f" With the {finding.family} primary claims together: {fmt.interval(family)} {family.unit} "
        f"({family.level_words}, Bonferroni); the verdict rests on it."
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


def capital(text: str) -> str:
    """Return a text with a capital at its start."""
    return text[:1].upper() + text[1:]
