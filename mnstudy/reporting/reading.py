"""How a finding is read on an axis: where no effect lies, where the margin, which side is meant."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy import formatting as fmt
from mnstudy.verdicts.findings import Finding
from mnstudy.words.units import is_ratio


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
            return f"margin ±{fmt.given(abs(self.margin))}"
        number = fmt.given(self.margin)
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
