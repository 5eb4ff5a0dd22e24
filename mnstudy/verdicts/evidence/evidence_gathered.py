"""What is published on one claim, gathered once for its finding, its table and its state."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.published.tables import Published
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.directions import Directions, directions_of
from mnstudy.verdicts.evidence.directions_state import EvidenceState, evidence_state
from mnstudy.verdicts.evidence.effects import only_describes
from mnstudy.verdicts.evidence.evidence_verdict import Assessed, assess
from mnstudy.verdicts.evidence.groups import StudyGroup, groups


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvidence:
    """The published evidence of one claim.

    Attributes
    ----------
    claim : Claim
    rows : DataFrame
        Its rows of ``contrast_frame``.
    groups : list of StudyGroup
        What may be pooled of them, the deciding group first.
    directions : Directions
    deciding : Assessed or None
        The group that its finding rests on; None where there is none, or where the contrasts only
        describe.
    published : Published
    """

    claim: Claim
    rows: pd.DataFrame
    groups: list[StudyGroup]
    directions: Directions
    deciding: Assessed | None
    published: Published

    @property
    def state(self) -> EvidenceState:
        """What the evidence consists of."""
        return evidence_state(
            self.claim,
            self.published,
            frame=self.rows,
            rows=self.directions.rows,
            found=self.groups,
        )


def claim_evidence(
    claim: Claim, frame: pd.DataFrame, published: Published, confidence_level: float
) -> ClaimEvidence:
    """Gather what is published on one claim; ``frame`` is ``contrast_frame(published)``."""
    rows = frame[frame["claim_id"] == claim.id]
    found = groups(claim, rows[rows["primary"]], confidence_level)
    directions = directions_of(claim, published, confidence_level=confidence_level, frame=rows)
    decides = bool(found) and not only_describes(claim)
    return ClaimEvidence(
        claim=claim,
        rows=rows,
        groups=found,
        directions=directions,
        deciding=assess(found[0], directions) if decides else None,
        published=published,
    )
