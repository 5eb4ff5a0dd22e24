"""Directions of effect of the published studies, claim by claim, beside the pooled value."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mnstudy.cohort.published.tables import Published
from mnstudy.stats.meta.directions import DirectionShare, direction_share
from mnstudy.verdicts.claims.registry import Claim
from mnstudy.verdicts.evidence.directions_rows import DIRECTIONS, ROLES, direction_rows
from mnstudy.verdicts.evidence.effects import says_comparable
from mnstudy.verdicts.evidence.groups import counted
from mnstudy.words.notes import Note, note

_NAMES = {
    "controlled": "controlled",
    "within_arms": "between parts of one study",
    "uncontrolled": "uncontrolled",
}
# The directions that speak to an estimate: controlled ones always, the others only where the
# estimate itself has no more control than they have.
_SPEAK = {
    "randomised": ("controlled",),
    "observational": ("controlled", "within_arms"),
    "within": ("controlled", "within_arms"),
    "uncontrolled": ("controlled", "within_arms", "uncontrolled"),
    "rate": ("controlled", "uncontrolled"),
}
_AGAINST = 2  # controlled studies against the claim that raise a doubt by themselves; a convention


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Directions:
    """Which way the published studies point for one claim; controlled and uncontrolled apart.

    Attributes
    ----------
    claim : Claim
    rows : DataFrame
        One row a study and comparison, see ``directions_rows.direction_rows``: for harvest and
        albatross plots.
    confidence_level : float
    sha256 : str
        Fingerprint of the published tables.
    """

    claim: Claim
    rows: pd.DataFrame
    confidence_level: float
    sha256: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of comparison that test the claim: controlled, within_arms, uncontrolled."""
        found = set(self.rows.loc[self.rows["role"] == "tests", "kind"])
        return tuple(kind for kind in _NAMES if kind in found)

    def share(self, kind: str, *, outside: bool = False) -> DirectionShare:
        """Return the share of studies in favour among those of a kind that have a direction.

        Parameters
        ----------
        kind : {"controlled", "within_arms", "uncontrolled"}
            Kinds are never added up.
        outside : bool
            Only studies that are not behind the claim's estimate.
        """
        if kind not in _NAMES:
            raise ValueError(f"kind must be one of {', '.join(_NAMES)}, not {kind!r}")
        rows = self.rows[self.rows["role"].eq("tests") & self.rows["kind"].eq(kind)]
        rows = rows[~rows["in_estimate"]] if outside else rows
        counted = (int(rows["counts_as"].eq(word).sum()) for word in DIRECTIONS)
        favouring, none, against, mixed = counted
        return direction_share(
            favouring,
            against,
            no_difference=none,
            mixed=mixed,
            confidence_level=self.confidence_level,
        )

    @property
    def table(self) -> pd.DataFrame:
        """Directions as entered, counted by kind, comparison, modality and role.

        ``not_worse`` of the rows in favour only say that needling is not worse (comparable-to
        claims): they count as no difference in every share.
        """
        by = ["kind", "comparison", "modality", "role"]
        marks = {word: self.rows["direction"].eq(word).astype(int) for word in DIRECTIONS}
        equal = self.rows["direction"].ne(self.rows["counts_as"]).astype(int)
        marks |= {"not_worse": equal, "pooled": self.rows["pooled"].astype(int)}
        counted = self.rows[by].assign(**marks, rows=1)
        return counted.groupby(by, sort=True, observed=True).sum().reset_index()

    @property
    def sentence(self) -> str:
        """Each kind in words, how many studies are pooled, and what was left out."""
        return str(self.said)

    @property
    def said(self) -> Note:
        """What ``sentence`` says."""
        if self.rows.empty:
            return note("no_direction_printed")
        tests = self.rows[self.rows["role"] == "tests"]
        said = [
            note("directions_of_kind", comparison=_NAMES[kind], read=read(self.share(kind)))
            for kind in self.kinds
        ]
        if added := int(tests["note"].str.startswith("add-on").sum()):
            said.append(note("directions_added", n=added))
        if len(tests):
            by_study = tests.groupby("study_id")["pooled"].any()
            studies = counted(len(by_study), "study", "studies")
            said.append(note("directions_not_pooled", n=int((~by_study).sum()), studies=studies))
        left = self.rows["role"].value_counts()
        out = tuple(
            note("directions_in_role", n=int(left[role]), says=says)
            for role, says in ROLES.items()
            if role in left and role != "tests"
        )
        if out:
            said.append(note("directions_left_out", roles=out))
        return note("several", said=tuple(said))

    def doubt(self, comparison: str, *, favours: bool = True) -> str | None:
        """Say why the directions lower the certainty of the claim's estimate; None where not.

        Parameters
        ----------
        comparison : {"randomised", "observational", "within", "uncontrolled", "rate"}
            What the estimate rests on, as ``Finding.comparison``.
        favours : bool
            Does the estimate point towards the claim? Directions are never held against one
            that does not: what is printed is selected for the claim, so they cannot raise it.

        Notes
        -----
        Only studies that are not behind the estimate are asked, of the kinds that speak to it. It
        is doubted where two or more controlled ones point against it; where one or more of
        several point against and the share in favour does not lie above one half; and where most
        show no difference, mixed results or the contrary.
        """
        doubted = self.doubted(comparison, favours=favours)
        return None if doubted is None else str(doubted)

    def doubted(self, comparison: str, *, favours: bool = True) -> Note | None:
        """Return what ``doubt`` says."""
        if comparison not in _SPEAK:
            raise ValueError(f"comparison must be one of {', '.join(_SPEAK)}, not {comparison!r}")
        kinds = [kind for kind in _SPEAK[comparison] if favours and kind in self.kinds]
        found = tuple(said for said in map(self._doubt, kinds) if said)
        return note("several", said=found) if found else None

    def _doubt(self, kind: str) -> Note | None:
        share = self.share(kind, outside=True)
        equality = says_comparable(self.claim)
        shy = share.against + share.mixed + (0 if equality else share.no_difference)
        many = kind == "controlled" and share.against >= _AGAINST
        torn = share.k > 1 and share.against > 0 and share.ci_low <= 0.5
        few = shy > 1 and shy > share.favouring
        if not (many or torn or few):
            return None
        counts = {"favouring": share.favouring, "against": share.against}
        said = (
            note("directions_counted_share", **counts, **_percent(share))
            if share.k
            else note("directions_counted", **counts)
        )
        return note("directions_beside", comparison=_NAMES[kind], said=(said, *_undecided(share)))


