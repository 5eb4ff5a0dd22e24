"""The analyses: a claim is data, an analysis is code; the register names one for each claim."""

from __future__ import annotations

from collections.abc import Callable

from mnstudy.verdicts.analyses import (
    arms,
    course,
    dose,
    events,
    improvement,
    levels,
    rates,
    slopes,
    timing,
)
from mnstudy.verdicts.analyses.question import Answer, NotTestable, Question

__all__ = ["ANALYSES", "Answer", "NotTestable", "Question"]

ANALYSES: dict[str, Callable[[Question], Answer]] = {
    "improvement": improvement.improvement,
    "change": improvement.change,
    "arm_contrast": arms.arm_contrast,
    "session_slope": dose.session_slope,
    "depth_contrast": dose.depth_contrast,
    "heterogeneity": levels.heterogeneity,
    "slope": slopes.slope,
    "event_difference": events.event_difference,
    "event_rate": rates.event_rate,
    "share": rates.share,
    "level": rates.level,
    "ratio": rates.ratio,
    "time_to_response": timing.time_to_response,
    "time_to_clear": timing.time_to_clear,
    "durability": course.durability,
    "maintenance": course.maintenance,
}
