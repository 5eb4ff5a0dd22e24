"""How a finding is read on an axis: where no effect lies, where the margin, which side is meant."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy import formatting as fmt
from mnstudy.verdicts.findings import Finding
from mnstudy.verdicts.judge import RULES, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The axis of a finding.

    Attributes
    ----------
    rule : str
        superiority, noninferiority, below or above.
    margin : float
        The line the interval is held against.
    null : float or None
        The value of no effect; None for levels and rates, where there is none.
    log : bool
        True for ratios.
    """

    rule: str
    margin: float
    null: float | None
    log: bool

    @property
    def favours_lower(self) -> bool:
        """True where lower values speak for the claim."""
        return self.rule == "below"

    @property
    def margin_label(self) -> str:
        """Name of the line of the margin."""
        number = fmt.given(self.margin)
        if self.margin == self.null:
            return f"no difference ({number})"
        names = {"superiority": "margin", "noninferiority": "non-inferiority margin"}
        return f"{names.get(self.rule, 'stated limit')} {number}"

    @property
    def zone_label(self) -> str:
        """What the shaded zone means."""
        side = {"below": "below the limit", "above": "above the limit"}
        return f"shaded: {side.get(self.rule, 'beyond the margin')}"


def reading(finding: Finding) -> Reading:
    """Return how the finding is read."""
    unit = finding.estimate.unit if finding.estimate else finding.claim.unit
    rule = judged_by(finding)
    ratio = "ratio" in unit
    difference = rule in ("superiority", "noninferiority") or "percentage point" in unit
    difference = difference or finding.margin == 0
    null = 1.0 if ratio else 0.0 if difference else None
    return Reading(rule=rule, margin=finding.margin, null=null, log=ratio)


def judged_by(finding: Finding) -> str:
    """Return the rule behind the verdict.

    It is that of the claim, unless the evidence was pooled on another scale: then it is the one
    with which ``judge`` gives the reason that the finding carries.
    """
    own = finding.claim.rule
    if finding.estimate is None:
        return own
    null = 1.0 if "ratio" in finding.estimate.unit else 0.0
    for rule in (own, *RULES):
        found = judge(
            finding.estimate,
            rule=rule,
            margin=finding.margin,
            comparison=finding.comparison,
            null=null,
        )
        if finding.reason.startswith(found.reason):
            return rule
    return own
