"""What published evidence a claim has at all: pooled, one study, directions only, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.published.tables import Published, contrast_frame
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.directions_rows import direction_rows
from mnstudy.verdicts.evidence.effects import only_describes
from mnstudy.verdicts.evidence.groups import StudyGroup, counted, groups
from mnstudy.words.notes import Count, Note, note

STATES = ("pooled", "single study", "direction only", "nothing found")
_KINDS = {
    "single study": "state_single",
    "direction only": "state_directions",
    "nothing found": "state_nothing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceState:
    """What a claim's published evidence consists of.

    Attributes
    ----------
    claim : Claim
    word : str
        One of ``STATES``, after what the claim's estimate rests on.
    contrasts, primary : int
        Contrasts of the claim, and those that may be pooled.
    studies : int
        Studies behind the estimate; 0 where there is none.
    endpoints : int
        Groups of primary contrasts that may not be mixed (one measure, one endpoint each).
    directions, left_out : int
        Directions that test the claim, and those that do not.
    """

    claim: Claim
    word: str
    contrasts: int
    primary: int
    studies: int
    endpoints: int
    directions: int
    left_out: int

    @property
    def sentence(self) -> str:
        """The state in words; an absence is a finding too."""
        return str(self.said)

    @property
    def said(self) -> Note:
        """What ``sentence`` says."""
        said: list[Note | Count] = [
            note("state_pooled", studies=counted(self.studies, "study", "studies"))
            if self.word == "pooled"
            else note(_KINDS[self.word])
        ]
        if self.studies and self.primary > self.studies:
            others = counted(self.primary - self.studies, "contrast")
            said.append(note("state_other_endpoints", contrasts=others))
        if self.directions:
            said.append(counted(self.directions, "direction"))
        if self.left_out:
            said.append(note("state_cannot_test", directions=counted(self.left_out, "direction")))
        return note("several", said=tuple(said))


def evidence_state(
    claim: Claim,
    published: Published,
    *,
    frame: pd.DataFrame | None = None,
    rows: pd.DataFrame | None = None,
    found: Sequence[StudyGroup] | None = None,
) -> EvidenceState:
    """Tell what the published evidence of a claim consists of.

    Parameters
    ----------
    claim : Claim
    published : Published
    frame, rows : DataFrame, optional
        ``contrast_frame(published)`` and ``direction_rows(claim, published)``, where they are at
        hand already.
    found : sequence of StudyGroup, optional
        ``groups`` of its primary contrasts, likewise.

    Returns
    -------
    EvidenceState
        ``word`` is "pooled" where the estimate rests on two or more studies, "single study" where
        it rests on one (others may stand on endpoints it must not be mixed with), "direction
        only" where no primary contrast tests the claim but a direction does, else "nothing
        found".

    Examples
    --------
    >>> from mnstudy.cohort.published.tables import load_published
    >>> from mnstudy.verdicts.claims.registry import claim
    >>> evidence_state(claim("deeper-needling"), load_published()).sentence
    'no usable published number found, directions only; 1 direction'
    """
    frame = contrast_frame(published) if frame is None else frame
    own = frame[frame["claim_id"].eq(claim.id).astype(bool)]
    found = groups(claim, own[own["primary"]], 0.95) if found is None else found
    studies = 0 if only_describes(claim) or not found else len(found[0].rows)
    rows = direction_rows(claim, published, frame=frame) if rows is None else rows
    tests = int(rows["role"].eq("tests").sum())
    if studies:
        word = "pooled" if studies > 1 else "single study"
    else:
        word = "direction only" if tests else "nothing found"
    return EvidenceState(
        claim=claim,
        word=word,
        contrasts=len(own),
        primary=int(own["primary"].sum()),
        studies=studies,
        endpoints=len(found),
        directions=tests,
        left_out=len(rows) - tests,
    )
