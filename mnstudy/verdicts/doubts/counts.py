"""Doubts about percentages: no whole number of people, or another one, stands behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mnstudy import formatting as fmt
from mnstudy.stats.measurement.consistency import counts_behind, percent_agrees
from mnstudy.verdicts.doubts.printed import REVIEWS, Doubt, Number, PrintedOutcome

# a percentage that is no share of people, or is itself a sum of rounded ones
_NO_SHARE = re.compile(r"\bpercent = |SUCRA|more than|approximate|lower bound|share of|ratio", re.I)


def percentages(outcomes: list[PrintedOutcome]) -> Iterator[Doubt]:
    """Doubt a percentage that no whole number of people gives, or not the number counted."""
    for outcome in outcomes:
        percent, n = outcome.number("percent"), outcome.n
        if percent is None or not n or outcome.design in REVIEWS:
            continue
        if _NO_SHARE.search(outcome.text["derived"]):
            continue
        yield from _percentage(outcome, percent, n)


def _percentage(outcome: PrintedOutcome, percent: Number, n: int) -> Iterator[Doubt]:
    events = outcome.number("events")
    fits = counts_behind(percent.value, n, decimals=percent.decimals)
    if events is not None:
        agrees = percent_agrees(percent.value, int(events.value), n, decimals=percent.decimals)
        if agrees != "no":
            return
    elif fits:
        return
    shown = f"{percent.text} % of {n}"
    if events is not None:
        shown = f"{percent.text} %, {events.text} of {n}"
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


def _why_percent(outcome: PrintedOutcome, percent: Number, fits: tuple[int, ...], n: int) -> str:
    if fits:
        return (
            f"the percentage is that of {' or '.join(map(str, fits))}, not of the count in the "
            "table: it may have been cut instead of rounded before the count was read off it"
        )
    other = [
        size
        for size in outcome.sizes
        if size != n and counts_behind(percent.value, size, decimals=percent.decimals)
    ]
    if other:
        return (
            f"no whole number out of {n} gives this percentage, out of {other[0]} one does: "
            "it may rest on another number of people"
        )
    unit = 10.0**-percent.decimals
    beside = any(
        counts_behind(percent.value + step, n, decimals=percent.decimals) for step in (-unit, unit)
    )
    # in larger groups some count always fits a neighbouring digit
    if beside and n < 25 / unit:
        return (
            "the last digit is off by one: shares may have been adjusted to add up to 100, or a "
            "rounded number was rounded again"
        )
    return (
        f"no whole number out of {n} gives this percentage, rounded or cut: "
        "it may rest on another number of people, or a digit is wrong"
    )
