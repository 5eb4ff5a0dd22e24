"""What a report shows of the published trials beside the findings: studies, directions, doubts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from mnstudy import cache as memory
from mnstudy.cohort.published.tables import Published, contrast_frame
from mnstudy.reporting.run.processes import Workers
from mnstudy.reporting.run.side_by_side import Piece, side_by_side
from mnstudy.verdicts.claims.registry import Claim, select
from mnstudy.verdicts.doubts.doubts import doubts
from mnstudy.verdicts.evidence.directions import Directions
from mnstudy.verdicts.evidence.directions_state import EvidenceState
from mnstudy.verdicts.evidence.evidence import finding_of
from mnstudy.verdicts.evidence.evidence_gathered import claim_evidence
from mnstudy.verdicts.evidence.groups import StudyGroup
from mnstudy.verdicts.evidence.table import COLUMNS, table_rows

Progress = Callable[[str, int, int], None]
LEVEL = 0.95


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
    """

    studies: pd.DataFrame
    table: pd.DataFrame
    groups: Mapping[str, list[StudyGroup]]
    directions: Mapping[str, Directions]
    states: Mapping[str, EvidenceState]
    doubts: pd.DataFrame

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


def gather_trials(
    published: Published, *, workers: Workers | None = None, progress: Progress | None = None
) -> Trials:
    """Collect what a report shows of the published trials, claim by claim.

    Parameters
    ----------
    published : Published
    workers : Workers, optional
        Who works on the claims; the results do not depend on it.
    progress : callable, optional
        Called with the stage, how much of it is done and how much there is.
    """
    tell = progress or (lambda stage, done, total: None)
    asked = select(None)
    frame = contrast_frame(published)
    pieces = [_piece(claim, published, frame[frame["claim_id"] == claim.id]) for claim in asked]
    pieces.append(Piece("doubts", (published.sha256,), doubts, (published,)))
    *found, doubted = side_by_side(
        pieces, workers=workers, done=lambda i, n: tell("published trials", i, n)
    )
    return Trials(
        studies=published.studies.set_index("study_id"),
        table=pd.DataFrame([row for one in found for row in one.rows], columns=list(COLUMNS)),
        groups={c.id: one.groups for c, one in zip(asked, found, strict=True)},
        directions={c.id: one.directions for c, one in zip(asked, found, strict=True)},
        states={c.id: one.state for c, one in zip(asked, found, strict=True)},
        doubts=doubted,
    )


@dataclass(frozen=True, slots=True)
class _OfClaim:
    groups: list[StudyGroup]
    directions: Directions
    state: EvidenceState
    rows: list[dict[str, object]]  # of ``mnstudy.evidence_table``


def _piece(claim: Claim, published: Published, own: pd.DataFrame) -> Piece:
    return Piece("trials", (claim, published.sha256, LEVEL), _claim, (claim, published, own))


def _claim(claim: Claim, published: Published, own: pd.DataFrame) -> _OfClaim:
    """Gather what there is on one claim; ``own`` are its rows of ``contrast_frame``.

    Its finding is worked out here too, and found by ``mnstudy.evidence`` where results are kept.
    """
    found = claim_evidence(claim, own, published, LEVEL)
    if memory.folder() is not None:
        finding_of(claim, lambda: found, published, LEVEL)
    return _OfClaim(found.groups, found.directions, found.state, table_rows(found))
