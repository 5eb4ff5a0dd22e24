"""The analyses: a claim is data, an analysis is code; the register names one for each claim."""

from __future__ import annotations

from collections.abc import Callable

from mnstudy.verdicts.analyses import contrasts, dose, improvement, levels, rates, timing
from mnstudy.verdicts.analyses.question import Answer, NotTestable, Question

__all__ = ["ADJUSTED", "ANALYSES", "Answer", "NotTestable", "Question"]

ANALYSES: dict[str, Callable[[Question], Answer]] = {
    "improvement": improvement.improvement,
    "change": improvement.change,
    "arm_contrast": contrasts.arm_contrast,
    "grades": contrasts.grade_contrast,
    "session_slope": dose.session_slope,
    "depth_contrast": dose.depth_contrast,
    "heterogeneity": levels.heterogeneity,
    "slope": dose.slope,
    "event_difference": rates.event_difference,
    "event_rate": rates.event_rate,
    "share": rates.share,
    "level": rates.level,
    "ratio": rates.ratio,
    "time_to_response": timing.time_to_response,
    "time_to_clear": timing.time_to_clear,
    "durability": timing.durability,
    "maintenance": timing.maintenance,
}

# Comparisons that take covariates.
ADJUSTED = frozenset({
    "improvement", "change", "arm_contrast", "depth_contrast", "heterogeneity", "slope",
    "maintenance",
})  # fmt: skip