def _undecided(share: DirectionShare) -> list[Note]:
    counts = (
        ("directions_without_difference", share.no_difference),
        ("directions_mixed", share.mixed),
    )
    return [note(kind, n=n) for kind, n in counts if n]


def _percent(share: DirectionShare) -> dict[str, float]:
    return {"low": 100 * share.ci_low, "high": 100 * share.ci_high}


def read(share: DirectionShare) -> Note:
    """Read a share of directions.

    Examples
    --------
    >>> str(read(direction_share(28, 3)))
    'most studies point towards the claim (28 of 31, 74 to 98 %)'
    """
    counts = {"favouring": share.favouring, "k": share.k}
    if not share.k:
        found = note("directions_none")
    elif share.ci_low > 0.5:
        found = note("directions_towards", **counts, **_percent(share))
    elif share.ci_high < 0.5:
        found = note("directions_away", **counts, **_percent(share))
    elif not share.can_differ:
        found = note("directions_too_few", **counts)
    else:
        found = note("directions_disagree", **counts, **_percent(share))
    return note("listed", said=(found, *_undecided(share)))


def directions_of(
    claim: Claim,
    published: Published,
    *,
    confidence_level: float = 0.95,
    frame: pd.DataFrame | None = None,
) -> Directions:
    """Collect which way the published studies point for one claim.

    Parameters
    ----------
    claim : Claim
    published : Published
        Where its directions table is empty every share is without an estimate.
    confidence_level : float
    frame : DataFrame, optional
        ``contrast_frame(published)``, where it is at hand already.

    Notes
    -----
    By the rules of ``data/README.md``, "Reading a direction". Counted in the shares: rows of the
    claim's own modality, needling added to another treatment included. Left out and shown apart:
    head-to-head comparisons, other modalities, laboratory studies, rows that describe a treatment
    without testing the claim, and people counted already. For the comparable-to claims only
    needling being better is in favour: not worse is no difference, never equivalence. Claims
    share studies: their counts must not be added up.

    References
    ----------
    McKenzie & Brennan, Cochrane Handbook for Systematic Reviews of Interventions, chapter 12,
    https://training.cochrane.org/handbook/current/chapter-12.

    Examples
    --------
    >>> from mnstudy.cohort.published.tables import load_published
    >>> from mnstudy.verdicts.claims.registry import claim
    >>> found = directions_of(claim("more-elastin"), load_published())
    >>> str(read(found.share("uncontrolled")))
    'directions disagree (4 of 6, 22 to 96 %)'
    >>> found.share("uncontrolled", outside=True).against
    2
    """
    rows = direction_rows(claim, published, frame=frame)
    level = confidence_level
    return Directions(claim=claim, rows=rows, confidence_level=level, sha256=published.sha256)
