"""One finding: the estimate with its interval, the verdict, the reason and what was assumed.

What a finding holds is exact; what it shows of a real cohort is safe (``disclosure.safe``).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from html import escape

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.verdicts.disclosure import is_guarded, safe, shown_size
from mnstudy.verdicts.few_events import written
from mnstudy.verdicts.registry import Claim

VERDICTS = ("supported", "partly supported", "inconclusive", "contradicted", "not testable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval, in the unit of the claim; nothing is rounded.

    Attributes
    ----------
    value, ci_low, ci_high : float
        Point estimate and the ends of the interval; an open end is infinite or nan.
    confidence_level : float
        Level of the interval.
    std_error, df, p_value : float
        nan where the method has none. The p-value is two-sided, against no effect (against the
        margin for claims about a level, a rate or a ratio).
    unit, method : str
        Unit of the value and the method that gave it, in words.
    """

    value: float
    ci_low: float
    ci_high: float
    confidence_level: float
    unit: str
    method: str
    std_error: float = float("nan")
    df: float = float("nan")
    p_value: float = float("nan")

    def __str__(self) -> str:
        if math.isnan(self.value):
            return written(self)
        digits = fmt.decimals_for(self.value, self.ci_low, self.ci_high)
        value, low, high = (fmt.number(x, digits) for x in (self.value, self.ci_low, self.ci_high))
        return f"{value} {self.unit}, {fmt.level(self.confidence_level)} CI {low} to {high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One further number behind a finding: a scar type, a session, a study, the pooled value.

    ``kind`` says how it is drawn: level, session, gain, slope, arm, share, contrast, study, pooled,
    prediction, together (the interval of a claim of the plan's family) or expected (the change
    that regression to the mean alone would give). ``design`` and ``blinded`` (yes, no or unclear:
    were the raters) are those of a published study.
    """

    kind: str
    label: str
    value: float
    ci_low: float
    ci_high: float
    n: int | None = None
    unit: str = ""
    x: float = float("nan")
    weight: float = float("nan")
    group: str = ""
    design: str = ""
    blinded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One reason for more or less certainty: how many steps it lowers it, and why.

    ``doubt`` is what it leaves open about a verdict, empty where it leaves nothing open.
    """

    name: str
    steps: int
    reason: str
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Finding:
    """The answer of one body of data to one claim.

    Attributes
    ----------
    claim : Claim
    dataset : str
        Where the answer comes from; ``synthetic`` marks invented data.
    estimate : Estimate or None
        None where the claim could not be tested.
    verdict : str
        supported, partly supported, inconclusive, contradicted or not testable.
    reason : str
        Why this verdict, in words.
    wording : str
        How far a sentence about this result may go, given the design.
    comparison : str
        uncontrolled, observational, randomised, within or rate.
    rule, margin, null : str, float, float
        How the interval was judged: see ``claims.toml``; margin and null (the value of no effect)
        in the unit of the estimate.
    planned : bool
        True for a primary claim of the plan; everything else is post hoc.
    family : int
        Claims of the plan whose intervals hold together with this one; 0 outside the family.
    simultaneous : Estimate or None
        The estimate with the interval that holds together with the family's; the verdict of a
        claim of the family rests on it.
    p_holm : float
        The p-value adjusted over the family (Holm); nan outside it.
    n_patients, n_sites, n_missing : int
        Patients and sites behind the estimate; sites left out for a missing value.
    cohort_patients, cohort_sites : int
        Patients and sites of the whole cohort; 0 where they are not known.
    n_studies : int or None
        Studies behind the estimate, where it is pooled.
    parts : tuple of Part
        Further numbers: levels, sessions, studies.
    certainty : str
        high, moderate, low or very low for pooled evidence, see ``certainty``; else empty.
    domains : tuple of Domain
        What the certainty is made of.
    notes : tuple of str
        Every automatic decision and every caution, in words.

    Notes
    -----
    The attributes and ``to_frame`` are exact: they are for computing. The text a finding of a real
    cohort shows of itself, in a notebook or on a terminal, hides counts of 1 to 4 people and what
    would give them away, as every report does.
    """

    claim: Claim
    dataset: str
    synthetic: bool
    verdict: str
    reason: str
    wording: str = ""
    comparison: str = ""
    estimate: Estimate | None = None
    rule: str
    margin: float
    null: float = 0.0
    planned: bool = False
    family: int = 0
    simultaneous: Estimate | None = None
    p_holm: float = float("nan")
    n_patients: int = 0
    n_sites: int = 0
    n_missing: int = 0
    cohort_patients: int = 0
    cohort_sites: int = 0
    n_studies: int | None = None
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    certainty: str = ""
    domains: tuple[Domain, ...] = ()
    sha256: str = ""
    plan_sha256: str = ""

    @property
    def size(self) -> str:
        """How much is behind the estimate: patients, sites, studies."""
        counts = [] if self.n_studies is None else [fmt.count(self.n_studies, "study", "studies")]
        if self.n_patients:
            counts.append(fmt.count(self.n_patients, "patient"))
        if self.n_sites:
            counts.append(fmt.count(self.n_sites, "site"))
        return ", ".join(counts)

    def lines(self) -> list[str]:
        """Return the finding as lines of text, the estimate first; safe to show."""
        return safe(self)._lines()

    def _lines(self) -> list[str]:
        mark = " · SYNTHETIC DATA" if self.synthetic else ""
        head = f"{self.claim.title} ({self.claim.said_in}) · {self.dataset}"
        lines = [head + mark]
        if self.estimate is not None:
            margin = fmt.number(self.margin, fmt.decimals_for(self.margin))
            lines.append(f"{self.estimate}; margin {margin}")
        lines.append(f"{self.verdict}: {self.reason}")
        if self.certainty:
            lines.append(f"certainty (GRADE-like): {self.certainty}")
        if self.estimate is not None:
            size = shown_size(self) if is_guarded(self) else self.size
            lines.append(f"{self.estimate.method} · {size}")
        return [*lines, *(f"· {note}" for note in self.notes)]

    def __repr__(self) -> str:
        head, *rest = self.lines()
        return "\n".join([head, *(f"  {line}" for line in rest)])

    def _repr_html_(self) -> str:
        head, *rest = (escape(line) for line in self.lines())
        return f"<p><strong>{head}</strong><br>{'<br>'.join(rest)}</p>"

    def to_frame(self) -> pd.DataFrame:
        """Return the finding as a table of one row, exact and in full precision."""
        return pd.DataFrame([row(self)], columns=list(COLUMNS))


