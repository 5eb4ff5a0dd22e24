"""From an interval and a margin to a verdict, and from a design to what may be said."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy.verdicts.finding import Estimate
from mnstudy.verdicts.registry import Claim

RULES = ("superiority", "difference", "noninferiority", "below", "above")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict with its reason."""

    word: str
    reason: str


def judge(
    estimate: Estimate, *, rule: str, margin: float, comparison: str, null: float = 0.0
) -> Verdict:
    """Compare the interval with the margin; the p-value is never looked at.

    Parameters
    ----------
    estimate : Estimate
        Oriented so that a higher value favours the claim for ``superiority``,
        ``noninferiority`` and ``above``, a lower one for ``below``.
    rule : str
        superiority, difference (superiority in either direction), noninferiority, below or above.
    margin : float
        The smallest difference worth having, or the level that must not be crossed.
    comparison : str
        What the comparison can carry: randomised, within and rate may be supported; an
        uncontrolled or observational one is at most partly supported, because its cause is
        not shown.
    null : float
        The value of no effect (1 for ratios).

    Returns
    -------
    Verdict
    """
    found = _against_margin(estimate, rule, margin, null)
    return _cap(found, comparison)


def _against_margin(estimate: Estimate, rule: str, margin: float, null: float) -> Verdict:
    low, high = estimate.ci_low, estimate.ci_high
    if rule == "below" or (rule == "difference" and estimate.value < null):
        low, high, null = -high, -low, -null
        margin = -margin if rule == "below" else margin
    rule = "superiority" if rule == "difference" else rule
    if low >= margin and not (rule == "superiority" and low <= null):
        return Verdict(word="supported", reason=_SUPPORTED[rule])
    if high < margin:
        return Verdict(word="contradicted", reason=_contradicted(rule, low, high, null))
    if rule == "superiority" and low > null:
        reason = "the interval excludes no effect, but not an effect too small to matter"
        return Verdict(word="partly supported", reason=reason)
    return Verdict(word="inconclusive", reason=_inconclusive(rule, low, high, null))


_SUPPORTED = {
    "superiority": "the whole interval lies beyond the margin",
    "noninferiority": "the whole interval lies above the non-inferiority margin",
    "below": "the whole interval lies below the stated limit",
    "above": "the whole interval lies above the stated limit",
}


def _contradicted(rule: str, low: float, high: float, null: float) -> str:
    if rule == "noninferiority":
        return "the whole interval lies below the non-inferiority margin"
    if rule in ("below", "above"):
        return "the whole interval lies on the wrong side of the stated limit"
    if high < null:
        return "the whole interval points the other way"
    if low > null:
        return "there is a difference, but the whole interval is smaller than the margin"
    return "the whole interval is short of the margin"


def _inconclusive(rule: str, low: float, high: float, null: float) -> str:
    if rule == "superiority":
        return "the interval holds both no effect and an effect worth having"
    limit = "non-inferiority margin" if rule == "noninferiority" else "stated limit"
    return f"the interval holds the {limit}"


_CAPS = {
    "uncontrolled": "there is no comparison group, so the cause is not shown",
    "observational": "the groups were not randomised, so the cause is not shown",
}


def _cap(found: Verdict, comparison: str) -> Verdict:
    if found.word != "supported" or comparison not in _CAPS:
        return found
    return Verdict(word="partly supported", reason=f"{found.reason}, but {_CAPS[comparison]}")


def wording(claim: Claim, comparison: str) -> str:
    """Return how far a sentence about the result may go."""
    return claim.wording.get(comparison, claim.wording.get("rate", claim.estimand))
