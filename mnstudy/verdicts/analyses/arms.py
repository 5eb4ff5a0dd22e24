"""Together with, and instead of: one kind of treatment against another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mnstudy.verdicts.analyses import beside, contrasts
from mnstudy.verdicts.analyses.question import (
    Answer,
    Question,
    known,
    require_patients,
    select_arm,
)


def arm_contrast(question: Question) -> Answer:
    """Estimate final improvement of the treated arm minus the reference arm of the claim."""
    question.require_comparable_groups()
    outcome = "improvement_score"
    treated, gone = known(select_arm(question.sites, question.params["treated"]), [outcome])
    reference, lost = known(select_arm(question.sites, question.params["reference"]), [outcome])
    require_patients(treated, "in the treated arm with a known outcome")
    require_patients(reference, "in the reference arm with a known outcome")
    both = pd.concat([treated, reference], ignore_index=True)
    arm = np.repeat([1.0, 0.0], [len(treated), len(reference)])
    answer = contrasts.contrast(question, both, arm, outcome, [])
    arms = () if question.brief else ((treated, "treated"), (reference, "reference"))
    means = tuple(contrasts.arm_mean(question, frame, outcome, label) for frame, label in arms)
    return replace(
        answer,
        n_missing=gone + lost,
        parts=(*answer.parts, *means),
        notes=(
            *answer.notes,
            *beside.classes(both, arm, outcome),
            *question.indication,
        ),
    )
