"""How a finding is read on an axis: where no effect lies, where the margin, which side is meant."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy import formatting as fmt
from mnstudy.verdicts.findings import Finding


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


def reading(finding: Finding) -> Reading:
    """Return how the finding is read; levels and rates have no value of no effect."""
    unit = finding.estimate.unit if finding.estimate else finding.claim.unit
    ratio = "ratio" in unit
    difference = finding.rule in ("superiority", "noninferiority") or finding.margin == 0
    null = 1.0 if ratio else finding.null if difference else None
    return Reading(rule=finding.rule, margin=finding.margin, null=null, log=ratio)
