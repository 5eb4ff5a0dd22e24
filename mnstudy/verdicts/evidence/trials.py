"""What the published trials say of every claim, gathered: studies, groups, directions, doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.published.tables import Published, contrast_frame, reviews_frame
from mnstudy.verdicts.claims.registry import Claim, select
from mnstudy.verdicts.doubts.doubts import doubts
from mnstudy.verdicts.evidence.certainty import robvis_frame
from mnstudy.verdicts.evidence.directions import Directions, EvidenceState
from mnstudy.verdicts.evidence.evidence import ClaimEvidence, claim_evidence
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.verdicts.evidence.table import COLUMNS, effects_table, table_rows

LEVEL = 0.95
ROBVIS = {"rob2": "RoB 2", "robins_i": "ROBINS-I"}  # file name and tool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trials:
    """The published evidence as a report shows it.

    Attributes
    ----------
    studies : DataFrame
        The table of studies, by ``study_id``.
    table : DataFrame
        ``mnstudy.evidence_table``: every group of studies that may be pooled.
    groups : mapping
        Claim id to its groups, the deciding one first.
    directions : mapping
        Claim id to the directions of effect.
    states : mapping
        Claim id to what its evidence consists of.
    doubts : DataFrame
        ``mnstudy.doubts``.
    reviews : DataFrame
        What published meta-analyses found, ``reviews_frame``.
    effects : DataFrame
        ``mnstudy.effects_table``.
    bias : mapping
        The risk of bias by study as R's robvis reads it, by the names in ``ROBVIS``.
    """

    studies: pd.DataFrame
    table: pd.DataFrame
    groups: Mapping[str, list[StudyGroup]]
    directions: Mapping[str, Directions]
    states: Mapping[str, EvidenceState]
    doubts: pd.DataFrame
    reviews: pd.DataFrame
    effects: pd.DataFrame
    bias: Mapping[str, pd.DataFrame]

    @property
    def claims(self) -> list[Claim]:
        """The claims, in the order of the register."""
        return [d.claim for d in self.directions.values()]

    def behind(self, claim_id: str) -> pd.DataFrame:
        """Return the rows of the groups of a claim: one a study and endpoint, ``paired`` too."""
        frames = [g.rows.assign(endpoint=g.endpoint, label_of_group=g.label, people=_people(g))
                  for g in self.groups[claim_id]]  # fmt: skip
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def tests(self, claim_id: str) -> pd.DataFrame:
        """Return the directions that test a claim."""
        rows = self.directions[claim_id].rows
        return rows[rows["role"] == "tests"]

    def used(self, claim_id: str) -> pd.DataFrame:
        """Return the studies with a number or a direction that tests a claim, by year and label.

        ``number`` tells that the study stands in a group, ``direction`` that it prints one.
        """
        tests = self.tests(claim_id)
        number = {i for group in self.groups[claim_id] for i in group.rows["study_id"]}
        direction = set(tests["study_id"])
        found = self.studies.loc[sorted(number | direction)]
        found = found.assign(
            number=[i in number for i in found.index],
            direction=[i in direction for i in found.index],
        )
        return found.sort_values(["year", "label"], na_position="last", kind="stable")

    def cited(self) -> pd.DataFrame:
        """Return every study that the files of the report name, by ``study_id``."""
        ids = {i for frame in (self.behind(c.id) for c in self.claims) if len(frame)
               for i in frame["study_id"]}  # fmt: skip
        ids |= {i for d in self.directions.values() for i in d.rows["study_id"]}
        return self.studies.loc[sorted(ids | set(self.doubts["study_id"]))]


def _people(group: StudyGroup) -> list[float]:
    others = group.rows["reference_n"].where(~group.rows["paired"]).fillna(0)
    return (group.rows["treated_n"] + others).tolist()


@dataclass(frozen=True, slots=True)
class ClaimTrials:
    """What there is on one claim; ``rows`` are those of ``mnstudy.evidence_table``."""

    groups: list[StudyGroup]
    directions: Directions
    state: EvidenceState
    rows: list[dict[str, object]]


def claim_trials(found: ClaimEvidence) -> ClaimTrials:
    """Return what a report shows of the trials on one claim."""
    return ClaimTrials(found.groups, found.directions, found.state, table_rows(found))


def assemble_trials(
    published: Published, found: Sequence[ClaimTrials], doubted: pd.DataFrame
) -> Trials:
    """Put together what was gathered claim by claim, in the order of the register."""
    named = dict(zip((c.id for c in select(None)), found, strict=True))
    return Trials(
        studies=published.studies.set_index("study_id"),
        table=pd.DataFrame([row for one in found for row in one.rows], columns=list(COLUMNS)),
        groups={key: one.groups for key, one in named.items()},
        directions={key: one.directions for key, one in named.items()},
        states={key: one.state for key, one in named.items()},
        doubts=doubted,
        reviews=reviews_frame(published),
        effects=effects_table(data=published),
        bias={name: robvis_frame(published, tool=tool) for name, tool in ROBVIS.items()},
    )


def gather_trials(published: Published) -> Trials:
    """Collect what the published trials say, claim by claim."""
    frame = contrast_frame(published)
    found = [
        claim_trials(claim_evidence(c, frame[frame["claim_id"] == c.id], published, LEVEL))
        for c in select(None)
    ]
    return assemble_trials(published, found, doubts(published))
