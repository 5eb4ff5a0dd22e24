"""Disclosure: what may be shown of a real cohort, decided once between a finding and its words."""

from __future__ import annotations

from mnstudy.disclosure.findings import (
    is_guarded,
    safe,
    shown_count,
    shown_lines,
    shown_sites,
    shown_size,
)
from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN, THRESHOLD, is_small

__all__ = [
    "FEW",
    "NOT_SHOWN",
    "THRESHOLD",
    "is_guarded",
    "is_small",
    "safe",
    "shown_count",
    "shown_lines",
    "shown_sites",
    "shown_size",
]
