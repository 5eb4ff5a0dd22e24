"""One finding: the estimate with its interval, the verdict, the reason and what was assumed."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.errors import DesignError
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.words.notes import Note, sentence, sentences
from mnstudy.words.units import valued

FEW_STUDIES = 5  # fewer tell too little of how much true effects differ
VERDICTS = (
    "supported", "partly supported", "inconclusive", "too small to matter", "contradicted",
    "not testable",
)  # fmt: skip


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
    unit : str
        Unit of the value.
    how : Note
        The method that gave it; ``method`` has it in words.
    adjusted_for : tuple of str
        Columns it is adjusted for.
    interval_kind : str
        confidence, or credible: where true effects lie given a prior, no promise about repetitions.
    """

    value: float
    ci_low: float
    ci_high: float
    confidence_level: float
    unit: str
    how: Note
    std_error: float = float("nan")
    df: float = float("nan")
    p_value: float = float("nan")
    adjusted_for: tuple[str, ...] = ()
    interval_kind: str = "confidence"

    @property
    def level_words(self) -> str:
        """The level and kind of the interval: ``95 % CI``, or ``95 % credible interval``."""
        kind = "CI" if self.interval_kind == "confidence" else f"{self.interval_kind} interval"
        return f"{fmt.level(self.confidence_level)} {kind}"

    @property
    def method(self) -> str:
        """The method in words."""
        return sentence(self.how)

    def __str__(self) -> str:
        digits = fmt.decimals_for(self.value, self.ci_low, self.ci_high)
        value, low, high = (fmt.number(x, digits) for x in (self.value, self.ci_low, self.ci_high))
        return f"{valued(value, self.unit)}, {self.level_words} {low} to {high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One further number behind a finding: a scar type, a session, a study, the pooled value.

    ``kind`` says how it is drawn: level, session, gain, slope, arm, share, contrast, study, pooled,
    prediction, sensitivity (another estimate of the same studies), together (the interval of a
    claim of the plan's family) or expected (the change that regression to the mean alone would
    give). ``interval_kind`` as in ``Estimate``. ``design`` and ``blinded`` (yes, no or unclear:
    were the raters), ``bias`` (its risk of bias), the ``arms`` by name with their people and, where
    they were counted, ``events`` are those of a published study; ``control`` (controlled or
    uncontrolled), ``null`` (the value of no effect, nan for a level), ``measure``, ``endpoint`` and
    ``better`` (higher, lower; empty where neither favours) of a group of them. ``tau``, ``i2`` in
    percent and, of rates, ``rho`` are those of its pooled value, each with its limits.
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
    control: str = ""
    null: float = float("nan")
    interval_kind: str = "confidence"
    bias: str = ""
    arms: tuple[str, ...] = ()
    n_arms: tuple[int, ...] = ()
    events: tuple[int, ...] = ()
    measure: str = ""
    endpoint: str = ""
    better: str = ""
    tau: tuple[float, ...] = ()
    i2: tuple[float, ...] = ()
    rho: tuple[float, ...] = ()


def in_full(word: str, lacking: tuple[str, ...]) -> str:
    """Write a verdict with what it lacks.

    >>> in_full("partly supported", ("size", "cause"))
    'partly supported (size, cause)'
    """
    return f"{word} ({', '.join(lacking)})" if lacking else word


