"""How a finding moved between two reports, said with its units and its margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mnstudy import formatting as fmt

SAME = 1e-9  # relative: numbers closer than this are the same number on another machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """An estimate as it stands in a report."""

    value: float
    ci_low: float
    ci_high: float


def verdict_line(old: pd.Series, new: pd.Series) -> str:
    """Say what became of the verdict."""
    if old["verdict"] == new["verdict"]:
        return f"{new['verdict']}, as before"
    return f"was {old['verdict']}, now {new['verdict']}: {new['reason']}"


def moved(old: pd.Series, new: pd.Series) -> str:
    """Say how far an estimate moved, also as a share of the margin."""
    before, after = _value(old), _value(new)
    if math.isnan(before.value) or math.isnan(after.value):
        then = "no estimate" if math.isnan(before.value) else fmt.interval(before)
        now = "no estimate" if math.isnan(after.value) else fmt.interval(after)
        return f"{then}, now {now} {new['unit']}"
    digits = _telling_digits(before, after)
    text = f"{fmt.interval(before, digits)}, now {fmt.interval(after, digits)} {new['unit']}"
    by, margin = after.value - before.value, abs(float(new["margin"]))
    if by and margin and math.isfinite(by) and not same(before.value, after.value):
        share = abs(by) / margin
        size = "less than a hundredth of" if share < 0.01 else f"{fmt.number(share, 2)} times"
        text += f": moved by {fmt.number(by, _digits_of(by, digits))}, {size} the margin"
    return text


def _digits_of(value: float, least: int) -> int:
    """Return the decimals at which a number is more than nothing."""
    return max(least, -math.floor(math.log10(abs(value)) + 1e-6))


def _telling_digits(before: Value, after: Value) -> int:
    """Return the decimals at which the two can be told apart, the usual ones at least."""
    names = ("value", "ci_low", "ci_high")
    ends = [(getattr(before, name), getattr(after, name)) for name in names]
    usual = fmt.decimals_for(*(x for pair in ends for x in pair if not math.isnan(x)))
    for digits in range(usual, 12):
        if any(fmt.number(a, digits) != fmt.number(b, digits) for a, b in ends):
            return digits
    return usual


def margin_line(old: pd.Series, new: pd.Series) -> str:
    """Say which margin it is held against now."""
    then, now = (fmt.given(float(r["margin"])) for r in (old, new))
    return f"held against a margin of {now} {new['unit']}, before {then} ({new['margin_source']})"


def why(old: pd.Series, new: pd.Series, *, numbers: bool, margin: bool) -> str:
    """Name what can have caused it, as far as the fingerprints tell."""
    found = []
    if old["sha256"] != new["sha256"]:
        found.append("other data")
    if margin:
        found.append("another margin")
    elif text(old["plan_sha256"]) != text(new["plan_sha256"]):
        found.append("another plan")
    if text(old["method"]) != text(new["method"]):
        then, now = (text(row["method"]) or "none" for row in (old, new))
        found.append(f"another method: {now}, before {then}")
    if not found or (found == ["another margin"] and numbers):
        found.append("same data: other code or other versions")
    return "; ".join(found)


def _value(row: pd.Series) -> Value:
    value, low, high = (float(row[c]) for c in ("estimate", "ci_low", "ci_high"))
    return Value(value=value, ci_low=low, ci_high=high)


def same(old: Any, new: Any) -> bool:
    """Tell whether two numbers are the same up to another machine's rounding."""
    a, b = float(old), float(new)
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=SAME)


def text(value: Any) -> str:
    """Write a cell of a table; nothing where it is empty."""
    return "" if pd.isna(value) else str(value)
