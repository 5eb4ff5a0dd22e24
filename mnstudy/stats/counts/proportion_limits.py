"""Limits of one proportion, and the check of counts."""

from __future__ import annotations

import math
from typing import Any

from scipy import special


def exact_limits(events: int, n: int, tail: float) -> tuple[float, float]:
    """Clopper-Pearson limits with probability ``tail`` outside on each side.

    From the beta quantiles, which keep their relative precision for rare events in large samples.
    """
    low = special.betaincinv(events, n - events + 1, tail) if events else 0.0
    high = special.betainccinv(events + 1, n - events, tail) if events < n else 1.0
    return float(low), float(high)


def wilson_limits(events: int, n: int, tail: float) -> tuple[float, float]:
    """Score limits without continuity correction, ``tail`` outside on each side."""
    z = -float(special.ndtri(tail))
    share = events / n
    centre = share + z**2 / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    low = 0.0 if events == 0 else (centre - reach) / scale
    return low, 1.0 if events == n else (centre + reach) / scale


def whole_number(name: str, value: Any) -> int:
    """Return a count as int, or say what is wrong with it."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from error
    if not number.is_integer():
        raise ValueError(f"{name} must be a whole number, not {number:g}")
    return int(number)


def check_counts(events_name: str, events: Any, n_name: str, n: Any) -> tuple[int, int]:
    """Return events and n as whole numbers with 0 <= events <= n and n >= 1."""
    count, size = whole_number(events_name, events), whole_number(n_name, n)
    if size < 1:
        raise ValueError(f"{n_name} must be at least 1, not {size}")
    if not 0 <= count <= size:
        raise ValueError(f"{events_name} must be from 0 to {n_name} = {size}, not {count}")
    return count, size
