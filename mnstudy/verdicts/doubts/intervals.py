"""Doubts about intervals, mean changes, and the p-values beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mnstudy import formatting as fmt
from mnstudy.stats.measurement import consistency_p
from mnstudy.stats.measurement.consistency import Range
from mnstudy.stats.measurement.consistency_p import RecomputedP, midpoint, normal_size
from mnstudy.verdicts.doubts.printed import (
    REVIEWS,
    Doubt,
    Number,
    PrintedOutcome,
    PrintedP,
    arm_pairs,
    before_after,
)
from mnstudy.words.notes import Note, note

# how far two sound methods (t or normal, adjusted or not) may lie apart, in normal quantiles
APART = 0.25
# likelihood and score tests of rare events part further from the interval of a ratio
APART_RATIO = 0.5
# a rank test on skewed scores may lie this far from the t test, in normal quantiles
RANK_APART = 0.5
R_POSSIBLE = (0.0, 0.99)
_SPELT = {"sd": "standard deviations", "se": "standard errors"}


def intervals(outcomes: list[PrintedOutcome]) -> Iterator[Doubt]:
    """Doubt an estimate that is not the middle of its interval, and a p-value that belies it."""
    for outcome in outcomes:
        mean, low, high = (outcome.number(c) for c in ("mean", "ci_low", "ci_high"))
        if mean is None or low is None or high is None or low.value >= high.value:
            continue
        ratio = _is_ratio(outcome)
        if ratio and low.value <= 0:
            continue
        off = list(_middle(outcome, mean, low, high, ratio))
        yield from off or _interval_p(outcome, (mean, low, high), ratio)


def _is_ratio(outcome: PrintedOutcome) -> bool:
    words = f"{outcome.text['instrument']} {outcome.text['category']}"
    return outcome.text["statistic"] == "pooled_ratio" or "ratio" in words.split()


def _middle(
    outcome: PrintedOutcome, mean: Number, low: Number, high: Number, ratio: bool
) -> Iterator[Doubt]:
    digits = (low.decimals, high.decimals)
    middle = midpoint(low.value, high.value, digits, ratio=ratio)
    if overlap(middle, mean.range):
        return
    places = max(mean.decimals, *digits) + 1
    recomputed = f"middle {_range(middle, places)}" + (" on the log scale" if ratio else "")
    yield Doubt(
        outcome=outcome,
        check="interval",
        figure=outcome.named("interval"),
        printed=_shown(outcome, mean, low, high),
        recomputed=recomputed,
        explanation=_why_middle(mean, low, high, ratio),
    )


def _why_middle(mean: Number, low: Number, high: Number, ratio: bool) -> Note:
    digits = (low.decimals, high.decimals)
    turned = (-low.value, high.value), (low.value, -high.value)
    fits = [
        ends
        for ends in turned
        if not ratio and ends[0] < ends[1] and overlap(midpoint(*ends, digits), mean.range)
    ]
    if fits:
        a, b = (fmt.number(x, d) for x, d in zip(fits[0], digits, strict=True))
        return note("doubt_turned_sign", low=a, high=b)
    return note("doubt_middle")


def _interval_p(
    outcome: PrintedOutcome, figures: tuple[Number, Number, Number], ratio: bool
) -> Iterator[Doubt]:
    printed, level = outcome.p, outcome.number("ci_level")
    if printed is None or level is None or not _about_no_effect(outcome):
        return
    mean, low, high = figures
    if not low.value <= mean.value <= high.value:  # a doubt of its own
        return
    alpha = 1 - level.value / 100
    found = [
        consistency_p.p_from_interval(
            mean.value,
            low.value,
            high.value,
            df=df,
            level=1 - alpha,
            ratio=ratio,
            decimals=(mean.decimals, low.decimals, high.decimals),
        )
        for df in _freedoms(outcome)
    ]
    apart = APART_RATIO if ratio else APART
    if any(agrees(printed, x, apart=apart, alpha=alpha) for x in found):
        return
    yield Doubt(
        outcome=outcome,
        check="p",
        figure=outcome.named("p-value beside an interval"),
        printed=f"{_shown(outcome, *figures)}, p {printed.text}",
        recomputed=p_range(found[0]),
        explanation=_why_p(printed, found[0], alpha),
    )


def _about_no_effect(outcome: PrintedOutcome) -> bool:
    """Tell whether the p-value is about the figure itself: another arm may be compared instead."""
    pooled = outcome.text["statistic"] in ("pooled_ratio", "pooled_difference")
    change = outcome.text["statistic"] == "mean_change"
    return pooled or (change and outcome.text["comparison"] in ("baseline", ""))


def _freedoms(outcome: PrintedOutcome) -> list[float | None]:
    """Return the degrees of freedom an interval may rest on: one group, two groups, normal."""
    if outcome.design in REVIEWS or not outcome.n or outcome.n < 2:
        return [None]
    return [outcome.n - 1.0, 2.0 * outcome.n - 2.0, None]


def agrees(
    printed: PrintedP, found: RecomputedP, *, apart: float = APART, alpha: float | None = None
) -> bool:
    """Tell whether a printed p-value is near one recomputed; a one-sided p is allowed for.

    With ``alpha`` the two must also stand on the same side of it, as an interval decides.
    """
    for sides in (1.0, 2.0):
        low, high = found.p_low / sides, found.p_high / sides
        if overlap((low, high), (printed.low, printed.high)):
            return True
        if sides > 1:
            continue
        near = normal_size(high) - normal_size(printed.low) <= apart
        near &= normal_size(printed.high) - normal_size(low) <= apart
        # 1e-12: a p printed as "<0.05" ends exactly on the level
        opposed = alpha is not None and (
            (high < alpha - 1e-12 and printed.low >= alpha - 1e-12)
            or (low > alpha + 1e-12 and printed.high <= alpha + 1e-12)
        )
        if near and not opposed:
            return True
    return False


def _why_p(printed: PrintedP, found: RecomputedP, alpha: float) -> Note:
    if found.p_high < alpha <= printed.low:
        return note("doubt_interval_alone_tells")
    if printed.high <= alpha < found.p_low:
        return note("doubt_p_alone_tells")
    larger = printed.low > found.p_high
    return note("doubt_p_above_interval" if larger else "doubt_p_below_interval")


def overlap(a: Range, b: Range) -> bool:
    """Tell whether two ranges have a value in common."""
    return max(a[0], b[0]) <= min(a[1], b[1]) + 1e-9


def _range(ends: Range, decimals: int) -> str:
    low, high = (fmt.number(x, decimals) for x in ends)
    return low if low == high else f"{low} to {high}"


def p_range(found: RecomputedP) -> str:
    """Write a recomputed p-value with what rounding leaves open."""
    low, high = (fmt.p_value(p) for p in (found.p_low, found.p_high))
    return low if low == high else f"{low} to {fmt.p_number(found.p_high)}"


def _shown(outcome: PrintedOutcome, mean: Number, low: Number, high: Number) -> str:
    values = (fmt.number(x.value, x.decimals) for x in (mean, low, high))
    a, b, c = values
    people = f", n = {outcome.n}" if outcome.n else ""
    return f"{a} ({outcome.text['ci_level'] or '95'} % CI {b} to {c}){people}"


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
        explanation=note("doubt_change"),
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
        return consistency_p.p_from_change(
            *means, *spreads, n, r=R_POSSIBLE, decimals=(*digits, *widths)
        )
    order = (digits[0], widths[0], digits[1], widths[1])
    return consistency_p.p_from_arms(
        means[0], spreads[0], one.n, means[1], spreads[1], two.n, decimals=order
    )


def _why(printed: PrintedP, found: RecomputedP, paired: bool, fits: list[str]) -> Note:
    unknown = ", whatever the correlation within the person" if paired else ""
    if fits:
        return note("doubt_fits_spreads", spreads=_SPELT[fits[0]], unknown=unknown)
    larger = printed.low > found.p_high
    return note("doubt_p_above_means" if larger else "doubt_p_below_means", unknown=unknown)