COLUMNS = (
    "claim", "title", "articles", "dataset", "synthetic", "verdict", "reason", "estimate",
    "ci_low", "ci_high", "confidence_level", "std_error", "df", "p_value", "unit", "margin",
    "margin_source", "rule", "comparison", "certainty", "wording", "method", "planned",
    "n_patients", "n_sites", "n_missing", "n_studies", "family", "simultaneous_low",
    "simultaneous_high", "simultaneous_level", "p_holm", "contrary", "notes", "sha256",
    "plan_sha256",
)  # fmt: skip


def row(finding: Finding) -> list[object]:
    """Return the cells of a finding in the order of ``COLUMNS``."""
    claim, estimate = finding.claim, finding.estimate
    cells: dict[str, object] = {
        "claim": claim.id,
        "title": claim.title,
        "articles": " ".join(claim.articles),
        "contrary": claim.contrary,
        "unit": claim.unit,
        "margin_source": claim.margin_source,
        "notes": " | ".join(finding.notes),
        "estimate": float("nan") if estimate is None else estimate.value,
    }
    if estimate is not None:
        cells |= {f.name: getattr(estimate, f.name) for f in dataclasses.fields(estimate)}
    if finding.simultaneous is not None:
        cells["simultaneous_low"] = finding.simultaneous.ci_low
        cells["simultaneous_high"] = finding.simultaneous.ci_high
        cells["simultaneous_level"] = finding.simultaneous.confidence_level
    return [cells[c] if c in cells else getattr(finding, c, None) for c in COLUMNS]
