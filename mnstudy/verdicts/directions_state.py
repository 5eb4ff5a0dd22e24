"""What published evidence a claim has at all: pooled, one study, directions only, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published import Published, contrast_frame
from mnstudy.verdicts.directions_rows import direction_rows
from mnstudy.verdicts.evidence_effects import only_describes
from mnstudy.verdicts.evidence_groups import Group, groups
from mnstudy.verdicts.registry import Claim

STATES = ("pooled", "single study", "direction only", "nothing found")


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
        studies = fmt.count(self.studies, "study", "studies")
        said = {
            "pooled": f"{studies} pooled",
            "single study": "a single study, nothing to pool it with",
            "direction only": "no usable published number found, directions only",
            "nothing found": "no usable published number found, and no direction that tests it",
        }[self.word]
        more = []
        if self.studies and self.primary > self.studies:
            others = fmt.count(self.primary - self.studies, "contrast")
            more.append(f"{others} on other endpoints")
        if self.directions:
            more.append(fmt.count(self.directions, "direction"))
        if self.left_out:
            more.append(f"{fmt.count(self.left_out, 'direction')} that cannot test it")
        return "; ".join([said, *more])


def evidence_state(
    claim: Claim,
    published: Published,
    *,
    frame: pd.DataFrame | None = None,
    rows: pd.DataFrame | None = None,
    found: Sequence[Group] | None = None,
) -> EvidenceState:
    """Tell what the published evidence of a claim consists of.

    Parameters
    ----------
    claim : Claim
    published : Published
    frame, rows : DataFrame, optional
        ``contrast_frame(published)`` and ``direction_rows(claim, published)``, where they are at
        hand already.
    found : sequence of Group, optional
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
    >>> from mnstudy.cohort.published import load_published
    >>> from mnstudy.verdicts.registry import claim
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
