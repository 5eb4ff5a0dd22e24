"""Directions of effect of the published studies, claim by claim, beside the pooled value."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mnstudy import formatting as fmt
from mnstudy.cohort.published import Published
from mnstudy.stats.vote_direction import DirectionShare, direction_share
from mnstudy.verdicts.directions_rows import DIRECTIONS, ROLES, direction_rows
from mnstudy.verdicts.registry import Claim

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
        if self.rows.empty:
            return "no study prints a direction"
        tests = self.rows[self.rows["role"] == "tests"]
        said = [f"{_NAMES[kind]}: {reading(self.share(kind))}" for kind in self.kinds]
        if added := int(tests["note"].str.startswith("add-on").sum()):
            said.append(f"controlled by another treatment with and without needling: {added}")
        if len(tests):
            by_study = tests.groupby("study_id")["pooled"].any()
            studies = fmt.count(len(by_study), "study", "studies")
            said.append(f"{int((~by_study).sum())} of {studies} could not be pooled")
        left = self.rows["role"].value_counts()
        out = [f"{left[r]} {says}" for r, says in ROLES.items() if r in left and r != "tests"]
        if out:
            said.append(f"left out of the count: {', '.join(out)}")
        return "; ".join(said)

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
        if comparison not in _SPEAK:
            raise ValueError(f"comparison must be one of {', '.join(_SPEAK)}, not {comparison!r}")
        if not favours:
            return None
        found = [self._doubt(kind) for kind in _SPEAK[comparison] if kind in self.kinds]
        return "; ".join(said for said in found if said) or None

    def _doubt(self, kind: str) -> str:
        share = self.share(kind, outside=True)
        equality = self.claim.id.startswith("comparable-to-")
        shy = share.against + share.mixed + (0 if equality else share.no_difference)
        many = kind == "controlled" and share.against >= _AGAINST
        torn = share.k > 1 and share.against > 0 and share.ci_low <= 0.5
        few = shy > 1 and shy > share.favouring
        if not (many or torn or few):
            return ""
        counts = [f"{share.favouring} towards the claim, {share.against} against it"]
        if share.k:
            counts[0] += f" (share in favour {_range(share)})"
        said = ", ".join([*counts, *_undecided(share)])
        return f"{_NAMES[kind]} studies beside those behind the estimate: {said}"


def _undecided(share: DirectionShare) -> list[str]:
    counts = ((share.no_difference, "without difference"), (share.mixed, "mixed"))
    return [f"{n} {word}" for n, word in counts if n]


def _range(share: DirectionShare) -> str:
    low, high = (fmt.number(100 * x, 0) for x in (share.ci_low, share.ci_high))
    return f"{low} to {high} %"


def reading(share: DirectionShare) -> str:
    """Read a share of directions in words.

    Examples
    --------
    >>> reading(direction_share(28, 3))
    'most studies point towards the claim (28 of 31, 74 to 98 %)'
    """
    if not share.k:
        return ", ".join(["no study with a direction", *_undecided(share)])
    counts = f"{share.favouring} of {share.k}, {_range(share)}"
    if share.ci_low > 0.5:
        word = "most studies point towards the claim"
    elif share.ci_high < 0.5:
        word = "most studies point away from the claim"
    elif not share.can_differ:
        word, counts = "too few", f"{share.favouring} of {share.k} towards the claim"
    else:
        word = "directions disagree"
    return ", ".join([f"{word} ({counts})", *_undecided(share)])


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
    >>> from mnstudy.cohort.published import load_published
    >>> from mnstudy.verdicts.registry import claim
    >>> found = directions_of(claim("more-elastin"), load_published())
    >>> reading(found.share("uncontrolled"))
    'directions disagree (4 of 6, 22 to 96 %)'
    >>> found.share("uncontrolled", outside=True).against
    2
    """
    rows = direction_rows(claim, published, frame=frame)
    level = confidence_level
    return Directions(claim=claim, rows=rows, confidence_level=level, sha256=published.sha256)
