"""Doubts about percentages, standard deviations and means, from the number of people behind."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from mnstudy import formatting as fmt
from mnstudy.cohort.scales import Scale, scale_of
from mnstudy.stats.measurement import consistency
from mnstudy.stats.measurement.consistency import counts_behind, percent_agrees
from mnstudy.verdicts.doubts.printed import (
    REVIEWS,
    Doubt,
    Number,
    PrintedOutcome,
    arm_pairs,
    before_after,
)
from mnstudy.words.notes import Note, note

# a percentage that is no share of people, or is itself a sum of rounded ones
_NO_SHARE = re.compile(r"\bpercent = |SUCRA|more than|approximate|lower bound|share of|ratio", re.I)
# kinds of scale whose scores are whole numbers
_WHOLE = ("ordinal grades", "count", "sum of items", "improvement classes")
_RATERS = (1, 2)


def percentages(outcomes: list[PrintedOutcome]) -> Iterator[Doubt]:
    """Doubt a percentage that no whole number of people gives, or not the number counted."""
    for outcome in outcomes:
        percent, n = outcome.number("percent"), outcome.n
        is_share = not _NO_SHARE.search(outcome.text["derived"]) and outcome.design not in REVIEWS
        if percent is not None and n and is_share:
            yield from _percentage(outcome, percent, n)


def _percentage(outcome: PrintedOutcome, percent: Number, n: int) -> Iterator[Doubt]:
    events = outcome.number("events")
    fits = counts_behind(percent.value, n, decimals=percent.decimals)
    agrees, shown = bool(fits), f"{percent.text} % of {n}"
    if events is not None:
        counted = int(events.value)
        agrees = percent_agrees(percent.value, counted, n, decimals=percent.decimals) != "no"
        shown = f"{percent.text} %, {events.text} of {n}"
    if agrees:
        return
    near = fits or tuple(sorted({int(percent.value * n / 100), int(percent.value * n / 100) + 1}))
    said = " or ".join(
        f"{k} of {n} is {fmt.number(100 * k / n, max(percent.decimals, 1))} %" for k in near
    )
    yield Doubt(
        outcome=outcome,
        check="percent",
        figure=outcome.named("percentage"),
        printed=shown,
        recomputed=said,
        explanation=_why_percent(outcome, percent, fits, n),
    )


def _why_percent(outcome: PrintedOutcome, percent: Number, fits: tuple[int, ...], n: int) -> Note:
    if fits:
        return note("doubt_other_count", fits=tuple(map(str, fits)))

    def given_by(size: int, off: float = 0.0) -> bool:
        return bool(counts_behind(percent.value + off, size, decimals=percent.decimals))

    other = [size for size in outcome.sizes if size != n and given_by(size)]
    if other:
        return note("doubt_other_size", n=n, other=other[0])
    unit = 10.0**-percent.decimals
    # in larger groups some count always fits a neighbouring digit
    if n < 25 / unit and any(given_by(n, off) for off in (-unit, unit)):
        return note("doubt_last_digit")
    return note("doubt_no_count", n=n)


def spreads(outcomes: list[PrintedOutcome]) -> Iterator[Doubt]:
    """Doubt a standard deviation that makes an effect of more than 3."""
    told: dict[tuple[str, ...], Doubt] = {}
    for pair in [*before_after(outcomes), *arm_pairs(outcomes)]:
        doubt = _spread(*pair)
        if doubt is None:
            continue
        # several visits against one baseline are one doubt about the spread of that baseline
        first = told.setdefault(pair[1].ids, doubt)
        also = tuple(dict.fromkeys((*first.also, *doubt.also)))
        told[pair[1].ids] = replace(first, also=also)
    yield from told.values()


def _spread(later: PrintedOutcome, start: PrintedOutcome) -> Doubt | None:
    m1, m0, s1, s0 = later.number("mean"), start.number("mean"), later.spread, start.spread
    if m1 is None or m0 is None or s0 is None or not start.n or start.n < 3:
        return None
    arms = later.arm_id != start.arm_id
    kinds = {start.text["sd_is"], *([later.text["sd_is"]] if arms else [])}
    used = [s0, *([s1] if arms and s1 else [])]
    if "se" in kinds or not any(x.value for x in used):
        return None
    scale = scale_of(start.text["instrument"])
    ends = _ends(start, scale)
    found = consistency.spread_is_se(
        [x.value for x in used], start.n, m1.value - m0.value, low=ends[0], high=ends[1]
    )
    if not found.suspicious:
        return None
    return Doubt(
        outcome=start,
        check="spread",
        figure=start.named("standard deviation"),
        printed=f"{start.mean_sd} and {later.mean_sd}",
        recomputed=f"effect {fmt.number(abs(found.effect_if_sd), 1)} as SD"
        + (f", {fmt.number(abs(found.effect_if_se), 2)} as SE" if found.se_possible else ""),
        explanation=note("doubt_se_as_sd" if found.se_possible else "doubt_wide_spread"),
        also=later.ids,
    )


def _ends(outcome: PrintedOutcome, scale: Scale | None) -> tuple[float | None, float | None]:
    """Return the ends of the scale as printed, else those of the registry."""
    low, _, high = outcome.text["instrument_range"].partition("-")
    try:
        return float(low), float(high)
    except ValueError:
        known = scale is not None and math.isfinite(scale.high)
        return (scale.low, scale.high) if scale is not None and known else (None, None)


def granularity(outcomes: list[PrintedOutcome]) -> Iterator[Doubt]:
    """Doubt a mean, or a mean with its SD, that whole-number scores cannot have."""
    for outcome in outcomes:
        scale, mean = scale_of(outcome.text["instrument"]), outcome.number("mean")
        if scale is None or scale.type not in _WHOLE or mean is None or not outcome.n:
            continue
        if outcome.text["statistic"] in ("mean_sd", "mean_only", "mean_change"):
            yield from _granular(outcome, mean, scale)


def _granular(outcome: PrintedOutcome, mean: Number, scale: Scale) -> Iterator[Doubt]:
    change = outcome.text["statistic"] == "mean_change"
    ends = (None, None) if change else (scale.low, scale.high)
    tried = [
        consistency.grim(
            mean.value, n, decimals=mean.decimals, items=k, low=ends[0], high=ends[1], cut=True
        )
        for n, k in product(outcome.sizes, _RATERS)
    ]
    if set(tried) == {"inconsistent"}:
        yield _grain(outcome, mean, None)
        return
    spread = outcome.spread
    if spread is None or outcome.text["sd_is"] != "sd":
        return
    found = [
        consistency.grimmer(
            mean.value,
            spread.value,
            n,
            decimals=mean.decimals,
            sd_decimals=spread.decimals,
            items=k,
            cut=True,
        )
        for n, k in product((x for x in outcome.sizes if x > 1), _RATERS)
    ]
    if set(found) == {"inconsistent"}:
        yield _grain(outcome, mean, spread)


def _grain(outcome: PrintedOutcome, mean: Number, spread: Number | None) -> Doubt:
    n = outcome.n or 1
    total = math.floor(mean.value * n)
    near = " or ".join(
        f"{k} / {n} = {fmt.number(k / n, mean.decimals + 1)}" for k in (total, total + 1)
    )
    what = "mean" if spread is None else "mean with its SD"
    return Doubt(
        outcome=outcome,
        check="grim",
        figure=outcome.named(what),
        printed=outcome.mean_sd,
        recomputed=near if spread is None else "no whole-number scores have both",
        explanation=note("doubt_grain", n=n, what=what),
    )
