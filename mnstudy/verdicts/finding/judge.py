"""From an interval and a margin to a verdict, and from a design to what may be said."""

from __future__ import annotations

from dataclasses import dataclass

from mnstudy.verdicts.finding.finding import Estimate
from mnstudy.words.notes import Note, note, sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict with its reasons."""

    word: str
    reasons: tuple[Note, ...]

    @property
    def reason(self) -> str:
        """The reasons in words."""
        return "; ".join(sentences(self.reasons))


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
        return _verdict("supported", _SUPPORTED[rule])
    if high < margin:
        return _verdict("contradicted", _contradicted(rule, low, high, null))
    if rule == "superiority" and low > null:
        return _verdict("partly supported", "excludes_no_effect_only")
    return _verdict("inconclusive", _INCONCLUSIVE.get(rule, "holds_limit"))


def _verdict(word: str, kind: str) -> Verdict:
    return Verdict(word=word, reasons=(note(kind),))


_SUPPORTED = {
    "superiority": "beyond_margin",
    "noninferiority": "above_noninferiority",
    "below": "below_limit",
    "above": "above_limit",
}
_INCONCLUSIVE = {"superiority": "holds_all", "noninferiority": "holds_noninferiority"}


def _contradicted(rule: str, low: float, high: float, null: float) -> str:
    if rule == "noninferiority":
        return "below_noninferiority"
    if rule in ("below", "above"):
        return "wrong_side_of_limit"
    if high < null:
        return "other_way"
    return "smaller_than_margin" if low > null else "short_of_margin"


_CAPS = {"uncontrolled": "no_comparison_group", "observational": "groups_not_randomised"}


def _cap(found: Verdict, comparison: str) -> Verdict:
    if found.word != "supported" or comparison not in _CAPS:
        return found
    reason = note("capped", found=found.reasons, why=note(_CAPS[comparison]))
    return Verdict(word="partly supported", reasons=(reason,))