def interval_of(found: Any, scale: float = 1) -> dict[str, Any]:
    """Return value and interval of an estimate, or of a result of ``mnstudy.stats``.

    ``scale`` 100 makes percent of a share.
    """
    value = found.value if isinstance(found, Estimate) else found.estimate
    ends = {"value": value, "ci_low": found.ci_low, "ci_high": found.ci_high}
    return {name: float(scale * end) for name, end in ends.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why an estimate can be at most inconclusive, in favour of the claim or against it.

    With ``also``, the ends of another interval, only where that one would not speak the same way;
    where it is short of the margin, the size is not established.
    """

    why: Note
    favourable: bool = True
    adverse: bool = True
    also: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One reason for more or less certainty: how many steps it lowers it, and why.

    ``leaves_open`` is what it leaves open about a verdict, None where that is nothing; ``reason``
    and ``doubt`` have both in words.
    """

    name: str
    steps: int
    why: Note
    leaves_open: Note | None = None

    @property
    def reason(self) -> str:
        """Why, in words."""
        return str(self.why)

    @property
    def doubt(self) -> str:
        """What it leaves open, in words; empty where that is nothing."""
        return str(self.leaves_open or "")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Finding:
    """The answer of one source of data to one claim.

    Attributes
    ----------
    claim : Claim
    dataset : str
        Where the answer comes from; ``synthetic`` marks invented data.
    estimate : Estimate or None
        None where the claim could not be tested.
    verdict : str
        supported, partly supported, inconclusive, too small to matter, contradicted or not
        testable.
    lacking : tuple of str
        What a partly supported claim lacks: size, cause or both; ``in_full`` has both.
    holds : tuple of Hold
        Why it can be at most inconclusive, whatever the interval.
    week : float
        Week of the assessments behind the estimate; nan where no single week counts.
    reasons : tuple of Note
        Why this verdict; ``reason`` has it in words.
    pooled_wording : str
        How far a sentence about pooled studies may go, where their measure has words of its own;
        ``wording`` says it of every finding.
    comparison : str
        uncontrolled, observational, randomised, within or rate.
    rule, margin, null : str, float, float
        How the interval was judged: see ``claims.toml``; margin and null (the value of no effect)
        in the unit of the estimate.
    planned : bool
        True for a primary claim of the plan; everything else is exploratory.
    family : int
        Claims of the plan whose intervals hold together with this one; 0 outside the family.
    simultaneous : Estimate or None
        The estimate with the interval that holds together with the family's; the verdict of a
        claim of the family rests on it.
    p_holm : float
        The p-value adjusted over the family (Holm); nan outside it.
    margin_of : str
        Where the margin comes from, where that is not the claim's own source.
    n_patients, n_sites, n_missing : int
        Patients and sites assessed at the week; sites without a known value then.
    n_studies : int or None
        Studies behind the estimate, where it is pooled.
    parts : tuple of Part
        Further numbers: levels, sessions, studies.
    certainty : str
        high, moderate, low or very low for pooled evidence, see ``certainty``; else empty.
    domains : tuple of Domain
        What the certainty is made of.
    remarks : tuple of Note
        Every automatic decision and every caution; ``notes`` has them in words.

    Notes
    -----
    A finding is exact in all it holds and shows of itself, of a real cohort too.
    """

    claim: Claim
    dataset: str
    synthetic: bool
    verdict: str
    lacking: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    week: float = float("nan")
    reasons: tuple[Note, ...] = ()
    pooled_wording: str = ""
    comparison: str = ""
    estimate: Estimate | None = None
    rule: str
    margin: float
    null: float = 0.0
    planned: bool = False
    family: int = 0
    simultaneous: Estimate | None = None
    p_holm: float = float("nan")
    margin_of: str = ""
    n_patients: int = 0
    n_sites: int = 0
    n_missing: int = 0
    n_studies: int | None = None
    parts: tuple[Part, ...] = ()
    remarks: tuple[Note, ...] = ()
    certainty: str = ""
    domains: tuple[Domain, ...] = ()
    sha256: str = ""
    plan_sha256: str = ""

    if not TYPE_CHECKING:  # to a type checker no further name exists

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(f"a finding has no attribute {name!r}{_nearest(name)}")

    @property
    def few_studies(self) -> bool:
        """Pooled evidence of too few studies for more than partly supported."""
        return bool(self.certainty) and (self.n_studies or 0) < FEW_STUDIES

    @property
    def in_full(self) -> str:
        """The verdict, and what it lacks: ``partly supported (cause)``."""
        return in_full(self.verdict, self.lacking)

    @property
    def reason(self) -> str:
        """Why this verdict, in words."""
        return "; ".join(sentences(self.reasons))

    @property
    def notes(self) -> tuple[str, ...]:
        """Every automatic decision and every caution, in words."""
        return sentences(self.remarks)

    @property
    def wording(self) -> str:
        """How far a sentence about this result may go, given the design."""
        if self.pooled_wording or not self.comparison:
            return self.pooled_wording
        usual = self.claim.wording.get("rate", self.claim.estimand)
        return self.claim.wording.get(self.comparison, usual)

    @property
    def size(self) -> str:
        """How much is behind the estimate: studies, patients, sites."""
        studies = (self.n_studies, "study", "studies")
        counts = (studies, (self.n_patients, "patient"), (self.n_sites, "site"))
        return ", ".join(fmt.count(n, *words) for n, *words in counts if n)

    def tested(self) -> Finding:
        """Return the finding, or raise where the claim is not testable.

        Raises
        ------
        DesignError
            The claim is not testable; the message says why.

        Examples
        --------
        >>> import mnstudy as mn
        >>> mn.evaluate(mn.load("demo_clinic"), "rare-pih")[0].tested().n_patients
        230
        """
        if self.estimate is None:
            raise DesignError(f"{self.claim.title}: not testable here: {self.reason}")
        return self

    def lines(self) -> list[str]:
        """Return the finding as lines of text, the estimate first."""
        mark = " · SYNTHETIC DATA" if self.synthetic else ""
        lines = [f"{self.claim.title} ({self.claim.said_in}) · {self.dataset}{mark}"]
        if self.estimate is not None:
            margin = valued(fmt.as_entered(self.margin), self.estimate.unit)
            lines.append(f"{self.estimate}; margin {margin}")
        exploratory = "" if self.planned or self.n_studies is not None else "exploratory, "
        lines.append(f"{exploratory}{self.in_full}: {self.reason}")
        if self.certainty:
            lines.append(f"certainty (GRADE-like): {self.certainty}")
        if self.estimate is not None:
            lines.append(f"{self.estimate.method} · {self.size}")
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


def _nearest(name: str) -> str:
    """Offer the attribute that was meant: of a finding, or of its estimate."""
    owners = {"finding": Finding, "finding.estimate": Estimate}
    known = {n: f"{o}.{n}" for o, owner in owners.items() for n in dir(owner) if n[0] != "_"}
    near = [] if name.startswith("_") else difflib.get_close_matches(name, known, n=1)
    return f": did you mean {known[near[0]]}?" if near else ""


COLUMNS = (
    "claim", "title", "articles", "dataset", "synthetic", "verdict", "reason", "estimate",
    "ci_low", "ci_high", "confidence_level", "std_error", "df", "p_value", "unit", "margin",
    "margin_source", "rule", "comparison", "certainty", "wording", "method", "planned",
    "n_patients", "n_sites", "n_missing", "n_studies", "family", "simultaneous_low",
    "simultaneous_high", "simultaneous_level", "p_holm", "contrary", "notes", "sha256",
    "plan_sha256", "estimand", "analysis_week", "lacking", "interval_kind",
)  # fmt: skip


def row(finding: Finding) -> list[object]:
    """Return the cells of a finding in the order of ``COLUMNS``."""
    claim, estimate = finding.claim, finding.estimate
    cells: dict[str, object] = {
        "claim": claim.id,
        "title": claim.title,
        "articles": " ".join(claim.articles),
        "contrary": claim.contrary,
        "estimand": claim.estimand,
        "analysis_week": finding.week,
        "unit": claim.unit,
        "margin_source": finding.margin_of or claim.margin_source,
        "lacking": ", ".join(finding.lacking),
        "notes": " | ".join(finding.notes),
        "estimate": float("nan") if estimate is None else estimate.value,
    }
    if estimate is not None:
        cells |= {f.name: getattr(estimate, f.name) for f in dataclasses.fields(estimate)}
        cells["method"] = estimate.method
    if finding.simultaneous is not None:
        cells["simultaneous_low"] = finding.simultaneous.ci_low
        cells["simultaneous_high"] = finding.simultaneous.ci_high
        cells["simultaneous_level"] = finding.simultaneous.confidence_level
    return [cells[c] if c in cells else getattr(finding, c, None) for c in COLUMNS]
