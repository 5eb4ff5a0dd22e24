"""Doubts about mean changes, and about p-values beside means and standard deviations."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mnstudy import formatting as fmt
from mnstudy.stats.measurement.consistency_means import p_from_arms, p_from_change
from mnstudy.stats.measurement.consistency_p import RecomputedP
from mnstudy.verdicts.doubts.doubts_intervals import agrees, overlap, p_range
from mnstudy.verdicts.doubts.printed import (
    Doubt,
    Number,
    PrintedOutcome,
    PrintedP,
    arm_pairs,
    before_after,
)

# a rank test on skewed scores may lie this far from the t test, in normal quantiles
RANK_APART = 0.5
R_POSSIBLE = (0.0, 0.99)
_SPELT = {"sd": "standard deviations", "se": "standard errors"}


def changes(outcomes: list[PrintedOutcome]) -> Iterator[Doubt]:
    """Doubt a mean change that is not that between the means before and after."""
    visits = before_after(outcomes)
    for outcome in outcomes:
        change = outcome.number("mean")
        if outcome.text["statistic"] != "mean_change" or change is None:
            continue
        found = [(x, start) for x, start in visits if x.place == outcome.place]
        if len(found) == 1:
            yield from _change(outcome, change, found[0][1], found[0][0])


def _change(
    outcome: PrintedOutcome, change: Number, start: PrintedOutcome, end: PrintedOutcome
) -> Iterator[Doubt]:
    first, last = start.number("mean"), end.number("mean")
    if first is None or last is None:
        return
    low = first.range[0] - last.range[1]
    high = first.range[1] - last.range[0]
    # a change is printed with either sign
    if overlap((low, high), change.range) or overlap((-high, -low), change.range):
        return
    places = max(x.decimals for x in (first, last))
    yield Doubt(
        outcome=outcome,
        check="change",
        figure=outcome.named("mean change"),
        printed=f"{change.text}; {first.text} before, {last.text} after",
        recomputed=fmt.number(first.value - last.value, places),
        explanation="the change is not the difference of the two means: some people may have one "
        "visit only, or a digit is wrong",
        also=(*start.ids, *end.ids),
    )


def p_values(outcomes: list[PrintedOutcome]) -> Iterator[Doubt]:
    """Doubt a p-value that neither a paired nor an unpaired t test of the figures can give."""
    for outcome, start in before_after(outcomes):
        if outcome.text["comparison"] == "baseline":
            yield from _test(outcome, start, paired=True)
    for one, two in arm_pairs(outcomes):
        compared = one.text["comparison"] == two.arm_id
        if compared and one.text["p_value"] == two.text["p_value"]:
            yield from _test(one, two, paired=one.split_body and two.split_body)


def _test(one: PrintedOutcome, two: PrintedOutcome, *, paired: bool) -> Iterator[Doubt]:
    printed = one.p
    if printed is None or not one.n or not two.n or min(one.n, two.n) < 3:
        return
    found = {k: x for k in ("sd", "se") if (x := _p(one, two, k, paired))}
    fits = [k for k, x in found.items() if agrees(printed, x, apart=RANK_APART)]
    if not found or set(fits) & _readings(one, two):
        return
    what = "p-value before to after" if one.text["comparison"] == "baseline" else "p-value of arms"
    yield Doubt(
        outcome=one,
        check="p",
        figure=one.named(what),
        printed=f"{one.mean_sd} and {two.mean_sd}, p {printed.text}",
        recomputed=", ".join(f"{p_range(x)} as {k.upper()}" for k, x in found.items()),
        explanation=_why(printed, found["sd"], paired, fits),
        also=two.ids,
    )


def _readings(one: PrintedOutcome, two: PrintedOutcome) -> set[str]:
    """Return how the tables say that the spreads may be read."""
    kinds = {one.text["sd_is"], two.text["sd_is"]}
    return kinds if kinds in ({"sd"}, {"se"}) else {"sd", "se"}


def _p(one: PrintedOutcome, two: PrintedOutcome, kind: str, paired: bool) -> RecomputedP | None:
    m1, m2, s1, s2 = one.number("mean"), two.number("mean"), one.spread, two.spread
    if m1 is None or m2 is None or s1 is None or s2 is None or not one.n or not two.n:
        return None
    if any(m.value > 0 and s.value > m.value for m, s in ((m1, s1), (m2, s2))):
        return None  # values this skew call for a rank test, which a t test cannot foretell
    f1, f2 = (math.sqrt(n) if kind == "se" else 1.0 for n in (one.n, two.n))
    means, digits = (m1.value, m2.value), (m1.decimals, m2.decimals)
    spreads, widths = (s1.value * f1, s2.value * f2), (s1.decimals, s2.decimals)
    if kind == "se":
        # digits of an error times the root of n: one digit fewer covers n up to 100
        widths = (max(s1.decimals - 1, 0), max(s2.decimals - 1, 0))
    if paired:
        n = min(one.n, two.n)
        return p_from_change(*means, *spreads, n, r=R_POSSIBLE, decimals=(*digits, *widths))
    order = (digits[0], widths[0], digits[1], widths[1])
    return p_from_arms(means[0], spreads[0], one.n, means[1], spreads[1], two.n, decimals=order)


def _why(printed: PrintedP, found: RecomputedP, paired: bool, fits: list[str]) -> str:
    unknown = ", whatever the correlation within the person" if paired else ""
    if fits:
        return f"the p-value fits only if the spreads are {_SPELT[fits[0]]}{unknown}"
    if printed.low > found.p_high:
        return (
            f"the p-value is larger than means, SDs and n say{unknown}, and reading the spreads as "
            "standard errors does not mend it: it may be adjusted or of another comparison"
        )
    return (
        f"the p-value is smaller than means, SDs and n say{unknown}: it may be of another "
        "comparison or test, or count sites instead of people"
    )
