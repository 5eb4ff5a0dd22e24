"""Together with, and instead of: one kind of treatment against another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mnstudy.verdicts.analyses import beside, contrasts
from mnstudy.verdicts.analyses.question import (
    Answer,
    Question,
    complete_rows,
    require_patients,
    select_arm,
)
from mnstudy.words.notes import note


def arm_contrast(question: Question) -> Answer:
    """Estimate final improvement of the treated arm minus the reference arm of the claim."""
    question.require_comparable_groups()
    outcome = "improvement_score"
    arms = [select_arm(question.sites, question.params[a]) for a in ("treated", "reference")]
    (treated, gone), (reference, lost) = (complete_rows(a, [outcome]) for a in arms)
    require_patients(treated, note("in_arm_with_outcome", arm="treated"))
    require_patients(reference, note("in_arm_with_outcome", arm="reference"))
    both = pd.concat([treated, reference], ignore_index=True)
    arm = np.repeat([1.0, 0.0], [len(treated), len(reference)])
    answer = contrasts.contrast(question, both, arm, outcome, [])
    named = () if question.brief else ((treated, "treated"), (reference, "reference"))
    means = tuple(contrasts.arm_mean(question, frame, outcome, label) for frame, label in named)
    return replace(
        answer,
        n_missing=gone + lost,
        parts=(*answer.parts, *means),
        remarks=(
            *answer.remarks,
            *beside.classes(both, arm, outcome),
            *question.indication,
        ),
    )
