"""From an interval and a margin to a verdict, and from a design to how far a verdict may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mnstudy.verdicts.finding.finding import Estimate, Hold, in_full
from mnstudy.words.notes import Note, note, sentences

FAVOURABLE = ("supported", "partly supported")
ADVERSE = ("contradicted", "too small to matter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict with its reasons; ``lacking`` is what a partly supported claim lacks."""

    word: str
    reasons: tuple[Note, ...]
    lacking: tuple[str, ...] = ()

    @property
    def in_full(self) -> str:
        """The word, and what it lacks: ``partly supported (size)``."""
        return in_full(self.word, self.lacking)

    @property
    def reason(self) -> str:
        """The reasons in words."""
        return "; ".join(sentences(self.reasons))


def judge(
    estimate: Estimate,
    *,
    rule: str,
    margin: float,
    comparison: str,
    null: float = 0.0,
    harm: float | None = None,
    holds: Sequence[Hold] = (),
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
        What the comparison can carry. One that is randomised, and a rate or a level of one group,
        may have any verdict. Where the comparison is uncontrolled, observational or within the
        same patients over time, a cause is neither shown nor excluded: at most partly supported,
        and never contradicted or too small to matter.
    null : float
        The value of no effect (1 for ratios).
    harm : float, optional
        The margin mirrored at no effect, where that is not ``2 * null - margin``.
    holds : sequence of Hold
        Why the estimate can be at most inconclusive; with another interval that is short of the
        margin, at most partly supported.

    Returns
    -------
    Verdict
        With the interval from L to U, turned so that up favours the claim, in this order: L at or
        beyond the margin is supported; U below no effect contradicted; U below the margin too small
        to matter where L lies above the mirrored margin, else contradicted; L above no effect
        partly supported (size); anything else inconclusive.
    """
    mirrored = 2 * null - margin if harm is None else harm
    found = _against_margin(estimate, rule, margin, null, mirrored)

    kept, weaker = [], found
    for hold in holds:
        if hold.also is not None:
            low, high = hold.also
            moved = replace(estimate, ci_low=low, ci_high=high)
            other = _against_margin(moved, rule, margin, null, mirrored)
            if other.word == "partly supported" and found.word == "supported":
                but = _but(found, other.word, hold.why)
                weaker = replace(but, lacking=other.lacking)
            if _way(other) == _way(found):
                continue
        kept.append(hold)
    return _held(_capped(weaker, comparison), kept)


def _way(found: Verdict) -> int:
    """Return 1 for a verdict that favours a claim, -1 for one against it, else 0."""
    return (found.word in FAVOURABLE) - (found.word in ADVERSE)


def _against_margin(
    estimate: Estimate, rule: str, margin: float, null: float, harm: float
) -> Verdict:
    low, high = estimate.ci_low, estimate.ci_high
    if rule == "below":
        low, high, margin = -high, -low, -margin
    elif rule == "difference" and estimate.value < null:
        low, high, null, margin, harm = -high, -low, -null, -harm, -margin
    if rule not in ("superiority", "difference"):
        return _against_limit(rule, low, high, margin)
    if low >= margin and low > null:
        return _verdict("supported", "beyond_margin")
    if high < null:
        return _verdict("contradicted", "other_way")
    if high < margin and low > harm:
        return _verdict("too small to matter", "smaller_than_margin")
    if high < margin and rule == "superiority":
        return _verdict("contradicted", "short_of_margin")
    if low > null:
        return _verdict("partly supported", "excludes_no_effect_only", "size")
    return _verdict("inconclusive", "holds_all")


def _against_limit(rule: str, low: float, high: float, margin: float) -> Verdict:
    beyond, short, holds = _LIMIT[rule]
    if low >= margin:
        return _verdict("supported", beyond)
    if high < margin:
        return _verdict("contradicted", short)
    return _verdict("inconclusive", holds)


_LIMIT = {
    "noninferiority": ("above_noninferiority", "below_noninferiority", "holds_noninferiority"),
    "below": ("below_limit", "wrong_side_of_limit", "holds_limit"),
    "above": ("above_limit", "wrong_side_of_limit", "holds_limit"),
}


def _verdict(word: str, kind: str, *lacking: str) -> Verdict:
    return Verdict(word=word, reasons=(note(kind),), lacking=lacking)


_CAPS = {
    "uncontrolled": ("no_comparison_group", "nothing_to_compare_with"),
    "observational": ("groups_not_randomised", "groups_may_hide"),
    "within": ("time_passes", "time_may_hide"),
}


def capped(word: str, comparison: str) -> bool:
    """Tell whether a comparison cannot carry a verdict about a cause."""
    return comparison in _CAPS and word in (*FAVOURABLE, *ADVERSE)


def _capped(found: Verdict, comparison: str) -> Verdict:
    if not capped(found.word, comparison):
        return found
    unshown, hidden = (note(kind) for kind in _CAPS[comparison])
    if found.word in ADVERSE:
        return _but(found, "inconclusive", hidden)
    partly = _but(found, "partly supported", unshown, "capped_too" if found.lacking else "capped")
    return replace(partly, lacking=(*found.lacking, "cause"))


def _held(found: Verdict, holds: Sequence[Hold]) -> Verdict:
    for hold in holds:
        held = hold.favourable if found.word in FAVOURABLE else hold.adverse
        if found.word in (*FAVOURABLE, *ADVERSE) and held:
            found = _but(found, "inconclusive", hold.why)
    return found


def _but(found: Verdict, word: str, why: Note, kind: str = "capped") -> Verdict:
    return Verdict(word=word, reasons=(note(kind, found=found.reasons, why=why),))
