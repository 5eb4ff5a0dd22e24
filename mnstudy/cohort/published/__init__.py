"""The shipped tables of published studies and the rules they keep."""

from __future__ import annotations

from mnstudy.cohort.published.tables import (
    Published,
    contrast_counts,
    contrast_frame,
    load_published,
)

__all__ = ["Published", "contrast_counts", "contrast_frame", "load_published"]
