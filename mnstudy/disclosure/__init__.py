"""Disclosure: what may be shown of a real cohort, decided once between a finding and its words."""

from __future__ import annotations

from mnstudy.disclosure.findings import (
    guarded_finding,
    is_guarded,
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
    "guarded_finding",
    "is_guarded",
    "is_small",
    "shown_count",
    "shown_lines",
    "shown_sites",
    "shown_size",
]
